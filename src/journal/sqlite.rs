//! The journal in one SQLite file, open in one process at a time.

use std::fs::{self, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rusqlite::{Connection, Error, ErrorCode, OpenFlags, TransactionBehavior};

use super::{Cut, Journal, JournalError, Loaded, Retention, cut, schema};
use crate::limits::JOURNAL_BUSY_WAIT;

/// The write-ahead log is cut back to this size when it has been copied into the file.
const LOG_BYTES_KEPT: i64 = 64 << 20;
/// More than there are different statements.
const STATEMENTS_CACHED: usize = 32;

/// A file and the one connection to it.
#[derive(Debug)]
pub(super) struct SqliteJournal {
    pub(super) connection: Connection,
    path: String,
    retention: Retention,
}

impl SqliteJournal {
    /// Opens the file, checks it, and creates it if it does not exist.
    pub(super) fn open(path: &Path, retention: Retention) -> Result<Self, JournalError> {
        let shown = path.display().to_string();
        make_private(path).map_err(|error| JournalError::Open { path: shown.clone(), reason: error.to_string() })?;
        let connection = connect(path).map_err(|error| open_error(&shown, &error))?;
        let mut journal = Self { connection, path: shown, retention };
        let is_new = journal.check()?;
        journal.prepare(is_new).map_err(|error| open_error(&journal.path, &error))?;
        Ok(journal)
    }

    /// Refuses what is damaged, what is not ours, and what a newer version wrote, and leaves it as it is. Says whether
    /// the file is empty.
    fn check(&self) -> Result<bool, JournalError> {
        let found = self.look().map_err(|error| open_error(&self.path, &error))?;
        let damaged = |reason: &str| JournalError::Damaged { path: self.path.clone(), reason: reason.to_owned() };
        if found.check != "ok" {
            return Err(damaged(&found.check.replace('\n', " ").chars().take(200).collect::<String>()));
        }
        if found.tables == 0 && found.application == 0 && found.version == 0 {
            return Ok(true);
        }
        if found.application != schema::APPLICATION_ID {
            return Err(damaged("it is a database of another program"));
        }
        if found.version > schema::VERSION {
            return Err(JournalError::Newer { path: self.path.clone(), found: found.version, known: schema::VERSION });
        }
        if found.version < schema::VERSION {
            return Err(damaged("it has no schema that was ever written"));
        }
        Ok(false)
    }

    fn look(&self) -> Result<Found, Error> {
        Ok(Found {
            check: self.connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?,
            tables: self.connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?,
            application: self.connection.pragma_query_value(None, "application_id", |row| row.get(0))?,
            version: self.connection.pragma_query_value(None, "user_version", |row| row.get(0))?,
        })
    }

    /// Makes commits durable when they return, and gives an empty file its tables.
    fn prepare(&mut self, is_new: bool) -> Result<(), Error> {
        self.connection.pragma_update(None, "journal_mode", "WAL")?;
        self.connection.pragma_update(None, "synchronous", "FULL")?;
        self.connection.pragma_update(None, "journal_size_limit", LOG_BYTES_KEPT)?;
        if !is_new {
            return Ok(());
        }
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(schema::CREATE)?;
        transaction.pragma_update(None, "application_id", schema::APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", schema::VERSION)?;
        transaction.commit()
    }
}

/// What a file says of itself.
struct Found {
    check: String,
    tables: i64,
    application: i64,
    version: i64,
}

impl Journal for SqliteJournal {
    fn load(&mut self) -> Result<Loaded, JournalError> {
        cut::load(&self.connection)
            .map_err(|error| JournalError::Damaged { path: self.path.clone(), reason: error.to_string() })
    }

    fn commit(&mut self, cut: &Cut) -> Result<(), JournalError> {
        let retention = self.retention;
        let write = |connection: &mut Connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            cut::apply(&transaction, cut, retention)?;
            transaction.commit().map_err(cut::CutError::from)
        };
        write(&mut self.connection).map_err(|error| match error {
            cut::CutError::Sqlite(error) if is_damage(&error) => {
                JournalError::Damaged { path: self.path.clone(), reason: error.to_string() }
            }
            error => JournalError::Write { reason: error.to_string() },
        })
    }
}

/// Creates the file readable by its owner only, or makes it so. An existing file is not opened here: closing it again
/// would let go of the locks that a connection of this process holds.
fn make_private(path: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::set_permissions(path, Permissions::from_mode(0o600))
        }
        Err(error) => Err(error),
    }
}

/// Connects so that no other connection can be made.
fn connect(path: &Path) -> Result<Connection, Error> {
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(JOURNAL_BUSY_WAIT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.pragma_update(None, "cell_size_check", "ON")?;
    connection.pragma_update(None, "trusted_schema", "OFF")?;
    Ok(connection)
}

fn open_error(path: &str, error: &Error) -> JournalError {
    let path = path.to_owned();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => JournalError::InUse { path },
        _ if is_damage(error) => JournalError::Damaged { path, reason: error.to_string() },
        _ => JournalError::Open { path, reason: error.to_string() },
    }
}

fn is_damage(error: &Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt))
}
