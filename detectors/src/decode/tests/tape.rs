//! The tape agrees with another reader on what is JSON, and on what it says.

use proptest::prelude::*;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::super::node::{Node, Shape};
use super::super::tape::{Tape, Unread};
use crate::limits::NESTING_MAX;

/// Documents and what is nearly one.
#[rustfmt::skip]
const CASES: [&str; 84] = [
    "", " ", "{", "}", "[", "]", "{}", "[]", " {} ", "{} {}", "{}x", "[1,]", "[,1]", "{\"a\":1,}", "{,}",
    "{\"a\"}", "{\"a\":}", "{\"a\" 1}", "{a:1}", "{1:1}", "[1 2]", "\u{feff}{}", "0", "-0", "-", "+1", "01", "-01",
    "1.", ".5", "1.5", "1e", "1e+", "1e5", "1E-5", "1.5e+10", "0.0", "0e0", "1x", "1e999", "-1e999",
    "123456789012345678901234567890", "true", "tru", "truex", "false", "null", "nul", "nan", "\"", "\"a", "\"a\"",
    "\"\\\"", "\"\\\"\"", "\"\\\\\"", "\"\\/\\b\\f\\n\\r\\t\"", "\"\\x\"", "\"\\u00e9\"", "\"\\u00E9x\"",
    "\"\\u12\"", "\"\\u123g\"", "\"\\u+123\"", "\"\\ud83d\\ude00\"", "\"\\ud83d\"", "\"\\ude00\"",
    "\"\\ud83d\\u0041\"", "\"\\ud83d\\ud83d\\ude00\"", "\"\\ud83d\\n\"", "\"\u{1}\"", "\"\u{1f}\"", "\"\u{7f}\"",
    "\"\n\"", "\"é😀\"", "\"12345678\u{1}\"", "\"1234567\\\"\"", "{\"a\\u0041\":[{}]}", "{\"a\":1,\"a\":2}",
    "[\u{a0}1]", "[\u{b}1]", "[1]\u{0}", "{\"é\":\"é\\n\"}", "[[],{},[{}]]", "// x", "[1,2,3]\n",
];

/// What was read, as another reader would have it.
fn value(node: Node<'_>) -> Value {
    match node.shape() {
        Shape::Null => Value::Null,
        Shape::Bool(truth) => Value::from(truth),
        Shape::Number(number) => serde_json::from_str(number).expect("a number"),
        Shape::Text(text) => Value::from(text),
        Shape::Array(elements) => elements.map(value).collect(),
        Shape::Object(object) => object.entries().map(|(key, inner)| (key.to_owned(), value(inner))).collect(),
    }
}

/// What one reader takes the other takes, and to both it says the same.
fn assert_same(text: &str) {
    let mut tape = Tape::default();
    let read = tape.read(text);
    let is_deep = read.is_err_and(|unread| unread == Unread::TooDeep);
    let is_json = serde_json::from_str::<IgnoredAny>(text).is_ok();
    assert!(is_deep || read.is_ok() == is_json, "{text:?}: {read:?}");
    if let Ok(expected) = serde_json::from_str::<Value>(text)
        && !is_deep
    {
        let document = read.expect("JSON");
        assert_eq!(value(Node::of(&document)), expected, "{text:?}");
        assert!(document.tokens.len() <= text.len(), "tokens are bounded");
    }
}

#[test]
fn one_by_one_it_agrees_with_another_reader() {
    for text in CASES {
        assert_same(text);
    }
}

#[test]
fn half_a_surrogate_pair_hides_nothing() {
    let mut tape = Tape::default();
    let document = tape.read(r#"["\\ud800 \ud800 \uDC00x\n\ud800\u0041", "plain"]"#).expect("JSON");
    let Shape::Array(elements) = Node::of(&document).shape() else { panic!("a list") };
    let texts: Vec<&str> = elements.filter_map(Node::as_str).collect();
    assert_eq!(texts, ["\\ud800 \u{fffd} \u{fffd}x\n\u{fffd}A", "plain"]);
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(Tape::default().read(&nested(NESTING_MAX)).is_ok());
    assert_eq!(Tape::default().read(&nested(NESTING_MAX + 1)).err(), Some(Unread::TooDeep));
    assert_eq!(Tape::default().read(&"{\"a\":".repeat(100_000)).err(), Some(Unread::TooDeep));
}

#[test]
fn a_tape_is_used_again() {
    let mut tape = Tape::default();
    for text in ["[\"a\\n\",1]", "{\"b\\t\":\"c\"}", "x", "[]"] {
        assert_eq!(tape.read(text).ok().map(|document| value(Node::of(&document))), serde_json::from_str(text).ok());
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(8, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_written_is_read(value in any_json()) {
        assert_same(&value.to_string());
        assert_same(&format!("{value:#}"));
    }

    #[test]
    fn damaged_json_is_taken_and_refused_alike(
        value in any_json(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), "[\\]\\[{}\",:\\\\0-9eE.u \\-a-f\u{1}é]{0,3}"), 1..4),
    ) {
        let mut text = value.to_string();
        for (index, edit) in edits {
            let at = text.floor_char_boundary(index.index(text.len() + 1));
            text.insert_str(at, &edit);
            assert_same(&text);
            text.pop();
            assert_same(&text);
        }
    }

    #[test]
    fn the_letters_of_json_in_any_order_are_taken_and_refused_alike(text in "[\\]\\[{}\",:\\\\0-1eE.u \\-tn]{0,12}") {
        assert_same(&text);
    }
}
