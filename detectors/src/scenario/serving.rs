//! Calls of what serves traffic: ECS, Elastic Load Balancing, Lambda, and the log groups beside them.

use serde_json::{Value, json};

use super::resource::Resource;
use super::stores::written_date;
use super::writer::{Call, Place};
use crate::time::Second;

const BALANCING: &str = "elasticloadbalancing";

/// CreateService of ECS.
pub(super) fn create_service(service: &Resource, place: &Place, at: Second) -> Call {
    let network = json!({"awsvpcConfiguration": {
        "subnets": place.subnets, "securityGroups": [], "assignPublicIp": "DISABLED",
    }});
    let request = json!({
        "cluster": service.environment, "serviceName": service.name, "taskDefinition": format!("{}:12", service.name),
        "desiredCount": 3, "launchType": "FARGATE", "networkConfiguration": network, "clientToken": service.id,
    });
    let mut response = service_description(service, place, "ACTIVE", 3);
    response["service"]["networkConfiguration"] = network;
    response["service"]["createdAt"] = json!(written_date(at));
    Call::write("ecs", "CreateService", request, response)
}

/// UpdateService that scales to nothing, as tools do before they delete a service.
pub(super) fn scale_to_zero(service: &Resource, place: &Place) -> Call {
    let request = json!({"cluster": service.environment, "service": service.name, "desiredCount": 0});
    Call::write("ecs", "UpdateService", request, service_description(service, place, "ACTIVE", 0))
}

/// DeleteService of ECS.
pub(super) fn delete_service(service: &Resource, place: &Place) -> Call {
    let request = json!({"cluster": service.environment, "service": service.name, "force": true});
    Call::destroy("ecs", "DeleteService", request, service_description(service, place, "DRAINING", 0))
}

/// DescribeServices of one service.
pub(super) fn describe_service(service: &Resource) -> Call {
    let request = json!({"cluster": service.environment, "services": [service.name]});
    Call::read("ecs", "DescribeServices", request)
}

fn service_description(service: &Resource, place: &Place, status: &str, count: u32) -> Value {
    let (cluster, name) = (&service.environment, &service.name);
    json!({"service": {
        "serviceArn": place.arn("ecs", &format!("service/{cluster}/{name}")),
        "serviceName": name,
        "clusterArn": place.arn("ecs", &format!("cluster/{cluster}")),
        "status": status,
        "desiredCount": count,
        "launchType": "FARGATE",
        "platformVersion": "1.4.0",
        "taskDefinition": place.arn("ecs", &format!("task-definition/{name}:12")),
        "loadBalancers": [],
        "events": [],
    }})
}

/// CreateLoadBalancer of the second version.
pub(super) fn create_load_balancer(balancer: &Resource, place: &Place, at: Second) -> Call {
    let request = json!({
        "name": balancer.name, "subnets": place.subnets, "scheme": "internet-facing", "type": "application",
        "ipAddressType": "ipv4",
    });
    let zones: Vec<Value> = place
        .zones
        .iter()
        .zip(&place.subnets)
        .map(|(zone, subnet)| json!({"zoneName": zone, "subnetId": subnet, "loadBalancerAddresses": []}))
        .collect();
    let response = json!({"loadBalancers": [{
        "loadBalancerArn": balancer_arn(balancer, place),
        "loadBalancerName": balancer.name,
        "dNSName": format!("{}-{}.{}.elb.{}", balancer.name, &balancer.id[..9], place.region, place.domain()),
        "createdTime": written_date(at),
        "scheme": "internet-facing",
        "vpcId": place.vpc,
        "state": {"code": "provisioning"},
        "type": "application",
        "availabilityZones": zones,
        "securityGroups": [],
        "ipAddressType": "ipv4",
    }]});
    Call::write(BALANCING, "CreateLoadBalancer", request, response)
}

/// DeleteLoadBalancer of the second version.
pub(super) fn delete_load_balancer(balancer: &Resource, place: &Place) -> Call {
    let request = json!({"loadBalancerArn": balancer_arn(balancer, place)});
    Call::destroy(BALANCING, "DeleteLoadBalancer", request, Value::Null)
}

/// DescribeLoadBalancers of one load balancer.
pub(super) fn describe_load_balancer(balancer: &Resource, place: &Place) -> Call {
    Call::read(BALANCING, "DescribeLoadBalancers", json!({"loadBalancerArns": [balancer_arn(balancer, place)]}))
}

fn balancer_arn(balancer: &Resource, place: &Place) -> String {
    place.arn(BALANCING, &format!("loadbalancer/app/{}/{}", balancer.name, balancer.id))
}

/// CreateTargetGroup.
pub(super) fn create_target_group(group: &Resource, place: &Place) -> Call {
    let request = json!({
        "name": group.name, "protocol": "HTTP", "port": 8080, "vpcId": place.vpc, "targetType": "instance",
        "healthCheckPath": "/health",
    });
    let response = json!({"targetGroups": [{
        "targetGroupArn": target_arn(group, place),
        "targetGroupName": group.name,
        "protocol": "HTTP",
        "port": 8080,
        "vpcId": place.vpc,
        "healthCheckPath": "/health",
        "loadBalancerArns": [],
        "targetType": "instance",
    }]});
    Call::write(BALANCING, "CreateTargetGroup", request, response)
}

/// DeleteTargetGroup.
pub(super) fn delete_target_group(group: &Resource, place: &Place) -> Call {
    Call::destroy(BALANCING, "DeleteTargetGroup", json!({"targetGroupArn": target_arn(group, place)}), Value::Null)
}

/// DescribeTargetGroups of one group.
pub(super) fn describe_target_group(group: &Resource, place: &Place) -> Call {
    Call::read(BALANCING, "DescribeTargetGroups", json!({"targetGroupArns": [target_arn(group, place)]}))
}

/// RegisterTargets or DeregisterTargets of one instance.
pub(super) fn change_target(name: &'static str, group: &Resource, instance: &Resource, place: &Place) -> Call {
    let request = json!({"targetGroupArn": target_arn(group, place), "targets": [{"id": instance.id, "port": 8080}]});
    Call::write(BALANCING, name, request, Value::Null)
}

/// DescribeTargetHealth of one group.
pub(super) fn describe_target_health(group: &Resource, place: &Place) -> Call {
    Call::read(BALANCING, "DescribeTargetHealth", json!({"targetGroupArn": target_arn(group, place)}))
}

/// The ARN of a target group.
pub(super) fn target_arn(group: &Resource, place: &Place) -> String {
    place.arn(BALANCING, &format!("targetgroup/{}/{}", group.name, group.id))
}

/// CreateFunction of Lambda.
pub(super) fn create_function(function: &Resource, place: &Place, at: Second) -> Call {
    let role = place.iam_arn(&format!("role/{}", function.name));
    let request = json!({
        "functionName": function.name, "runtime": "python3.13", "role": role, "handler": "app.handler",
        "code": {"s3Bucket": format!("{}-artifacts", function.environment), "s3Key": "app.zip"}, "timeout": 30,
        "memorySize": 256, "publish": false, "packageType": "Zip", "environment": {},
    });
    let response = json!({
        "functionName": function.name, "functionArn": place.arn("lambda", &format!("function:{}", function.name)),
        "runtime": "python3.13", "role": role, "handler": "app.handler", "codeSize": 48213, "timeout": 30,
        "memorySize": 256, "lastModified": at.to_string().replace('Z', ".000+0000"), "version": "$LATEST",
        "environment": {}, "state": "Pending", "stateReasonCode": "Creating", "packageType": "Zip",
        "architectures": ["x86_64"],
    });
    Call::write("lambda", "CreateFunction20150331", request, response)
}

/// DeleteFunction of Lambda.
pub(super) fn delete_function(function: &Resource) -> Call {
    Call::destroy("lambda", "DeleteFunction20150331", json!({"functionName": function.name}), Value::Null)
}

/// GetFunction of Lambda.
pub(super) fn get_function(function: &Resource) -> Call {
    Call::read("lambda", "GetFunction20150331v2", json!({"functionName": function.name}))
}

/// CreateLogGroup.
pub(super) fn create_log_group(group: &Resource) -> Call {
    Call::write("logs", "CreateLogGroup", json!({"logGroupName": log_group(group)}), Value::Null)
}

/// DeleteLogGroup.
pub(super) fn delete_log_group(group: &Resource) -> Call {
    Call::destroy("logs", "DeleteLogGroup", json!({"logGroupName": log_group(group)}), Value::Null)
}

/// DescribeLogGroups of one group.
pub(super) fn describe_log_group(group: &Resource) -> Call {
    Call::read("logs", "DescribeLogGroups", json!({"logGroupNamePrefix": log_group(group)}))
}

fn log_group(group: &Resource) -> String {
    format!("/ecs/{}", group.name)
}
