//! What must be known of a resource as of an instant: its create, its zones, its end, its return.

use std::collections::{BTreeMap, BTreeSet};

use super::order::FactKey;
use super::store::{Store, creates, destroys, parents_agree, stem_word};
use crate::engine::Fact;
use crate::event::{Event, Mention, Proof, Scope};
use crate::limits::RECREATE_SECONDS_MAX;

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

/// All facts that create or destroy what a mention names, in order. Aliases that a create adds lead on to further facts.
/// For those who ask with `may_pause`, only facts that may bear a pause: others could be forged.
pub(super) fn family<'a>(store: &'a Store, event: &Event, mention: &Mention, may_pause: bool) -> Vec<Member<'a>> {
    let mut members = members_of(store, event, mention, may_pause);
    let created: Vec<Member<'a>> = members.iter().filter(|member| creates(&member.fact.event)).copied().collect();
    for create in created.iter().filter(|create| create.mention.aliases != mention.aliases) {
        members.extend(members_of(store, &create.fact.event, create.mention, may_pause));
    }
    members.sort_by(|one, other| (one.key, one.index).cmp(&(other.key, other.index)));
    members.dedup_by(|one, other| one.key == other.key);
    members
}

fn members_of<'a>(store: &'a Store, event: &Event, mention: &Mention, may_pause: bool) -> Vec<Member<'a>> {
    let keys: BTreeSet<&'a FactKey> = store.sharing_alias(event, mention);
    keys.into_iter().filter_map(|key| member_at(store, key, mention, may_pause)).collect()
}

fn member_at<'a>(store: &'a Store, key: &'a FactKey, mention: &Mention, may_pause: bool) -> Option<Member<'a>> {
    let fact = store.get(key)?;
    let bears = creates(&fact.event) || destroys(&fact.event);
    if !bears || (may_pause && !fact.may_pause) || store.is_shadowed(key, &fact.event, may_pause) {
        return None;
    }
    let same = |other: &Mention| {
        other.kind == mention.kind
            && parents_agree(other, mention)
            && other.aliases.iter().any(|alias| mention.aliases.contains(alias))
    };
    let (index, mention) = fact.event.resources.iter().enumerate().find(|(_, other)| same(other))?;
    Some(Member { key, fact, mention, index })
}

/// The life of a resource that a destroying fact ended.
pub(super) struct Life<'a> {
    /// The create that began it, if it is known.
    pub create: Option<Member<'a>>,
    /// Whether an earlier fact ended it already.
    pub is_over: bool,
    /// The create of the same identity that followed, within the time that counts.
    pub recreate: Option<Member<'a>>,
}

/// What is known of the life that the destroying fact at `key` ended. A create of a caller-given name in the same second
/// came before, if the name was not known yet, else after.
pub(super) fn life<'a>(members: &[Member<'a>], key: &FactKey) -> Life<'a> {
    let known_before = members.iter().any(|member| member.key < key);
    let is_before = |member: &Member<'a>| {
        member.key < key || (!known_before && member.key.second == key.second && creates(&member.fact.event))
    };
    let create = members.iter().rev().find(|member| is_before(member) && creates(&member.fact.event)).copied();
    let since = create.map(|create| create.key);
    let is_over = members
        .iter()
        .any(|member| destroys(&member.fact.event) && member.key < key && since.is_none_or(|since| since < member.key));
    let until = key.second.plus(RECREATE_SECONDS_MAX);
    let recreate = members
        .iter()
        .find(|member| member.key > key && !is_before(member) && creates(&member.fact.event))
        .filter(|member| member.key.second <= until)
        .copied();
    Life { create, is_over, recreate }
}

/// The destroying fact that ends the life begun at `key`, if it is known.
pub(super) fn end_of(members: &[Member<'_>], key: &FactKey) -> Option<FactKey> {
    members.iter().find(|member| member.key > key && destroys(&member.fact.event)).map(|member| member.key.clone())
}

/// The zones that a destroyed resource lived in, as far as they were known at `key`; each in the event's region.
pub(super) fn zones_of(
    store: &Store,
    key: &FactKey,
    event: &Event,
    mention: &Mention,
    create: Option<Member<'_>>,
) -> Vec<String> {
    if !matches!(mention.scope, Scope::Zonal | Scope::Subnets) {
        return Vec::new();
    }
    let mentions = || [Some(mention), create.map(|create| create.mention)].into_iter().flatten();
    let mut zones: BTreeSet<&str> = mentions().flat_map(|mention| mention.zones.iter().map(String::as_str)).collect();
    // A database in one zone has a group of subnets in all: they tell only where nothing tells the zone itself.
    if zones.is_empty() {
        let subnets = mentions().flat_map(|mention| &mention.subnets);
        zones.extend(subnets.filter_map(|subnet| store.zone_of_subnet(subnet, key)));
    }
    let in_region = |zone: &&str| {
        zone.strip_prefix(event.region.as_str()).is_some_and(|rest| !rest.is_empty() && !rest.starts_with('-'))
    };
    zones.into_iter().filter(in_region).map(str::to_owned).collect()
}

/// Whether a create proves that nothing of this name existed before it.
pub(super) fn proves(create: Member<'_>) -> bool {
    create.mention.proof != Proof::None
}

/// Which create is the successor of which destroyed resource, within one stem: the resource destroyed first is the first
/// to be replaced. Keyed by the destroying fact and the number of its mention.
pub(super) fn successors(store: &Store, word: &str, may_pause: bool) -> BTreeMap<(FactKey, usize), FactKey> {
    let mut ended: BTreeSet<(FactKey, usize)> = BTreeSet::new();
    let mut begun: BTreeSet<FactKey> = BTreeSet::new();
    for key in store.sharing_stem(word) {
        let Some(fact) = store.get(key) else { continue };
        for (index, mention) in fact.event.resources.iter().enumerate() {
            let is_named = stem_word(&fact.event, mention).as_deref() == Some(word);
            if !is_named || (may_pause && !fact.may_pause) || store.is_shadowed(key, &fact.event, may_pause) {
                continue;
            }
            if destroys(&fact.event) {
                ended.insert((key.clone(), index));
            } else if creates(&fact.event) {
                let members = family(store, &fact.event, mention, may_pause);
                // What came back as itself is nobody's successor.
                if !members.iter().any(|member| member.key < key && destroys(&member.fact.event)) {
                    begun.insert(key.clone());
                }
                let end = members.iter().find(|member| member.key > key && destroys(&member.fact.event));
                ended.extend(end.map(|end| (end.key.clone(), end.index)));
            }
        }
    }
    let mut waiting = ended.into_iter().peekable();
    let mut pairs = BTreeMap::new();
    let mut open: std::collections::VecDeque<(FactKey, usize)> = std::collections::VecDeque::new();
    for create in begun {
        while let Some(destroyed) = waiting.next_if(|destroyed| destroyed.0 < create) {
            open.push_back(destroyed);
        }
        open.retain(|destroyed| destroyed.0.second.plus(RECREATE_SECONDS_MAX) >= create.second);
        if let Some(destroyed) = open.pop_front() {
            pairs.insert(destroyed, create);
        }
    }
    pairs
}
