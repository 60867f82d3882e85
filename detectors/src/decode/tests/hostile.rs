//! Decoding is total: whatever the bytes are, it ends, within bounds, and the accounts add up.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{NOW, assert_adds_up, record};
use crate::catalog::Catalog;
use crate::decode::{Decoded, decode};
use crate::limits::{ALIASES_PER_RESOURCE_MAX, RESOURCES_PER_EVENT_MAX, STRING_BYTES_MAX};

/// Payloads from which mutations start: each wrapper, each dialect.
fn seeds() -> Vec<Vec<u8>> {
    let one = record(
        "ec2:DeleteFlowLogs",
        &json!({"requestParameters":
        {"DeleteFlowLogsRequest": {"FlowLogId": {"tag": 1, "content": "fl-1"}}}}),
    );
    let two = record(
        "ec2:RunInstances",
        &json!({"responseElements": {"instancesSet": {"items": [
        {"instanceId": "i-1", "subnetId": "subnet-1", "placement": {"availabilityZone": "eu-central-1b"}}]}}}),
    );
    let three = record("rolesanywhere:DeleteProfile", &json!({"requestParameters": {"profileId": "p%2F1"}}));
    let lines = [&one, &two, &three].map(Value::to_string).join("\n");
    vec![
        json!({"Records": [one, two, three]}).to_string().into(),
        json!({"Events": [{"CloudTrailEvent": one.to_string()}]}).to_string().into(),
        json!({"source": "aws.ec2", "account": "123456789012", "detail": two}).to_string().into(),
        format!("{one:#}").into(),
        lines.into(),
    ]
}

fn assert_total(payload: &[u8]) -> Decoded {
    let decoded = decode(payload, NOW, Catalog::built_in());
    assert_adds_up(&decoded);
    assert!(decoded.received > 0 || payload.windows(2).any(|pair| pair == b"[]"), "nothing vanishes: {payload:?}");
    for event in &decoded.events {
        assert!(event.name.len() <= STRING_BYTES_MAX && event.resources.len() <= RESOURCES_PER_EVENT_MAX);
        for mention in &event.resources {
            let aliases = &mention.aliases;
            assert!(!aliases.is_empty() && aliases.len() <= ALIASES_PER_RESOURCE_MAX, "{mention:?}");
            assert!(aliases.iter().all(|alias| !alias.is_empty() && alias.len() <= STRING_BYTES_MAX), "{mention:?}");
            assert!(aliases.windows(2).all(|pair| pair[0] < pair[1]), "sorted, distinct: {mention:?}");
        }
    }
    decoded
}

/// JSON of any shape, with the words that decoding looks for.
fn any_json() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        Just("Delete"),
        Just("items"),
        Just("tag"),
        Just("content"),
        Just("name"),
        Just("instanceId"),
        Just("key"),
        Just("value"),
        Just("DeleteThingRequest"),
        Just("thing"),
        Just("subnetId"),
        Just("arn:aws:x:::a/b:c"),
        Just("%41%"),
        Just("é"),
        Just(""),
    ]
    .prop_map(str::to_owned);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 48, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((word.clone(), inner), 0..5)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_decoded(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        assert_total(&bytes);
    }

    #[test]
    fn compressed_nonsense_is_decoded(mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        bytes.splice(0..0, *b"\x1f\x8b\x08\x00");
        assert_total(&bytes);
    }

    #[test]
    fn mutated_payloads_are_decoded(
        seed in 0_usize..5,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..3), 1..12),
        end in any::<prop::sample::Index>(),
        cut_off in any::<bool>(),
    ) {
        let mut payload = seeds().swap_remove(seed);
        for (index, byte, edit) in edits {
            let at = index.index(payload.len());
            match edit {
                0 => payload[at] = byte,
                1 => payload.insert(at, byte),
                _ => drop(payload.remove(at)),
            }
        }
        if cut_off {
            payload.truncate(end.index(payload.len()));
        }
        assert_total(&payload);
    }

    #[test]
    fn parameters_of_any_shape_are_decoded(
        name in prop::sample::select(vec![
            "ec2:TerminateInstances", "ec2:RunInstances", "rds:DeleteDBInstance", "ecs:DeleteService",
            "route53:ChangeResourceRecordSets", "x:DeleteThing", "x:CreateThing",
        ]),
        request in any_json(), response in any_json(), identity in any_json(),
    ) {
        let known = record(name, &json!({"requestParameters": request, "responseElements": response}));
        let decoded = assert_total(known.to_string().as_bytes());
        prop_assert!(decoded.rejects.is_empty(), "no parameter makes a call invisible: {:?}", decoded.rejects);
        if matches!(name, "x:DeleteThing" | "rds:DeleteDBInstance" | "ecs:DeleteService" | "ec2:TerminateInstances") {
            prop_assert_eq!(decoded.events.len(), 1);
        }
        assert_total(record(name, &json!({"userIdentity": identity})).to_string().as_bytes());
    }
}
