//! Waiting for the end, and ending in the order of the data.

use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use super::AppError;
use super::wiring::Daemon;
use crate::limits::{DRAIN_DEADLINE, TICK};
use crate::pipeline::Piece;

/// What receivers and `act` are left with: their own deadline, and a little for the ends to be written.
const LAST_CHANCE: Duration = DRAIN_DEADLINE.saturating_add(Duration::from_secs(1));

impl Daemon {
    /// Waits until the daemon is told to stop, has nothing left to do, or cannot go on.
    pub(super) async fn wait(&mut self, mut stop: watch::Receiver<bool>) -> Result<(), AppError> {
        let (mut have_ended, mut is_said) = (false, false);
        while !have_ended || !self.is_all_told(&mut is_said) {
            tokio::select! {
                // An error means that whoever could have told us to stop is gone: then it is time as well.
                _ = stop.wait_for(|stop| *stop) => return Ok(()),
                Some(stage) = self.stage_ended.recv() => return Err(AppError::Stage { stage: stage.to_owned() }),
                ended = self.sources.join_next(), if !have_ended => match ended {
                    Some(Ok(result)) => result?,
                    Some(Err(_)) => return Err(AppError::Stage { stage: "source".to_owned() }),
                    None => have_ended = true,
                },
                Some(_) = self.api.join_next() => return Err(AppError::Stage { stage: "api".to_owned() }),
                Some(_) = self.returns.join_next() => return Err(AppError::Stage { stage: "orders".to_owned() }),
                // Nothing else wakes this loop when receivers have been told.
                () = sleep(TICK), if have_ended => {}
            }
        }
        Ok(())
    }

    /// Whether nothing is left to do once all sources have ended: nobody is to be told of an incident any more. Whoever
    /// started it for one file expects that its end means just that.
    fn is_all_told(&self, is_said: &mut bool) -> bool {
        let waiting: usize = self.desk.waiting().orders().values().sum();
        if waiting == 0 {
            tracing::info!("all sources have ended, and what they held is committed: nothing is left to do");
        } else if !std::mem::replace(is_said, true) {
            tracing::warn!(waiting, "all sources have ended, and receivers are still to be told: it ends after that");
        }
        waiting == 0
    }

    /// Stops the sources, drains the stages, gives the receivers a last chance while the journal still takes the ends
    /// of their orders, and closes the journal: in the order of [`STEPS`].
    pub(super) async fn shut_down(self) -> Vec<Ended> {
        let mut steps = Steps::default();
        let deadline = Instant::now() + DRAIN_DEADLINE;
        self.health.set_ready(false);
        tracing::info!("stopping");
        let mut reloads = self.reloads;
        steps.step(STEPS[0], async { timeout_at(deadline, reloads.shutdown()).await.is_ok() }).await;
        let _ = self.stop_sources.send(true);
        steps.step(STEPS[1], all_ended(self.sources, deadline)).await;
        drop(self.batches);
        steps.step(STEPS[2], all_joined(self.before_engine, deadline)).await;
        steps.step(STEPS[3], all_joined(vec![self.engine], deadline)).await;
        steps.step(STEPS[4], committed(&self.pieces, deadline)).await;
        steps.step(STEPS[5], all_ended(self.api, deadline)).await;
        let deadline = Instant::now() + LAST_CHANCE;
        let _ = self.stop_outside.send(true);
        drop(self.desk);
        steps.step(STEPS[6], all_ended(self.returns, deadline)).await;
        drop(self.pieces);
        steps.step(STEPS[7], all_joined(vec![self.journal], deadline)).await;
        steps.0
    }
}

/// What is stopped, in the order of the data. Whatever comes later still takes what comes earlier lets go of.
pub(super) const STEPS: [&str; 8] =
    ["reloads", "sources", "decode", "engine", "cuts of the journal", "listener", "receivers and act", "journal"];

/// A step, and whether it was done in time.
pub(super) type Ended = (&'static str, bool);

#[derive(Default)]
struct Steps(Vec<Ended>);

impl Steps {
    async fn step(&mut self, name: &'static str, work: impl Future<Output = bool>) {
        let began = Instant::now();
        let done = work.await;
        let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        if done {
            tracing::info!(step = name, milliseconds, "stopped");
        } else {
            tracing::error!(step = name, milliseconds, "not stopped in time");
        }
        self.0.push((name, done));
    }
}

/// What the first step that was not done in time makes of it.
pub(super) fn outcome(steps: &[Ended]) -> Result<(), AppError> {
    match steps.iter().find(|(_, done)| !done) {
        Some((waiting_for, _)) => Err(AppError::Drain { waiting_for }),
        None => Ok(()),
    }
}

/// Waits until everything that the journal's thread was given is durable and let go.
async fn committed(pieces: &tokio::sync::mpsc::Sender<Piece>, deadline: Instant) -> bool {
    let (sender, receiver) = oneshot::channel();
    let mut piece = Piece { decision: true, ..Piece::default() };
    piece.after.committed.push(sender);
    let written = async { pieces.send(piece).await.is_ok() && receiver.await.is_ok() };
    timeout_at(deadline, written).await.unwrap_or(false)
}

/// Waits for tasks. One that panicked has ended as well: that is reported where it is waited for while running.
async fn all_ended<T: 'static>(mut tasks: JoinSet<T>, deadline: Instant) -> bool {
    timeout_at(deadline, async { while tasks.join_next().await.is_some() {} }).await.is_ok()
}

/// Waits for threads.
async fn all_joined(threads: Vec<JoinHandle<()>>, deadline: Instant) -> bool {
    while !threads.iter().all(JoinHandle::is_finished) {
        if Instant::now() >= deadline {
            return false;
        }
        sleep(Duration::from_millis(2)).await;
    }
    true
}
