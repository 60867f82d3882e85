//! What the engine forgot: enough of each fact to know its copies, in the order of time.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use trailbrake_detectors::engine::Forgotten;
use trailbrake_detectors::time::Second;

use super::sqlite::{FileId, connect_reading, file_id};
use super::{JournalError, Recall, Retention};
use crate::limits::FORGOTTEN_REMOVED_AT_ONCE;

/// How many to remove: all past the bound, but not all at once. More than are added, so that it comes down to the bound.
fn surplus(held: u64, added: u64, kept: u64) -> u64 {
    held.saturating_sub(kept).min(FORGOTTEN_REMOVED_AT_ONCE.max(2 * added))
}

/// The second before which nothing is kept.
fn oldest(newest: Second, retention: Retention) -> Second {
    newest.plus(-retention.forgotten_seconds)
}

/// Adds what was forgotten, removes a few of what is too old or too many, and says how many there are then.
pub(super) fn write(
    transaction: &Transaction<'_>,
    forgotten: &[Forgotten],
    held: u64,
    retention: Retention,
) -> rusqlite::Result<u64> {
    if forgotten.is_empty() {
        return Ok(held);
    }
    let mut held = held;
    let mut add =
        transaction.prepare_cached("INSERT INTO forgotten (second, digest) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?;
    let mut added = 0;
    for one in forgotten {
        added += add.execute(params![one.second.0, one.digest])? as u64;
    }
    held += added;
    let Some(newest) = newest(transaction)? else { return Ok(held) };
    let mut remove = transaction.prepare_cached(
        "DELETE FROM forgotten WHERE (second, digest) IN (
             SELECT second, digest FROM forgotten WHERE second < ?1 ORDER BY second, digest LIMIT ?2)",
    )?;
    let too_many = surplus(held, added, retention.forgotten);
    held -= remove.execute(params![i64::MAX, super::cut::whole(too_many)])? as u64;
    let too_old = FORGOTTEN_REMOVED_AT_ONCE.max(2 * added);
    held -= remove.execute(params![oldest(newest, retention).0, super::cut::whole(too_old)])? as u64;
    Ok(held)
}

/// The time of the newest that is kept.
pub(super) fn newest(connection: &Connection) -> rusqlite::Result<Option<Second>> {
    connection
        .prepare_cached("SELECT max(second) FROM forgotten")?
        .query_row([], |row| Ok(row.get::<_, Option<i64>>(0)?.map(Second)))
}

/// How many are kept. Looks at all of them.
pub(super) fn count(connection: &Connection) -> rusqlite::Result<u64> {
    connection.query_row("SELECT count(*) FROM forgotten", [], |row| Ok(row.get::<_, i64>(0)?.unsigned_abs()))
}

/// Looks into the journal's file, beside the connection that writes it.
pub(super) struct FileRecall {
    path: PathBuf,
    open: Option<(Connection, FileId)>,
}

impl FileRecall {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), open: None }
    }

    /// A connection to the file that has the name: that which was open may have been set aside.
    fn connection(&mut self) -> Result<&Connection, JournalError> {
        let cannot = |reason: String| JournalError::Read { reason };
        let id = file_id(&self.path).map_err(|error| cannot(error.to_string()))?;
        if self.open.as_ref().is_some_and(|(_, open)| *open != id) {
            self.open = None;
        }
        let (connection, _) = match self.open.take() {
            Some(open) => self.open.insert(open),
            None => {
                let connection = connect_reading(&self.path).map_err(|error| cannot(error.to_string()))?;
                self.open.insert((connection, id))
            }
        };
        Ok(connection)
    }
}

impl Recall for FileRecall {
    fn knows(&mut self, forgotten: &Forgotten) -> Result<bool, JournalError> {
        let found = self
            .connection()?
            .prepare_cached("SELECT 1 FROM forgotten WHERE second = ?1 AND digest = ?2")
            .and_then(|mut look| look.query_row(params![forgotten.second.0, forgotten.digest], |_| Ok(())).optional());
        found.map(|found| found.is_some()).map_err(|error| {
            self.open = None;
            JournalError::Read { reason: error.to_string() }
        })
    }
}

/// The same in memory. A clone is a copy; what recalls looks into the original.
#[derive(Debug, Default)]
pub(super) struct ForgottenSet(Arc<Mutex<BTreeSet<Forgotten>>>);

impl Clone for ForgottenSet {
    fn clone(&self) -> Self {
        Self(Arc::new(Mutex::new(self.held().clone())))
    }
}

impl ForgottenSet {
    fn held(&self) -> MutexGuard<'_, BTreeSet<Forgotten>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self, forgotten: &[Forgotten], retention: Retention) {
        let mut held = self.held();
        let before = held.len();
        held.extend(forgotten);
        let added = (held.len() - before) as u64;
        let Some(newest) = held.last().filter(|_| !forgotten.is_empty()).map(|last| last.second) else { return };
        for _ in 0..surplus(held.len() as u64, added, retention.forgotten) {
            held.pop_first();
        }
        for _ in 0..FORGOTTEN_REMOVED_AT_ONCE.max(2 * added) {
            match held.first() {
                Some(first) if first.second < oldest(newest, retention) => held.pop_first(),
                _ => break,
            };
        }
    }

    pub(super) fn newest(&self) -> Option<Second> {
        self.held().last().map(|last| last.second)
    }

    pub(super) fn recall(&self) -> Box<dyn Recall> {
        Box::new(MemoryRecall(Arc::clone(&self.0)))
    }
}

struct MemoryRecall(Arc<Mutex<BTreeSet<Forgotten>>>);

impl Recall for MemoryRecall {
    fn knows(&mut self, forgotten: &Forgotten) -> Result<bool, JournalError> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(forgotten))
    }
}
