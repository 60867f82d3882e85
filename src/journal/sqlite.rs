//! The journal in one SQLite file, open in one process at a time.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Error, ErrorCode, OpenFlags, TransactionBehavior};
use trailbrake_detectors::time::Millis;

use super::{
    Cut, Head, Journal, JournalError, Link, Loaded, Recall, Retention, SetAside, audit, cut, forgotten, lock, migrate,
    salvage, schema,
};
use crate::limits::{JOURNAL_BUSY_WAIT, JOURNAL_DOWN_AFTER};

/// The write-ahead log is cut back to this size when it has been copied into the file.
const LOG_BYTES_KEPT: i64 = 64 << 20;
/// More than there are different statements.
const STATEMENTS_CACHED: usize = 32;

/// A file and the one connection that writes it.
#[derive(Debug)]
pub(super) struct SqliteJournal {
    pub(super) connection: Connection,
    path: PathBuf,
    retention: Retention,
    /// How many forgotten facts are kept.
    forgotten: u64,
    /// Which file the connection has open; nothing: none, since the last one was damaged.
    open: Option<FileId>,
    set_aside: Option<SetAside>,
    /// Let go after the connection is closed.
    _lock: File,
}

impl SqliteJournal {
    /// Opens the file, checks it, brings it to the newest schema, and creates it if it does not exist.
    pub(super) fn open(path: &Path, retention: Retention, now: Millis) -> Result<Self, JournalError> {
        let shown = path.display().to_string();
        let lock = lock::acquire(path)?;
        salvage::finish(path)
            .and_then(|()| make_private(path))
            .map_err(|error| JournalError::Open { path: shown.clone(), reason: error.to_string() })?;
        let connection = connect(path).map_err(|error| open_error(&shown, &error))?;
        let mut journal = Self::of(connection, path, retention, lock);
        journal.get_ready(now)?;
        Ok(journal)
    }

    /// Sets a file that cannot be opened aside, and begins anew with what of it can be read.
    pub(super) fn open_anew(
        path: &Path,
        retention: Retention,
        reason: &str,
        now: Millis,
    ) -> Result<Self, JournalError> {
        let lock = lock::acquire(path)?;
        let nothing = Connection::open_in_memory().map_err(|error| open_error(&path.display().to_string(), &error))?;
        let mut journal = Self::of(nothing, path, retention, lock);
        journal.begin_anew(reason, now)?;
        Ok(journal)
    }

    fn of(connection: Connection, path: &Path, retention: Retention, lock: File) -> Self {
        Self { connection, path: path.to_owned(), retention, forgotten: 0, open: None, set_aside: None, _lock: lock }
    }

    fn get_ready(&mut self, now: Millis) -> Result<(), JournalError> {
        let version = self.check()?;
        self.prepare(version, now)?;
        let shown = self.shown();
        self.forgotten = forgotten::count(&self.connection).map_err(|error| open_error(&shown, &error))?;
        self.open = file_id(&self.path).ok();
        // Pages that must not wait for the journal wait for no lock either.
        self.connection.busy_timeout(JOURNAL_DOWN_AFTER).map_err(|error| open_error(&shown, &error))
    }

    /// A file that was removed, or another put in its place, is still written to, and no restart would find it.
    fn is_still_there(&self) -> Result<(), JournalError> {
        match (self.open, file_id(&self.path)) {
            (Some(open), Ok(found)) if open == found => Ok(()),
            (Some(_), Err(error)) if error.kind() != io::ErrorKind::NotFound => {
                Err(JournalError::Write { reason: error.to_string() })
            }
            (open, _) => {
                let reason = if open.is_some() { "it was removed or replaced" } else { "it is not open" };
                Err(JournalError::Damaged { path: self.shown(), reason: reason.to_owned() })
            }
        }
    }

    fn shown(&self) -> String {
        self.path.display().to_string()
    }

    /// Refuses what is damaged, what is not ours, and what a newer version wrote, and leaves it as it is. Says which
    /// schema the file has; 0: it is empty.
    fn check(&self) -> Result<i64, JournalError> {
        let unreadable = |error| open_error(&self.shown(), &error);
        let found = look(&self.connection).map_err(unreadable)?;
        let check: String =
            self.connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(unreadable)?;
        let damaged = |reason: &str| JournalError::Damaged { path: self.shown(), reason: reason.to_owned() };
        if check != "ok" {
            return Err(damaged(&check.replace('\n', " ").chars().take(200).collect::<String>()));
        }
        if found.tables == 0 && found.application == 0 && found.version == 0 {
            return Ok(0);
        }
        if found.application != schema::APPLICATION_ID {
            return Err(damaged("it is a database of another program"));
        }
        if found.version > schema::VERSION {
            return Err(newer(&self.path, found.version));
        }
        if found.version < 1 {
            return Err(damaged("it has no schema that was ever written"));
        }
        Ok(found.version)
    }

    /// Makes commits durable when they return, and gives a file the tables that it lacks.
    fn prepare(&mut self, version: i64, now: Millis) -> Result<(), JournalError> {
        self.set_up().map_err(|error| open_error(&self.shown(), &error))?;
        match version {
            schema::VERSION => Ok(()),
            0 => migrate::steps(&mut self.connection, 0).map_err(|error| open_error(&self.shown(), &error)),
            _ => {
                let copy = migrate::upgrade(&mut self.connection, &self.path, version, now).map_err(|error| {
                    let (path, known) = (self.shown(), schema::VERSION);
                    JournalError::Upgrade { path, found: version, known, reason: error.to_string() }
                })?;
                tracing::info!(from = version, to = schema::VERSION, copy = %copy.display(), "journal upgraded");
                Ok(())
            }
        }
    }

    fn set_up(&self) -> Result<(), Error> {
        self.connection.pragma_update(None, "journal_mode", "WAL")?;
        self.connection.pragma_update(None, "synchronous", "FULL")?;
        self.connection.pragma_update(None, "journal_size_limit", LOG_BYTES_KEPT)
    }
}

/// The refusal of what a newer version wrote, and the way back.
fn newer(path: &Path, found: i64) -> JournalError {
    let way_back = match migrate::copy_for(path, schema::VERSION) {
        Some(copy) => format!(
            "stop trailbrake, move the file away, and put the copy made before the upgrade in its place: {}",
            copy.display()
        ),
        None => "restore a backup made before the upgrade".to_owned(),
    };
    JournalError::Newer { path: path.display().to_string(), way_back, found, known: schema::VERSION }
}

/// What a file says of itself.
struct Found {
    tables: i64,
    application: i64,
    version: i64,
}

fn look(connection: &Connection) -> Result<Found, Error> {
    Ok(Found {
        tables: connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?,
        application: connection.pragma_query_value(None, "application_id", |row| row.get(0))?,
        version: connection.pragma_query_value(None, "user_version", |row| row.get(0))?,
    })
}

impl Journal for SqliteJournal {
    fn load(&mut self) -> Result<Loaded, JournalError> {
        cut::load(&self.connection)
            .map_err(|error| JournalError::Damaged { path: self.shown(), reason: error.to_string() })
    }

    fn commit(&mut self, cut: &Cut) -> Result<Head, JournalError> {
        self.is_still_there()?;
        let (retention, forgotten) = (self.retention, self.forgotten);
        let write = |connection: &mut Connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let written = cut::apply(&transaction, cut, retention, forgotten)?;
            transaction.commit().map_err(cut::CutError::from)?;
            Ok(written)
        };
        let written = write(&mut self.connection).map_err(|error| match error {
            cut::CutError::Sqlite(error) if is_damage(&error) => {
                JournalError::Damaged { path: self.shown(), reason: error.to_string() }
            }
            error => JournalError::Write { reason: error.to_string() },
        })?;
        self.forgotten = written.forgotten;
        Ok(written.head)
    }

    fn recall(&self) -> Box<dyn Recall> {
        Box::new(forgotten::FileRecall::new(&self.path))
    }

    fn trail(&mut self, take: &mut dyn FnMut(Link) -> bool) -> Result<(), JournalError> {
        audit::read(&self.connection, take).map_err(|error| JournalError::Read { reason: error.to_string() })
    }

    fn begin_anew(&mut self, reason: &str, now: Millis) -> Result<SetAside, JournalError> {
        self.open = None;
        // Closing lets go of the file.
        let nothing =
            Connection::open_in_memory().map_err(|error| JournalError::Write { reason: error.to_string() })?;
        drop(std::mem::replace(&mut self.connection, nothing));
        let (path, lost) = salvage::replace(&self.path, now).map_err(|reason| JournalError::Write { reason })?;
        self.connection = connect(&self.path).map_err(|error| open_error(&self.shown(), &error))?;
        self.get_ready(now)?;
        let path = path.map(|path| path.display().to_string());
        let set_aside = SetAside { path, reason: reason.to_owned(), lost };
        self.set_aside = Some(set_aside.clone());
        Ok(set_aside)
    }

    fn set_aside(&self) -> Option<&SetAside> {
        self.set_aside.as_ref()
    }
}

/// Tells a file from another that took its name.
pub(super) type FileId = (u64, u64);

/// Which file has a name.
pub(super) fn file_id(path: &Path) -> io::Result<FileId> {
    let found = fs::metadata(path)?;
    Ok((found.dev(), found.ino()))
}

/// Reads the audit trail of a file that another process may have open.
pub(super) fn read_trail(path: &Path, take: &mut dyn FnMut(Link) -> bool) -> Result<(), JournalError> {
    let shown = path.display().to_string();
    let connection = connect_reading(path).map_err(|error| open_error(&shown, &error))?;
    let found = look(&connection).map_err(|error| open_error(&shown, &error))?;
    if found.application != schema::APPLICATION_ID {
        return Err(JournalError::Damaged { path: shown, reason: "it is a database of another program".to_owned() });
    }
    match found.version {
        schema::VERSION => {
            audit::read(&connection, take).map_err(|error| JournalError::Read { reason: error.to_string() })
        }
        version if version > schema::VERSION => Err(newer(path, version)),
        _ => Err(JournalError::Read {
            reason: format!("it is older than the audit trail: {shown}\nhint: start `trailbrake run` once with it"),
        }),
    }
}

/// Creates the file readable by its owner only, or makes it so. An existing file is not opened here: closing it again
/// would let go of the locks that a connection of this process holds.
pub(super) fn make_private(path: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::set_permissions(path, Permissions::from_mode(0o600))
        }
        Err(error) => Err(error),
    }
}

/// Connects to write. Others may read at the same time.
pub(super) fn connect(path: &Path) -> Result<Connection, Error> {
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(JOURNAL_BUSY_WAIT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    connection.pragma_update(None, "cell_size_check", "ON")?;
    connection.pragma_update(None, "trusted_schema", "OFF")?;
    Ok(connection)
}

/// Connects to read what another process may write.
pub(super) fn connect_reading(path: &Path) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(JOURNAL_BUSY_WAIT)?;
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
