//! What all receivers say alike. Every text that stems from events is an attacker's: it is cleaned and cut before it leaves.

use serde_json::{Map, Value};
use trailbrake_detectors::engine::{Announcement, Change, Mode, PauseState, Situation};

use crate::limits::{DESCRIPTION_CHARS_MAX, DETAIL_CHARS_MAX, DETAIL_ELEMENTS_MAX, SUMMARY_CHARS_MAX};

/// Takes out control characters and invisible ones that reorder text, and cuts at a number of characters.
pub(super) fn clean(text: &str, chars_max: usize) -> String {
    let mut cleaned = String::new();
    let visible = text.chars().filter_map(|character| match character {
        '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => Some(' '),
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => None,
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

/// The headline: what happened, and what was done about it.
pub(super) fn summary(situation: &Situation) -> String {
    clean(&format!("[{}] {}", brake_words(situation), situation.incident.reason), SUMMARY_CHARS_MAX)
}

/// What was done about it, in the fewest words.
fn brake_words(situation: &Situation) -> String {
    let has = |state: PauseState| situation.pauses.iter().any(|pause| pause.state == state);
    let states = [
        (PauseState::Failed, "PAUSE FAILED"),
        (PauseState::Unpausable, "CANNOT BE PAUSED"),
        (PauseState::Pausing, "pausing"),
        (PauseState::Paused, "paused"),
        (PauseState::Resuming, "resuming"),
        (PauseState::WouldPause, "not paused: would have been in enforce"),
        (PauseState::Resumed, "resumed"),
    ];
    match states.into_iter().find(|(state, _)| has(*state)) {
        Some((_, words)) => words.to_owned(),
        None => "not paused".to_owned(),
    }
}

/// The longer text: who, what is gone, what was done, and what to do next.
pub(super) fn description(announcement: &Announcement) -> String {
    let situation = &announcement.situation;
    let incident = &situation.incident;
    let mut sentences = vec![incident.reason.clone()];
    if let Some(principal) = &incident.principal {
        sentences.push(format!("Principal: {} ({}).", principal.arn, principal.kind));
    }
    let gone = &incident.destroyed;
    sentences.push(format!("Gone: {} resources in {} calls.", gone.resources, gone.calls));
    sentences.push(format!("Brake: {}.", brake_words(situation)));
    if !situation.not_paused_because.is_empty() {
        sentences.push(format!("Not paused because {}.", situation.not_paused_because));
    }
    for pause in situation.pauses.iter().filter(|pause| !pause.reason.is_empty()) {
        sentences.push(format!("{}: {}.", pause.key.entity, pause.reason));
    }
    sentences.push(next_step(announcement));
    clean(&sentences.join(" "), DESCRIPTION_CHARS_MAX)
}

/// What the reader can do about it.
pub(super) fn next_step(announcement: &Announcement) -> String {
    let incident = &announcement.situation.incident;
    let stands = |state: PauseState| announcement.situation.pauses.iter().any(|pause| pause.state == state);
    if announcement.change == Change::Resolved {
        return "Nothing is left to do.".to_owned();
    }
    if stands(PauseState::Paused) || stands(PauseState::Pausing) {
        return format!("To let it go on: trailbrake incidents resume {} --reason '…'.", incident.id);
    }
    match incident.mode {
        Mode::Observe => format!("Look: trailbrake incidents show {}. In observe nothing is paused.", incident.id),
        Mode::Enforce => format!("Look, and stop it by hand: trailbrake incidents show {}.", incident.id),
    }
}

/// Where people see the incident. An id that is not of our own making gets no link.
pub(super) fn link(public_url: Option<&str>, incident: &str) -> Option<String> {
    let is_ours = !incident.is_empty()
        && incident.len() <= DETAIL_CHARS_MAX
        && incident.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let public_url = public_url?.trim_end_matches('/');
    is_ours.then(|| format!("{public_url}/v1/incidents/{incident}"))
}

/// The accounts of an incident: that of its principal, else the first touched.
pub(super) fn account(situation: &Situation) -> &str {
    match &situation.incident.principal {
        Some(principal) => &principal.account,
        None => situation.incident.accounts.first().map_or("", String::as_str),
    }
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
            ("a\u{202e}b\u{2066}c\u{feff}", 40, "abc"),
            ("abcdef", 6, "abcdef"),
            ("abcdefg", 6, "abcde…"),
            ("äöüäöü", 4, "äöü…"),
            ("a", 0, "…"),
        ] {
            assert_eq!(clean(text, chars_max), cleaned, "{text:?}");
        }
    }

    #[test]
    fn only_our_own_ids_are_linked() {
        let url = Some("https://brake.example/");
        assert_eq!(link(url, "tb-abc").as_deref(), Some("https://brake.example/v1/incidents/tb-abc"));
        for bad in ["", "../x", "tb-a?b", "tb-ä"] {
            assert_eq!(link(url, bad), None, "{bad}");
        }
        assert_eq!(link(None, "tb-abc"), None);
    }
}
