//! Incidents on a terminal. What was written by others is made harmless before a terminal sees it.

use std::io::{self, Write};

use comfy_table::{Cell, ColumnConstraint, ContentArrangement, Table, presets};
use trailbrake_detectors::engine::{OwnShare, Situation, Verdict};
use trailbrake_detectors::incident::Report;
use trailbrake_detectors::limits::YOUNG_SECONDS_MAX;

use super::replay::Told;

/// Types listed of what an incident destroyed.
const TYPES_LISTED_MAX: usize = 4;
/// Zones and regions listed of an incident.
const PLACES_LISTED_MAX: usize = 6;
/// What is own and younger than this is young, in hours.
const YOUNG_HOURS: i64 = YOUNG_SECONDS_MAX / 3_600;
/// How wide lines are where no terminal says how wide it is, and at most where they are sentences.
const COLUMNS: u16 = 100;
/// On a narrower terminal there is no room for that table.
const TABLE_COLUMNS_MIN: u16 = 140;
/// Facts listed of an incident's evidence.
const EVIDENCE_LISTED_MAX: usize = 20;

/// A table of incidents, one row each.
pub(super) fn table<'a>(situations: impl Iterator<Item = &'a Situation>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic).set_header([
        "severity",
        "who",
        "destroyed",
        "when",
        "reason",
    ]);
    if !table.is_tty() {
        table.set_width(140);
    }
    for situation in situations {
        let report = &situation.incident;
        let verdict = situation.verdicts.last().map(|one| format!("\n{} by {}", one.verdict.as_str(), reviewers(one)));
        let verdict = verdict.unwrap_or_default();
        table.add_row([
            Cell::new(format!("{}\n{}{verdict}", report.severity.as_str(), report.state.as_str())),
            Cell::new(who(report)),
            Cell::new(destroyed(report)),
            Cell::new(format!("{}\n{}", escape(&report.first_event_time), escape(&report.last_event_time))),
            Cell::new(format!("{}\n{}", escape(&report.reason), escape(&report.id))),
        ]);
    }
    table
}

/// The incidents of a trail that is over, the worst last, where the eye is when all is written: a row of a table each,
/// or a block each on a terminal that is too narrow for a table.
pub(super) fn judged(incidents: &[Told]) -> String {
    judged_within(incidents, Table::new().width().unwrap_or(COLUMNS))
}

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

fn judged_within(incidents: &[Told], columns: u16) -> String {
    let mut sorted: Vec<&Told> = incidents.iter().collect();
    sorted.sort_by_key(|told| told.report.severity_peak);
    if columns < TABLE_COLUMNS_MIN {
        let blocks: Vec<String> = sorted.into_iter().map(|told| block(told, columns)).collect();
        return blocks.join("\n\n") + "\n";
    }
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic).set_header([
        "severity",
        "when (UTC)",
        "who",
        "detectors",
        "destroyed",
        "where",
        "own",
        "reason",
    ]);
    table.set_width(columns);
    for told @ Told { report, .. } in sorted {
        let id = escape(&report.id);
        let first = Cell::new(format!("{}\n{id}", report.severity_peak.as_str()));
        table.add_row(std::iter::once(first).chain(parts(told).map(|(_, part)| Cell::new(part))));
    }
    if let Some(first) = table.column_mut(0) {
        first.set_constraint(ColumnConstraint::ContentWidth);
    }
    table.to_string()
}

/// What is told of an incident beside its severity and its id.
fn parts(told: &Told) -> [(&'static str, String); 7] {
    let Told { report, own, .. } = told;
    [
        ("when", format!("{}\n{}", escape(&report.first_event_time), escape(&report.last_event_time))),
        ("who", who(report)),
        ("detectors", report.detectors.join("\n")),
        ("destroyed", destroyed(report)),
        ("where", places(report)),
        ("own", own_share(report, *own)),
        ("reason", escape(&report.reason)),
    ]
}

/// One incident as lines of a word and what it says.
fn block(told: &Told, columns: u16) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(columns);
    for (word, part) in parts(told) {
        let part = match word {
            "when" => part.replace('\n', " to "),
            "detectors" | "where" => part.replace('\n', ", "),
            _ => part.replace(",\n", ", "),
        };
        if !part.is_empty() {
            table.add_row([format!(" {word}"), part]);
        }
    }
    if let Some(first) = table.column_mut(0) {
        first.set_constraint(ColumnConstraint::ContentWidth);
    }
    format!("{}  {}\n{}", told.report.severity_peak.as_str(), escape(&told.report.id), table.trim_fmt())
}

/// Zones where they are known, and regions.
fn places(report: &Report) -> String {
    let zones = report.zones.iter().chain(
        report.regions.iter().filter(|region| !report.zones.iter().any(|zone| zone.starts_with(region.as_str()))),
    );
    let mut places: Vec<String> = zones.take(PLACES_LISTED_MAX + 1).map(|place| escape_to(place, 30)).collect();
    if places.len() > PLACES_LISTED_MAX {
        places.truncate(PLACES_LISTED_MAX);
        places.push("and others".to_owned());
    }
    places.join("\n")
}

/// How much of what was destroyed its destroyer had made, and how young.
fn own_share(report: &Report, own: OwnShare) -> String {
    let resources = report.destroyed.resources;
    match (resources, report.destroyed.own) {
        (0, _) => String::new(),
        (_, 0) => "none known".to_owned(),
        (_, all) if own.young == all => format!("{all} of {resources},\nall made less than {YOUNG_HOURS} h before"),
        (_, all) => format!("{all} of {resources},\n{} made less than {YOUNG_HOURS} h before", own.young),
    }
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
        let line = format!("{}: {} {}", pause.state.as_str(), escape(&pause.key.entity), escape(&pause.reason));
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

fn reviewers(verdict: &Verdict) -> String {
    escape(&verdict.who.join(" and "))
}

fn who(report: &Report) -> String {
    let Some(principal) = &report.principal else { return "nobody in particular".to_owned() };
    let mut lines = vec![escape(&principal.arn)];
    for (word, value) in [("session", &principal.session), ("origin", &principal.origin), ("tool", &principal.tool)] {
        if !value.is_empty() {
            lines.push(format!("{word} {}", escape_to(value, 60)));
        }
    }
    lines.join("\n")
}

fn destroyed(report: &Report) -> String {
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
    use trailbrake_detectors::engine::Mode;
    use trailbrake_detectors::incident::{Severity, Standing, State, blind};
    use trailbrake_detectors::time::Second;

    use super::*;

    fn told(id: &str, severity_peak: Severity) -> Told {
        let (id, state, mode) = (id.to_owned(), State::Open, Mode::Observe);
        let standing = Standing { id, state, mode, severity_peak, eased: None, exact: true };
        let mut report = blind(&standing, Second(1_767_571_200), &"somebody destroyed something ".repeat(9));
        report.destroyed.resources = 1;
        report.destroyed.weight = 0.123_456;
        report.destroyed.by_type.insert("AWS::ElasticLoadBalancingV2::LoadBalancer".to_owned(), 1);
        report.zones = vec!["eu-west-1a".to_owned(), "eu-west-1b".to_owned()];
        Told::of(report)
    }

    #[test]
    fn the_worst_is_told_last_and_nothing_is_wider_than_the_terminal_or_breaks_an_id() {
        let (worst, mild) = ("tb-aaaaaaaaaaaaaaaa", "tb-bbbbbbbbbbbbbbbb");
        let incidents = [told(worst, Severity::Critical), told(mild, Severity::Low)];
        for columns in [60, 80, 139, 140, 180, 300] {
            let text = judged_within(&incidents, columns);
            let place = |word: &str| text.find(word).unwrap_or_else(|| panic!("{word} is broken:\n{text}"));
            assert!(place(mild) < place(worst) && place("low") < place("critical"), "{columns}:\n{text}");
            assert!(text.lines().all(|line| line.chars().count() <= usize::from(columns)), "{columns}:\n{text}");
            assert!(text.contains("1 resource, weight"), "{columns}:\n{text}");
            assert_eq!(text.contains('│'), columns >= 140, "{columns}:\n{text}");
        }
    }

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
