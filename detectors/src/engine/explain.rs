//! How near a principal came to each limit, when, and what it owns: for whoever asks why there was an incident, or none.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Engine;
use super::memory::Incident;
use crate::detector::{ALL, Detector, Gauge, Limits, Window};
use crate::incident::{Episode, Severity, incident_id};
use crate::limits::STARTERS_LISTED_MAX;
use crate::time::Second;
use crate::timeline::{Because, Cap, Ear, FactKey, Ledger, Owned, Ownership, Point, PointKey, cap};

/// The most that was reached of one limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// The limit, and what of it was reached.
    pub gauge: Gauge,
    /// At which fact.
    pub at: FactKey,
    /// By severity, the first fact at which this limit asked for it.
    pub levels: BTreeMap<Severity, FactKey>,
}

/// The worst that a detector said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// How bad.
    pub level: Severity,
    /// At which fact it first was so bad.
    pub at: FactKey,
    /// What it said first, and at which fact.
    pub first: (Severity, FactKey),
    /// Whether it rests on all that passed through a role or user, whoever answers for it.
    pub is_whole: bool,
}

/// What a detector would have said, had it not been held to less.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mitigated {
    /// How bad its limits are that were reached.
    pub reached: Severity,
    /// What it was held to.
    pub level: Severity,
    /// At which fact it first was so bad.
    pub at: FactKey,
}

/// How near one principal came to the limits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nearness {
    /// By detector and limit, the most that was reached by what the principal itself did; nothing where it never reached
    /// anything.
    pub reached: BTreeMap<(&'static str, &'static str), Reached>,
    /// By detector, the worst that it said.
    pub said: BTreeMap<&'static str, Said>,
    /// By detector and reason, the worst that was held to less.
    pub mitigated: BTreeMap<(&'static str, Because), Mitigated>,
    /// Of what the principal answers for itself, those who may have set it going, since several did under it and nobody
    /// can tell which; at most [`STARTERS_LISTED_MAX`].
    pub starters: BTreeSet<Arc<str>>,
}

/// Of what an incident destroyed, what its principal had made itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnShare {
    /// How many resources.
    pub own: u64,
    /// How many of them it had made less than [`crate::limits::YOUNG_SECONDS_MAX`] before.
    pub young: u64,
}

/// When an incident was first so bad that somebody is paged, and that its principal is paused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moments {
    /// When it first was `high`.
    pub page: Option<Second>,
    /// When it first was `critical`.
    pub pause: Option<Second>,
}

struct Listener<'a> {
    nearness: &'a mut Nearness,
    limits: &'a Limits,
    during: &'a RangeInclusive<Second>,
}

impl Listener<'_> {
    fn gauge(&mut self, detector: &'static str, gauge: Gauge, at: &FactKey) {
        if gauge.amount.is_zero() {
            return;
        }
        let levels: Vec<Severity> = gauge.levels_reached().collect();
        let reached = match self.nearness.reached.entry((detector, gauge.limit)) {
            Entry::Vacant(entry) => entry.insert(Reached { gauge, at: *at, levels: BTreeMap::new() }),
            Entry::Occupied(entry) => {
                let held = entry.into_mut();
                if gauge.is_beyond(&held.gauge) {
                    (held.gauge, held.at) = (gauge, *at);
                }
                held
            }
        };
        for level in levels {
            let first = reached.levels.entry(level).or_insert(*at);
            *first = (*first).min(*at);
        }
    }

    fn mitigate(&mut self, detector: &dyn Detector, window: &Window<'_>, at: &FactKey) {
        let Some(finding) = detector.judge(window, self.limits) else { return };
        let Cap { level, because: Some(because) } = cap(window, finding.basis) else { return };
        let held = self.nearness.mitigated.get(&(detector.name(), because));
        if finding.level > level && held.is_none_or(|held| finding.level > held.reached) {
            let mitigated = Mitigated { reached: finding.level, level, at: *at };
            self.nearness.mitigated.insert((detector.name(), because), mitigated);
        }
    }
}

impl Ear for Listener<'_> {
    fn point(&mut self, key: &PointKey, point: &Point) {
        if !self.during.contains(&key.at.second) {
            return;
        }
        let now = Said { level: point.level, at: key.at, first: (point.level, key.at), is_whole: key.is_whole };
        let said = self.nearness.said.entry(key.detector).or_insert_with(|| now.clone());
        let first = if key.at < said.first.1 { now.first } else { said.first };
        if said.level < point.level {
            *said = now;
        }
        said.first = first;
    }

    fn window(&mut self, at: &FactKey, is_whole: bool, window: &Window<'_>) {
        if is_whole || !self.during.contains(&at.second) {
            return;
        }
        for detector in ALL {
            for gauge in detector.gauges(window, self.limits) {
                self.gauge(detector.name(), gauge, at);
            }
            self.mitigate(*detector, window, at);
        }
    }
}

impl Engine {
    /// The keys of all principals of whom something is held.
    pub fn principals(&self) -> impl Iterator<Item = &Arc<str>> {
        self.timeline.ledgers().map(|(key, _)| key)
    }

    /// Adds to what is known of a principal's nearness to limits what the facts held tell of it, as far as it happened
    /// within some time. Facts are forgotten in the course of time, unless [`Self::keep_facts`] says otherwise.
    pub fn measure(&self, principal: &str, during: &RangeInclusive<Second>, nearness: &mut Nearness) {
        if let Some(ledger) = self.timeline.ledger(principal) {
            let limits = self.timeline.limits();
            let own = ledger.entries().iter().filter(|held| *held.entry.actor.key == *principal);
            for starter in own.flat_map(|held| &held.entry.actor.starters) {
                if nearness.starters.len() < STARTERS_LISTED_MAX {
                    nearness.starters.insert(Arc::clone(starter));
                }
            }
            ledger.tell(principal, limits, &mut Listener { nearness, limits, during });
        }
    }

    /// What a principal made that is still there, as far as facts tell.
    pub fn owned(&self, principal: &str) -> Vec<Owned> {
        self.timeline.owned(principal)
    }

    /// The id that an incident would have, had its facts arrived in their order; nothing once its facts are forgotten. What
    /// receivers were told keeps the id that they were told.
    pub fn id_in_order(&self, incident: &str) -> Option<String> {
        let (incident, episode) = self.episode_of(incident)?;
        Some(incident_id(&incident.key, &episode.first_event_id().to_string()))
    }

    /// When an incident was first so bad as to page and to pause, in event time; nothing once its facts are forgotten.
    pub fn moments(&self, incident: &str) -> Option<Moments> {
        let (_, episode) = self.episode_of(incident)?;
        let reached = |level| episode.reached(level).map(|at| at.second);
        Some(Moments { page: reached(Severity::High), pause: reached(Severity::Critical) })
    }

    fn episode_of(&self, incident: &str) -> Option<(&Incident, Arc<Episode>)> {
        let incident = self.incidents.get(incident)?;
        let mut found = self.episodes_of(&incident.key).into_iter();
        Some((incident, found.find(|episode| episode.to == incident.to)?))
    }

    /// Of what an incident destroyed, what its principal had made itself, as it was judged.
    pub fn own_share(&self, incident: &str) -> Option<OwnShare> {
        if self.stale.contains(incident)
            && let Some((_, own)) = self.fresh_report(incident)
        {
            return Some(own);
        }
        self.incidents.get(incident).map(|incident| incident.own)
    }
}

impl OwnShare {
    /// Of what an episode destroyed.
    pub(super) fn of(ledger: &Ledger, key: &str, episode: &Episode) -> Self {
        let mut share = Self::default();
        for (_, one) in ledger.destroyed(key, episode.is_whole, &episode.from, &episode.to) {
            share.own += u64::from(matches!(one.ownership, Ownership::OwnYoung | Ownership::OwnOld));
            share.young += u64::from(one.ownership == Ownership::OwnYoung);
        }
        share
    }
}
