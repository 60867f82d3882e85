//! What every trail must be, whatever the seed: AWS's shape, in order, reproducible, and true to its story.

mod destructive;
mod figures;
mod lateness;
mod looks;
mod options;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::Value;

use super::{ALL, Options, Record, generate};
use crate::catalog::Catalog;
use crate::decode::decode;
use crate::time::Second;

const START: Second = Second(1_764_060_000);

fn trail(name: &str, seed: u64) -> Vec<Record> {
    // A short organisation, since these tests look at each record.
    let options = Options { duration_seconds: 15 * 60, rate: 1.0, principals: 20, ..Options::new(seed, START) };
    generate(name, &options).expect("a scenario of this name")
}

fn parsed(record: &Record) -> Value {
    serde_json::from_str(&record.json).expect("JSON")
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("{field} is no string in {value}"))
}

fn check_record(record: &Record) {
    let value = parsed(record);
    assert!(record.json.len() < 256 * 1024 && !record.json.contains('\n'));
    assert!(record.json.starts_with("{\"eventVersion\":\"1."), "fields are in AWS's order");
    for field in ["eventID", "requestID"] {
        let lengths: Vec<usize> = text(&value, field).split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12], "{field} is a UUID");
    }
    for field in ["eventSource", "eventName", "awsRegion", "sourceIPAddress", "userAgent"] {
        assert!(!text(&value, field).is_empty() && !text(&value, field).contains(['{', '}']), "{field} in {value}");
    }
    assert_eq!(text(&value, "eventType"), "AwsApiCall");
    assert_eq!(text(&value, "eventCategory"), "Management");
    assert_eq!(text(&value, "recipientAccountId").len(), 12);
    assert_eq!(Second::parse(text(&value, "eventTime")), Some(record.time));
    assert!(value["readOnly"].is_boolean() && value["managementEvent"] == true);
    let fields = value.as_object().expect("an object");
    assert!(fields.contains_key("requestParameters") && fields.contains_key("responseElements"));
    assert_eq!(fields.contains_key("errorCode"), fields.contains_key("errorMessage"));
    if fields.contains_key("errorCode") {
        assert!(value["responseElements"].is_null(), "a failed call has no response");
    }
    check_identity(record, &value["userIdentity"]);
}

fn check_identity(record: &Record, identity: &Value) {
    match text(identity, "type") {
        "AssumedRole" => {
            let issuer = &identity["sessionContext"]["sessionIssuer"];
            assert_eq!(text(issuer, "arn"), record.entity);
            assert!(text(identity, "principalId").starts_with(text(issuer, "principalId")));
            assert!(text(identity, "arn").contains(":assumed-role/"));
            let made = text(&identity["sessionContext"]["attributes"], "creationDate");
            assert!(Second::parse(made).expect("a time") <= record.time, "a session is older than its calls");
        }
        "IAMUser" => assert_eq!(text(identity, "arn"), record.entity),
        "AWSService" | "SAMLUser" | "WebIdentityUser" => assert!(record.entity.is_empty() && !record.destructive),
        other => panic!("an identity of type {other}"),
    }
}

fn check_trail(name: &str, seed: u64) {
    let records = trail(name, seed);
    // Some look-alikes show themselves only over hours, or in what they amount to.
    let (records_max, minutes_max) = match name {
        "ci-environments" | "snapshot-rotation" => (12_000, 10 * 60),
        "function-dev-loop" => (12_000, 4 * 60),
        "node-consolidation" => (12_000, 26 * 60),
        "autoscaling" => (4_000, 90),
        "organisation" | "read-storm" => (70_000, 62),
        _ => (4_000, 70),
    };
    assert!((200..records_max).contains(&records.len()), "{name} {seed}: {} records", records.len());
    let begins_after_seconds = records[0].time.0 - START.0;
    assert!((0..60).contains(&begins_after_seconds), "{name} {seed}: begins after {begins_after_seconds} s");
    assert!(records.is_sorted_by_key(|record| record.time));
    // What a trail shows of the time before lies hours or days back.
    let gaps = records.windows(2).filter(|pair| pair[1].time.0 - pair[0].time.0 > 3_600);
    let since = gaps.map(|pair| pair[1].time).max().unwrap_or(START);
    let minutes = (records[records.len() - 1].time.0 - since.0) / 60;
    assert!((10..=minutes_max).contains(&minutes), "{name} {seed}: {minutes} minutes");
    let ids: BTreeSet<String> = records.iter().map(|record| text(&parsed(record), "eventID").to_owned()).collect();
    assert_eq!(ids.len(), records.len(), "event ids are unique");
    records.iter().for_each(check_record);
    for record in &records {
        let decoded = decode(record.json.as_bytes(), record.time.millis(), Catalog::built_in());
        assert!(decoded.rejects.is_empty(), "{name} {seed}: {:?} in {}", decoded.rejects, record.json);
    }
    let scenario = ALL.iter().find(|scenario| scenario.name == name).expect("a scenario");
    let first = || records.iter().find(|record| record.destructive).map(|record| record.entity.clone());
    let principal = if scenario.destructive {
        scenario.expectation(&Options::new(seed, START)).principal
    } else {
        first().unwrap_or_default()
    };
    assert!(records.iter().any(|record| record.entity == principal), "{name} {seed}: {principal} makes calls");
    let leading: BTreeSet<&str> =
        records.iter().filter(|record| record.destructive).map(|record| record.entity.as_str()).collect();
    match name {
        // Roles that others put to use.
        "role-chain" | "stack-recreate-role" => assert!((2..=4).contains(&leading.len()), "{name} {seed}: {leading:?}"),
        "organisation" | "read-storm" => assert!(leading.is_empty(), "{name} {seed}: nobody destroys: {leading:?}"),
        _ => assert_eq!(leading, [principal.as_str()].into(), "{name} {seed}: one principal is in the lead"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn every_seed_gives_a_sound_trail(seed: u64, number in 0..ALL.len()) {
        check_trail(ALL[number].name, seed);
    }
}

#[test]
fn a_developer_whose_day_is_done_before_the_trail_is_leaves_no_night_in_it() {
    check_trail("function-dev-loop", 7_312_879_621_870_145_558);
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_another_trail() {
    for scenario in ALL {
        assert_eq!(trail(scenario.name, 7), trail(scenario.name, 7));
        let [one, other] = [7, 8].map(|seed| parsed(&trail(scenario.name, seed)[0]));
        assert_ne!(one["recipientAccountId"], other["recipientAccountId"]);
        assert_ne!(one["eventID"], other["eventID"]);
    }
    assert_eq!(generate("no-such-scenario", &Options::new(7, START)), None);
}

#[test]
fn scenarios_of_one_seed_share_no_event_id() {
    let ids = ALL.iter().flat_map(|scenario| trail(scenario.name, 3));
    let ids: Vec<String> = ids.map(|record| text(&parsed(&record), "eventID").to_owned()).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
}

/// Successful calls of the principal in the lead, by name.
fn leading_calls(records: &[Record]) -> BTreeMap<String, Vec<Value>> {
    let entity = records.iter().find(|record| record.destructive).map(|record| record.entity.clone());
    let mut calls: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for record in records.iter().filter(|record| Some(&record.entity) == entity.as_ref()) {
        let value = parsed(record);
        if value["errorCode"].is_null() {
            calls.entry(text(&value, "eventName").to_owned()).or_default().push(value);
        }
    }
    calls
}

fn named(calls: &BTreeMap<String, Vec<Value>>, name: &str, field: &str) -> BTreeSet<String> {
    calls.get(name).into_iter().flatten().map(|call| text(&call["requestParameters"], field).to_owned()).collect()
}

#[test]
fn the_agent_deletes_and_creates_again_what_stood_in_three_zones() {
    for seed in 0..12 {
        let records = trail("agent-rebuild", seed);
        let first = records.iter().position(|record| record.destructive).expect("a deletion");
        assert!(first * 3 <= records.len(), "seed {seed}: {first} of {}", records.len());
        let calls = leading_calls(&records);
        for (delete, create, field) in [
            ("DeleteDBInstance", "CreateDBInstance", "dBInstanceIdentifier"),
            ("DeleteTable", "CreateTable", "tableName"),
        ] {
            let gone = named(&calls, delete, field);
            assert!(!gone.is_empty());
            assert_eq!(gone, named(&calls, create, field), "seed {seed}");
        }
        let mut zones: BTreeMap<String, usize> = BTreeMap::new();
        for call in records.iter().map(parsed).filter(|call| call["eventName"] == "RunInstances") {
            let placement = &call["responseElements"]["instancesSet"]["items"][0]["placement"];
            if text(&call["userIdentity"]["sessionContext"]["sessionIssuer"], "arn").contains("/aws-service-role/") {
                *zones.entry(text(placement, "availabilityZone").to_owned()).or_default() += 1;
            }
        }
        assert_eq!(zones.len(), 3);
        assert!(zones.values().all(|instances| *instances >= 3));
    }
}

#[test]
fn a_rotating_role_shows_no_session_for_long_and_nobody_who_assumed_it() {
    let records = trail("session-rotation", 5);
    let role = records.iter().find(|record| record.destructive).map(|record| record.entity.clone()).expect("a role");
    let mut run = (String::new(), 0);
    for value in records.iter().filter(|record| record.entity == role).map(parsed) {
        let session = text(&value["userIdentity"], "principalId").to_owned();
        run = if run.0 == session { (session, run.1 + 1) } else { (session, 1) };
        // A throttled call is repeated in its session.
        assert!(run.1 <= 6 + 3 * 6);
    }
    let assumed = |value: &Value| value["requestParameters"]["roleArn"] == role.as_str();
    assert!(!records.iter().map(parsed).any(|value| assumed(&value)));
    let sessions: BTreeSet<String> =
        records.iter().filter(|r| r.destructive).map(|r| text(&parsed(r)["userIdentity"], "arn").to_owned()).collect();
    assert!(sessions.len() >= 5, "{sessions:?}");
}

#[test]
fn a_ci_run_destroys_only_what_it_created_itself() {
    for seed in 0..8 {
        let calls = leading_calls(&trail("ci-environments", seed));
        let created = named(&calls, "CreateTable", "tableName");
        assert_eq!(named(&calls, "DeleteTable", "tableName"), created);
        assert!(named(&calls, "DeleteDBInstance", "dBInstanceIdentifier").is_subset(&named(
            &calls,
            "CreateDBInstance",
            "dBInstanceIdentifier"
        )));
        assert_eq!(calls["TerminateInstances"].len(), calls["RunInstances"].len());
    }
}

#[test]
fn a_rolling_replacement_launches_before_it_terminates() {
    for seed in 0..8 {
        let records = trail("rolling-replace", seed);
        let mut balance = 0;
        let mut terminations = Vec::new();
        for (record, value) in records.iter().map(|record| (record, parsed(record))) {
            match (text(&value, "eventName"), value["errorCode"].is_null()) {
                ("RunInstances", true) => balance += 1,
                ("TerminateInstances", true) => {
                    balance -= 1;
                    terminations.push(record.time.0);
                }
                _ => {}
            }
            assert!((0..=1).contains(&balance));
        }
        assert!(terminations[terminations.len() - 1] - terminations[0] >= 25 * 60, "seed {seed}");
    }
}

#[test]
fn terraform_works_on_ten_things_at_once_and_repeats_what_failed() {
    let records: Vec<Record> = (0..6).flat_map(|seed| trail("terraform-destroy", seed)).collect();
    let busiest = records
        .iter()
        .filter(|record| record.destructive)
        .fold(BTreeMap::<i64, usize>::new(), |mut seconds, record| {
            *seconds.entry(record.time.0 / 5).or_default() += 1;
            seconds
        })
        .into_values()
        .max();
    assert!(busiest >= Some(8), "{busiest:?}");
    let codes: BTreeSet<String> =
        records.iter().filter_map(|record| parsed(record)["errorCode"].as_str().map(str::to_owned)).collect();
    for code in ["Client.DependencyViolation", "ResourceInUse", "Client.RequestLimitExceeded"] {
        assert!(codes.contains(code), "{code} is not in {codes:?}");
    }
}

#[test]
fn a_refused_call_is_recorded_as_an_explicit_deny() {
    let records = trail("agent-rebuild", 11);
    for record in records.iter().filter(|record| record.destructive) {
        let (allowed, refused) = (parsed(record), parsed(&record.refused()));
        check_record(&record.refused());
        let (code, keeps) = match text(&allowed, "eventSource") {
            "ec2.amazonaws.com" => ("Client.UnauthorizedOperation", true),
            _ => ("AccessDenied", false),
        };
        assert_eq!(text(&refused, "errorCode"), code);
        let message = text(&refused, "errorMessage");
        assert!(message.contains(&format!("User: {} is not authorized", text(&allowed["userIdentity"], "arn"))));
        assert!(message.contains("with an explicit deny in an identity-based policy"));
        assert!(refused["responseElements"].is_null());
        assert_eq!(
            refused["requestParameters"],
            if keeps { allowed["requestParameters"].clone() } else { Value::Null }
        );
        assert_ne!(refused["eventID"], allowed["eventID"]);
        assert_eq!(record.refused(), record.refused());
        assert_eq!((record.time, &record.entity), (record.refused().time, &record.refused().entity));
    }
    let first = records.iter().find(|record| record.json.contains("DeleteDBInstance")).expect("a database").refused();
    let message = parsed(&first)["errorMessage"].to_string();
    assert!(message.contains("perform: rds:DeleteDBInstance on resource: arn:aws-cn:rds:"), "{message}");
}

/// Seeds to try: those that `TRAILBRAKE_SEEDS` names (`FIRST..END`), or a few.
fn seeds(usual: std::ops::Range<u64>) -> std::ops::Range<u64> {
    let asked = std::env::var("TRAILBRAKE_SEEDS").ok();
    let range = asked.as_deref().and_then(|asked| asked.split_once(".."));
    range.map_or(usual, |(first, end)| {
        let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("TRAILBRAKE_SEEDS is FIRST..END: {text}"));
        number(first)..number(end)
    })
}
