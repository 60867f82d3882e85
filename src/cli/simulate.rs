//! `trailbrake simulate`: trails to try things with.

use std::io::Write;

use trailbrake_detectors::scenario::{self, Options};
use trailbrake_detectors::time::Second;

use super::{Exit, UsageError};

/// Prints a scenario's trail as CloudTrail records, one per line. Same seed, same bytes.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  trailbrake simulate --list
  trailbrake simulate agent-rebuild --seed 7 | trailbrake replay -")]
pub(super) struct Arguments {
    /// The scenario.
    #[arg(required_unless_present = "list")]
    scenario: Option<String>,

    /// Seeds all that varies.
    #[arg(long, value_name = "N", required_unless_present = "list")]
    seed: Option<u64>,

    /// The time of the first event, in CloudTrail's own form.
    #[arg(long, value_name = "TIME", default_value = "2026-01-05T09:00:00Z", value_parser = parse_time)]
    start: Second,

    /// Lists the scenarios.
    #[arg(long, exclusive = true)]
    list: bool,
}

fn parse_time(text: &str) -> Result<Second, String> {
    Second::parse(text).ok_or_else(|| "not a time such as 2026-01-05T09:00:00Z".to_owned())
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let (Some(name), Some(seed)) = (&arguments.scenario, arguments.seed) else {
        for scenario in scenario::ALL {
            let kind = if scenario.destructive { "destructive" } else { "harmless" };
            writeln!(out, "{:<20} {:<12} {}", scenario.name, kind, scenario.about)?;
        }
        return Ok(Exit::Fine);
    };
    let Some(records) = scenario::generate(name, &Options { seed, start: arguments.start }) else {
        let message = format!("no such scenario: {name}\nhint: `trailbrake simulate --list` names them");
        return Err(UsageError(message).into());
    };
    for record in records {
        writeln!(out, "{}", record.json)?;
    }
    Ok(Exit::Fine)
}
