//! What existed before all facts, and where: read from the output of AWS Config or of `describe` commands.

mod config;
mod describe;
mod parse;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use parse::{InventoryError, parse};

use crate::time::Second;

/// What existed, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// By type, region and alias; of types with an account, also by that.
    resources: BTreeMap<Word, Arc<Resource>>,
    /// The zone of each subnet.
    subnets: BTreeMap<String, String>,
}

/// The type, the region and an alias of a resource.
type Word = (Arc<str>, Arc<str>, String);

/// One resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Resource {
    /// The account; empty where the output does not say. Then its identifier is one that AWS never assigns twice.
    account: Arc<str>,
    /// Its zones, as far as it names them.
    zones: Vec<String>,
    /// Its subnets, as far as it names them.
    subnets: Vec<String>,
    /// When it was made.
    created: Option<Second>,
}

/// A resource as an output tells of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Told {
    kind: String,
    region: String,
    aliases: Vec<String>,
    resource: Resource,
}

/// Clocks that name the same instant differ by less than this, in seconds.
const SLACK_SECONDS: i64 = 5 * 60;
/// From the call that makes a database until its service says that it is there, in seconds, at most.
const MAKING_SECONDS: i64 = 2 * 60 * 60;

impl Inventory {
    /// How many resources it names under how many aliases: never more than the latter.
    pub fn len(&self) -> usize {
        self.resources.len()
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty() && self.subnets.is_empty()
    }

    /// Takes in what another says. What both tell of, the other tells of later.
    pub fn extend(&mut self, other: Self) {
        self.resources.extend(other.resources);
        self.subnets.extend(other.subnets);
    }

    fn insert(&mut self, told: Told) {
        let resource = Arc::new(told.resource);
        let (kind, region): (Arc<str>, Arc<str>) = (told.kind.into(), told.region.into());
        for alias in told.aliases.into_iter().filter(|alias| !alias.is_empty()) {
            // Some services ignore the case of identifiers; decoding writes those in lower case.
            let lower = alias.to_lowercase();
            for alias in BTreeSet::from([alias, lower]) {
                self.resources.insert((Arc::clone(&kind), Arc::clone(&region), alias), Arc::clone(&resource));
            }
        }
    }

    fn find<'a>(
        &self,
        kind: &str,
        account: &str,
        region: &str,
        mut aliases: impl Iterator<Item = &'a str>,
    ) -> Option<&Resource> {
        let (kind, region): (Arc<str>, Arc<str>) = (kind.into(), region.into());
        aliases.find_map(|alias| {
            let found = self.resources.get(&(Arc::clone(&kind), Arc::clone(&region), alias.to_owned()))?;
            (found.account.is_empty() || &*found.account == account).then_some(&**found)
        })
    }

    /// The zones of a resource. Where it `began` at a known time, only if the inventory tells of that life.
    pub(crate) fn zones_of<'a>(
        &self,
        kind: &str,
        account: &str,
        region: &str,
        aliases: impl Iterator<Item = &'a str>,
        began: Option<Second>,
    ) -> BTreeSet<&str> {
        let Some(found) = self.find(kind, account, region, aliases) else { return BTreeSet::new() };
        let is_of = |began: Second| {
            found.created.is_some_and(|at| at >= began.plus(-SLACK_SECONDS) && at <= began.plus(MAKING_SECONDS))
        };
        if !began.is_none_or(is_of) {
            return BTreeSet::new();
        }
        let zones: BTreeSet<&str> = found.zones.iter().map(String::as_str).collect();
        if !zones.is_empty() {
            return zones;
        }
        found.subnets.iter().filter_map(|subnet| self.zone_of_subnet(subnet)).collect()
    }

    /// Whether a resource was there before a second, as far as the inventory says when it was made.
    pub(crate) fn existed<'a>(
        &self,
        kind: &str,
        account: &str,
        region: &str,
        aliases: impl Iterator<Item = &'a str>,
        before: Second,
    ) -> bool {
        let found = self.find(kind, account, region, aliases);
        found.and_then(|found| found.created).is_some_and(|created| created < before.plus(-SLACK_SECONDS))
    }

    /// The zone of a subnet.
    pub(crate) fn zone_of_subnet(&self, subnet: &str) -> Option<&str> {
        self.subnets.get(subnet).map(String::as_str)
    }
}
