//! `trailbrake replay`: judges trails that are over, all inputs as one.

mod facts;
mod input;
mod judge;
mod rejects;
mod runs;
mod size;
mod sort;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use trailbrake_detectors::engine::{Mode, Settings};
use trailbrake_detectors::incident::Severity;
use trailbrake_detectors::limits::RESOURCES_PER_EVENT_MAX;

pub(super) use self::facts::Reading;
pub(super) use self::judge::{Judged, Manner, Told, judge};
use super::listing::Shape;
use super::terminal::{counted, error_columns, escape, wrapped};
use super::{Exit, Format, UsageError};
use crate::clock::{Clock, SystemClock};
use crate::pipeline::{Accounts, DecodeStep};

/// Judges trails that are over. Nothing is paused, paged or remembered.
///
/// All inputs are one trail: records are read in any form that AWS delivers, put into their order whatever the order
/// of files and records, and judged in observe mode. The last line on standard error accounts for every record.
///
/// Where standard output is no terminal each incident is one line, parted by tabs: id, severity, when, who, detectors,
/// destroyed, where, own, reason.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  trailbrake replay cloudtrail.json.gz
  trailbrake replay --severity high AWSLogs/
  trailbrake replay --format json 'AWSLogs/**/*.json.gz' > incidents.ndjson
  aws cloudtrail lookup-events --output json | trailbrake replay -
  trailbrake simulate agent-rebuild --seed 7 | trailbrake replay -

Exit codes: 0 all inputs were read (rejected records are counted), 1 one of them could not be, 2 wrong usage.")]
pub(super) struct Arguments {
    #[command(flatten)]
    trail: TrailArguments,

    /// How the incidents are written.
    #[arg(long, value_enum, default_value_t)]
    format: Format,

    /// The least severity of incidents that are written. All are judged and counted.
    #[arg(long, value_enum, value_name = "SEVERITY", default_value_t)]
    severity: Least,

    /// Judges records in the order of the inputs, as the daemon would have: what is more than ten minutes late is
    /// judged with less. Without it they are put into the order of their event times first.
    #[arg(long)]
    as_arrived: bool,
}

/// The least severity that is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Least {
    #[default]
    Low,
    Medium,
    High,
    Critical,
}

impl Least {
    fn severity(self) -> Severity {
        match self {
            Self::Low => Severity::Low,
            Self::Medium => Severity::Medium,
            Self::High => Severity::High,
            Self::Critical => Severity::Critical,
        }
    }
}

/// Which trail is judged, and by what.
#[derive(Debug, clap::Args)]
pub(super) struct TrailArguments {
    /// A configuration file, for its limits, weights, catalog, inventory and protection; it need not name a source.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,

    /// What existed before the trail, and where: the output of AWS Config or of `describe` commands, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(super) inventory: Vec<PathBuf>,

    /// Files, directories (with all below), globs, or `-` for standard input.
    #[arg(required = true, value_name = "PATH")]
    pub(super) paths: Vec<String>,
}

impl TrailArguments {
    /// Finds the inputs and reads the configuration and the inventory.
    pub(super) fn open(&self, as_arrived: bool) -> anyhow::Result<(input::Found, Manner)> {
        let manner = manner(self.config.as_deref(), &self.inventory, as_arrived)?;
        let found = input::find(&self.paths);
        if found.inputs.is_empty() && found.unreadable.is_empty() {
            return Err(UsageError("no files below the paths given".to_owned()).into());
        }
        Ok((found, manner))
    }
}

fn manner(config: Option<&Path>, inventory: &[PathBuf], as_arrived: bool) -> anyhow::Result<Manner> {
    let (mut settings, catalog, mut files) = match config {
        // Whom pauses can reach is in the settings, by the hook that it names.
        Some(path) => {
            let config = crate::config::load_for_judging(path)?;
            (config.settings, config.catalog, config.inventory_files)
        }
        None => (Settings::default(), None, Vec::new()),
    };
    settings.brake.mode = Mode::Observe;
    settings.brake.exceptions.clear();
    files.extend(inventory.iter().cloned());
    Ok(Manner { settings, inventory: crate::inventory::read_all(&files)?, catalog, as_arrived })
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let (found, manner) = arguments.trail.open(arguments.as_arrived)?;
    let Judged { incidents, reading, .. } = judge(found, SystemClock.now(), manner, None)?;
    let least = arguments.severity.severity();
    let shown: Vec<&Told> = incidents.iter().filter(|told| told.report.severity_peak >= least).collect();
    if reading.holds_records() || arguments.format == Format::Json {
        write(&shown, incidents.is_empty(), arguments.format, out)?;
    }
    out.flush()?;
    if arguments.format == Format::Text
        && let Some(hint) = how_to_go_on(&incidents, &arguments.trail.paths)
    {
        writeln!(io::stderr(), "{hint}")?;
    }
    let found = summary(&incidents, shown.len(), least);
    account(&reading, if reading.holds_records() { &found } else { "" })
}

/// How many incidents there are, how many of them page, and how many were not written.
fn summary(incidents: &[Told], shown: usize, least: Severity) -> String {
    let all = counted(incidents.len() as u64, "incident");
    let pages = incidents.iter().filter(|told| told.report.severity_peak >= Severity::High).count();
    let left_out = match incidents.len() - shown {
        0 => String::new(),
        left_out => format!(" ({left_out} less than {} left out)", least.as_str()),
    };
    let paging = if incidents.is_empty() { String::new() } else { format!(", {pages} would have paged somebody") };
    format!("{all}{left_out}{paging}; ")
}

/// How to ask about the worst incident; of equals, the last.
fn how_to_go_on(incidents: &[Told], paths: &[String]) -> Option<String> {
    let worst = incidents.iter().max_by_key(|told| told.report.severity_peak)?;
    let is_plain =
        |path: &String| !path.is_empty() && path.chars().all(|one| one.is_alphanumeric() || "/._-=".contains(one));
    let path = match paths {
        [path] if is_plain(path) && path != "-" => path.as_str(),
        _ => "PATH…",
    };
    Some(format!("why: trailbrake explain {} {path}", escape(&worst.report.id)))
}

/// Says on standard error which inputs could not be read, and where each record ended.
pub(super) fn account(reading: &Reading, before: &str) -> anyhow::Result<Exit> {
    io::stderr().write_all(accounted(reading, before, error_columns()).as_bytes())?;
    let is_fine = reading.unreadable.is_empty() && reading.holds_records();
    Ok(if is_fine { Exit::Fine } else { Exit::Failed })
}

fn accounted(reading: &Reading, before: &str, columns: usize) -> String {
    let unreadable = reading.unreadable.iter().map(|reason| format!("error: {}\n", escape(reason)));
    let mut text: String = unreadable.collect();
    for (reason, count, places) in reading.rejects.told() {
        let about = DecodeStep::about(reason);
        let about = if about.is_empty() { String::new() } else { format!(": {about}") };
        text.push_str(&format!("rejected: {count} {reason}{about}\n"));
        places.iter().for_each(|place| text.push_str(&format!("  {}\n", escape(place))));
    }
    if reading.digests > 0 {
        let digests = counted(reading.digests, "digest");
        text.push_str(&format!("skipped: {digests} of log files, which hold no records\n"));
    }
    if reading.read_only_destructive > 0 {
        let records = counted(reading.read_only_destructive, "destructive record");
        text.push_str(&format!("judged although they say that they were reads: {records}\n"));
    }
    if reading.resources_left_out > 0 {
        let resources = counted(reading.resources_left_out, "resource");
        text.push_str(&format!("left out: {resources} past {RESOURCES_PER_EVENT_MAX} of one call\n"));
    }
    if !reading.holds_records() {
        let what = match (reading.accounts.received(), reading.accounts.column(Accounts::REJECTED)) {
            (0, _) => "there were no records".to_owned(),
            (_, 0) => "digests hold no records".to_owned(),
            (_, rejected) => format!("{} received, and nothing of it is a record", counted(rejected, "message")),
        };
        text.push_str(&format!("error: nothing was judged: {what}\n"));
        let hint = "hint: name files that CloudTrail writes below AWSLogs/ACCOUNT/CloudTrail/, or lines of records";
        text.push_str(&format!("{}\n", wrapped(hint, columns, 2)));
    }
    let Reading { accounts, inputs, unreadable, .. } = reading;
    let read = inputs - unreadable.len();
    text + &format!("{before}{read} of {inputs} inputs read\n{}\n", wrapped(&accounts.to_string(), columns, 2))
}

fn write(shown: &[&Told], are_none: bool, format: Format, out: &mut dyn Write) -> anyhow::Result<()> {
    match format {
        Format::Json => {
            for told in shown {
                serde_json::to_writer(&mut *out, &told.report)?;
                writeln!(out)?;
            }
        }
        Format::Text if are_none => writeln!(out, "no incidents")?,
        Format::Text => out.write_all(super::listing::judged(shown, Shape::of_output()).as_bytes())?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accounts_tell_what_is_unusual_only_where_there_is_some() {
        let told = |reading: &Reading| accounted(reading, "2 incidents; ", 100);
        let mut reading = Reading { inputs: 2, ..Reading::default() };
        reading.accounts.receive(1);
        reading.accounts.count("judged", 1);
        let usual = told(&reading);
        assert!(usual.starts_with("2 incidents; 2 of 2 inputs read\n1 received = "), "{usual}");
        reading.read_only_destructive = 3;
        reading.resources_left_out = 4;
        reading.unreadable.push("a\u{1b}b".to_owned());
        let lines = told(&reading);
        let lines: Vec<&str> = lines.lines().collect();
        assert!(lines[0].starts_with("error: a") && !lines[0].contains('\u{1b}'), "{lines:?}");
        let unusual = [
            "judged although they say that they were reads: 3 destructive records",
            "left out: 4 resources past 1000 of one call",
        ];
        assert_eq!(lines[1..3], unusual);
        assert!(lines[3].starts_with("2 incidents; 1 of 2 inputs read"), "{lines:?}");
    }

    #[test]
    fn digests_are_counted_and_are_no_records() {
        let mut reading = Reading { inputs: 1, digests: 2, ..Reading::default() };
        reading.accounts.receive(2);
        reading.accounts.count(Accounts::IGNORED, 2);
        let told = accounted(&reading, "", 100);
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(lines[0], "skipped: 2 digests of log files, which hold no records");
        assert_eq!(lines[1], "error: nothing was judged: digests hold no records");
        assert!(lines[2].starts_with("hint: ") && lines[4].starts_with("2 received = "), "{lines:?}");
        assert_eq!((lines[3], lines.len()), ("1 of 1 inputs read", 5), "{lines:?}");
        reading.accounts.receive(1);
        assert!(!accounted(&reading, "", 100).contains("nothing was judged"));
    }
}
