//! What merely looks like destruction, judged: one line for each trail, and the reason of each incident that pages.

#![expect(clippy::print_stdout, reason = "a test tells its figures")]

use std::collections::BTreeSet;
use std::time::Instant;

use super::super::{ALL, Options, Record, stream};
use super::seeds;
use crate::catalog::Catalog;
use crate::decode::decode;
use crate::engine::{Engine, Fact, Input, Settings};
use crate::incident::Severity;
use crate::time::Second;

const START: Second = Second(crate::testing::START);

/// A trail that is judged as it comes, each record received in the second of its event or of the newest before it.
struct Judge {
    engine: Engine,
    records: usize,
    facts: usize,
    bytes: usize,
    newest: Second,
    ids: BTreeSet<u128>,
    begun: Instant,
}

impl Judge {
    fn new() -> Self {
        let engine = Engine::new(Settings::default());
        Self { engine, records: 0, facts: 0, bytes: 0, newest: Second(0), ids: BTreeSet::new(), begun: Instant::now() }
    }

    fn record(&mut self, record: &Record) {
        self.records += 1;
        self.bytes += record.json.len();
        self.newest = self.newest.max(record.time);
        let partition = crate::testing::partition();
        let now = self.newest.millis();
        let decoded = decode(record.json.as_bytes(), now, Catalog::built_in());
        assert_eq!(decoded.rejects, [], "{}", record.json);
        let mut outputs = Vec::new();
        for event in decoded.events {
            self.facts += 1;
            assert!(self.ids.insert(id(&event.id)), "event ids are unique: {}", event.id);
            let fact = Fact { event, partition: partition.clone(), received_at: now, may_pause: true };
            self.engine.apply(Input::Fact(Box::new(fact)), &mut outputs);
        }
        self.engine.apply(Input::Mark { partition, time: self.newest, received_at: now }, &mut outputs);
    }

    fn worst(&self) -> Severity {
        let peaks = self.engine.situations();
        peaks.iter().map(|one| one.incident.severity_peak).max().unwrap_or(Severity::Info)
    }

    /// The table's line, and a line for each incident that pages.
    fn tell(&self, name: &str, seed: u64) {
        let situations = self.engine.situations();
        let paging = situations.iter().filter(|one| one.incident.severity_peak >= Severity::High).count();
        let detectors: BTreeSet<&str> =
            situations.iter().flat_map(|one| one.incident.detectors.iter().map(String::as_str)).collect();
        let weight = situations.iter().map(|one| one.incident.destroyed.weight).fold(0.0, f64::max);
        println!(
            "{name:<20} {seed:>4}  {:<9} {:>3} of {:<3} {weight:>7.1}  {:>7} {:>6}  {:>5.1}  {detectors:?}",
            self.worst().as_str(),
            paging,
            situations.len(),
            self.records,
            self.facts,
            self.begun.elapsed().as_secs_f64(),
        );
        for one in situations.iter().filter(|one| one.incident.severity_peak >= Severity::High).take(6) {
            let report = &one.incident;
            println!(
                "    {} at {}: own {} of {}, {:?}: {}; {:?}",
                report.severity_peak.as_str(),
                report.triggered_event_time,
                report.destroyed.own,
                report.destroyed.resources,
                report.destroyed.by_type,
                report.reason,
                report.recreated.iter().map(|one| (&one.kind, &one.deleted_at, &one.created_at)).collect::<Vec<_>>(),
            );
        }
    }
}

fn id(text: &str) -> u128 {
    u128::from_str_radix(&text.replace('-', ""), 16).expect("a UUID")
}

fn judged(name: &str, options: &Options) -> Judge {
    let mut judge = Judge::new();
    for record in stream(name, options).expect("a scenario of this name") {
        judge.record(&record);
    }
    judge
}

/// None of them pages.
#[test]
fn looks_are_judged() {
    println!("scenario             seed  severity  paging   weight  records  facts seconds detectors");
    let only = std::env::var("TRAILBRAKE_LOOKS").ok();
    let mut paging = Vec::new();
    for scenario in ALL.iter().filter(|scenario| !scenario.destructive) {
        if only.as_ref().is_some_and(|only| !only.split(',').any(|name| name == scenario.name)) {
            continue;
        }
        // An organisation has all of the others in it, many times over.
        for seed in seeds(if scenario.name == "organisation" { 0..1 } else { 0..3 }) {
            let judge = judged(scenario.name, &Options::new(seed, START));
            judge.tell(scenario.name, seed);
            if judge.worst() >= Severity::High {
                paging.push(format!("{} {seed}", scenario.name));
            }
        }
    }
    assert_eq!(paging, Vec::<String>::new());
}
