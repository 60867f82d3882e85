//! A record parsed to a tree, and how the tree is read: of a key given twice, the last counts.

use std::borrow::Cow;

use sonic_rs::{Deserializer, JsonValueTrait as _, Object, ValueRef};

pub(super) use sonic_rs::Value;

/// What stands where nothing does.
pub(super) static NULL: Value = Value::new();

/// What CloudTrail writes where a value is secret.
const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

/// Spellings of one key in one object that are told apart. AWS writes a key once.
const SPELLINGS_MAX: usize = 16;

/// Parses a whole document. Half surrogate pairs, which JSON can write and Rust's strings can't hold, are replaced, and
/// numbers of any size are taken: a caller must not be able to hide a call by one.
pub(super) fn parse(text: &str) -> Option<Value> {
    sonic_rs::from_str(text).ok().or_else(|| {
        let mut lenient = Deserializer::from_str(text).utf8_lossy().use_rawnumber();
        let value = lenient.deserialize().ok()?;
        lenient.end().ok().map(|()| value)
    })
}

/// The object that a value is.
pub(super) fn object(value: &Value) -> Option<&Object> {
    match value.as_ref() {
        ValueRef::Object(object) => Some(object),
        _ => None,
    }
}

/// The entries of an object; none of what is no object.
pub(super) fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    object(value).into_iter().flat_map(Object::iter)
}

/// The value of a key.
pub(super) fn get<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    entries(value).filter(|(name, _)| *name == key).last().map(|(_, inner)| inner)
}

/// The text at a key; empty if there is none.
pub(super) fn text_at<'a>(value: &'a Value, key: &str) -> &'a str {
    get(value, key).and_then(|inner| inner.as_str()).unwrap_or_default()
}

/// Hands over the value of each key that passes.
pub(super) fn each_named<'a>(object: &'a Object, is_name: impl Fn(&str) -> bool, mut take: impl FnMut(&'a Value)) {
    let mut named = object.iter().filter(|(key, _)| is_name(key));
    let Some((key, value)) = named.next() else { return };
    let mut first = (key, value);
    let mut others: Vec<(&str, &Value)> = Vec::new();
    for (key, value) in named {
        if key == first.0 {
            first.1 = value;
        } else if let Some(known) = others.iter_mut().find(|known| known.0 == key) {
            known.1 = value;
        } else if others.len() < SPELLINGS_MAX {
            others.push((key, value));
        }
    }
    take(first.1);
    others.into_iter().for_each(|(_, value)| take(value));
}

/// A plain value as text; nothing if it is empty, hidden, or no plain value.
pub(super) fn plain(value: &Value) -> Option<Cow<'_, str>> {
    match value.as_ref() {
        ValueRef::String(text) => (!text.is_empty() && text != HIDDEN).then_some(Cow::Borrowed(text)),
        ValueRef::Bool(truth) => Some(Cow::Borrowed(if truth { "true" } else { "false" })),
        ValueRef::Array(_) | ValueRef::Object(_) => None,
        ValueRef::Number(number) => Some(Cow::Owned(number.to_string())),
        // A number that no type holds stands as it is written.
        ValueRef::Null => value.as_raw_number().map(|number| Cow::Owned(number.as_str().to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_surrogate_pair_and_a_huge_number_hide_nothing() {
        let value = parse(r#"{"volumeId":"vol-1","note":"\\ud800 \ud800 \uDC00x\n","size":1e999,"small":12}"#);
        let value = value.expect("JSON");
        assert_eq!(text_at(&value, "volumeId"), "vol-1");
        assert!(text_at(&value, "note").starts_with("\\ud800 \u{fffd}"), "{value}");
        assert_eq!(get(&value, "size").and_then(plain).as_deref(), Some("1e999"));
        assert_eq!(get(&value, "small").and_then(plain).as_deref(), Some("12"));
    }

    #[test]
    fn what_is_not_one_document_is_none() {
        for text in ["", "{", "{} {}", r#"{"a":"\ud800"} {}"#, r#"{"a":01}"#, "{\"a\":\"\u{1}\"}", "{\"a\":1,}"] {
            assert!(parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn of_a_key_given_twice_the_last_counts() {
        let value = parse(r#"{"a":1,"A":2,"b":3,"a":4,"A":5}"#).expect("JSON");
        assert_eq!(get(&value, "a").and_then(plain).as_deref(), Some("4"));
        let mut found = Vec::new();
        let is_name = |key: &str| key.eq_ignore_ascii_case("a");
        each_named(object(&value).expect("an object"), is_name, |inner| found.extend(plain(inner)));
        assert_eq!(found, ["4", "5"]);
    }

    #[test]
    fn a_plain_value_is_a_text() {
        let value = parse(r#"["a","","HIDDEN_DUE_TO_SECURITY_REASONS",null,true,-1,1.5,[],{}]"#).expect("JSON");
        let sonic = |index: usize| value.get(index).and_then(|inner| plain(inner).map(Cow::into_owned));
        let texts: Vec<String> = (0..9).filter_map(sonic).collect();
        assert_eq!(texts, ["a", "true", "-1", "1.5"]);
    }
}
