//! Which facts a new fact bears on. Too many cost time and change nothing; too few would break the law of order.

use std::collections::BTreeSet;

use smallvec::SmallVec;

use super::lookup::all_family;
use super::order::FactKey;
use super::places::reached_word;
use super::store::{Store, creates, stem_word};
use crate::event::{Event, Mention, Outcome};

/// Places of facts that a new one bears on, in order: mostly itself alone.
pub(super) type Affected = SmallVec<[FactKey; 1]>;

/// Places of all facts whose entry may differ now that the fact at `key` is there, itself included.
pub(super) fn by(store: &Store, key: &FactKey, event: &Event) -> Affected {
    if bears_on_itself_alone(store, key, event) {
        return SmallVec::from_iter([key.clone()]);
    }
    let mut all = BTreeSet::from([key.clone()]);
    all.extend(store.copies(event).cloned());
    answered_for_by(store, &mut all);
    for (subnet, _) in &event.subnet_zones {
        all.extend(store.in_subnet(subnet).cloned());
    }
    if let Some(reach) = &event.reach {
        all.extend(store.named(&reached_word(event, &reach.kind, &reach.alias)).cloned());
    }
    // The resources of all of these: their creates decide on ownership and placement, their destroys end lives, and
    // whatever else names them shows that they were there.
    let first: Vec<FactKey> = all.iter().cloned().collect();
    let mut words = BTreeSet::new();
    for key in &first {
        let Some(fact) = store.get(key) else { continue };
        if fact.event.outcome == Outcome::Ok {
            for mention in &fact.event.resources {
                relatives(store, &fact.event, mention, &mut all, &mut words);
            }
        }
    }
    // Of one stem, only creates are dealt out, to what was destroyed before them: what destroys the last of it so far
    // leaves it as it is.
    let is_last = first.len() == 1 && !creates(event);
    for word in words.iter().filter(|word| !is_last || !store.is_last_of_stem(word, key)) {
        namesakes(store, word, &mut all);
    }
    all.into_iter().collect()
}

/// Whether a fact names nothing that another names.
fn bears_on_itself_alone(store: &Store, key: &FactKey, event: &Event) -> bool {
    let is_alone = |mention: &Mention| {
        store.is_only_sight(event, mention)
            && stem_word(event, mention).is_none_or(|word| !creates(event) && store.is_last_of_stem(&word, key))
    };
    event.link.is_none()
        && event.start.is_none()
        && event.reach.is_none()
        && event.subnet_zones.is_empty()
        && store.copies(event).all(|copy| copy == key)
        && (event.outcome != Outcome::Ok || event.resources.iter().all(is_alone))
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
    for member in all_family(store, event, mention) {
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
                all.extend(all_family(store, &fact.event, named).iter().map(|member| member.key.clone()));
            }
        }
    }
}

/// Adds the calls for which another may answer because of the links and starts among these facts: those made with what a
/// link handed out, those of what was set going, and so on from each of them.
fn answered_for_by(store: &Store, all: &mut BTreeSet<FactKey>) {
    let mut open: Vec<FactKey> = all.iter().cloned().collect();
    while let Some(at) = open.pop() {
        let Some(fact) = store.get(&at) else { continue };
        let mut calls = store.starts().borne_on(store, &at, &fact.event);
        if let Some(link) = &fact.event.link {
            let let_in = store.calls_with_key(&link.access_key).chain(store.calls_in_session(&link.session_id));
            calls.extend(let_in.filter(|call| **call > at).cloned());
        }
        open.extend(calls.into_iter().filter(|call| all.insert(call.clone())));
    }
}
