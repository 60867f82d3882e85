//! `trailbrake run`: the daemon.

use std::sync::Arc;

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};

use super::Exit;
use super::configuration::Configuration;
use crate::app::Reload;
use crate::clock::SystemClock;
use crate::config::Problem;
use crate::pause::Spawn;

/// Watches the configured sources, judges, pages and pauses.
///
/// Reads hostile bytes and holds no right to change anything: `trailbrake act`, which does, is started as its child
/// unless the configuration says that it runs apart.
///
/// SIGTERM or SIGINT stops it in the order of the data: sources, queues, journal, receivers. A second one ends it at
/// once; nothing that was acknowledged is lost either way.
///
/// SIGHUP reads the configuration again: limits and weights of detectors, receivers, routes and declared tokens are taken
/// up; if anything is wrong, all of what was read before stays. The log and `trailbrake status` say what is wrong, and
/// what needs a restart.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  trailbrake run --config /etc/trailbrake/trailbrake.toml")]
pub(super) struct Arguments {
    #[command(flatten)]
    configuration: Configuration,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let config = crate::config::load(arguments.configuration.path())?;
    crate::logs::start(config.log_json);
    config.warnings.iter().for_each(Problem::warn);
    // What is wrong with them is found here, where it ends the program as a wrong configuration does.
    crate::api::Files::open(&config)?;
    let program = std::env::current_exe().context("the path of this program is unknown")?;
    let act =
        Spawn { program, arguments: vec!["act".into(), "--config".into(), arguments.configuration.path().into()] };
    let runtime = super::runtime()?;
    let path = arguments.configuration.path().to_owned();
    let result = runtime.block_on(async {
        let stop = stop_on_signals()?;
        let reload = Reload { asked: asked_on_signals()?, read: Arc::new(move || crate::config::load(&path)) };
        anyhow::Ok(crate::app::run(config, Some(act), Arc::new(SystemClock), stop, Some(reload)).await?)
    });
    // Whatever still hangs after the drain's deadline must not keep the process.
    runtime.shutdown_background();
    result.map(|()| Exit::Fine)
}

/// Becomes true at the first SIGTERM or SIGINT; a second one ends the process at once.
pub(super) fn stop_on_signals() -> anyhow::Result<watch::Receiver<bool>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        either(&mut terminate, &mut interrupt).await;
        let _ = stop.send(true);
        either(&mut terminate, &mut interrupt).await;
        std::process::exit(1);
    });
    Ok(stopped)
}

/// Tells of each SIGHUP; those that come while one is being answered are one.
fn asked_on_signals() -> anyhow::Result<mpsc::Receiver<()>> {
    let mut hangup = signal(SignalKind::hangup())?;
    let (ask, asked) = mpsc::channel(1);
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            if let Err(mpsc::error::TrySendError::Closed(())) = ask.try_send(()) {
                return;
            }
        }
    });
    Ok(asked)
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
