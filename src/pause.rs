//! The side of `run` that speaks with `act`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};
use trailbrake_detectors::engine::{Desired, Mode, Outcome};
use trailbrake_detectors::time::Millis;

use crate::clock::SharedClock;
use crate::journal::Artefact;
use crate::metrics::Metrics;

/// How `act` is reached.
#[derive(Clone, Debug)]
pub struct PauseConfig {
    /// The Unix socket on which `act` listens.
    pub socket: PathBuf,
    /// How to start `act` as a child; nothing: it runs apart.
    pub spawn: Option<Spawn>,
}

/// A command line.
#[derive(Clone, Debug)]
pub struct Spawn {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
}

/// What `act` says, for the stages of `run`.
#[derive(Debug)]
pub enum PauseEvent {
    /// Something is about to be changed. Once `committed` is told, `act` goes on; dropped untold, it asks again.
    Artefact {
        /// What will change, and what undoes it: goes into the journal.
        artefact: Artefact,
        /// Told when it is in the journal.
        committed: oneshot::Sender<()>,
    },
    /// A desired state was reached or given up.
    Outcome {
        /// How it went.
        outcome: Outcome,
        /// When the hook was first called for it; nothing if there was nothing to change.
        called_at: Option<Millis>,
    },
}

/// Hands desired states to `act`.
#[derive(Clone)]
pub struct PauseClient {}

/// More desired states are unsettled than can be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many pauses are unsettled")]
pub struct TooMany;

impl PauseClient {
    /// Says this state to `act` until it is settled, also after reconnections. Never waits.
    pub fn want(&self, _desired: Desired, _mode: Mode) -> Result<(), TooMany> {
        Err(TooMany)
    }
}

/// Starts the client; it ends when `stop` becomes true.
pub fn start(
    _config: PauseConfig,
    _clock: SharedClock,
    _metrics: Arc<Metrics>,
    _stop: watch::Receiver<bool>,
) -> (PauseClient, mpsc::Receiver<PauseEvent>) {
    (PauseClient {}, mpsc::channel(1).1)
}
