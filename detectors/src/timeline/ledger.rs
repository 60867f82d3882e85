//! All that one key (an actor, or a role or user) did, and what the detectors say of it at each fact.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::contribution::{Contribution, Entry, Ownership, Thousandths, weight_of};
use super::judge::judge;
use super::order::FactKey;
use super::pairing::{Pairs, pair};
use crate::detector::LESSENED;
use crate::incident::Severity;
use crate::limits::{RECREATE_SECONDS_MAX, WINDOW_SECONDS_MAX};
use crate::time::Second;

/// What a detector said at one fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// How bad.
    pub level: Severity,
    /// How bad by facts alone that may bear a pause.
    pub pausing_level: Option<Severity>,
    /// The first destroying fact that it rests on.
    pub from: FactKey,
    /// The last.
    pub to: FactKey,
}

/// Where a point lies: at which fact, by which detector, and whether it is about all of a role or user.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PointKey {
    /// The fact.
    pub at: FactKey,
    /// The detector's name.
    pub detector: &'static str,
    /// About all that passed through a role or user, whoever answers for it; else about the actor alone.
    pub is_whole: bool,
}

impl PointKey {
    /// The first place at a fact.
    fn first_of(at: &FactKey) -> Self {
        Self { at: at.clone(), detector: "", is_whole: false }
    }
}

/// All that one key did.
#[derive(Debug, Default)]
pub struct Ledger {
    /// By fact.
    pub entries: BTreeMap<FactKey, Entry>,
    /// What the detectors said.
    pub points: BTreeMap<PointKey, Point>,
    /// Destroyed resources that were replaced just before, and by what.
    pub pairs: Pairs,
    /// Until when humans have judged: later windows don't reach back past it.
    pub judged_until: BTreeSet<Second>,
}

impl Ledger {
    /// Judges anew everything from a fact on; what lies before it cannot have changed.
    pub fn judge_from(&mut self, name: &str, from: &FactKey) {
        self.points.split_off(&PointKey::first_of(from));
        self.pairs = pair(&self.entries, std::mem::take(&mut self.pairs), from);
        let since = from.second.plus(-(WINDOW_SECONDS_MAX + RECREATE_SECONDS_MAX));
        let entries: Vec<(&FactKey, &Entry)> = self.entries.range(FactKey::first_of(since)..).collect();
        let mut points = Vec::new();
        for is_whole in [false, true] {
            if is_whole && entries.iter().all(|(_, entry)| entry.actor.key.as_ref() == name) {
                continue;
            }
            let view: Vec<(&FactKey, &Entry)> =
                entries.iter().filter(|(_, entry)| is_whole || entry.actor.key.as_ref() == name).copied().collect();
            points.extend(judge(&view, &self.pairs, &self.judged_until, from, is_whole));
        }
        self.points.extend(points);
    }

    /// What was destroyed between two facts, both included, in fact order: by the actor `name` alone, or (`is_whole`) by
    /// all who passed through a role or user.
    pub fn destroyed<'a>(
        &'a self,
        name: &'a str,
        is_whole: bool,
        from: &FactKey,
        to: &FactKey,
    ) -> impl Iterator<Item = (&'a Entry, &'a Contribution)> {
        let range = (from <= to).then(|| self.entries.range(from.clone()..=to.clone()));
        range
            .into_iter()
            .flatten()
            .filter(move |(_, entry)| is_whole || entry.actor.key.as_ref() == name)
            .flat_map(|(_, entry)| entry.destroyed.iter().map(move |contribution| (entry, contribution)))
    }

    /// The weight of a destroyed resource as judged, without the cap on what is own and young together.
    pub fn weight(&self, contribution: &Contribution) -> Thousandths {
        let weight = weight_of(contribution.class);
        let is_lessened = contribution.ownership == Ownership::OwnYoung || self.is_paired(contribution);
        if is_lessened { weight * LESSENED / 1_000 } else { weight }
    }

    /// Whether a destroyed resource was replaced just before.
    pub fn is_paired(&self, contribution: &Contribution) -> bool {
        self.pairs.get(&contribution.fact).is_some_and(|made| made.contains_key(&contribution.index))
    }

    /// Names of actors in these entries.
    pub fn actors(&self) -> BTreeSet<Arc<str>> {
        self.entries.values().map(|entry| Arc::clone(&entry.actor.key)).collect()
    }

    /// Forgets entries and points before a second.
    pub fn forget_before(&mut self, second: Second) {
        let first = FactKey::first_of(second);
        self.entries = self.entries.split_off(&first);
        self.points = self.points.split_off(&PointKey::first_of(&first));
        self.pairs = self.pairs.split_off(&first);
        self.judged_until.retain(|until| *until >= second);
    }
}
