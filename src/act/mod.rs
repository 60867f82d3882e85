//! The other process: holds the credentials that can change something, reads no trail, and checks by itself before each change.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tokio::sync::{mpsc, watch};

use crate::clock::SharedClock;
use crate::config::ActConfig;
use crate::limits::{ACT_LINES_QUEUED_MAX, PARENT_WATCH};
use crate::metrics::Metrics;

mod budget;
mod checks;
mod desk;
mod door;
mod entity;
pub mod hook;
pub(crate) mod lines;
pub(crate) mod pace;
pub mod protocol;
mod reconcile;

use budget::Budget;
use checks::Modes;
use desk::Desk;
use door::Door;
use hook::Hook;
use pace::Pace;
use reconcile::Tools;

/// Why `act` cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// Another `act` holds the socket or the state.
    #[error(
        "another act is running: {path}\nhint: stop it first, or give this one a socket and a state file of its own"
    )]
    Running {
        /// What it holds.
        path: PathBuf,
    },
    /// The socket cannot be made.
    #[error(
        "socket cannot be made: {path}: {reason}\nhint: check that the directory exists and is writable by this user"
    )]
    Socket {
        /// Where.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// What the budget has spent cannot be read or written.
    #[error(
        "state cannot be used: {path}: {reason}\nhint: check the file and its directory; without it the budget of the last hour is unknown"
    )]
    State {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The hook's settings do not work.
    #[error("hook {hook}: {reason}")]
    Hook {
        /// The hook.
        hook: &'static str,
        /// What is wrong.
        reason: String,
    },
}

/// Serves `run` on the socket, one client at a time, until `stop` becomes true. A child also ends when its parent does.
pub async fn serve(
    config: ActConfig,
    clock: SharedClock,
    metrics: Arc<Metrics>,
    stop: watch::Receiver<bool>,
) -> Result<(), ActError> {
    let hook = hook::build(&config.hook, Arc::clone(&clock)).await?;
    serve_with(config, hook, Pace::default(), clock, metrics, stop).await
}

/// Like [`serve`], with a hook that is there already.
pub(crate) async fn serve_with(
    config: ActConfig,
    hook: Arc<dyn Hook>,
    pace: Pace,
    clock: SharedClock,
    metrics: Arc<Metrics>,
    stop: watch::Receiver<bool>,
) -> Result<(), ActError> {
    let door = Door::open(&config.socket, &config.state, !config.spawn)?;
    let budget = Budget::open(&config.state, config.budget_account, config.budget_total)?;
    let (sender, out) = mpsc::channel(ACT_LINES_QUEUED_MAX);
    let tools = Tools {
        hook,
        modes: Arc::new(Modes { mode: config.mode, exceptions: config.exceptions }),
        protected: Arc::new(config.protected),
        budget: Arc::new(Mutex::new(budget)),
        clock,
        pace,
        out: sender,
    };
    tracing::info!(hook = tools.hook.name(), socket = %config.socket.display(), "act serves");
    let serving = Desk::new(tools, metrics).serve(&door, out, stop);
    if config.spawn {
        tokio::select! {
            () = serving => {}
            () = orphaned() => tracing::info!("the parent is gone, act ends"),
        }
    } else {
        serving.await;
    }
    Ok(())
}

/// Ends when this process gets another parent than it had: a killed `run` cannot end its child by itself, and the next
/// one starts a child with settings of its own.
async fn orphaned() {
    let parent = std::os::unix::process::parent_id();
    while std::os::unix::process::parent_id() == parent {
        tokio::time::sleep(PARENT_WATCH).await;
    }
}

/// Returns once `stop` is true, or nobody is left who could say so.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

#[cfg(test)]
pub(crate) mod tests;
