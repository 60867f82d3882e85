//! All that one key (an actor, or a role or user) did, and what the detectors say of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::contribution::{Contribution, Entry};
use super::entries::{Entries, Held};
use super::order::FactKey;
use super::sweep::{Deaf, Ear, Ground, Returns, State};
use crate::detector::Limits;
use crate::incident::Episode;
use crate::limits::{CHECKPOINT_STEPS, CHECKPOINTS_MAX};
use crate::time::Second;

/// All that one key did.
#[derive(Debug, Default)]
pub struct Ledger {
    entries: Entries,
    returns: Returns,
    judged_until: BTreeSet<Second>,
    /// Whether others than the key itself act here.
    is_mixed: bool,
    state: State,
    /// States after earlier facts, the earliest first.
    checkpoints: Vec<State>,
    steps: usize,
    /// From where on the ground has changed since it was judged.
    changed: Option<FactKey>,
}

impl Ledger {
    /// What the key did, in fact order.
    pub fn entries(&self) -> &Entries {
        &self.entries
    }

    /// Until when humans have judged.
    pub fn judged_until(&self) -> &BTreeSet<Second> {
        &self.judged_until
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.judged_until.is_empty()
    }

    /// Findings close together, in order.
    pub fn episodes(&self) -> &[Arc<Episode>] {
        &self.state.episodes
    }

    /// Puts a fact's entry where it belongs; says whether that changed anything.
    pub(super) fn put(&mut self, name: &str, key: &FactKey, entry: &Arc<Entry>) -> bool {
        let before = self.entries.get(key).map(|held| Arc::clone(&held.entry));
        if before.as_ref().is_some_and(|before| before == entry) {
            return false;
        }
        if let Some(before) = &before {
            self.change_returns(key, before, false);
        }
        self.change_returns(key, entry, true);
        if !self.is_mixed && *entry.actor.key != *name {
            // The view of all begins at the first entry.
            self.is_mixed = true;
            let (start, first) = (self.entries.start(), self.entries.iter().next().map(|held| held.key));
            self.checkpoints.clear();
            self.state = State::from(start);
            self.change(&first.unwrap_or(*key));
        }
        if self.entries.put(key, Arc::clone(entry)) {
            self.change(key);
        }
        true
    }

    /// Takes a fact's entry away; says whether there was one.
    pub(super) fn take(&mut self, key: &FactKey) -> bool {
        let Some(held) = self.entries.remove(key) else { return false };
        self.change_returns(key, &held.entry, false);
        self.change(key);
        true
    }

    /// Humans judged the key at a second: windows after it don't reach back past it. Says whether that is new.
    pub(super) fn cut(&mut self, second: Second) -> bool {
        let is_new = self.judged_until.insert(second);
        if is_new {
            self.change(&FactKey::first_of(second));
        }
        is_new
    }

    fn change(&mut self, from: &FactKey) {
        if self.changed.as_ref().is_none_or(|changed| from < changed) {
            self.changed = Some(*from);
        }
    }

    fn change_returns(&mut self, key: &FactKey, entry: &Entry, add: bool) {
        for contribution in &entry.destroyed {
            for create in contribution.recreated_by.iter().chain(&contribution.succeeded_by) {
                let returned = (*key, contribution.index);
                if add {
                    self.returns.entry(*create).or_default().insert(returned);
                } else if let Some(of_create) = self.returns.get_mut(create) {
                    of_create.remove(&returned);
                    if of_create.is_empty() {
                        self.returns.remove(create);
                    }
                }
            }
        }
    }

    /// Judges anew whatever lies at or after a fact, and all that was not judged yet.
    pub(super) fn judge_from(&mut self, name: &str, from: &FactKey, limits: &Limits) {
        let changed = self.changed.take();
        let from = changed.as_ref().filter(|changed| *changed < from).unwrap_or(from);
        let mut returns_to = None;
        if !self.state.is_before(from) {
            while self.checkpoints.last().is_some_and(|state| !state.is_before(from)) {
                self.checkpoints.pop();
            }
            self.state = self.checkpoints.last().cloned().unwrap_or_else(|| State::from(self.entries.start()));
            self.steps = 0;
            // Of one second, facts come in no order: the next one is likely to belong there as well.
            returns_to = Some(FactKey::first_of(from.second));
        }
        let ground =
            Ground { name, is_mixed: self.is_mixed, returns: &self.returns, judged_until: &self.judged_until, limits };
        loop {
            if self.steps >= STEPS_WORTH_KEEPING
                && returns_to.as_ref().is_some_and(|place| self.state.is_last_before(place, &self.entries))
            {
                returns_to = None;
                self.steps = CHECKPOINT_STEPS;
            } else if self.state.step(&mut self.entries, ground, &mut Deaf) {
                self.steps += 1;
            } else {
                break;
            }
            if self.steps == CHECKPOINT_STEPS {
                self.steps = 0;
                self.state.tidy(&self.entries);
                self.checkpoints.push(self.state.clone());
                thin(&mut self.checkpoints);
            }
        }
    }

    /// Judges everything held from the beginning, and tells what detectors see and say, fact by fact.
    pub fn tell(&self, name: &str, limits: &Limits, ear: &mut dyn Ear) {
        let mut entries = Entries::default();
        for held in self.entries.iter() {
            entries.put(&held.key, Arc::clone(&held.entry));
        }
        let ground =
            Ground { name, is_mixed: self.is_mixed, returns: &self.returns, judged_until: &self.judged_until, limits };
        let mut state = State::from(entries.start());
        while state.step(&mut entries, ground, ear) {}
    }

    /// What was destroyed between two facts, both included, in fact order: by the actor `name` alone, or (`is_whole`) by
    /// all who passed through a role or user.
    pub fn destroyed<'a>(
        &'a self,
        name: &'a str,
        is_whole: bool,
        from: &FactKey,
        to: &FactKey,
    ) -> impl Iterator<Item = (&'a Held, &'a Contribution)> {
        self.between(name, is_whole, from, to)
            .flat_map(|held| held.entry.destroyed.iter().map(move |contribution| (held, contribution)))
    }

    /// What was done between two facts, both included, in fact order.
    pub fn between<'a>(
        &'a self,
        name: &'a str,
        is_whole: bool,
        from: &FactKey,
        to: &FactKey,
    ) -> impl Iterator<Item = &'a Held> {
        self.entries.between(from, to).filter(move |held| is_whole || held.entry.actor.key.as_ref() == name)
    }

    /// Forgets what lies before a fact. Returns the facts whose entries went.
    pub(super) fn forget_before(&mut self, name: &str, first: &FactKey, limits: &Limits) -> Vec<FactKey> {
        let is_older = self.entries.iter().next().is_some_and(|held| held.key < *first);
        if !is_older && self.judged_until.first().is_none_or(|until| *until >= first.second) {
            return Vec::new();
        }
        let gone = self.entries.forget_before(first);
        for held in &gone {
            self.change_returns(&held.key, &held.entry, false);
        }
        self.judged_until.retain(|until| *until >= first.second);
        let start = self.entries.start();
        self.checkpoints.retain(|state| !state.is_before(first) && !state.reaches_before(start));
        let is_cut_through = self.state.episodes.iter().any(|one| one.from < *first && one.to >= *first);
        if is_cut_through || self.state.reaches_before(start) {
            self.begin_anew(name, limits);
        } else {
            let forget = |state: &mut State| state.episodes.retain(|episode| episode.to >= *first);
            forget(&mut self.state);
            self.checkpoints.iter_mut().for_each(forget);
        }
        gone.into_iter().map(|held| held.key).collect()
    }

    /// Judges everything held from the beginning.
    pub(super) fn begin_anew(&mut self, name: &str, limits: &Limits) {
        self.checkpoints.clear();
        self.state = State::from(self.entries.start());
        self.steps = 0;
        let first = self.entries.iter().next().map_or(FactKey::first_of(Second(0)), |held| held.key);
        self.judge_from(name, &first, limits);
    }
}

/// A state is not worth keeping if fewer steps than this lead to it.
const STEPS_WORTH_KEEPING: usize = 16;

/// Holds the number of kept states to its bound: the older ones lie further apart.
fn thin(checkpoints: &mut Vec<State>) {
    if checkpoints.len() > CHECKPOINTS_MAX {
        let mut number = 0;
        checkpoints.retain(|_| {
            number += 1;
            number > CHECKPOINTS_MAX / 2 || number % 2 == 0
        });
    }
}
