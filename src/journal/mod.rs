//! The memory: what was decided is here before anything happens outside. Each commit is one consistent cut.

use std::collections::BTreeMap;

mod cut;
mod memory;
mod schema;
mod sqlite;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use trailbrake_detectors::engine::{Announcement, Desired, Partition, PauseKey, Row};
use trailbrake_detectors::time::Millis;

use crate::config::JournalKind;
use crate::limits;

/// How far each partition is durable.
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
    /// Rows of the engine's memory, in order; a later one of the same key wins.
    pub rows: Vec<Row>,
    /// Positions that everything before covers.
    pub positions: Vec<(Partition, String)>,
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
        "journal has schema {found}, this version knows {known}: {path}\nhint: run the newer version, or restore the copy made before the upgrade"
    )]
    Newer {
        /// The file.
        path: String,
        /// The schema found.
        found: i64,
        /// The newest schema known.
        known: i64,
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
}

/// Where cuts go.
pub trait Journal: Send {
    /// All that is held.
    fn load(&mut self) -> Result<Loaded, JournalError>;

    /// Makes a cut durable.
    fn commit(&mut self, cut: &Cut) -> Result<(), JournalError>;
}

/// Opens the journal that the configuration names, and creates it if it does not exist.
pub fn open(kind: &JournalKind) -> Result<Box<dyn Journal>, JournalError> {
    Ok(match kind {
        JournalKind::Sqlite(path) => Box::new(sqlite::SqliteJournal::open(path, Retention::default())?),
        JournalKind::Memory => Box::new(memory::MemoryJournal::new(Retention::default())),
    })
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
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            orders: limits::ENDED_ORDERS_KEPT_MAX,
            pages: limits::PAGES_KEPT_MAX,
            desired: limits::SETTLED_KEPT_MAX,
            artefacts: limits::ARTEFACTS_PER_KEY_MAX,
        }
    }
}
