//! What only a file can get wrong.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rusqlite::Connection;
use trailbrake_detectors::engine::Row;
use trailbrake_detectors::time::Millis;

use super::super::sqlite::SqliteJournal;
use super::super::*;

pub(super) fn open(path: &Path) -> Result<SqliteJournal, JournalError> {
    SqliteJournal::open(path, Retention::default(), Millis(0))
}

pub(super) fn rows(count: usize, value: &str) -> Cut {
    let row = |number| Row { table: "facts".to_owned(), key: format!("{number:06}"), value: Some(value.to_owned()) };
    Cut { rows: (0..count).map(row).collect(), ..Cut::default() }
}

#[test]
fn is_readable_by_its_owner_only() {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, mode) in [("new.db", None), ("old.db", Some(0o644))] {
        let path = directory.path().join(name);
        if let Some(mode) = mode {
            fs::write(&path, "").expect("a file");
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a mode");
        }
        let mut journal = open(&path).expect("opens");
        journal.commit(&rows(1, "x")).expect("commits");
        for entry in fs::read_dir(directory.path()).expect("lists") {
            let entry = entry.expect("an entry");
            assert_eq!(entry.metadata().expect("metadata").permissions().mode() & 0o777, 0o600, "{entry:?}");
        }
    }
}

#[test]
fn is_open_in_one_place_only() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("journal.db");
    let first = open(&path).expect("opens");
    let error = open(&path).expect_err("the second must not open");
    assert!(matches!(error, JournalError::InUse { .. }), "{error}");
    drop(first);
    open(&path).expect("opens when the first is gone");
}

#[test]
fn commits_durably() {
    let directory = tempfile::tempdir().expect("a directory");
    let journal = open(&directory.path().join("journal.db")).expect("opens");
    let pragma =
        |name| journal.connection.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0));
    assert_eq!(pragma("journal_mode").expect("a mode"), "wal".to_owned().into());
    assert_eq!(pragma("synchronous").expect("a level"), 2.into());
}

#[test]
fn a_failed_commit_changes_nothing_and_the_next_one_works() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut journal = open(&directory.path().join("journal.db")).expect("opens");
    journal.commit(&rows(10, "before")).expect("commits");
    let before = journal.load().expect("loads");
    let pages: i64 = journal.connection.pragma_query_value(None, "page_count", |row| row.get(0)).expect("a count");
    journal.connection.pragma_update(None, "max_page_count", pages + 2).expect("a full disk");
    let mut cut = rows(1_000, &"after".repeat(100));
    cut.counts.push(("trail".to_owned(), "judged".to_owned(), 7));
    let error = journal.commit(&cut).expect_err("the disk is full");
    assert!(matches!(error, JournalError::Write { .. }), "{error}");
    assert_eq!(journal.load().expect("loads"), before);
    journal.connection.pragma_update(None, "max_page_count", 1_000_000).expect("room");
    journal.commit(&cut).expect("commits again");
    assert_eq!(journal.load().expect("loads").rows.len(), 1_000);
}

/// The words of an error, and what begins and ends it.
type Trouble<'a> = (&'a str, &'a dyn Fn(&Connection, bool));

#[test]
fn a_file_that_is_locked_or_cannot_be_written_is_written_again_when_it_can_be() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("journal.db");
    let mut journal = open(&path).expect("opens");
    journal.connection.busy_timeout(std::time::Duration::ZERO).expect("no patience");
    let other = Connection::open(&path).expect("opens");
    let cases: [Trouble<'_>; 2] = [
        ("database is locked", &|_, begin| {
            other.execute_batch(if begin { "BEGIN IMMEDIATE" } else { "ROLLBACK" }).expect("a lock")
        }),
        ("attempt to write a readonly database", &|own, begin| {
            own.pragma_update(None, "query_only", begin).expect("a pragma")
        }),
    ];
    for (number, (reason, trouble)) in cases.iter().enumerate() {
        trouble(&journal.connection, true);
        let cut = rows(number + 5, reason);
        let error = journal.commit(&cut).expect_err(reason);
        assert_eq!(error.to_string(), format!("journal cannot be written: {reason}"));
        trouble(&journal.connection, false);
        journal.commit(&cut).expect("commits");
        assert_eq!(journal.load().expect("loads").rows.len(), number + 5);
    }
}

/// A file's name, what makes it, and how the refusal begins.
type Case<'a> = (&'a str, &'a dyn Fn(&Path), &'a str);

#[test]
fn refuses_what_it_cannot_trust() {
    let directory = tempfile::tempdir().expect("a directory");
    let refusal = |name: &str, make: &dyn Fn(&Path)| {
        let path = directory.path().join(name);
        make(&path);
        let before = fs::read(&path).ok();
        let error = open(&path).expect_err(name).to_string();
        assert_eq!(fs::read(&path).ok(), before, "{name}: must stay as it is");
        error.lines().next().unwrap_or_default().replace(&directory.path().display().to_string(), "DIR")
    };
    let with_pragma = |path: &Path, pragma: &str, value: i64| {
        drop(open(path).expect("opens"));
        Connection::open(path).expect("opens").pragma_update(None, pragma, value).expect("a pragma");
    };
    let cases: [Case<'_>; 6] = [
        (
            "newer",
            &|path| with_pragma(path, "user_version", 99),
            "journal has schema 99, this version knows 2: DIR/newer",
        ),
        (
            "never",
            &|path| with_pragma(path, "user_version", 0),
            "journal is damaged: DIR/never: it has no schema that was ever written",
        ),
        (
            "other",
            &|path| {
                Connection::open(path).expect("opens").execute_batch("CREATE TABLE cats (name TEXT)").expect("a table");
            },
            "journal is damaged: DIR/other: it is a database of another program",
        ),
        (
            "text",
            &|path| fs::write(path, "not a database, but long enough to look at: ".repeat(100)).expect("a file"),
            "journal is damaged: DIR/text: file is not a database",
        ),
        ("torn", &torn, "journal is damaged: DIR/torn: "),
        ("missing/journal.db", &|_| (), "journal cannot be opened: DIR/missing/journal.db: No such file"),
    ];
    for (name, make, expected) in cases {
        let message = refusal(name, make);
        assert!(message.starts_with(expected), "{name}: {message}");
    }
}

/// A journal in the middle of which some pages were overwritten.
fn torn(path: &Path) {
    let mut journal = open(path).expect("opens");
    journal.commit(&rows(2_000, &"value".repeat(50))).expect("commits");
    drop(journal);
    let mut bytes = fs::read(path).expect("reads");
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 3 * 4096].fill(0x5a);
    fs::write(path, bytes).expect("writes");
}

#[test]
fn a_body_that_is_not_understood_is_damage() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("journal.db");
    let mut journal = open(&path).expect("opens");
    journal.connection.execute("INSERT INTO orders (id, body) VALUES ('order-1', '{}')", []).expect("a row");
    let error = journal.load().expect_err("must not load");
    assert!(matches!(error, JournalError::Damaged { .. }), "{error}");
}
