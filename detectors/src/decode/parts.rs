//! The top-level fields of a record.

use super::dialect::cut;
use super::node::{Node, Shape};
use crate::event::Text;

/// The fields that are read; a field's place in [`Parts`] is its number here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    EventId,
    EventTime,
    EventSource,
    EventName,
    EventVersion,
    EventType,
    AwsRegion,
    UserIdentity,
    RequestParameters,
    ResponseElements,
    ErrorCode,
    ReadOnly,
    RecipientAccountId,
    SharedEventId,
    RequestId,
    UserAgent,
    SourceIpAddress,
}

const COUNT: usize = Part::SourceIpAddress as usize + 1;

impl Part {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "eventID" => Self::EventId,
            "eventTime" => Self::EventTime,
            "eventSource" => Self::EventSource,
            "eventName" => Self::EventName,
            "eventVersion" => Self::EventVersion,
            "eventType" => Self::EventType,
            "awsRegion" => Self::AwsRegion,
            "userIdentity" => Self::UserIdentity,
            "requestParameters" => Self::RequestParameters,
            "responseElements" => Self::ResponseElements,
            "errorCode" => Self::ErrorCode,
            "readOnly" => Self::ReadOnly,
            "recipientAccountId" => Self::RecipientAccountId,
            "sharedEventID" => Self::SharedEventId,
            "requestID" => Self::RequestId,
            "userAgent" => Self::UserAgent,
            "sourceIPAddress" => Self::SourceIpAddress,
            _ => return None,
        })
    }
}

/// A field is neither a plain value nor absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotPlain;

/// The fields of one record. Of a field given twice the last counts, as in every reader that AWS and we know.
#[derive(Debug)]
pub(super) struct Parts<'v>([Option<Node<'v>>; COUNT]);

impl<'v> Parts<'v> {
    /// The fields of an object.
    pub(super) fn of(value: Node<'v>) -> Option<Self> {
        let mut parts = [None; COUNT];
        for (key, inner) in value.as_object()?.entries() {
            if let Some(slot) = Part::named(key).and_then(|part| parts.get_mut(part as usize)) {
                *slot = Some(inner);
            }
        }
        Some(Self(parts))
    }

    /// The field; nothing if it is absent or null.
    pub(super) fn get(&self, part: Part) -> Option<Node<'v>> {
        let value = (*self.0.get(part as usize)?)?;
        (!value.is_null()).then_some(value)
    }

    /// The field as text: empty if absent or null, a number or truth value as it is written.
    pub(super) fn text(&self, part: Part) -> Result<&'v str, NotPlain> {
        let Some(value) = self.get(part) else { return Ok("") };
        match value.shape() {
            Shape::Text(text) => Ok(text),
            _ => value.plain().ok_or(NotPlain),
        }
    }

    /// The field as text, as much as is kept of one.
    pub(super) fn kept(&self, part: Part) -> Result<Text, NotPlain> {
        self.text(part).map(cut)
    }

    /// Whether the object is a record: it has a field that only records have. Its fields are never taken for wrappers.
    pub(super) fn is_record(&self) -> bool {
        [Part::EventVersion, Part::EventName, Part::EventSource, Part::EventId, Part::UserIdentity]
            .into_iter()
            .any(|part| self.get(part).is_some())
    }

    /// Whether it is a message of S3, SQS, Kinesis or Kafka, which have fields of the same names.
    pub(super) fn is_message(&self) -> bool {
        self.get(Part::EventSource).and_then(Node::as_str).is_some_and(|source| source.starts_with("aws:"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tape::Tape;
    use super::*;

    #[test]
    fn of_a_field_given_twice_the_last_counts() {
        let mut tape = Tape::default();
        let text = r#"{"eventName":"GetUser","x":{"eventName":"A"},"event\u004eame":"DeleteUser"}"#;
        let document = tape.read(text).expect("JSON");
        let parts = Parts::of(Node::of(&document)).expect("an object");
        assert_eq!(parts.text(Part::EventName), Ok("DeleteUser"));
        assert!(parts.is_record());
    }

    #[test]
    fn plain_values_are_texts() {
        let cases = [
            (r#""a""#, Ok("a")),
            (r#""a\"b""#, Ok("a\"b")),
            (r#""""#, Ok("")),
            (r#""x\ud800""#, Ok("x\u{fffd}")),
            ("null", Ok("")),
            ("12", Ok("12")),
            ("1e999", Ok("1e999")),
            ("true", Ok("true")),
            ("[1]", Err(NotPlain)),
            ("{}", Err(NotPlain)),
        ];
        for (raw, expected) in cases {
            let text = format!(r#"{{"userAgent":{raw}}}"#);
            let mut tape = Tape::default();
            let document = tape.read(&text).expect("JSON");
            let parts = Parts::of(Node::of(&document)).expect("an object");
            assert_eq!(parts.text(Part::UserAgent), expected, "{raw}");
        }
    }
}
