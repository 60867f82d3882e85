//! Which facts a new fact bears on. Too many cost time and change nothing; too few would break the law of order.

use std::collections::BTreeSet;

use smallvec::SmallVec;

use super::lookup::{all_family, near};
use super::order::FactKey;
use super::store::Store;
use super::successions::Successions;
use crate::event::{Event, Mention, Outcome};

/// Places of facts that a new one bears on, in order: mostly itself alone.
pub(super) type Affected = SmallVec<[FactKey; 1]>;

/// Places of all facts whose entry may differ now that the fact at `key` is there, itself included.
pub(super) fn by(store: &Store, successions: &mut Successions, key: &FactKey, event: &Event) -> Affected {
    let mut all = BTreeSet::new();
    if bears_on_no_relative(store, key, event) {
        successions.restate(store, key, &mut all);
        if all.is_empty() {
            return SmallVec::from_iter([*key]);
        }
        all.insert(*key);
        return all.into_iter().collect();
    }
    all.insert(*key);
    all.extend(store.copies(&key.id, event).copied());
    let copies: Vec<FactKey> = all.iter().copied().collect();
    answered_for_by(store, &mut all);
    for (subnet, _) in event.subnet_zones.iter().filter(|(subnet, _)| !is_no_news_of(store, subnet, key, event)) {
        all.extend(store.in_subnet(subnet).iter().copied());
    }
    if let Some(reach) = &event.reach {
        all.extend(store.named(&reach.kind, &event.account, &event.region, &reach.alias).iter().copied());
    }
    // The resources of all of these: their creates decide on ownership and placement, their destroys end lives, and
    // whatever else names them shows that they were there.
    let mut restated: BTreeSet<FactKey> = copies.iter().copied().collect();
    for copy in &copies {
        relatives(store, copy, &mut restated);
    }
    for fact in all.clone().iter().filter(|fact| !copies.contains(fact)) {
        relatives(store, fact, &mut all);
    }
    all.extend(&restated);
    for fact in &restated {
        successions.restate(store, fact, &mut all);
    }
    all.into_iter().collect()
}

/// Whether a fact names nothing that another names.
fn bears_on_no_relative(store: &Store, key: &FactKey, event: &Event) -> bool {
    let is_alone = |mention: &Mention| store.is_only_sight(event, mention);
    event.link.is_none()
        && event.start.is_none()
        && event.reach.is_none()
        && event.subnet_zones.is_empty()
        && store.copies(&key.id, event).all(|copy| copy == key)
        && (event.outcome != Outcome::Ok || event.resources.iter().all(is_alone))
}

/// Whether all who may ask for the zones of a subnet are told the same with the fact at `key` as without it: most that is
/// created in a subnet only says again where that is.
fn is_no_news_of(store: &Store, subnet: &str, key: &FactKey, event: &Event) -> bool {
    let repeats = |may_pause| store.places().repeats(subnet, key, |fact| store.is_heard(fact, may_pause));
    store.copies(&key.id, event).all(|copy| copy == key) && repeats(false) && repeats(true)
}

/// Facts about the same resources, as far as one at a place may bear on them.
fn relatives(store: &Store, key: &FactKey, all: &mut BTreeSet<FactKey>) {
    let Some(fact) = store.get(key).filter(|fact| fact.event.outcome == Outcome::Ok) else { return };
    for mention in &fact.event.resources {
        let members = all_family(store, key, &fact.event, mention);
        all.extend(near(store, &members, key, fact).iter().map(|member| *member.key));
    }
}

/// Adds the calls for which another may answer because of the links and starts among these facts: those made with what a
/// link handed out, those of what was set going, and so on from each of them.
fn answered_for_by(store: &Store, all: &mut BTreeSet<FactKey>) {
    let mut open: Vec<FactKey> = all.iter().copied().collect();
    while let Some(at) = open.pop() {
        let Some(fact) = store.get(&at) else { continue };
        let mut calls = store.starts().borne_on(store, &at, &fact.event);
        if let Some(link) = &fact.event.link {
            let let_in = [store.calls_with_key(&link.access_key), store.calls_in_session(&link.session_id)];
            calls.extend(let_in.into_iter().flatten().filter(|call| **call > at).copied());
        }
        open.extend(calls.into_iter().filter(|call| all.insert(*call)));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::judged;
    use super::*;

    #[test]
    fn where_a_subnet_is_bears_on_what_lives_there_unless_it_was_known() {
        let volumes = "00:10:00 agent create volume v-1,v-2 subnet=n1 id=v\n00:20:00 agent delete volume v-1 id=d";
        for (before, last, expected) in [
            ("", "00:15:00 agent create volume w reveals=n1:b id=z", "v z d"),
            (
                "00:05:00 agent create volume u reveals=n1:b id=a",
                "00:15:00 agent create volume w reveals=n1:b id=z",
                "z",
            ),
            (
                "00:05:00 agent create volume u reveals=n1:c id=a",
                "00:15:00 agent create volume w reveals=n1:b id=z",
                "v z d",
            ),
            // What could be forged is known only to those who may not pause.
            (
                "00:05:00 agent create volume u reveals=n1:b id=a trust=no",
                "00:15:00 agent create volume w reveals=n1:b id=z",
                "v z d",
            ),
            (
                "00:05:00 agent create volume u reveals=n1:b id=a",
                "00:15:00 agent create volume w reveals=n1:b id=z trust=no",
                "z",
            ),
            // What comes later was not known then.
            (
                "00:16:00 agent create volume u reveals=n1:b id=a",
                "00:15:00 agent create volume w reveals=n1:b id=z",
                "v z d",
            ),
        ] {
            let timeline = judged(&format!("{volumes}\n{before}\n{last}"));
            let store = timeline.store();
            let (key, fact) = store.iter().find(|(_, fact)| fact.event.id == "z").expect("one");
            let found = by(store, &mut Successions::default(), key, &fact.event);
            let ids: Vec<&str> = found.iter().filter_map(|key| Some(store.get(key)?.event.id.as_str())).collect();
            assert_eq!(ids.join(" "), expected, "{before} {last}");
        }
    }
}
