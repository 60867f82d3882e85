//! Older and newer files, copies of them, and an audit trail that somebody changed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rusqlite::Connection;

use super::super::sqlite::{self, SqliteJournal};
use super::super::{schema, *};
use super::sqlite::{open, rows};
use super::{note, order, verified};
use crate::limits::JOURNAL_COPIES_MAX;

/// A file as version 1 left it.
fn write_version_one(path: &Path) {
    let connection = Connection::open(path).expect("opens");
    connection.execute_batch(schema::ONE).expect("its tables");
    connection.pragma_update(None, "application_id", schema::APPLICATION_ID).expect("its mark");
    connection.pragma_update(None, "user_version", 1).expect("its version");
    let before = order("order-1", "pager", "page-1", trailbrake_detectors::engine::Change::Opened);
    let mut body = serde_json::to_value(&before).expect("JSON");
    body.as_object_mut().expect("an object").remove("record");
    connection.execute("INSERT INTO orders (id, body) VALUES ('order-1', ?1)", [body.to_string()]).expect("an order");
    connection
        .execute_batch(
            "INSERT INTO rows VALUES ('fact', 'k', 'v');
             INSERT INTO positions VALUES ('trail', 'shard', '7');
             INSERT INTO counts VALUES ('trail', 'judged', 3);",
        )
        .expect("rows");
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("lists");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("text")).collect();
    names.sort();
    names
}

#[test]
fn an_older_file_is_copied_and_brought_to_the_newest_schema() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("journal.db");
    write_version_one(&path);
    let now = Millis(1_767_603_600_000);
    let mut journal = SqliteJournal::open(&path, Retention::default(), now).expect("upgrades");
    let loaded = journal.load().expect("loads");
    assert_eq!((loaded.rows.len(), loaded.positions.len(), loaded.counts.len()), (1, 1, 1));
    let [only] = loaded.orders.as_slice() else { panic!("one order: {:?}", loaded.orders) };
    assert_eq!((only.id.as_str(), only.record), ("order-1", OnRecord::Unknown));
    journal.commit(&Cut { notes: vec![note(1)], ..Cut::default() }).expect("commits");
    drop(journal);

    let copy = directory.path().join("journal.db.v1.20260105T090000Z.copy");
    assert_eq!(fs::metadata(&copy).expect("a copy").permissions().mode() & 0o777, 0o600);
    let copied = Connection::open(&copy).expect("opens");
    let found: (i64, String) = (
        copied.pragma_query_value(None, "user_version", |row| row.get(0)).expect("a version"),
        copied.query_row("SELECT value FROM rows", [], |row| row.get(0)).expect("a row"),
    );
    assert_eq!(found, (1, "v".to_owned()));
    drop(copied);

    // Nothing is copied again, and the copy can take the place of the file.
    drop(open(&path).expect("opens again"));
    assert_eq!(names(directory.path()), ["journal.db", "journal.db-lock", "journal.db.v1.20260105T090000Z.copy"]);
    fs::remove_file(&path).expect("removed");
    fs::rename(&copy, &path).expect("restored");
    assert_eq!(open(&path).expect("upgrades again").load().expect("loads"), loaded);
}

#[test]
fn only_so_many_copies_are_kept() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("journal.db");
    for number in 0..JOURNAL_COPIES_MAX as i64 + 2 {
        let _ = fs::remove_file(&path);
        write_version_one(&path);
        drop(SqliteJournal::open(&path, Retention::default(), Millis(number * 1_000)).expect("upgrades"));
    }
    let copies: Vec<String> = names(directory.path()).into_iter().filter(|name| name.ends_with(".copy")).collect();
    assert_eq!(copies.len(), JOURNAL_COPIES_MAX);
    assert!(copies[0].contains(".v1.19700101T000002Z"), "the newest stay: {copies:?}");
}

#[test]
fn without_room_for_a_copy_an_older_file_stays_as_it_is() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("journal.db");
    write_version_one(&path);
    // Where the copy would be written is something that cannot be overwritten.
    fs::create_dir(directory.path().join("journal.db.copy-part")).expect("a directory");
    let error = open(&path).expect_err("no copy, no upgrade").to_string();
    assert!(error.starts_with("journal has schema 1 and cannot be brought to 2: "), "{error}");
    assert!(error.contains("\nhint: "), "{error}");
    let version: i64 = Connection::open(&path)
        .expect("opens")
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .expect("a version");
    assert_eq!(version, 1);
}

#[test]
fn a_newer_file_is_refused_with_the_way_back() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("journal.db");
    let refusal = || {
        let error = open(&path).expect_err("must not open");
        assert!(matches!(error, JournalError::Newer { found: 3, known: 2, .. }), "{error}");
        error.to_string()
    };
    drop(open(&path).expect("opens"));
    Connection::open(&path).expect("opens").pragma_update(None, "user_version", 3).expect("a version");
    assert!(refusal().ends_with("or go back: restore a backup made before the upgrade"));
    for name in [
        "journal.db.v2.20260105T090000Z.copy",
        "journal.db.v1.20260104T090000Z.copy",
        "journal.db.v3.20260106T090000Z.copy",
    ] {
        fs::write(directory.path().join(name), "").expect("a copy");
    }
    let error = refusal();
    assert!(error.ends_with("journal.db.v2.20260105T090000Z.copy"), "{error}");
    let error = sqlite::read_trail(&path, &mut |_| true).expect_err("must not be read").to_string();
    assert!(error.contains("go back"), "{error}");
}

#[test]
fn a_copy_taken_while_it_is_written_starts_and_goes_on() {
    let directory = tempfile::tempdir().expect("a directory");
    let (path, backup) = (directory.path().join("journal.db"), directory.path().join("backup.db"));
    let mut journal = open(&path).expect("opens");
    let head = journal.commit(&Cut { notes: vec![note(1)], ..rows(10, "before") }).expect("commits");
    Connection::open(&path)
        .expect("opens beside it")
        .execute("VACUUM INTO ?1", [backup.to_str().expect("text")])
        .expect("copies");
    journal.commit(&rows(20, "after")).expect("commits beside a reader");
    let mut restored = open(&backup).expect("a backup opens");
    let loaded = restored.load().expect("loads");
    assert_eq!((loaded.rows.len(), loaded.head), (10, head));
    let next = restored.commit(&Cut { notes: vec![note(2)], ..rows(11, "after") }).expect("goes on");
    assert_eq!(verified(&mut restored, Some(head)).expect("whole").head, next);
    assert_eq!(journal.load().expect("loads").rows.len(), 20);
}

#[test]
fn what_somebody_changed_in_the_trail_is_named_while_the_journal_is_open() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("journal.db");
    let mut journal = open(&path).expect("opens");
    let mut heads = Vec::new();
    for number in 0..5 {
        heads.push(journal.commit(&Cut { notes: vec![note(number)], ..Cut::default() }).expect("commits"));
    }
    let check = |wanted: Option<Head>| {
        let mut verifier = Verifier::looking_for(wanted);
        let mut broken = None;
        let mut take = |link| {
            broken = verifier.take(&link).err();
            broken.is_none()
        };
        sqlite::read_trail(&path, &mut take).expect("reads");
        broken.map_or_else(|| verifier.end(), Err)
    };
    assert_eq!(check(Some(heads[4])).expect("whole").entries, 5);
    let change = |sql: &str| Connection::open(&path).expect("opens").execute_batch(sql).expect("changes");
    change("DELETE FROM audit WHERE number = 5");
    assert_eq!(check(None).expect("nothing is missing within it").entries, 4);
    assert_eq!(check(Some(heads[4])), Err(Broken::CutOff { last: 4, wanted: 5 }));
    change("UPDATE audit SET body = replace(body, '2', '3') WHERE number = 3");
    assert_eq!(check(None), Err(Broken::Changed { number: 3 }));
    change("DELETE FROM audit WHERE number = 2");
    assert_eq!(check(None), Err(Broken::Gap { expected: 2, found: 3 }));
    change("DELETE FROM audit WHERE number < 3");
    assert_eq!(check(None), Err(Broken::Gap { expected: 1, found: 3 }));
}
