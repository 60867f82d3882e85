//! Which facts nothing asks for any more.

use std::collections::BTreeSet;

use super::lookup::{family, life};
use super::order::FactKey;
use super::store::{Store, creates, destroys};
use crate::engine::Fact;
use crate::event::{Event, RunsAs};
use crate::time::Second;

/// Places of facts before a second that may go. Creates, links, what tells of placement and what gives a stack its role
/// are asked for as long as there is room. The create of a name goes with the destruction that ended its life: else the
/// name would seem taken when somebody takes it again.
pub(super) fn forgettable(store: &Store, before: Second) -> BTreeSet<FactKey> {
    let mut gone = BTreeSet::new();
    for (key, fact) in store.before(before).filter(|(_, fact)| !is_kept(&fact.event)) {
        if destroys(&fact.event) {
            gone.extend(ended_by(store, key, fact, before));
        }
        gone.insert(*key);
    }
    gone
}

fn is_kept(event: &Event) -> bool {
    creates(event) || tells_of_others(event)
}

/// Whether other facts ask what an event says, even if what it made is gone.
fn tells_of_others(event: &Event) -> bool {
    !event.subnet_zones.is_empty() || tells_of_its_own(event)
}

/// Whether what it says is something that no other event says as well.
fn tells_of_its_own(event: &Event) -> bool {
    let names_role = event.start.as_ref().is_some_and(|start| start.runs_as != RunsAs::Remembered);
    event.link.is_some() || event.reach.is_some() || names_role
}

/// Whether a create is the last before a second that tells where a subnet is.
fn tells_last(store: &Store, key: &FactKey, event: &Event, before: Second) -> bool {
    let counts = |other: &FactKey| store.is_heard(other, false) && store.is_heard(other, true);
    event.subnet_zones.iter().any(|(subnet, _)| !store.places().is_told_again(subnet, key, before, counts))
}

/// Creates of one thing each whose life the destroying fact at `key` ended. Those that AWS gave an identifier as well: some
/// are made of the caller's name alone, and are there again when that is taken again.
fn ended_by(store: &Store, key: &FactKey, fact: &Fact, before: Second) -> Vec<FactKey> {
    let mut ended = Vec::new();
    for mention in &fact.event.resources {
        let members = family(store, key, &fact.event, mention, false);
        let life = life(&members, key);
        let creates = life.creates().filter(|create| {
            let made = &create.fact.event;
            create.fact.may_pause <= fact.may_pause
                && made.resources.len() == 1
                && !tells_of_its_own(made)
                && !tells_last(store, create.key, made, before)
        });
        ended.extend(creates.map(|create| *create.key));
    }
    ended
}

#[cfg(test)]
mod tests {
    use super::super::tests::{destroyed, judged};
    use crate::testing::{facts, role, second};
    use crate::timeline::Ownership;

    #[test]
    fn a_name_set_free_before_can_be_made_again() {
        for (past, expected) in [
            ("00:00:00 agent new db run\n00:30:00 agent delete db run", Ownership::OwnYoung),
            ("00:00:00 agent put db run\n00:30:00 agent delete db run", Ownership::OwnYoung),
            // An identifier that AWS makes of the name alone; and what says again where a subnet is.
            ("00:00:00 agent create db run\n00:30:00 agent delete db run", Ownership::OwnYoung),
            (
                "00:00:00 agent new db run reveals=n1:a\n00:30:00 agent delete db run\n00:40:00 other new db x reveals=n1:a",
                Ownership::OwnYoung,
            ),
            // It is still there, for all that is known; and what may be forged sets nothing free.
            ("00:00:00 agent new db run", Ownership::OwnOld),
            ("00:00:00 agent new db run\n00:30:00 agent delete db run trust=no", Ownership::OwnOld),
        ] {
            let mut timeline = judged(past);
            timeline.forget(second("10:00:00"));
            for fact in facts("12:00:00 agent new db run id=m\n12:30:00 agent delete db run id=n") {
                timeline.insert(fact);
            }
            let found = destroyed(&timeline, &role("agent"));
            assert_eq!(found.iter().map(|one| one.ownership).collect::<Vec<_>>(), [expected], "{past}");
        }
    }

    #[test]
    fn what_is_asked_for_later_is_kept() {
        let mut timeline = judged(
            "00:00:00 @bob start shop role=cfn id=role
             00:00:01 @bob start shop id=start
             00:00:02 @alice assume ops gives=K1 id=link
             00:00:03 service disrupt x y reaches=web:a id=reach
             00:00:04 other new instance i-1 reveals=n1:a id=zone
             00:00:05 other delete instance i-1 id=gone
             00:00:06 other disrupt db a id=seen",
        );
        let gone: Vec<String> = timeline.forget(second("10:00:00")).iter().map(|key| key.id.to_string()).collect();
        assert_eq!(gone, ["start", "gone", "seen"]);
    }
}
