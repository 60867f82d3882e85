//! Calls of EC2, in its two dialects: the older actions with `…Set.items[]`, the newer ones wrapped in their own name.

use fastrand::Rng;
use serde_json::{Value, json};

use super::resource::Resource;
use super::writer::{Call, Place, server_id, uuid};
use crate::time::Second;

const SERVICE: &str = "ec2";
const XML_NAMESPACE: &str = "http://ec2.amazonaws.com/doc/2016-11-15/";

/// RunInstances of some instances of one size in one zone. Its response is where a trail tells their zone.
pub(super) fn run_instances(instances: &[Resource], place: &Place, at: Second, random: &mut Rng) -> Call {
    let Some(instance) = instances.first() else {
        return Call::write(SERVICE, "RunInstances", json!({}), Value::Null);
    };
    let image = server_id(random, "ami");
    let token = uuid(random);
    let group = server_id(random, "sg");
    let zone = instance.zone;
    let groups = json!({"items": [{"groupId": group}]});
    let request = json!({
        "instancesSet": {"items": [{"imageId": image, "minCount": instances.len(), "maxCount": instances.len()}]},
        "groupSet": groups,
        "instanceType": instance.size,
        "blockDeviceMapping": {},
        "monitoring": {"enabled": false},
        "subnetId": place.subnets[zone],
        "disableApiTermination": false,
        "disableApiStop": false,
        "clientToken": token,
        "tagSpecificationSet": {"items": [{"resourceType": "instance", "tags": [name_tag(instance)]}]},
    });
    let mut items = Vec::new();
    for (index, instance) in instances.iter().enumerate() {
        let mut launched = launched(instance, place, at, random);
        for (field, value) in [
            ("imageId", json!(image)),
            ("clientToken", json!(token)),
            ("groupSet", groups.clone()),
            ("amiLaunchIndex", json!(index)),
        ] {
            launched[field] = value;
        }
        launched["networkInterfaceSet"]["items"][0]["groupSet"] = groups.clone();
        items.push(launched);
    }
    let response = json!({
        "reservationId": server_id(random, "r"), "ownerId": place.account, "groupSet": {},
        "instancesSet": {"items": items},
    });
    Call::write(SERVICE, "RunInstances", request, response)
}

/// What RunInstances says of a new instance.
fn launched(instance: &Resource, place: &Place, at: Second, random: &mut Rng) -> Value {
    let zone = instance.zone;
    let address = format!("10.0.{}.{}", 16 * zone + 1, random.u8(4..255));
    let interface = json!({
        "networkInterfaceId": server_id(random, "eni"), "subnetId": place.subnets[zone], "vpcId": place.vpc,
        "ownerId": place.account, "status": "in-use", "privateIpAddress": address, "tagSet": {},
    });
    let mut launched = json!({
        "instanceId": instance.id,
        "instanceState": {"code": 0, "name": "pending"},
        "privateDnsName": format!("ip-{}.{}.compute.internal", address.replace('.', "-"), place.region),
        "instanceType": instance.size,
        "launchTime": at.millis().0,
        "placement": {"availabilityZone": place.zones[zone], "tenancy": "default"},
        "subnetId": place.subnets[zone],
        "vpcId": place.vpc,
        "privateIpAddress": address,
        "tagSet": {"items": [name_tag(instance)]},
        "networkInterfaceSet": {"items": [interface]},
    });
    launched_defaults(&mut launched);
    launched
}

/// What RunInstances says of every new instance.
fn launched_defaults(launched: &mut Value) {
    for (field, value) in [
        ("productCodes", json!({})),
        ("monitoring", json!({"state": "disabled"})),
        ("stateReason", json!({"code": "pending", "message": "pending"})),
        ("architecture", json!("x86_64")),
        ("rootDeviceType", json!("ebs")),
        ("rootDeviceName", json!("/dev/xvda")),
        ("blockDeviceMapping", json!({})),
        ("virtualizationType", json!("hvm")),
        ("hypervisor", json!("xen")),
        ("sourceDestCheck", json!(true)),
        ("ebsOptimized", json!(false)),
        ("enaSupport", json!(true)),
    ] {
        launched[field] = value;
    }
}

/// TerminateInstances. Neither request nor response names a zone.
pub(super) fn terminate(instances: &[&Resource]) -> Call {
    let named: Vec<Value> = instances.iter().map(|instance| json!({"instanceId": instance.id})).collect();
    let states: Vec<Value> = instances
        .iter()
        .map(|instance| {
            json!({
                "instanceId": instance.id,
                "currentState": {"code": 32, "name": "shutting-down"},
                "previousState": {"code": 16, "name": "running"},
            })
        })
        .collect();
    let response = json!({"instancesSet": {"items": states}});
    Call::destroy(SERVICE, "TerminateInstances", json!({"instancesSet": {"items": named}}), response)
}

/// ModifyInstanceAttribute that lets an instance be terminated, as Terraform calls it before each termination.
pub(super) fn allow_termination(instance: &Resource) -> Call {
    let request = json!({"instanceId": instance.id, "disableApiTermination": {"value": false}});
    Call::write(SERVICE, "ModifyInstanceAttribute", request, json!({"_return": true}))
}

/// DescribeInstances of one instance.
pub(super) fn describe_instance(instance: &Resource) -> Call {
    let request = json!({"instancesSet": {"items": [{"instanceId": instance.id}]}, "filterSet": {}});
    Call::read(SERVICE, "DescribeInstances", request)
}

/// A Describe call of the older dialect with one filter: `sets` are the identifier sets that it leaves empty.
pub(super) fn describe_filtered(name: &'static str, sets: &[&str], filter: &str, value: &str) -> Call {
    let mut request = json!({
        "filterSet": {"items": [{"name": filter, "valueSet": {"items": [{"value": value}]}}]},
    });
    for set in sets {
        request[*set] = json!({});
    }
    Call::read(SERVICE, name, request)
}

/// CreateNatGateway.
pub(super) fn create_nat_gateway(gateway: &Resource, place: &Place, at: Second, random: &mut Rng) -> Call {
    let subnet = &place.subnets[gateway.zone];
    let allocation = server_id(random, "eipalloc");
    let token = uuid(random);
    let request = json!({"CreateNatGatewayRequest": {
        "ConnectivityType": "public", "AllocationId": allocation, "SubnetId": subnet, "ClientToken": token,
        "TagSpecification": {
            "ResourceType": "natgateway", "tag": 1, "Tag": {"Key": "Name", "tag": 1, "Value": gateway.name},
        },
    }});
    let response = json!({"CreateNatGatewayResponse": {
        "xmlns": XML_NAMESPACE,
        "clientToken": token,
        "natGateway": {
            "connectivityType": "public", "subnetId": subnet, "vpcId": place.vpc, "natGatewayId": gateway.id,
            "tagSet": {"item": name_tag(gateway)}, "createTime": at.to_string().replace('Z', ".000Z"),
            "natGatewayAddressSet": {"item": {"isPrimary": true, "allocationId": allocation, "status": "associating"}},
            "state": "pending",
        },
    }});
    Call::write(SERVICE, "CreateNatGateway", request, response)
}

/// DeleteNatGateway.
pub(super) fn delete_nat_gateway(gateway: &Resource) -> Call {
    let request = json!({"DeleteNatGatewayRequest": {"NatGatewayId": gateway.id}});
    let response = json!({"DeleteNatGatewayResponse": {"xmlns": XML_NAMESPACE, "natGatewayId": gateway.id}});
    Call::destroy(SERVICE, "DeleteNatGateway", request, response)
}

/// DescribeNatGateways of one gateway.
pub(super) fn describe_nat_gateway(gateway: &Resource) -> Call {
    let request = json!({"DescribeNatGatewaysRequest": {"NatGatewayId": {"tag": 1, "content": gateway.id}}});
    Call::read(SERVICE, "DescribeNatGateways", request)
}

/// CreateSecurityGroup.
pub(super) fn create_security_group(group: &Resource, place: &Place) -> Call {
    let tags = json!({"items": [{"resourceType": "security-group", "tags": [name_tag(group)]}]});
    let request = json!({
        "groupName": group.name, "groupDescription": "Managed by automation", "vpcId": place.vpc,
        "tagSpecificationSet": tags,
    });
    let response = json!({"_return": true, "groupId": group.id, "tagSet": {"items": [name_tag(group)]}});
    Call::write(SERVICE, "CreateSecurityGroup", request, response)
}

/// DeleteSecurityGroup.
pub(super) fn delete_security_group(group: &Resource) -> Call {
    Call::destroy(SERVICE, "DeleteSecurityGroup", json!({"groupId": group.id}), json!({"_return": true}))
}

/// DescribeSecurityGroups of one group.
pub(super) fn describe_security_group(group: &Resource) -> Call {
    let request = json!({
        "securityGroupSet": {}, "securityGroupIdSet": {"items": [{"groupId": group.id}]}, "filterSet": {},
    });
    Call::read(SERVICE, "DescribeSecurityGroups", request)
}

/// DeleteSnapshot of a snapshot that has outlived its retention.
pub(super) fn delete_snapshot(random: &mut Rng) -> Call {
    let request = json!({"snapshotId": server_id(random, "snap")});
    Call::destroy(SERVICE, "DeleteSnapshot", request, json!({"_return": true}))
}

fn name_tag(resource: &Resource) -> Value {
    json!({"key": "Name", "value": resource.name})
}
