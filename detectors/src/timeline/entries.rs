//! A key's entries in fact order, by positions that stay the same while older ones are forgotten.

use std::collections::VecDeque;
use std::sync::Arc;

use super::contribution::{Contribution, Entry};
use super::order::FactKey;
use crate::detector::Weights;
use crate::event::WeightClass;
use crate::timeline::{Ownership, Thousandths};

/// One entry as a ledger holds it.
#[derive(Clone, Debug)]
pub struct Held {
    /// The fact.
    pub key: FactKey,
    /// What it means.
    pub entry: Arc<Entry>,
    /// Numbers of those of its resources that the actor had replaced just before.
    pub(super) paired: Vec<usize>,
}

impl Held {
    /// Whether a resource that this fact destroyed was replaced just before.
    pub fn is_paired(&self, contribution: &Contribution) -> bool {
        self.paired.contains(&contribution.index)
    }

    /// The weight of a resource that this fact destroyed, without the cap on what is own and young together.
    pub fn weight(&self, contribution: &Contribution, weights: &Weights) -> Thousandths {
        let weight = contribution.weight(weights);
        let is_lessened = contribution.ownership == Ownership::OwnYoung || self.is_paired(contribution);
        if is_lessened { weights.lessened(weight) } else { weight }
    }

    /// The weight that had come back of a resource by a fact: the same identity counts in full, a successor half, and less
    /// where it replaces one of a row. What is own and young never counts, nor do copies and what is usually unused, nor
    /// the successor of what its maker retires.
    pub(super) fn weight_back(&self, contribution: &Contribution, by: &FactKey, weights: &Weights) -> Thousandths {
        let is_by = |create: &Option<FactKey>| create.as_ref().is_some_and(|create| create <= by);
        match () {
            () if contribution.ownership == Ownership::OwnYoung => 0,
            () if matches!(contribution.class, WeightClass::Copy | WeightClass::UsuallyUnused) => 0,
            () if is_by(&contribution.recreated_by) => contribution.weight(weights),
            () if is_by(&contribution.succeeded_by) && !may_be_retired(contribution) => {
                self.weight(contribution, weights) / 2
            }
            () => 0,
        }
    }
}

/// Whether its actor made a resource some hours or days ago, and it holds no state: as a controller's nodes.
pub(super) fn may_be_retired(contribution: &Contribution) -> bool {
    contribution.ownership == Ownership::OwnOld
        && contribution.is_recent
        && contribution.class != WeightClass::HoldsState
}

/// Whether a resource had come back as itself before a fact.
pub(super) fn is_itself_before(contribution: &Contribution, fact: &FactKey) -> bool {
    contribution.recreated_by.as_ref().is_some_and(|by| by < fact)
}

/// Entries in fact order.
#[derive(Debug, Default)]
pub struct Entries {
    base: usize,
    list: VecDeque<Held>,
}

impl Entries {
    /// The entry at a position.
    pub(super) fn at(&self, position: usize) -> Option<&Held> {
        self.list.get(position.checked_sub(self.base)?)
    }

    pub(super) fn at_mut(&mut self, position: usize) -> Option<&mut Held> {
        self.list.get_mut(position.checked_sub(self.base)?)
    }

    /// The position of the first entry.
    pub(super) fn start(&self) -> usize {
        self.base
    }

    /// The position after the last entry.
    pub(super) fn end(&self) -> usize {
        self.base + self.list.len()
    }

    /// The position of the entry of a fact, or where it would be.
    pub(super) fn position(&self, key: &FactKey) -> Result<usize, usize> {
        // Nearly always it is asked for the newest.
        if self.list.back().is_none_or(|last| last.key < *key) {
            return Err(self.end());
        }
        let found = self.list.binary_search_by(|held| held.key.cmp(key));
        found.map(|index| index + self.base).map_err(|index| index + self.base)
    }

    /// Puts an entry in its place; says whether a new place was made for it.
    pub(super) fn put(&mut self, key: &FactKey, entry: Arc<Entry>) -> bool {
        match self.position(key) {
            Ok(position) => {
                if let Some(held) = self.at_mut(position) {
                    held.entry = entry;
                }
                false
            }
            Err(position) => {
                self.list.insert(position - self.base, Held { key: *key, entry, paired: Vec::new() });
                true
            }
        }
    }

    /// Takes an entry away.
    pub(super) fn remove(&mut self, key: &FactKey) -> Option<Held> {
        let position = self.position(key).ok()?;
        self.list.remove(position - self.base)
    }

    /// Forgets entries before a fact, and returns them.
    pub(super) fn forget_before(&mut self, key: &FactKey) -> Vec<Held> {
        let (Ok(position) | Err(position)) = self.position(key);
        let gone: Vec<Held> = self.list.drain(..position - self.base).collect();
        self.base = position;
        gone
    }

    /// The entry of a fact.
    pub fn get(&self, key: &FactKey) -> Option<&Held> {
        self.at(self.position(key).ok()?)
    }

    /// Entries between two facts, both included.
    pub fn between(&self, from: &FactKey, to: &FactKey) -> impl Iterator<Item = &Held> {
        let (Ok(start) | Err(start)) = self.position(from);
        let end = self.position(to).map_or_else(|end| end, |last| last + 1).max(start);
        self.list.range(start - self.base..end - self.base)
    }

    /// All entries.
    pub fn iter(&self) -> impl Iterator<Item = &Held> {
        self.list.iter()
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}
