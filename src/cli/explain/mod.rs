//! `trailbrake explain`: how near a principal came to each limit, when, and what it owns.

mod incidents;
mod json;
mod text;
mod wanted;

use std::collections::BTreeMap;
use std::io::Write;
use std::ops::RangeInclusive;
use std::sync::Arc;

use trailbrake_detectors::detector::{self, Amount, Gauge, Term, Weights};
use trailbrake_detectors::engine::{Engine, Nearness};
use trailbrake_detectors::incident::Report;
use trailbrake_detectors::limits::RECREATE_SECONDS_MAX;
use trailbrake_detectors::time::Second;
use trailbrake_detectors::timeline::Owned;

use self::wanted::{Chosen, Wanted};
use super::replay::{Judged, Told, TrailArguments, account, judge};
use super::{Exit, Format};
use crate::clock::{Clock, SystemClock};
use crate::config::plain;

/// Principals that may be meant, of a trail that holds more than there is room for.
const MATCHES_MAX: usize = 1_000;

/// Says how near a principal came to each limit of each detector, when, and what it owns.
///
/// A value that reaches a limit makes an incident of that severity, unless what it rests on is work of AWS itself, or
/// resources that the principal retires as a controller does: then it says so. What a principal owns is what it created
/// in the trail, and has not been destroyed since.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  Why is there this incident?
    trailbrake explain tb-grs5z6dilikm5ftz AWSLogs/
  How near did somebody come to one?
    trailbrake explain arn:aws:iam::123456789012:role/deployer AWSLogs/
    trailbrake explain deployer 'AWSLogs/**/*.json.gz'
    trailbrake explain --format json deployer trail.ndjson")]
pub(super) struct Arguments {
    /// The id of an incident; or an ARN of a role, user or session, a name, or any part of it that only one principal
    /// has.
    #[arg(value_name = "PRINCIPAL")]
    principal: String,

    #[command(flatten)]
    trail: TrailArguments,

    /// Tells of detectors that said nothing as well, and all that the principal owns.
    #[arg(long)]
    all: bool,

    /// How it is written.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let wanted = Wanted::of(&arguments.principal, &arguments.trail.paths)?;
    let (found, manner) = arguments.trail.open(false)?;
    let limits = manner.settings.limits.clone();
    let mut seen: BTreeMap<Arc<str>, Nearness> = BTreeMap::new();
    let mut look = |engine: &Engine| {
        for key in wanted.all_of(engine) {
            if seen.len() < MATCHES_MAX || seen.contains_key(&key) {
                engine.measure(&key, &ALWAYS, seen.entry(Arc::clone(&key)).or_default());
            }
        }
    };
    let Judged { incidents, reading, engine } = judge(found, SystemClock.now(), manner, Some(&mut look))?;
    if !reading.holds_records() {
        return account(&reading, "");
    }
    let reports: Vec<&Report> = incidents.iter().map(|told| &told.report).collect();
    let chosen = wanted.choose(engine.principals().chain(seen.keys()), &reports)?;
    let mut nearness = seen.remove(&chosen.key).unwrap_or_default();
    let during = during(&chosen, &reports).filter(|_| engine.dropped_to().is_none());
    engine.measure(&chosen.key, during.as_ref().unwrap_or(&ALWAYS), &mut nearness);
    let of_key =
        incidents.iter().filter(|told| told.report.principal.as_ref().is_some_and(|one| *one.key == *chosen.key));
    let told = Explanation {
        limits: detector::ALL.iter().map(|one| (one.name(), detector::limits_of(*one, &limits))).collect(),
        terms: detector::ALL.iter().map(|one| (one.name(), one.terms(&limits))).collect(),
        weights: &limits.weights,
        incidents: of_key.collect(),
        owned: engine.owned(&chosen.key),
        whole_from: engine.dropped_to(),
        is_within: during.is_some(),
        chosen,
        nearness,
    };
    match arguments.format {
        Format::Text => text::write(&told, arguments.all, out)?,
        Format::Json => {
            serde_json::to_writer(&mut *out, &json::told(&told))?;
            writeln!(out)?;
        }
    }
    out.flush()?;
    account(&reading, "")
}

/// All of a trail.
const ALWAYS: RangeInclusive<Second> = Second(i64::MIN)..=Second(i64::MAX);

/// When the incident that was asked for went on, with what came back of it: until the next of its principal began.
fn during(chosen: &Chosen, reports: &[&Report]) -> Option<RangeInclusive<Second>> {
    let id = chosen.incident.as_ref()?;
    let report = reports.iter().find(|report| report.id == *id)?;
    let from = Second::parse(&report.first_event_time)?;
    let last = Second::parse(&report.last_event_time)?;
    let key = |report: &Report| report.principal.as_ref().map(|principal| principal.key.clone());
    let others = reports.iter().filter(|other| key(other) == key(report));
    let next = others.filter_map(|other| Second::parse(&other.first_event_time)).filter(|time| *time > last).min();
    let to = last.plus(RECREATE_SECONDS_MAX);
    Some(from..=next.map_or(to, |next| to.min(next.plus(-1))))
}

/// All that is known of one principal.
struct Explanation<'a> {
    chosen: Chosen,
    /// The limits of each detector, with nothing reached.
    limits: Vec<(&'static str, Vec<Gauge>)>,
    /// What else the limits of each detector say.
    terms: BTreeMap<&'static str, Vec<Term>>,
    weights: &'a Weights,
    nearness: Nearness,
    /// All of the principal's.
    incidents: Vec<&'a Told>,
    owned: Vec<Owned>,
    /// What is older went for want of room.
    whole_from: Option<Second>,
    /// Whether nearness is told of the incident that was asked for alone.
    is_within: bool,
}

/// What a limit asks for, from the mildest severity up.
pub(super) fn levels(gauge: &Gauge) -> String {
    if gauge.levels.is_empty() {
        return "never".to_owned();
    }
    let levels: Vec<String> =
        gauge.levels.iter().map(|(level, amount)| format!("{} from {}", level.as_str(), figure(*amount))).collect();
    levels.join(", ")
}

/// What a limit asks for, in full.
pub(super) fn figure(amount: Amount) -> String {
    match amount {
        Amount::Weight(weight) => plain(weight).to_string(),
        Amount::Count(count) => count.to_string(),
        Amount::Places { places, weight } => format!("{places} with weight {}", plain(weight)),
    }
}
