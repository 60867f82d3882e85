//! `trailbrake check`: is the configuration right?

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use trailbrake_detectors::catalog::{Catalog, Comparison};

use super::Exit;
use super::configuration::Configuration;
use super::terminal::escape;
use crate::config::{Config, HookKind, JournalKind, SourceKind};

/// A table of facts larger than this is refused.
const FACTS_BYTES_MAX: u64 = 64 << 20;

/// Reads the configuration and says what it means, or compares the catalog with a table of facts about AWS's actions.
/// Reaches nothing and changes nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  trailbrake check --config trailbrake.toml
  trailbrake check --catalog-facts actions.csv")]
pub(super) struct Arguments {
    #[command(flatten)]
    configuration: Configuration,

    /// A table of facts about actions (CSV), to compare the catalog with, which is that of --config or else the one
    /// built in. Each difference that is not explained is printed, and one is enough to fail.
    #[arg(long, value_name = "FILE")]
    catalog_facts: Vec<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let configuration = &arguments.configuration;
    let is_default = arguments.catalog_facts.is_empty();
    let path = configuration.named().or_else(|| is_default.then(|| configuration.path()));
    let config = path.map(crate::config::load).transpose()?;
    if let (Some(path), Some(config)) = (path, &config) {
        check(path, config, out)?;
    }
    let built_in = Catalog::built_in();
    let catalog = config.as_ref().and_then(|config| config.catalog.as_deref()).unwrap_or(built_in);
    let mut exit = Exit::Fine;
    for path in &arguments.catalog_facts {
        if !compare(path, catalog, out)? {
            exit = Exit::Failed;
        }
    }
    Ok(exit)
}

/// Compares the catalog with a table of facts; whether all differences are explained.
fn compare(path: &Path, catalog: &Catalog, out: &mut dyn Write) -> anyhow::Result<bool> {
    let mut table = String::new();
    let file = std::fs::File::open(path).with_context(|| format!("facts cannot be read: {}", path.display()))?;
    file.take(FACTS_BYTES_MAX + 1)
        .read_to_string(&mut table)
        .with_context(|| format!("facts cannot be read: {}", path.display()))?;
    anyhow::ensure!(
        table.len() as u64 <= FACTS_BYTES_MAX,
        "facts are longer than {FACTS_BYTES_MAX} bytes: {}",
        path.display()
    );
    let found = trailbrake_detectors::catalog::compare(catalog, &table)
        .map_err(|reason| anyhow::anyhow!("{}: {reason}", path.display()))?;
    for difference in &found.differences {
        writeln!(out, "{}", escape(&difference.to_string()))?;
    }
    let Comparison { agree, explained, unexplained, .. } = found;
    let rows = agree + explained + unexplained;
    writeln!(
        out,
        "{}: {rows} rows: {agree} agree, {explained} differ as explained, {unexplained} differ without explanation",
        path.display()
    )?;
    Ok(unexplained == 0)
}

fn check(path: &Path, config: &Config, out: &mut dyn Write) -> anyhow::Result<()> {
    for source in &config.sources {
        if !matches!(source.kind, SourceKind::Http) {
            crate::source::build(source)?;
        }
        if let SourceKind::File { path, follow } = &source.kind
            && let Some((what, hint)) = crate::source::file::remark(path, *follow)
        {
            let name = &source.terms.name;
            writeln!(std::io::stderr(), "warning: sources.{name}.file.path: {}\nhint: {hint}", escape(&what))?;
        }
    }
    crate::alert::build(&config.receivers, config.public_url.as_deref(), &crate::alert::LiveRoutes::default())?;
    let files = crate::api::Files::open(config)?;
    for warning in &config.warnings {
        writeln!(std::io::stderr(), "warning: {warning}")?;
    }
    let inventory = crate::inventory::read_all(&config.inventory_files)?;
    writeln!(out, "{}: valid", path.display())?;
    describe(config, files.tokens(), out)?;
    if config.catalog.is_some() {
        writeln!(out, "catalog    with a table of your own")?;
    }
    if !config.inventory_files.is_empty() {
        writeln!(out, "inventory  {} files, {} names of resources", config.inventory_files.len(), inventory.len())?;
    }
    Ok(())
}

fn describe(config: &Config, tokens: usize, out: &mut dyn Write) -> std::io::Result<()> {
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
    let tls = if config.tls.is_some() { "with TLS" } else { "without TLS" };
    writeln!(out, "listener   {}, {tls}, {tokens} tokens", config.http)?;
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
