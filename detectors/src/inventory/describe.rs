//! The output of `describe` commands of the command line: `{"Reservations":[…]}` and the like.

use serde_json::{Map, Value};

use super::parse::bounded;
use super::{Inventory, InventoryError, Resource, Told};
use crate::time::Second;

/// A list that a command prints, and what its items are.
struct Shape {
    list: &'static str,
    kind: &'static str,
    ids: &'static [&'static str],
    created: &'static str,
}

const SHAPES: [Shape; 10] = [
    Shape { list: "Instances", kind: "AWS::EC2::Instance", ids: &["InstanceId"], created: "" },
    Shape { list: "Volumes", kind: "AWS::EC2::Volume", ids: &["VolumeId"], created: "CreateTime" },
    Shape { list: "Subnets", kind: "AWS::EC2::Subnet", ids: &["SubnetId"], created: "" },
    Shape { list: "NatGateways", kind: "AWS::EC2::NatGateway", ids: &["NatGatewayId"], created: "CreateTime" },
    Shape { list: "NetworkInterfaces", kind: "AWS::EC2::NetworkInterface", ids: &["NetworkInterfaceId"], created: "" },
    Shape {
        list: "DBInstances",
        kind: "AWS::RDS::DBInstance",
        ids: &["DBInstanceIdentifier", "DBInstanceArn"],
        created: "InstanceCreateTime",
    },
    Shape {
        list: "DBClusters",
        kind: "AWS::RDS::DBCluster",
        ids: &["DBClusterIdentifier", "DBClusterArn"],
        created: "ClusterCreateTime",
    },
    Shape {
        list: "CacheClusters",
        kind: "AWS::ElastiCache::CacheCluster",
        ids: &["CacheClusterId", "ARN"],
        created: "CacheClusterCreateTime",
    },
    Shape {
        list: "LoadBalancers",
        kind: "AWS::ElasticLoadBalancingV2::LoadBalancer",
        ids: &["LoadBalancerArn"],
        created: "CreatedTime",
    },
    Shape {
        list: "AutoScalingGroups",
        kind: "AWS::AutoScaling::AutoScalingGroup",
        ids: &["AutoScalingGroupName", "AutoScalingGroupARN"],
        created: "CreatedTime",
    },
];

/// Takes in what an output says; false if it holds no list that is known.
pub(super) fn read(output: &Map<String, Value>, inventory: &mut Inventory) -> Result<bool, InventoryError> {
    let mut is_known = false;
    if let Some(Value::Array(reservations)) = output.get("Reservations") {
        is_known = true;
        for reservation in reservations {
            let owner = text(reservation, "OwnerId");
            for instance in list(reservation, "Instances") {
                take(instance, &SHAPES[0], owner, inventory);
            }
            bounded(inventory)?;
        }
    }
    for shape in &SHAPES {
        let Some(Value::Array(items)) = output.get(shape.list) else { continue };
        is_known = true;
        for item in items {
            take(item, shape, "", inventory);
            bounded(inventory)?;
        }
    }
    Ok(is_known)
}

fn take(item: &Value, shape: &Shape, owner: &str, inventory: &mut Inventory) {
    let state = item.get("State").map_or("", |state| state.as_str().unwrap_or_else(|| text(state, "Name")));
    if matches!(state, "terminated" | "deleted") {
        return;
    }
    let aliases: Vec<String> =
        shape.ids.iter().map(|id| text(item, id).to_owned()).filter(|id| !id.is_empty()).collect();
    let arn = aliases.iter().find(|id| id.starts_with("arn:")).map_or("", String::as_str);
    let arn = if arn.is_empty() { text(item, "SubnetArn") } else { arn };
    let mut parts = arn.split(':').skip(3);
    let (arn_region, arn_account) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let zones = zones(item);
    let region = match arn_region {
        "" => zones.first().map_or("", |zone| region_of(zone)).to_owned(),
        region => region.to_owned(),
    };
    let subnets = subnets(item);
    reveal(item, &region, inventory);
    if region.is_empty() {
        return;
    }
    let account =
        [arn_account, owner, text(item, "OwnerId")].into_iter().find(|one| !one.is_empty()).unwrap_or_default();
    let created = Second::parse(text(item, shape.created));
    let resource = Resource { account: account.into(), zones, subnets, created };
    inventory.insert(Told { kind: shape.kind.to_owned(), region, aliases, resource });
}

/// The zones that an item names for itself, wherever its kind has them.
pub(super) fn zones(item: &Value) -> Vec<String> {
    let placement = field(item, "placement").unwrap_or(&Value::Null);
    let mut zones = Vec::new();
    for (holder, key) in [
        (item, "availabilityZone"),
        (placement, "availabilityZone"),
        (item, "preferredAvailabilityZone"),
        (item, "secondaryAvailabilityZone"),
        (item, "availabilityZones"),
    ] {
        match field(holder, key) {
            Some(Value::Array(several)) => {
                zones
                    .extend(several.iter().map(|one| one.as_str().unwrap_or_else(|| text(one, "zoneName")).to_owned()));
            }
            Some(Value::String(one)) => zones.push(one.clone()),
            _ => {}
        }
    }
    zones.retain(|zone| !region_of(zone).is_empty());
    zones.sort_unstable();
    zones.dedup();
    zones
}

/// The subnets that an item names for itself.
pub(super) fn subnets(item: &Value) -> Vec<String> {
    const HOLDERS: [&[&str]; 5] = [
        &[],
        &["dbSubnetGroup"],
        &["resourcesVpcConfig"],
        &["networkConfiguration", "awsvpcConfiguration"],
        &["vpcOptions"],
    ];
    let mut subnets = Vec::new();
    for holder in HOLDERS {
        let Some(holder) = holder.iter().try_fold(item, |value, key| field(value, key)) else { continue };
        for key in ["subnetId", "subnetIds", "subnets", "vpcZoneIdentifier", "availabilityZones"] {
            match field(holder, key) {
                Some(Value::Array(several)) => subnets.extend(several.iter().map(|one| match one.as_str() {
                    Some(id) => id.to_owned(),
                    None => [text(one, "subnetId"), text(one, "subnetIdentifier")].concat(),
                })),
                Some(Value::String(listed)) => subnets.extend(listed.split(',').map(|id| id.trim().to_owned())),
                _ => {}
            }
        }
    }
    subnets.retain(|subnet| subnet.starts_with("subnet-"));
    subnets.sort_unstable();
    subnets.dedup();
    subnets
}

/// Takes in the zones of subnets that stand beside them anywhere in an item.
pub(super) fn reveal(item: &Value, region: &str, inventory: &mut Inventory) {
    match item {
        Value::Array(items) => items.iter().for_each(|item| reveal(item, region, inventory)),
        Value::Object(object) => {
            let subnet = [text(item, "subnetId"), text(item, "subnetIdentifier")].concat();
            let placement = field(item, "placement").or_else(|| field(item, "subnetAvailabilityZone"));
            let zone = ["availabilityZone", "zoneName"].into_iter().map(|key| text(item, key));
            let nested =
                ["availabilityZone", "name"].into_iter().map(|key| placement.map_or("", |inner| text(inner, key)));
            let zone = zone.chain(nested).find(|zone| !region_of(zone).is_empty());
            if let Some(zone) = zone.filter(|zone| region.is_empty() || region_of(zone) == region)
                && subnet.starts_with("subnet-")
            {
                inventory.subnets.insert(subnet, zone.to_owned());
            }
            object.values().for_each(|inner| reveal(inner, region, inventory));
        }
        _ => {}
    }
}

/// The region of a zone: `us-east-1` of `us-east-1a`, `us-west-2` of `us-west-2-lax-1a`. Nothing if it is no zone.
pub(super) fn region_of(zone: &str) -> &str {
    let Some(digit) = zone.find(|character: char| character.is_ascii_digit()) else { return "" };
    let rest = zone[digit..].trim_start_matches(|character: char| character.is_ascii_digit());
    let is_zone = rest.starts_with('-') || (rest.len() == 1 && rest.bytes().all(|byte| byte.is_ascii_lowercase()));
    if is_zone && zone[..digit].ends_with('-') { &zone[..zone.len() - rest.len()] } else { "" }
}

/// The field of a name, whatever its case.
pub(super) fn field<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let object = value.as_object()?;
    object.get(name).or_else(|| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

/// A field's text; empty if it has none.
pub(super) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    field(value, name).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    field(value, name).and_then(Value::as_array).into_iter().flatten()
}
