//! Which facts a new fact bears on. Too many cost time and change nothing; too few would break the law of order.

use std::collections::BTreeSet;

use super::lookup::family;
use super::order::FactKey;
use super::store::{Store, creates, destroys, stem_word};
use crate::event::{Event, Mention};
use crate::limits::LINEAGE_DEPTH_MAX;

/// Places of all facts whose entry may differ now that the fact at `key` is there, itself included.
pub(super) fn by(store: &Store, key: &FactKey, event: &Event) -> BTreeSet<FactKey> {
    let mut all = BTreeSet::from([key.clone()]);
    all.extend(store.copies(event).cloned());
    if event.link.is_some() {
        let mut calls = BTreeSet::new();
        enabled_by(store, key, event, LINEAGE_DEPTH_MAX, &mut calls);
        all.extend(calls);
    }
    for (subnet, _) in &event.subnet_zones {
        all.extend(store.in_subnet(subnet).cloned());
    }
    // The resources of all of these: their creates decide on ownership and placement, their destroys end lives.
    let first: Vec<FactKey> = all.iter().cloned().collect();
    let mut words = BTreeSet::new();
    for key in &first {
        let Some(fact) = store.get(key) else { continue };
        if creates(&fact.event) || destroys(&fact.event) {
            for mention in &fact.event.resources {
                relatives(store, &fact.event, mention, &mut all, &mut words);
            }
        }
    }
    for word in words {
        namesakes(store, &word, &mut all);
    }
    all
}

/// Facts about the same resource; and the words of the stems under which it is known.
fn relatives(
    store: &Store,
    event: &Event,
    mention: &Mention,
    all: &mut BTreeSet<FactKey>,
    words: &mut BTreeSet<String>,
) {
    words.extend(stem_word(event, mention));
    for member in family(store, event, mention, false) {
        all.insert(member.key.clone());
        words.extend(stem_word(&member.fact.event, member.mention));
    }
}

/// Facts about resources of one stem.
fn namesakes(store: &Store, word: &str, all: &mut BTreeSet<FactKey>) {
    for key in store.sharing_stem(word) {
        let Some(fact) = store.get(key) else { continue };
        all.insert(key.clone());
        for named in &fact.event.resources {
            if stem_word(&fact.event, named).as_deref() == Some(word) {
                all.extend(family(store, &fact.event, named, false).iter().map(|member| member.key.clone()));
            }
        }
    }
}

/// Calls made after a link with what it handed out, and with what those handed out.
fn enabled_by(store: &Store, at: &FactKey, event: &Event, depth: usize, calls: &mut BTreeSet<FactKey>) {
    let Some(link) = event.link.as_ref().filter(|_| depth > 0) else { return };
    let direct: Vec<FactKey> = store
        .calls_with_key(&link.access_key)
        .chain(store.calls_in_session(&link.session_id))
        .filter(|call| *call > at)
        .cloned()
        .collect();
    for key in direct {
        if calls.insert(key.clone())
            && let Some(fact) = store.get(&key)
        {
            enabled_by(store, &key, &fact.event, depth - 1, calls);
        }
    }
}
