//! Judgement as a whole: bytes of real trails in, where they are found, and incidents out.

#![expect(clippy::print_stdout, reason = "a test tells its figures, or why it was skipped")]

use crate::catalog::Catalog;
use crate::decode::decode;
use crate::detector::Limits;
use crate::engine::*;
use crate::incident::Severity;

/// Judges a trail as if each record were received in its own second.
fn judge(lines: &[(Second, String)], limits: Limits) -> Engine {
    let mut engine = Engine::new(Settings { limits, ..Settings::default() });
    let mut outputs = Vec::new();
    let partition = crate::testing::partition();
    for (time, json) in lines {
        let decoded = decode(json.as_bytes(), time.millis(), Catalog::built_in());
        for event in decoded.events {
            let fact = Fact { event, partition: partition.clone(), received_at: time.millis(), may_pause: true };
            engine.apply(Input::Fact(Box::new(fact)), &mut outputs);
        }
        let mark = Input::Mark { partition: partition.clone(), time: *time, received_at: time.millis() };
        engine.apply(mark, &mut outputs);
        outputs.clear();
    }
    engine
}

/// Files of real trails, where `TRAILBRAKE_CORPUS` says that they are.
fn corpus(file: &str) -> Option<String> {
    let Some(directory) = std::env::var_os("TRAILBRAKE_CORPUS") else {
        println!("skipped: TRAILBRAKE_CORPUS does not name a directory of real trails");
        return None;
    };
    let path = std::path::Path::new(&directory).join(file);
    Some(std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// The records of a file, in the order of their times; those without one are left out.
fn trail(file: &str) -> Option<Vec<(Second, String)>> {
    let time = |line: &str| {
        let record: serde_json::Value = serde_json::from_str(line).ok()?;
        record["eventTime"].as_str().and_then(Second::parse)
    };
    let text = corpus(file)?;
    let mut lines: Vec<(Second, String)> =
        text.lines().filter_map(|line| Some((time(line)?, line.to_owned()))).collect();
    lines.sort_by_key(|(time, _)| *time);
    Some(lines)
}

fn of_bert_jan(engine: &Engine) -> Vec<Situation> {
    let is_his =
        |one: &Situation| one.incident.principal.as_ref().is_some_and(|one| one.arn.ends_with(":user/bert-jan"));
    engine.situations().into_iter().filter(is_his).collect()
}

#[test]
fn real_tear_downs_are_incidents() {
    let Some(lines) = trail("invictus.ndjson") else { return };
    let engine = judge(&lines, Limits::default());
    for one in engine.situations() {
        let report = &one.incident;
        println!("{:?} {:?} {} {}", report.severity_peak, report.detectors, report.triggered_event_time, report.reason);
    }
    let reports: Vec<_> = of_bert_jan(&engine).into_iter().map(|one| one.incident).collect();
    let destroyed: u64 = reports.iter().map(|report| report.destroyed.resources).sum();
    let own: u64 = reports.iter().map(|report| report.destroyed.own).sum();
    assert!(destroyed >= 130, "{destroyed} of about 144 resources are in incidents");
    assert!(own * 10 >= destroyed * 9, "{own} of {destroyed} are known to be his own");
    // It looks like a test environment, which need not page on that ground.
    assert!(reports.iter().all(|report| report.severity_peak < Severity::High));
    // Both tear-downs lie in them.
    let within = |time: &str| reports.iter().any(|one| *one.first_event_time <= *time && *time <= *one.last_event_time);
    assert!(within("2023-07-10T12:08:00Z") && within("2023-07-10T12:28:30Z"));
}

#[test]
fn without_the_ownership_each_tear_down_alone_pages() {
    let Some(lines) = trail("invictus.ndjson") else { return };
    let mut limits = Limits::default();
    (limits.weights.lessened_share, limits.weights.own_young_max) = (1_000, 1_000_000);
    let between = Second::parse("2023-07-10T12:20:00Z").expect("a time");
    let (first, second): (Vec<_>, Vec<_>) = lines.into_iter().partition(|(time, _)| *time < between);
    for (number, lines) in [first, second].iter().enumerate() {
        let worst = of_bert_jan(&judge(lines, limits.clone())).into_iter().map(|one| one.incident.severity_peak).max();
        println!("tear-down {}: {worst:?}", number + 1);
        assert!(worst >= Some(Severity::High), "tear-down {}: {worst:?}", number + 1);
    }
}

#[test]
fn other_real_trails_page_nobody() {
    for file in ["cribl_real", "custodian", "datadog", "lambda_rust", "stratus", "umccr_flaws"] {
        let Some(lines) = trail(&format!("{file}.ndjson")) else { return };
        for one in judge(&lines, Limits::default()).situations() {
            println!("{file}: {:?} {}", one.incident.severity_peak, one.incident.reason);
            assert!(one.incident.severity_peak < Severity::High, "{file}: {}", one.incident.reason);
        }
    }
}
