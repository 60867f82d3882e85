//! The incidents of a principal, as they are explained: when they would have paged and paused, and what they destroyed.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::{self, Write};

use trailbrake_detectors::catalog::Catalog;
use trailbrake_detectors::engine::{Pause, PauseState};
use trailbrake_detectors::event::{Effect, Outcome};
use trailbrake_detectors::incident::{Evidence, Report};

use super::super::replay::Told;
use super::super::terminal::{counted, escape, escape_to, short_name, weight, wrapped};
use super::Explanation;
use crate::config::plain;
use crate::pause::why_not;

/// Incidents listed of a principal; of more, the last.
const INCIDENTS_LISTED_MAX: usize = 20;
/// Of more incidents than this, what they destroyed is told in short.
const INCIDENTS_DETAILED_MAX: usize = 3;
/// Types listed of what an incident destroyed.
const TYPES_LISTED_MAX: usize = 8;
/// Resources named of each type.
const RESOURCES_NAMED_MAX: usize = 3;
/// Calls listed that switched something off.
const CALLS_LISTED_MAX: usize = 5;
/// How far what is told of an incident is indented.
const INDENT: usize = 4;

pub(super) fn write(told: &Explanation<'_>, columns: usize, out: &mut dyn Write) -> io::Result<()> {
    if told.incidents.is_empty() {
        return writeln!(out, "incidents: none");
    }
    writeln!(out, "incidents")?;
    let asked_for = |one: &&&Told| told.chosen.incident.as_ref().is_none_or(|id| one.report.id == *id);
    let shown: Vec<&&Told> = told.incidents.iter().filter(asked_for).collect();
    let listed = shown.len().min(INCIDENTS_LISTED_MAX);
    for one in shown.iter().skip(shown.len() - listed) {
        let mut lines = heading(told, one);
        if listed <= INCIDENTS_DETAILED_MAX {
            lines.extend(types(&one.report, columns));
            lines.extend(switched_off(&one.report, columns));
        }
        for line in lines {
            writeln!(out, "{}", wrapped(&line, columns, INDENT + 2))?;
        }
    }
    let others = told.incidents.len() - listed;
    if others > 0 {
        writeln!(out, "  and {} of the same principal", counted(others as u64, "other"))?;
    }
    Ok(())
}

/// What, when, how bad and how much.
fn heading(told: &Explanation<'_>, Told { report, own, moments, pauses, .. }: &Told) -> Vec<String> {
    let indent = " ".repeat(INDENT);
    let (first, last) = (escape(&report.first_event_time), escape(&report.last_event_time));
    let (severity, id) = (report.severity_peak.as_str(), escape(&report.id));
    let mut lines = vec![format!("  {severity:<8}  {id}  {first} to {last}")];
    let destroyed = &report.destroyed;
    let gone = |count: Option<u64>| format!("with {} gone", count.unwrap_or_default());
    if let Some(page) = moments.page {
        let can_pause = pauses.iter().any(|pause| pause.state != PauseState::Unpausable);
        let pause = match moments.pause {
            Some(pause) if can_pause => format!("paused at {pause} {}", gone(destroyed.at_pause)),
            Some(pause) => format!("and paused nobody when critical at {pause} {}", gone(destroyed.at_pause)),
            None => "paused nobody".to_owned(),
        };
        lines.push(format!("{indent}would have paged at {page} {}, {pause}", gone(destroyed.at_page)));
        if moments.pause.is_some() {
            lines.extend(out_of_reach(pauses));
        }
    } else {
        lines.push(format!("{indent}would have paged nobody"));
    }
    if destroyed.resources > 0 {
        let (resources, weight) = (counted(destroyed.resources, "resource"), weight(destroyed.weight));
        let calls = counted(destroyed.calls, "call");
        lines.push(format!("{indent}destroyed {resources} of weight {weight} by {calls}"));
    }
    if report.denied.calls > 0 {
        lines.push(format!("{indent}was refused {}", counted(report.denied.calls, "destructive call")));
    }
    if own.own > 0 {
        let young = if own.young == own.own { "all".to_owned() } else { own.young.to_string() };
        lines.push(format!("{indent}{} of them made by itself, {young} of these young", own.own));
    }
    if own.young > 0 {
        let (share, most) = (plain(told.weights.lessened_share * 100), plain(told.weights.own_young_max));
        lines.push(format!("{indent}what is own and young weighs {share} % of it, and {most} in all at most"));
    }
    lines
}

/// Whom a pause cannot reach, why, and what would be needed.
fn out_of_reach(pauses: &[Pause]) -> Vec<String> {
    let indent = " ".repeat(INDENT);
    if pauses.is_empty() {
        return vec![format!(
            "{indent}nobody to pause: what it rests on is nobody's in particular, or contradicted by another record"
        )];
    }
    let unpausable = pauses.iter().filter(|pause| pause.state == PauseState::Unpausable);
    let mut lines = Vec::new();
    for Pause { key, reason, .. } in unpausable {
        let (entity, reason) = (escape(&key.entity), reason.as_str());
        match why_not(reason) {
            Some(known) => {
                lines.push(format!("{indent}cannot be paused: {entity}"));
                lines.push(format!("{indent}because {} ({reason})", known.why));
                lines.push(format!("{indent}to stop it: {}", known.instead));
            }
            None => lines.push(format!("{indent}cannot be paused: {entity}: {}", escape(reason))),
        }
    }
    lines
}

/// Types with their numbers, most first, and a few resources of each by name.
fn types(report: &Report, columns: usize) -> Vec<String> {
    let names = names(&report.evidence);
    let mut types: Vec<(&String, u64)> = report.destroyed.by_type.iter().map(|(kind, count)| (kind, *count)).collect();
    types.sort_by_key(|(kind, count)| (Reverse(*count), *kind));
    let listed = types.iter().take(TYPES_LISTED_MAX);
    let mut lines: Vec<String> = listed
        .map(|(kind, count)| {
            let line = format!("{:INDENT$}{count:>4} {}", "", escape_to(kind, 60));
            let room = columns.saturating_sub(line.chars().count() + 2).max(20);
            let named = names.get(kind.as_str()).map(|names| few(names, *count, room)).unwrap_or_default();
            if named.is_empty() { line } else { format!("{line}  {named}") }
        })
        .collect();
    let others = types.get(TYPES_LISTED_MAX..).unwrap_or_default();
    if !others.is_empty() {
        let resources: u64 = others.iter().map(|(_, count)| count).sum();
        let types = counted(others.len() as u64, "other type");
        lines.push(format!("{:INDENT$}{resources:>4} of {types}", ""));
    }
    lines
}

/// What the evidence names of each type, in the order in which it was destroyed.
fn names(evidence: &[Evidence]) -> BTreeMap<&str, Vec<&str>> {
    let mut names: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let gone = evidence.iter().filter(|one| one.effect == Effect::Destroy && one.outcome == Outcome::Ok);
    for resource in gone.flat_map(|one| &one.resources) {
        let of_type = names.entry(&resource.kind).or_default();
        let name = short_name(&resource.id);
        if !name.is_empty() && !of_type.contains(&name) {
            of_type.push(name);
        }
    }
    names
}

/// `orders, users and 3 more`, as many as there is room for; the first is cut if need be.
fn few(names: &[&str], count: u64, room: usize) -> String {
    let more = |named: usize| match count.saturating_sub(named as u64) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let told = |named: usize| {
        let names: Vec<String> = names.iter().take(named).map(|name| escape(name)).collect();
        names.join(", ") + &more(named)
    };
    let most = names.len().min(RESOURCES_NAMED_MAX);
    let fitting = (1..=most).rev().map(told).find(|text| text.chars().count() <= room);
    let cut = || names.first().map(|name| escape_to(name, room.saturating_sub(more(1).len()).max(8)) + &more(1));
    fitting.or_else(cut).unwrap_or_default()
}

/// The calls that switched protections off, and those that switched off or deleted what watches.
fn switched_off(report: &Report, columns: usize) -> Vec<String> {
    let watches = |kind: &str| Catalog::built_in().kind(kind).is_some_and(|kind| kind.is_guard);
    let is_off = |one: &&Evidence| match one.effect {
        _ if one.outcome != Outcome::Ok => false,
        Effect::Unguard => true,
        Effect::Destroy => one.resources.iter().any(|resource| watches(&resource.kind)),
        _ => false,
    };
    let calls: Vec<&Evidence> = report.evidence.iter().filter(is_off).collect();
    let mut lines = Vec::new();
    if !calls.is_empty() {
        lines.push(format!("{:INDENT$}switched off: protections, and what watches", ""));
    }
    for call in calls.iter().take(CALLS_LISTED_MAX) {
        let line = format!("{:INDENT$}  {}  {}", "", escape(&call.time), escape_to(&call.action, 60));
        let names: Vec<&str> = call.resources.iter().map(|one| short_name(&one.id)).collect();
        let room = columns.saturating_sub(line.chars().count() + 2).max(20);
        let named = few(&names, names.len() as u64, room);
        lines.push(if named.is_empty() { line } else { format!("{line}  {named}") });
    }
    let others = calls.len().saturating_sub(CALLS_LISTED_MAX);
    if others > 0 {
        lines.push(format!("{:INDENT$}  and {}", "", counted(others as u64, "other call")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_resources_are_named_as_far_as_there_is_room() {
        for (names, count, room, expected) in [
            (vec![], 3, 40, ""),
            (vec!["a"], 1, 40, "a"),
            (vec!["a", "b", "c"], 3, 40, "a, b, c"),
            (vec!["a", "b", "c", "d"], 9, 40, "a, b, c and 6 more"),
            (vec!["first-one", "second-one", "third-one"], 3, 25, "first-one and 2 more"),
            (vec!["a-name-that-is-far-too-long"], 2, 20, "a-name-t… and 1 more"),
            (vec!["\u{1b}[31m"], 1, 40, "\\u{1b}[31m"),
        ] {
            assert_eq!(few(&names, count, room), expected, "{names:?}");
        }
    }
}
