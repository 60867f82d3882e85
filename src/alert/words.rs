//! What all receivers say alike: who, what, where, how wide, what still runs, and what to do next, in this order.
//!
//! The headline says all of it within [`GLANCE_CHARS_MAX`] characters, the command to type comes after them. Times are UTC.

mod next;

use trailbrake_detectors::catalog::Catalog;
use trailbrake_detectors::engine::{Announcement, Change, Mode, PauseState, Rung, Situation};
use trailbrake_detectors::event::WeightClass;
use trailbrake_detectors::incident::{Principal, Report, counted, duration};
use trailbrake_detectors::time::Second;

pub(super) use self::next::{is_ours, link, next_step};
use self::next::{next_steps, show_command};
use super::clean::clean;
use crate::journal::OnRecord;
use crate::limits::{
    ACCOUNTS_NAMED_MAX, DESCRIPTION_LINE_CHARS_MAX, GLANCE_CHARS_MAX, KINDS_NAMED_MAX, PAUSES_NAMED_MAX,
    SUMMARY_CHARS_MAX,
};
use crate::pause::why_not;

/// Characters of each part of a headline; with what joins them they are a glance.
const WHO_CHARS_MAX: usize = 54;
const WHAT_CHARS_MAX: usize = 56;
const WHERE_CHARS_MAX: usize = 28;
const WIDE_CHARS_MAX: usize = 22;
const RUNS_CHARS_MAX: usize = 28;
const _: () = assert!(
    WHO_CHARS_MAX + WHAT_CHARS_MAX + WHERE_CHARS_MAX + WIDE_CHARS_MAX + RUNS_CHARS_MAX + " in : . .".len()
        < GLANCE_CHARS_MAX
);

/// The headline of a page.
pub(super) fn summary(announcement: &Announcement) -> String {
    let situation = &announcement.situation;
    let glance = glance(situation);
    let text = match announcement.change {
        Change::Resolved => format!("Over ({}): {glance}", situation.incident.state.as_str()),
        Change::Opened | Change::Updated => format!("{glance} Next: {}", show_command(&situation.incident)),
    };
    clean(&text, SUMMARY_CHARS_MAX)
}

/// A headline, marked if it could not be written down.
pub(super) fn marked(headline: &str, record: &OnRecord) -> String {
    match record {
        OnRecord::JournalDown => clean(&format!("Journal down. {headline}"), SUMMARY_CHARS_MAX),
        OnRecord::Unknown | OnRecord::At(_) => headline.to_owned(),
    }
}

/// What a page says of the journal: a field's name and its text.
pub(super) fn on_record(record: &OnRecord) -> Option<(&'static str, String)> {
    match record {
        OnRecord::Unknown => None,
        OnRecord::At(head) => Some(("audit_head", head.to_string())),
        OnRecord::JournalDown => Some((
            "journal",
            "down: this page is not written down, and nothing is paused until the journal works again".to_owned(),
        )),
    }
}

/// Everything but the command, short enough for a watch.
fn glance(situation: &Situation) -> String {
    let incident = &situation.incident;
    let Some(principal) = &incident.principal else {
        return format!("{}.", clean(&incident.reason, GLANCE_CHARS_MAX - 1));
    };
    let mut text = format!("{} {}", short_who(principal), short_what(incident, principal));
    let place = clean(&short_where(situation), WHERE_CHARS_MAX);
    if !place.is_empty() {
        text.push_str(&format!(" in {place}"));
    }
    let wide = clean(&wide(incident).join(", "), WIDE_CHARS_MAX);
    if !wide.is_empty() {
        text.push_str(&format!(": {wide}"));
    }
    format!("{text}. {}.", clean(short_runs(situation), RUNS_CHARS_MAX))
}

/// The longer text, a line for each question.
pub(super) fn description(announcement: &Announcement) -> String {
    let situation = &announcement.situation;
    let incident = &situation.incident;
    let mut lines = vec![
        ("Who", who(incident)),
        ("What", what(incident)),
        ("Where", places(situation)),
        ("How wide", how_wide(incident)),
        ("Still runs", runs(situation)),
        ("Verdict", verdict(situation)),
    ];
    lines.extend(next_steps(announcement));
    let lines: Vec<String> = lines
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .map(|(word, text)| format!("{word}: {}", clean(&text, DESCRIPTION_LINE_CHARS_MAX)))
        .collect();
    lines.join("\n")
}

/// A name that people know, and the tool.
fn short_who(principal: &Principal) -> String {
    let tool = clean(&principal.tool, 16);
    let tool = if tool.is_empty() { String::new() } else { format!(" ({tool})") };
    let room = WHO_CHARS_MAX - tool.chars().count();
    let (name, session) = names(principal);
    let with_session = format!("{name}, session {session}");
    let who = if session.is_empty() || with_session.chars().count() > room { name } else { with_session };
    clean(&who, room) + &tool
}

/// The human name of a principal, and of its session if that says more.
fn names(principal: &Principal) -> (String, String) {
    let resource = principal.arn.splitn(6, ':').nth(5).unwrap_or(&principal.arn);
    let name = resource.rsplit('/').next().unwrap_or(resource);
    let session = principal.session.rsplit(':').next().unwrap_or_default();
    if let Some(rest) = name.strip_prefix("AWSReservedSSO_")
        && !session.is_empty()
    {
        // In Identity Center the session is the person, and the role is a permission set with a digest.
        let set = rest.rsplit_once('_').map_or(rest, |(set, _)| set);
        return (format!("{session} as {set}"), String::new());
    }
    let name = if resource == "root" { format!("root of {}", principal.account) } else { name.to_owned() };
    let session = if session == name { "" } else { session };
    (name, session.to_owned())
}

fn who(incident: &Report) -> String {
    let Some(principal) = &incident.principal else { return String::new() };
    let (name, session) = names(principal);
    let mut text = format!("{name} ({})", principal.arn);
    for (word, value) in [("session", session.as_str()), ("origin", &principal.origin), ("tool", &principal.tool)] {
        if !value.is_empty() {
            text.push_str(&format!(", {word} {}", clean(value, 128)));
        }
    }
    match principal.sessions.len() {
        0 | 1 => text,
        sessions => text + &format!(", {sessions} sessions"),
    }
}

/// As many kinds as fit.
fn short_what(incident: &Report, principal: &Principal) -> String {
    let gone = incident.destroyed.resources;
    if gone == 0 {
        return clean(without_who(incident, principal), WHAT_CHARS_MAX);
    }
    let told = |kinds: usize| format!("destroyed {gone}: {}", kinds_named(incident, kinds));
    let fitting = (1..=3).rev().map(told).find(|text| text.chars().count() <= WHAT_CHARS_MAX);
    clean(&fitting.unwrap_or_else(|| format!("destroyed {}", counted(gone, "resource"))), WHAT_CHARS_MAX)
}

fn what(incident: &Report) -> String {
    let gone = &incident.destroyed;
    let Some(principal) = incident.principal.as_ref().filter(|_| gone.resources > 0) else {
        return incident.principal.as_ref().map_or(&*incident.reason, |one| without_who(incident, one)).to_owned();
    };
    let mut text = format!(
        "destroyed {} in {}: {}",
        counted(gone.resources, "resource"),
        counted(gone.calls, "call"),
        kinds_named(incident, KINDS_NAMED_MAX)
    );
    if !incident.recreated.is_empty() {
        text.push_str(&format!("; {} of them came back", incident.recreated.len()));
    }
    if gone.own > 0 {
        text.push_str(&format!("; {} had been made by {} itself", gone.own, names(principal).0));
    }
    if incident.denied.calls > 0 {
        text.push_str(&format!("; {} refused", counted(incident.denied.calls, "more call")));
    }
    text
}

/// The sentence without whom it is about, which has been said.
fn without_who<'a>(incident: &'a Report, principal: &Principal) -> &'a str {
    let who = principal.arn.splitn(6, ':').nth(5).unwrap_or(&principal.arn);
    let rest = incident.reason.strip_prefix(who).unwrap_or(&incident.reason);
    let tool = format!(" with {}", principal.tool);
    rest.strip_prefix(tool.as_str()).unwrap_or(rest).trim_start()
}

/// The kinds of what is gone: what holds state first, then the most.
fn kinds_named(incident: &Report, kinds_max: usize) -> String {
    let class = |kind: &str| Catalog::built_in().kind(kind).map_or(WeightClass::Small, |kind| kind.class);
    let mut kinds: Vec<(&String, &u64)> = incident.destroyed.by_type.iter().collect();
    kinds.sort_by_key(|(kind, count)| (class(kind), std::cmp::Reverse(**count)));
    let short = |kind: &str| kind.strip_prefix("AWS::").unwrap_or(kind).replace("::", " ");
    let mut named: Vec<String> =
        kinds.iter().take(kinds_max).map(|(kind, count)| format!("{count} {}", clean(&short(kind), 48))).collect();
    if kinds.len() > kinds_max {
        named.push("others".to_owned());
    }
    named.join(", ")
}

fn short_where(situation: &Situation) -> String {
    let incident = &situation.incident;
    let accounts = match incident.accounts.len() {
        0 | 1 => account(situation).to_owned(),
        accounts => format!("{accounts} accounts"),
    };
    let regions = match incident.regions.as_slice() {
        [] => String::new(),
        [region] => region.clone(),
        regions => format!("{} regions", regions.len()),
    };
    [accounts, regions].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

fn places(situation: &Situation) -> String {
    let incident = &situation.incident;
    let listed = |word: &str, all: &[String]| match all.len() {
        0 => None,
        1 => Some(format!("{word} {}", listed(all))),
        _ => Some(format!("{word}s {}", listed(all))),
    };
    let accounts =
        if incident.accounts.is_empty() { vec![account(situation).to_owned()] } else { incident.accounts.clone() };
    let accounts: Vec<String> = accounts.into_iter().filter(|account| !account.is_empty()).collect();
    let parts = [listed("account", &accounts), listed("region", &incident.regions)];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn listed(all: &[String]) -> String {
    let mut shown: Vec<String> = all.iter().take(ACCOUNTS_NAMED_MAX).map(|one| clean(one, 32)).collect();
    if all.len() > ACCOUNTS_NAMED_MAX {
        shown.push(format!("and {} more", all.len() - ACCOUNTS_NAMED_MAX));
    }
    shown.join(" ")
}

/// Zones, and how long it took.
fn wide(incident: &Report) -> Vec<String> {
    let zones = match incident.zones.as_slice() {
        [] => None,
        [zone] => Some(zone.clone()),
        zones => Some(format!("{} zones", zones.len())),
    };
    let (first, last) = (Second::parse(&incident.first_event_time), Second::parse(&incident.last_event_time));
    let took = first.zip(last).map(|(first, last)| duration(last.0.saturating_sub(first.0)));
    zones.into_iter().chain(took).collect()
}

fn how_wide(incident: &Report) -> String {
    let mut parts = wide(incident);
    if incident.zones.len() > 1
        && let Some(zones) = parts.first_mut()
    {
        zones.push_str(&format!(" ({})", listed(&incident.zones)));
    }
    let (first, last) = (clock(&incident.first_event_time), clock(&incident.last_event_time));
    if incident.principal.is_some() {
        parts.push(format!("from {first} to {last} UTC"));
    }
    parts.join(", ")
}

/// `2026-01-05T09:04:01Z` as people write it.
fn clock(time: &str) -> String {
    time.trim_end_matches('Z').replacen('T', " ", 1)
}

/// The last verdict, and whether this page is about what happened before it.
fn verdict(situation: &Situation) -> String {
    let Some(last) = situation.verdicts.last() else {
        return if situation.before_verdict { BEFORE_VERDICT.to_owned() } else { String::new() };
    };
    let (word, at) = (last.verdict.as_str(), clock(&last.at.second().to_string()));
    let who: Vec<String> = last.who.iter().map(|who| clean(who, 64)).collect();
    let text = format!("{word} by {} at {at} UTC: {}", who.join(" and "), clean(&last.reason, 200));
    if situation.before_verdict { format!("{BEFORE_VERDICT}: {text}") } else { text }
}

/// Marks what pages again although it was judged.
const BEFORE_VERDICT: &str = "BEFORE THE VERDICT, and came to light after it";

/// Whether the principal can go on, in the fewest words.
fn short_runs(situation: &Situation) -> &'static str {
    match brake_state(situation) {
        Some(PauseState::Paused) if situation.before_verdict => "paused; before the verdict",
        None | Some(PauseState::WouldPause | PauseState::Resumed) if situation.before_verdict => {
            "RUNS ON: before the verdict"
        }
        Some(PauseState::Failed) => "STILL RUNNING: pause failed",
        Some(PauseState::Unpausable) => "STILL RUNNING: unpausable",
        Some(PauseState::Pausing) => "STILL RUNNING: being paused",
        Some(PauseState::Paused) => "paused",
        Some(PauseState::Resuming) => "being resumed",
        Some(PauseState::Resumed) => "resumed: may go on",
        Some(PauseState::WouldPause) => "STILL RUNNING: observe only",
        None if situation.incident.mode == Mode::Observe => "STILL RUNNING: observe only",
        None => "STILL RUNNING: not paused",
    }
}

fn runs(situation: &Situation) -> String {
    let incident = &situation.incident;
    if incident.principal.is_none() {
        return String::new();
    }
    let mut parts: Vec<String> = situation
        .pauses
        .iter()
        .take(PAUSES_NAMED_MAX)
        .map(|pause| {
            let entity = clean(&pause.key.entity, 160);
            let rung = match pause.rung {
                Rung::Destructive => "what it destroys is denied, what it creates is not",
                Rung::All => "everything is denied",
            };
            match pause.state {
                PauseState::WouldPause => format!("yes, it is only observed: in enforce {entity} would be paused"),
                PauseState::Pausing => format!("yes: {entity} is being paused"),
                PauseState::Paused => {
                    format!("no: {entity} is paused since {} UTC: {rung}", clock(&pause.at.second().to_string()))
                }
                PauseState::Resuming => format!("{entity} is being resumed"),
                PauseState::Resumed => format!("yes: {entity} was resumed"),
                PauseState::Failed => format!("YES: pausing {entity} FAILED: {}", clean(&pause.reason, 200)),
                PauseState::Unpausable => {
                    let why =
                        why_not(&pause.reason).map_or_else(|| clean(&pause.reason, 200), |one| one.why.to_owned());
                    format!("YES: {entity} cannot be paused: {why}")
                }
            }
        })
        .collect();
    if situation.pauses.len() > PAUSES_NAMED_MAX {
        parts.push(format!("and {} more", situation.pauses.len() - PAUSES_NAMED_MAX));
    }
    if parts.is_empty() {
        let why = &situation.not_paused_because;
        parts.push(match (why.is_empty(), incident.mode) {
            (false, _) => format!("yes: {why}"),
            (true, Mode::Observe) => "yes: the mode is observe, nothing is paused".to_owned(),
            (true, Mode::Enforce) => "yes: it is paused only when it becomes critical".to_owned(),
        });
    }
    parts.join("; ")
}

/// Of all pauses of an incident, the one that matters most to whoever is paged.
pub(crate) fn brake_state(situation: &Situation) -> Option<PauseState> {
    let states = [
        PauseState::Failed,
        PauseState::Unpausable,
        PauseState::Pausing,
        PauseState::Paused,
        PauseState::Resuming,
        PauseState::WouldPause,
        PauseState::Resumed,
    ];
    states.into_iter().find(|state| situation.pauses.iter().any(|pause| pause.state == *state))
}

/// The accounts of an incident: that of its principal, else the first touched.
pub(super) fn account(situation: &Situation) -> &str {
    match &situation.incident.principal {
        Some(principal) => &principal.account,
        None => situation.incident.accounts.first().map_or("", String::as_str),
    }
}

#[cfg(test)]
mod tests;
