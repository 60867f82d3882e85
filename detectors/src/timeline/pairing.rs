//! Rolling replacement: what an actor destroys one by one while it has made as many of the same type just before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::contribution::{Contribution, Entry, Ownership};
use super::order::FactKey;
use crate::event::WeightClass;
use crate::time::Second;

/// A create replaces what is destroyed at most this much later.
const PAIRED_SECONDS: i64 = 30 * 60;
/// At most this many serving or state-holding resources are paired ...
const HEAVY_MAX: usize = 3;
/// ... within this time: whoever launches junk first cannot hide a burst.
const HEAVY_SECONDS: i64 = 5 * 60;

/// The create that stands for a destroyed resource: the fact, and the number of the resource in it.
type Pair = (FactKey, usize);

/// What stands for which destroyed resource: by destroying fact, then by the number of the resource in it.
pub(super) type Pairs = BTreeMap<FactKey, BTreeMap<usize, Pair>>;

/// What is known while pairs are made, for each actor.
#[derive(Default)]
struct Waiting {
    /// Creates by type, the oldest first.
    creates: BTreeMap<Arc<str>, BTreeSet<Pair>>,
    /// When serving or state-holding resources were paired.
    heavy: Vec<Second>,
}

/// Pairs anew from a fact on. Each create is used once, the oldest first; a known resource of another actor is never
/// paired.
pub(super) fn pair(entries: &BTreeMap<FactKey, Entry>, mut pairs: Pairs, from: &FactKey) -> Pairs {
    pairs.split_off(from);
    let since = FactKey::first_of(from.second.plus(-2 * PAIRED_SECONDS));
    let mut used: BTreeSet<Pair> = pairs.range(since.clone()..).flat_map(|(_, made)| made.values().cloned()).collect();
    let mut actors: BTreeMap<Arc<str>, Waiting> = BTreeMap::new();
    for (key, entry) in entries.range(since..) {
        if key < from && entry.created.is_empty() && !pairs.contains_key(key) {
            continue;
        }
        let waiting = actors.entry(Arc::clone(&entry.actor.key)).or_default();
        for (index, created) in entry.created.iter().enumerate() {
            waiting.creates.entry(Arc::clone(&created.kind)).or_default().insert((key.clone(), index));
        }
        for contribution in &entry.destroyed {
            if key >= from {
                let create = replaced_by(entries, waiting, contribution, &used);
                let Some(create) = create else { continue };
                used.insert(create.clone());
                pairs.entry(key.clone()).or_default().insert(contribution.index, create);
            } else if !pairs.get(key).is_some_and(|made| made.contains_key(&contribution.index)) {
                continue;
            }
            if is_heavy(contribution) {
                waiting.heavy.push(key.second);
            }
        }
    }
    pairs
}

/// The create that stands for a destroyed resource, if there is one.
fn replaced_by(
    entries: &BTreeMap<FactKey, Entry>,
    waiting: &Waiting,
    contribution: &Contribution,
    used: &BTreeSet<Pair>,
) -> Option<Pair> {
    let key = &contribution.fact;
    let recent = || waiting.heavy.iter().filter(|second| **second > key.second.plus(-HEAVY_SECONDS)).count();
    if contribution.ownership == Ownership::Foreign || (is_heavy(contribution) && recent() >= HEAVY_MAX) {
        return None;
    }
    let creates = waiting.creates.get(&contribution.kind)?;
    // What may bear a pause is not lessened by what may not: that could be forged.
    let may_pause = |fact: &FactKey| entries.get(fact).is_some_and(|entry| entry.may_pause);
    let counts = |create: &&Pair| may_pause(&create.0) || !may_pause(key);
    creates.iter().filter(counts).find(|create| is_free(entries, create, key, used)).cloned()
}

fn is_heavy(contribution: &Contribution) -> bool {
    matches!(contribution.class, WeightClass::HoldsState | WeightClass::ServesTraffic)
}

/// Whether a create is recent, not used yet, and what it made is still alive after the fact at `key`.
fn is_free(entries: &BTreeMap<FactKey, Entry>, create: &Pair, key: &FactKey, used: &BTreeSet<Pair>) -> bool {
    let end =
        entries.get(&create.0).and_then(|entry| entry.created.get(create.1)).and_then(|created| created.end.as_ref());
    create.0.second >= key.second.plus(-PAIRED_SECONDS) && !used.contains(create) && end.is_none_or(|end| end > key)
}
