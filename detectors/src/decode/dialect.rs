//! Finds values in request and response, whatever dialect the service logs them in.

use jiff::civil::DateTime;
use jiff::tz::Offset;
use serde_json::{Map, Value};

use crate::limits::{NESTING_MAX, STRING_BYTES_MAX};
use crate::time::Second;

/// What CloudTrail writes where a value is secret.
const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

/// Values taken from one path, at most. Above what one call can name.
const SELECTED_MAX: usize = 4_000;

/// The object that holds the parameters: newer EC2 actions wrap theirs in `<Action>Request` and `<Action>Response`.
pub(super) fn unwrapped<'a>(value: &'a Value, action: &str) -> &'a Value {
    let Some(object) = value.as_object() else { return value };
    let wrapper = object.iter().find(|(key, inner)| {
        let rest = key.strip_prefix(action);
        matches!(rest, Some("Request" | "Response")) && inner.is_object()
    });
    wrapper.map_or(value, |(_, inner)| inner)
}

/// Everything at a path of lower-case keys. Lists and their wrappers are no keys.
pub(super) fn select<'a>(value: &'a Value, keys: &[String]) -> Vec<&'a Value> {
    let mut found = Vec::new();
    collect(value, keys, NESTING_MAX, &mut found);
    found
}

fn collect<'a>(value: &'a Value, keys: &[String], depth: usize, found: &mut Vec<&'a Value>) {
    if depth == 0 || found.len() >= SELECTED_MAX {
        return;
    }
    match value {
        Value::Null => {}
        Value::Array(items) => items.iter().for_each(|item| collect(item, keys, depth - 1, found)),
        Value::Object(object) => {
            if let Some(inner) = wrapped(object) {
                return collect(inner, keys, depth - 1, found);
            }
            let Some((first, rest)) = keys.split_first() else { return found.push(value) };
            for (key, inner) in object {
                if same_key(key, first) {
                    collect(inner, rest, depth - 1, found);
                }
            }
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            if keys.is_empty() {
                found.push(value);
            }
        }
    }
}

/// What is inside an object that is there for XML's sake: `{items: […]}`, `{item: …}`, `{tag: 1, content: …}`.
fn wrapped(object: &Map<String, Value>) -> Option<&Value> {
    let only = |name: &str| object.get(name).filter(|_| object.len() == 1);
    let content = || object.get("content").filter(|_| object.len() == 2 && object.contains_key("tag"));
    only("items").or_else(|| only("item")).or_else(content)
}

/// Keys match whatever their case, and in the plural: `instanceId`, `InstanceId`, `instanceIds`.
fn same_key(key: &str, wanted: &str) -> bool {
    let (key, wanted) = (key.as_bytes(), wanted.as_bytes());
    match key.split_last() {
        Some((last, stem)) if key.len() == wanted.len() + 1 => {
            last.eq_ignore_ascii_case(&b's') && stem.eq_ignore_ascii_case(wanted)
        }
        _ if key.len() + 1 == wanted.len() => wanted.ends_with(b"s") && wanted[..key.len()].eq_ignore_ascii_case(key),
        _ => key.eq_ignore_ascii_case(wanted),
    }
}

/// A plain value as text; nothing if it is empty, hidden, or no plain value.
pub(super) fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if text.is_empty() || text == HIDDEN => None,
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Plain values at a path.
pub(super) fn texts(value: &Value, keys: &[String]) -> Vec<String> {
    select(value, keys).into_iter().filter_map(plain).collect()
}

/// The value of the tag `Name`, wherever among the tags of the object it is.
pub(super) fn name_tag(value: &Value) -> Option<String> {
    name_tag_within(value, 6)
}

fn name_tag_within(value: &Value, depth: usize) -> Option<String> {
    let depth = depth.checked_sub(1)?;
    match value {
        Value::Array(items) => items.iter().find_map(|item| name_tag_within(item, depth)),
        Value::Object(object) => {
            let get =
                |name: &str| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
            if let (Some(Value::String(key)), Some(value)) = (get("key"), get("value")) {
                return if key == "Name" { plain(value) } else { None };
            }
            let may_hold_tags = |key: &str| {
                let key = key.to_ascii_lowercase();
                key.starts_with("tag") || key == "item" || key == "items"
            };
            object.iter().filter(|(key, _)| may_hold_tags(key)).find_map(|(_, inner)| name_tag_within(inner, depth))
        }
        _ => None,
    }
}

/// Pairs (subnet, zone) that stand together anywhere in a response.
pub(super) fn subnet_zones(value: &Value, region: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    find_pairs(value, region, NESTING_MAX, &mut pairs);
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

fn find_pairs(value: &Value, region: &str, depth: usize, pairs: &mut Vec<(String, String)>) {
    if depth == 0 || pairs.len() >= SELECTED_MAX {
        return;
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| find_pairs(item, region, depth - 1, pairs)),
        Value::Object(object) => {
            let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
            let subnet = text(object.get("subnetId")).or_else(|| text(object.get("subnetIdentifier")));
            let zone = text(object.get("availabilityZone"))
                .or_else(|| text(object.get("zoneName")))
                .or_else(|| text(object.get("availabilityZoneName")))
                .or_else(|| text(object.get("placement").and_then(|inner| inner.get("availabilityZone"))))
                .or_else(|| text(object.get("subnetAvailabilityZone").and_then(|inner| inner.get("name"))));
            if let (Some(subnet), Some(zone)) = (subnet, zone)
                && is_subnet(&subnet)
                && is_zone_of(&zone, region)
            {
                pairs.push((subnet, zone));
            }
            object.values().for_each(|inner| find_pairs(inner, region, depth - 1, pairs));
        }
        _ => {}
    }
}

/// Whether this is a zone of the region: `us-east-1a`, or a local one as `us-west-2-lax-1a`.
pub(super) fn is_zone_of(zone: &str, region: &str) -> bool {
    let Some(rest) = zone.strip_prefix(region).filter(|_| !region.is_empty() && zone.len() <= 64) else { return false };
    let letter = |text: &str| text.len() == 1 && text.bytes().all(|byte| byte.is_ascii_lowercase());
    letter(rest)
        || rest.strip_prefix('-').is_some_and(|local| {
            local.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') && local.contains('-')
        })
}

/// Whether this is the id of a subnet.
pub(super) fn is_subnet(text: &str) -> bool {
    text.starts_with("subnet-") && text.len() <= 64
}

/// A text with its percent-encoding undone; as it is if that is none, or would not be UTF-8.
pub(super) fn percent_decoded(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let digits = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let decoded = digits
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match decoded {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

/// The instant that a response writes in one of its forms: ISO 8601, `Jul 10, 2023, 12:07:59 PM` with and without the
/// second comma, seconds or milliseconds since the epoch.
pub(super) fn instant(text: &str) -> Option<Second> {
    if let Ok(number) = text.parse::<f64>() {
        // Seconds reach this number in the year 5138, milliseconds reached it in 1973.
        return Some(Second(if number < 1e11 { number } else { number / 1_000.0 } as i64));
    }
    let spaced: String =
        text.chars().map(|character| if character.is_whitespace() { ' ' } else { character }).collect();
    let written = ["%b %d, %Y, %I:%M:%S %p", "%b %d, %Y %I:%M:%S %p"];
    let date = || written.iter().find_map(|format| DateTime::strptime(format, &spaced).ok());
    Second::parse(text).or_else(|| Some(Second(Offset::UTC.to_timestamp(date()?).ok()?.as_second())))
}

/// A text cut to what is kept of one, at a character.
pub(super) fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(STRING_BYTES_MAX)].to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_path_reads_every_dialect() {
        let keys = ["instanceid".to_owned()];
        let cases = [
            json!({"instanceId": "i-1"}),
            json!({"InstanceId": "i-1"}),
            json!({"instanceIds": ["i-1"]}),
            json!({"InstanceId": {"tag": 1, "content": "i-1"}}),
            json!({"InstanceId": [{"tag": "1", "content": "i-1"}]}),
            json!({"items": [{"instanceId": "i-1"}]}),
            json!({"item": {"instanceId": "i-1"}}),
        ];
        for case in cases {
            assert_eq!(texts(&case, &keys), ["i-1"], "{case}");
        }
        for other in [json!({"instanceIdentity": "i-1"}), json!(""), json!(null), json!({"instanceId": HIDDEN})] {
            assert_eq!(texts(&other, &keys), Vec::<String>::new(), "{other}");
        }
    }

    #[test]
    fn zones_belong_to_their_region() {
        let cases = [
            ("us-east-1a", "us-east-1", true),
            ("us-west-2-lax-1a", "us-west-2", true),
            ("us-east-1a", "us-east-2", false),
            ("us-east-1", "us-east-1", false),
            ("us-east-1ab", "us-east-1", false),
            ("a", "", false),
        ];
        for (zone, region, expected) in cases {
            assert_eq!(is_zone_of(zone, region), expected, "{zone} of {region}");
        }
    }

    #[test]
    fn percent_encoding_is_undone_where_there_is_any() {
        let cases = [
            ("arn%3Aaws%3akafka", "arn:aws:kafka"),
            ("100%", "100%"),
            ("a%2", "a%2"),
            ("%+1", "%+1"),
            ("%FF", "%FF"),
            ("%C3%A9", "é"),
        ];
        for (text, expected) in cases {
            assert_eq!(percent_decoded(text), expected);
        }
    }

    #[test]
    fn times_are_read_in_every_form() {
        let expected = Second::parse("2023-07-10T12:07:59Z");
        for text in [
            "2023-07-10T12:07:59.5Z",
            "Jul 10, 2023, 12:07:59 PM",
            "Jul 10, 2023 12:07:59 PM",
            "Jul 10, 2023, 12:07:59\u{202f}PM",
            "1688990879",
            "1688990879123",
            "1.688990879E9",
        ] {
            assert_eq!(instant(text), expected, "{text}");
        }
        for text in ["", "soon", "Jul 32, 2023 12:07:59 PM"] {
            assert_eq!(instant(text), None, "{text}");
        }
    }

    #[test]
    fn a_text_is_cut_at_a_character() {
        assert_eq!(cut(&"é".repeat(400)).len(), STRING_BYTES_MAX);
        assert_eq!(cut(&format!("a{}", "é".repeat(400))).len(), STRING_BYTES_MAX - 1);
    }
}
