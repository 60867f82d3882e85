//! Words on a terminal. What was written by others is made harmless before a terminal sees it.

use std::io::{self, Write};

use comfy_table::Table;
use trailbrake_detectors::engine::{PauseState, Situation, Verdict};
use trailbrake_detectors::incident::Report;

use crate::pause::why_not;

/// Types listed of what an incident destroyed.
const TYPES_LISTED_MAX: usize = 4;
/// How wide lines are where no terminal says how wide it is, and at most where they are sentences.
pub(super) const COLUMNS: u16 = 100;
/// Facts listed of an incident's evidence.
const EVIDENCE_LISTED_MAX: usize = 20;

/// How wide lines are to be on standard output.
pub(super) fn columns() -> usize {
    usize::from(Table::new().width().unwrap_or(COLUMNS).min(COLUMNS))
}

/// How wide lines are to be on standard error.
pub(super) fn error_columns() -> usize {
    usize::from(Table::new().use_stderr().width().unwrap_or(COLUMNS).min(COLUMNS))
}

/// A text in lines of at most so many columns, broken between words; all but the first are indented. What has no blank
/// stays whole.
pub(super) fn wrapped(text: &str, columns: usize, indent: usize) -> String {
    let words = text.trim_start_matches(' ');
    let mut lines = " ".repeat(text.len() - words.len());
    let (mut used, mut is_begun) = (lines.len(), false);
    for word in words.split(' ') {
        let length = word.chars().count();
        if is_begun && used + 1 + length > columns {
            lines.push('\n');
            lines.push_str(&" ".repeat(indent));
            used = indent;
        } else if is_begun {
            lines.push(' ');
            used += 1;
        }
        lines.push_str(word);
        used += length;
        is_begun = true;
    }
    lines
}

/// Of an ARN, what comes last, which tells most; else the name as it is.
pub(super) fn short_name(name: &str) -> &str {
    let resource = if name.starts_with("arn:") { name.splitn(6, ':').nth(5) } else { None };
    resource.filter(|resource| !resource.is_empty()).unwrap_or(name)
}

/// A weight in as many digits as say something; rounded down, so that it never seems to reach what it does not.
pub(super) fn weight(weight: f64) -> String {
    let unit = if weight < 1.0 { 100.0 } else { 10.0 };
    // Weights are thousandths: what is nearer than that to the next digit is that digit.
    (((weight * unit + 1e-6).floor()) / unit).to_string()
}

/// One incident, in full.
pub(super) fn show(situation: &Situation, out: &mut dyn Write) -> io::Result<()> {
    let report = &situation.incident;
    writeln!(out, "{}  {} ({})", escape(&report.id), report.severity.as_str(), report.state.as_str())?;
    writeln!(out, "{}", escape(&report.reason))?;
    writeln!(out, "who        {}", who(report).replace('\n', "  "))?;
    writeln!(out, "destroyed  {}", destroyed(report).replace('\n', ", "))?;
    writeln!(out, "when       {} to {}", escape(&report.first_event_time), escape(&report.last_event_time))?;
    writeln!(out, "where      {} {}", escape(&report.regions.join(" ")), escape(&report.zones.join(" ")))?;
    for pause in &situation.pauses {
        let why = match (pause.state, why_not(&pause.reason)) {
            (PauseState::Unpausable, Some(known)) => format!("{}: {}; {}", pause.reason, known.why, known.instead),
            _ => escape(&pause.reason),
        };
        let line = format!("{}: {} {why}", pause.state.as_str(), escape(&pause.key.entity));
        writeln!(out, "pause      {}", line.trim_end())?;
    }
    if !situation.not_paused_because.is_empty() {
        writeln!(out, "not paused {}", escape(&situation.not_paused_because))?;
    }
    for approval in &situation.approvals {
        writeln!(out, "resume     {}: {}", escape(&approval.who), escape(&approval.reason))?;
    }
    for one in &situation.verdicts {
        let (verdict, at) = (one.verdict.as_str(), one.at.second());
        writeln!(out, "verdict    {verdict} by {} at {at}: {}", reviewers(one), escape(&one.reason))?;
    }
    if situation.before_verdict {
        writeln!(out, "           what raised it since happened before that, and came to light after it")?;
    }
    for fact in report.evidence.iter().take(EVIDENCE_LISTED_MAX) {
        let resources: Vec<_> = fact.resources.iter().map(|one| one.id.as_str()).collect();
        writeln!(out, "  {}  {}  {}", escape(&fact.time), escape(&fact.action), escape_to(&resources.join(" "), 100))?;
    }
    let left_out = report.evidence.len().saturating_sub(EVIDENCE_LISTED_MAX);
    if left_out > 0 {
        writeln!(out, "  and {left_out} more: see --format json")?;
    }
    Ok(())
}

/// Who decided.
pub(super) fn reviewers(verdict: &Verdict) -> String {
    escape(&verdict.who.join(" and "))
}

/// Who answers for an incident.
pub(super) fn who(report: &Report) -> String {
    let Some(principal) = &report.principal else { return "nobody in particular".to_owned() };
    let mut lines = vec![escape(&principal.arn)];
    for (word, value) in [("session", &principal.session), ("origin", &principal.origin), ("tool", &principal.tool)] {
        if !value.is_empty() {
            lines.push(format!("{word} {}", escape_to(value, 60)));
        }
    }
    lines.join("\n")
}

/// What is gone, as a number, a weight and the commonest types.
pub(super) fn destroyed(report: &Report) -> String {
    let resources = counted(report.destroyed.resources, "resource");
    let mut lines = vec![format!("{resources}, weight {}", weight(report.destroyed.weight))];
    let mut types: Vec<_> = report.destroyed.by_type.iter().collect();
    types.sort_by_key(|(_, resources)| std::cmp::Reverse(**resources));
    lines.extend(types.iter().take(TYPES_LISTED_MAX).map(|(kind, resources)| format!("{resources} {}", escape(kind))));
    lines.join("\n")
}

/// A number of things, in words that fit it.
pub(super) fn counted(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// Escapes control characters, marks that reorder text, and whatever else does not show itself.
pub(super) fn escape(text: &str) -> String {
    let harmless = |character: char| -> Box<dyn Iterator<Item = char>> {
        match character {
            '"' | '\'' | '\\' => Box::new(std::iter::once(character)),
            other => Box::new(other.escape_debug()),
        }
    };
    text.chars().flat_map(harmless).collect()
}

/// The same, cut to a number of characters.
pub(super) fn escape_to(text: &str, characters: usize) -> String {
    let escaped = escape(text);
    if escaped.chars().count() <= characters {
        return escaped;
    }
    let mut cut: String = escaped.chars().take(characters.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_and_never_within_one() {
        for (text, columns, expected) in [
            ("", 10, ""),
            ("one two", 10, "one two"),
            ("one two three", 7, "one two\n  three"),
            ("one two three four", 9, "one two\n  three\n  four"),
            ("a-long-word-that-stays whole", 5, "a-long-word-that-stays\n  whole"),
            ("  indented text", 12, "  indented\n  text"),
        ] {
            assert_eq!(wrapped(text, columns, 2), expected, "{text:?}");
        }
    }

    #[test]
    fn weights_have_few_digits_and_are_never_rounded_up() {
        for (number, expected) in
            [(0.0, "0"), (25.996, "25.9"), (26.0, "26"), (1.1, "1.1"), (12.25, "12.2"), (0.3, "0.3"), (0.075, "0.07")]
        {
            assert_eq!(weight(number), expected);
        }
    }

    #[test]
    fn nothing_reaches_the_terminal_that_does_not_show_itself() {
        for (raw, shown) in [
            ("plain 'quoted' \\ ü", "plain 'quoted' \\ ü"),
            ("\u{1b}[31mred", "\\u{1b}[31mred"),
            ("two\nlines\r", "two\\nlines\\r"),
            ("reversed \u{202e}txt", "reversed \\u{202e}txt"),
            ("bell \u{7}", "bell \\u{7}"),
            ("c1 \u{9b}", "c1 \\u{9b}"),
        ] {
            assert_eq!(escape(raw), shown);
        }
        assert_eq!(escape_to("abcdef", 4), "abc…");
        assert_eq!(escape_to("abcd", 4), "abcd");
    }
}
