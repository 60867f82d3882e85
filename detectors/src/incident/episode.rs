//! Episodes: findings of one key whose destroying facts lie close together.

use std::collections::BTreeMap;

use super::Severity;
use crate::limits::{EPISODE_GAP_SECONDS, QUIET_INCIDENT_SECONDS_MAX};
use crate::timeline::{FactKey, Ledger, Point, PointKey};

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
        let nowhere = PointKey { at: from.clone(), detector: "", is_whole: false };
        Self {
            first: (nowhere, from.clone()),
            last_at: to.clone(),
            from,
            to,
            spoken: BTreeMap::new(),
            is_whole: false,
            reached: BTreeMap::new(),
            reached_pausing: BTreeMap::new(),
        }
    }

    fn of(key: &PointKey, point: &Point) -> Self {
        let mut episode = Self::silent(point.from.clone(), point.to.clone());
        episode.first = (key.clone(), point.from.clone());
        episode.last_at = key.at.clone();
        episode.absorb(key, point);
        episode
    }

    fn absorb(&mut self, key: &PointKey, point: &Point) {
        raise(&mut self.to, &point.to);
        raise(&mut self.last_at, &key.at);
        self.is_whole |= key.is_whole;
        reach(&mut self.reached, point.level, &key.at);
        if let Some(level) = point.pausing_level {
            reach(&mut self.reached_pausing, level, &key.at);
        }
        if *key < self.first.0 {
            self.first = (key.clone(), point.from.clone());
        }
        match self.spoken.get_mut(key.detector) {
            Some(spoken) => spoken.absorb(key, point),
            None => drop(self.spoken.insert(key.detector, Spoken::of(key, point))),
        }
    }

    /// Takes another episode in.
    pub fn unite(&mut self, other: Self) {
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
            self.first = other.first;
        }
        for (detector, spoken) in other.spoken {
            match self.spoken.get_mut(detector) {
                Some(held) => held.unite(spoken),
                None => drop(self.spoken.insert(detector, spoken)),
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
    pub fn first_event_id(&self) -> &str {
        &self.first.1.id
    }

    /// Names of the detectors that spoke, sorted; those only that reached `level`.
    pub fn detectors(&self, level: Severity) -> Vec<String> {
        self.spoken.iter().filter(|(_, spoken)| spoken.worst.0 >= level).map(|(name, _)| (*name).to_owned()).collect()
    }
}

impl Spoken {
    fn of(key: &PointKey, point: &Point) -> Self {
        Self {
            first: (key.clone(), point.from.clone()),
            worst: (point.level, key.clone()),
            last: (key.clone(), point.to.clone()),
        }
    }

    fn absorb(&mut self, key: &PointKey, point: &Point) {
        if *key < self.first.0 {
            self.first = (key.clone(), point.from.clone());
        }
        if *key > self.last.0 {
            self.last = (key.clone(), point.to.clone());
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
        *held = other.clone();
    }
}

fn reach(reached: &mut BTreeMap<Severity, FactKey>, level: Severity, at: &FactKey) {
    if reached.get(&level).is_none_or(|held| at < held) {
        reached.insert(level, at.clone());
    }
}

/// The episodes of a key, in order. One never reaches across a human's judgement, and what is at most `medium` never
/// makes one longer than [`QUIET_INCIDENT_SECONDS_MAX`].
pub fn episodes(ledger: &Ledger) -> Vec<Episode> {
    let mut points: Vec<(&PointKey, &Point)> = ledger.points.iter().collect();
    points.sort_by(|one, other| (&one.1.from, one.0).cmp(&(&other.1.from, other.0)));
    let mut all: Vec<Episode> = Vec::new();
    for (key, point) in points {
        match all.last_mut().filter(|episode| joins(ledger, episode, point)) {
            Some(episode) => episode.absorb(key, point),
            None => all.push(Episode::of(key, point)),
        }
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
