//! Texts that stem from events are an attacker's: they are made harmless and cut before they leave.

use serde_json::{Map, Value, json};

use crate::limits::{DETAIL_CHARS_MAX, DETAIL_ELEMENTS_MAX};

/// Takes out control characters and invisible ones that reorder text, and cuts at a number of characters.
pub(super) fn clean(text: &str, chars_max: usize) -> String {
    let mut cleaned = String::new();
    let visible = text.chars().filter_map(|character| match character {
        '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => Some(' '),
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' => None,
        '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' => None,
        character if character.is_control() => None,
        character => Some(character),
    });
    for (index, character) in visible.enumerate() {
        if index == chars_max {
            cleaned.pop();
            cleaned.push('…');
            break;
        }
        cleaned.push(character);
    }
    cleaned
}

/// Cleans all texts in a value, and cuts its lists.
pub(super) fn clean_value(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(clean(&text, DETAIL_CHARS_MAX)),
        Value::Array(mut elements) => {
            elements.truncate(DETAIL_ELEMENTS_MAX);
            Value::Array(elements.into_iter().map(clean_value).collect())
        }
        Value::Object(fields) => {
            let cleaned: Map<String, Value> = fields
                .into_iter()
                .take(DETAIL_ELEMENTS_MAX)
                .map(|(key, value)| (clean(&key, DETAIL_CHARS_MAX), clean_value(value)))
                .collect();
            Value::Object(cleaned)
        }
        other => other,
    }
}

/// Makes a situation, as it is sent, smaller: takes half of the evidence away, the lighter half, which comes last;
/// without evidence, everything but what `keep` names. Says so in `evidence_cut`. False when nothing is left to take.
pub(super) fn shorten(details: &mut Value, keep: &[&str]) -> bool {
    if let Some(evidence) = details.pointer_mut("/incident/evidence").and_then(Value::as_array_mut)
        && !evidence.is_empty()
    {
        evidence.truncate(evidence.len() / 2);
        details["evidence_cut"] = json!(true);
        return true;
    }
    let Some(fields) = details.as_object_mut() else { return false };
    let before = fields.len();
    fields.retain(|key, _| key == "evidence_cut" || keep.contains(&key.as_str()));
    let is_shorter = fields.len() < before;
    if is_shorter {
        details["evidence_cut"] = json!(true);
    }
    is_shorter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cleaned_and_cut() {
        for (text, chars_max, cleaned) in [
            ("plain", 10, "plain"),
            ("two\nlines\tand\r\n", 40, "two lines and  "),
            ("\u{1b}[31mred\u{7}\u{9b}", 40, "[31mred"),
            ("a\u{202e}b\u{2066}c\u{feff}\u{61c}\u{e0041}", 40, "abc"),
            ("abcdef", 6, "abcdef"),
            ("abcdefg", 6, "abcde…"),
            ("äöüäöü", 4, "äöü…"),
            ("a", 0, "…"),
        ] {
            assert_eq!(clean(text, chars_max), cleaned, "{text:?}");
        }
    }

    #[test]
    fn a_situation_is_shortened_until_only_its_texts_are_left() {
        let mut details =
            json!({"incident": {"evidence": [1, 2, 3]}, "pauses": [], "description": "d", "next_step": "n"});
        let mut steps = 0;
        while shorten(&mut details, &["description", "next_step"]) {
            steps += 1;
        }
        assert_eq!(steps, 3);
        assert_eq!(details, json!({"description": "d", "next_step": "n", "evidence_cut": true}));
    }
}
