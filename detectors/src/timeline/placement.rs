//! The zones that a destroyed resource lived in, as far as they were known at its end. Never guessed.

use std::collections::BTreeSet;

use super::lookup::Life;
use super::order::FactKey;
use super::places::reached_word;
use super::store::Store;
use crate::event::{Event, Mention, Proof, Scope};

/// Whether resources like this one live in zones.
pub(super) fn lives_in_zones(mention: &Mention) -> bool {
    matches!(mention.scope, Scope::Zonal | Scope::Subnets)
}

/// The zones of what the fact at `key` destroyed, each in the event's region. What says most about this life comes first:
/// the events that name its zones; network interfaces that a service made for it; an inventory; and its subnets, since a
/// database in one zone has a group of subnets in all.
pub(super) fn zones_of(store: &Store, key: &FactKey, event: &Event, mention: &Mention, life: &Life<'_>) -> Vec<String> {
    if !lives_in_zones(mention) {
        return Vec::new();
    }
    let may_pause = store.get(key).is_some_and(|fact| fact.may_pause);
    let mentions: Vec<&Mention> = life.creates().map(|create| create.mention).chain([mention]).collect();
    let looking = Looking { store, key, event, life, may_pause, mentions };
    let in_region = |zones: BTreeSet<String>| -> Option<Vec<String>> {
        let zones: Vec<String> = zones.into_iter().filter(|zone| is_zone_of(zone, &event.region)).collect();
        (!zones.is_empty()).then_some(zones)
    };
    in_region(looking.named())
        .or_else(|| in_region(looking.reached()))
        .or_else(|| in_region(looking.listed()))
        .or_else(|| in_region(looking.of_subnets()))
        .unwrap_or_default()
}

/// For what placement is looked up, and as of when.
struct Looking<'a> {
    store: &'a Store,
    key: &'a FactKey,
    event: &'a Event,
    life: &'a Life<'a>,
    may_pause: bool,
    /// The resource as its creates and its destruction name it.
    mentions: Vec<&'a Mention>,
}

impl Looking<'_> {
    fn aliases(&self) -> BTreeSet<&str> {
        self.mentions.iter().flat_map(|mention| &mention.aliases).map(String::as_str).collect()
    }

    fn is_heard(&self, fact: &FactKey) -> bool {
        self.store.is_heard(fact, self.may_pause)
    }

    /// What the events name.
    fn named(&self) -> BTreeSet<String> {
        self.mentions.iter().flat_map(|mention| &mention.zones).cloned().collect()
    }

    /// Where network interfaces were made for it.
    fn reached(&self) -> BTreeSet<String> {
        let Some(mention) = self.mentions.last() else { return BTreeSet::new() };
        let words = self.aliases().into_iter().map(|alias| reached_word(self.event, &mention.kind, alias));
        let places = self.store.places();
        words
            .flat_map(|word| places.reached(&word, self.life.ended_before, self.key, |fact| self.is_heard(fact)))
            .collect()
    }

    /// What an inventory says. It tells of one life: of this one if its create is not known, or gave it an identifier of
    /// its own, or made it when the inventory says that it was made.
    fn listed(&self) -> BTreeSet<String> {
        let created = self.life.creates().next();
        if self.life.ended_before.is_some() && created.is_none() {
            return BTreeSet::new();
        }
        let Some(mention) = self.mentions.last() else { return BTreeSet::new() };
        let began = created.filter(|create| create.mention.proof != Proof::ServerAssigned).map(|one| one.key.second);
        let (account, region) = (&self.event.account, &self.event.region);
        let zones = self.store.inventory().zones_of(&mention.kind, account, region, self.aliases().into_iter(), began);
        zones.into_iter().map(str::to_owned).collect()
    }

    /// Where its subnets are.
    fn of_subnets(&self) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        for subnet in self.mentions.iter().flat_map(|mention| &mention.subnets) {
            let zones = self.store.places().of_subnet(subnet, self.key, |fact| self.is_heard(fact));
            let listed = || self.store.inventory().zone_of_subnet(subnet).map(str::to_owned);
            if zones.is_empty() { all.extend(listed()) } else { all.extend(zones) }
        }
        all
    }
}

/// Whether a zone is of a region: `us-east-1a`, or a local one as `us-west-2-lax-1a`.
fn is_zone_of(zone: &str, region: &str) -> bool {
    let rest = zone.strip_prefix(region).filter(|_| !region.is_empty());
    rest.is_some_and(|rest| {
        rest.starts_with('-') || (rest.len() == 1 && rest.bytes().all(|byte| byte.is_ascii_lowercase()))
    })
}
