//! All facts in their order, with the indexes by which they are found again. Knows nothing of judgement.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use foldhash::fast::FixedState;
use smallvec::SmallVec;

use super::index::Index;
use super::name::stem;
use super::order::FactKey;
use super::places::Places;
use super::starts::Starts;
use super::words::Words;
use crate::engine::{Column, Fact};
use crate::event::{Effect, Event, Mention, Outcome, Scope};
use crate::inventory::Inventory;
use crate::time::Second;

/// All facts held, where to find them, and what was known before them.
#[derive(Debug, Default)]
pub struct Store {
    facts: HashMap<FactKey, Arc<Fact>, FixedState>,
    order: BTreeSet<FactKey>,
    by_id: Index,
    by_shared_id: Index,
    by_alias: Index,
    by_stem: Index,
    by_subnet: Index,
    places: Places,
    starts: Starts,
    calls_by_access_key: Index,
    calls_by_session: Index,
    links_by_access_key: Index,
    links_by_session: Index,
    inventory: Inventory,
    words: Words,
}

/// Places of a few facts, in order.
pub(super) type FewKeys<'a> = SmallVec<[&'a FactKey; 4]>;

/// The word under which an alias of a resource is found.
pub(super) fn alias_word(event: &Event, mention: &Mention, alias: &str) -> String {
    place_word(&mention.kind, &event.account, region_of(event, mention), alias)
}

/// The same, of what is no mention.
pub(super) fn place_word(kind: &str, account: &str, region: &str, alias: &str) -> String {
    let mut word = String::with_capacity(kind.len() + account.len() + region.len() + alias.len() + 3);
    for part in [kind, "\n", account, "\n", region, "\n", alias] {
        word.push_str(part);
    }
    word
}

/// The word under which resources of one stem are found; nothing if the resource has no name.
pub(super) fn stem_word(event: &Event, mention: &Mention) -> Option<String> {
    let name = stem(&mention.name);
    if name.is_empty() {
        return None;
    }
    let mut word = place_word(&mention.kind, &event.account, region_of(event, mention), "");
    for (index, parent) in mention.parents.iter().enumerate() {
        word.push_str(if index == 0 { "" } else { "/" });
        word.push_str(parent);
    }
    word.push('\n');
    word.push_str(name);
    Some(word)
}

fn region_of<'a>(event: &'a Event, mention: &Mention) -> &'a str {
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
        if self.facts.contains_key(&key) {
            return (key, Column::Duplicate);
        }
        let mut copies = self.by_id.get(&key.id).iter().filter_map(|copy| self.facts.get(copy));
        let column = if copies.any(|copy| copy.event.account == fact.event.account) {
            Column::Conflicting
        } else if self.twins(&fact.event).any(|twin| twin.event.account != fact.event.account) {
            Column::Twin
        } else {
            Column::Judged
        };
        let fact = Arc::new(fact);
        self.index(&key, &fact.event, true);
        self.facts.insert(key.clone(), fact);
        self.order.insert(key.clone());
        (key, column)
    }

    /// A copy of a fact came from a source that may cause pauses: then the fact may bear one, whichever came first. Says
    /// whether that is new.
    pub fn trust(&mut self, key: &FactKey) -> bool {
        match self.facts.get_mut(key) {
            Some(fact) if !fact.may_pause => {
                Arc::make_mut(fact).may_pause = true;
                true
            }
            _ => false,
        }
    }

    /// Removes a fact and everything by which it is found.
    pub fn remove(&mut self, key: &FactKey) {
        if let Some(fact) = self.facts.remove(key) {
            self.order.remove(key);
            self.index(key, &fact.event, false);
        }
    }

    fn index(&mut self, key: &FactKey, event: &Event, add: bool) {
        let change = |index: &mut Index, word: &str| {
            if !word.is_empty() {
                index.change(word, key, add);
            }
        };
        change(&mut self.by_id, &event.id);
        change(&mut self.by_shared_id, &event.shared_id);
        change(&mut self.calls_by_access_key, &event.identity.access_key);
        change(&mut self.calls_by_session, &event.identity.principal_id);
        if let Some(link) = &event.link {
            change(&mut self.links_by_access_key, &link.access_key);
            change(&mut self.links_by_session, &link.session_id);
        }
        if add {
            self.words.keep(event);
        }
        for mention in &event.resources {
            for alias in &mention.aliases {
                change(&mut self.by_alias, &alias_word(event, mention, alias));
            }
            if let Some(word) = stem_word(event, mention) {
                change(&mut self.by_stem, &word);
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
        self.facts.get(key)
    }

    /// Whether no fact is held.
    pub fn is_empty(&self) -> bool {
        self.facts.is_empty()
    }

    /// How many facts are held.
    pub fn len(&self) -> usize {
        self.facts.len()
    }

    /// All facts, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&FactKey, &Arc<Fact>)> {
        self.order.iter().filter_map(|key| Some((key, self.facts.get(key)?)))
    }

    /// Places of facts before a second, in order.
    pub fn before(&self, second: Second) -> impl Iterator<Item = (&FactKey, &Arc<Fact>)> {
        let order = self.order.range(..FactKey::first_of(second));
        order.filter_map(|key| Some((key, self.facts.get(key)?)))
    }

    /// Whether copies of this event are held that differ from each other. What may bear a pause is contradicted only by
    /// what may as well.
    pub fn is_conflicting(&self, fact: &Fact) -> bool {
        let copies = self.by_id.get(&fact.event.id);
        if copies.len() < 2 {
            return false;
        }
        let copies = copies.iter().filter_map(|copy| self.facts.get(copy));
        copies.filter(|copy| copy.event.account == fact.event.account && copy.may_pause >= fact.may_pause).count() > 1
    }

    /// Whether of this call, which several accounts recorded, another copy speaks: the one with the fuller identity. For
    /// those who ask with `may_pause`, only copies count that may bear a pause.
    pub fn is_shadowed(&self, key: &FactKey, event: &Event, may_pause: bool) -> bool {
        let rank = |event: &Event, key: &FactKey| (std::cmp::Reverse(fullness(event)), key.clone());
        self.sharing_id(event).iter().any(|twin| {
            self.facts.get(twin).is_some_and(|fact| {
                fact.event.account != event.account
                    && fact.may_pause >= may_pause
                    && rank(&fact.event, twin) < rank(event, key)
            })
        })
    }

    fn twins(&self, event: &Event) -> impl Iterator<Item = &Arc<Fact>> {
        self.sharing_id(event).iter().filter_map(|key| self.facts.get(key))
    }

    fn sharing_id(&self, event: &Event) -> &[FactKey] {
        if event.shared_id.is_empty() { &[] } else { self.by_shared_id.get(&event.shared_id) }
    }

    /// Copies in other accounts, and differing copies, of an event.
    pub fn copies(&self, event: &Event) -> impl Iterator<Item = &FactKey> {
        self.by_id.get(&event.id).iter().chain(self.sharing_id(event))
    }

    /// Facts that name a resource of this mention's type under one of its aliases, in order, without repeats.
    pub fn sharing_alias(&self, event: &Event, mention: &Mention) -> FewKeys<'_> {
        let mut keys = FewKeys::new();
        for alias in &mention.aliases {
            keys.extend(self.by_alias.get(&alias_word(event, mention, alias)));
        }
        if mention.aliases.len() > 1 {
            keys.sort_unstable();
            keys.dedup();
        }
        keys
    }

    /// Whether no other fact names a resource of this mention's type under one of its aliases.
    pub(super) fn is_only_sight(&self, event: &Event, mention: &Mention) -> bool {
        mention.aliases.iter().all(|alias| self.by_alias.get(&alias_word(event, mention, alias)).len() < 2)
    }

    /// Whether no fact that names a resource of this stem lies after a place.
    pub(super) fn is_last_of_stem(&self, word: &str, key: &FactKey) -> bool {
        self.by_stem.get(word).last().is_none_or(|last| last <= key)
    }

    /// A word that occurs often, held once.
    pub(super) fn word(&self, word: &str) -> Arc<str> {
        self.words.get(word)
    }

    /// Facts that name resources of one stem, in order.
    pub fn sharing_stem(&self, word: &str) -> impl Iterator<Item = &FactKey> {
        self.by_stem.get(word).iter()
    }

    /// Facts whose resources live in a subnet.
    pub fn in_subnet(&self, subnet: &str) -> impl Iterator<Item = &FactKey> {
        self.by_subnet.get(subnet).iter()
    }

    /// Facts that name a resource under this word of an alias.
    pub(super) fn named(&self, word: &str) -> impl Iterator<Item = &FactKey> {
        self.by_alias.get(word).iter()
    }

    /// Facts by their caller's access key.
    pub fn calls_with_key(&self, access_key: &str) -> impl Iterator<Item = &FactKey> {
        self.calls_by_access_key.get(access_key).iter()
    }

    /// Facts by their caller's unique id.
    pub fn calls_in_session(&self, session: &str) -> impl Iterator<Item = &FactKey> {
        self.calls_by_session.get(session).iter()
    }

    /// Links that handed out an access key, in order.
    pub fn links_of_key(&self, access_key: &str) -> impl Iterator<Item = &FactKey> {
        self.links_by_access_key.get(access_key).iter()
    }

    /// Links that made sessions of a unique id, in order.
    pub fn links_of_session(&self, session: &str) -> impl DoubleEndedIterator<Item = &FactKey> {
        self.links_by_session.get(session).iter()
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
