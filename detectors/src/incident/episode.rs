//! Episodes: findings of one key whose destroying facts lie close together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Severity;
use crate::limits::{EPISODE_GAP_SECONDS, QUIET_INCIDENT_SECONDS_MAX};
use crate::time::Second;
use crate::timeline::{EventId, FactKey, Point, PointKey};

/// Findings close together: what their points say, in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Episode {
    /// The first destroying fact.
    pub from: FactKey,
    /// The last.
    pub to: FactKey,
    /// The last fact at which a detector spoke.
    pub last_at: FactKey,
    /// What each detector said.
    pub spoken: BTreeMap<&'static str, Spoken>,
    /// Whether any of it is about all that passed through a role or user.
    pub is_whole: bool,
    /// The first fact at which each level was reached.
    reached: BTreeMap<Severity, FactKey>,
    /// The first fact at which facts alone that may bear a pause reached each level.
    reached_pausing: BTreeMap<Severity, FactKey>,
    /// The first finding, and the first destroying fact that it rests on.
    first: (PointKey, FactKey),
}

/// What one detector said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spoken {
    /// The first finding, and the first destroying fact that it rests on.
    pub first: (PointKey, FactKey),
    /// The most severe that it said, and the first finding that did.
    pub worst: (Severity, PointKey),
    /// The last finding, and the last destroying fact that it rests on.
    pub last: (PointKey, FactKey),
}

impl Episode {
    /// A span in which nothing is said any more.
    pub fn silent(from: FactKey, to: FactKey) -> Self {
        let nowhere = PointKey { at: from, detector: "", is_whole: false };
        Self {
            first: (nowhere, from),
            last_at: to,
            from,
            to,
            spoken: BTreeMap::new(),
            is_whole: false,
            reached: BTreeMap::new(),
            reached_pausing: BTreeMap::new(),
        }
    }

    fn of(key: &PointKey, point: &Point) -> Self {
        let mut episode = Self::silent(point.from, point.to);
        episode.first = (key.clone(), point.from);
        episode.last_at = key.at;
        episode.absorb(key, point);
        episode
    }

    fn absorb(&mut self, key: &PointKey, point: &Point) {
        if point.from < self.from {
            self.from = point.from;
        }
        raise(&mut self.to, &point.to);
        raise(&mut self.last_at, &key.at);
        self.is_whole |= key.is_whole;
        reach(&mut self.reached, point.level, &key.at);
        if let Some(level) = point.pausing_level {
            reach(&mut self.reached_pausing, level, &key.at);
        }
        if *key < self.first.0 {
            self.first = (key.clone(), point.from);
        }
        match self.spoken.get_mut(key.detector) {
            Some(spoken) => spoken.absorb(key, point),
            None => drop(self.spoken.insert(key.detector, Spoken::of(key, point))),
        }
    }

    /// Takes another episode in.
    pub fn unite(&mut self, other: &Self) {
        raise(&mut self.to, &other.to);
        raise(&mut self.last_at, &other.last_at);
        if other.from < self.from {
            self.from = other.from;
        }
        self.is_whole |= other.is_whole;
        for (level, at) in &other.reached {
            reach(&mut self.reached, *level, at);
        }
        for (level, at) in &other.reached_pausing {
            reach(&mut self.reached_pausing, *level, at);
        }
        if other.first.0 < self.first.0 {
            self.first = other.first.clone();
        }
        for (detector, spoken) in &other.spoken {
            match self.spoken.get_mut(detector) {
                Some(held) => held.unite(spoken.clone()),
                None => drop(self.spoken.insert(detector, spoken.clone())),
            }
        }
    }

    /// What holds now.
    pub fn level(&self) -> Severity {
        self.reached.keys().next_back().copied().unwrap_or(Severity::Info)
    }

    /// What holds by facts alone that may bear a pause.
    pub fn pausing_level(&self) -> Severity {
        self.reached_pausing.keys().next_back().copied().unwrap_or(Severity::Info)
    }

    /// The first fact at which a level was reached.
    pub fn reached(&self, level: Severity) -> Option<&FactKey> {
        self.reached.range(level..).map(|(_, at)| at).min()
    }

    /// The event id that names the episode: the first evidence of the first finding.
    pub fn first_event_id(&self) -> EventId {
        self.first.1.id
    }

    /// Whether these, sorted, are the names of all detectors that spoke.
    pub fn is_said_by(&self, detectors: &[String]) -> bool {
        self.spoken.keys().copied().eq(detectors.iter().map(String::as_str))
    }

    /// Names of the detectors that spoke, sorted; those only that reached `level`.
    pub fn detectors(&self, level: Severity) -> Vec<String> {
        self.spoken.iter().filter(|(_, spoken)| spoken.worst.0 >= level).map(|(name, _)| (*name).to_owned()).collect()
    }
}

impl Spoken {
    fn of(key: &PointKey, point: &Point) -> Self {
        Self { first: (key.clone(), point.from), worst: (point.level, key.clone()), last: (key.clone(), point.to) }
    }

    fn absorb(&mut self, key: &PointKey, point: &Point) {
        if *key < self.first.0 {
            self.first = (key.clone(), point.from);
        }
        if *key > self.last.0 {
            self.last = (key.clone(), point.to);
        }
        if self.is_worse(point.level, key) {
            self.worst = (point.level, key.clone());
        }
    }

    fn unite(&mut self, other: Self) {
        if self.is_worse(other.worst.0, &other.worst.1) {
            self.worst = other.worst;
        }
        if other.first.0 < self.first.0 {
            self.first = other.first;
        }
        if other.last.0 > self.last.0 {
            self.last = other.last;
        }
    }

    fn is_worse(&self, level: Severity, at: &PointKey) -> bool {
        level > self.worst.0 || (level == self.worst.0 && *at < self.worst.1)
    }
}

fn raise(held: &mut FactKey, other: &FactKey) {
    if other > held {
        *held = *other;
    }
}

fn reach(reached: &mut BTreeMap<Severity, FactKey>, level: Severity, at: &FactKey) {
    if reached.get(&level).is_none_or(|held| at < held) {
        reached.insert(level, *at);
    }
}

/// Takes the next finding of a key in: into the last episode, or several that it joins, or as the first of another.
///
/// An episode never reaches across a human's judgement, and what is at most `medium` never makes one longer than
/// [`QUIET_INCIDENT_SECONDS_MAX`].
pub fn absorb(episodes: &mut Vec<Arc<Episode>>, judged_until: &BTreeSet<Second>, key: &PointKey, point: &Point) {
    let joined = episodes.iter().rev().take_while(|episode| joins(judged_until, episode, point)).count();
    let mut later = episodes.split_off(episodes.len() - joined.saturating_sub(1)).into_iter();
    match episodes.last_mut().filter(|_| joined > 0) {
        Some(episode) => {
            let episode = Arc::make_mut(episode);
            later.by_ref().for_each(|other| episode.unite(&other));
            episode.absorb(key, point);
        }
        None => episodes.push(Arc::new(Episode::of(key, point))),
    }
}

fn joins(judged_until: &BTreeSet<Second>, episode: &Episode, point: &Point) -> bool {
    let is_near = point.from.second <= episode.to.second.plus(EPISODE_GAP_SECONDS);
    let is_judged_between = episode.to.second < point.from.second
        && judged_until.range(episode.to.second..point.from.second).next().is_some();
    let is_quiet = episode.level().max(point.level) <= Severity::Medium;
    let is_long = point.to.second > episode.from.second.plus(QUIET_INCIDENT_SECONDS_MAX);
    is_near && !is_judged_between && !(is_quiet && is_long)
}
