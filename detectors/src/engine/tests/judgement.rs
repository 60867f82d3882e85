//! Judgement as a whole: bytes of real trails in, where they are found, and incidents out.

#![expect(clippy::print_stdout, reason = "a test tells its figures, or why it was skipped")]

use crate::catalog::Catalog;
use crate::decode::decode;
use crate::engine::*;

/// Judges a trail as if each record were received in its own second.
fn judge(lines: &[(Second, String)]) -> Engine {
    let mut engine = Engine::new(Settings::default());
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

#[test]
fn real_tear_downs_are_incidents() {
    let Some(text) = corpus("invictus.ndjson") else { return };
    let mut lines: Vec<(Second, String)> = text
        .lines()
        .map(|line| {
            let record: serde_json::Value = serde_json::from_str(line).expect("JSON");
            let time = record["eventTime"].as_str().and_then(Second::parse).expect("a time");
            (time, line.to_owned())
        })
        .collect();
    lines.sort_by_key(|(time, _)| *time);
    let situations = judge(&lines).situations();
    for one in &situations {
        let report = &one.incident;
        println!("{:?} {:?} {} {}", report.severity_peak, report.detectors, report.triggered_event_time, report.reason);
    }
    let of_bert_jan: Vec<_> = situations
        .iter()
        .filter(|one| one.incident.principal.as_ref().is_some_and(|one| one.arn.ends_with(":user/bert-jan")))
        .collect();
    let destroyed: u64 = of_bert_jan.iter().map(|one| one.incident.destroyed.resources).sum();
    assert!(destroyed >= 130, "{destroyed} of about 144 resources are in incidents");
}
