//! All facts in their order, with the indexes by which they are found again. Knows nothing of judgement.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use foldhash::fast::FixedState;
use smallvec::SmallVec;

use super::Names;
use super::event_id::EventId;
use super::index::{Index, Word};
use super::name::stem;
use super::order::FactKey;
use super::places::Places;
use super::starts::Starts;
use crate::engine::{Column, Fact};
use crate::event::{Effect, Event, Link, Mention, Outcome, Scope, Text};
use crate::inventory::Inventory;
use crate::time::Second;

/// All facts held, where to find them, and what was known before them.
#[derive(Debug, Default)]
pub struct Store {
    facts: HashMap<EventId, Copies, FixedState>,
    /// How many facts there are.
    held: usize,
    /// How many of them may bear no pause.
    untrusted: usize,
    order: BTreeSet<FactKey>,
    by_shared_id: Index,
    by_alias: Index,
    by_subnet: Index,
    places: Places,
    starts: Starts,
    calls_by_access_key: Index,
    calls_by_session: Index,
    links_by_access_key: Index,
    links_by_session: Index,
    inventory: Inventory,
}

/// Facts of one event id, with their places: one, unless copies of it differ.
type Copies = SmallVec<[Stored; 1]>;

/// A fact, with its place.
#[derive(Debug)]
struct Stored {
    key: FactKey,
    fact: Arc<Fact>,
    /// Keys whose ledger holds it.
    names: Names,
}

/// Places of a few facts, in order.
pub(super) type FewKeys = SmallVec<[FactKey; 4]>;

/// The word under which an alias of a resource is found.
pub(super) fn alias_word(event: &Event, mention: &Mention, alias: &str) -> Word {
    place_word(&mention.kind, &event.account, region_of(event, mention), alias)
}

/// The same, of what is no mention.
pub(super) fn place_word(kind: &str, account: &str, region: &str, alias: &str) -> Word {
    Word::of(&[kind, account, region, alias])
}

/// The word under which resources of one stem are found; nothing if the resource has no name.
pub(super) fn stem_word(event: &Event, mention: &Mention) -> Option<String> {
    let name = stem(&mention.name);
    if name.is_empty() {
        return None;
    }
    let mut word = String::new();
    for part in [&mention.kind, &event.account, region_of(event, mention)]
        .into_iter()
        .chain(mention.parents.iter().map(Text::as_str))
    {
        word.push_str(part);
        word.push('\n');
    }
    word.push_str(name);
    Some(word)
}

/// Where a resource is looked for: a global one is everywhere the same.
pub(super) fn region_of<'a>(event: &'a Event, mention: &Mention) -> &'a str {
    if mention.scope == Scope::Global { "" } else { &event.region }
}

/// Whether two mentions can be of the same resource as far as their parents tell: a mention may leave them out.
pub(super) fn parents_agree(one: &Mention, other: &Mention) -> bool {
    one.parents.is_empty() || other.parents.is_empty() || one.parents == other.parents
}

impl Store {
    /// Adds a fact, unless an equal copy is there, and says in which column it counts.
    pub fn insert(&mut self, fact: Fact) -> (FactKey, Column) {
        let key = FactKey::of(&fact.event);
        let copies = self.facts.get(&key.id).map_or(&[][..], |copies| copies);
        if copies.iter().any(|copy| copy.key == key) {
            return (key, Column::Duplicate);
        }
        let column = if copies.iter().any(|copy| copy.fact.event.account == fact.event.account) {
            Column::Conflicting
        } else if self.twins(&fact.event).any(|twin| twin.event.account != fact.event.account) {
            Column::Twin
        } else {
            Column::Judged
        };
        self.index(&key, &fact.event, true);
        self.untrusted += usize::from(!fact.may_pause);
        let copies = self.facts.entry(key.id).or_default();
        let at = copies.partition_point(|copy| copy.key < key);
        copies.insert(at, Stored { key, fact: Arc::new(fact), names: Names::new() });
        self.held += 1;
        self.order.insert(key);
        (key, column)
    }

    /// A copy of a fact came from a source that may cause pauses: then the fact may bear one, whichever came first. Says
    /// whether that is new.
    pub fn trust(&mut self, key: &FactKey) -> bool {
        let copies = self.facts.get_mut(&key.id).into_iter().flatten();
        match copies.into_iter().find(|copy| copy.key == *key) {
            Some(copy) if !copy.fact.may_pause => {
                Arc::make_mut(&mut copy.fact).may_pause = true;
                self.untrusted -= 1;
                true
            }
            _ => false,
        }
    }

    /// Removes a fact and everything by which it is found, and returns it with the keys whose ledger held it.
    pub fn remove(&mut self, key: &FactKey) -> Option<(Arc<Fact>, Names)> {
        let copies = self.facts.get_mut(&key.id)?;
        let at = copies.iter().position(|copy| copy.key == *key)?;
        let Stored { fact, names, .. } = copies.remove(at);
        if copies.is_empty() {
            self.facts.remove(&key.id);
        }
        self.held -= 1;
        self.untrusted -= usize::from(!fact.may_pause);
        self.order.remove(key);
        self.index(key, &fact.event, false);
        Some((fact, names))
    }

    /// Keys whose ledger holds a fact.
    pub fn names(&self, key: &FactKey) -> &[Arc<str>] {
        self.stored(key).map_or(&[], |copy| &copy.names)
    }

    /// Says whose ledgers hold a fact; returns whose did, if these were others.
    pub(super) fn set_names(&mut self, key: &FactKey, names: &Names) -> Option<Names> {
        let copy = self.facts.get_mut(&key.id)?.iter_mut().find(|copy| copy.key == *key)?;
        (copy.names != *names).then(|| std::mem::replace(&mut copy.names, names.clone()))
    }

    fn stored(&self, key: &FactKey) -> Option<&Stored> {
        self.facts.get(&key.id)?.iter().find(|copy| copy.key == *key)
    }

    fn index(&mut self, key: &FactKey, event: &Event, add: bool) {
        let change = |index: &mut Index, word: &str| {
            if !word.is_empty() {
                index.change(Word::of(&[word]), key, add);
            }
        };
        change(&mut self.by_shared_id, &event.shared_id);
        change(&mut self.calls_by_access_key, &event.identity.access_key);
        change(&mut self.calls_by_session, &event.identity.principal_id);
        if let Some(link) = &event.link {
            change(&mut self.links_by_access_key, &link.access_key);
            change(&mut self.links_by_session, &link.session_id);
        }
        for mention in &event.resources {
            for alias in &mention.aliases {
                self.by_alias.change(alias_word(event, mention, alias), key, add);
            }
            for subnet in &mention.subnets {
                change(&mut self.by_subnet, subnet);
            }
        }
        self.places.index(key, event, add);
        self.starts.index(key, event, add);
    }

    /// What existed before all facts.
    pub(super) fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    /// Puts another inventory in the place of the one before.
    pub(super) fn set_inventory(&mut self, inventory: Inventory) {
        self.inventory = inventory;
    }

    /// Zones that facts reveal.
    pub(super) fn places(&self) -> &Places {
        &self.places
    }

    /// Who set what going, and what runs by itself.
    pub(super) fn starts(&self) -> &Starts {
        &self.starts
    }

    /// Whether a fact is heard by those who ask with `may_pause`: what may not bear a pause could be forged, and bends
    /// nothing that may. Of several copies of one call only one is heard.
    pub(super) fn is_heard(&self, key: &FactKey, may_pause: bool) -> bool {
        self.get(key).is_some_and(|fact| fact.may_pause >= may_pause && !self.is_shadowed(key, &fact.event, may_pause))
    }

    /// The fact at a place.
    pub fn get(&self, key: &FactKey) -> Option<&Arc<Fact>> {
        self.stored(key).map(|copy| &copy.fact)
    }

    /// The same, with the place as it is held here.
    pub(super) fn at(&self, key: &FactKey) -> Option<(&FactKey, &Arc<Fact>)> {
        self.stored(key).map(|copy| (&copy.key, &copy.fact))
    }

    /// Whether all facts may bear a pause: then all who ask hear the same.
    pub(super) fn is_trusted(&self) -> bool {
        self.untrusted == 0
    }

    /// Whether no fact is held.
    pub fn is_empty(&self) -> bool {
        self.held == 0
    }

    /// How many facts are held.
    pub fn len(&self) -> usize {
        self.held
    }

    /// All facts, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&FactKey, &Arc<Fact>)> {
        self.order.iter().filter_map(|key| Some((key, self.get(key)?)))
    }

    /// Places of facts before a second, in order.
    pub fn before(&self, second: Second) -> impl Iterator<Item = (&FactKey, &Arc<Fact>)> {
        let order = self.order.range(..FactKey::first_of(second));
        order.filter_map(|key| Some((key, self.get(key)?)))
    }

    /// Whether copies of this event are held that differ from each other. What may bear a pause is contradicted only by
    /// what may as well.
    pub fn is_conflicting(&self, key: &FactKey, fact: &Fact) -> bool {
        let copies = self.facts.get(&key.id).into_iter().flatten().map(|copy| &copy.fact);
        copies.filter(|copy| copy.event.account == fact.event.account && copy.may_pause >= fact.may_pause).count() > 1
    }

    /// Whether of this call, which several accounts recorded, another copy speaks: the one with the fuller identity. For
    /// those who ask with `may_pause`, only copies count that may bear a pause.
    pub fn is_shadowed(&self, key: &FactKey, event: &Event, may_pause: bool) -> bool {
        let rank = |event: &Event, key: &FactKey| (std::cmp::Reverse(fullness(event)), *key);
        self.sharing_id(event).any(|(twin, fact)| {
            fact.event.account != event.account
                && fact.may_pause >= may_pause
                && rank(&fact.event, twin) < rank(event, key)
        })
    }

    fn twins<'a>(&'a self, event: &'a Event) -> impl Iterator<Item = &'a Arc<Fact>> {
        self.sharing_id(event).map(|(_, fact)| fact)
    }

    fn sharing_id<'a>(&'a self, event: &'a Event) -> impl Iterator<Item = (&'a FactKey, &'a Arc<Fact>)> {
        let shared_id = event.shared_id.as_str();
        let keys = if shared_id.is_empty() { &[] } else { self.by_shared_id.get(Word::of(&[shared_id])) };
        let facts = keys.iter().filter_map(|key| Some((key, self.get(key)?)));
        facts.filter(move |(_, fact)| fact.event.shared_id == shared_id)
    }

    /// Copies in other accounts, and differing copies, of the event of this id.
    pub fn copies<'a>(&'a self, id: &EventId, event: &'a Event) -> impl Iterator<Item = &'a FactKey> {
        let copies = self.facts.get(id).into_iter().flatten().map(|copy| &copy.key);
        copies.chain(self.sharing_id(event).map(|(key, _)| key))
    }

    /// Facts that may name a resource of this mention's type under one of its aliases, in order, without repeats.
    pub fn sharing_alias(&self, event: &Event, mention: &Mention) -> FewKeys {
        let mut keys = FewKeys::new();
        for alias in &mention.aliases {
            keys.extend_from_slice(self.by_alias.get(alias_word(event, mention, alias)));
        }
        if mention.aliases.len() > 1 {
            keys.sort_unstable();
            keys.dedup();
        }
        keys
    }

    /// Whether no other fact names a resource of this mention's type under one of its aliases.
    pub(super) fn is_only_sight(&self, event: &Event, mention: &Mention) -> bool {
        mention.aliases.iter().all(|alias| self.by_alias.get(alias_word(event, mention, alias)).len() < 2)
    }

    /// Facts whose resources may live in a subnet.
    pub fn in_subnet(&self, subnet: &str) -> &[FactKey] {
        self.by_subnet.get(Word::of(&[subnet]))
    }

    /// Facts that may name a resource of a type under an alias.
    pub(super) fn named(&self, kind: &str, account: &str, region: &str, alias: &str) -> &[FactKey] {
        self.by_alias.get(place_word(kind, account, region, alias))
    }

    /// Facts that may have this access key for their caller's.
    pub fn calls_with_key(&self, access_key: &str) -> &[FactKey] {
        self.calls_by_access_key.get(Word::of(&[access_key]))
    }

    /// Facts that may have this unique id for their caller's.
    pub fn calls_in_session(&self, session: &str) -> &[FactKey] {
        self.calls_by_session.get(Word::of(&[session]))
    }

    /// Links that handed out an access key, in order.
    pub fn links_of_key<'a>(&'a self, access_key: &'a str) -> impl Iterator<Item = &'a FactKey> {
        let keys = self.links_by_access_key.get(Word::of(&[access_key])).iter();
        keys.filter(move |key| self.link(key).is_some_and(|link| link.access_key == access_key))
    }

    /// Links that made sessions of a unique id, in order.
    pub fn links_of_session<'a>(&'a self, session: &'a str) -> impl DoubleEndedIterator<Item = &'a FactKey> {
        let keys = self.links_by_session.get(Word::of(&[session])).iter();
        keys.filter(move |key| self.link(key).is_some_and(|link| link.session_id == session))
    }

    fn link(&self, key: &FactKey) -> Option<&Link> {
        self.get(key)?.event.link.as_deref()
    }
}

/// How much an identity tells: copies in a caller's own account tell more than those in the account called.
fn fullness(event: &Event) -> usize {
    let identity = &event.identity;
    [&identity.arn, &identity.principal_id, &identity.access_key, &identity.issuer_arn, &identity.issuer_id]
        .iter()
        .filter(|part| !part.is_empty())
        .count()
}

/// Whether a fact ended a resource's life.
pub(super) fn destroys(event: &Event) -> bool {
    event.effect == Effect::Destroy && event.outcome == Outcome::Ok
}

/// Whether a fact took a protection off.
pub(super) fn unguards(event: &Event) -> bool {
    event.effect == Effect::Unguard && event.outcome == Outcome::Ok
}

/// Whether a fact began a resource's life.
pub(super) fn creates(event: &Event) -> bool {
    event.effect == Effect::Create && event.outcome == Outcome::Ok
}
