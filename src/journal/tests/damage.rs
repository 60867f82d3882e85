//! Files that are damaged, at the start and while they are open.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::super::*;
use super::sqlite::{open, rows};
use super::{note, order, verified};
use crate::limits::JOURNAL_SET_ASIDE_MAX;

const NOW: Millis = Millis(1_767_603_600_000);

/// A closed journal with something in each of several tables.
fn write(path: &Path) -> Loaded {
    let mut journal = open(path).expect("opens");
    for number in 0..40 {
        let orders =
            vec![order(&format!("order-{number}"), "pager", "page", trailbrake_detectors::engine::Change::Opened)];
        let counts = vec![("trail".to_owned(), "judged".to_owned(), 1)];
        let cut = Cut { orders, counts, notes: vec![note(number)], ..rows(200, &"value".repeat(20)) };
        journal.commit(&cut).expect("commits");
    }
    journal.load().expect("loads")
}

/// Flips a byte.
fn flip(path: &Path, at: u64) {
    let file = fs::OpenOptions::new().read(true).write(true).open(path).expect("opens");
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).expect("reads");
    byte[0] ^= 0xff;
    file.write_all_at(&byte, at).expect("writes");
}

fn begin(path: &Path) -> Result<Box<dyn Journal>, JournalError> {
    crate::journal::open(&JournalKind::Sqlite(path.to_owned()), NOW)
}

/// Where the first page of a table begins.
fn root_of(path: &Path, table: &str) -> u64 {
    let connection = rusqlite::Connection::open(path).expect("opens");
    let root: i64 = connection
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = ?1", [table], |row| row.get(0))
        .expect("a root");
    (root as u64 - 1) * 4_096
}

#[test]
fn a_damaged_file_is_set_aside_as_it_is_and_what_can_be_read_goes_on() {
    for (table, lost_rows, lost_orders) in [("rows", true, false), ("orders", false, true), ("positions", false, false)]
    {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("journal.db");
        let before = write(&path);
        // The kind of its root page.
        flip(&path, root_of(&path, table));
        let damaged = fs::read(&path).expect("reads");
        let mut journal = begin(&path).expect("begins anew");
        let set_aside = journal.set_aside().expect("said so").clone();
        assert_eq!(set_aside.lost, [table], "{set_aside}");
        let aside = directory.path().join("journal.db.damaged-20260105T090000Z");
        assert_eq!(set_aside.path.as_deref(), aside.to_str());
        assert_eq!(fs::read(&aside).expect("reads"), damaged, "it is not mended");
        let loaded = journal.load().expect("loads");
        assert_eq!(loaded.rows.is_empty(), lost_rows);
        assert_eq!(loaded.orders.is_empty(), lost_orders);
        assert_eq!((&loaded.counts, loaded.head), (&before.counts, before.head));
        verified(journal.as_mut(), Some(before.head)).expect("the audit trail goes on");
        journal.commit(&Cut { notes: vec![note(1)], ..rows(3, "after") }).expect("commits");
        drop(journal);
        assert!(begin(&path).expect("opens").set_aside().is_none(), "it is whole again");
    }
}

#[test]
fn whatever_byte_is_flipped_it_begins() {
    let directory = tempfile::tempdir().expect("a directory");
    let (path, good) = (directory.path().join("journal.db"), directory.path().join("good.db"));
    write(&good);
    let length = fs::metadata(&good).expect("metadata").len();
    for number in 0..40 {
        fs::copy(&good, &path).expect("copies");
        flip(&path, number * (length / 40) + 17 * number % 4_096);
        // What says that it is of another program, or is no database, is not ours to move.
        let mut journal = match begin(&path) {
            Ok(journal) => journal,
            Err(JournalError::Damaged { .. } | JournalError::Newer { .. }) if number * (length / 40) < 100 => continue,
            Err(error) => panic!("{number}: {error}"),
        };
        if let Err(JournalError::Damaged { reason, .. }) = journal.load() {
            journal.begin_anew(&reason, NOW).expect("begins anew");
            journal.load().expect("loads");
        }
        journal.commit(&rows(3, "after")).expect("commits");
    }
}

#[test]
fn a_journal_that_is_gone_is_begun_anew_while_it_runs() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("journal.db");
    let mut journal = begin(&path).expect("opens");
    journal.commit(&rows(3, "before")).expect("commits");
    fs::remove_file(&path).expect("removed");
    let error = journal.commit(&rows(3, "after")).expect_err("nobody would find it");
    let JournalError::Damaged { reason, .. } = error else { panic!("{error}") };
    let set_aside = journal.begin_anew(&reason, NOW).expect("begins anew");
    assert_eq!(set_aside.path, None);
    journal.commit(&rows(3, "after")).expect("commits");
    drop(journal);
    assert_eq!(begin(&path).expect("opens").load().expect("loads").rows.len(), 3);
}

#[test]
fn what_breaks_off_on_the_way_can_be_done_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("journal.db");
    write(&path);
    flip(&path, root_of(&path, "positions"));
    // The name that it would be set aside under is taken by something that no file can replace.
    let taken = directory.path().join("journal.db.damaged-20260105T090000Z");
    fs::create_dir(&taken).expect("a directory");
    assert!(matches!(begin(&path), Err(JournalError::Write { .. })));
    assert!(path.exists() && directory.path().join("journal.db.new").exists());
    fs::remove_dir(&taken).expect("removed");
    assert_eq!(begin(&path).expect("begins anew").set_aside().expect("said so").lost, ["positions"]);

    // The process ended after the damaged file got its new name.
    fs::rename(&path, directory.path().join("journal.db.new")).expect("as it was then");
    assert_eq!(begin(&path).expect("opens").load().expect("loads").orders.len(), 40);
}

#[test]
fn only_so_many_damaged_files_are_kept() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("journal.db");
    let mut journal = begin(&path).expect("opens");
    for number in 0..JOURNAL_SET_ASIDE_MAX as i64 + 2 {
        journal.begin_anew("a test", NOW.plus(number * 1_000)).expect("begins anew");
    }
    let names = fs::read_dir(directory.path()).expect("lists").map(|entry| entry.expect("an entry").file_name());
    let mut kept: Vec<String> = names.filter_map(|name| name.into_string().ok()).collect();
    kept.retain(|name| name.contains("damaged") && name.ends_with('Z'));
    kept.sort();
    assert_eq!(kept.len(), JOURNAL_SET_ASIDE_MAX, "{kept:?}");
    assert!(kept[0].ends_with("090002Z"), "the newest stay: {kept:?}");
}

#[test]
fn what_is_not_ours_is_refused_and_stays_where_it_is() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("trailbrake.toml");
    fs::write(&path, "a configuration, for instance: ".repeat(100)).expect("a file");
    let error = begin(&path).err().expect("refused");
    assert!(matches!(error, JournalError::Damaged { .. }), "{error}");
    assert!(path.exists());
}
