//! What an object wraps, told by its fields alone.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;

use super::fields::{Field, Fields};

/// What is inside an object.
pub(super) enum Opened<'a> {
    /// It is a record: nothing inside it is ever opened.
    Record,
    /// An EventBridge envelope around this.
    EventBridge(&'a str),
    /// A list of records, messages or wrappers.
    List(&'a str),
    /// Several lists.
    Lists(Vec<&'a str>),
    /// Another object.
    Object(&'a str),
    /// A text that holds documents.
    Text(String),
    /// Bytes that hold text, perhaps compressed.
    Bytes(Vec<u8>),
    /// A message that carries nothing: a sender's sign of life.
    Nothing,
    /// A digest, by which the log files of an hour are validated.
    Digest,
    /// No record, and nothing that we know.
    Unknown,
}

/// Opens one wrapper.
pub(super) fn opened<'a>(fields: &Fields<'a>) -> Opened<'a> {
    // Messages of SQS, Kinesis, Kafka and notifications of S3 have fields of a record's names.
    let source = fields.text(Field::EventSource).unwrap_or_default();
    if fields.is_record() && !source.starts_with("aws:") {
        return Opened::Record;
    }
    // A digest comes last: nothing that holds records passes for one.
    let digest = || fields.raw(Field::DigestBucket).map(|_| Opened::Digest);
    list(fields).or_else(|| message(fields)).or_else(digest).unwrap_or(Opened::Unknown)
}

fn list<'a>(fields: &Fields<'a>) -> Option<Opened<'a>> {
    if fields.text(Field::MessageType).as_deref() == Some("CONTROL_MESSAGE") {
        return Some(Opened::Nothing);
    }
    for field in [Field::Records, Field::Events, Field::LogEvents, Field::Messages, Field::SmallRecords] {
        match fields.raw(field) {
            Some(list) if list.starts_with('[') => return Some(Opened::List(list)),
            Some(topics) if field == Field::SmallRecords => {
                let topics: BTreeMap<&str, &'a RawValue> = serde_json::from_str(topics).ok()?;
                return Some(Opened::Lists(topics.into_values().map(RawValue::get).collect()));
            }
            _ => {}
        }
    }
    None
}

fn message<'a>(fields: &Fields<'a>) -> Option<Opened<'a>> {
    for field in [Field::Sns, Field::Kinesis, Field::AwsLogs, Field::Raw] {
        if let Some(object) = fields.raw(field).filter(|raw| raw.starts_with('{')) {
            return Some(Opened::Object(object));
        }
    }
    for field in
        [Field::CloudTrailEvent, Field::Message, Field::SmallMessage, Field::SmallBody, Field::Body, Field::Raw]
    {
        if let Some(text) = fields.text(field) {
            return Some(Opened::Text(text));
        }
    }
    for field in [Field::SmallData, Field::Data, Field::Value] {
        if let Some(bytes) = fields.text(field).and_then(|text| STANDARD.decode(text).ok()) {
            return Some(Opened::Bytes(bytes));
        }
    }
    fields.raw(Field::Detail).map(Opened::EventBridge)
}
