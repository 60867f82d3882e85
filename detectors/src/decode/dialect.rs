//! Finds values in request and response, whatever dialect the service logs them in.

use std::borrow::Cow;

use jiff::civil::DateTime;
use jiff::tz::Offset;

use super::node::{Node, Object, Shape};
use crate::event::Text;
use crate::limits::{NESTING_MAX, STRING_BYTES_MAX};
use crate::time::Second;

/// Values taken from one path, at most. Above what one call can name.
const SELECTED_MAX: usize = 4_000;

/// The object that holds the parameters: newer EC2 actions wrap theirs in `<Action>Request` and `<Action>Response`.
pub(super) fn unwrapped<'a>(value: Node<'a>, action: &str) -> Node<'a> {
    let wrapper = value.entries().find(|(key, inner)| {
        let rest = key.strip_prefix(action);
        matches!(rest, Some("Request" | "Response")) && inner.is_object()
    });
    wrapper.map_or(value, |(_, inner)| inner)
}

/// Hands over everything at a path of lower-case keys. Lists and their wrappers are no keys.
pub(super) fn each<'a>(value: Node<'a>, keys: &[impl AsRef<str>], mut take: impl FnMut(Node<'a>)) {
    let mut left = SELECTED_MAX;
    walk(value, keys, NESTING_MAX, &mut |found| {
        if left > 0 {
            left -= 1;
            take(found);
        }
        left > 0
    });
}

/// Goes on as long as what is found is wanted; says whether it still is.
fn walk<'a, K: AsRef<str>>(value: Node<'a>, keys: &[K], depth: usize, take: &mut dyn FnMut(Node<'a>) -> bool) -> bool {
    let Some(depth) = depth.checked_sub(1) else { return true };
    match value.shape() {
        Shape::Array(mut items) => items.all(|item| walk(item, keys, depth, take)),
        Shape::Object(object) => {
            if let Some(inner) = wrapped(object) {
                return walk(inner, keys, depth, take);
            }
            let Some((first, rest)) = keys.split_first() else { return take(value) };
            let mut is_wanted = true;
            object.each_named(
                |key| same_key(key, first.as_ref()),
                |inner| is_wanted = is_wanted && walk(inner, rest, depth, take),
            );
            is_wanted
        }
        Shape::Null => true,
        Shape::Bool(_) | Shape::Number(_) | Shape::Text(_) => !keys.is_empty() || take(value),
    }
}

/// What is inside an object that is there for XML's sake: `{items: […]}`, `{item: …}`, `{tag: 1, content: …}`.
fn wrapped(object: Object<'_>) -> Option<Node<'_>> {
    let is_wrapper = match object.keys {
        1 => |key: &str| matches!(key, "items" | "item"),
        2 if object.entries().any(|(key, _)| key == "tag") => |key: &str| key == "content",
        _ => return None,
    };
    object.entries().find(|(key, _)| is_wrapper(key)).map(|(_, inner)| inner)
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

/// Plain values at a path.
pub(super) fn texts<'a>(value: Node<'a>, keys: &[impl AsRef<str>]) -> Vec<&'a str> {
    let mut texts = Vec::new();
    each(value, keys, |found| texts.extend(found.plain()));
    texts
}

/// Whether a plain value at a path passes.
pub(super) fn any_text(value: Node<'_>, keys: &[impl AsRef<str>], passes: impl Fn(&str) -> bool) -> bool {
    let mut any = false;
    each(value, keys, |found| any = any || found.plain().is_some_and(&passes));
    any
}

/// The first plain value at a path.
pub(super) fn first_text<'a>(value: Node<'a>, keys: &[impl AsRef<str>]) -> Option<&'a str> {
    let mut first = None;
    each(value, keys, |found| {
        if first.is_none() {
            first = found.plain();
        }
    });
    first
}

/// The value of the tag `Name`, wherever among the tags of the object it is.
pub(super) fn name_tag(value: Node<'_>) -> Option<String> {
    name_tag_within(value, 6)
}

fn name_tag_within(value: Node<'_>, depth: usize) -> Option<String> {
    let depth = depth.checked_sub(1)?;
    match value.shape() {
        Shape::Array(mut items) => items.find_map(|item| name_tag_within(item, depth)),
        Shape::Object(object) => {
            let get =
                |name: &str| object.entries().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
            if let Some(key) = get("key").and_then(|key| key.as_str())
                && let Some(value) = get("value")
            {
                return if key == "Name" { value.plain().map(str::to_owned) } else { None };
            }
            object.entries().filter(|(key, _)| may_hold_tags(key)).find_map(|(_, inner)| name_tag_within(inner, depth))
        }
        _ => None,
    }
}

fn may_hold_tags(key: &str) -> bool {
    let starts_with_tag = key.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("tag"));
    starts_with_tag || key.eq_ignore_ascii_case("item") || key.eq_ignore_ascii_case("items")
}

/// Pairs (subnet, zone) that stand together anywhere in a response.
pub(super) fn subnet_zones(value: Node<'_>, region: &str) -> Vec<(Text, Text)> {
    let mut pairs = Vec::new();
    find_pairs(value, region, NESTING_MAX, &mut pairs);
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

fn find_pairs(value: Node<'_>, region: &str, depth: usize, pairs: &mut Vec<(Text, Text)>) {
    if depth == 0 || pairs.len() >= SELECTED_MAX {
        return;
    }
    match value.shape() {
        Shape::Array(items) => items.for_each(|item| find_pairs(item, region, depth - 1, pairs)),
        Shape::Object(object) => {
            let (subnet, zone) = placed(object);
            if let (Some(subnet), Some(zone)) = (subnet, zone)
                && is_subnet(subnet)
                && is_zone_of(zone, region)
            {
                pairs.push((subnet.into(), zone.into()));
            }
            for (_, inner) in object.entries() {
                if inner.is_object() || inner.is_array() {
                    find_pairs(inner, region, depth - 1, pairs);
                }
            }
        }
        _ => {}
    }
}

/// The subnet and the zone that an object names as its own.
fn placed(object: Object<'_>) -> (Option<&str>, Option<&str>) {
    let (mut subnet, mut zone) = (None, None);
    for (key, value) in object.entries() {
        match key {
            "subnetId" | "subnetIdentifier" => subnet = subnet.or(value.as_str()),
            "availabilityZone" | "zoneName" | "availabilityZoneName" => zone = zone.or(value.as_str()),
            "placement" => zone = zone.or(value.get("availabilityZone").and_then(Node::as_str)),
            "subnetAvailabilityZone" => zone = zone.or(value.get("name").and_then(Node::as_str)),
            _ => {}
        }
    }
    (subnet, zone)
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
pub(super) fn percent_decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
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
    String::from_utf8(bytes).map_or(Cow::Borrowed(text), Cow::Owned)
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
pub(super) fn cut(text: &str) -> Text {
    kept(text).into()
}

/// As much of a text as is kept of one.
pub(super) fn kept(text: &str) -> &str {
    &text[..text.floor_char_boundary(STRING_BYTES_MAX)]
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::tape::Tape;
    use super::*;

    fn instance_ids(value: &Value) -> Vec<String> {
        let text = value.to_string();
        let mut tape = Tape::default();
        let document = tape.read(&text).expect("JSON");
        texts(Node::of(&document), &["instanceid"]).into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn one_path_reads_every_dialect() {
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
            assert_eq!(instance_ids(&case), ["i-1"], "{case}");
        }
        for other in [
            json!({"instanceIdentity": "i-1"}),
            json!(""),
            json!(null),
            json!({"instanceId": "HIDDEN_DUE_TO_SECURITY_REASONS"}),
        ] {
            assert!(instance_ids(&other).is_empty(), "{other}");
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
