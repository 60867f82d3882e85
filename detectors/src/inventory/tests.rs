//! Inventories in the forms in which commands print them.

use std::collections::BTreeSet;

use super::{Inventory, parse};
use crate::time::Second;

const DESCRIBED: &str = r#"
{"Reservations": [{"OwnerId": "111111111111", "Instances": [
    {"InstanceId": "i-1", "State": {"Name": "running"}, "Placement": {"AvailabilityZone": "eu-west-1a"},
     "SubnetId": "subnet-1", "LaunchTime": "2024-01-01T00:00:00+00:00"},
    {"InstanceId": "i-2", "State": {"Name": "terminated"}, "Placement": {"AvailabilityZone": "eu-west-1a"}}]}]}
{"Volumes": [{"VolumeId": "vol-1", "AvailabilityZone": "us-west-2-lax-1a", "State": "in-use",
              "CreateTime": "2024-01-01T00:00:00.123Z"}]}
{"Subnets": [{"SubnetId": "subnet-2", "AvailabilityZone": "eu-west-1b", "OwnerId": "111111111111",
              "SubnetArn": "arn:aws:ec2:eu-west-1:111111111111:subnet/subnet-2"}]}
{"DBInstances": [{"DBInstanceIdentifier": "Prod", "DBInstanceArn": "arn:aws:rds:eu-west-1:111111111111:db:prod",
    "AvailabilityZone": "eu-west-1c", "SecondaryAvailabilityZone": "eu-west-1a", "MultiAZ": true,
    "InstanceCreateTime": "2024-01-01T00:00:00Z",
    "DBSubnetGroup": {"DBSubnetGroupName": "g", "Subnets": [
        {"SubnetIdentifier": "subnet-3", "SubnetAvailabilityZone": {"Name": "eu-west-1c"}}]}}]}
"#;

const CONFIG: &str = r#"
{"Results": [
  "{\"resourceType\":\"AWS::EC2::Instance\",\"resourceId\":\"i-1\",\"accountId\":\"111111111111\",\"awsRegion\":\"eu-west-1\",\"availabilityZone\":\"eu-west-1a\"}",
  "{\"resourceType\":\"AWS::RDS::DBInstance\",\"resourceId\":\"db-ABC\",\"resourceName\":\"prod\",\"accountId\":\"111111111111\",\"awsRegion\":\"eu-west-1\",\"availabilityZone\":\"Multiple Availability Zones\",\"resourceCreationTime\":\"2024-01-01T00:00:00.000Z\",\"configuration\":{\"availabilityZone\":\"eu-west-1c\",\"secondaryAvailabilityZone\":\"eu-west-1a\"}}",
  "{\"resourceId\":\"no type\"}", "not JSON"], "QueryInfo": {"SelectFields": []}}
[{"resourceType": "AWS::EC2::Subnet", "resourceId": "subnet-2", "awsRegion": "eu-west-1", "availabilityZone": "eu-west-1b"},
 {"resourceType": "AWS::EC2::Volume", "resourceId": "vol-1", "arn": "arn:aws:ec2:us-west-2:111111111111:volume/vol-1",
  "availabilityZone": "us-west-2-lax-1a"},
 {"resourceType": "AWS::EC2::Instance", "resourceId": "i-2", "accountId": "111111111111", "awsRegion": "eu-west-1",
  "availabilityZone": "eu-west-1a", "configurationItemStatus": "ResourceDeleted"}]
{"configurationItems": [{"resourceType": "AWS::AutoScaling::AutoScalingGroup", "resourceName": "web", "awsRegion": "eu-west-1",
  "awsAccountId": "", "accountId": "111111111111", "configuration": "{\"vpczoneIdentifier\":\"\",\"availabilityZones\":[\"eu-west-1a\",\"eu-west-1b\"]}"}]}
"#;

fn zones(inventory: &Inventory, kind: &str, region: &str, id: &str) -> String {
    let zones = inventory.zones_of(kind, "111111111111", region, [id].into_iter(), None);
    zones.into_iter().collect::<Vec<_>>().join(" ")
}

#[test]
fn every_shape_is_recognised() {
    for text in [DESCRIBED, CONFIG] {
        let inventory = parse(text.as_bytes()).expect("an inventory");
        for (kind, region, id, expected) in [
            ("AWS::EC2::Instance", "eu-west-1", "i-1", "eu-west-1a"),
            ("AWS::EC2::Instance", "eu-west-1", "i-2", ""),
            ("AWS::EC2::Instance", "us-east-1", "i-1", ""),
            ("AWS::EC2::Volume", "us-west-2", "vol-1", "us-west-2-lax-1a"),
            ("AWS::EC2::Subnet", "eu-west-1", "subnet-2", "eu-west-1b"),
            ("AWS::RDS::DBInstance", "eu-west-1", "prod", "eu-west-1a eu-west-1c"),
        ] {
            assert_eq!(zones(&inventory, kind, region, id), expected, "{kind} {id}");
        }
        assert_eq!(inventory.zone_of_subnet("subnet-2"), Some("eu-west-1b"));
        let theirs =
            inventory.zones_of("AWS::RDS::DBInstance", "222222222222", "eu-west-1", ["prod"].into_iter(), None);
        assert_eq!(theirs, BTreeSet::new(), "another account's database of that name");
    }
    let described = parse(DESCRIBED.as_bytes()).expect("an inventory");
    assert_eq!(described.zone_of_subnet("subnet-1"), Some("eu-west-1a"));
    assert_eq!(described.zone_of_subnet("subnet-3"), Some("eu-west-1c"));
    let config = parse(CONFIG.as_bytes()).expect("an inventory");
    let group = zones(&config, "AWS::AutoScaling::AutoScalingGroup", "eu-west-1", "web");
    assert_eq!(group, "eu-west-1a eu-west-1b");
}

#[test]
fn it_says_what_was_there_when() {
    let inventory = parse(DESCRIBED.as_bytes()).expect("an inventory");
    let existed = |id: &str, before: &str| {
        let before = Second::parse(before).expect("a time");
        inventory.existed("AWS::RDS::DBInstance", "111111111111", "eu-west-1", [id].into_iter(), before)
    };
    assert!(existed("prod", "2024-06-01T00:00:00Z"));
    assert!(!existed("prod", "2024-01-01T00:00:00Z"), "that may be the call that made it");
    assert!(!existed("other", "2024-06-01T00:00:00Z"));
    let zones = |began: &str| {
        let began = Second::parse(began);
        inventory.zones_of("AWS::RDS::DBInstance", "111111111111", "eu-west-1", ["prod"].into_iter(), began).len()
    };
    assert_eq!(
        (zones("2023-12-31T23:50:00Z"), zones("2024-02-01T00:00:00Z"), zones("2023-01-01T00:00:00Z")),
        (2, 0, 0)
    );
}

#[test]
fn what_cannot_be_read_says_what_to_do() {
    for (text, expected) in [
        ("", "inventory is empty\nhint: was the file written to its end?"),
        (" \n", "inventory is empty\nhint: was the file written to its end?"),
        ("{\"Volumes\": [", "inventory is no JSON: line 1, column 13\nhint: save the output with --output json"),
        ("InstanceId i-1", "inventory is no JSON: line 1, column 1\nhint: save the output with --output json"),
        (
            "{\"Volumes\":[]}\n{\"Buckets\":[],\"\\u001b[31m\":{}}",
            "inventory has a shape that is not known: value 2 (31m, Buckets)",
        ),
        (
            "[{\"a\":1}]",
            "inventory has a shape that is not known: value 1 (a list of other things than configuration items)",
        ),
        ("3", "inventory has a shape that is not known: value 1 (a plain value)"),
        ("{}", "inventory has a shape that is not known: value 1 (an empty object)"),
    ] {
        let error = parse(text.as_bytes()).expect_err(text).to_string();
        assert!(error.starts_with(expected), "{text}: {error}");
        assert!(error.contains("\nhint: "), "{error}");
    }
    assert!(parse(&[0xff, 0xfe]).is_err());
    assert!(parse("[".repeat(10_000).as_bytes()).is_err(), "nested too deep");
    assert_eq!(parse(b"\xef\xbb\xbf[]"), Ok(Inventory::default()), "a page without resources");
}

#[test]
fn a_later_word_replaces_an_earlier_one() {
    let mut first = parse(br#"{"Subnets":[{"SubnetId":"subnet-1","AvailabilityZone":"eu-west-1a"}]}"#).expect("one");
    first.extend(parse(br#"{"Subnets":[{"SubnetId":"subnet-1","AvailabilityZone":"eu-west-1b"}]}"#).expect("another"));
    assert_eq!(first.zone_of_subnet("subnet-1"), Some("eu-west-1b"));
    assert!(!first.is_empty());
}
