//! Rolling replacement: what an actor destroys one by one while it has made as many of the same type just before.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::contribution::Contribution;
use super::entries::{Entries, Held};
use super::order::FactKey;
use crate::event::{Text, WeightClass};
use crate::limits::PAIRING_CREATES_MAX;
use crate::time::Second;
use crate::timeline::Ownership;

/// A create replaces what is destroyed at most this much later.
pub(super) const PAIRED_SECONDS: i64 = 30 * 60;
/// At most this many serving or state-holding resources are paired ...
pub(super) const HEAVY_MAX: usize = 3;
/// ... within this time: whoever launches junk first cannot hide a burst.
pub(super) const HEAVY_SECONDS: i64 = 5 * 60;

/// A create that may stand for a destroyed resource: the position of its entry, and the number of the resource there.
type Create = (usize, usize);

/// Creates that wait to be matched, the oldest first; only those that prove that what they made is new. Each is used
/// once; a known resource of another actor is never paired.
#[derive(Clone, Debug, Default)]
pub(super) struct Pairing {
    actors: BTreeMap<Arc<str>, Waiting>,
}

/// What waits for one actor.
#[derive(Clone, Debug, Default)]
struct Waiting {
    /// Creates by type and by whether they may bear a pause: what may is not lessened by what may not, which could be
    /// forged.
    creates: BTreeMap<(Text, bool), VecDeque<Create>>,
    /// When serving or state-holding resources were paired.
    heavy: VecDeque<Second>,
}

pub(super) fn is_heavy(contribution: &Contribution) -> bool {
    matches!(contribution.class, WeightClass::HoldsState | WeightClass::ServesTraffic)
}

impl Pairing {
    /// Takes in what a fact created.
    pub(super) fn created(&mut self, position: usize, held: &Held) {
        let entry = &held.entry;
        if entry.created.is_empty() {
            return;
        }
        let waiting = self.actors.entry(Arc::clone(&entry.actor.key)).or_default();
        for (index, created) in entry.created.iter().enumerate().filter(|(_, created)| created.is_proven) {
            let queue = waiting.creates.entry((created.kind.clone(), entry.may_pause)).or_default();
            queue.push_back((position, index));
            if queue.len() > PAIRING_CREATES_MAX {
                queue.pop_front();
            }
        }
    }

    /// The numbers of those destroyed resources of a fact for which a create stands.
    pub(super) fn destroyed(&mut self, entries: &Entries, held: &Held) -> Vec<usize> {
        let mut paired = Vec::new();
        let entry = &held.entry;
        let Some(waiting) = self.actors.get_mut(&entry.actor.key) else { return paired };
        for contribution in &entry.destroyed {
            let is_heavy = is_heavy(contribution);
            waiting.heavy_since(held.key.second);
            if contribution.ownership == Ownership::Foreign || (is_heavy && waiting.heavy.len() >= HEAVY_MAX) {
                continue;
            }
            if waiting.take(entries, &contribution.kind, entry.may_pause, &held.key) {
                paired.push(contribution.index);
                if is_heavy {
                    waiting.heavy.push_back(held.key.second);
                }
            }
        }
        paired
    }

    /// Lets go of what is too old to count.
    pub(super) fn tidy(&mut self, entries: &Entries, at: &FactKey) {
        for waiting in self.actors.values_mut() {
            waiting.creates.retain(|_, queue| {
                queue.back().is_some_and(|(position, _)| {
                    entries.at(*position).is_some_and(|held| held.key.second >= at.second.plus(-PAIRED_SECONDS))
                })
            });
            waiting.heavy_since(at.second);
        }
        self.actors.retain(|_, waiting| !waiting.creates.is_empty() || !waiting.heavy.is_empty());
    }
}

impl Waiting {
    /// Lets go of what was paired too long before a second to count.
    fn heavy_since(&mut self, second: Second) {
        while self.heavy.front().is_some_and(|at| *at <= second.plus(-HEAVY_SECONDS)) {
            self.heavy.pop_front();
        }
    }

    /// Uses up the oldest create of a type that is recent, and of which what it made is still alive after the fact at
    /// `key`.
    fn take(&mut self, entries: &Entries, kind: &Text, may_pause: bool, key: &FactKey) -> bool {
        let oldest = |trust: bool, queues: &mut BTreeMap<(Text, bool), VecDeque<Create>>| {
            let queue = queues.get_mut(&(kind.clone(), trust))?;
            while let Some(create) = queue.front() {
                if is_free(entries, create, key) {
                    return Some(*create);
                }
                queue.pop_front();
            }
            None
        };
        let trusted = oldest(true, &mut self.creates).map(|create| (create, true));
        let other = if may_pause { None } else { oldest(false, &mut self.creates).map(|create| (create, false)) };
        let Some((_, trust)) = trusted.into_iter().chain(other).min() else { return false };
        let queue = self.creates.get_mut(&(kind.clone(), trust));
        queue.is_some_and(|queue| queue.pop_front().is_some())
    }
}

fn is_free(entries: &Entries, create: &Create, key: &FactKey) -> bool {
    let Some(held) = entries.at(create.0) else { return false };
    let end = held.entry.created.get(create.1).and_then(|created| created.end.as_ref());
    held.key.second >= key.second.plus(-PAIRED_SECONDS) && end.is_none_or(|end| end > key)
}
