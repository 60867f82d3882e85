//! Wires everything, runs it, and shuts it down in the order of the data.

mod damage;
mod inventory;
mod notify;
pub(crate) mod recovery;
mod reload;
mod returns;
mod shutdown;
mod stages;
#[cfg(test)]
mod tests;
mod wiring;

use std::net::SocketAddr;

use tokio::sync::watch;

use crate::alert::AlertError;
use crate::api::FilesError;
use crate::clock::SharedClock;
use crate::config::Config;
use crate::health::HealthError;
use crate::journal::JournalError;
use crate::pause::Spawn;
use crate::source::SourceError;

pub use self::reload::Reload;

/// Why the daemon ended other than by being told to.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The journal cannot be opened or read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The journal's rows are not what this version wrote.
    #[error(
        "the journal's rows cannot be loaded: {reason}\nhint: run the version that wrote them, or start with an empty journal"
    )]
    Rows {
        /// What is wrong.
        reason: String,
    },
    /// A receiver's settings do not work.
    #[error(transparent)]
    Receiver(#[from] AlertError),
    /// A source's settings do not work, or it gave up.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The listener for metrics and health cannot be opened.
    #[error(transparent)]
    Health(#[from] HealthError),
    /// What the listener for people and agents needs cannot be used.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// A listener cannot be bound.
    #[error(
        "cannot listen on {address}: {reason}\nhint: choose another address in the configuration, or stop what listens there"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        reason: String,
    },
    /// A thread cannot be started.
    #[error("cannot start a thread for {stage}: {reason}")]
    Thread {
        /// The stage.
        stage: &'static str,
        /// Why.
        reason: String,
    },
    /// A stage ended although nobody told it to.
    #[error(
        "the {stage} stage ended by itself: this is a defect of trailbrake\nhint: the journal is intact; restart, and report what the log says above"
    )]
    Stage {
        /// The stage.
        stage: String,
    },
    /// Queues were not drained in time.
    #[error(
        "shutdown took too long while waiting for: {waiting_for}\nhint: nothing acknowledged is lost; the rest is read again after the restart"
    )]
    Drain {
        /// What was waited for.
        waiting_for: &'static str,
    },
}

/// Runs the daemon until `stop` becomes true; reads its configuration again whenever `reload` asks for it. `act` is the
/// command that starts `act`, if the configuration wants it started.
pub async fn run(
    config: Config,
    act: Option<Spawn>,
    clock: SharedClock,
    stop: watch::Receiver<bool>,
    reload: Option<Reload>,
) -> Result<(), AppError> {
    let mut daemon = wiring::start(config, act, clock, reload).await?;
    daemon.ready();
    let ended = daemon.wait(stop).await;
    notify::stopping();
    let drained = shutdown::outcome(&daemon.shut_down().await);
    // What ended the daemon says more than what followed from it.
    ended.and(drained)
}
