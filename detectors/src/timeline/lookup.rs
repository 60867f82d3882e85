//! What must be known of a resource as of an instant: how its life began, its end, its return.

use std::collections::{BTreeMap, BTreeSet};

use smallvec::SmallVec;

use super::order::FactKey;
use super::store::{FewKeys, Store, creates, destroys, parents_agree, region_of, unguards};
use crate::engine::Fact;
use crate::event::{Event, Mention, Outcome, Proof, Text};
use crate::limits::{RECREATE_SECONDS_MAX, UNGUARDED_SECONDS_MAX};

/// One fact that names a resource, with the part of it that does.
#[derive(Clone, Copy)]
pub(super) struct Member<'a> {
    /// The fact's place.
    pub key: &'a FactKey,
    /// The fact.
    pub fact: &'a Fact,
    /// The resource as the fact names it.
    pub mention: &'a Mention,
    /// The number of the mention in the fact.
    pub index: usize,
}

/// Facts that name one resource; mostly one or two.
pub(super) type Members<'a> = SmallVec<[Member<'a>; 2]>;

/// All facts that show that what the fact at a place names in a mention is there, in order: that create, destroy or change
/// it. Aliases that a create adds lead on to further facts, for what comes after it. For those who ask with `may_pause`,
/// only facts that may bear a pause: others could be forged.
pub(super) fn family<'a>(
    store: &'a Store,
    at: &FactKey,
    event: &Event,
    mention: &Mention,
    may_pause: bool,
) -> Members<'a> {
    family_of(store, at, event, mention, &|key| store.is_heard(key, may_pause))
}

/// All facts that anybody may find in the family of what a mention names.
pub(super) fn all_family<'a>(store: &'a Store, at: &FactKey, event: &Event, mention: &Mention) -> Members<'a> {
    family_of(store, at, event, mention, &|_| true)
}

fn family_of<'a>(
    store: &'a Store,
    at: &FactKey,
    event: &Event,
    mention: &Mention,
    is_heard: &dyn Fn(&FactKey) -> bool,
) -> Members<'a> {
    let mut members = members_of(store, at, event, mention, is_heard);
    let is_other = |member: &&Member<'a>| creates(&member.fact.event) && member.mention.aliases != mention.aliases;
    let created: Members<'a> = members.iter().filter(is_other).copied().collect();
    if created.is_empty() {
        return members;
    }
    let led_to = led_to(store, &created, is_heard);
    // What a create tells is not known before it; and one that leaves out its parents leads to what has others than the
    // mention as well.
    let is_of_it =
        |(member, told): &(Member<'a>, FactKey)| told <= at.max(member.key) && parents_agree(member.mention, mention);
    members.extend(led_to.into_iter().filter(is_of_it).map(|(member, _)| member));
    members.sort_by(|one, other| (one.key, one.index).cmp(&(other.key, other.index)));
    members.dedup_by(|one, other| one.key == other.key);
    members
}

/// What the aliases of these creates lead to, and the place of the first of them that does. All at once: where a name is
/// taken again and again, each create shares it with all others, so that asking for each by itself would take their number
/// squared.
fn led_to<'a>(
    store: &'a Store,
    created: &[Member<'a>],
    is_heard: &dyn Fn(&FactKey) -> bool,
) -> Vec<(Member<'a>, FactKey)> {
    let mut by_parents: BTreeMap<&[Text], (Member<'a>, BTreeMap<&Text, FactKey>)> = BTreeMap::new();
    for create in created {
        let (_, told) = by_parents.entry(&create.mention.parents).or_insert((*create, BTreeMap::new()));
        for alias in &create.mention.aliases {
            told.entry(alias).and_modify(|first| *first = (*first).min(*create.key)).or_insert(*create.key);
        }
    }
    let mut found = Vec::new();
    for (create, told) in by_parents.into_values() {
        let (event, mention) = (&create.fact.event, create.mention);
        let region = region_of(event, mention);
        let of_alias = |alias: &&Text| store.named(&mention.kind, &event.account, region, alias);
        let keys: BTreeSet<&FactKey> = told.keys().flat_map(of_alias).collect();
        for key in keys.into_iter().filter(|key| is_heard(key)) {
            let Some(member) = member_at(store, key, event, mention, &|alias| told.contains_key(alias)) else {
                continue;
            };
            let first = member.mention.aliases.iter().filter_map(|alias| told.get(alias)).min();
            found.extend(first.map(|first| (member, *first)));
        }
    }
    found
}

fn members_of<'a>(
    store: &'a Store,
    at: &FactKey,
    event: &Event,
    mention: &Mention,
    is_heard: &dyn Fn(&FactKey) -> bool,
) -> Members<'a> {
    let keys: FewKeys = store.sharing_alias(event, mention);
    if let ([only], [itself]) = (keys.as_slice(), event.resources.as_slice())
        && only == at
        && std::ptr::eq(itself, mention)
    {
        // Nearly always nobody else speaks of it.
        let member = store.at(only).filter(|(key, fact)| fact.event.outcome == Outcome::Ok && is_heard(key));
        return member
            .and_then(|(key, fact)| Some(Member { key, fact, mention: fact.event.resources.first()?, index: 0 }))
            .into_iter()
            .collect();
    }
    let shares = |alias: &Text| mention.aliases.contains(alias);
    keys.iter().filter(|key| is_heard(key)).filter_map(|key| member_at(store, key, event, mention, &shares)).collect()
}

fn member_at<'a>(
    store: &'a Store,
    key: &FactKey,
    event: &Event,
    mention: &Mention,
    shares: &dyn Fn(&Text) -> bool,
) -> Option<Member<'a>> {
    let (key, fact) = store.at(key)?;
    if fact.event.outcome != Outcome::Ok || fact.event.account != event.account {
        return None;
    }
    let region = region_of(event, mention);
    let same = |other: &Mention| {
        other.kind == mention.kind
            && region_of(&fact.event, other) == region
            && parents_agree(other, mention)
            && other.aliases.iter().any(shares)
    };
    let (index, mention) = fact.event.resources.iter().enumerate().find(|(_, other)| same(other))?;
    Some(Member { key, fact, mention, index })
}

/// The life of a resource that a destroying fact ended.
pub(super) struct Life<'a> {
    /// The destruction that ended the life before it, if it is known.
    pub ended_before: Option<&'a FactKey>,
    /// All that was seen of it, in order. The first tells how it began.
    pub sights: Vec<Member<'a>>,
    /// Whether an earlier fact ended it already.
    pub is_over: bool,
    /// The create of the same identity that followed, within the time that counts.
    pub recreate: Option<Member<'a>>,
}

impl<'a> Life<'a> {
    /// Creates seen in it. Of several, all but the first changed what was there.
    pub(super) fn creates(&self) -> impl DoubleEndedIterator<Item = Member<'a>> {
        self.sights.iter().filter(|member| creates(&member.fact.event)).copied()
    }

    /// The latest fact, at most so many seconds before the end at `key`, that took a protection off.
    pub(super) fn unguarded_at(&self, key: &FactKey) -> Option<&'a FactKey> {
        let since = key.second.plus(-UNGUARDED_SECONDS_MAX);
        let unguards = self.sights.iter().rev().find(|member| unguards(&member.fact.event));
        unguards.map(|member| member.key).filter(|unguarded| unguarded.second >= since)
    }
}

/// What is known of the life that the destroying fact at `key` ended. A create of a caller-given name in the same second
/// came before, if the name was not known yet, else after.
pub(super) fn life<'a>(members: &[Member<'a>], key: &FactKey) -> Life<'a> {
    let known_before = members.iter().any(|member| member.key < key);
    let is_before = |member: &&Member<'a>| {
        member.key < key || (!known_before && member.key.second == key.second && creates(&member.fact.event))
    };
    let ended_before =
        members.iter().rev().find(|member| member.key < key && destroys(&member.fact.event)).map(|member| member.key);
    let of_this = |member: &&Member<'a>| {
        *member.key != *key && is_before(member) && ended_before.is_none_or(|ended| ended < member.key)
    };
    let sights: Vec<Member<'a>> = members.iter().filter(of_this).copied().collect();
    let is_over = ended_before.is_some() && !sights.iter().any(|member| creates(&member.fact.event));
    let until = key.second.plus(RECREATE_SECONDS_MAX);
    let recreate = members
        .iter()
        .find(|member| member.key > key && !is_before(member) && creates(&member.fact.event))
        .filter(|member| member.key.second <= until)
        .copied();
    Life { ended_before, sights, is_over, recreate }
}

/// The destroying fact that ends the life begun at `key`, if it is known.
pub(super) fn end_of(members: &[Member<'_>], key: &FactKey) -> Option<FactKey> {
    members.iter().find(|member| member.key > key && destroys(&member.fact.event)).map(|member| *member.key)
}

/// Whether the create at `key` proves that what it names is new: the API would have failed, or answered with another
/// identifier, had it been there; or its destruction is the last that was seen of it.
pub(super) fn is_new(members: &[Member<'_>], key: &FactKey, mention: &Mention) -> bool {
    let last_before = members.iter().rev().find(|member| member.key < key);
    mention.proof != Proof::None || last_before.is_some_and(|member| destroys(&member.fact.event))
}

/// The create that proves how the life began, that ended at `key`: nothing was seen of the resource in it before, and the
/// API would have failed, or answered with another identifier, had it been there; or its life before ended in our sight.
pub(super) fn proven_by<'a>(store: &Store, mention: &Mention, life: &Life<'a>) -> Option<Member<'a>> {
    let create = life.sights.first().filter(|first| creates(&first.fact.event))?;
    let event = &create.fact.event;
    let aliases = create.mention.aliases.iter().chain(&mention.aliases).map(Text::as_str);
    let was_there = life.ended_before.is_none()
        && store.inventory().existed(&mention.kind, &event.account, &event.region, aliases, event.time);
    let is_proven = create.mention.proof != Proof::None || life.ended_before.is_some();
    (is_proven && !was_there).then_some(*create)
}

/// Of the members of one family, in order, those on which a member at a place may bear: a new one changes what is known
/// from the last life before it to the end of the one that it is part of. Where it is not sure that all members are of one
/// resource, all of them.
pub(super) fn near<'m, 'a>(store: &Store, members: &'m [Member<'a>], at: &FactKey, fact: &Fact) -> &'m [Member<'a>] {
    if !is_of_one_resource(members) {
        return members;
    }
    let counts = |member: &Member<'_>| {
        store.is_heard(member.key, false) && (!fact.may_pause || store.is_heard(member.key, true))
    };
    let ends = |member: &Member<'_>| destroys(&member.fact.event) && counts(member);
    let place = members.partition_point(|member| member.key < at);
    let (earlier, later) = members.split_at(place);
    let is_first = if destroys(&fact.event) { !earlier.iter().any(ends) } else { !earlier.iter().any(counts) };
    let last = later.iter().position(|member| member.key > at && ends(member)).filter(|_| !is_first);
    let mut end = last.map_or(members.len(), |last| place + last + 1);
    let last_of = |wanted: &dyn Fn(&Member<'_>) -> bool| earlier.iter().rposition(wanted).unwrap_or_default();
    let mut start = last_of(&ends).min(last_of(&|member| creates(&member.fact.event) && counts(member)));
    // Within a second, what came first is not always told by the order.
    let second = |index: usize| members.get(index).map(|member| member.key.second);
    while end > 0 && end < members.len() && second(end) == second(end - 1) {
        end += 1;
    }
    while start > 0 && second(start) == second(start - 1) {
        start -= 1;
    }
    members.get(start..end).unwrap_or(members)
}

/// Whether all members share an alias, and have the same parents.
fn is_of_one_resource(members: &[Member<'_>]) -> bool {
    let Some(first) = members.first() else { return true };
    let shares = |alias: &Text| members.iter().all(|member| member.mention.aliases.contains(alias));
    first.mention.aliases.iter().any(shares)
        && members.iter().all(|member| member.mention.parents == first.mention.parents)
}

#[cfg(test)]
mod tests {
    use super::super::tests::judged;
    use super::*;

    #[test]
    fn a_name_taken_again_and_again_leads_to_all_that_its_creates_were_called() {
        let timeline = judged(
            "00:00:00 agent new lb web also=arn-1
             00:01:00 agent delete lb arn-1
             00:02:00 agent new lb web also=arn-2
             00:03:00 agent disrupt lb arn-2
             00:04:00 agent delete lb arn-2
             00:05:00 agent new lb other also=arn-3
             00:06:00 agent delete lb arn-3
             00:07:00 agent new lb web also=arn-4 trust=no
             00:08:00 agent disrupt lb arn-4
             00:09:00 agent new lb web
             00:10:00 agent delete lb web",
        );
        let store = timeline.store();
        let (at, last) = store.iter().last().expect("one");
        let members = |may_pause| {
            let found = family(store, at, &last.event, &last.event.resources[0], may_pause);
            found.iter().map(|member| member.fact.event.id.clone()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(members(false), "e0000 e0001 e0002 e0003 e0004 e0007 e0008 e0009 e0010");
        assert_eq!(
            members(true),
            "e0000 e0001 e0002 e0003 e0004 e0009 e0010",
            "what a forged create says leads nowhere"
        );
    }
}
