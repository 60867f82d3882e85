//! Which records become events, and what these say.

use serde_json::{Value, json};

use super::{decoded, event, record};
use crate::event::{Effect, Event, IdentityKind, Outcome, Proof, Scope, Text, WeightClass};
use crate::limits::{RESOURCES_PER_EVENT_MAX, STRING_BYTES_MAX};

/// `kind alias… [< parent…]` of each resource, divided by `;`.
fn resources(event: Option<Event>) -> String {
    let written = event.map(|event| event.resources).unwrap_or_default().into_iter().map(|mention| {
        let parents = mention.parents.iter().map(|parent| format!(" < {parent}")).collect::<String>();
        format!("{} {}{parents}", mention.kind, mention.aliases.join(" "))
    });
    written.collect::<Vec<_>>().join("; ")
}

#[test]
fn resources_are_named_in_every_dialect() {
    let cases = include_str!("resources.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    for case in cases {
        let columns: Vec<&str> = case.split(" | ").map(str::trim).collect();
        let [action, request, response, expected] = columns[..] else { panic!("not four columns: {case}") };
        let json = |text: &str| if text.is_empty() { Value::Null } else { serde_json::from_str(text).expect("JSON") };
        assert_eq!(resources(event(action, json(request), json(response), &json!({}))), expected, "{case}");
    }
}

#[test]
fn a_launch_says_where_what_and_that_it_is_new() {
    let response = json!({"instancesSet": {"items": [{
        "instanceId": "i-1", "subnetId": "subnet-1", "placement": {"availabilityZone": "eu-central-1b"},
        "tagSet": {"items": [{"key": "Team", "value": "x"}, {"key": "Name", "value": "web"}]}
    }]}});
    let event = event("ec2:RunInstances", json!({}), response, &json!({})).expect("an event");
    let [instance] = event.resources.as_slice() else { panic!("one resource: {event:?}") };
    assert_eq!((event.effect, instance.proof, &*instance.name), (Effect::Create, Proof::ServerAssigned, "web"));
    assert_eq!((instance.class, instance.scope), (WeightClass::ServesTraffic, Scope::Zonal));
    assert_eq!((&*instance.zones, &*instance.subnets), (&["eu-central-1b".into()][..], &["subnet-1".into()][..]));
    assert_eq!(event.subnet_zones, [("subnet-1".into(), "eu-central-1b".into())]);
}

#[test]
fn subnets_reveal_their_zones() {
    let subnet = json!({"subnet": {"subnetId": "subnet-1", "availabilityZone": "eu-central-1a"}});
    let group = json!({"dBSubnetGroupName": "g", "subnets": [
        {"subnetIdentifier": "subnet-1", "subnetAvailabilityZone": {"name": "eu-central-1a"}},
        {"subnetIdentifier": "subnet-2", "subnetAvailabilityZone": {"name": "us-east-1a"}}]});
    for (action, request, response) in
        [("ec2:CreateSubnet", json!({}), subnet), ("rds:CreateDBSubnetGroup", json!({"dBSubnetGroupName": "g"}), group)]
    {
        let event = event(action, request, response, &json!({})).expect("an event");
        let of_subnets: Vec<_> = event.subnet_zones.iter().filter(|(name, _)| !name.starts_with("group:")).collect();
        assert_eq!(of_subnets, [&("subnet-1".into(), "eu-central-1a".into())], "{action}");
    }
}

#[test]
fn conditions_choose_the_effect() {
    use Effect::{Create, Destroy, Disrupt, Escalate, Unguard};
    let cases = [
        ("rds:ModifyDBInstance", json!({"dBInstanceIdentifier": "a", "deletionProtection": false}), Some(Unguard)),
        ("rds:ModifyDBInstance", json!({"dBInstanceIdentifier": "a", "deletionProtection": true}), None),
        (
            "ec2:ModifyInstanceAttribute",
            json!({"instanceId": "i-1", "disableApiTermination": {"value": false}}),
            Some(Unguard),
        ),
        ("ecs:UpdateService", json!({"service": "a", "desiredCount": 0}), Some(Disrupt)),
        ("ecs:UpdateService", json!({"service": "a", "desiredCount": 10}), None),
        ("autoscaling:UpdateAutoScalingGroup", json!({"autoScalingGroupName": "a", "maxSize": 0}), Some(Disrupt)),
        ("ssm:PutParameter", json!({"name": "a"}), None),
        ("iam:AttachRolePolicy", json!({"roleName": "a", "policyArn": "b"}), Some(Escalate)),
        ("s3:DeleteObject", json!({"bucketName": "a", "key": "b"}), None),
        ("s3:CreateBucket", json!({"bucketName": "a"}), Some(Create)),
        ("kms:ScheduleKeyDeletion", json!({"keyId": "k"}), Some(Destroy)),
        ("cloudtrail:StopLogging", json!({"name": "t"}), Some(Unguard)),
        ("route53:ChangeResourceRecordSets", json!({"hostedZoneId": "Z"}), None),
    ];
    for (action, request, expected) in cases {
        let found = event(action, request.clone(), json!(null), &json!({}));
        assert_eq!(found.map(|event| event.effect), expected, "{action} {request}");
    }
    let proof = |region: &str| {
        let event = event("s3:CreateBucket", json!({"bucketName": "a"}), json!(null), &json!({"awsRegion": region}));
        event.map(|event| event.resources[0].proof)
    };
    assert_eq!((proof("us-east-1"), proof("eu-west-1")), (Some(Proof::None), Some(Proof::FailsIfExists)));
    let made = |at: &str| {
        let response = json!({"service": {"serviceName": "a", "createdAt": at}});
        event("ecs:CreateService", json!({"serviceName": "a"}), response, &json!({}))
            .map(|event| event.resources[0].proof)
    };
    assert_eq!(made("Dec 31, 2025, 11:58:30 PM"), Some(Proof::ServerAssigned));
    assert_eq!(made("Dec 31, 2025, 11:57:30 PM"), Some(Proof::None), "it existed before");
    let first =
        event("ssm:PutParameter", json!({"name": "a"}), json!({"version": 1}), &json!({})).map(|event| event.effect);
    assert_eq!(first, Some(Create), "the first version of a parameter");
}

#[test]
fn what_spares_or_forces_a_deletion_is_told() {
    let cases = [
        ("rds:DeleteDBInstance", json!({"dBInstanceIdentifier": "a", "skipFinalSnapshot": true}), (false, true)),
        ("rds:DeleteDBInstance", json!({"dBInstanceIdentifier": "a", "skipFinalSnapshot": false}), (true, false)),
        ("rds:DeleteDBCluster", json!({"dBClusterIdentifier": "a", "finalDBSnapshotIdentifier": "s"}), (true, false)),
        ("rds:DeleteDBInstance", json!({"dBInstanceIdentifier": "a"}), (false, false)),
        (
            "elasticache:DeleteReplicationGroup",
            json!({"replicationGroupId": "a", "finalSnapshotIdentifier": "s"}),
            (true, false),
        ),
        ("secretsmanager:DeleteSecret", json!({"secretId": "a", "forceDeleteWithoutRecovery": true}), (false, true)),
        ("ecr:DeleteRepository", json!({"repositoryName": "a", "force": true}), (false, true)),
    ];
    for (action, request, expected) in cases {
        let event = event(action, request.clone(), json!(null), &json!({})).expect("an event");
        let [resource] = event.resources.as_slice() else { panic!("one resource: {event:?}") };
        assert_eq!((resource.is_spared, resource.is_forced), expected, "{action} {request}");
    }
}

#[test]
fn what_guards_others_is_told() {
    let cases = [
        ("cloudtrail:StopLogging", json!({"name": "t"}), Effect::Unguard, true),
        ("cloudtrail:DeleteTrail", json!({"name": "t"}), Effect::Destroy, true),
        ("ec2:DeleteFlowLogs", json!({"DeleteFlowLogsRequest": {"FlowLogId": "fl-1"}}), Effect::Destroy, true),
        ("guardduty:DeleteDetector", json!({"detectorId": "d"}), Effect::Destroy, true),
        ("ec2:DeleteVolume", json!({"volumeId": "v"}), Effect::Destroy, false),
    ];
    for (action, request, effect, is_guard) in cases {
        let event = event(action, request, json!(null), &json!({})).expect("an event");
        assert_eq!((event.effect, event.resources[0].is_guard), (effect, is_guard), "{action}");
    }
}

#[test]
fn refusals_are_kept_and_failures_bear_on_nothing() {
    use Outcome::{Denied, Failed, Ok};
    let volume = || json!({"volumeId": "vol-1"});
    let cases = [
        ("ec2:DeleteVolume", json!(null), Some(Ok)),
        ("ec2:DeleteVolume", json!("Client.UnauthorizedOperation"), Some(Denied)),
        ("ec2:DeleteVolume", json!("AccessDenied"), Some(Denied)),
        ("ec2:DeleteVolume", json!("AccessDeniedException"), Some(Denied)),
        ("ec2:DeleteVolume", json!("UnauthorizedException"), Some(Denied)),
        ("ec2:DeleteVolume", json!("Server.InternalError"), Some(Failed)),
        ("ec2:DeleteVolume", json!("InternalFailure"), Some(Failed)),
        ("ec2:DeleteVolume", json!("Client.DryRunOperation"), None),
        ("ec2:DeleteVolume", json!("Client.InvalidVolume.NotFound"), None),
        ("ec2:DeleteVolume", json!("ThrottlingException"), None),
        ("ec2:CreateVolume", json!("AccessDenied"), None),
    ];
    for (action, error_code, expected) in cases {
        let found = event(action, volume(), json!(null), &json!({"errorCode": error_code}));
        assert_eq!(found.map(|event| event.outcome), expected, "{action} {error_code}");
    }
    let blind = event("rds:DeleteDBInstance", json!(null), json!(null), &json!({"errorCode": "AccessDenied"}));
    assert_eq!(blind.map(|event| event.resources), Some(Vec::new()), "a refusal without parameters names nothing");
    let nothing_done = json!({"DeleteFlowLogsResponse": {"unsuccessful": {"item": {"resourceId": "fl-1"}}}});
    let request = json!({"DeleteFlowLogsRequest": {"FlowLogId": {"tag": 1, "content": "fl-1"}}});
    assert_eq!(event("ec2:DeleteFlowLogs", request, nothing_done, &json!({})).map(|event| event.resources), None);
}

#[test]
fn no_flag_or_spelling_hides_a_deletion() {
    let request = json!({"volumeId": "vol-1"});
    for overrides in [
        json!({"readOnly": true}),
        json!({"readOnly": "true"}),
        json!({"readOnly": null}),
        json!({"eventName": "deleteVolume"}),
    ] {
        let found = event("ec2:DeleteVolume", request.clone(), json!(null), &overrides);
        assert_eq!(found.map(|event| event.effect), Some(Effect::Destroy), "{overrides}");
    }
    let doubled = record("ec2:DescribeVolumes", &json!({"requestParameters": request})).to_string();
    let doubled = doubled.replacen('}', r#"},"event\u004eame":"DeleteVolume""#, 1);
    assert_eq!(decoded(doubled).events.len(), 1, "of a doubled key the last counts");
}

#[test]
fn credentials_handed_out_are_links() {
    let response = json!({"credentials": {"accessKeyId": "ASIA2"}, "assumedRoleUser": {"assumedRoleId": "AROA2:t"}});
    let found = event("sts:AssumeRole", json!({}), response.clone(), &json!({"readOnly": true})).expect("an event");
    let link = found.link.as_ref().map(|link| (&*link.access_key, &*link.session_id));
    assert_eq!((found.effect, link), (Effect::Other, Some(("ASIA2", "AROA2:t"))));
    let session = json!({"credentials": {"accessKeyId": "ASIA3"}});
    let found = event("sts:GetSessionToken", json!({}), session, &json!({"readOnly": true}));
    assert_eq!(found.and_then(|event| event.link).map(|link| link.session_id), Some("".into()));
    assert_eq!(event("sts:AssumeRole", json!({}), response, &json!({"errorCode": "AccessDenied"})), None);
    assert_eq!(event("sts:GetCallerIdentity", json!({}), json!(null), &json!({})), None);
}

#[test]
fn a_twin_names_the_trail_it_is_in() {
    let identity = json!({"type": "AWSAccount", "accountId": "210987654321", "principalId": "AROA1:s"});
    let overrides = json!({"userIdentity": identity, "sharedEventID": "shared"});
    let found = event("s3:DeleteBucket", json!({"bucketName": "b"}), json!(null), &overrides).expect("an event");
    assert_eq!((&*found.account, &*found.identity.account), ("123456789012", "210987654321"));
    assert_eq!((&*found.shared_id, found.identity.kind), ("shared", IdentityKind::AwsAccount));
    let found = event("s3:DeleteBucket", json!({"bucketName": "b"}), json!(null), &json!({"recipientAccountId": null}));
    assert_eq!(found.map(|event| event.account), Some("123456789012".into()));
}

#[test]
fn long_names_that_differ_stay_different() {
    let name = |last: char| json!({"name": format!("{}{last}", "x".repeat(2_000))});
    let one = resources(event("ssm:DeleteParameter", name('1'), json!(null), &json!({})));
    let other = resources(event("ssm:DeleteParameter", name('2'), json!(null), &json!({})));
    assert_ne!(one, other);
    let kind = "AWS::SSM::Parameter ".len();
    assert!(one.len() > kind && one.len() - kind <= STRING_BYTES_MAX, "{one}");
}

#[test]
fn each_instance_of_a_fleet_is_one() {
    let fleet = |ids: Value| json!({"instanceType": "m7g.large", "lifecycle": "on-demand", "instanceIds": ids});
    let response = json!({"CreateFleetResponse": {"fleetId": "fleet-1", "fleetInstanceSet": {"item": [
        fleet(json!({"item": ["i-1", "i-2"]})), fleet(json!({"item": "i-3"})),
    ]}}});
    let event = event("ec2:CreateFleet", json!({"CreateFleetRequest": {"Type": "instant"}}), response, &json!({}));
    let event = event.expect("an event");
    let aliases: Vec<&str> =
        event.resources.iter().flat_map(|mention| &mention.aliases).map(|alias| &**alias).collect();
    assert_eq!((event.effect, aliases), (Effect::Create, vec!["i-1", "i-2", "i-3"]));
}

#[test]
fn what_a_response_lists_as_failed_was_not_destroyed() {
    let fleets = json!({"DeleteFleetsRequest": {"FleetId": [{"tag": 1, "content": "fleet-1"}, {"tag": 2, "content": "fleet-2"}]}});
    for (action, request, response, expected) in [
        (
            "ec2:DeleteFleets",
            fleets.clone(),
            json!({"DeleteFleetsResponse": {"unsuccessfulFleetDeletionSet":
            {"item": {"fleetId": "fleet-2", "error": {"code": "fleetNotInDeletableState"}}}}}),
            vec!["fleet-1"],
        ),
        (
            "ec2:DeleteFleets",
            fleets,
            json!({"DeleteFleetsResponse": {"unsuccessfulFleetDeletionSet": ""}}),
            vec!["fleet-1", "fleet-2"],
        ),
        (
            "ec2:DeleteFlowLogs",
            json!({"DeleteFlowLogsRequest": {"FlowLogId": {"tag": 1, "content": "fl-1"}}}),
            json!({"DeleteFlowLogsResponse": {"unsuccessful": {"item": {"resourceId": "fl-1"}}}}),
            vec![],
        ),
    ] {
        let event = event(action, request, response, &json!({}));
        let mut aliases: Vec<Text> =
            event.into_iter().flat_map(|event| event.resources).flat_map(|mention| mention.aliases).collect();
        aliases.sort_unstable();
        assert_eq!(aliases, expected, "{action}");
    }
}

#[test]
fn what_a_batch_deletes_and_makes_again_is_changed() {
    use Effect::{Create, Destroy};
    use Proof::{FailsIfExists, None as Nothing};
    for (changes, effect, expected) in [
        // Deleted for good; a rename deletes the old name.
        (vec!["DELETE a A"], Destroy, vec![("a A", Nothing)]),
        (vec!["DELETE a A", "CREATE b A"], Destroy, vec![("a A", Nothing)]),
        (vec!["DELETE a A", "CREATE a AAAA"], Destroy, vec![("a A", Nothing)]),
        // Another value, in whatever order it is written; it proves nothing of what was there before.
        (vec!["DELETE a A", "CREATE a A"], Create, vec![("a A", Nothing)]),
        (vec!["CREATE a A", "DELETE a A"], Create, vec![("a A", Nothing)]),
        (vec!["DELETE a A", "UPSERT a A"], Create, vec![("a A", Nothing)]),
        // Beside it another is new, or gone for good.
        (vec!["DELETE a A", "CREATE a A", "CREATE b A"], Create, vec![("a A", Nothing), ("b A", FailsIfExists)]),
        (vec!["DELETE a A", "DELETE b A", "CREATE a A"], Destroy, vec![("b A", Nothing)]),
        (vec!["CREATE a A"], Create, vec![("a A", FailsIfExists)]),
    ] {
        let change = |text: &&str| {
            let mut words = text.split(' ');
            let (action, name, kind) = (words.next(), words.next(), words.next());
            json!({"action": action, "resourceRecordSet": {"name": name, "type": kind, "tTL": 60}})
        };
        let changes_made: Vec<Value> = changes.iter().map(change).collect();
        let request = json!({"hostedZoneId": "Z1", "changeBatch": {"changes": changes_made}});
        let event = event("route53:ChangeResourceRecordSets", request, json!(null), &json!({})).expect("an event");
        let found: Vec<_> = event.resources.iter().map(|one| (one.aliases[0].as_str(), one.proof)).collect();
        assert_eq!((event.effect, found), (effect, expected), "{changes:?}");
    }
}

#[test]
fn what_goes_past_the_bound_is_counted() {
    let ids: Vec<Value> = (0..RESOURCES_PER_EVENT_MAX + 3).map(|id| json!({"instanceId": format!("i-{id}")})).collect();
    let event = event("ec2:TerminateInstances", json!({"instancesSet": {"items": ids}}), json!({}), &json!({}));
    let event = event.expect("an event");
    assert_eq!((event.resources.len(), event.resources_left_out), (RESOURCES_PER_EVENT_MAX, 3));
}

#[test]
fn a_destruction_that_calls_itself_a_read_is_counted_and_believed_to_be_none() {
    for (action, flag, expected) in
        [("iam:DeleteUser", true, 1), ("iam:DeleteUser", false, 0), ("iam:GetUser", true, 0)]
    {
        let record = record(action, &json!({"readOnly": flag, "requestParameters": {"userName": "anna"}}));
        let decoded = decoded(record.to_string());
        assert_eq!(decoded.read_only_destructive, expected, "{action}");
        assert_eq!(decoded.events.len(), usize::from(action == "iam:DeleteUser"));
    }
}
