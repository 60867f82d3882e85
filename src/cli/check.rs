//! `trailbrake check`: is the configuration right?

use std::io::Write;
use std::path::PathBuf;

use super::Exit;
use crate::config::{Config, HookKind, JournalKind, SourceKind};

/// Reads the configuration and says what it means. Reaches nothing and changes nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  trailbrake check --config trailbrake.toml")]
pub(super) struct Arguments {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let config = crate::config::load(&arguments.config)?;
    for source in &config.sources {
        if !matches!(source.kind, SourceKind::Http) {
            crate::source::build(source)?;
        }
    }
    crate::alert::build(&config.receivers, config.public_url.as_deref())?;
    for warning in &config.warnings {
        writeln!(std::io::stderr(), "warning: {warning}")?;
    }
    writeln!(out, "{}: valid", arguments.config.display())?;
    describe(&config, out)?;
    Ok(Exit::Fine)
}

fn describe(config: &Config, out: &mut dyn Write) -> std::io::Result<()> {
    let brake = &config.settings.brake;
    writeln!(
        out,
        "mode       {}, {} exceptions, {} protected",
        brake.mode.as_str(),
        brake.exceptions.len(),
        brake.protected.len()
    )?;
    match &config.journal {
        JournalKind::Sqlite(path) => writeln!(out, "journal    sqlite: {}", path.display())?,
        JournalKind::Memory => writeln!(out, "journal    memory: a restart forgets everything")?,
    }
    writeln!(out, "listener   {}, {} tokens", config.http, config.tokens.len())?;
    writeln!(out, "metrics    {}", config.metrics)?;
    for source in &config.sources {
        let kind = match source.kind {
            SourceKind::Kinesis { .. } => "kinesis",
            SourceKind::Kafka { .. } => "kafka",
            SourceKind::CloudTrail { .. } => "cloudtrail",
            SourceKind::File { .. } => "file",
            SourceKind::Stdin => "stdin",
            SourceKind::Http => "http",
        };
        let may_pause = if source.terms.may_pause { "may pause" } else { "only pages" };
        writeln!(out, "source     {}: {kind}, {may_pause}", source.terms.name)?;
    }
    for receiver in &config.receivers {
        writeln!(out, "receiver   {}: {}", receiver.name, receiver.kind.word())?;
    }
    match config.act.as_ref().map(|act| &act.hook) {
        Some(HookKind::AwsIam { .. }) => writeln!(out, "act        aws-iam"),
        Some(HookKind::Webhook { .. }) => writeln!(out, "act        webhook"),
        None => writeln!(out, "act        none: nothing is ever paused"),
    }
}
