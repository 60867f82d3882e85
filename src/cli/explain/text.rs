//! What is known of a principal, for people: lines of at most a hundred columns.

use std::cmp::Reverse;
use std::io::{self, Write};

use trailbrake_detectors::detector::Gauge;
use trailbrake_detectors::limits::FACTS_MAX;
use trailbrake_detectors::timeline::Because;

use super::super::replay::Told;
use super::super::terminal::{counted, escape, escape_to};
use super::{Explanation, figure, levels};
use crate::config::plain;

/// How wide lines are at most, where what they tell allows it.
const COLUMNS: usize = 100;
/// Resources listed of what a principal owns.
const OWNED_LISTED_MAX: usize = 10;
/// Incidents listed of a principal; of more, the last.
const INCIDENTS_LISTED_MAX: usize = 20;

/// Why less is said than a limit asks for.
pub(super) fn because(because: Because) -> &'static str {
    match because {
        Because::AwsServices => "all of it is the work of AWS services",
        Because::Retired => "retired by its maker: one or two types that hold no state",
        Because::RetiredWidely => "retired by its maker: nothing of it holds state",
        Because::OwnYoung => "all of it is own and young",
    }
}

pub(super) fn write(told: &Explanation<'_>, all: bool, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", escape(&told.chosen.key))?;
    write_incidents(told, out)?;
    if !told.nearness.starters.is_empty() {
        writeln!(out, "set going by one of")?;
        for starter in &told.nearness.starters {
            writeln!(out, "  {}", escape_to(starter, COLUMNS - 2))?;
        }
    }
    if let Some(time) = told.whole_from {
        writeln!(out, "note: this trail holds more than the {FACTS_MAX} changes that there is room for:")?;
        writeln!(out, "      what was created up to {time} is left out of what it owns")?;
    }
    let mut limits: Vec<&(&str, Vec<Gauge>)> = told.limits.iter().collect();
    let level = |name: &str| told.nearness.said.get(name).map(|said| said.level);
    limits.sort_by_key(|(name, _)| Reverse(level(name)));
    let (spoke, silent): (Vec<_>, Vec<_>) = limits.into_iter().partition(|(name, _)| all || level(name).is_some());
    for (name, gauges) in spoke {
        write_detector(told, name, gauges, out)?;
    }
    if !silent.is_empty() {
        writeln!(out, "\nsaid nothing")?;
    }
    for (name, gauges) in silent {
        writeln!(out, "  {name:<18} {}", nearest(told, name, gauges))?;
    }
    write_owned(told, all, out)
}

fn write_incidents(told: &Explanation<'_>, out: &mut dyn Write) -> io::Result<()> {
    if told.incidents.is_empty() {
        return writeln!(out, "incidents: none");
    }
    writeln!(out, "incidents")?;
    let asked_for = |one: &&&Told| told.chosen.incident.as_ref().is_none_or(|id| one.report.id == *id);
    let shown: Vec<&&Told> = told.incidents.iter().filter(asked_for).collect();
    let listed = shown.len().min(INCIDENTS_LISTED_MAX);
    for Told { report, own, .. } in shown.iter().skip(shown.len() - listed) {
        let (first, last) = (escape(&report.first_event_time), escape(&report.last_event_time));
        let (severity, id) = (report.severity_peak.as_str(), escape(&report.id));
        writeln!(out, "  {severity:<8}  {id}  {first} to {last}")?;
        let destroyed = &report.destroyed;
        let resources = counted(destroyed.resources, "resource");
        if own.own > 0 {
            writeln!(out, "            {resources}, {} made by itself, {} of them young", own.own, own.young)?;
        } else if destroyed.resources > 0 {
            writeln!(out, "            {resources}")?;
        }
        if own.young > 0 {
            let (share, most) = (plain(told.weights.lessened_share * 100), plain(told.weights.own_young_max));
            writeln!(out, "            what is own and young weighs {share} % of it, and {most} in all at most")?;
        }
    }
    let others = told.incidents.len() - listed;
    if others > 0 {
        writeln!(out, "  and {} of the same principal", counted(others as u64, "other"))?;
    }
    if told.is_within {
        writeln!(out, "what was reached in the course of this incident:")?;
    }
    Ok(())
}

fn write_detector(told: &Explanation<'_>, name: &str, gauges: &[Gauge], out: &mut dyn Write) -> io::Result<()> {
    let said = told.nearness.said.get(name);
    let heading = said.map(|said| {
        let whole = if said.is_whole { ", with all who passed through it" } else { "" };
        format!("{} at {}{whole}", said.level.as_str(), said.at.second)
    });
    writeln!(out, "\n{name}: {}", heading.unwrap_or_else(|| "said nothing".to_owned()))?;
    for ((_, why), one) in told.nearness.mitigated.iter().filter(|((detector, _), _)| *detector == name) {
        if said.is_none_or(|said| one.reached > said.level) {
            let (reached, level) = (one.reached.as_str(), one.level.as_str());
            writeln!(out, "  {reached} at {} was capped at {level}:", one.at.second)?;
            writeln!(out, "  {}", because(*why))?;
        }
    }
    gauges.iter().try_for_each(|limit| write_limit(told, name, limit, out))
}

fn write_limit(told: &Explanation<'_>, name: &str, limit: &Gauge, out: &mut dyn Write) -> io::Result<()> {
    let reached = told.nearness.reached.iter().find(|((detector, one), _)| *detector == name && *one == limit.limit);
    let Some((_, reached)) = reached else {
        writeln!(out, "  {:<15} reached 0; {}", limit.limit, levels(limit))?;
        return writeln!(out, "  {:<15} {}", "", limit.about);
    };
    let amount = figure(reached.gauge.amount);
    writeln!(out, "  {:<15} reached {amount} at {}", limit.limit, reached.at.second)?;
    writeln!(out, "  {:<15} {}", "", limit.about)?;
    for (level, amount) in &reached.gauge.levels {
        let from = format!("{} from {}", level.as_str(), figure(*amount));
        match reached.levels.get(level) {
            Some(at) => writeln!(out, "  {:<15} {from}: first at {}", "", at.second)?,
            None => writeln!(out, "  {:<15} {from}: not reached", "")?,
        }
    }
    Ok(())
}

/// Of a detector that said nothing, the limit that it came nearest to.
fn nearest(told: &Explanation<'_>, name: &str, gauges: &[Gauge]) -> String {
    let of_detector = gauges.iter().filter_map(|limit| {
        let mut all = told.nearness.reached.iter();
        let (_, reached) = all.find(|((detector, one), _)| *detector == name && *one == limit.limit)?;
        let (_, least) = reached.gauge.levels.first()?;
        Some((reached.gauge.amount.share_of(*least), reached))
    });
    let Some((_, reached)) = of_detector.max_by_key(|(share, _)| *share) else { return "reached nothing".to_owned() };
    let first =
        reached.gauge.levels.first().map(|(level, amount)| format!("{} from {}", level.as_str(), figure(*amount)));
    let amount = figure(reached.gauge.amount);
    format!("nearest: {} {amount}; {}", reached.gauge.limit, first.unwrap_or_default())
}

fn write_owned(told: &Explanation<'_>, all: bool, out: &mut dyn Write) -> io::Result<()> {
    let owned = &told.owned;
    let are = if owned.len() == 1 { "is" } else { "are" };
    let resources = counted(owned.len() as u64, "resource");
    writeln!(out, "\nowns {resources} that it created in this trail and that {are} still there")?;
    let listed = if all { owned.len() } else { OWNED_LISTED_MAX.min(owned.len()) };
    for one in owned.iter().take(listed) {
        let doubt = if one.is_proven { ' ' } else { '?' };
        let line = format!("{doubt} {}  {}  {}", one.created_at, escape(&one.region), escape_to(&one.kind, 40));
        let room = COLUMNS.saturating_sub(line.chars().count() + 2).max(20);
        // Of an ARN, what comes last tells most.
        let id = if one.id.starts_with("arn:") { one.id.splitn(6, ':').last() } else { None };
        writeln!(out, "{line}  {}", escape_to(id.unwrap_or(&one.id), room))?;
    }
    if owned.iter().take(listed).any(|one| !one.is_proven) {
        writeln!(out, "?: may have been there before")?;
    }
    if owned.len() > listed {
        writeln!(out, "  and {} more: see --all", owned.len() - listed)?;
    }
    Ok(())
}
