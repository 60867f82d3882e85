//! One process at a time: a lock on a file beside the journal. Readers need none.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use super::JournalError;
use super::migrate::beside;
use crate::limits::JOURNAL_BUSY_WAIT;

/// How long to wait before the lock is asked for again.
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// Takes the lock, which is let go when the file is closed. SQLite's own would keep readers out as well, and the journal
/// itself must not be opened by anything else: closing it would let go of SQLite's.
pub(super) fn acquire(path: &Path) -> Result<File, JournalError> {
    let lock_path = beside(path, "-lock");
    let cannot =
        |error: std::io::Error| JournalError::Open { path: path.display().to_string(), reason: error.to_string() };
    let lock = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&lock_path)
        .map_err(cannot)?;
    let mut waited = Duration::ZERO;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) if waited >= JOURNAL_BUSY_WAIT => {
                return Err(JournalError::InUse { path: path.display().to_string() });
            }
            Err(TryLockError::WouldBlock) => {
                std::thread::sleep(ASK_AGAIN);
                waited += ASK_AGAIN;
            }
            Err(TryLockError::Error(error)) => return Err(cannot(error)),
        }
    }
}
