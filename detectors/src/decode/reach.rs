//! Where things live that no event names a zone for: what services make network interfaces for, and groups of subnets.

use super::dialect::{cut, first_text, is_zone_of};
use super::node::{Node, Object};
use crate::event::{Effect, Event, Mention, Reach, Scope, Text};

/// What services write into the description of an interface before the name of what it is for, and that one's type.
const DESCRIPTIONS: [(&str, &str); 9] = [
    ("ELB app/", "AWS::ElasticLoadBalancingV2::LoadBalancer"),
    ("ELB net/", "AWS::ElasticLoadBalancingV2::LoadBalancer"),
    ("ELB gwy/", "AWS::ElasticLoadBalancingV2::LoadBalancer"),
    ("ELB ", "AWS::ElasticLoadBalancing::LoadBalancer"),
    ("Interface for NAT Gateway ", "AWS::EC2::NatGateway"),
    ("VPC Endpoint Interface ", "AWS::EC2::VPCEndpoint"),
    ("Amazon EKS ", "AWS::EKS::Cluster"),
    ("ES ", "AWS::OpenSearchService::Domain"),
    ("AWS created network interface for directory ", "AWS::DirectoryService::Directory"),
];

/// How caches and mount targets are written, of which the name is elsewhere or in lower case.
const CACHE: (&str, &str) = ("ElastiCache ", "AWS::ElastiCache::CacheCluster");
const MOUNT_TARGET: (&str, &str) = ("EFS mount target for ", "AWS::EFS::MountTarget");

/// The resource that a service made a network interface for, and its zone. Only services are believed: anybody may
/// describe an interface as he likes.
pub(super) fn reach(event: &Event, request: Node<'_>, response: Node<'_>) -> Option<Reach> {
    if event.service != "ec2" || event.name != "CreateNetworkInterface" || !event.identity.is_aws_service() {
        return None;
    }
    let zone = first(response, &["networkinterface", "availabilityzone"])
        .filter(|zone| is_zone_of(zone, &event.region))?
        .into();
    let description =
        first(request, &["description"]).or_else(|| first(response, &["networkinterface", "description"]))?;
    let (kind, alias) = described(description)?;
    Some(Reach { kind: kind.into(), alias: cut(&alias), zone })
}

fn described(description: &str) -> Option<(&'static str, String)> {
    let (kind, alias) = if let Some(rest) = description.strip_prefix(CACHE.0) {
        (CACHE.1, rest.to_lowercase())
    } else if let Some(rest) = description.strip_prefix(MOUNT_TARGET.0) {
        (MOUNT_TARGET.1, rest.split_once('(')?.1.trim_end_matches(')').to_owned())
    } else {
        let (prefix, kind) = DESCRIPTIONS.iter().find(|(prefix, _)| description.starts_with(prefix))?;
        let rest = &description[prefix.len()..];
        (*kind, rest.split('/').next().unwrap_or_default().to_owned())
    };
    (!alias.is_empty() && !alias.contains(char::is_whitespace)).then_some((kind, alias))
}

/// Keys that name a group of subnets.
const GROUPS: [&str; 5] = [
    "cachesubnetgroupname",
    "dbsubnetgroupname",
    "clustersubnetgroupname",
    "subnetgroupname",
    "replicationsubnetgroupidentifier",
];

/// Whether a key is there that one of [`GROUPS`] may be: few calls have one, and one look at all keys is cheap.
fn may_name_a_group(value: Node<'_>) -> bool {
    const WORD: &[u8] = b"subnetgroup";
    let has_word = |key: &str| key.as_bytes().windows(WORD.len()).any(|part| part.eq_ignore_ascii_case(WORD));
    let is_wrapper = |object: Object<'_>| object.keys <= 2;
    value.is_array()
        || value.as_object().is_some_and(is_wrapper)
        || value.entries().any(|(key, _)| key.len() > WORD.len() && has_word(key))
}

/// Says of groups of subnets what is said of subnets: which zones they have, and what lives in them.
pub(super) fn add_groups(event: &mut Event, request: Node<'_>, response: Node<'_>) {
    if !may_name_a_group(request) && !may_name_a_group(response) {
        return;
    }
    let named = GROUPS.iter().find_map(|key| first(request, &[key]).or_else(|| first(response, &[key])));
    let Some(name) = named else { return };
    let group = cut(&format!("group:{}:{}:{}:{}", event.service, event.account, event.region, name.to_lowercase()));
    if event.name.ends_with("SubnetGroup") {
        let zones: Vec<Text> = event.subnet_zones.iter().map(|(_, zone)| zone.clone()).collect();
        event.subnet_zones.extend(zones.into_iter().map(|zone| (group.clone(), zone)));
        event.subnet_zones.sort_unstable();
        event.subnet_zones.dedup();
    }
    let is_placed = |mention: &Mention| !mention.zones.is_empty() || !mention.subnets.is_empty();
    let lives_in_zones = |mention: &Mention| matches!(mention.scope, Scope::Zonal | Scope::Subnets);
    if matches!(event.effect, Effect::Create | Effect::Destroy) {
        for mention in event.resources.iter_mut().filter(|mention| lives_in_zones(mention) && !is_placed(mention)) {
            mention.subnets.push(group.clone());
        }
    }
}

/// The first text at a path of lower-case keys.
fn first<'a>(value: Node<'a>, keys: &[&str]) -> Option<&'a str> {
    first_text(value, keys)
}
