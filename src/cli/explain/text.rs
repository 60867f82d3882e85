//! What is known of a principal, for people: lines of at most a hundred columns.

use std::io::{self, Write};

use trailbrake_detectors::detector::{Amount, Gauge, Term};
use trailbrake_detectors::engine::Said;
use trailbrake_detectors::limits::FACTS_MAX;
use trailbrake_detectors::timeline::{Because, Thousandths};

use super::super::terminal::{self, columns, counted, escape, escape_to, short_name, wrapped};
use super::{Explanation, figure, incidents, levels};
use crate::config::plain;

/// How wide the column of limits' names is.
const NAMES: usize = 16;
/// Resources listed of what a principal owns.
const OWNED_LISTED_MAX: usize = 10;
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
    let columns = columns();
    writeln!(out, "{}", escape(&told.chosen.key))?;
    incidents::write(told, columns, out)?;
    if !told.nearness.starters.is_empty() {
        writeln!(out, "set going by one of")?;
        for starter in &told.nearness.starters {
            writeln!(out, "  {}", escape_to(starter, columns.saturating_sub(2)))?;
        }
    }
    if let Some(time) = told.whole_from {
        let note = format!(
            "note: this trail holds more than the {FACTS_MAX} changes that there is room for: what was created up to \
             {time} is left out of what it owns"
        );
        writeln!(out, "{}", wrapped(&note, columns, 6))?;
    }
    let first = |name: &str| told.nearness.said.get(name).map(|said| said.first.1);
    let mut limits: Vec<&(&str, Vec<Gauge>)> = told.limits.iter().collect();
    // In the order in which they spoke, those that did not last.
    limits.sort_by_key(|(name, _)| (first(name).is_none(), first(name)));
    let (spoke, silent): (Vec<_>, Vec<_>) = limits.into_iter().partition(|(name, _)| all || first(name).is_some());
    if told.is_within && !spoke.is_empty() {
        writeln!(out, "\nwhat was reached in the course of this incident:")?;
    }
    for (name, gauges) in spoke {
        write_detector(told, name, gauges, columns, out)?;
    }
    if !silent.is_empty() {
        writeln!(out, "\nsaid nothing")?;
    }
    for (name, gauges) in silent {
        writeln!(out, "  {name:<18} {}", nearest(told, name, gauges))?;
    }
    write_owned(told, all, columns, out)
}

fn write_detector(
    told: &Explanation<'_>,
    name: &str,
    gauges: &[Gauge],
    columns: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    let said = told.nearness.said.get(name);
    let heading = said.map_or_else(|| "said nothing".to_owned(), heading);
    writeln!(out, "\n{}", wrapped(&format!("{name}: {heading}"), columns, 2))?;
    for ((_, why), one) in told.nearness.mitigated.iter().filter(|((detector, _), _)| *detector == name) {
        if said.is_none_or(|said| one.reached > said.level) {
            let (reached, level) = (one.reached.as_str(), one.level.as_str());
            writeln!(out, "  {reached} at {} was capped at {level}:", one.at.second)?;
            writeln!(out, "  {}", because(*why))?;
        }
    }
    for limit in gauges {
        write_limit(told, name, limit, columns, out)?;
    }
    for Term { limit, about, amount } in told.terms.get(name).into_iter().flatten() {
        let line = format!("  {limit:<NAMES$} {}: {about}", figure(*amount));
        writeln!(out, "{}", wrapped(&line, columns, NAMES + 3))?;
    }
    Ok(())
}

/// `low at …, critical at …`: what a detector said first, and the worst that it said.
fn heading(said: &Said) -> String {
    let whole = if said.is_whole { ", with all who passed through it" } else { "" };
    let (level, at) = said.first;
    let first = match level == said.level || at.second == said.at.second {
        true => String::new(),
        false => format!("{} at {}, ", level.as_str(), at.second),
    };
    format!("{first}{} at {}{whole}", said.level.as_str(), said.at.second)
}

fn write_limit(
    told: &Explanation<'_>,
    name: &str,
    limit: &Gauge,
    columns: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut write = |first: &str, text: &str| {
        writeln!(out, "{}", wrapped(&format!("  {first:<NAMES$} {text}"), columns, NAMES + 3))
    };
    let reached = told.nearness.reached.iter().find(|((detector, one), _)| *detector == name && *one == limit.limit);
    let Some((_, reached)) = reached else {
        write(limit.limit, &format!("reached 0: {}", limit.about))?;
        return write("", &levels(limit));
    };
    write(limit.limit, &format!("reached {} at {}: {}", amount(&reached.gauge), reached.at.second, limit.about))?;
    for (level, amount) in &reached.gauge.levels {
        let from = format!("{} from {}", level.as_str(), figure(*amount));
        match reached.levels.get(level) {
            Some(at) => write("", &format!("{from}: first at {}", at.second))?,
            None => write("", &format!("{from}: not reached"))?,
        }
    }
    Ok(())
}

/// What was reached, in few digits, unless these would hide that a limit is.
fn amount(gauge: &Gauge) -> String {
    let exact = || figure(gauge.amount);
    let hides = |reached: Thousandths, shown: &str| {
        let shown: f64 = shown.parse().unwrap_or_default();
        let limits = gauge.levels.iter().filter_map(|(_, limit)| match limit {
            Amount::Weight(weight) | Amount::Places { weight, .. } => Some(*weight),
            Amount::Count(_) => None,
        });
        limits.into_iter().any(|limit| reached >= limit && shown < plain(limit))
    };
    match gauge.amount {
        Amount::Count(_) => exact(),
        Amount::Weight(reached) | Amount::Places { weight: reached, .. } => {
            let shown = terminal::weight(plain(reached));
            match gauge.amount {
                _ if hides(reached, &shown) => exact(),
                Amount::Places { places, .. } => format!("{places} with weight {shown}"),
                _ => shown,
            }
        }
    }
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
    format!("nearest: {} {}; {}", reached.gauge.limit, amount(&reached.gauge), first.unwrap_or_default())
}

fn write_owned(told: &Explanation<'_>, all: bool, columns: usize, out: &mut dyn Write) -> io::Result<()> {
    let owned = &told.owned;
    if owned.is_empty() {
        return writeln!(out, "\nowns nothing that it created in this trail");
    }
    let are = if owned.len() == 1 { "is" } else { "are" };
    let resources = counted(owned.len() as u64, "resource");
    writeln!(out, "\nowns {resources} that it created in this trail and that {are} still there")?;
    let listed = if all { owned.len() } else { OWNED_LISTED_MAX.min(owned.len()) };
    for one in owned.iter().take(listed) {
        let doubt = if one.is_proven { ' ' } else { '?' };
        let line = format!("{doubt} {}  {}  {}", one.created_at, escape(&one.region), escape_to(&one.kind, 40));
        let room = columns.saturating_sub(line.chars().count() + 2).max(20);
        writeln!(out, "{line}  {}", escape_to(short_name(&one.id), room))?;
    }
    if owned.iter().take(listed).any(|one| !one.is_proven) {
        writeln!(out, "?: may have been there before")?;
    }
    if owned.len() > listed {
        writeln!(out, "  and {} more: see --all", owned.len() - listed)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use trailbrake_detectors::incident::Severity;

    use super::*;

    #[test]
    fn what_was_reached_is_told_in_few_digits_unless_they_hide_that_a_limit_is() {
        let places = |weight| Amount::Places { places: 3, weight };
        for (reached, limit, expected) in [
            (Amount::Weight(25_996), Amount::Weight(26_000), "25.9"),
            (Amount::Weight(26_000), Amount::Weight(26_000), "26"),
            (Amount::Weight(5_128), Amount::Weight(5_120), "5.128"),
            (Amount::Weight(5_128), Amount::Weight(5_200), "5.1"),
            (places(25_998), places(8_000), "3 with weight 25.9"),
            (places(8_015), places(8_010), "3 with weight 8.015"),
            (Amount::Count(7), Amount::Count(8), "7"),
        ] {
            let gauge = Gauge { limit: "l", about: "a", amount: reached, levels: vec![(Severity::High, limit)] };
            assert_eq!(amount(&gauge), expected);
        }
    }
}
