//! From an older schema to the newest, after a copy was taken; and which copies there are.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Error, TransactionBehavior};
use trailbrake_detectors::time::Millis;

use super::schema;
use crate::limits::JOURNAL_COPIES_MAX;

/// Why an older journal was not brought to the newest schema.
#[derive(Debug, thiserror::Error)]
pub(super) enum MigrateError {
    /// The copy could not be made.
    #[error("no copy could be made: {0}")]
    Copy(String),
    /// SQLite failed.
    #[error(transparent)]
    Sqlite(#[from] Error),
}

/// Takes the steps that a file of this version lacks, all of them or none.
pub(super) fn steps(connection: &mut Connection, from: i64) -> Result<(), Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for step in schema::STEPS.iter().skip(usize::try_from(from).unwrap_or(usize::MAX)) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", schema::APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", schema::VERSION)?;
    transaction.commit()
}

/// Copies the file as it is, and then takes the steps that it lacks. Says where the copy is.
pub(super) fn upgrade(
    connection: &mut Connection,
    path: &Path,
    from: i64,
    now: Millis,
) -> Result<PathBuf, MigrateError> {
    let copy = beside(path, &format!(".v{from}.{}.copy", stamp(now)));
    write_copy(connection, &beside(path, ".copy-part"), &copy)
        .map_err(|reason| MigrateError::Copy(format!("{}: {reason}", copy.display())))?;
    steps(connection, from)?;
    let surplus = copies(path);
    for (_, old) in surplus.iter().rev().skip(JOURNAL_COPIES_MAX) {
        if let Err(error) = fs::remove_file(old) {
            tracing::warn!(%error, copy = %old.display(), "an old copy of the journal cannot be removed");
        }
    }
    Ok(copy)
}

/// Readable by its owner only, and on the disk when this returns. Until it is whole it has another name.
fn write_copy(connection: &Connection, part: &Path, copy: &Path) -> Result<(), String> {
    let say = |error: io::Error| error.to_string();
    let open = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(part).map_err(say)?;
    let name = part.to_str().ok_or("its name is no UTF-8")?;
    if let Err(error) = connection.execute("VACUUM INTO ?1", [name]) {
        // The room that it takes is needed.
        let _ = fs::remove_file(part);
        return Err(error.to_string());
    }
    open.sync_all().map_err(say)?;
    fs::rename(part, copy).map_err(say)?;
    File::open(directory_of(copy)).and_then(|directory| directory.sync_all()).map_err(say)
}

/// The newest copy that a version could open whose newest schema is `known`.
pub(super) fn copy_for(path: &Path, known: i64) -> Option<PathBuf> {
    copies(path).into_iter().rev().find(|(version, _)| *version <= known).map(|(_, copy)| copy)
}

/// All copies of a journal with their versions, the oldest first.
fn copies(path: &Path) -> Vec<(i64, PathBuf)> {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return Vec::new() };
    let Ok(entries) = fs::read_dir(directory_of(path)) else { return Vec::new() };
    let copy = |entry: io::Result<fs::DirEntry>| {
        let found = entry.ok()?.file_name().into_string().ok()?;
        let (version, taken_at) =
            found.strip_prefix(name)?.strip_prefix(".v")?.strip_suffix(".copy")?.split_once('.')?;
        Some((taken_at.to_owned(), version.parse().ok()?, path.with_file_name(&found)))
    };
    let mut found: Vec<(String, i64, PathBuf)> = entries.filter_map(copy).collect();
    found.sort();
    found.into_iter().map(|(_, version, copy)| (version, copy)).collect()
}

/// A name beside the file: its own, and more.
pub(super) fn beside(path: &Path, more: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(more);
    path.with_file_name(name)
}

/// A time as part of a file's name: `20260105T090000Z`, in the order of time.
pub(super) fn stamp(now: Millis) -> String {
    now.second().to_string().replace(['-', ':'], "")
}

/// The directory that a file is in: of a name without one, this one.
pub(super) fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
