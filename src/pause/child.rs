//! Keeps `act` running as a child.

use std::process::{ExitStatus, Stdio};

use tokio::process::Command;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::Spawn;
use crate::act::pace::Pace;
use crate::act::stopped;
use crate::limits::CHILD_SETTLED;

/// Starts the child, and again when it ends, until `stop` becomes true; then kills it: it can be killed anywhere.
pub(super) async fn keep(spawn: Spawn, pace: Pace, mut stop: watch::Receiver<bool>) {
    let mut failures = 0;
    loop {
        let started = Instant::now();
        tokio::select! {
            () = stopped(&mut stop) => return,
            result = run(&spawn) => match result {
                Ok(status) => tracing::error!(%status, "act ended, it will be started again"),
                Err(error) => tracing::error!(%error, program = %spawn.program.display(), "act cannot be started"),
            },
        }
        failures = if started.elapsed() >= CHILD_SETTLED { 1 } else { failures + 1 };
        tokio::select! {
            () = stopped(&mut stop) => return,
            () = sleep(pace.wait(failures)) => {}
        }
    }
}

/// Runs the child to its end. What it prints goes to our standard error. Dropped, it kills the child.
async fn run(spawn: &Spawn) -> std::io::Result<ExitStatus> {
    let mut child = Command::new(&spawn.program)
        .args(&spawn.arguments)
        .stdin(Stdio::null())
        .stdout(std::io::stderr())
        .kill_on_drop(true)
        .spawn()?;
    child.wait().await
}
