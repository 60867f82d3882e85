//! `trailbrake demo`: the whole chain on virtual time, in a simulated organisation.

mod organisation;
mod stage;

use std::io::{self, Write};
use std::time::Duration;

use trailbrake_detectors::engine::{BrakeSettings, Change, Mode, Settings, Situation};
use trailbrake_detectors::incident::Destroyed;
use trailbrake_detectors::scenario::{Options, Record, generate};
use trailbrake_detectors::time::{Millis, Second};

use self::organisation::Organisation;
use self::stage::{Seen, Stage};
use super::Exit;
use super::terminal::{escape, escape_to};

const SCENARIO: &str = "agent-rebuild";
/// Monday, 5 January 2026, 09:00 UTC.
const START: Second = Second(1_767_603_600);
/// Refused calls that are shown one by one.
const REFUSALS_SHOWN_MAX: usize = 5;

/// Shows an agent that goes wrong, the brake, the page, and what was saved.
///
/// A simulated organisation, an agent with its operator's role, the real pipeline, on faster time. Needs no account, no
/// network and no second terminal. CloudTrail delivers after 5 seconds there and IAM takes 4, as they do in the world.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  trailbrake demo --seed 7")]
pub(super) struct Arguments {
    /// Seeds all that varies.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// How long to take over it; 0 shows everything at once.
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(0..=60))]
    seconds: u64,
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let options = Options::new(arguments.seed, START);
    let Some(records) = generate(SCENARIO, &options) else {
        anyhow::bail!("the scenario {SCENARIO} is missing: this is a defect of trailbrake");
    };
    let without = undisturbed(&records)?;

    let pace = Pace::new(&records, Duration::from_secs(arguments.seconds));
    writeln!(out, "A simulated organisation, an agent with its operator's role, the real pipeline.")?;
    writeln!(out, "CloudTrail delivers after 5 s, IAM takes 4 s; {pace}.\n")?;
    let mut show = Show { out, refused: 0, paused_at: None };
    let mut organisation = Organisation::new(records, true);
    let mut stage = Stage::new(settings(Mode::Enforce))?;
    let mut last = START.millis();
    while let Some((at, happening)) = organisation.next() {
        pace.wait(last, at);
        last = at;
        for seen in stage.happen(at, happening, &mut organisation) {
            show.line(at, &seen)?;
        }
        show.out.flush()?;
    }
    let Some(incident) = stage.worst() else {
        anyhow::bail!("no incident in the scenario {SCENARIO}: this is a defect of trailbrake");
    };
    show.end(&incident, &without)?;
    Ok(Exit::Fine)
}

/// What the same trail destroys when nobody brakes.
fn undisturbed(records: &[Record]) -> anyhow::Result<Destroyed> {
    let mut organisation = Organisation::new(records.to_vec(), false);
    let mut stage = Stage::new(settings(Mode::Observe))?;
    while let Some((at, happening)) = organisation.next() {
        stage.happen(at, happening, &mut organisation);
    }
    Ok(stage.worst().map(|situation| situation.incident.destroyed).unwrap_or_default())
}

fn settings(mode: Mode) -> Settings {
    Settings {
        deployment: "demo".to_owned(),
        brake: BrakeSettings { mode, ..BrakeSettings::default() },
        ..Settings::default()
    }
}

/// How fast virtual time passes.
struct Pace {
    factor: f64,
    total: Duration,
}

impl Pace {
    fn new(records: &[Record], total: Duration) -> Self {
        let length = match (records.first(), records.last()) {
            (Some(first), Some(last)) => Duration::from_secs(last.time.0.abs_diff(first.time.0)),
            _ => Duration::ZERO,
        };
        let factor = if length.is_zero() { 0.0 } else { total.as_secs_f64() / length.as_secs_f64() };
        Self { factor, total }
    }

    fn wait(&self, from: Millis, to: Millis) {
        let gap = Duration::from_millis(to.0.saturating_sub(from.0).try_into().unwrap_or(0));
        std::thread::sleep(gap.mul_f64(self.factor).min(self.total));
    }
}

impl std::fmt::Display for Pace {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.factor > 0.0 {
            write!(formatter, "a second here is {:.0} there", 1.0 / self.factor)
        } else {
            formatter.write_str("all at once")
        }
    }
}

/// What is shown of it.
struct Show<'a> {
    out: &'a mut dyn Write,
    refused: usize,
    paused_at: Option<Millis>,
}

impl Show<'_> {
    fn line(&mut self, at: Millis, seen: &Seen) -> io::Result<()> {
        let time = at.second().to_string();
        let time = time.get(11..19).unwrap_or_default();
        match seen {
            Seen::Call { what, refused: false } => writeln!(self.out, "{time}  agent   {}", escape_to(what, 100)),
            Seen::Call { what, refused: true } => {
                self.refused += 1;
                match self.refused {
                    1..=REFUSALS_SHOWN_MAX => {
                        writeln!(self.out, "{time}  agent   {}   REFUSED", escape_to(what, 88))
                    }
                    _ => Ok(()),
                }
            }
            Seen::Brake { entity } => writeln!(self.out, "{time}  BRAKE   pausing {}", escape(entity)),
            Seen::Page { change, severity, text } => {
                let word = match change {
                    Change::Opened => "PAGE",
                    Change::Updated => "UPDATE",
                    Change::Resolved => "OVER",
                };
                writeln!(self.out, "{time}  {word:<7} {severity}: {}", escape(text))
            }
            Seen::Paused { entity } => {
                self.paused_at.get_or_insert(at);
                writeln!(self.out, "{time}  PAUSED  {}: the deny is in place, read back", escape(entity))
            }
        }
    }

    fn end(&mut self, situation: &Situation, without: &Destroyed) -> io::Result<()> {
        let more = self.refused.saturating_sub(REFUSALS_SHOWN_MAX);
        if more > 0 {
            writeln!(self.out, "          agent   and {more} more calls, all REFUSED")?;
        }
        let with = &situation.incident.destroyed;
        let saved = without.resources.saturating_sub(with.resources);
        let weight = (without.weight - with.weight).max(0.0);
        writeln!(self.out, "\nWhat was saved")?;
        writeln!(
            self.out,
            "  without the brake  {:>4} resources destroyed, weight {}",
            without.resources, without.weight
        )?;
        writeln!(self.out, "  with the brake     {:>4} resources destroyed, weight {}", with.resources, with.weight)?;
        writeln!(self.out, "  saved              {saved:>4} resources, weight {weight}")?;
        writeln!(self.out, "\nThe incident")?;
        super::terminal::show(situation, self.out)?;
        let id = escape(&situation.incident.id);
        writeln!(self.out, "\nIt stays paused until reviewers decide. Two of them would let it go on with")?;
        writeln!(self.out, "  trailbrake incidents resume {id} --reason 'why it may go on'")?;
        writeln!(self.out, "or one alone, which pages everybody, with --break-glass.")
    }
}
