//! What calls start stacks and automations, and what tells where something lives without naming it.

use serde_json::{Value, json};

use super::event;
use crate::event::{Effect, RunsAs, Start};

/// `begins|prepares target… as role`.
fn told(start: Option<Box<Start>>) -> String {
    let Some(start) = start else { return "nothing".to_owned() };
    let runs_as = match start.runs_as {
        RunsAs::Role(role) => role,
        RunsAs::Remembered => "remembered".into(),
        RunsAs::Caller => "caller".into(),
    };
    let verb = if start.begins { "begins" } else { "prepares" };
    format!("{verb} {} as {runs_as}", start.targets.join(" "))
}

const ROLE: &str = "arn:aws:iam::123456789012:role/deploy";
const STACK: &str = "arn:aws:cloudformation:eu-central-1:123456789012:stack/shop/0a1b";
const CHANGE_SET: &str = "arn:aws:cloudformation:eu-central-1:123456789012:changeSet/c/0a1b";

#[test]
fn stacks_and_automations_are_started() {
    let admin = "arn:aws:iam::123456789012:role/AWSCloudFormationStackSetAdministrationRole";
    for (action, request, response, expected) in [
        (
            "cloudformation:CreateStack",
            json!({"stackName": "shop", "roleARN": ROLE}),
            json!({"stackId": STACK}),
            format!("begins {STACK} shop as {ROLE}"),
        ),
        ("cloudformation:CreateStack", json!({"stackName": "shop"}), json!({}), "begins shop as caller".to_owned()),
        ("cloudformation:UpdateStack", json!({"stackName": "shop"}), json!({}), "begins shop as remembered".to_owned()),
        (
            "cloudformation:DeleteStack",
            json!({"stackName": STACK, "roleARN": ROLE}),
            Value::Null,
            format!("begins {STACK} shop as {ROLE}"),
        ),
        (
            "cloudformation:CreateChangeSet",
            json!({"stackName": "shop", "changeSetName": "c", "roleARN": ROLE, "changeSetType": "UPDATE"}),
            json!({"id": CHANGE_SET, "stackId": STACK}),
            format!("prepares {CHANGE_SET} {STACK} shop as {ROLE}"),
        ),
        (
            "cloudformation:CreateChangeSet",
            json!({"stackName": "shop", "changeSetType": "CREATE"}),
            json!({}),
            "prepares shop as caller".to_owned(),
        ),
        (
            "cloudformation:ExecuteChangeSet",
            json!({"changeSetName": CHANGE_SET}),
            Value::Null,
            format!("begins {CHANGE_SET} as remembered"),
        ),
        (
            "cloudformation:CreateStackSet",
            json!({"stackSetName": "base"}),
            json!({"stackSetId": "base:0a1b"}),
            format!("prepares set:base set:base:0a1b as {admin}"),
        ),
        (
            "cloudformation:CreateStackSet",
            json!({"stackSetName": "base", "permissionModel": "SERVICE_MANAGED"}),
            json!({}),
            "prepares set:base as caller".to_owned(),
        ),
        (
            "cloudformation:DeleteStackInstances",
            json!({"stackSetName": "base", "accounts": ["1"]}),
            json!({}),
            "begins set:base as remembered".to_owned(),
        ),
        (
            "ssm:StartAutomationExecution",
            json!({"documentName": "d", "parameters": {"AutomationAssumeRole": [ROLE], "InstanceId": ["i-1"]}}),
            json!({"automationExecutionId": "x-1"}),
            format!("begins x-1 as {ROLE}"),
        ),
        (
            "ssm:StartAutomationExecution",
            json!({"documentName": "d", "parameters": "HIDDEN_DUE_TO_SECURITY_REASONS"}),
            json!({"automationExecutionId": "x-1"}),
            "begins x-1 as caller".to_owned(),
        ),
        ("cloudformation:SetStackPolicy", json!({"stackName": "shop"}), json!({}), "nothing".to_owned()),
        ("ssm:SendCommand", json!({"documentName": "d"}), json!({}), "nothing".to_owned()),
    ] {
        let start = event(action, request, response, &json!({})).and_then(|event| event.start);
        assert_eq!(told(start), expected, "{action}");
    }
}

#[test]
fn what_was_refused_starts_nothing_and_what_only_starts_changes_nothing() {
    let request = json!({"stackName": "shop", "roleARN": ROLE});
    let denied =
        event("cloudformation:DeleteStack", request.clone(), Value::Null, &json!({"errorCode": "AccessDenied"}));
    assert_eq!(denied.expect("a refused destruction").start, None);
    let failed =
        event("cloudformation:UpdateStack", request.clone(), Value::Null, &json!({"errorCode": "ValidationError"}));
    assert_eq!(failed, None);
    let update = event("cloudformation:UpdateStack", request, Value::Null, &json!({})).expect("an event");
    assert_eq!((update.effect, update.resources), (Effect::Other, Vec::new()));
}

#[test]
fn interfaces_made_by_services_tell_zones() {
    let elb = json!({"type": "AssumedRole", "principalId": "AROA1:ElasticLoadBalancing", "accountId": "123456789012",
        "invokedBy": "elasticloadbalancing.amazonaws.com",
        "arn": "arn:aws:sts::123456789012:assumed-role/AWSServiceRoleForElasticLoadBalancing/ElasticLoadBalancing",
        "sessionContext": {"sessionIssuer": {"type": "Role", "principalId": "AROA1",
            "arn": "arn:aws:iam::123456789012:role/aws-service-role/elasticloadbalancing.amazonaws.com/AWSServiceRoleForElasticLoadBalancing"}}});
    let person = json!({"type": "IAMUser", "principalId": "AIDA1", "accountId": "123456789012",
        "arn": "arn:aws:iam::123456789012:user/mallory", "invokedBy": "elasticloadbalancing.amazonaws.com"});
    for (who, description, expected) in [
        (&elb, "ELB app/web/50dc6c495c0c9188", "AWS::ElasticLoadBalancingV2::LoadBalancer web"),
        (&elb, "ELB net/web/50dc6c495c0c9188", "AWS::ElasticLoadBalancingV2::LoadBalancer web"),
        (&elb, "ELB classic", "AWS::ElasticLoadBalancing::LoadBalancer classic"),
        (&elb, "Interface for NAT Gateway nat-1", "AWS::EC2::NatGateway nat-1"),
        (&elb, "VPC Endpoint Interface vpce-1", "AWS::EC2::VPCEndpoint vpce-1"),
        (&elb, "EFS mount target for fs-1 (fsmt-1)", "AWS::EFS::MountTarget fsmt-1"),
        (&elb, "ElastiCache Sessions-001", "AWS::ElastiCache::CacheCluster sessions-001"),
        (&elb, "Amazon EKS prod", "AWS::EKS::Cluster prod"),
        (&elb, "RDSNetworkInterface", ""),
        (&elb, "ELB app/", ""),
        (&elb, "EFS mount target for fs-1", ""),
        (&elb, "ES of mine", ""),
        (&person, "ELB app/web/50dc6c495c0c9188", ""),
    ] {
        let interface =
            json!({"networkInterfaceId": "eni-1", "subnetId": "subnet-1", "availabilityZone": "eu-central-1b"});
        let event = event(
            "ec2:CreateNetworkInterface",
            json!({"subnetId": "subnet-1", "description": description}),
            json!({"networkInterface": interface}),
            &json!({"userIdentity": who}),
        );
        let reach = event.expect("an event").reach;
        let told = reach.as_ref().map(|reach| format!("{} {}", reach.kind, reach.alias)).unwrap_or_default();
        assert_eq!(told, expected, "{description}");
        assert!(reach.is_none_or(|reach| reach.zone == "eu-central-1b"));
    }
}

#[test]
fn groups_of_subnets_have_zones_and_what_lives_in_them_names_them() {
    let group = "group:elasticache:123456789012:eu-central-1:shared";
    let subnet = |id: &str, zone: &str| json!({"subnetIdentifier": id, "subnetAvailabilityZone": {"name": zone}});
    let made = event(
        "elasticache:CreateCacheSubnetGroup",
        json!({"cacheSubnetGroupName": "shared"}),
        json!({"cacheSubnetGroupName": "shared",
               "subnets": [subnet("subnet-1", "eu-central-1a"), subnet("subnet-2", "eu-central-1b")]}),
        &json!({}),
    );
    let pairs = made.expect("an event").subnet_zones;
    let of_group: Vec<&str> = pairs.iter().filter(|(name, _)| name == group).map(|(_, zone)| zone.as_str()).collect();
    assert_eq!(of_group, ["eu-central-1a", "eu-central-1b"]);

    let request = json!({"replicationGroupId": "sessions", "cacheSubnetGroupName": "Shared"});
    let cache = event("elasticache:CreateReplicationGroup", request, json!({}), &json!({})).expect("an event");
    assert_eq!(cache.resources[0].subnets, [group]);
}

#[test]
fn every_way_to_get_credentials_is_a_link() {
    let credentials = json!({"accessKeyId": "ASIA2", "expiration": "x"});
    for (name, extra, session) in [
        ("AssumeRole", json!({"assumedRoleUser": {"assumedRoleId": "AROA2:s"}}), "AROA2:s"),
        ("AssumeRoleWithSAML", json!({"assumedRoleUser": {"assumedRoleId": "AROA2:s"}}), "AROA2:s"),
        ("AssumeRoleWithWebIdentity", json!({"assumedRoleUser": {"assumedRoleId": "AROA2:s"}}), "AROA2:s"),
        ("GetFederationToken", json!({"federatedUser": {"federatedUserId": "123456789012:s"}}), "123456789012:s"),
        ("GetSessionToken", json!({}), ""),
        ("AssumeRoot", json!({}), ""),
    ] {
        let mut response = extra;
        response["credentials"] = credentials.clone();
        let link = event(&format!("sts:{name}"), json!({}), response, &json!({})).and_then(|event| event.link);
        let link = link.unwrap_or_else(|| panic!("{name} hands out credentials"));
        assert_eq!((&*link.access_key, &*link.session_id), ("ASIA2", session), "{name}");
    }
}
