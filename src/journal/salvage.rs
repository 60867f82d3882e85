//! A damaged file: set aside as it is, and read as far as it can be.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use trailbrake_detectors::time::Millis;

use super::cut::{self, CutError};
use super::migrate::{self, beside, directory_of, stamp};
use super::{schema, sqlite};
use crate::limits::JOURNAL_SET_ASIDE_MAX;

/// What a file's name goes on with once it is set aside.
const MARK: &str = ".damaged-";
/// And while a new one is built.
const NEW: &str = ".new";
/// What SQLite keeps beside a file.
const COMPANIONS: [&str; 3] = ["", "-wal", "-shm"];
/// Where a file of SQLite says which program it belongs to.
const APPLICATION_ID_AT: u64 = 68;
/// All tables, with how many columns each has.
const TABLES: [(&str, usize); 10] = [
    ("rows", 3),
    ("positions", 3),
    ("counts", 3),
    ("orders", 5),
    ("pages", 5),
    ("desired", 8),
    ("artefacts", 5),
    ("forgotten", 2),
    ("audit", 5),
    ("anchor", 3),
];

/// Whether a file says that it is ours, whatever else of it is damaged.
pub(super) fn is_ours(path: &Path) -> bool {
    let mut mark = [0; 4];
    let mut read = || -> io::Result<()> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(APPLICATION_ID_AT))?;
        file.read_exact(&mut mark)
    };
    read().is_ok() && i64::from(u32::from_be_bytes(mark)) == schema::APPLICATION_ID
}

/// Puts a new file in the place of a damaged one that nobody has open: with each table that can be read. Says where the
/// damaged one is, if there was one, and which tables could not be read. Until the new file is whole, the damaged one stays
/// where it is: when this fails, or the process ends within it, it can be done again.
pub(super) fn replace(path: &Path, now: Millis) -> Result<(Option<PathBuf>, Vec<&'static str>), String> {
    let say = |error: io::Error| error.to_string();
    let new = beside(path, NEW);
    remove(&new).map_err(say)?;
    sqlite::make_private(&new).map_err(say)?;
    let lost = build(path, &new).map_err(|error| error.to_string())?;
    let aside = set_aside(path, now).map_err(say)?;
    finish(path).map_err(say)?;
    Ok((aside, lost))
}

fn build(damaged: &Path, new: &Path) -> Result<Vec<&'static str>, CutError> {
    let mut connection = sqlite::connect(new)?;
    migrate::steps(&mut connection, 0)?;
    let lost = take_over(damaged, &mut connection)?;
    connection.close().map_err(|(_, error)| error)?;
    Ok(lost)
}

/// Gives a file that was built its name, unless there is one of that name.
pub(super) fn finish(path: &Path) -> io::Result<()> {
    let new = beside(path, NEW);
    if path.exists() || !new.exists() {
        return Ok(());
    }
    File::open(&new)?.sync_all()?;
    // What SQLite kept beside another file of this name would be taken for the new one's.
    remove(path)?;
    fs::rename(&new, path)?;
    File::open(directory_of(path))?.sync_all()
}

fn remove(file: &Path) -> io::Result<()> {
    for companion in COMPANIONS {
        match fs::remove_file(beside(file, companion)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Gives a file another name; nothing if there is none. Of those set aside only a few are kept.
fn set_aside(path: &Path, now: Millis) -> io::Result<Option<PathBuf>> {
    let aside = beside(path, &format!("{MARK}{}", stamp(now)));
    let mut is_there = false;
    // The file itself goes first: should this break off, the new one takes its place at the next start.
    for companion in COMPANIONS {
        match fs::rename(beside(path, companion), beside(&aside, companion)) {
            Ok(()) => is_there |= companion.is_empty(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    forget_old(path);
    Ok(is_there.then_some(aside))
}

fn forget_old(path: &Path) {
    let Some(mark) = path.file_name().and_then(|name| name.to_str()).map(|name| format!("{name}{MARK}")) else {
        return;
    };
    let Ok(entries) = fs::read_dir(directory_of(path)) else { return };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut kept: Vec<String> =
        names.filter(|name| name.strip_prefix(&mark).is_some_and(|rest| !rest.contains('-'))).collect();
    kept.sort();
    for old in kept.iter().rev().skip(JOURNAL_SET_ASIDE_MAX) {
        for companion in COMPANIONS {
            // One that is not there need not go.
            let _ = fs::remove_file(path.with_file_name(format!("{old}{companion}")));
        }
    }
}

/// Takes over each table of a damaged file that can be read from its beginning to its end; says which cannot. What is taken
/// over can be loaded.
fn take_over(aside: &Path, into: &mut Connection) -> Result<Vec<&'static str>, CutError> {
    let mut lost = Vec::new();
    let from = sqlite::connect_reading(aside);
    for (table, columns) in TABLES {
        let transaction = into.transaction()?;
        let copied = from.as_ref().ok().map(|from| copy(from, &transaction, table, columns));
        match copied {
            Some(Ok(())) => transaction.commit()?,
            Some(Err(Copied::NotWritten(error))) => return Err(error.into()),
            Some(Err(Copied::NotRead)) | None => lost.push(table),
        }
    }
    // Each turn empties one table, so that this ends.
    for _ in TABLES {
        match cut::load(into) {
            Err(CutError::Json { table, .. }) => {
                into.execute(&format!("DELETE FROM {table}"), [])?;
                lost.push(table);
            }
            Err(error) => return Err(error),
            Ok(_) => break,
        }
    }
    Ok(lost)
}

/// Why a table was not copied.
enum Copied {
    NotRead,
    NotWritten(rusqlite::Error),
}

fn copy(from: &Connection, into: &Connection, table: &str, columns: usize) -> Result<(), Copied> {
    let places = vec!["?"; columns].join(", ");
    let mut add = into.prepare(&format!("INSERT INTO {table} VALUES ({places})")).map_err(Copied::NotWritten)?;
    let mut read = from.prepare(&format!("SELECT * FROM {table}")).map_err(|_| Copied::NotRead)?;
    let mut rows = read.query([]).map_err(|_| Copied::NotRead)?;
    while let Some(row) = rows.next().map_err(|_| Copied::NotRead)? {
        let values: Result<Vec<Value>, _> = (0..columns).map(|column| row.get(column)).collect();
        match add.execute(params_from_iter(values.map_err(|_| Copied::NotRead)?)) {
            Ok(_) => {}
            // What does not fit the table is no row of it.
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) => {
                return Err(Copied::NotRead);
            }
            Err(error) => return Err(Copied::NotWritten(error)),
        }
    }
    Ok(())
}
