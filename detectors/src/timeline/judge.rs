//! Runs all detectors over one view of a key, at each fact that can put a window over its limit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::contribution::{Entry, Ownership, Thousandths};
use super::ledger::{Point, PointKey};
use super::order::FactKey;
use super::pairing::Pairs;
use crate::detector::{ALL, Detector, Finding, Judged, Made, Window};
use crate::event::WeightClass;
use crate::incident::Severity;
use crate::limits::{RECREATE_SECONDS_MAX, WINDOW_FACTS_MAX, WINDOW_SECONDS_MAX};
use crate::time::Second;

/// Points of one view from a fact on. `entries` reach back as far as any detector looks.
pub(super) fn judge<'a>(
    entries: &[(&'a FactKey, &'a Entry)],
    pairs: &Pairs,
    judged_until: &BTreeSet<Second>,
    from: &FactKey,
    is_whole: bool,
) -> Vec<(PointKey, Point)> {
    let destroyed = judged(entries, pairs);
    let made = |(fact, entry): &(&'a FactKey, &'a Entry)| {
        let (fact, may_pause) = (*fact, entry.may_pause);
        entry.created.iter().map(move |created| Made { fact, kind: &created.kind, may_pause })
    };
    let created: Vec<Made<'_>> = entries.iter().flat_map(made).collect();
    if destroyed.is_empty() {
        return Vec::new();
    }
    let mut points = Vec::new();
    for at in triggers(entries, &destroyed, from) {
        let since = at.second.plus(-(WINDOW_SECONDS_MAX + RECREATE_SECONDS_MAX));
        let cut = judged_until.range(..at.second).next_back().copied().unwrap_or(since).max(since);
        let within = |second: Second| second > cut;
        let end = destroyed.partition_point(|judged| judged.contribution.fact <= *at);
        let start = destroyed.partition_point(|judged| !within(judged.contribution.fact.second));
        let start = start.max(end.saturating_sub(WINDOW_FACTS_MAX));
        let created_end = created.partition_point(|made| made.fact <= at);
        let created_start = created.partition_point(|made| !within(made.fact.second)).min(created_end);
        if start >= end {
            continue;
        }
        let window = Window { at, destroyed: &destroyed[start..end], created: &created[created_start..created_end] };
        points.extend(ALL.iter().filter_map(|detector| point(*detector, &window, is_whole)));
    }
    points
}

fn judged<'a>(entries: &[(&'a FactKey, &'a Entry)], pairs: &Pairs) -> Vec<Judged<'a>> {
    let mut all = Vec::new();
    for (key, entry) in entries {
        let made = if pairs.is_empty() { None } else { pairs.get(*key) };
        all.extend(entry.destroyed.iter().map(|contribution| Judged {
            contribution,
            actor: &entry.actor.key,
            is_paired: made.is_some_and(|made| made.contains_key(&contribution.index)),
            may_pause: entry.may_pause,
            by_aws_service: entry.actor.is_aws_service,
        }));
    }
    all
}

/// Facts at which a window can go over its limit: destroying ones, creates of what was destroyed, and own creates.
fn triggers<'a>(
    entries: &[(&'a FactKey, &'a Entry)],
    destroyed: &[Judged<'a>],
    from: &FactKey,
) -> BTreeSet<&'a FactKey> {
    let own = entries.iter().filter(|(_, entry)| !entry.destroyed.is_empty() || !entry.created.is_empty());
    let own = own.map(|(key, _)| *key);
    let back = destroyed.iter().flat_map(|judged| {
        let contribution = judged.contribution;
        contribution.recreated_by.iter().chain(&contribution.succeeded_by)
    });
    own.chain(back).filter(|key| *key >= from).collect()
}

fn point(detector: &dyn Detector, window: &Window<'_>, is_whole: bool) -> Option<(PointKey, Point)> {
    let finding = capped(detector, window)?;
    let seen = &window.destroyed[finding.rests_on.clone()];
    if is_whole && has_bearer(seen) {
        return None;
    }
    let may_all_pause =
        window.destroyed.iter().all(|judged| judged.may_pause) && window.created.iter().all(|made| made.may_pause);
    let pausing_level = if may_all_pause {
        Some(finding.level)
    } else {
        let trusted: Vec<Judged<'_>> = window.destroyed.iter().filter(|judged| judged.may_pause).cloned().collect();
        let created: Vec<Made<'_>> = window.created.iter().filter(|made| made.may_pause).copied().collect();
        let window = Window { at: window.at, destroyed: &trusted, created: &created };
        capped(detector, &window).map(|finding| finding.level)
    };
    let (first, last) = (seen.first()?, seen.last()?);
    let key = PointKey { at: window.at.clone(), detector: detector.name(), is_whole };
    let (from, to) = (first.contribution.fact.clone(), last.contribution.fact.clone());
    Some((key, Point { level: finding.level, pausing_level, from, to }))
}

/// A detector's word, held to what ownership and AWS services allow.
fn capped(detector: &dyn Detector, window: &Window<'_>) -> Option<Finding> {
    let mut finding = detector.judge(window)?;
    let seen = &window.destroyed[finding.rests_on.clone()];
    let mut cap = Severity::Critical;
    if seen.iter().all(|judged| judged.by_aws_service) {
        cap = Severity::Medium;
    }
    let full: Vec<&Judged<'_>> = seen.iter().filter(|judged| !judged.is_own_and_young()).collect();
    let is_retirement = full.iter().all(|judged| {
        judged.contribution.ownership == Ownership::OwnOld
            && judged.contribution.class != WeightClass::HoldsState
            && !judged.is_recreated(window.at)
    });
    if is_retirement {
        cap = cap.min(Severity::High);
    }
    finding.level = finding.level.min(cap);
    Some(finding)
}

/// Whether one actor carries at least nine tenths of the weight: then the finding is that actor's alone.
fn has_bearer(seen: &[Judged<'_>]) -> bool {
    let mut by_actor: BTreeMap<&Arc<str>, Thousandths> = BTreeMap::new();
    for judged in seen {
        *by_actor.entry(judged.actor).or_default() += judged.weight();
    }
    let total: Thousandths = by_actor.values().sum();
    by_actor.values().any(|weight| weight * 10 >= total * 9)
}
