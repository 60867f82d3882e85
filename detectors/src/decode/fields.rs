//! The top-level fields of a record or of a wrapper, borrowed and not yet looked into.

use std::borrow::Cow;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::dialect::cut;

/// The fields that are read; a field's place in [`Fields`] is its number here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(field_identifier)]
pub(super) enum Field {
    #[serde(rename = "eventID")]
    EventId,
    #[serde(rename = "eventTime")]
    EventTime,
    #[serde(rename = "eventSource")]
    EventSource,
    #[serde(rename = "eventName")]
    EventName,
    #[serde(rename = "eventVersion")]
    EventVersion,
    #[serde(rename = "eventType")]
    EventType,
    #[serde(rename = "awsRegion")]
    AwsRegion,
    #[serde(rename = "userIdentity")]
    UserIdentity,
    #[serde(rename = "requestParameters")]
    RequestParameters,
    #[serde(rename = "responseElements")]
    ResponseElements,
    #[serde(rename = "errorCode")]
    ErrorCode,
    #[serde(rename = "readOnly")]
    ReadOnly,
    #[serde(rename = "recipientAccountId")]
    RecipientAccountId,
    #[serde(rename = "sharedEventID")]
    SharedEventId,
    #[serde(rename = "requestID")]
    RequestId,
    #[serde(rename = "userAgent")]
    UserAgent,
    #[serde(rename = "sourceIPAddress")]
    SourceIpAddress,
    /// Of an S3 file, or of a payload like one.
    Records,
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

/// A field is neither a plain value nor absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotPlain;

impl<'a> Fields<'a> {
    /// The field as JSON; nothing if it is absent or null.
    pub(super) fn raw(&self, field: Field) -> Option<&'a str> {
        let raw = (*self.0.get(field as usize)?)?.get();
        (raw != "null").then_some(raw)
    }

    /// The field as text: empty if absent or null, a number or truth value as it is written.
    pub(super) fn text(&self, field: Field) -> Result<Cow<'a, str>, NotPlain> {
        let Some(raw) = self.raw(field) else { return Ok(Cow::Borrowed("")) };
        match raw.as_bytes().first() {
            Some(b'"') => Ok(unquoted(raw)),
            Some(b'{' | b'[') | None => Err(NotPlain),
            Some(_) => Ok(Cow::Borrowed(raw)),
        }
    }

    /// The field as text, as much as is kept of one.
    pub(super) fn kept(&self, field: Field) -> Result<String, NotPlain> {
        self.text(field).map(|text| cut(&text))
    }

    /// Whether the object is a record: it has a field that only records have. Its fields are never taken for wrappers.
    pub(super) fn is_record(&self) -> bool {
        [Field::EventVersion, Field::EventName, Field::EventSource, Field::EventId, Field::UserIdentity]
            .into_iter()
            .any(|field| self.raw(field).is_some())
    }
}

/// A JSON string's content. What no reader could decode (half a surrogate pair) stands as it is written.
fn unquoted(raw: &str) -> Cow<'_, str> {
    let inner = raw.trim_matches('"');
    if raw.len() >= 2 && !raw[1..raw.len() - 1].contains(['\\', '"']) {
        return Cow::Borrowed(&raw[1..raw.len() - 1]);
    }
    serde_json::from_str::<String>(raw).map_or(Cow::Borrowed(inner), Cow::Owned)
}

/// Parses a part of a record. Half surrogate pairs, which JSON can write and Rust's strings can't hold, are replaced: a
/// caller must not be able to hide a call by one.
pub(super) fn parse(raw: Option<&str>) -> Value {
    let Some(raw) = raw else { return Value::Null };
    serde_json::from_str(raw).or_else(|_| serde_json::from_str(&without_surrogates(raw))).unwrap_or(Value::Null)
}

fn without_surrogates(raw: &str) -> String {
    let mut mended = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        mended.push_str(before);
        let is_surrogate = escape.get(1..4).is_some_and(|start| {
            let mut start = start.bytes();
            start.next() == Some(b'u')
                && matches!(start.next(), Some(b'd' | b'D'))
                && matches!(start.next(), Some(b'8'..=b'9' | b'a'..=b'f' | b'A'..=b'F'))
        });
        let length = if is_surrogate { 6 } else { 2 };
        let (escape, after) = escape.split_at_checked(length).unwrap_or((escape, ""));
        mended.push_str(if is_surrogate { "\\ufffd" } else { escape });
        rest = after;
    }
    mended.push_str(rest);
    mended
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_field_given_twice_the_last_counts() {
        let fields: Fields<'_> =
            serde_json::from_str(r#"{"eventName":"GetUser","x":{"eventName":"A"},"event\u004eame":"DeleteUser"}"#)
                .expect("JSON");
        assert_eq!(fields.text(Field::EventName), Ok(Cow::Borrowed("DeleteUser")));
    }

    #[test]
    fn plain_values_are_texts() {
        let cases = [
            (r#""a""#, Ok("a")),
            (r#""a\"b""#, Ok("a\"b")),
            (r#""""#, Ok("")),
            (r#""\ud800""#, Ok("\\ud800")),
            ("null", Ok("")),
            ("12", Ok("12")),
            ("true", Ok("true")),
            ("[1]", Err(NotPlain)),
            ("{}", Err(NotPlain)),
        ];
        for (raw, expected) in cases {
            let json = format!(r#"{{"userAgent":{raw}}}"#);
            let fields: Fields<'_> = serde_json::from_str(&json).expect("JSON");
            assert_eq!(fields.text(Field::UserAgent).as_deref(), expected.as_deref(), "{raw}");
        }
    }

    #[test]
    fn half_a_surrogate_pair_hides_nothing() {
        let value = parse(Some(r#"{"volumeId":"vol-1","note":"\\ud800 \ud800 \uDC00x\n"}"#));
        assert_eq!(value["volumeId"], "vol-1");
        assert_eq!(value["note"], "\\ud800 \u{fffd} \u{fffd}x\n");
        assert_eq!(parse(Some("{")), Value::Null);
    }
}
