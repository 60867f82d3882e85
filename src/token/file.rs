//! The token file: digests of tokens, for its owner only, and never half-written.

use std::collections::BTreeSet;
use std::fs::{File, Metadata, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Holder, is_name};
use crate::limits::{TOKEN_FILE_BYTES_MAX, TOKEN_FILE_LOCK_WAIT, TOKENS_MAX};

/// The form of the file that this version writes, and the newest that it reads.
const VERSION: u32 = 1;
/// How long to wait before the lock is asked for again.
const LOCK_RETRY: Duration = Duration::from_millis(20);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    tokens: Vec<Holder>,
}

/// Why a token file cannot be used, or a change of it is not made.
#[derive(Debug, thiserror::Error)]
pub enum TokenFileError {
    /// It is there and cannot be read.
    #[error(
        "token file cannot be read: {path}: {reason}\nhint: it must belong to the daemon's user: chown USER {path}; chmod 600 {path}"
    )]
    Read {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// Others than its owner may read or write it.
    #[error("token file is open to others: {path}: mode {mode:o}\nhint: chmod 600 {path}")]
    Exposed {
        /// The file.
        path: String,
        /// Its permissions.
        mode: u32,
    },
    /// It holds something else than tokens.
    #[error(
        "token file is broken: {path}: {reason}\nhint: put back a copy, or remove it and make tokens again with `trailbrake token create`"
    )]
    Broken {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// Another process holds the lock.
    #[error(
        "token file is being changed by another process: {path}\nhint: try again; whatever holds the lock on its directory must end"
    )]
    Locked {
        /// The file.
        path: String,
    },
    /// It cannot be replaced.
    #[error(
        "token file cannot be written: {path}: {reason}\nhint: this user must be allowed to write to its directory"
    )]
    Write {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
}

impl TokenFileError {
    pub(super) fn broken(path: &Path, reason: impl Into<String>) -> Self {
        Self::Broken { path: path.display().to_string(), reason: reason.into() }
    }

    fn read(path: &Path, error: &io::Error) -> Self {
        Self::Read { path: path.display().to_string(), reason: error.to_string() }
    }

    fn write(path: &Path, error: &io::Error) -> Self {
        Self::Write { path: path.display().to_string(), reason: error.to_string() }
    }
}

/// Reads the holders of tokens. A file that is not there, or empty, holds none.
pub fn read(path: &Path) -> Result<Vec<Holder>, TokenFileError> {
    Ok(open(path)?.map(|(holders, _)| holders).unwrap_or_default())
}

fn open(path: &Path) -> Result<Option<(Vec<Holder>, Metadata)>, TokenFileError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(TokenFileError::read(path, &error)),
    };
    let metadata = file.metadata().map_err(|error| TokenFileError::read(path, &error))?;
    let mode = metadata.permissions().mode() & 0o7777;
    if metadata.is_file() && mode & 0o077 != 0 {
        return Err(TokenFileError::Exposed { path: path.display().to_string(), mode });
    }
    let mut text = String::new();
    let bounded = file.take(TOKEN_FILE_BYTES_MAX as u64 + 1).read_to_string(&mut text);
    match bounded {
        Ok(bytes) if bytes > TOKEN_FILE_BYTES_MAX => {
            Err(TokenFileError::broken(path, format!("longer than {TOKEN_FILE_BYTES_MAX} bytes")))
        }
        Ok(_) => parse(&text).map(|holders| Some((holders, metadata))).map_err(|why| TokenFileError::broken(path, why)),
        Err(error) if error.kind() == ErrorKind::InvalidData => Err(TokenFileError::broken(path, "no text")),
        Err(error) => Err(TokenFileError::read(path, &error)),
    }
}

fn parse(text: &str) -> Result<Vec<Holder>, String> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    // Errors of the JSON reader name a place and a key, never a value that was written.
    match serde_json::from_str::<Version>(text) {
        Ok(Version { version }) if version > VERSION => {
            return Err(format!("written by a newer version of trailbrake: form {version}, known is {VERSION}"));
        }
        _ => {}
    }
    let document: Document = serde_json::from_str(text).map_err(|error| without_values(&error))?;
    check(&document.tokens)?;
    Ok(document.tokens)
}

/// Where a text stops being a token file. What stands there is left out: it may be a token.
fn without_values(error: &serde_json::Error) -> String {
    format!("not what `trailbrake token create` writes: line {}, column {}", error.line(), error.column())
}

fn check(holders: &[Holder]) -> Result<(), String> {
    if holders.len() > TOKENS_MAX {
        return Err(format!("more than {TOKENS_MAX} tokens"));
    }
    let mut names = BTreeSet::new();
    for (place, holder) in holders.iter().enumerate() {
        if !is_name(&holder.name) {
            return Err(format!("entry {place} has a name that is none"));
        }
        if !names.insert(&holder.name) {
            return Err(format!("a name stands there twice: {}", holder.name));
        }
    }
    Ok(())
}

/// Changes the holders of tokens: reads, lets `change` work on them, and replaces the file as a whole, under a lock that
/// leaves no change of another process out. If `change` refuses, nothing is written.
pub fn change<T, E: From<TokenFileError>>(
    path: &Path,
    change: impl FnOnce(&mut Vec<Holder>) -> Result<T, E>,
) -> Result<T, E> {
    // Where the path is a link, what it leads to is replaced, and not the link.
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let directory = directory_of(&path);
    let lock = File::open(&directory).map_err(|error| TokenFileError::write(&path, &error))?;
    acquire(&lock, &path)?;
    let (mut holders, before) = match open(&path)? {
        Some((holders, metadata)) => (holders, Some(metadata)),
        None => (Vec::new(), None),
    };
    let made = change(&mut holders)?;
    check(&holders).map_err(|why| TokenFileError::broken(&path, why))?;
    replace(&path, &directory, &lock, holders, before.as_ref())
        .map_err(|error| TokenFileError::write(&path, &error))?;
    Ok(made)
}

fn directory_of(path: &Path) -> PathBuf {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

/// The directory is what is locked: the file itself is another one after each change.
fn acquire(lock: &File, path: &Path) -> Result<(), TokenFileError> {
    let mut waited = Duration::ZERO;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(TokenFileError::write(path, &error)),
            Err(TryLockError::WouldBlock) if waited >= TOKEN_FILE_LOCK_WAIT => {
                return Err(TokenFileError::Locked { path: path.display().to_string() });
            }
            Err(TryLockError::WouldBlock) => {
                std::thread::sleep(LOCK_RETRY);
                waited += LOCK_RETRY;
            }
        }
    }
}

fn replace(
    path: &Path,
    directory: &Path,
    lock: &File,
    tokens: Vec<Holder>,
    before: Option<&Metadata>,
) -> io::Result<()> {
    // Made with mode 600, under a name of its own, in the same directory: the rename is all or nothing.
    let mut new = tempfile::Builder::new().prefix(".tokens-").suffix(".new").tempfile_in(directory)?;
    serde_json::to_writer_pretty(&mut new, &Document { version: VERSION, tokens })?;
    new.write_all(b"\n")?;
    if let Some(before) = before {
        let made = new.as_file().metadata()?;
        // Root changes what belongs to the daemon's user: it must go on belonging to them.
        if (before.uid(), before.gid()) != (made.uid(), made.gid()) {
            fchown(new.as_file(), Some(before.uid()), Some(before.gid()))?;
        }
    }
    new.as_file().sync_all()?;
    new.persist(path)?;
    lock.sync_all()
}
