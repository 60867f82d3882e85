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
pub(super) type Pair = (FactKey, usize);

/// Pairs anew from a fact on. Each create is used once, the oldest first; a known resource of another actor is never
/// paired.
pub(super) fn pair(
    entries: &BTreeMap<FactKey, Entry>,
    mut pairs: BTreeMap<(FactKey, usize), Pair>,
    from: &FactKey,
) -> BTreeMap<(FactKey, usize), Pair> {
    pairs.retain(|(fact, _), _| fact < from);
    let since = FactKey::first_of(from.second.plus(-2 * PAIRED_SECONDS));
    let mut used: BTreeSet<Pair> = pairs.range((since.clone(), 0)..).map(|(_, create)| create.clone()).collect();
    let mut heavy: BTreeMap<Arc<str>, Vec<Second>> = BTreeMap::new();
    let mut waiting: BTreeMap<(Arc<str>, Arc<str>), BTreeSet<Pair>> = BTreeMap::new();
    for (key, entry) in entries.range(since..) {
        for (index, created) in entry.created.iter().enumerate() {
            let kind = (Arc::clone(&entry.actor.key), Arc::clone(&created.kind));
            waiting.entry(kind).or_default().insert((key.clone(), index));
        }
        for contribution in &entry.destroyed {
            let place = (contribution.fact.clone(), contribution.index);
            let recent = heavy.entry(Arc::clone(&entry.actor.key)).or_default();
            if key < from {
                if pairs.contains_key(&place) && is_heavy(contribution) {
                    recent.push(key.second);
                }
                continue;
            }
            if contribution.ownership == Ownership::Foreign {
                continue;
            }
            let count = recent.iter().filter(|second| **second > key.second.plus(-HEAVY_SECONDS)).count();
            if is_heavy(contribution) && count >= HEAVY_MAX {
                continue;
            }
            let kind = (Arc::clone(&entry.actor.key), Arc::clone(&contribution.kind));
            let create = waiting
                .get(&kind)
                .and_then(|creates| creates.iter().find(|create| is_free(entries, create, key, &used)).cloned());
            if let Some(create) = create {
                used.insert(create.clone());
                pairs.insert(place, create);
                if is_heavy(contribution) {
                    recent.push(key.second);
                }
            }
        }
    }
    pairs
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
