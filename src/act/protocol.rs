//! What `run` and `act` say to each other: JSON lines over a Unix socket, each at most
//! [`crate::limits::ACT_LINE_BYTES_MAX`] bytes.

use serde::{Deserialize, Serialize};
use trailbrake_detectors::engine::{Desired, Mode, Outcome, PauseKey};
use trailbrake_detectors::time::Millis;

/// From `run` to `act`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "kebab-case")]
pub enum ToAct {
    /// Bring an entity to this state. Says the same again after each reconnection until it is settled.
    Desired {
        /// The state.
        desired: Desired,
        /// The mode it was decided in: anything but `enforce` is refused when it pauses.
        mode: Mode,
    },
    /// The artefact of this generation is in the journal: go on.
    Committed {
        /// What it is about.
        key: PauseKey,
        /// The generation.
        generation: u64,
    },
}

/// From `act` to `run`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "kebab-case")]
pub enum FromAct {
    /// The first line after a connection.
    Hello {
        /// The program's version.
        version: String,
        /// The hook that it holds.
        hook: String,
    },
    /// This is about to be made (or removed); waits for `committed`.
    Artefact {
        /// What it is about.
        key: PauseKey,
        /// The generation.
        generation: u64,
        /// What will change, as the hook tells it.
        change: serde_json::Value,
        /// What undoes it.
        undo: serde_json::Value,
    },
    /// How it ended.
    Outcome {
        /// The outcome.
        outcome: Outcome,
        /// When the hook was first called for it; nothing if there was nothing to change.
        called_at: Option<Millis>,
    },
}
