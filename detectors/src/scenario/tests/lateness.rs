//! The law of order on whole trails: however records arrive, in the end the incidents are the same.

use std::collections::BTreeSet;

use super::super::{ALL, Options, generate};
use super::seeds;
use crate::engine::{Column, Engine, Fact, Input, Output, Settings};
use crate::incident::State;
use crate::limits::LATENESS_SECONDS;
use crate::testing::{decoded, partition};
use crate::time::Second;

const START: Second = Second(crate::testing::START);

/// What an incident is in the end, whatever was believed of it before.
fn told(engine: &Engine) -> BTreeSet<String> {
    let is_over = |state: State| matches!(state, State::Eased | State::Merged);
    let held = engine.situations().into_iter().filter(|one| !is_over(one.incident.state));
    held.map(|one| {
        let id = engine.id_in_order(&one.incident.id).unwrap_or_default();
        let report = one.incident;
        let counts = (&report.destroyed, &report.denied, &report.recreated);
        let span = (&report.first_event_time, &report.triggered_event_id, &report.last_event_time);
        let what = (report.severity, &report.detectors, &report.zones, &report.regions, &report.accounts);
        format!("{id} {:?} {what:?} {span:?} {counts:?} {}", report.principal, report.reason)
    })
    .collect()
}

/// Judges records in the order given, and how many of them were equal copies.
fn judged(name: &str, options: &Options) -> (Engine, usize) {
    let mut engine = Engine::new(Settings::default());
    let (mut outputs, mut newest, mut copies) = (Vec::new(), Second(0), 0);
    for record in generate(name, options).expect("a scenario of this name") {
        newest = newest.max(record.time);
        for event in decoded(&record.json, newest) {
            let fact = Fact { event, partition: partition(), received_at: newest.millis(), may_pause: true };
            engine.apply(Input::Fact(Box::new(fact)), &mut outputs);
        }
        engine.apply(Input::Mark { partition: partition(), time: newest, received_at: newest.millis() }, &mut outputs);
        let is_copy = |output: &Output| matches!(output, Output::Counted { column: Column::Duplicate, .. });
        copies += outputs.drain(..).filter(is_copy).count();
    }
    (engine, copies)
}

#[test]
fn late_and_repeated_records_end_in_the_same_incidents() {
    for scenario in ALL.iter().filter(|scenario| !matches!(scenario.name, "organisation" | "read-storm")) {
        for seed in seeds(0..1) {
            let in_order = Options::new(seed, START);
            let as_arrived =
                Options { shuffle_seconds: Some(LATENESS_SECONDS), duplicates: 0.3, ..Options::new(seed, START) };
            let (expected, _) = judged(scenario.name, &in_order);
            let (found, copies) = judged(scenario.name, &as_arrived);
            assert!(copies > 0, "{} {seed}: nothing was repeated", scenario.name);
            assert_eq!(told(&found), told(&expected), "{} {seed}", scenario.name);
        }
    }
}
