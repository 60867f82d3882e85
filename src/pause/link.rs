//! The connection to `act`: made again whenever it breaks, and then all that is unsettled is said again.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use trailbrake_detectors::engine::{Desired, Mode, Outcome, PauseResult};
use trailbrake_detectors::time::Millis;

use super::{PauseEvent, Wanted};
use crate::act::lines::{self, Ears, Mouth, Room, SayError};
use crate::act::pace::Pace;
use crate::act::protocol::{FromAct, ToAct};
use crate::act::stopped;
use crate::clock::SharedClock;
use crate::journal::Artefact;
use crate::limits::{ACT_HELLO_TIMEOUT, ACT_INCIDENTS_SAID_MAX};
use crate::metrics::{Metrics, seconds_between};

/// What the connection needs.
pub(super) struct Link {
    pub(super) socket: PathBuf,
    pub(super) wanted: Arc<Wanted>,
    pub(super) clock: SharedClock,
    pub(super) metrics: Arc<Metrics>,
    pub(super) events: mpsc::Sender<PauseEvent>,
    pub(super) pace: Pace,
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("act cannot be reached: {0}")]
    Unreachable(std::io::Error),
    #[error("act says nothing")]
    Silent,
    #[error("act closed the connection")]
    Closed,
    #[error(transparent)]
    Unsaid(#[from] SayError),
}

impl Link {
    /// Connects, and again when the connection breaks, until `stop` becomes true.
    pub(super) async fn keep(self, mut stop: watch::Receiver<bool>) {
        let mut failures = 0;
        self.metrics.set_act_connected(false);
        loop {
            let mut is_greeted = false;
            tokio::select! {
                () = stopped(&mut stop) => return,
                broken = self.speak(&mut is_greeted) => {
                    self.wanted.set_connected(false);
                    self.metrics.set_act_connected(false);
                    self.metrics.set_queue_length("pauses", self.wanted.len());
                    failures = if is_greeted { 1 } else { failures + 1 };
                    // While `act` starts, the socket is not there yet: no reason to worry anybody.
                    if failures > 2 || is_greeted {
                        tracing::warn!(reason = %broken, failures, "no connection to act");
                    }
                }
            }
            tokio::select! {
                () = stopped(&mut stop) => return,
                () = sleep(self.pace.wait(failures)) => {}
            }
        }
    }

    /// One connection, until it breaks.
    async fn speak(&self, is_greeted: &mut bool) -> Broken {
        match self.converse(is_greeted).await {
            Err(broken) => broken,
            Ok(never) => match never {},
        }
    }

    async fn converse(&self, is_greeted: &mut bool) -> Result<std::convert::Infallible, Broken> {
        let stream = UnixStream::connect(&self.socket).await.map_err(Broken::Unreachable)?;
        let (mut ears, mouth): (Ears<FromAct>, Mouth) = lines::open(stream);
        let hello = timeout(ACT_HELLO_TIMEOUT, ears.hear()).await.map_err(|_| Broken::Silent)?;
        let Some(FromAct::Hello { version, hook }) = hello else { return Err(Broken::Closed) };
        *is_greeted = true;
        self.wanted.set_connected(true);
        self.metrics.set_act_connected(true);
        tracing::info!(version, hook, unsettled = self.wanted.len(), "connected to act");
        self.wanted.unsay_all();
        let mut commits = JoinSet::new();
        loop {
            // Nothing here waits for `act` to read: both sides could wait for each other then.
            tokio::select! {
                next = self.next(&mouth) => {
                    let (room, mut desired, mode) = next?;
                    desired.incidents.truncate(ACT_INCIDENTS_SAID_MAX);
                    if desired.rung.is_some() {
                        // It is wanted still: a decision that waited for `act` to come back is as good as a new one.
                        desired.decided_at = desired.decided_at.max(self.clock.now());
                    }
                    room.say(&ToAct::Desired { desired, mode })?;
                }
                heard = ears.hear() => self.take(heard.ok_or(Broken::Closed)?, &hook, &mouth, &mut commits).await,
                Some(_) = commits.join_next() => {}
            }
            self.metrics.set_queue_length("pauses", self.wanted.len());
        }
    }

    /// The next state to be said, and room to say it.
    async fn next<'m>(&self, mouth: &'m Mouth) -> Result<(Room<'m>, Desired, Mode), SayError> {
        let room = mouth.room().await?;
        let (desired, mode) = self.wanted.next().await;
        Ok((room, desired, mode))
    }

    async fn take(&self, heard: FromAct, hook: &str, mouth: &Mouth, commits: &mut JoinSet<()>) {
        match heard {
            FromAct::Hello { .. } => {}
            FromAct::Artefact { key, generation, change, undo } => {
                // Only what is wanted has a place in the journal. Repeats for it are few: each follows a desired state.
                if !self.wanted.is_wanted(&key, generation) {
                    return;
                }
                let (committed, waiting) = oneshot::channel();
                let (hook, at) = (hook.to_owned(), self.clock.now());
                let artefact = Artefact { key: key.clone(), generation, hook, change, undo, at };
                let (wanted, mouth, wait) = (Arc::clone(&self.wanted), mouth.clone(), self.pace.wait(1));
                commits.spawn(async move {
                    if waiting.await.is_ok() {
                        // If the connection is lost, the next one begins anew.
                        let _ = mouth.say(&ToAct::Committed { key, generation }).await;
                    } else {
                        // Not taken: it is asked for again, after a wait.
                        sleep(wait).await;
                        wanted.unsay(&key);
                    }
                });
                self.tell(PauseEvent::Artefact { artefact, committed }).await;
            }
            FromAct::Outcome { outcome, called_at } => {
                let Some(desired) = self.wanted.settle(&outcome) else { return };
                self.measure(&outcome, called_at, desired.received_at);
                self.tell(PauseEvent::Outcome { outcome, called_at }).await;
            }
        }
    }

    fn measure(&self, outcome: &Outcome, called_at: Option<Millis>, received_at: Millis) {
        let is_pause = matches!(outcome.result, PauseResult::Paused);
        self.metrics.count_pause(match outcome.result {
            PauseResult::Paused => "paused",
            PauseResult::Resumed => "resumed",
            PauseResult::Failed { .. } => "failed",
            PauseResult::Unpausable { .. } => "unpausable",
        });
        if let Some(called_at) = called_at.filter(|_| is_pause) {
            self.metrics.observe_decision_seconds(seconds_between(received_at, called_at));
            self.metrics.observe_effective_seconds(seconds_between(called_at, outcome.at));
        }
    }

    /// Hands an event on. If nobody takes events any more, `run` is ending.
    async fn tell(&self, event: PauseEvent) {
        if self.events.send(event).await.is_err() {
            tracing::debug!("an event of act came when nobody listened any more");
        }
    }
}
