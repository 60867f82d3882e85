//! `trailbrake act`: the process that may change something.

use std::sync::Arc;

use super::configuration::Configuration;
use super::{Exit, UsageError};
use crate::clock::SystemClock;
use crate::metrics::Metrics;

/// Carries out pauses for `trailbrake run`, and checks each by itself first.
///
/// Holds the credentials of the hook, reads no trail, and listens on nothing but the Unix socket of the
/// configuration, the same file as that of `trailbrake run`, which starts it by itself unless the configuration says
/// that it runs apart.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  trailbrake act --config /etc/trailbrake/trailbrake.toml")]
pub(super) struct Arguments {
    #[command(flatten)]
    configuration: Configuration,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let config = crate::config::load(arguments.configuration.path())?;
    crate::logs::start(config.log_json);
    let Some(act) = config.act else {
        return Err(UsageError(format!(
            "no [act] in {}: there is nothing to carry out\nhint: add the section, or leave this process out",
            arguments.configuration.path().display()
        ))
        .into());
    };
    super::runtime()?.block_on(async {
        let stop = super::run::stop_on_signals()?;
        crate::act::serve(act, Arc::new(SystemClock), Arc::new(Metrics::new()), stop).await?;
        Ok(Exit::Fine)
    })
}
