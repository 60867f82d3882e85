//! What one fact adds to the sums of its actor: derived from the store as of the fact's place, never stored as truth.

use smallvec::SmallVec;

use super::guard::{Unguarded, unguarded};
use super::lineage::{Actor, actor_as};
use super::lookup::{Life, end_of, family, is_new, life, proven_by};
use super::order::FactKey;
use super::placement::{lives_in_zones, zones_of};
use super::store::{Store, creates, destroys, stem_word, unguards};
use super::successions::{Destroyed, Successions};
use crate::detector::Weights;
use crate::engine::Fact;
use crate::event::{Effect, Mention, Outcome, Text, Texts, WeightClass};
use crate::limits::{RETIRED_SECONDS_MAX, YOUNG_SECONDS_MAX};

/// Weights are integers in thousandths, so that sums do not depend on order.
pub type Thousandths = u64;

/// Whose the resource was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// Its create is not known, or proves nothing.
    Unknown,
    /// Another actor made it.
    Foreign,
    /// The actor made it less than [`YOUNG_SECONDS_MAX`] before.
    OwnYoung,
    /// The actor made it, longer ago.
    OwnOld,
}

/// One resource destroyed by one fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contribution {
    /// The destroying fact.
    pub fact: FactKey,
    /// The number of the resource in the fact.
    pub index: usize,
    /// The resource's type.
    pub kind: Text,
    /// An identifier to show.
    pub id: Text,
    /// The weight class.
    pub class: WeightClass,
    /// The region.
    pub region: Text,
    /// Zones it lived in, as far as known.
    pub zones: Texts,
    /// Whether it lived in zones, and none of them is known.
    pub is_unplaced: bool,
    /// Whether its data were left behind, in a final snapshot.
    pub is_spared: bool,
    /// Whether what would have stopped it, or let it be undone, was waived.
    pub is_forced: bool,
    /// Whether it watched others (a trail, a flow log, a detector): once it is gone, less is seen.
    pub guards_trail: bool,
    /// The latest fact, within the time that counts, that took a protection off it.
    pub unguarded_at: Option<FactKey>,
    /// Whose it was.
    pub ownership: Ownership,
    /// Whether it was made less than [`RETIRED_SECONDS_MAX`] before.
    pub is_recent: bool,
    /// The create of the same identity that followed.
    pub recreated_by: Option<FactKey>,
    /// The create of its successor, which counts half.
    pub succeeded_by: Option<FactKey>,
}

/// One resource created by one fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// The resource's type.
    pub kind: Text,
    /// Whether it proves that the resource is new.
    pub is_proven: bool,
    /// The fact that destroyed it later, if any.
    pub end: Option<FactKey>,
}

/// What one fact means for its actor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Who answers for it.
    pub actor: Actor,
    /// What it destroyed.
    pub destroyed: SmallVec<[Contribution; 1]>,
    /// What it created.
    pub created: Vec<Created>,
    /// What it took a protection off.
    pub unguarded: Vec<Unguarded>,
    /// Whether it is a destructive call that was refused.
    pub is_denied_destruction: bool,
    /// Whether it may bear a pause: its source may pause, and no other copy contradicts it.
    pub may_pause: bool,
}

impl Entry {
    /// Whether it can put a window over its limit by itself.
    pub fn may_raise(&self) -> bool {
        !self.destroyed.is_empty() || self.is_denied_destruction || self.loses_trail()
    }

    /// Whether less is seen from here on: what watches others was switched off, or destroyed other than by who had just
    /// made it.
    pub fn loses_trail(&self) -> bool {
        let is_watcher = |one: &Contribution| one.guards_trail && one.ownership != Ownership::OwnYoung;
        self.unguarded.iter().any(|one| one.guards_trail) || self.destroyed.iter().any(is_watcher)
    }
}

impl Contribution {
    /// The weight by what it is alone: of its class, half of that if its data were left behind.
    pub fn weight(&self, weights: &Weights) -> Thousandths {
        let weight = weights.of(self.class);
        if self.is_spared { weight / 2 } else { weight }
    }

    /// The first create by which it came back, as itself or as its successor.
    pub fn back_by(&self) -> Option<&FactKey> {
        self.recreated_by.iter().chain(&self.succeeded_by).min()
    }
}

/// What the fact at a place means; nothing if it bears on nothing.
pub(super) fn entry_at(store: &Store, successions: &Successions, key: &FactKey) -> Option<Entry> {
    let fact = store.get(key)?;
    let event = &fact.event;
    let is_denied_destruction = event.effect == Effect::Destroy && event.outcome == Outcome::Denied;
    let bears = destroys(event) || creates(event) || unguards(event) || is_denied_destruction;
    if !bears || store.is_shadowed(key, event, fact.may_pause) {
        return None;
    }
    let actor = actor_as(store, key, event, fact.may_pause);
    let mut entry = Entry {
        destroyed: SmallVec::new(),
        created: Vec::new(),
        unguarded: unguarded(event),
        is_denied_destruction,
        may_pause: fact.may_pause && !store.is_conflicting(key, fact),
        actor,
    };
    for (index, mention) in event.resources.iter().enumerate() {
        if destroys(event) {
            entry.destroyed.extend(contribution(store, successions, (key, index, fact), mention, &entry.actor));
        } else if creates(event) {
            let members = family(store, key, event, mention, fact.may_pause);
            let (is_proven, end) = (is_new(&members, key, mention), end_of(&members, key));
            entry.created.push(Created { kind: mention.kind.clone(), is_proven, end });
        }
    }
    Some(entry)
}

fn contribution(
    store: &Store,
    successions: &Successions,
    (key, index, fact): (&FactKey, usize, &Fact),
    mention: &Mention,
    actor: &Actor,
) -> Option<Contribution> {
    let event = &fact.event;
    let members = family(store, key, event, mention, fact.may_pause);
    let life = life(&members, key);
    if life.is_over {
        return None;
    }
    let zones = zones_of(store, key, fact, mention, &life);
    Some(Contribution {
        fact: *key,
        index,
        kind: mention.kind.clone(),
        id: mention.aliases.first().cloned().unwrap_or_default(),
        class: mention.class,
        region: event.region.clone(),
        is_unplaced: zones.is_empty() && lives_in_zones(mention),
        zones,
        is_spared: mention.is_spared,
        is_forced: mention.is_forced,
        guards_trail: mention.is_guard,
        unguarded_at: life.unguarded_at(key).cloned(),
        ownership: ownership(store, key, mention, actor, &life),
        is_recent: life.sights.first().is_some_and(|first| first.key.second >= key.second.plus(-RETIRED_SECONDS_MAX)),
        recreated_by: life.recreate.map(|create| *create.key),
        succeeded_by: successor(successions, (*key, index), fact, mention, &life),
    })
}

/// Whose it was whose life ended at `key`: known only if its first sight proves that it was made then.
fn ownership(store: &Store, key: &FactKey, mention: &Mention, actor: &Actor, life: &Life<'_>) -> Ownership {
    let Some(create) = proven_by(store, mention, life) else { return Ownership::Unknown };
    let owner = actor_as(store, create.key, &create.fact.event, create.fact.may_pause);
    let age_seconds = key.second.0.saturating_sub(create.key.second.0);
    match age_seconds < YOUNG_SECONDS_MAX {
        true if owner.key == actor.key => Ownership::OwnYoung,
        false if owner.key == actor.key => Ownership::OwnOld,
        // One of several made it, or was told to destroy it, and nobody can tell which.
        _ if owner.starters.contains(&actor.key) || actor.starters.contains(&owner.key) => Ownership::Unknown,
        _ => Ownership::Foreign,
    }
}

fn successor(
    successions: &Successions,
    destroyed: Destroyed,
    fact: &Fact,
    mention: &Mention,
    life: &Life<'_>,
) -> Option<FactKey> {
    let created_as = || life.creates().next_back().and_then(|create| stem_word(&create.fact.event, create.mention));
    let word = stem_word(&fact.event, mention).or_else(created_as)?;
    successions.after(&word, fact.may_pause, &destroyed)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{destroyed, judged};
    use super::Ownership::{Foreign, OwnOld, OwnYoung, Unknown};
    use crate::detector::Weights;
    use crate::testing::role;

    #[test]
    fn ownership_is_proven_by_the_first_sight_of_a_life() {
        for (lines, expected) in [
            ("00:30:00 agent new db prod", OwnYoung),
            // Updates of what was made do not unmake it.
            ("00:30:00 agent new db prod\n00:40:00 agent put db prod\n00:45:00 other unguard db prod", OwnYoung),
            // Somebody saw it before: then it was not new, whatever the API is said to do.
            ("00:20:00 other disrupt db prod\n00:30:00 agent new db prod", Unknown),
            ("00:20:00 agent put db prod\n00:30:00 agent new db prod", Unknown),
            ("00:20:00 agent put db prod\n00:30:00 agent create db prod", Unknown),
            ("00:20:00 other new db prod\n00:30:00 agent new db prod", Foreign),
            // Unless it was destroyed in between.
            ("00:20:00 other put db prod\n00:25:00 other delete db prod\n00:30:00 agent new db prod", OwnYoung),
            ("00:20:00 agent new db prod\n00:25:00 other delete db prod\n00:30:00 agent put db prod", OwnYoung),
            // What was refused or may be forged shows nothing.
            ("00:20:00 other denied db prod\n00:30:00 agent new db prod", OwnYoung),
            ("00:20:00 other put db prod trust=no\n00:30:00 agent new db prod", OwnYoung),
        ] {
            let timeline = judged(&format!("{lines}\n01:00:00 agent delete db prod"));
            let found: Vec<_> = destroyed(&timeline, &role("agent")).iter().map(|one| one.ownership).collect();
            assert_eq!(found, [expected], "{lines}");
        }
        let timeline = judged("00:30:00 agent new db prod\n06:30:00 agent delete db prod");
        assert_eq!(destroyed(&timeline, &role("agent"))[0].ownership, OwnOld);
    }

    #[test]
    fn what_one_of_several_starters_made_is_nobodys_for_sure() {
        let timeline = judged(
            "00:00:00 @alice start a role=cfn
             00:00:01 @bob start b role=cfn
             00:01:00 cfn new db prod session=AWSCloudFormation by=cloudformation
             06:00:30 @alice start a role=cfn
             06:01:00 cfn delete db prod session=AWSCloudFormation by=cloudformation",
        );
        let found = destroyed(&timeline, "arn:aws:iam::111111111111:user/alice");
        assert_eq!(found.iter().map(|one| one.ownership).collect::<Vec<_>>(), [Unknown]);
    }

    #[test]
    fn data_left_behind_halve_the_weight() {
        let timeline = judged("01:00:00 agent delete db a spared=yes\n01:00:01 agent delete db b");
        let weights = Weights::default();
        let found = destroyed(&timeline, &role("agent"));
        assert_eq!(found.iter().map(|one| one.weight(&weights)).collect::<Vec<_>>(), [1_500, 3_000]);
    }
}
