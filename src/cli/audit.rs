//! `trailbrake audit`: what was decided and done, and whether somebody has changed that since.

use std::io::Write;
use std::path::PathBuf;

use clap::Subcommand;
use serde::Serialize;
use serde_json::value::RawValue;
use trailbrake_detectors::time::Millis;

use super::configuration::Configuration;
use super::terminal::escape;
use super::{Exit, Format, UsageError};
use crate::config::JournalKind;
use crate::journal::{self, Broken, Entry, Head, Link, Verifier, hexadecimal};

/// Verifies and lists the audit trail of a journal, also while the daemon runs.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  trailbrake audit verify --config trailbrake.toml
  trailbrake audit verify --journal trailbrake.sqlite --head 1234:5f70…
  trailbrake audit list --config trailbrake.toml --format json

The hash of an entry is the SHA-256 of `PREVIOUS NUMBER AT KIND BODY`, as `list --format json` shows them.")]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Checks that no entry was changed, taken out or put in. Fails, and names the first broken link, if one was.
    Verify {
        #[command(flatten)]
        target: Target,
        /// The head that a page showed (`audit_head`): then nothing was cut off before it either, and it is this chain.
        #[arg(long, value_name = "NUMBER:HASH")]
        head: Option<String>,
    },
    /// Lists the entries, the oldest first.
    List {
        #[command(flatten)]
        target: Target,
        /// Only those from this number on.
        #[arg(long, value_name = "NUMBER", default_value_t = 0)]
        from: u64,
        /// How the data is written.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

/// Which journal.
#[derive(Debug, clap::Args)]
struct Target {
    #[command(flatten)]
    configuration: Configuration,
    /// The journal's file, in place of the one that the configuration names.
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    journal: Option<PathBuf>,
}

impl Target {
    fn path(&self) -> anyhow::Result<PathBuf> {
        if let Some(path) = &self.journal {
            return Ok(path.clone());
        }
        match crate::config::load(self.configuration.path())?.journal {
            JournalKind::Sqlite(path) => Ok(path),
            JournalKind::Memory => {
                Err(UsageError("a journal in memory has no audit trail\nhint: set `journal` to a file".to_owned())
                    .into())
            }
        }
    }
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> anyhow::Result<Exit> {
    match &arguments.command {
        Command::Verify { target, head } => {
            let head = head.as_deref().map(str::parse).transpose();
            verify(target, head.map_err(|error: journal::BadHead| UsageError(error.to_string()))?, out)
        }
        Command::List { target, from, format } => list(target, *from, *format, out),
    }
}

fn verify(target: &Target, wanted: Option<Head>, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let path = target.path()?;
    let mut verifier = Verifier::looking_for(wanted);
    let mut broken: Option<Broken> = None;
    journal::read_trail(&path, &mut |link| {
        broken = verifier.take(&link).err();
        broken.is_none()
    })?;
    match broken.map_or_else(|| verifier.end(), Err) {
        Ok(found) => {
            writeln!(out, "whole: {} entries", found.entries)?;
            if found.anchor.number > 0 {
                writeln!(out, "begins after entry {}: what was before is no longer kept", found.anchor)?;
            }
            if let Some(wanted) = wanted {
                writeln!(out, "holds entry {wanted}")?;
            }
            writeln!(out, "head {}", found.head)?;
            Ok(Exit::Fine)
        }
        Err(broken) => {
            writeln!(out, "{broken}")?;
            Ok(Exit::Failed)
        }
    }
}

/// An entry as it is written.
#[derive(Serialize)]
struct Shown<'a> {
    number: u64,
    at: i64,
    kind: &'a str,
    body: Option<&'a RawValue>,
    previous: String,
    hash: String,
}

fn list(target: &Target, from: u64, format: Format, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let path = target.path()?;
    let mut previous = Head::default();
    let mut written: anyhow::Result<()> = Ok(());
    journal::read_trail(&path, &mut |link| {
        match link {
            Link::Anchor(anchor) => previous = anchor,
            Link::Entry(entry) => {
                if entry.number >= from {
                    written = show(&entry, &previous, format, out);
                }
                previous = entry.head();
            }
        }
        written.is_ok()
    })?;
    written.map(|()| Exit::Fine)
}

fn show(entry: &Entry, previous: &Head, format: Format, out: &mut dyn Write) -> anyhow::Result<()> {
    if format == Format::Text {
        let Entry { number, at: Millis(_), kind, body, .. } = entry;
        let at = entry.at.second();
        return Ok(writeln!(out, "{number:>8}  {at}  {:<14}  {}", escape(kind), escape(body))?);
    }
    // A body that somebody made no JSON of is left out: `verify` says what of it.
    let shown = Shown {
        number: entry.number,
        at: entry.at.0,
        kind: &entry.kind,
        body: serde_json::from_str(&entry.body).ok(),
        previous: hexadecimal(&previous.hash),
        hash: hexadecimal(&entry.hash),
    };
    serde_json::to_writer(&mut *out, &shown)?;
    Ok(writeln!(out)?)
}
