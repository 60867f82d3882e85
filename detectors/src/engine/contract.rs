//! The engine's contract: what goes in, what comes out. Time is an argument; same inputs, same outputs.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::memory::{fact_row_key, row, table};
use super::{Announcement, Settings, Situation};
use crate::event::Event;
use crate::incident::Severity;
use crate::inventory::Inventory;
use crate::time::{Millis, Second};
use crate::timeline::FactKey;

/// One ordered part of a source: a shard, a topic partition, a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Partition {
    /// The source's name in the configuration.
    pub source: Arc<str>,
    /// The part's name within the source; empty where the source has only one.
    pub name: Arc<str>,
}

/// A distinct event as it arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// The event.
    pub event: Event,
    /// Where it came from.
    pub partition: Partition,
    /// When the batch that holds it was complete.
    pub received_at: Millis,
    /// Whether its source may cause pauses.
    pub may_pause: bool,
}

/// What a human does about an incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "kebab-case")]
pub enum Act {
    /// Lets the paused principal go on.
    Resume {
        /// The incident's id.
        incident: String,
        /// Why, in the reviewer's words.
        reason: String,
        /// One reviewer stands in for the two that a `critical` needs; everybody is paged about it.
        break_glass: bool,
    },
    /// Says that the incident is over: nothing was wrong, or what was is dealt with. Refused while a pause stands.
    Close {
        /// The incident's id.
        incident: String,
        /// Why, in the reviewer's words.
        reason: String,
    },
    /// Says that the incident is real and somebody sees to it: what is paused stays so, and the incident goes on.
    Confirm {
        /// The incident's id.
        incident: String,
        /// Why, in the reviewer's words.
        reason: String,
    },
}

impl Act {
    /// The incident that it is about.
    pub fn incident(&self) -> &str {
        match self {
            Self::Resume { incident, .. } | Self::Close { incident, .. } | Self::Confirm { incident, .. } => incident,
        }
    }

    /// The reviewer's reason.
    pub fn reason(&self) -> &str {
        match self {
            Self::Resume { reason, .. } | Self::Close { reason, .. } | Self::Confirm { reason, .. } => reason,
        }
    }
}

/// A human's act, by a named reviewer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Human {
    /// A unique id of this act; the same id again changes nothing.
    pub id: String,
    /// When it was accepted.
    pub at: Millis,
    /// The reviewer's name.
    pub who: String,
    /// ARNs and unique ids of AWS principals that are this reviewer.
    pub principals: Vec<String>,
    /// What they did.
    pub act: Act,
}

/// What can be paused: one IAM entity, or one of its sessions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PauseKey {
    /// The account, 12 digits.
    pub account: String,
    /// The ARN of the role or user.
    pub entity: String,
    /// The session's unique id, or `*` for all of them.
    pub session: String,
}

/// How firmly something is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rung {
    /// Denies destruction, new credentials and policy changes; leaves creates.
    Destructive,
    /// Denies everything.
    All,
}

/// What came of a desired state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// What it is about.
    pub key: PauseKey,
    /// Which generation of the desired state it answers.
    pub generation: u64,
    /// When it was known.
    pub at: Millis,
    /// How it went.
    pub result: PauseResult,
}

/// How a change went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub enum PauseResult {
    /// The deny is in place, read back.
    Paused,
    /// Nothing of ours is left, read back.
    Resumed,
    /// Given up after retries; `reason` is bounded.
    Failed {
        /// What went wrong.
        reason: String,
    },
    /// This principal cannot be paused, or must not be; `reason` is bounded.
    Unpausable {
        /// Why not.
        reason: String,
    },
}

/// What a source says of the trail that feeds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// The source's name.
    pub source: Arc<str>,
    /// When it was seen.
    pub at: Millis,
    /// What is wrong, as one bounded sentence; nothing if all is well (again).
    pub trouble: Option<String>,
}

/// What the engine is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A distinct event, or a copy of one.
    Fact(Box<Fact>),
    /// A partition was read up to an event time (also from records that are no facts).
    Mark {
        /// The partition.
        partition: Partition,
        /// The greatest event time seen in it.
        time: Second,
        /// When that was received.
        received_at: Millis,
    },
    /// Time passes.
    Tick(Millis),
    /// A human acts.
    Human(Human),
    /// A pause or resume was carried out, or not.
    Outcome(Outcome),
    /// A source says how its trail is.
    Watch(Watch),
    /// New settings, from the next input on.
    Configure(Box<Settings>),
    /// What existed before all facts, and where: in place of any inventory before it.
    Inventory(Box<Inventory>),
}

/// One row of the engine's memory. The shell stores it without understanding it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// The table; one of a fixed few words.
    pub table: String,
    /// The key within the table.
    pub key: String,
    /// The value (JSON), or nothing: the row is gone.
    pub value: Option<String>,
}

/// What is remembered of each fact, and becomes a row only where it is stored: that takes longer than judging it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactRow(pub(super) Remembered);

/// What changes with each fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Remembered {
    /// The fact itself.
    Fact(FactKey, Arc<Fact>),
    /// The first and the last destroying fact of an incident.
    Span(String, FactKey, FactKey),
}

impl FactRow {
    /// The row.
    pub fn to_row(&self) -> Row {
        match &self.0 {
            Remembered::Fact(key, fact) => row(table::FACT, fact_row_key(key), fact.as_ref()),
            Remembered::Span(id, from, to) => row(table::SPAN, id, &(from, to)),
        }
    }
}

/// What tells a fact that was forgotten from all others: small, and kept by the shell for a while, so that a copy of the
/// fact is known when it arrives. It is part of what is stored, so it stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Forgotten {
    /// The event time.
    pub second: Second,
    /// The first half of the SHA-256 of the key of the fact's row.
    pub digest: [u8; 16],
}

impl Forgotten {
    /// Of the fact at a place.
    pub(super) fn of(key: &FactKey) -> Self {
        let whole = Sha256::digest(fact_row_key(key).as_bytes());
        let mut digest = [0; 16];
        digest.copy_from_slice(&whole[..16]);
        Self { second: key.second, digest }
    }
}

/// In which of the accounts of records received a fact ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Column {
    /// New, and judged.
    Judged,
    /// An equal copy of a fact.
    Duplicate,
    /// The same call in another account's trail.
    Twin,
    /// A differing copy of a fact: judged as well.
    Conflicting,
}

/// A desired state: what all open incidents want of one entity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Desired {
    /// What it is about.
    pub key: PauseKey,
    /// Grows with each change for this key; an answer to an older one is stale.
    pub generation: u64,
    /// What is wanted: a rung, or nothing.
    pub rung: Option<Rung>,
    /// When it was decided.
    pub decided_at: Millis,
    /// When the record that decided it was received; for a resume, when the human's word was.
    pub received_at: Millis,
    /// The incidents that want it (or wanted it last).
    pub incidents: Vec<String>,
}

/// A resource of which it would help to know the zones.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Wanted {
    /// The account, 12 digits.
    pub account: String,
    /// The region.
    pub region: String,
    /// The resource's type.
    pub kind: String,
    /// An identifier.
    pub id: String,
}

/// What the engine says.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// A fact was counted in a column.
    Counted {
        /// The source that it came from.
        source: Arc<str>,
        /// The column.
        column: Column,
    },
    /// A row of memory changed.
    Row(Row),
    /// A row that changes with each fact.
    Fact(FactRow),
    /// A fact was forgotten and its row is gone, or it came too late to be held at all: [`Engine::is_held`](super::Engine::is_held)
    /// does not know its copies.
    Forgotten(Forgotten),
    /// Tell the receivers.
    Announce(Box<Announcement>),
    /// Bring an entity to this state.
    Desire(Desired),
    /// A human's act was taken or refused; answers the act of this id.
    Answer {
        /// The act's id.
        id: String,
        /// What came of it, or why it was refused (a sentence, with a hint on its second line).
        result: Result<String, String>,
    },
    /// An incident changed in a way that is shown and stored, whether or not it pages.
    Incident {
        /// The incident now.
        situation: Box<Situation>,
        /// The most severe that it has been.
        peak: Severity,
    },
    /// The zones of a resource that an open incident destroyed are unknown, and would bear on its judgement. Said once, when
    /// the incident is told (at its opening, at what changes how it stands, and at ticks); after a load once more, since
    /// whoever was looking them up may have ended as well.
    Wanted(Wanted),
}
