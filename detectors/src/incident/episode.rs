//! Episodes: findings of one key whose destroying facts lie close together.

use super::Severity;
use crate::limits::{EPISODE_GAP_SECONDS, QUIET_INCIDENT_SECONDS_MAX};
use crate::timeline::{FactKey, Ledger, Point, PointKey};

/// Findings close together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Episode {
    /// The first destroying fact.
    pub from: FactKey,
    /// The last.
    pub to: FactKey,
    /// What the detectors said, in fact order; at least one.
    pub points: Vec<(PointKey, Point)>,
}

impl Episode {
    /// What holds now.
    pub fn level(&self) -> Severity {
        self.points.iter().map(|(_, point)| point.level).max().unwrap_or(Severity::Info)
    }

    /// What holds by facts alone that may bear a pause.
    pub fn pausing_level(&self) -> Severity {
        self.points.iter().filter_map(|(_, point)| point.pausing_level).max().unwrap_or(Severity::Info)
    }

    /// The first fact at which a level was reached.
    pub fn reached(&self, level: Severity) -> Option<&FactKey> {
        self.points.iter().find(|(_, point)| point.level >= level).map(|(key, _)| &key.at)
    }

    /// The first fact at which facts alone that may bear a pause reached a level.
    pub fn reached_pausing(&self, level: Severity) -> Option<&FactKey> {
        self.points.iter().find(|(_, point)| point.pausing_level >= Some(level)).map(|(key, _)| &key.at)
    }

    /// The event id that names the episode: the first evidence of the first finding.
    pub fn first_event_id(&self) -> &str {
        self.points.first().map_or("", |(_, point)| &point.from.id)
    }

    /// Names of the detectors that spoke, sorted; those only that reached `level`.
    pub fn detectors(&self, level: Severity) -> Vec<String> {
        let mut names: Vec<String> = self
            .points
            .iter()
            .filter(|(_, point)| point.level >= level)
            .map(|(key, _)| key.detector.to_owned())
            .collect();
        names.sort();
        names.dedup();
        names
    }
}

/// The episodes of a key, in order. One never reaches across a human's judgement, and what is at most `medium` never
/// makes one longer than [`QUIET_INCIDENT_SECONDS_MAX`].
pub fn episodes(ledger: &Ledger) -> Vec<Episode> {
    let mut points: Vec<(&PointKey, &Point)> = ledger.points.iter().collect();
    points.sort_by(|one, other| (&one.1.from, one.0).cmp(&(&other.1.from, other.0)));
    let mut all: Vec<Episode> = Vec::new();
    for (key, point) in points {
        let joins = all.last().is_some_and(|episode| joins(ledger, episode, point));
        match all.last_mut() {
            Some(episode) if joins => {
                episode.to = episode.to.clone().max(point.to.clone());
                episode.points.push((key.clone(), point.clone()));
            }
            _ => all.push(Episode {
                from: point.from.clone(),
                to: point.to.clone(),
                points: vec![(key.clone(), point.clone())],
            }),
        }
    }
    for episode in &mut all {
        episode.points.sort_by(|one, other| one.0.cmp(&other.0));
    }
    all
}

fn joins(ledger: &Ledger, episode: &Episode, point: &Point) -> bool {
    let is_near = point.from.second <= episode.to.second.plus(EPISODE_GAP_SECONDS);
    let is_judged_between = episode.to.second < point.from.second
        && ledger.judged_until.range(episode.to.second..point.from.second).next().is_some();
    let is_quiet = episode.level().max(point.level) <= Severity::Medium;
    let is_long = point.to.second > episode.from.second.plus(QUIET_INCIDENT_SECONDS_MAX);
    is_near && !is_judged_between && !(is_quiet && is_long)
}
