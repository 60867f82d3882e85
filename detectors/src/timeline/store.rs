//! All facts in their order, with the indexes by which they are found again. Knows nothing of judgement.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::name::stem;
use super::order::FactKey;
use super::places::Places;
use super::starts::Starts;
use crate::engine::{Column, Fact};
use crate::event::{Effect, Event, Mention, Outcome, Scope};
use crate::inventory::Inventory;
use crate::time::Second;

pub(super) type Index = BTreeMap<String, BTreeSet<FactKey>>;

/// All facts held, where to find them, and what was known before them.
#[derive(Debug, Default)]
pub struct Store {
    facts: BTreeMap<FactKey, Arc<Fact>>,
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
}

/// The word under which an alias of a resource is found.
pub(super) fn alias_word(event: &Event, mention: &Mention, alias: &str) -> String {
    place_word(&mention.kind, &event.account, region_of(event, mention), alias)
}

/// The same, of what is no mention.
pub(super) fn place_word(kind: &str, account: &str, region: &str, alias: &str) -> String {
    format!("{kind}\n{account}\n{region}\n{alias}")
}

/// The word under which resources of one stem are found; nothing if the resource has no name.
pub(super) fn stem_word(event: &Event, mention: &Mention) -> Option<String> {
    let name = stem(&mention.name);
    let parents = mention.parents.join("/");
    (!name.is_empty())
        .then(|| format!("{}\n{}\n{}\n{parents}\n{name}", mention.kind, event.account, region_of(event, mention)))
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
        let column = if self.by_id.get(key.id.as_ref()).is_some_and(|copies| {
            copies.iter().filter_map(|copy| self.facts.get(copy)).any(|copy| copy.event.account == fact.event.account)
        }) {
            Column::Conflicting
        } else if self.twins(&fact.event).any(|twin| twin.event.account != fact.event.account) {
            Column::Twin
        } else {
            Column::Judged
        };
        let fact = Arc::new(fact);
        self.index(&key, &fact.event, true);
        self.facts.insert(key.clone(), fact);
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
            self.index(key, &fact.event, false);
        }
    }

    fn index(&mut self, key: &FactKey, event: &Event, add: bool) {
        let set = |index: &mut Index, word: String| change(index, word, key, add);
        set(&mut self.by_id, event.id.clone());
        if !event.shared_id.is_empty() {
            set(&mut self.by_shared_id, event.shared_id.clone());
        }
        if !event.identity.access_key.is_empty() {
            set(&mut self.calls_by_access_key, event.identity.access_key.clone());
        }
        if !event.identity.principal_id.is_empty() {
            set(&mut self.calls_by_session, event.identity.principal_id.clone());
        }
        if let Some(link) = &event.link {
            set(&mut self.links_by_access_key, link.access_key.clone());
            if !link.session_id.is_empty() {
                set(&mut self.links_by_session, link.session_id.clone());
            }
        }
        for mention in &event.resources {
            for alias in &mention.aliases {
                set(&mut self.by_alias, alias_word(event, mention, alias));
            }
            if let Some(word) = stem_word(event, mention) {
                set(&mut self.by_stem, word);
            }
            for subnet in &mention.subnets {
                set(&mut self.by_subnet, subnet.clone());
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
        self.facts.iter()
    }

    /// Places of facts before a second, in order.
    pub fn before(&self, second: Second) -> impl Iterator<Item = (&FactKey, &Arc<Fact>)> {
        self.facts.range(..FactKey::first_of(second))
    }

    /// Whether copies of this event are held that differ from each other. What may bear a pause is contradicted only by
    /// what may as well.
    pub fn is_conflicting(&self, fact: &Fact) -> bool {
        let copies = self.by_id.get(&fact.event.id).into_iter().flatten().filter_map(|copy| self.facts.get(copy));
        copies.filter(|copy| copy.event.account == fact.event.account && copy.may_pause >= fact.may_pause).count() > 1
    }

    /// Whether of this call, which several accounts recorded, another copy speaks: the one with the fuller identity. For
    /// those who ask with `may_pause`, only copies count that may bear a pause.
    pub fn is_shadowed(&self, key: &FactKey, event: &Event, may_pause: bool) -> bool {
        let rank = |event: &Event, key: &FactKey| (std::cmp::Reverse(fullness(event)), key.clone());
        let shared = if event.shared_id.is_empty() { None } else { self.by_shared_id.get(&event.shared_id) };
        shared.into_iter().flatten().any(|twin| {
            self.facts.get(twin).is_some_and(|fact| {
                fact.event.account != event.account
                    && fact.may_pause >= may_pause
                    && rank(&fact.event, twin) < rank(event, key)
            })
        })
    }

    fn twins(&self, event: &Event) -> impl Iterator<Item = &Arc<Fact>> {
        let keys = if event.shared_id.is_empty() { None } else { self.by_shared_id.get(&event.shared_id) };
        keys.into_iter().flatten().filter_map(|key| self.facts.get(key))
    }

    /// Copies in other accounts, and differing copies, of an event.
    pub fn copies(&self, event: &Event) -> impl Iterator<Item = &FactKey> {
        let shared = if event.shared_id.is_empty() { None } else { self.by_shared_id.get(&event.shared_id) };
        self.by_id.get(&event.id).into_iter().chain(shared).flatten()
    }

    /// Facts that name a resource of this mention's type under one of its aliases, in order, without repeats.
    pub fn sharing_alias(&self, event: &Event, mention: &Mention) -> BTreeSet<&FactKey> {
        mention
            .aliases
            .iter()
            .filter_map(|alias| self.by_alias.get(&alias_word(event, mention, alias)))
            .flatten()
            .collect()
    }

    /// Facts that name resources of one stem, in order.
    pub fn sharing_stem(&self, word: &str) -> impl Iterator<Item = &FactKey> {
        self.by_stem.get(word).into_iter().flatten()
    }

    /// Facts whose resources live in a subnet.
    pub fn in_subnet(&self, subnet: &str) -> impl Iterator<Item = &FactKey> {
        self.by_subnet.get(subnet).into_iter().flatten()
    }

    /// Facts that name a resource under this word of an alias.
    pub(super) fn named(&self, word: &str) -> impl Iterator<Item = &FactKey> {
        self.by_alias.get(word).into_iter().flatten()
    }

    /// Facts by their caller's access key.
    pub fn calls_with_key(&self, access_key: &str) -> impl Iterator<Item = &FactKey> {
        self.calls_by_access_key.get(access_key).into_iter().flatten()
    }

    /// Facts by their caller's unique id.
    pub fn calls_in_session(&self, session: &str) -> impl Iterator<Item = &FactKey> {
        self.calls_by_session.get(session).into_iter().flatten()
    }

    /// Links that handed out an access key, in order.
    pub fn links_of_key(&self, access_key: &str) -> impl Iterator<Item = &FactKey> {
        self.links_by_access_key.get(access_key).into_iter().flatten()
    }

    /// Links that made sessions of a unique id, in order.
    pub fn links_of_session(&self, session: &str) -> impl DoubleEndedIterator<Item = &FactKey> {
        self.links_by_session.get(session).into_iter().flatten()
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

pub(super) fn change(index: &mut Index, word: String, key: &FactKey, add: bool) {
    if add {
        index.entry(word).or_default().insert(key.clone());
    } else if let Some(keys) = index.get_mut(&word) {
        keys.remove(key);
        if keys.is_empty() {
            index.remove(&word);
        }
    }
}
