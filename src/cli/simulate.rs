//! `trailbrake simulate`: trails to try things with.

use std::io::Write;
use std::ops::RangeInclusive;

use clap::builder::PossibleValuesParser;
use trailbrake_detectors::limits::LATENESS_SECONDS;
use trailbrake_detectors::scenario::{self, Options, Scenario};
use trailbrake_detectors::time::Second;

use super::{Exit, UsageError};

/// The name of the scenario that some options are for.
const ORGANISATION: &str = "organisation";
/// Principals of an organisation.
const PRINCIPALS: RangeInclusive<i64> = 1..=100_000;
/// Records a second of an organisation.
const RATE: RangeInclusive<f64> = 0.01..=100_000.0;
/// How long an organisation is watched, in seconds: up to a year.
const DURATION: RangeInclusive<i64> = 60..=365 * 24 * 60 * 60;

/// Prints a scenario's trail as CloudTrail records, one per line. Same options, same bytes.
///
/// The destructive scenarios are what an incident must come of; the benign ones look like it and must page nobody. All
/// names and numbers vary with the seed; the shapes are those of AWS.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  Which scenarios are there?
    trailbrake simulate --list
  What would be said of an agent that deletes production and creates it again?
    trailbrake simulate agent-rebuild --seed 7 | trailbrake replay -
  The same as streams deliver it: out of order, and three records of ten twice:
    trailbrake simulate agent-rebuild --seed 7 --shuffle 600 --duplicates 30 | trailbrake replay --as-arrived -
  Is it found in a day of an organisation where much else goes on?
    trailbrake simulate organisation --seed 7 --principals 200 --duration 1d --inject zone-sweep > day.ndjson
    trailbrake replay day.ndjson")]
pub(super) struct Arguments {
    /// The scenario.
    #[arg(required_unless_present = "list", value_parser = scenarios(), hide_possible_values = true)]
    scenario: Option<String>,

    /// Seeds all that varies.
    #[arg(long, value_name = "N", required_unless_present = "list")]
    seed: Option<u64>,

    /// The time of the first event, in CloudTrail's own form.
    #[arg(long, value_name = "TIME", default_value = "2026-01-05T09:00:00Z", value_parser = parse_time)]
    start: Second,

    /// Shuffles: each record comes at most so many seconds after younger ones. More than 600 is too late for a daemon.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(i64).range(1..=24 * 60 * 60))]
    shuffle: Option<i64>,

    /// Repeats so many of a hundred records, unchanged, up to ten minutes later.
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent)]
    duplicates: Option<f64>,

    /// For `organisation`: how many principals there are; ten share an account [default: 50]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(PRINCIPALS))]
    principals: Option<i64>,

    /// For `organisation`: records a second. Changes come at their own pace, reads fill up what is left [default: 5]
    #[arg(long, value_name = "RECORDS", value_parser = parse_rate)]
    rate: Option<f64>,

    /// For `organisation`: how long it is watched, such as 1d, 12h, 90m or 600s [default: 1h]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    duration: Option<i64>,

    /// For `organisation`: a destructive scenario that happens in its midst, in an account of its own.
    #[arg(long, value_name = "SCENARIO", value_parser = scenarios(), hide_possible_values = true)]
    inject: Option<String>,

    /// Lists the scenarios.
    #[arg(long, exclusive = true)]
    list: bool,
}

/// The names of all scenarios: a name that is none of them is refused with the nearest one.
fn scenarios() -> PossibleValuesParser {
    PossibleValuesParser::new(scenario::ALL.iter().map(|scenario| scenario.name))
}

fn parse_time(text: &str) -> Result<Second, String> {
    Second::parse(text).ok_or_else(|| "not a time such as 2026-01-05T09:00:00Z".to_owned())
}

/// Reads a number of hundredths; a sign of per cent may follow.
fn parse_percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).parse().ok().filter(|percent| (0.0..=100.0).contains(percent));
    number.map(|percent: f64| percent / 100.0).ok_or_else(|| "not a number from 0 to 100".to_owned())
}

fn parse_rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate| RATE.contains(rate));
    rate.ok_or_else(|| format!("not a number from {} to {}", RATE.start(), RATE.end()))
}

/// Reads a whole number of days, hours, minutes or seconds.
fn parse_duration(text: &str) -> Result<i64, String> {
    let units = [('d', 24 * 60 * 60), ('h', 60 * 60), ('m', 60), ('s', 1)];
    let read = |(unit, seconds): (char, i64)| text.strip_suffix(unit)?.parse::<i64>().ok()?.checked_mul(seconds);
    let Some(seconds) = units.into_iter().find_map(read) else {
        return Err("not a time such as 1d, 12h, 90m or 600s".to_owned());
    };
    if DURATION.contains(&seconds) { Ok(seconds) } else { Err("not between a minute and a year".to_owned()) }
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let (Some(name), Some(seed)) = (&arguments.scenario, arguments.seed) else {
        list(out)?;
        return Ok(Exit::Fine);
    };
    let options = options(arguments, name, seed)?;
    let Some(records) = scenario::stream(name, &options) else {
        return Err(no_such(name));
    };
    for record in records {
        writeln!(out, "{}", record.json)?;
    }
    Ok(Exit::Fine)
}

fn list(out: &mut dyn Write) -> std::io::Result<()> {
    let width = scenario::ALL.iter().map(|scenario| scenario.name.len()).max().unwrap_or_default();
    for scenario in scenario::ALL {
        let kind = if scenario.destructive { "destructive" } else { "harmless" };
        writeln!(out, "{:<width$} {:<12} {}", scenario.name, kind, scenario.about)?;
    }
    Ok(())
}

fn options(arguments: &Arguments, name: &str, seed: u64) -> anyhow::Result<Options> {
    let for_organisation = [
        ("--principals", arguments.principals.is_some()),
        ("--rate", arguments.rate.is_some()),
        ("--duration", arguments.duration.is_some()),
        ("--inject", arguments.inject.is_some()),
    ];
    if let Some((flag, _)) = for_organisation.iter().find(|(_, given)| *given && name != ORGANISATION) {
        let message =
            format!("{flag} is for the scenario {ORGANISATION}\nhint: leave it out, or simulate {ORGANISATION}");
        return Err(UsageError(message).into());
    }
    let usual = Options::new(seed, arguments.start);
    Ok(Options {
        shuffle_seconds: arguments.shuffle,
        duplicates: arguments.duplicates.unwrap_or(usual.duplicates),
        principals: arguments.principals.and_then(|count| count.try_into().ok()).unwrap_or(usual.principals),
        rate: arguments.rate.unwrap_or(usual.rate),
        duration_seconds: arguments.duration.unwrap_or(usual.duration_seconds),
        inject: arguments.inject.as_deref().map(injected).transpose()?,
        ..usual
    })
}

fn injected(name: &str) -> anyhow::Result<&'static Scenario> {
    let scenario = scenario::find(name).ok_or_else(|| no_such(name))?;
    if !scenario.destructive {
        let message =
            format!("not a destructive scenario: {name}\nhint: an organisation holds all harmless ones anyway");
        return Err(UsageError(message).into());
    }
    Ok(scenario)
}

fn no_such(name: &str) -> anyhow::Error {
    let message = format!("no such scenario: {name}\nhint: `trailbrake simulate --list` names them");
    UsageError(message).into()
}

// The help says what the engine does with records that come too late.
const _: () = assert!(LATENESS_SECONDS == 600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_shares_are_read_as_people_write_them() {
        for (text, seconds) in [("1d", 86_400), ("12h", 43_200), ("90m", 5_400), ("600s", 600), ("365d", 31_536_000)] {
            assert_eq!(parse_duration(text), Ok(seconds), "{text}");
        }
        for text in ["", "d", "5", "1.5h", "-1d", "59s", "366d", "1w", "9223372036854775807d"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
        for (text, share) in [("0", 0.0), ("30", 0.3), ("30%", 0.3), ("100", 1.0)] {
            assert_eq!(parse_percent(text), Ok(share), "{text}");
        }
        for text in ["", "-1", "101", "NaN", "a third"] {
            assert!(parse_percent(text).is_err(), "{text}");
        }
        for text in ["0", "-5", "inf", "NaN", "many"] {
            assert!(parse_rate(text).is_err(), "{text}");
        }
    }
}
