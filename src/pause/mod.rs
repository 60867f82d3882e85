//! The side of `run` that speaks with `act`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};
use trailbrake_detectors::engine::{Desired, Mode, Outcome};
use trailbrake_detectors::time::Millis;

use crate::act::pace::Pace;
use crate::clock::SharedClock;
use crate::journal::Artefact;
use crate::limits::{PAUSE_EVENTS_QUEUED_MAX, PAUSES_UNSETTLED_MAX};
use crate::metrics::Metrics;

mod child;
mod link;
#[cfg(test)]
mod tests;
mod wanted;
mod why_not;

use link::Link;
pub(crate) use wanted::Wanted;
pub(crate) use why_not::why_not;

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
pub struct PauseClient {
    wanted: Arc<Wanted>,
}

/// More desired states are unsettled than can be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many pauses are unsettled: {PAUSES_UNSETTLED_MAX}")]
pub struct TooMany;

impl PauseClient {
    /// Says this state to `act` until it is settled, also after reconnections. Never waits. A state that is not newer
    /// than what is wanted already is said again.
    pub fn want(&self, desired: Desired, mode: Mode) -> Result<(), TooMany> {
        self.wanted.add(desired, mode)
    }

    /// Whether `act` is there.
    pub fn is_connected(&self) -> bool {
        self.wanted.is_connected()
    }
}

/// Starts the client; it ends when `stop` becomes true, and takes its child with it. Counts how pauses end, and how long
/// decisions and their effects take.
pub fn start(
    config: PauseConfig,
    clock: SharedClock,
    metrics: Arc<Metrics>,
    stop: watch::Receiver<bool>,
) -> (PauseClient, mpsc::Receiver<PauseEvent>) {
    let wanted = Arc::new(Wanted::default());
    let (events, receiver) = mpsc::channel(PAUSE_EVENTS_QUEUED_MAX);
    if let Some(spawn) = config.spawn {
        tokio::spawn(child::keep(spawn, Pace::default(), stop.clone()));
    }
    let link =
        Link { socket: config.socket, wanted: Arc::clone(&wanted), clock, metrics, events, pace: Pace::default() };
    tokio::spawn(link.keep(stop));
    (PauseClient { wanted }, receiver)
}
