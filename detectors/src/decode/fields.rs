//! The top-level fields of what may be a wrapper, borrowed and not yet looked into.

use std::fmt;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// The fields that are read; a field's place in [`Fields`] is its number here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(field_identifier)]
pub(super) enum Field {
    #[serde(rename = "eventID")]
    EventId,
    #[serde(rename = "eventSource")]
    EventSource,
    #[serde(rename = "eventName")]
    EventName,
    #[serde(rename = "eventVersion")]
    EventVersion,
    #[serde(rename = "userIdentity")]
    UserIdentity,
    /// Of an S3 file, of a payload like one, or of a function's event: a list.
    Records,
    /// Of a Firehose or Kafka function's event: a list, or lists by topic.
    #[serde(rename = "records")]
    SmallRecords,
    /// Of what SQS answers: a list.
    Messages,
    /// Of a CloudWatch Logs subscription: a list.
    #[serde(rename = "logEvents")]
    LogEvents,
    /// Of a CloudWatch Logs subscription: whether it carries data.
    #[serde(rename = "messageType")]
    MessageType,
    /// Of a CloudWatch Logs event: a record as text.
    #[serde(rename = "message")]
    SmallMessage,
    /// Of a function's event from CloudWatch Logs.
    #[serde(rename = "awslogs")]
    AwsLogs,
    /// Of an SNS notification: its text.
    Message,
    /// Of a function's event from SNS: the notification.
    Sns,
    /// Of an SQS message in a function's event: its text.
    #[serde(rename = "body")]
    SmallBody,
    /// Of an SQS message as SQS answers it: its text.
    Body,
    /// Of a function's event from Kinesis.
    #[serde(rename = "kinesis")]
    Kinesis,
    /// Of a Kinesis or Firehose record: its bytes in base 64.
    #[serde(rename = "data")]
    SmallData,
    /// Of a Kinesis record as Kinesis answers it.
    Data,
    /// Of a Kafka record: its bytes in base 64.
    #[serde(rename = "value")]
    Value,
    /// Of an event of a log router: what it read.
    #[serde(rename = "_raw")]
    Raw,
    /// Of a LookupEvents page.
    Events,
    /// Of one item of such a page: a record as text.
    CloudTrailEvent,
    /// Of an EventBridge envelope: the record.
    #[serde(rename = "detail")]
    Detail,
    /// Of an EventBridge envelope: who says so.
    #[serde(rename = "source")]
    Source,
    /// Of an EventBridge envelope: whose event it is.
    #[serde(rename = "account")]
    Account,
    /// Of a digest of log files: where it lies.
    #[serde(rename = "digestS3Bucket")]
    DigestBucket,
    /// Any other; the last, so that its number is how many others there are.
    #[serde(other)]
    Other,
}

/// The fields of one JSON object. Of a field given twice the last counts, as in every reader that AWS and we know.
#[derive(Debug)]
pub(super) struct Fields<'a>([Option<&'a RawValue>; Field::Other as usize]);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;

        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = [None; Field::Other as usize];
                while let Some(field) = map.next_key::<Field>()? {
                    match fields.get_mut(field as usize) {
                        Some(slot) => *slot = Some(map.next_value::<&RawValue>()?),
                        None => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(FieldsVisitor)
    }
}

impl<'a> Fields<'a> {
    /// The field as JSON; nothing if it is absent or null.
    pub(super) fn raw(&self, field: Field) -> Option<&'a str> {
        let raw = (*self.0.get(field as usize)?)?.get();
        (raw != "null").then_some(raw)
    }

    /// The field as text; nothing if it is none.
    pub(super) fn text(&self, field: Field) -> Option<String> {
        serde_json::from_str(self.raw(field)?).ok()
    }

    /// Whether the object is a record: it has a field that only records have. Its fields are never taken for wrappers.
    pub(super) fn is_record(&self) -> bool {
        [Field::EventVersion, Field::EventName, Field::EventSource, Field::EventId, Field::UserIdentity]
            .into_iter()
            .any(|field| self.raw(field).is_some())
    }
}

/// Hands each element of a JSON array, unparsed, to a function until that says stop.
pub(super) fn each_element<'a>(
    array: &'a str,
    take: impl FnMut(&'a RawValue) -> bool,
) -> Result<(), serde_json::Error> {
    struct Elements<F>(F);

    impl<'de, F: FnMut(&'de RawValue) -> bool> Visitor<'de> for Elements<F> {
        type Value = ();

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("an array")
        }

        fn visit_seq<A: SeqAccess<'de>>(mut self, mut sequence: A) -> Result<(), A::Error> {
            while let Some(element) = sequence.next_element::<&RawValue>()? {
                if !(self.0)(element) {
                    while sequence.next_element::<IgnoredAny>()?.is_some() {}
                }
            }
            Ok(())
        }
    }

    serde_json::Deserializer::from_str(array).deserialize_seq(Elements(take))
}
