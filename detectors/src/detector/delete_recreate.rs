//! `delete-recreate`: a resource was deleted and one of the same identity created again, or its successor, or a whole set
//! of types was torn down and built again. It counts for the deleter, whoever creates.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Detector, Finding, Judged, Sums, Window};
use crate::incident::Severity;
use crate::limits::RECREATE_SECONDS_MAX;
use crate::timeline::{FactKey, Thousandths};

/// The detector.
pub(super) struct DeleteRecreate;

/// The span of deletes that are looked at together.
const DELETES_SECONDS: i64 = 60 * 60;
/// Weight that came back, from the most severe down.
const RECREATED: &[(Thousandths, Severity)] =
    &[(8_000, Severity::Critical), (2_000, Severity::High), (1_000, Severity::Medium)];
/// The span of deletes of a set of types.
const REBUILD_SECONDS: i64 = 15 * 60;
/// What a set must weigh, and hold, to count as torn down.
const REBUILD_WEIGHT: Thousandths = 5_000;
/// What it must weigh to be `critical`.
const REBUILD_WEIGHT_CRITICAL: Thousandths = 8_000;
/// How many types, and how many of them created again, make a rebuild.
const REBUILD_KINDS: usize = 3;

impl Detector for DeleteRecreate {
    fn name(&self) -> &'static str {
        "delete-recreate"
    }

    fn judge(&self, window: &Window<'_>) -> Option<Finding> {
        worse(recreated(window), rebuilt(window))
    }
}

fn worse(one: Option<Finding>, other: Option<Finding>) -> Option<Finding> {
    let level = |finding: &Option<Finding>| finding.as_ref().map(|finding| finding.level);
    if level(&other) > level(&one) { other } else { one }
}

/// The most that came back of what was destroyed within any [`DELETES_SECONDS`].
fn recreated(window: &Window<'_>) -> Option<Finding> {
    let back: Vec<(usize, i64, Thousandths)> = window
        .destroyed
        .iter()
        .enumerate()
        .filter(|(_, judged)| judged.is_recreated(window.at))
        .map(|(index, judged)| (index, judged.contribution.fact.second.0, judged.weight_back(window.at)))
        .collect();
    let mut start = 0;
    let mut weight = 0;
    let mut most = (0, 0..0);
    for (end, (index, second, share)) in back.iter().enumerate() {
        weight += share;
        while start < end && back[start].1 <= second.saturating_sub(DELETES_SECONDS) {
            weight -= back[start].2;
            start += 1;
        }
        if weight > most.0 {
            most = (weight, back[start].0..index + 1);
        }
    }
    let (limit, rests_on) = most;
    let level = RECREATED.iter().find(|(at_least, _)| limit >= *at_least).map(|(_, severity)| *severity)?;
    Some(Finding { level, rests_on })
}

/// Whether a set of types was torn down within [`REBUILD_SECONDS`] and half of them were created again since.
fn rebuilt(window: &Window<'_>) -> Option<Finding> {
    let made = window.created.last().filter(|made| made.fact == window.at)?;
    if !window.destroyed.iter().any(|judged| judged.contribution.kind == *made.kind) {
        return None;
    }
    let since = made.fact.second.plus(-RECREATE_SECONDS_MAX);
    let second = |index: usize| window.destroyed[index].contribution.fact.second;
    let mut most = None;
    let first = window.destroyed.partition_point(|judged| judged.contribution.fact.second < since);
    let mut start = first;
    for end in first..window.destroyed.len() {
        // Only the last fact of a second ends a set.
        if end + 1 < window.destroyed.len() && second(end + 1) == second(end) {
            continue;
        }
        while second(start) <= second(end).plus(-REBUILD_SECONDS) {
            start += 1;
        }
        let foreign = window.destroyed[start..=end].iter().filter(|judged| !judged.is_own_and_young());
        let level = rebuilt_level(window, foreign, &window.destroyed[end].contribution.fact);
        most = worse(most, level.map(|level| Finding { level, rests_on: start..end + 1 }));
        if level == Some(Severity::Critical) {
            break;
        }
    }
    most
}

fn rebuilt_level<'a>(
    window: &Window<'_>,
    set: impl Iterator<Item = &'a Judged<'a>> + Clone,
    after: &FactKey,
) -> Option<Severity> {
    let weight = Sums::over(set.clone()).weight;
    if weight < REBUILD_WEIGHT {
        return None;
    }
    let kinds: BTreeSet<&str> = set.map(|judged| &*judged.contribution.kind).collect();
    let again = created_again(window, after, &kinds);
    let is_rebuilt = kinds.len() >= REBUILD_KINDS && again >= REBUILD_KINDS && again * 2 >= kinds.len();
    let level = if weight >= REBUILD_WEIGHT_CRITICAL { Severity::Critical } else { Severity::High };
    is_rebuilt.then_some(level)
}

fn created_again(window: &Window<'_>, after: &FactKey, kinds: &BTreeSet<&str>) -> usize {
    let again = window.created.iter().filter(|made| made.fact > after && kinds.contains(&**made.kind));
    again.map(|made| made.kind).collect::<BTreeSet<&Arc<str>>>().len()
}
