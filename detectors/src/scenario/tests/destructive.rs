//! That each destructive scenario is true to its story.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::{Options, Record, generate, inventory};
use crate::time::Second;

const OPTIONS: fn(u64) -> Options = |seed| Options::new(seed, Second(1_764_060_000));
const SEEDS: std::ops::Range<u64> = 0..10;

/// A trail, each record with its JSON.
fn trail(name: &str, seed: u64) -> Vec<(Record, Value)> {
    let records = generate(name, &OPTIONS(seed)).expect("a scenario of this name");
    records
        .into_iter()
        .map(|record| {
            let value = serde_json::from_str(&record.json).expect("JSON");
            (record, value)
        })
        .collect()
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The destructive calls that the scenario is about and that took effect.
fn destruction(trail: &[(Record, Value)]) -> Vec<&(Record, Value)> {
    trail.iter().filter(|(record, value)| record.destructive && value["errorCode"].is_null()).collect()
}

/// The identifiers of instances that calls of a name and their answers list.
fn instances(trail: &[(Record, Value)], name: &str) -> Vec<(Second, String, String)> {
    let calls = trail.iter().filter(|(_, value)| value["eventName"] == name && value["errorCode"].is_null());
    calls
        .flat_map(|(record, value)| {
            let items = value["responseElements"]["instancesSet"]["items"].as_array().cloned().unwrap_or_default();
            items.into_iter().map(|item| {
                let zone = text(&item, "/placement/availabilityZone").to_owned();
                (record.time, text(&item, "/instanceId").to_owned(), zone)
            })
        })
        .collect()
}

#[test]
fn the_agent_works_in_china() {
    for seed in SEEDS {
        for (record, value) in trail("agent-rebuild", seed) {
            assert!(!record.json.contains("arn:aws:"), "{}", record.json);
            assert!(text(&value, "/awsRegion").starts_with("cn-"), "{}", record.json);
            if let Some(host) = value.pointer("/tlsDetails/clientProvidedHostHeader").and_then(Value::as_str) {
                assert!(host.ends_with(".amazonaws.com.cn"), "{host}");
            }
        }
    }
}

#[test]
fn a_batch_is_one_call_for_thirty_instances_in_three_zones() {
    for seed in SEEDS {
        let trail = trail("batch-terminate", seed);
        let calls = destruction(&trail);
        assert_eq!(calls.len(), 1);
        let zones: BTreeMap<String, String> =
            instances(&trail, "RunInstances").into_iter().map(|(_, id, zone)| (id, zone)).collect();
        let gone = instances(&trail, "TerminateInstances");
        assert_eq!(gone.iter().map(|(_, id, _)| id).collect::<BTreeSet<_>>().len(), 30);
        let known: Vec<&String> = gone.iter().filter_map(|(_, id, _)| zones.get(id)).collect();
        assert!((9..=30).contains(&known.len()), "{} zones are known", known.len());
        assert_eq!(known.into_iter().collect::<BTreeSet<_>>().len(), 3);
    }
}

#[test]
fn a_sweep_takes_an_instance_of_the_next_zone_every_fifty_seconds() {
    for seed in SEEDS {
        let trail = trail("zone-sweep", seed);
        let gone = instances(&trail, "TerminateInstances");
        assert!(gone.len() >= 25);
        assert!(gone.windows(2).all(|pair| (47..=54).contains(&(pair[1].0.0 - pair[0].0.0))), "seed {seed}");
        let zones: BTreeMap<String, String> =
            instances(&trail, "RunInstances").into_iter().map(|(_, id, zone)| (id, zone)).collect();
        let in_turn: Vec<&String> = gone.iter().take(9).map(|(_, id, _)| &zones[id]).collect();
        assert!(in_turn.windows(3).all(|three| three[0] != three[1] && three[1] != three[2] && three[0] != three[2]));
    }
}

#[test]
fn junk_is_launched_first_and_as_much_of_it_as_is_real() {
    for seed in SEEDS {
        let trail = trail("junk-first", seed);
        let first = destruction(&trail).first().expect("a termination").0.time;
        let junk = instances(&trail, "RunInstances").into_iter().filter(|(at, ..)| first.0 - at.0 < 3_600);
        let junk: BTreeSet<String> = junk.map(|(_, id, _)| id).collect();
        let gone = instances(&trail, "TerminateInstances");
        let real = gone.iter().filter(|(_, id, _)| !junk.contains(id)).count();
        assert!(real >= 18 && real == junk.len(), "seed {seed}: {real} real, {} junk", junk.len());
    }
}

#[test]
fn a_chain_of_roles_is_linked_by_access_keys_and_all_of_it_destroys() {
    for seed in SEEDS {
        let trail = trail("role-chain", seed);
        let mut parents = BTreeMap::new();
        for (record, value) in &trail {
            let key = text(value, "/responseElements/credentials/accessKeyId");
            if !key.is_empty() {
                parents.insert(
                    key.to_owned(),
                    (record.entity.clone(), text(value, "/userIdentity/accessKeyId").to_owned()),
                );
            }
        }
        let scenario = super::super::ALL.iter().find(|scenario| scenario.name == "role-chain").expect("a scenario");
        let origin = scenario.expectation(&OPTIONS(seed)).principal;
        let mut roles = BTreeSet::new();
        for (record, value) in destruction(&trail) {
            roles.insert(record.entity.clone());
            let mut key = text(value, "/userIdentity/accessKeyId").to_owned();
            let mut began = String::new();
            while let Some((entity, parent)) = parents.get(&key).filter(|(entity, _)| !entity.is_empty()) {
                (began, key) = (entity.clone(), parent.clone());
            }
            assert_eq!(began, origin, "seed {seed}");
        }
        assert_eq!(roles.len(), 3, "seed {seed}");
    }
}

#[test]
fn what_is_recreated_has_the_same_identifier() {
    for (name, delete, create, pointer) in [
        ("database-recreate", "DeleteDBInstance", "CreateDBInstance", "/requestParameters/dBInstanceIdentifier"),
        ("own-environment-rebuild", "DeleteTable", "CreateTable", "/requestParameters/tableName"),
        ("stack-recreate", "DeleteService", "CreateService", "/responseElements/service/serviceName"),
        (
            "stack-recreate-role",
            "DeleteReplicationGroup",
            "CreateReplicationGroup",
            "/requestParameters/replicationGroupId",
        ),
    ] {
        for seed in SEEDS {
            let trail = trail(name, seed);
            let mut gone: BTreeMap<String, bool> = BTreeMap::new();
            for (_, value) in trail.iter().filter(|(_, value)| value["errorCode"].is_null()) {
                let id = text(value, pointer).to_owned();
                if value["eventName"] == delete {
                    gone.insert(id, false);
                } else if value["eventName"] == create
                    && let Some(is_back) = gone.get_mut(&id)
                {
                    *is_back = true;
                }
            }
            assert!(gone.values().all(|is_back| *is_back), "{name} {seed}: {gone:?}");
            assert!(!gone.is_empty() || name == "stack-recreate-role", "{name} {seed}");
        }
    }
}

#[test]
fn the_same_role_made_what_it_rebuilds_thirty_days_before() {
    for seed in SEEDS {
        let trail = trail("own-environment-rebuild", seed);
        let (first, _) = *destruction(&trail).first().expect("a deletion");
        assert!(first.time.0 - OPTIONS(seed).start.0 >= 30 * 86_400);
        let made = |(record, value): &&(Record, Value)| {
            record.entity == first.entity && record.time.0 < first.time.0 - 86_400 && value["readOnly"] == false
        };
        assert!(trail.iter().filter(made).count() >= 25);
    }
}

#[test]
fn the_inventory_knows_what_the_rebuild_destroys() {
    for seed in SEEDS {
        let inventory: Value = serde_json::from_str(&inventory(&OPTIONS(seed))).expect("JSON");
        let results = inventory["Results"].as_array().expect("results");
        let items: Vec<Value> =
            results.iter().map(|item| serde_json::from_str(item.as_str().expect("text")).expect("JSON")).collect();
        let zones: BTreeMap<&str, &str> =
            items.iter().map(|item| (text(item, "/resourceId"), text(item, "/availabilityZone"))).collect();
        let trail = trail("own-environment-rebuild", seed);
        let launched = instances(&trail, "RunInstances").into_iter().map(|(_, id, zone)| (id, zone));
        let launched: BTreeMap<String, String> = launched.collect();
        for (_, id, _) in instances(&trail, "TerminateInstances") {
            assert_eq!(zones[id.as_str()], launched[&id], "seed {seed}");
        }
    }
}

#[test]
fn a_stack_is_taken_down_by_cloudformation() {
    for (name, session) in [("stack-recreate", None), ("stack-recreate-role", Some("/AWSCloudFormation"))] {
        for seed in SEEDS {
            let trail = trail(name, seed);
            let mut calls = destruction(&trail).into_iter();
            let (by, value) = calls.next().expect("a deletion");
            assert_eq!(value["eventName"], "DeleteStack");
            assert!(calls.len() >= 25, "{name} {seed}: {}", calls.len());
            for (record, value) in calls {
                assert_eq!(text(value, "/userIdentity/invokedBy"), "cloudformation.amazonaws.com");
                assert_eq!(text(value, "/sourceIPAddress"), "cloudformation.amazonaws.com");
                let arn = text(value, "/userIdentity/arn");
                match session {
                    Some(session) => assert!(arn.ends_with(session) && record.entity != by.entity, "{arn}"),
                    None => assert_eq!(record.entity, by.entity),
                }
            }
        }
    }
}

#[test]
fn a_wipe_reaches_three_regions_and_more() {
    for seed in SEEDS {
        let trail = trail("multi-region-wipe", seed);
        let calls = destruction(&trail);
        let regions: BTreeSet<&str> = calls.iter().map(|(_, value)| text(value, "/awsRegion")).collect();
        assert!((3..=4).contains(&regions.len()), "{regions:?}");
        let changes = calls.windows(2).filter(|pair| pair[0].1["awsRegion"] != pair[1].1["awsRegion"]).count();
        assert!(changes >= 3 * regions.len(), "seed {seed}: one region after the other, {changes} changes");
    }
}

#[test]
fn a_forger_says_of_old_things_that_he_makes_them() {
    for seed in SEEDS {
        let trail = trail("ownership-forged", seed);
        let gone = destruction(&trail);
        assert!(gone.len() >= 25);
        let forger = &gone[0].0.entity;
        let feigned = trail.iter().filter(|(record, value)| {
            record.entity == *forger
                && !record.destructive
                && value["readOnly"] == false
                && value["errorCode"].is_null()
        });
        assert_eq!(feigned.count(), gone.len(), "seed {seed}");
    }
}

#[test]
fn a_storm_destroys_nothing_and_names_targets_only_where_aws_does() {
    for seed in SEEDS {
        let trail = trail("denied-storm", seed);
        assert!(destruction(&trail).is_empty());
        let refused: Vec<&(Record, Value)> = trail.iter().filter(|(record, _)| record.destructive).collect();
        assert!(refused.len() >= 50);
        for (_, value) in refused {
            let is_ec2 = value["eventSource"] == "ec2.amazonaws.com";
            assert_eq!(value["requestParameters"].is_null(), !is_ec2, "{value}");
            let code = if is_ec2 { "Client.UnauthorizedOperation" } else { "AccessDenied" };
            assert_eq!(value["errorCode"], code);
            assert!(text(value, "/errorMessage").contains("because no identity-based policy allows the "), "{value}");
        }
    }
}

#[test]
fn terraform_goes_on_for_ten_minutes() {
    for seed in SEEDS {
        let trail = trail("terraform-destroy", seed);
        let calls: Vec<&(Record, Value)> = trail.iter().filter(|(record, _)| record.destructive).collect();
        let last = calls.iter().rfind(|(_, value)| value["errorCode"] == "Client.DependencyViolation");
        let seconds = last.expect("a dependency").0.time.0 - calls[0].0.time.0;
        assert!((600..900).contains(&seconds), "seed {seed}: {seconds}");
    }
}
