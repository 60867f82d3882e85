//! What is known of a principal, as JSON.

use std::collections::BTreeMap;

use serde::Serialize;
use trailbrake_detectors::detector::Amount;
use trailbrake_detectors::engine::PauseState;

use super::super::replay::Told;
use super::Explanation;
use super::text::because;
use crate::config::plain;

/// An amount in JSON.
#[derive(Serialize)]
#[serde(untagged)]
enum Number {
    Weight(f64),
    Count(u64),
    Places { places: u64, weight: f64 },
}

fn number(amount: Amount) -> Number {
    match amount {
        Amount::Weight(weight) => Number::Weight(plain(weight)),
        Amount::Count(count) => Number::Count(count),
        Amount::Places { places, weight } => Number::Places { places, weight: plain(weight) },
    }
}

#[derive(Serialize)]
pub(super) struct ToldPrincipal<'a> {
    schema: u32,
    key: &'a str,
    incidents: Vec<&'a str>,
    /// The incident that findings and limits are told of alone, if one was asked for.
    incident: Option<&'a str>,
    /// Whom a pause for these incidents cannot reach.
    unpausable: Vec<ToldUnpausable<'a>>,
    /// What is older than this is left out of `owned`, for want of room.
    whole_from: Option<String>,
    /// Those who may have set going what ran under it.
    starters: Vec<&'a str>,
    findings: Vec<ToldFinding<'a>>,
    mitigated: Vec<ToldMitigated<'a>>,
    limits: Vec<ToldLimit<'a>>,
    owned: Vec<ToldOwned<'a>>,
}

#[derive(Serialize)]
struct ToldFinding<'a> {
    detector: &'a str,
    severity: &'static str,
    time: String,
    event_id: String,
    whole: bool,
}

#[derive(Serialize)]
struct ToldUnpausable<'a> {
    incident: &'a str,
    arn: &'a str,
    reason: &'a str,
}

#[derive(Serialize)]
struct ToldMitigated<'a> {
    detector: &'a str,
    reached: &'static str,
    severity: &'static str,
    time: String,
    because: &'static str,
}

#[derive(Serialize)]
struct ToldLimit<'a> {
    detector: &'a str,
    limit: &'a str,
    reached: Number,
    time: Option<String>,
    event_id: Option<String>,
    levels: BTreeMap<&'static str, Number>,
    /// By severity, when this limit first asked for it.
    first: BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
struct ToldOwned<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    id: &'a str,
    region: &'a str,
    created_at: String,
    proven: bool,
}

pub(super) fn told<'a>(explanation: &'a Explanation<'a>) -> ToldPrincipal<'a> {
    let nearness = &explanation.nearness;
    let findings = nearness.said.iter().map(|(name, said)| ToldFinding {
        detector: name,
        severity: said.level.as_str(),
        time: said.at.second.to_string(),
        event_id: said.at.id.to_string(),
        whole: said.is_whole,
    });
    let mitigated = nearness.mitigated.iter().map(|((name, why), one)| ToldMitigated {
        detector: name,
        reached: one.reached.as_str(),
        severity: one.level.as_str(),
        time: one.at.second.to_string(),
        because: because(*why),
    });
    let owned = explanation.owned.iter().map(|one| ToldOwned {
        kind: &one.kind,
        id: &one.id,
        region: &one.region,
        created_at: one.created_at.to_string(),
        proven: one.is_proven,
    });
    let pauses = explanation.incidents.iter().flat_map(|Told { report, pauses, .. }| {
        pauses
            .iter()
            .map(|pause| (report.id.as_str(), pause))
            .filter(|(_, pause)| pause.state == PauseState::Unpausable)
    });
    let unpausable =
        pauses.map(|(incident, pause)| ToldUnpausable { incident, arn: &pause.key.entity, reason: &pause.reason });
    ToldPrincipal {
        schema: 1,
        key: &explanation.chosen.key,
        incidents: explanation.incidents.iter().map(|Told { report, .. }| report.id.as_str()).collect(),
        incident: explanation.chosen.incident.as_deref().filter(|_| explanation.is_within),
        unpausable: unpausable.collect(),
        whole_from: explanation.whole_from.map(|time| time.to_string()),
        starters: nearness.starters.iter().map(|key| &**key).collect(),
        findings: findings.collect(),
        mitigated: mitigated.collect(),
        limits: limits(explanation),
        owned: owned.collect(),
    }
}

fn limits<'a>(explanation: &'a Explanation<'a>) -> Vec<ToldLimit<'a>> {
    let all = explanation.limits.iter().flat_map(|(name, gauges)| gauges.iter().map(move |gauge| (*name, gauge)));
    let limits = all.map(|(detector, limit)| {
        let reached = explanation.nearness.reached.get(&(detector, limit.limit));
        let gauge = reached.map_or(limit, |reached| &reached.gauge);
        let first = reached.into_iter().flat_map(|reached| &reached.levels);
        ToldLimit {
            detector,
            limit: limit.limit,
            reached: number(gauge.amount),
            time: reached.map(|reached| reached.at.second.to_string()),
            event_id: reached.map(|reached| reached.at.id.to_string()),
            levels: gauge.levels.iter().map(|(level, amount)| (level.as_str(), number(*amount))).collect(),
            first: first.map(|(level, at)| (level.as_str(), at.second.to_string())).collect(),
        }
    });
    limits.collect()
}
