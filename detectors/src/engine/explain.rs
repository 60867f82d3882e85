//! How near a principal came to each limit, when, and what it owns: for whoever asks why there was an incident, or none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Engine;
use crate::detector::{ALL, Gauge, Limits, Window};
use crate::incident::{Severity, incident_id};
use crate::limits::STARTERS_LISTED_MAX;
use crate::timeline::{Ear, FactKey, Owned, Ownership, Point, PointKey};

/// The most that was reached of one limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// The limit, and what of it was reached.
    pub gauge: Gauge,
    /// At which fact.
    pub at: FactKey,
}

/// The worst that a detector said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// How bad.
    pub level: Severity,
    /// At which fact it first was so bad.
    pub at: FactKey,
    /// Whether it rests on all that passed through a role or user, whoever answers for it.
    pub is_whole: bool,
}

/// How near one principal came to the limits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nearness {
    /// By detector and limit, the most that was reached by what the principal itself did; nothing where it never reached
    /// anything.
    pub reached: BTreeMap<(&'static str, &'static str), Reached>,
    /// By detector, the worst that it said.
    pub said: BTreeMap<&'static str, Said>,
    /// Of what the principal answers for itself, those who may have set it going, since several did under it and nobody
    /// can tell which; at most [`STARTERS_LISTED_MAX`].
    pub starters: BTreeSet<Arc<str>>,
}

/// Of what an incident destroyed, what its principal had made itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OwnShare {
    /// How many resources.
    pub own: u64,
    /// How many of them it had made less than [`crate::limits::YOUNG_SECONDS_MAX`] before.
    pub young: u64,
}

struct Listener<'a> {
    nearness: &'a mut Nearness,
    limits: &'a Limits,
}

impl Ear for Listener<'_> {
    fn point(&mut self, key: &PointKey, point: &Point) {
        let said = self.nearness.said.get(key.detector);
        if said.is_none_or(|said| said.level < point.level) {
            let said = Said { level: point.level, at: key.at.clone(), is_whole: key.is_whole };
            self.nearness.said.insert(key.detector, said);
        }
    }

    fn window(&mut self, at: &FactKey, is_whole: bool, window: &Window<'_>) {
        if is_whole {
            return;
        }
        for detector in ALL {
            for gauge in detector.gauges(window, self.limits) {
                let held = self.nearness.reached.get(&(detector.name(), gauge.limit));
                if !gauge.amount.is_zero() && held.is_none_or(|held| gauge.is_beyond(&held.gauge)) {
                    let key = (detector.name(), gauge.limit);
                    self.nearness.reached.insert(key, Reached { gauge, at: at.clone() });
                }
            }
        }
    }
}

impl Engine {
    /// The keys of all principals of whom something is held.
    pub fn principals(&self) -> impl Iterator<Item = &Arc<str>> {
        self.timeline.ledgers().map(|(key, _)| key)
    }

    /// Adds to what is known of a principal's nearness to limits what the facts held tell of it. Facts are forgotten in
    /// the course of time: ask at least once in each hour of event time.
    pub fn measure(&self, principal: &str, nearness: &mut Nearness) {
        if let Some(ledger) = self.timeline.ledger(principal) {
            let limits = self.timeline.limits();
            let own = ledger.entries().iter().filter(|held| *held.entry.actor.key == *principal);
            for starter in own.flat_map(|held| &held.entry.actor.starters) {
                if nearness.starters.len() < STARTERS_LISTED_MAX {
                    nearness.starters.insert(Arc::clone(starter));
                }
            }
            ledger.tell(principal, limits, &mut Listener { nearness, limits });
        }
    }

    /// What a principal made that is still there, as far as facts tell.
    pub fn owned(&self, principal: &str) -> Vec<Owned> {
        self.timeline.owned(principal)
    }

    /// The id that an incident would have, had its facts arrived in their order; nothing once its facts are forgotten. What
    /// receivers were told keeps the id that they were told.
    pub fn id_in_order(&self, incident: &str) -> Option<String> {
        let incident = self.incidents.get(incident)?;
        let found = self.episodes_of(&incident.key);
        let episode = found.iter().find(|episode| episode.to == incident.to)?;
        Some(incident_id(&incident.key, &episode.first_event_id().to_string()))
    }

    /// Of what an incident destroyed, what its principal had made itself; nothing once its facts are forgotten.
    pub fn own_share(&self, incident: &str) -> Option<OwnShare> {
        let incident = self.incidents.get(incident)?;
        let ledger = self.timeline.ledger(&incident.key)?;
        let found = self.episodes_of(&incident.key);
        let episode = found.iter().find(|episode| episode.to == incident.to)?;
        let mut share = OwnShare::default();
        for (_, one) in ledger.destroyed(&incident.key, episode.is_whole, &episode.from, &episode.to) {
            share.own += u64::from(matches!(one.ownership, Ownership::OwnYoung | Ownership::OwnOld));
            share.young += u64::from(one.ownership == Ownership::OwnYoung);
        }
        Some(share)
    }
}
