//! The zones that a destroyed resource lived in, as far as they were known at its end. Never guessed.

use std::collections::BTreeSet;

use smallvec::smallvec;

use super::lookup::Life;
use super::order::FactKey;
use super::places::reached_word;
use super::store::Store;
use crate::engine::Fact;
use crate::event::{Event, Mention, Proof, Scope, Text, Texts};

/// Whether resources like this one live in zones.
pub(super) fn lives_in_zones(mention: &Mention) -> bool {
    matches!(mention.scope, Scope::Zonal | Scope::Subnets)
}

/// The zones of what the fact at `key` destroyed, each in the event's region. What says most about this life comes first:
/// the events that name its zones; network interfaces that a service made for it; an inventory; and its subnets, since a
/// database in one zone has a group of subnets in all.
pub(super) fn zones_of(store: &Store, key: &FactKey, fact: &Fact, mention: &Mention, life: &Life<'_>) -> Texts {
    let event = &fact.event;
    if !lives_in_zones(mention) {
        return Texts::new();
    }
    if life.sights.is_empty()
        && let [zone] = mention.zones.as_slice()
        && is_zone_of(zone, &event.region)
    {
        return smallvec![zone.clone()];
    }
    let may_pause = fact.may_pause;
    let mentions: Vec<&Mention> = life.creates().map(|create| create.mention).chain([mention]).collect();
    let looking = Looking { store, key, event, life, may_pause, mentions };
    let in_region = |zones: BTreeSet<Text>| -> Option<Texts> {
        let zones: Texts = zones.into_iter().filter(|zone| is_zone_of(zone, &event.region)).collect();
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
        self.mentions.iter().flat_map(|mention| &mention.aliases).map(Text::as_str).collect()
    }

    fn is_heard(&self, fact: &FactKey) -> bool {
        self.store.is_heard(fact, self.may_pause)
    }

    /// What the events name.
    fn named(&self) -> BTreeSet<Text> {
        self.mentions.iter().flat_map(|mention| &mention.zones).cloned().collect()
    }

    /// Where network interfaces were made for it.
    fn reached(&self) -> BTreeSet<Text> {
        let Some(mention) = self.mentions.last() else { return BTreeSet::new() };
        let words = self.aliases().into_iter().map(|alias| reached_word(self.event, &mention.kind, alias));
        let places = self.store.places();
        words
            .flat_map(|word| places.reached(&word, self.life.ended_before, self.key, |fact| self.is_heard(fact)))
            .collect()
    }

    /// What an inventory says. It tells of one life: of this one if its create is not known, or gave it an identifier of
    /// its own, or made it when the inventory says that it was made.
    fn listed(&self) -> BTreeSet<Text> {
        let created = self.life.creates().next();
        if self.life.ended_before.is_some() && created.is_none() {
            return BTreeSet::new();
        }
        let Some(mention) = self.mentions.last() else { return BTreeSet::new() };
        let began = created.filter(|create| create.mention.proof != Proof::ServerAssigned).map(|one| one.key.second);
        let (account, region) = (&self.event.account, &self.event.region);
        let zones = self.store.inventory().zones_of(&mention.kind, account, region, self.aliases().into_iter(), began);
        zones.into_iter().map(Text::from).collect()
    }

    /// Where its subnets are.
    fn of_subnets(&self) -> BTreeSet<Text> {
        let mut all = BTreeSet::new();
        for subnet in self.mentions.iter().flat_map(|mention| &mention.subnets) {
            let zones = self.store.places().of_subnet(subnet, self.key, |fact| self.is_heard(fact));
            let listed = || self.store.inventory().zone_of_subnet(subnet).map(Text::from);
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::Timeline;
    use super::super::tests::{destroyed, judged};
    use super::is_zone_of;
    use crate::inventory;
    use crate::testing::{facts, role};

    #[test]
    fn zones_come_from_what_says_most() {
        for (story, expected) in [
            // A service made interfaces for it: in this life, before its end.
            (
                "00:00:00 service disrupt x y reaches=web:a\n00:00:01 service disrupt x y reaches=web:c\n01:00:00 agent delete lb web",
                "a c",
            ),
            ("01:00:01 service disrupt x y reaches=web:a\n01:00:00 agent delete lb web", ""),
            ("00:00:00 service disrupt x y reaches=other:a\n01:00:00 agent delete lb web", ""),
            (
                "00:00:00 service disrupt x y reaches=web:a
                 00:10:00 other delete lb web
                 00:20:00 other new lb web
                 00:21:00 service disrupt x y reaches=web:b
                 01:00:00 agent delete lb web",
                "b",
            ),
            // The delete's own word comes first, whatever else is known.
            ("00:00:00 service disrupt x y reaches=web:a\n01:00:00 agent delete lb web zone=b", "b"),
            // Interfaces say where it is, a group of subnets where it may be.
            (
                "00:00:00 other new lb web subnet=n1 reveals=n1:c
                 00:01:00 service disrupt x y reaches=web:a
                 01:00:00 agent delete lb web",
                "a",
            ),
            // An earlier life's zone says nothing of this one.
            (
                "00:00:00 other new lb web zone=a
                 00:10:00 other delete lb web
                 00:20:00 other new lb web
                 01:00:00 agent delete lb web",
                "",
            ),
            // A zone of another region counts for nothing.
            ("00:00:00 other new lb web zone=a region=us-east-1\n01:00:00 agent delete lb web", ""),
            // What could be forged places nothing that may bear a pause.
            ("00:00:00 service disrupt x y reaches=web:a trust=no\n01:00:00 agent delete lb web", ""),
            (
                "00:00:00 other new lb web subnet=n1
                 00:00:01 other disrupt x y reveals=n1:c trust=no
                 01:00:00 agent delete lb web",
                "",
            ),
        ] {
            let timeline = judged(story);
            let found = destroyed(&timeline, &role("agent"));
            let zones: Vec<&str> = found[0].zones.iter().map(|zone| &zone["eu-west-1".len()..]).collect();
            assert_eq!(zones.join(" "), expected, "{story}");
            assert_eq!(found[0].is_unplaced, expected.is_empty(), "{story}");
        }
    }

    #[test]
    fn an_inventory_fills_in_what_no_event_says() {
        let inventory = r#"
            {"Subnets": [{"SubnetId": "subnet-1", "AvailabilityZone": "eu-west-1b", "OwnerId": "111111111111"}]}
            {"resourceType": "instance", "resourceId": "i-1", "awsRegion": "eu-west-1", "availabilityZone": "eu-west-1a"}
            {"resourceType": "db", "resourceId": "prod", "accountId": "111111111111", "awsRegion": "eu-west-1",
             "availabilityZone": "eu-west-1a", "resourceCreationTime": "2025-01-01T00:00:00Z"}
            {"resourceType": "db", "resourceId": "theirs", "accountId": "222222222222", "awsRegion": "eu-west-1",
             "availabilityZone": "eu-west-1a"}"#;
        for (story, expected) in [
            ("01:00:00 agent delete instance i-1", "a"),
            ("01:00:00 agent delete instance i-1 zone=c", "c"),
            ("00:00:00 other create instance i-1\n01:00:00 agent delete instance i-1", "a"),
            ("01:00:00 agent delete instance i-2", ""),
            ("01:00:00 agent delete db prod", "a"),
            ("01:00:00 agent delete db theirs", ""),
            // It tells of another life than this one, which began today.
            ("00:00:00 other new db prod\n01:00:00 agent delete db prod", ""),
            ("00:00:00 other delete db prod\n00:30:00 other put db prod\n01:00:00 agent delete db prod", ""),
            ("00:00:00 other new db new subnet=subnet-1\n01:00:00 agent delete db new", "b"),
            ("00:00:00 other new db new subnet=subnet-1 reveals=subnet-1:c\n01:00:00 agent delete db new", "c"),
        ] {
            let mut before = Timeline::default();
            assert_eq!(before.reread(inventory::parse(inventory.as_bytes()).expect("an inventory")), None);
            let mut after = Timeline::default();
            for fact in facts(story) {
                before.insert(fact.clone());
                after.insert(fact);
            }
            after.reread(inventory::parse(inventory.as_bytes()).expect("an inventory"));
            for timeline in [before, after] {
                let found = destroyed(&timeline, &role("agent"));
                let zones: Vec<&str> = found[0].zones.iter().map(|zone| &zone["eu-west-1".len()..]).collect();
                assert_eq!(zones.join(" "), expected, "{story}");
            }
        }
    }

    #[test]
    fn zones_belong_to_their_region() {
        let cases = BTreeMap::from([
            (("us-east-1a", "us-east-1"), true),
            (("us-west-2-lax-1a", "us-west-2"), true),
            (("us-east-1a", "us-east-2"), false),
            (("us-east-1", "us-east-1"), false),
            (("us-east-10a", "us-east-1"), false),
            (("a", ""), false),
        ]);
        for ((zone, region), expected) in cases {
            assert_eq!(is_zone_of(zone, region), expected, "{zone} of {region}");
        }
    }
}
