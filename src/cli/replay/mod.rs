//! `trailbrake replay`: judges trails that are over, all inputs as one.

mod facts;
mod input;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use trailbrake_detectors::engine::{Engine, Fact, Input, Mode, Output, Partition, Settings, Situation};
use trailbrake_detectors::event::Event;

use self::facts::{Facts, gather};
use super::{Exit, Format, UsageError};
use crate::clock::{Clock, SystemClock};
use crate::pipeline::Accounts;

/// Judges trails that are over. Nothing is paused, paged or remembered.
///
/// All inputs are one trail: records are read in any form that AWS delivers, put into their order whatever the order
/// of files and records, and judged in observe mode. The last line on standard error accounts for every record.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  trailbrake replay cloudtrail.json.gz
  trailbrake replay --format json 'AWSLogs/**/*.json.gz' > incidents.ndjson
  aws cloudtrail lookup-events --output json | trailbrake replay -
  trailbrake simulate agent-rebuild --seed 7 | trailbrake replay -")]
pub(super) struct Arguments {
    /// A configuration file, for its settings of detectors and protection.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// How the incidents are written.
    #[arg(long, value_enum, default_value_t)]
    format: Format,

    /// Files, directories (with all below), globs, or `-` for standard input.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let mut settings = match &arguments.config {
        Some(path) => crate::config::load(path)?.settings,
        None => Settings::default(),
    };
    settings.brake.mode = Mode::Observe;
    settings.brake.exceptions.clear();

    let found = input::find(&arguments.paths);
    if found.inputs.is_empty() && found.unreadable.is_empty() {
        return Err(UsageError("no files below the paths given".to_owned()).into());
    }
    let inputs = found.inputs.len() + found.unreadable.len();
    let facts = gather(found, SystemClock.now())?;
    let unreadable = facts.unreadable.clone();
    let (incidents, accounts) = judge(facts, settings);
    write(&incidents, arguments.format, out)?;

    let mut log = io::stderr();
    for reason in &unreadable {
        writeln!(log, "error: {reason}")?;
    }
    let read = inputs - unreadable.len();
    writeln!(log, "{} incidents; {read} of {inputs} inputs read; {accounts}", incidents.len())?;
    Ok(if unreadable.is_empty() { Exit::Fine } else { Exit::Failed })
}

/// Feeds the engine the facts in their order.
fn judge(facts: Facts, settings: Settings) -> (Vec<Situation>, Accounts) {
    let mut engine = Engine::new(settings);
    let mut accounts = facts.accounts;
    let mut incidents = BTreeMap::new();
    let mut outputs = Vec::new();
    let partition = Partition { source: Arc::from("replay"), name: Arc::from("") };
    let bar = facts::progress(facts.events.len() as u64, "judging");
    let mut marked = None;
    for event in facts.events {
        let time = event.time;
        engine.apply(fact(event, &partition), &mut outputs);
        if marked != Some(time) {
            marked = Some(time);
            engine.apply(Input::Mark { partition: partition.clone(), time, received_at: time.millis() }, &mut outputs);
        }
        for output in outputs.drain(..) {
            match output {
                Output::Counted { column, .. } => accounts.count(Accounts::word(column), 1),
                Output::Incident { situation, .. } => {
                    incidents.insert(situation.incident.id.clone(), *situation);
                }
                Output::Row(_)
                | Output::Fact(_)
                | Output::Announce(_)
                | Output::Desire(_)
                | Output::Answer { .. }
                | Output::Wanted(_) => {}
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    incidents.extend(engine.situations().into_iter().map(|one| (one.incident.id.clone(), one)));
    let mut incidents: Vec<_> = incidents.into_values().collect();
    incidents.sort_by(|a, b| {
        (&a.incident.first_event_time, &a.incident.id).cmp(&(&b.incident.first_event_time, &b.incident.id))
    });
    (incidents, accounts)
}

/// A fact as it would have arrived had nothing delayed it.
fn fact(event: Event, partition: &Partition) -> Input {
    let received_at = event.time.millis();
    Input::Fact(Box::new(Fact { event, partition: partition.clone(), received_at, may_pause: true }))
}

fn write(incidents: &[Situation], format: Format, out: &mut dyn Write) -> anyhow::Result<()> {
    match format {
        Format::Json => {
            for situation in incidents {
                serde_json::to_writer(&mut *out, &situation.incident)?;
                writeln!(out)?;
            }
        }
        Format::Text if incidents.is_empty() => writeln!(out, "no incidents")?,
        Format::Text => {
            writeln!(out, "{}", super::terminal::table(incidents.iter().map(|situation| &situation.incident)))?;
        }
    }
    Ok(())
}
