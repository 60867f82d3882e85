//! What decoding promises, by examples; by the corpus, where it is there; and for any bytes at all.

mod corpus;
mod envelopes;
mod events;
mod filter;
mod hostile;
mod links;
mod shortcuts;
mod starts;
mod tape;

use serde_json::{Value, json};

use super::{Decoded, RejectReason, decode};
use crate::catalog::Catalog;
use crate::event::Event;
use crate::time::Millis;

/// 2026-01-01T00:00:00Z.
const NOW: Millis = Millis(1_767_225_600_000);

fn decoded(payload: impl AsRef<[u8]>) -> Decoded {
    let decoded = decode(payload.as_ref(), NOW, Catalog::built_in());
    assert_adds_up(&decoded);
    decoded
}

fn assert_adds_up(decoded: &Decoded) {
    let parts =
        [decoded.events.len() as u64, decoded.rejects.len() as u64, decoded.rejects_undescribed, decoded.ignored];
    assert_eq!(decoded.received, parts.iter().sum::<u64>(), "accounts of {decoded:?}");
}

fn reasons(decoded: &Decoded) -> Vec<RejectReason> {
    decoded.rejects.iter().map(|reject| reject.reason).collect()
}

/// A record of one call by a session of a role, with everything that matters to be overridden.
fn record(action: &str, overrides: &Value) -> Value {
    let (service, name) = action.split_once(':').expect("service:Action");
    let mut record = json!({
        "eventVersion": "1.09", "eventID": "e-1", "requestID": "r-1", "eventTime": "2025-12-31T23:59:00Z",
        "eventSource": format!("{service}.amazonaws.com"), "eventName": name, "awsRegion": "eu-central-1",
        "sourceIPAddress": "192.0.2.1", "userAgent": "test", "readOnly": false, "eventType": "AwsApiCall",
        "recipientAccountId": "123456789012", "requestParameters": null, "responseElements": null,
        "userIdentity": {"type": "AssumedRole", "principalId": "AROA1:s", "accountId": "123456789012",
                         "arn": "arn:aws:sts::123456789012:assumed-role/r/s", "accessKeyId": "ASIA1"}
    });
    for (key, value) in overrides.as_object().expect("an object") {
        record[key] = value.clone();
    }
    record
}

/// The event of a record, or nothing if it bears on nothing.
fn event(action: &str, request: Value, response: Value, overrides: &Value) -> Option<Event> {
    let mut record = record(action, overrides);
    record["requestParameters"] = request;
    record["responseElements"] = response;
    let mut decoded = decoded(record.to_string());
    assert_eq!(decoded.rejects, [], "{action}");
    decoded.events.pop()
}
