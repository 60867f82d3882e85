//! Lists of incidents: a whole line for each where a program reads them, a table or blocks that fit where people do.

use comfy_table::{Cell, ColumnConstraint, ContentArrangement, Table, presets};
use trailbrake_detectors::engine::{OwnShare, Situation};
use trailbrake_detectors::incident::Report;
use trailbrake_detectors::limits::YOUNG_SECONDS_MAX;

use super::replay::Told;
use super::terminal::{COLUMNS, destroyed, escape, escape_to, reviewers, who};

/// Zones and regions listed of an incident.
const PLACES_LISTED_MAX: usize = 6;
/// What is own and younger than this is young, in hours.
const YOUNG_HOURS: i64 = YOUNG_SECONDS_MAX / 3_600;
/// On a narrower terminal there is no room for a table.
const TABLE_COLUMNS_MIN: u16 = 140;

/// How a list is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A line for each, parted by tabs, with nothing broken or left out: another program reads it.
    Lines,
    /// Within so many columns.
    Columns(u16),
}

impl Shape {
    /// That of standard output.
    pub(super) fn of_output() -> Self {
        let table = Table::new();
        if table.is_tty() { Self::Columns(table.width().unwrap_or(COLUMNS)) } else { Self::Lines }
    }
}

/// One thing in a list.
struct Listed {
    id: String,
    /// What is said of it first, in a word each.
    head: Vec<&'static str>,
    /// All else, in lines.
    parts: Vec<(&'static str, String)>,
}

/// The incidents of a daemon.
pub(super) fn situations<'a>(situations: impl Iterator<Item = &'a Situation>, shape: Shape) -> String {
    let listed = situations.map(|situation| {
        let report = &situation.incident;
        let verdict = situation.verdicts.last().map(|one| format!("{} by {}", one.verdict.as_str(), reviewers(one)));
        Listed {
            id: escape(&report.id),
            head: vec![report.severity.as_str(), report.state.as_str()],
            parts: vec![
                ("when (UTC)", when(report)),
                ("who", who(report)),
                ("destroyed", destroyed(report)),
                ("verdict", verdict.unwrap_or_default()),
                ("reason", escape(&report.reason)),
            ],
        }
    });
    written(&listed.collect::<Vec<_>>(), shape)
}

/// The incidents of a trail that is over, the worst last, where the eye is when all is written.
pub(super) fn judged(incidents: &[&Told], shape: Shape) -> String {
    let mut sorted: Vec<&&Told> = incidents.iter().collect();
    sorted.sort_by_key(|told| told.report.severity_peak);
    let listed = sorted.into_iter().map(|Told { report, own, .. }| Listed {
        id: escape(&report.id),
        head: vec![report.severity_peak.as_str()],
        parts: vec![
            ("when (UTC)", when(report)),
            ("who", who(report)),
            ("detectors", report.detectors.join("\n")),
            ("destroyed", destroyed(report)),
            ("where", places(report)),
            ("own", own_share(report, *own)),
            ("reason", escape(&report.reason)),
        ],
    });
    written(&listed.collect::<Vec<_>>(), shape)
}

fn written(all: &[Listed], shape: Shape) -> String {
    match shape {
        Shape::Lines => all.iter().map(line).collect(),
        Shape::Columns(columns) if columns < TABLE_COLUMNS_MIN => {
            let blocks: Vec<String> = all.iter().map(|one| block(one, columns)).collect();
            blocks.join("\n")
        }
        Shape::Columns(columns) => table(all, columns),
    }
}

/// All of it on one line. Nothing in it holds a tab or a line's end of its own.
fn line(one: &Listed) -> String {
    let head = one.head.iter().map(|word| (*word).to_owned());
    let parts = one.parts.iter().map(|(word, part)| on_one_line(word, part));
    let all: Vec<String> = std::iter::once(one.id.clone()).chain(head).chain(parts).collect();
    all.join("\t") + "\n"
}

fn on_one_line(word: &str, part: &str) -> String {
    match word {
        "when (UTC)" => part.replace('\n', " to "),
        _ => part.replace(",\n", ", ").replace('\n', ", "),
    }
}

fn table(all: &[Listed], columns: u16) -> String {
    let Some(first) = all.first() else { return String::new() };
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(std::iter::once("incident").chain(first.parts.iter().map(|(word, _)| *word)));
    table.set_width(columns);
    for Listed { id, head, parts } in all {
        let head: String = head.iter().map(|word| format!("\n{word}")).collect();
        let first = Cell::new(format!("{id}{head}"));
        table.add_row(std::iter::once(first).chain(parts.iter().map(|(_, part)| Cell::new(part))));
    }
    // An id is copied whole.
    if let Some(first) = table.column_mut(0) {
        first.set_constraint(ColumnConstraint::ContentWidth);
    }
    table.to_string() + "\n"
}

/// Lines of a word and what it says.
fn block(one: &Listed, columns: u16) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(columns);
    for (word, part) in &one.parts {
        let part = match *word {
            "who" | "destroyed" => part.clone(),
            word => on_one_line(word, part),
        };
        if !part.is_empty() {
            table.add_row([format!(" {word}"), part]);
        }
    }
    if let Some(first) = table.column_mut(0) {
        first.set_constraint(ColumnConstraint::ContentWidth);
    }
    format!("{}  {}\n{}\n", one.id, one.head.join(", "), table.trim_fmt())
}

fn when(report: &Report) -> String {
    format!("{}\n{}", escape(&report.first_event_time), escape(&report.last_event_time))
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

    const WORST: &str = "tb-aaaaaaaaaaaaaaaa";
    const MILD: &str = "tb-bbbbbbbbbbbbbbbb";

    #[test]
    fn the_worst_is_told_last_and_nothing_is_wider_than_the_terminal_or_breaks_an_id() {
        let (worst, mild) = (told(WORST, Severity::Critical), told(MILD, Severity::Low));
        for columns in [60, 80, 139, 140, 180, 300] {
            let text = judged(&[&worst, &mild], Shape::Columns(columns));
            let place = |word: &str| text.find(word).unwrap_or_else(|| panic!("{word} is broken:\n{text}"));
            assert!(place(MILD) < place(WORST) && place("low") < place("critical"), "{columns}:\n{text}");
            assert!(text.lines().all(|line| line.chars().count() <= usize::from(columns)), "{columns}:\n{text}");
            assert!(text.contains("1 resource, weight"), "{columns}:\n{text}");
            assert_eq!(text.contains('│'), columns >= 140, "{columns}:\n{text}");
        }
    }

    #[test]
    fn whoever_reads_from_a_pipe_gets_a_line_for_each_with_the_id_first_and_nothing_broken() {
        let (worst, mut mild) = (told(WORST, Severity::Critical), told(MILD, Severity::Low));
        mild.report.reason = "a\ttab\nand a line".to_owned();
        let text = judged(&[&worst, &mild], Shape::Lines);
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
        assert_eq!(lines.iter().map(Vec::len).collect::<Vec<_>>(), [9, 9], "{text}");
        assert_eq!((&lines[0][..2], &lines[1][..2]), (&[MILD, "low"][..], &[WORST, "critical"][..]));
        assert_eq!(lines[0][2], "2026-01-05T00:00:00Z to 2026-01-05T00:00:00Z");
        assert_eq!(lines[0][5], "1 resource, weight 0.12, 1 AWS::ElasticLoadBalancingV2::LoadBalancer");
        assert_eq!(lines[0][6], "eu-west-1a, eu-west-1b");
        assert_eq!(lines[0][8], "a\\ttab\\nand a line");
        assert_eq!(lines[1][8], worst.report.reason);
    }
}
