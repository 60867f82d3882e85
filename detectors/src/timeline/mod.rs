//! All facts in their order, and what must be looked up as of an instant. Whatever a new fact bears on is worked out anew,
//! and nothing else.
//!
//! The law that holds here: the judgement of an instant depends on the set of facts up to it and on nothing else, so the
//! order in which facts arrive, and how often, changes nothing.

mod affected;
mod cap;
mod contribution;
mod entries;
mod event_id;
mod forget;
mod guard;
mod index;
mod ledger;
mod lineage;
mod lookup;
mod name;
mod order;
mod owned;
mod pairing;
mod placement;
mod places;
mod reread;
mod running;
mod starts;
mod store;
mod successions;
mod sweep;
mod wanted;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use foldhash::fast::FixedState;
use smallvec::SmallVec;

pub use cap::{Because, Cap, cap};
pub use contribution::{Contribution, Created, Entry, Ownership, Thousandths};
pub use entries::{Entries, Held};
pub use event_id::EventId;
pub use guard::Unguarded;
pub use ledger::Ledger;
pub use lineage::{Actor, actor_of};
pub use order::FactKey;
pub use owned::Owned;
pub use store::Store;
use successions::Successions;
pub use sweep::{Ear, Point, PointKey};
pub use wanted::{Asked, unplaced};

use crate::detector::Limits;
use crate::engine::{Column, Fact};
use crate::event::Event;
use crate::limits::{FACTS_DROPPED_AT_LEAST, FACTS_DROPPED_AT_ONCE, FACTS_MAX};
use crate::time::Second;

/// All facts, and what each key did.
#[derive(Debug, Default)]
pub struct Timeline {
    limits: Arc<Limits>,
    store: Store,
    successions: Successions,
    /// Boxed, since a table has room for more than it holds.
    ledgers: HashMap<Arc<str>, Box<Ledger>, FixedState>,
}

/// A key's facts are judged anew when some are dropped: at least one is for so many.
const ENTRIES_PER_DROPPED: usize = 32;

/// A few keys; of one fact its actor's, and its role's or user's where that is another.
pub type Names = SmallVec<[Arc<str>; 2]>;

/// What a new fact changed.
#[derive(Debug)]
pub struct Inserted {
    /// Its place.
    pub key: FactKey,
    /// Where it counts.
    pub column: Column,
    /// Whether anything is known that was not: always, but for equal copies that may bear no more than what is held.
    pub is_news: bool,
    /// Keys that are judged anew, sorted, without repeats.
    pub touched: Names,
    /// From where on.
    pub from: FactKey,
    /// Facts that went to make room.
    pub dropped: Vec<FactKey>,
}

impl Timeline {
    /// Takes a fact in and judges anew whatever it bears on.
    pub fn insert(&mut self, fact: Fact) -> Inserted {
        let may_pause = fact.may_pause;
        let to_go = self.to_go();
        let (key, column) = self.store.insert(fact);
        let is_news = column != Column::Duplicate || (may_pause && self.store.trust(&key));
        if !is_news {
            let (from, touched) = (key, Names::new());
            return Inserted { key, column, is_news, touched, from, dropped: Vec::new() };
        }
        let fact = self.store.get(&key).map(Arc::clone);
        let (touched, from) = match &fact {
            Some(fact) => self.refresh(&key, &fact.event),
            None => (Names::new(), key),
        };
        let dropped = self.make_room(to_go);
        Inserted { key, column, is_news, touched, from, dropped }
    }

    /// The last of the facts that go with the next new one, if it is one too many.
    pub fn last_to_go(&self) -> Option<FactKey> {
        self.to_go().and_then(|to_go| self.store.iter().nth(to_go).map(|(key, _)| *key))
    }

    /// When full, the oldest facts go, so many at a time. Returns their places.
    fn make_room(&mut self, to_go: Option<usize>) -> Vec<FactKey> {
        let Some(to_go) = to_go.filter(|_| self.store.len() > FACTS_MAX) else { return Vec::new() };
        let mut oldest = self.store.iter().map(|(key, _)| key);
        let gone: Vec<FactKey> = oldest.by_ref().take(to_go).cloned().collect();
        let first_kept = oldest.next().cloned();
        drop(oldest);
        let mut names = BTreeSet::new();
        for key in &gone {
            names.extend(self.remove(key));
        }
        for name in names {
            if let (Some(first), Some(ledger)) = (&first_kept, self.ledgers.get_mut(&name)) {
                ledger.forget_before(&name, first, &self.limits);
            }
        }
        gone
    }

    /// How many of the oldest facts go with the next new one, if it is one too many: a few, so that what comes next hardly waits; but more where one key holds so
    /// many that judging it anew for each few would take longer than all else.
    fn to_go(&self) -> Option<usize> {
        if self.store.len() < FACTS_MAX {
            return None;
        }
        let oldest = self.store.iter().map(|(key, _)| key).take(FACTS_DROPPED_AT_LEAST);
        let names = oldest.flat_map(|key| self.store.names(key));
        let most = names.filter_map(|name| self.ledgers.get(name)).map(|ledger| ledger.entries().len()).max();
        Some((most.unwrap_or(0) / ENTRIES_PER_DROPPED).clamp(FACTS_DROPPED_AT_LEAST, FACTS_DROPPED_AT_ONCE))
    }

    /// Takes many facts in at once, with the times at which humans judged keys: the same as one after the other, with one
    /// judgement at the end.
    pub fn load(&mut self, facts: impl IntoIterator<Item = Fact>, cuts: impl IntoIterator<Item = (Arc<str>, Second)>) {
        for fact in facts {
            self.store.insert(fact);
        }
        for (key, until) in cuts {
            self.ledgers.entry(key).or_default().cut(until);
        }
        let keys: Vec<FactKey> = self.store.iter().map(|(key, _)| *key).collect();
        for key in &keys {
            self.successions.restate(&self.store, key, &mut BTreeSet::new());
        }
        for key in &keys {
            self.place(key, &mut Names::new());
        }
        self.judge_all();
    }

    /// Judges everything by these limits.
    pub fn configure(&mut self, limits: &Limits) {
        if *self.limits != *limits {
            self.limits = Arc::new(limits.clone());
            self.judge_all();
        }
    }

    fn judge_all(&mut self) {
        for (name, ledger) in &mut self.ledgers {
            ledger.begin_anew(name, &self.limits);
        }
    }

    /// The limits that are judged by.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The facts.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Keys whose ledger holds a fact.
    pub fn keys_of(&self, fact: &FactKey) -> impl Iterator<Item = &Arc<str>> {
        self.store.names(fact).iter()
    }

    /// What one key did.
    pub fn ledger(&self, key: &str) -> Option<&Ledger> {
        self.ledgers.get(key).map(|ledger| &**ledger)
    }

    /// All keys with what they did, in no order.
    pub fn ledgers(&self) -> impl Iterator<Item = (&Arc<str>, &Ledger)> {
        self.ledgers.iter().map(|(key, ledger)| (key, &**ledger))
    }

    /// Humans judged a key at a second: windows after it don't reach back past it.
    pub fn cut(&mut self, key: &Arc<str>, second: Second) {
        let ledger = self.ledgers.entry(Arc::clone(key)).or_default();
        if ledger.cut(second) {
            ledger.judge_from(key, &FactKey::first_of(second), &self.limits);
        }
    }

    /// Forgets what keys did before a second, and all facts before it that nothing asks for any more. Returns the places of
    /// facts that went.
    pub fn forget(&mut self, before: Second) -> Vec<FactKey> {
        let gone: Vec<FactKey> = forget::forgettable(&self.store, before).into_iter().collect();
        for key in &gone {
            self.remove(key);
        }
        let first = FactKey::first_of(before);
        for (name, ledger) in &mut self.ledgers {
            for key in ledger.forget_before(name, &first, &self.limits) {
                self.store.set_names(&key, &Names::new());
            }
        }
        self.ledgers.retain(|_, ledger| !ledger.is_empty());
        gone
    }

    /// Removes a fact; returns the keys whose ledger held it.
    fn remove(&mut self, key: &FactKey) -> Names {
        let Some((fact, names)) = self.store.remove(key) else { return Names::new() };
        self.successions.forget(key, &fact.event);
        names
    }

    /// Works out anew the entries that a fact bears on, then judges their keys from that fact on: by the law of causality
    /// nothing before it can have changed.
    fn refresh(&mut self, key: &FactKey, event: &Event) -> (Names, FactKey) {
        let mut touched = Names::new();
        for affected in affected::by(&self.store, &mut self.successions, key, event) {
            self.place(&affected, &mut touched);
        }
        touched.sort_unstable();
        touched.dedup();
        // Copies that differ change what their counterparts may do, which lies at the counterpart's own place. A create can
        // count as before a delete of its second, so there the whole second is judged anew.
        let first = self.store.copies(&key.id, event).min().unwrap_or(key).min(key);
        let from = if store::creates(event) { FactKey::first_of(first.second) } else { *first };
        for name in &touched {
            if let Some(ledger) = self.ledgers.get_mut(name) {
                ledger.judge_from(name, &from, &self.limits);
            }
        }
        (touched, from)
    }

    /// Puts a fact's entry where it belongs; adds the keys of ledgers that changed.
    fn place(&mut self, key: &FactKey, changed: &mut Names) {
        let entry = contribution::entry_at(&self.store, &self.successions, key);
        let mut names = Names::new();
        if let Some(Actor { key, entity, .. }) = entry.as_ref().map(|entry| &entry.actor) {
            names.push(Arc::clone(key));
            names.extend((key != entity).then(|| Arc::clone(entity)));
        }
        let before = self.store.set_names(key, &names);
        for name in before.iter().flatten().filter(|name| !names.contains(name)) {
            if self.ledgers.get_mut(name).is_some_and(|ledger| ledger.take(key)) {
                changed.push(Arc::clone(name));
            }
        }
        if let Some(entry) = entry {
            let entry = Arc::new(entry);
            for name in &names {
                let ledger = self.ledgers.entry(Arc::clone(name)).or_default();
                if ledger.put(name, key, &entry) {
                    changed.push(Arc::clone(name));
                }
            }
        }
    }
}

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;
