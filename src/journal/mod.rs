//! The memory: what was decided is here before anything happens outside. Each commit is one consistent cut.

use std::collections::BTreeMap;
use std::path::Path;

mod audit;
mod chain;
mod cut;
mod forgotten;
mod lock;
mod memory;
mod migrate;
mod salvage;
mod schema;
mod sqlite;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use trailbrake_detectors::engine::{Announcement, Desired, Forgotten, Partition, PauseKey, Row};
use trailbrake_detectors::time::{Millis, Second};

pub use self::chain::{BadHead, Broken, Entry, Hash, Head, Link, Note, Verified, Verifier, hexadecimal};
use crate::config::JournalKind;
use crate::limits;

/// How far each partition is durable, and each file of a partition that is a directory.
pub type Positions = BTreeMap<Partition, String>;

/// A message to one receiver, to be delivered once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Its idempotency key: the announcement's id and the receiver's name.
    pub id: String,
    /// The receiver.
    pub receiver: String,
    /// What to tell it.
    pub announcement: Announcement,
    /// When it was made.
    pub created_at: Millis,
    /// What it can say of the journal.
    #[serde(default)]
    pub record: OnRecord,
}

/// What a page can say of the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnRecord {
    /// Nothing: it is not written yet, or was by a version that kept no audit trail.
    #[default]
    Unknown,
    /// It is written, and the audit trail ended here then.
    At(Head),
    /// The journal cannot be written: it goes out all the same.
    JournalDown,
}

/// How an order ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OrderEnd {
    /// The receiver took it.
    Delivered,
    /// Given up.
    GivenUp,
    /// A later one of the same incident made it unnecessary before it was sent.
    Superseded,
}

/// Something of ours that `act` puts into the world, known before it is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artefact {
    /// What it pauses.
    pub key: PauseKey,
    /// For which generation of the desired state.
    pub generation: u64,
    /// The hook that makes it.
    pub hook: String,
    /// What is changed, as the hook tells it (JSON).
    pub change: serde_json::Value,
    /// What undoes it (JSON).
    pub undo: serde_json::Value,
    /// When it was announced.
    pub at: Millis,
}

/// What one commit changes. Everything in it becomes durable together, or nothing does. Its parts take effect in the
/// order of the fields.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cut {
    /// Whether the rows are all that there are: those from before are gone.
    pub whole: bool,
    /// Rows of the engine's memory, in order; a later one of the same key wins.
    pub rows: Vec<Row>,
    /// Positions that everything before covers, each under its source and name; nothing: it is forgotten.
    pub positions: Vec<(Partition, Option<String>)>,
    /// Additions to the counts of records: (source, column, how many).
    pub counts: Vec<(String, String, u64)>,
    /// New orders; one whose id is known already changes nothing.
    pub orders: Vec<Order>,
    /// Orders that ended; only the first end of each counts.
    pub ended: Vec<(String, OrderEnd, Millis)>,
    /// Desired states, the latest for each key; one that is not newer than what is held changes nothing.
    pub desired: Vec<Desired>,
    /// Desired states that were reached or given up: key and generation.
    pub settled: Vec<(PauseKey, u64)>,
    /// Artefacts about to be made, one for each key and generation.
    pub artefacts: Vec<Artefact>,
    /// Artefacts that are undone.
    pub undone: Vec<PauseKey>,
    /// Facts that the engine forgot.
    pub forgotten: Vec<Forgotten>,
    /// What the audit trail keeps of all this.
    pub notes: Vec<Note>,
}

/// What the journal holds at the start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loaded {
    /// Rows of the engine's memory.
    pub rows: Vec<Row>,
    /// How far each partition is durable.
    pub positions: Positions,
    /// Counts of records: (source, column) → how many.
    pub counts: BTreeMap<(String, String), u64>,
    /// Orders that have not ended, oldest first.
    pub orders: Vec<Order>,
    /// The last delivered announcement for each (receiver, page key) whose change is not `resolved`.
    pub open_pages: Vec<Order>,
    /// Desired states, each with whether it is settled.
    pub desired: Vec<(Desired, bool)>,
    /// Artefacts that are in the world, as far as known.
    pub artefacts: Vec<Artefact>,
    /// The time of the newest fact that the engine forgot; nothing: none is known.
    pub forgotten_to: Option<Second>,
    /// Where the audit trail ends.
    pub head: Head,
}

/// Why the journal did not do it; each word labels a metric.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file cannot be opened or created.
    #[error(
        "journal cannot be opened: {path}: {reason}\nhint: check that the directory exists and is writable by this user"
    )]
    Open {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// The file is no journal, or damaged.
    #[error(
        "journal is damaged: {path}: {reason}\nhint: set the file aside and restore a copy, or start with an empty one"
    )]
    Damaged {
        /// The file.
        path: String,
        /// What was found.
        reason: String,
    },
    /// The file was written by a newer version.
    #[error(
        "journal has schema {found}, this version knows {known}: {path}\nhint: run the newer version; or go back: {way_back}"
    )]
    Newer {
        /// The file.
        path: String,
        /// How to go back.
        way_back: String,
        /// The schema found.
        found: i64,
        /// The newest schema known.
        known: i64,
    },
    /// The file was written by an older version and could not be brought to this one's schema; it is as it was.
    #[error(
        "journal has schema {found} and cannot be brought to {known}: {path}: {reason}\nhint: make room on its disk for a copy of it, or run the older version"
    )]
    Upgrade {
        /// The file.
        path: String,
        /// The schema found.
        found: i64,
        /// The newest schema known.
        known: i64,
        /// Why.
        reason: String,
    },
    /// Another process has it open.
    #[error(
        "journal is in use by another process: {path}\nhint: stop the other daemon, or give this one a journal of its own"
    )]
    InUse {
        /// The file.
        path: String,
    },
    /// A commit failed; trying again may help.
    #[error("journal cannot be written: {reason}")]
    Write {
        /// Why.
        reason: String,
    },
    /// It cannot be looked into.
    #[error("journal cannot be read: {reason}")]
    Read {
        /// Why.
        reason: String,
    },
}

/// Where cuts go.
pub trait Journal: Send {
    /// All that is held.
    fn load(&mut self) -> Result<Loaded, JournalError>;

    /// Makes a cut durable, and says where the audit trail ends then.
    fn commit(&mut self, cut: &Cut) -> Result<Head, JournalError>;

    /// What knows again what the engine forgot, to be used beside this.
    fn recall(&self) -> Box<dyn Recall>;

    /// Reads the audit trail, the oldest first, until `take` says that it is enough.
    fn trail(&mut self, take: &mut dyn FnMut(Link) -> bool) -> Result<(), JournalError>;

    /// Sets what is damaged aside, for the reason given, and begins anew with what of it can be read. Can be called again
    /// when it failed. What cannot be damaged has nothing to set aside.
    fn begin_anew(&mut self, _reason: &str, _now: Millis) -> Result<SetAside, JournalError> {
        Err(JournalError::Write { reason: "there is nothing to set aside".to_owned() })
    }

    /// What was set aside last.
    fn set_aside(&self) -> Option<&SetAside> {
        None
    }
}

/// A damaged journal that was set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// Where it is; nothing: it was gone.
    pub path: Option<String>,
    /// Why.
    pub reason: String,
    /// The tables of it that could not be read, and whose content is lost.
    pub lost: Vec<&'static str>,
}

impl std::fmt::Display for SetAside {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { path, reason, lost } = self;
        match path {
            Some(path) => write!(formatter, "the journal was damaged ({reason}) and set aside: {path}; ")?,
            None => write!(formatter, "the journal was gone ({reason}); ")?,
        }
        match lost.as_slice() {
            [] => formatter.write_str("all of it could be read"),
            lost => write!(formatter, "lost: {}", lost.join(", ")),
        }
    }
}

/// Knows again what the engine forgot.
pub trait Recall: Send {
    /// Whether it was forgotten, as far as that is still kept.
    fn knows(&mut self, forgotten: &Forgotten) -> Result<bool, JournalError>;
}

/// Opens the journal that the configuration names, and creates it if it does not exist. `now` names what is put beside it.
pub fn open(kind: &JournalKind, now: Millis) -> Result<Box<dyn Journal>, JournalError> {
    Ok(match kind {
        JournalKind::Sqlite(path) => Box::new(open_or_begin_anew(path, now)?),
        JournalKind::Memory => Box::new(memory::MemoryJournal::new(Retention::default())),
    })
}

/// Opens a file. One that is ours and damaged is set aside: watching must not stop for it.
fn open_or_begin_anew(path: &Path, now: Millis) -> Result<sqlite::SqliteJournal, JournalError> {
    match sqlite::SqliteJournal::open(path, Retention::default(), now) {
        Err(JournalError::Damaged { reason, .. }) if salvage::is_ours(path) => {
            sqlite::SqliteJournal::open_anew(path, Retention::default(), &reason, now)
        }
        opened => opened,
    }
}

/// Reads the audit trail of a journal's file, the oldest first, until `take` says that it is enough. Changes nothing, and
/// another process may write it at the same time.
pub fn read_trail(path: &Path, take: &mut dyn FnMut(Link) -> bool) -> Result<(), JournalError> {
    sqlite::read_trail(path, take)
}

/// How much of what is over is kept.
#[derive(Clone, Copy, Debug)]
struct Retention {
    /// Ended orders, counted back from the newest order.
    orders: u64,
    /// Pages, counted back from the newest order.
    pages: u64,
    /// Desired states that want nothing and are settled, counted back from the newest.
    desired: u64,
    /// Artefacts of one pause key.
    artefacts: usize,
    /// Facts that the engine forgot, counted back from the newest.
    forgotten: u64,
    /// The same, in seconds of their time.
    forgotten_seconds: i64,
    /// Entries of the audit trail.
    audit: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            orders: limits::ENDED_ORDERS_KEPT_MAX,
            pages: limits::PAGES_KEPT_MAX,
            desired: limits::SETTLED_KEPT_MAX,
            artefacts: limits::ARTEFACTS_PER_KEY_MAX,
            forgotten: limits::FORGOTTEN_MAX,
            forgotten_seconds: limits::FORGOTTEN_SECONDS,
            audit: limits::AUDIT_ENTRIES_MAX,
        }
    }
}
