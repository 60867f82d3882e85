//! Reads are dropped and lists cut up by their bytes: that must come to what reading every record in full comes to.

use std::fmt;
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Deserializer, json};

use super::corpus::say;
use super::{NOW, assert_adds_up, record};
use crate::catalog::Catalog;
use crate::decode::{Decoded, RejectReason, decode};
use crate::event::Event;

/// Payloads tried where nothing says for how long.
const ROUNDS: u64 = 3_000;

/// Values that stand where they should not.
const VALUES: [&str; 24] = [
    "null",
    "5",
    "true",
    "false",
    "\"true\"",
    "\"False\"",
    "\"\"",
    "[]",
    "{}",
    "\"GetUser\"",
    "\"DeleteUser\"",
    "\"\\u0044eleteUser\"",
    "\"Get\\u0055ser\"",
    "\"a\\\\\"",
    "\"}\"",
    "\"{\"",
    "\"},{\"",
    "\"x\\\"eventName\\\":1\"",
    "{\"eventVersion\":\"1.08\"}",
    "[{\"eventVersion\":\"1.08\",\"eventName\":\"DeleteUser\"}]",
    "{\"readOnly\":true}",
    "{\"readOnly\":false,\"eventName\":\"DeleteUser\"}",
    "\"2025-12-31T23:59:59.5Z\"",
    "\"aws:s3\"",
];

/// Keys that count, some of them written so that it is not plain to see.
const KEYS: [&str; 22] = [
    "eventVersion",
    "eventName",
    "eventTime",
    "eventID",
    "eventSource",
    "eventType",
    "eventCategory",
    "readOnly",
    "userIdentity",
    "requestParameters",
    "responseElements",
    "awsRegion",
    "errorCode",
    "event\\u004eame",
    "\\u0072eadOnly",
    "event\\\\Name",
    "eventname",
    "Records",
    "detail",
    "message",
    "recipientAccountId",
    "x",
];

/// What stands between records that is none.
const STRAYS: [&str; 9] =
    ["{}", "5", "\"x\"", "[]", "null", "{\"a\":[{}]}", "[[{\"eventVersion\":\"1\"}]]", "{\"eventVersion\":\"1\"}", "{"];

/// Bytes of JSON.
const MARKS: [&str; 14] = ["{", "}", "[", "]", "\"", ",", ":", "\\", " ", "\n", "0", "e", "\u{1}", "é"];

/// The fields of a record, each as it is written.
#[derive(Clone)]
struct Fields(Vec<(String, String)>);

impl Fields {
    fn of(text: &str) -> Self {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, &RawValue>()? {
                    fields.push((key, value.get().to_owned()));
                }
                // AWS writes this one first.
                fields.sort_by_key(|(key, _)| key != "eventVersion");
                Ok(Fields(fields))
            }
        }

        Deserializer::from_str(text).deserialize_map(InOrder).expect("a record")
    }

    fn write(&self, rng: &mut Rng) -> String {
        let blank = if rng.u8(..4) == 0 { [" ", "\n", "\t", ""][rng.usize(..4)] } else { "" };
        let field = |(key, value): &(String, String)| format!("\"{key}\"{blank}:{blank}{value}");
        let fields: Vec<String> = self.0.iter().map(field).collect();
        format!("{{{}{blank}}}", fields.join(&format!("{blank},{blank}")))
    }

    fn mutate(&mut self, rng: &mut Rng) {
        let count = self.0.len();
        let one = rng.usize(..count);
        let value = VALUES[rng.usize(..VALUES.len())].to_owned();
        match rng.u8(..9) {
            0 => self.0.swap(one, rng.usize(..count)),
            1 => drop(self.0.remove(one)),
            2 => self.0[one].1 = value,
            3 => self.0[one].1 = format!("{{\"{}\":{}}}", self.0[one].0, self.0[one].1),
            4 => self.0[one].1 = format!("[{}]", self.0[one].1),
            5 => self.0.insert(one, self.0[rng.usize(..count)].clone()),
            6 => self.0.insert(one, (KEYS[rng.usize(..KEYS.len())].to_owned(), value)),
            7 => self.0[one].0 = KEYS[rng.usize(..KEYS.len())].to_owned(),
            _ => {
                let inner = format!("{{\"{}\":{}}}", KEYS[rng.usize(..KEYS.len())], value);
                self.0
                    .iter_mut()
                    .filter(|(key, _)| key == "requestParameters")
                    .for_each(|(_, raw)| *raw = inner.clone());
            }
        }
        if self.0.is_empty() {
            self.0.push(("eventVersion".to_owned(), "\"1.11\"".to_owned()));
        }
    }
}

fn seeds() -> Vec<Fields> {
    let filters = json!({"filterSet": {"items": [{"name": "vpc-id", "valueSet": {"items": [{"value": "vpc-1"}]}}]}});
    let records = [
        record("ec2:DescribeVolumes", &json!({"readOnly": true, "requestParameters": filters})),
        record("iam:GetUser", &json!({"readOnly": true, "errorCode": "NoSuchEntity", "errorMessage": "no \"user\""})),
        record("kms:Decrypt", &json!({"readOnly": "true", "resources": [{"ARN": "arn:aws:kms:::key/1"}, {"a": 1}]})),
        record("s3:ListBuckets", &json!({})),
        record(
            "ec2:TerminateInstances",
            &json!({"requestParameters": {"instancesSet": {"items": [{"instanceId": "i-1"}]}}}),
        ),
        record("iam:DeleteUser", &json!({"requestParameters": {"userName": "anna"}})),
        record("x:DeleteThing", &json!({"readOnly": true, "requestParameters": {"thingName": "t"}})),
        record(
            "sts:AssumeRole",
            &json!({"readOnly": true, "responseElements": {"credentials": {"accessKeyId": "ASIA2"}}}),
        ),
    ];
    records.iter().map(|record| Fields::of(&record.to_string())).collect()
}

/// Records of which most are whole, in one of the forms that are cut up without being parsed, perhaps damaged.
fn payload(seeds: &[Fields], rng: &mut Rng) -> String {
    let mut parts: Vec<String> = Vec::new();
    for _ in 0..rng.usize(1..6) {
        let mut fields = seeds[rng.usize(..seeds.len())].clone();
        if rng.bool() {
            (0..rng.usize(1..4)).for_each(|_| fields.mutate(rng));
        }
        parts.push(fields.write(rng));
        if rng.u8(..12) == 0 {
            parts.push(STRAYS[rng.usize(..STRAYS.len())].to_owned());
        }
    }
    let mut text = match rng.u8(..3) {
        0 => parts.join("\n"),
        1 => format!("{{\"Records\":[{}]}}", parts.join(",")),
        _ => format!("{{ \"Records\" : [\n{}\n] }}", parts.join(" ,\n")),
    };
    if rng.u8(..4) == 0 {
        let at = text.floor_char_boundary(rng.usize(..=text.len()));
        match rng.u8(..3) {
            0 => text.insert_str(at, MARKS[rng.usize(..MARKS.len())]),
            1 => text.truncate(at),
            _ => drop(text.drain(at..text.ceil_char_boundary((at + rng.usize(1..40)).min(text.len())))),
        }
    }
    text
}

/// The same, but that no record begins as AWS writes it: so nothing is dropped or cut up unread.
fn in_full(payload: &str) -> String {
    payload.replace("{\"eventVersion\"", "{\"\":null,\"eventVersion\"")
}

fn told(decoded: &Decoded) -> (&[Event], Vec<(RejectReason, usize)>, u64, u64) {
    let rejects = decoded.rejects.iter().map(|reject| (reject.reason, reject.record)).collect();
    (&decoded.events, rejects, decoded.received, decoded.ignored)
}

#[test]
fn no_shortcut_changes_what_is_decoded() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (seconds, seed) = (number("TRAILBRAKE_FUZZ_SECONDS"), number("TRAILBRAKE_FUZZ_SEED").unwrap_or(7));
    let (begun, mut rng, seeds) = (Instant::now(), Rng::with_seed(seed), seeds());
    let (mut rounds, mut whole, mut events, mut ignored) = (0_u64, 0_u64, 0, 0);
    while seconds.map_or(rounds < ROUNDS, |seconds| begun.elapsed() < Duration::from_secs(seconds)) {
        let text = payload(&seeds, &mut rng);
        let short = decode(text.as_bytes(), NOW, Catalog::built_in());
        let full = decode(in_full(&text).as_bytes(), NOW, Catalog::built_in());
        assert_adds_up(&short);
        if Deserializer::from_str(&text).into_iter::<IgnoredAny>().all(|document| document.is_ok()) {
            assert_eq!(told(&short), told(&full), "seed {seed}, round {rounds}: {text}");
            assert_eq!(short.newest, full.newest, "seed {seed}, round {rounds}: {text}");
            whole += 1;
        } else {
            // Of what is damaged more may be read by the short way, never less.
            let mut rest = short.events.iter();
            let is_there = |event: &Event| rest.any(|other| other == event);
            assert!(full.events.iter().all(is_there), "seed {seed}, round {rounds}: {text}");
        }
        (rounds, events, ignored) = (rounds + 1, events + short.events.len(), ignored + short.ignored);
    }
    say(&format!("{rounds} payloads, {whole} of them undamaged, {events} events, {ignored} records ignored"));
    assert!(whole > rounds / 2 && events as u64 > rounds / 2 && ignored > rounds / 2, "all ways are gone");
}
