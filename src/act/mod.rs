//! The other process: holds the credentials that can change something, reads no trail, and checks by itself before each change.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::watch;

use crate::clock::SharedClock;
use crate::config::ActConfig;
use crate::metrics::Metrics;

pub mod hook;
pub mod protocol;

/// Why `act` cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// Another `act` holds the socket or the state.
    #[error("another act is running: {path}\nhint: stop it first, or give this one a socket and a state file of its own")]
    Running {
        /// What it holds.
        path: PathBuf,
    },
    /// The socket cannot be made.
    #[error("socket cannot be made: {path}: {reason}\nhint: check that the directory exists and is writable by this user")]
    Socket {
        /// Where.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// What the budget has spent cannot be read or written.
    #[error("state cannot be used: {path}: {reason}\nhint: check the file and its directory; without it the budget of the last hour is unknown")]
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

/// Serves `run` on the socket, one client at a time, until `stop` becomes true.
pub async fn serve(
    _config: ActConfig,
    _clock: SharedClock,
    _metrics: Arc<Metrics>,
    _stop: watch::Receiver<bool>,
) -> Result<(), ActError> {
    Ok(())
}
