//! Zones that facts reveal: of subnets and groups of subnets, and of what services made network interfaces for.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;

use foldhash::fast::FixedState;

use super::order::FactKey;
use crate::event::{Event, Text};
use crate::time::Second;

/// By word (a subnet, a group of subnets, an alias of a resource) the zones that each fact names for it.
#[derive(Debug, Default)]
pub(super) struct Places(HashMap<Text, BTreeMap<FactKey, BTreeSet<Text>>, FixedState>);

impl Places {
    /// Adds what a fact reveals, or takes it out.
    pub(super) fn index(&mut self, key: &FactKey, event: &Event, add: bool) {
        let reached = event.reach.iter().map(|reach| (reached_word(event, &reach.kind, &reach.alias), &reach.zone));
        let revealed = event.subnet_zones.iter().map(|(subnet, zone)| (subnet.clone(), zone));
        for (word, zone) in revealed.chain(reached) {
            if add {
                self.0.entry(word).or_default().entry(*key).or_default().insert(zone.clone());
            } else if let Some(facts) = self.0.get_mut(&word) {
                facts.remove(key);
                if facts.is_empty() {
                    self.0.remove(&word);
                }
            }
        }
    }

    /// The zones that the latest fact up to a place names for a subnet, or a group of subnets. Only facts that `counts`.
    pub(super) fn of_subnet(&self, subnet: &str, as_of: &FactKey, counts: impl Fn(&FactKey) -> bool) -> BTreeSet<Text> {
        let Some(facts) = self.0.get(subnet) else { return BTreeSet::new() };
        let latest = facts.range(..=as_of).rev().find(|(key, _)| counts(key));
        latest.map(|(_, zones)| zones.clone()).unwrap_or_default()
    }

    /// Whether a fact that names zones for a subnet changes nothing by that: of the facts that `counts` the latest before it
    /// named the same, or it does not count itself.
    pub(super) fn repeats(&self, subnet: &str, key: &FactKey, counts: impl Fn(&FactKey) -> bool) -> bool {
        let Some(facts) = self.0.get(subnet) else { return false };
        let mut latest = facts.range(..=key).rev().filter(|(key, _)| counts(key));
        match latest.next() {
            Some((at, zones)) if at == key => latest.next().is_some_and(|(_, before)| before == zones),
            _ => true,
        }
    }

    /// Whether another fact, after one place and before a second, names zones for a subnet: what the former named is asked for
    /// no more from that second on. Only facts that `counts`.
    pub(super) fn is_told_again(
        &self,
        subnet: &str,
        after: &FactKey,
        before: Second,
        counts: impl Fn(&FactKey) -> bool,
    ) -> bool {
        let Some(facts) = self.0.get(subnet) else { return false };
        let between = (Bound::Excluded(*after), Bound::Excluded(FactKey::first_of(before)));
        *after < FactKey::first_of(before) && facts.range(between).any(|(key, _)| counts(key))
    }

    /// The zones of all network interfaces that were made for a resource after one place (or ever) and before another.
    pub(super) fn reached(
        &self,
        word: &str,
        since: Option<&FactKey>,
        as_of: &FactKey,
        counts: impl Fn(&FactKey) -> bool,
    ) -> BTreeSet<Text> {
        let Some(facts) = self.0.get(word) else { return BTreeSet::new() };
        let made = facts.range(..=as_of).filter(|(key, _)| since.is_none_or(|since| since < *key) && counts(key));
        made.flat_map(|(_, zones)| zones.iter().cloned()).collect()
    }
}

/// The word under which a resource's network interfaces are found: it lives in a region, and is known by its alias.
pub(super) fn reached_word(event: &Event, kind: &str, alias: &str) -> Text {
    [kind, &event.account, &event.region, alias].join("\n").into()
}
