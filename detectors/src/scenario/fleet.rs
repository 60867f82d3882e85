//! Calls of what launches instances by the dozen: Auto Scaling, and the controllers of clusters.

use fastrand::Rng;
use serde_json::{Value, json};

use super::resource::Resource;
use super::writer::{Call, Place, server_id, uuid};
use crate::time::Second;

const XML_NAMESPACE: &str = "http://ec2.amazonaws.com/doc/2016-11-15/";

/// RunInstances of an Auto Scaling group: instances of one zone, all in one call.
pub(super) fn scale_out(instances: &[&Resource], group: &str, place: &Place, at: Second, random: &mut Rng) -> Call {
    let zone = instances.first().map_or(0, |instance| instance.zone);
    let size = instances.first().map_or("m6i.large", |instance| instance.size);
    let token = format!("fleet-{}-0", uuid(random));
    let tags = json!({"items": [{"key": "aws:autoscaling:groupName", "value": group}]});
    let count = instances.len();
    let request = json!({
        "instancesSet": {"items": [{"minCount": 1, "maxCount": count}]},
        "instanceType": size,
        "blockDeviceMapping": {},
        "availabilityZone": place.zones[zone],
        "monitoring": {"enabled": false},
        "subnetId": place.subnets[zone],
        "disableApiTermination": false,
        "disableApiStop": false,
        "clientToken": token,
        "tagSpecificationSet": {"items": [{"resourceType": "instance", "tags": tags["items"]}]},
        "launchTemplate": {"launchTemplateId": server_id(random, "lt"), "version": "7"},
    });
    let image = server_id(random, "ami");
    let items: Vec<Value> = instances
        .iter()
        .enumerate()
        .map(|(index, instance)| {
            let address = format!("10.0.{}.{}", 16 * zone + 1, random.u8(4..255));
            json!({
                "instanceId": instance.id, "imageId": image, "instanceState": {"code": 0, "name": "pending"},
                "privateDnsName": format!("ip-{}.{}.compute.internal", address.replace('.', "-"), place.region),
                "amiLaunchIndex": index, "productCodes": {}, "instanceType": size, "launchTime": at.millis().0,
                "placement": {"availabilityZone": place.zones[zone], "tenancy": "default"},
                "monitoring": {"state": "disabled"}, "subnetId": place.subnets[zone], "vpcId": place.vpc,
                "privateIpAddress": address, "stateReason": {"code": "pending", "message": "pending"},
                "architecture": "x86_64", "rootDeviceType": "ebs", "rootDeviceName": "/dev/xvda",
                "blockDeviceMapping": {}, "virtualizationType": "hvm", "hypervisor": "xen", "tagSet": tags,
                "clientToken": token, "sourceDestCheck": true, "ebsOptimized": false, "enaSupport": true,
            })
        })
        .collect();
    let response = json!({
        "reservationId": server_id(random, "r"), "ownerId": place.account, "groupSet": {},
        "instancesSet": {"items": items}, "requesterId": "autoscaling.amazonaws.com",
    });
    Call::write("ec2", "RunInstances", request, response)
}

/// CreateFleet of one node, at once, as a cluster's controller calls it.
pub(super) fn create_node(node: &Resource, cluster: &str, template: &str, place: &Place, random: &mut Rng) -> Call {
    let lifecycle = if random.u8(..10) < 6 { "spot" } else { "on-demand" };
    let overrides: Vec<Value> = ["m6i.large", "m6a.large", "c7g.xlarge", node.size]
        .iter()
        .enumerate()
        .map(|(index, size)| {
            json!({
                "SubnetId": place.subnets[node.zone], "InstanceType": size, "Priority": index, "tag": index + 1,
                "AvailabilityZone": place.zones[node.zone],
            })
        })
        .collect();
    let tag = |key: &str, value: &str, number: usize| json!({"Key": key, "tag": number, "Value": value});
    let request = json!({"CreateFleetRequest": {
        "Type": "instant",
        "LaunchTemplateConfigs": {
            "tag": 1, "LaunchTemplateSpecification": {"LaunchTemplateName": template, "Version": "$Latest"},
            "Overrides": overrides,
        },
        "TargetCapacitySpecification": {"DefaultTargetCapacityType": lifecycle, "TotalTargetCapacity": 1},
        "TagSpecification": {"ResourceType": "instance", "tag": 1, "Tag": [
            tag("Name", &node.name, 1), tag("karpenter.sh/nodepool", "default", 2),
            tag("eks:eks-cluster-name", cluster, 3), tag("karpenter.sh/managed-by", cluster, 4),
        ]},
        "SpotOptions": {"AllocationStrategy": "price-capacity-optimized"},
    }});
    let response = json!({"CreateFleetResponse": {
        "xmlns": XML_NAMESPACE,
        "fleetId": format!("fleet-{}", uuid(random)),
        "errorSet": "",
        "fleetInstanceSet": {"item": {
            "instanceIds": {"item": node.id},
            "instanceType": node.size,
            "launchTemplateAndOverrides": {
                "launchTemplateSpecification": {
                    "launchTemplateId": server_id(random, "lt"), "launchTemplateName": template, "version": 1,
                },
                "overrides": {
                    "subnetId": place.subnets[node.zone], "instanceType": node.size,
                    "availabilityZone": place.zones[node.zone],
                },
            },
            "lifecycle": lifecycle,
        }},
    }});
    Call::write("ec2", "CreateFleet", request, response)
}

/// CreateLaunchTemplate.
pub(super) fn create_template(name: &str, id: &str, place: &Place, at: Second, random: &mut Rng) -> Call {
    let request = json!({"CreateLaunchTemplateRequest": {
        "LaunchTemplateName": name,
        "ClientToken": uuid(random),
        "LaunchTemplateData": {"ImageId": server_id(random, "ami"), "UserData": "<sensitiveDataRemoved>"},
    }});
    Call::write("ec2", "CreateLaunchTemplate", request, template("CreateLaunchTemplateResponse", name, id, place, at))
}

/// DeleteLaunchTemplate.
pub(super) fn delete_template(name: &str, id: &str, place: &Place, at: Second) -> Call {
    let request = json!({"DeleteLaunchTemplateRequest": {"LaunchTemplateName": name}});
    Call::destroy("ec2", "DeleteLaunchTemplate", request, template("DeleteLaunchTemplateResponse", name, id, place, at))
}

fn template(wrapper: &str, name: &str, id: &str, place: &Place, at: Second) -> Value {
    json!({wrapper: {
        "xmlns": XML_NAMESPACE,
        "launchTemplate": {
            "launchTemplateId": id, "launchTemplateName": name, "createTime": at.to_string().replace('Z', ".000Z"),
            "createdBy": format!("arn:aws:sts::{}:assumed-role/controller/controller", place.account),
            "defaultVersionNumber": 1, "latestVersionNumber": 1,
        },
    }})
}

/// CreateTags of one instance.
pub(super) fn tag_node(node: &Resource) -> Call {
    let request = json!({
        "resourcesSet": {"items": [{"resourceId": node.id}]},
        "tagSet": {"items": [{"key": "karpenter.sh/nodeclaim", "value": node.name}]},
    });
    Call::write("ec2", "CreateTags", request, json!({"_return": true}))
}
