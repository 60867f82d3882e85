//! What options make of a trail: another order, copies, an organisation that is written as it is read.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{Options, Record, find, generate, stream};
use crate::time::Second;

const START: Second = Second(1_764_060_000);

fn trail(name: &str, options: &Options) -> Vec<Record> {
    generate(name, options).expect("a scenario of this name")
}

/// By how many seconds a record comes after one that is younger, at the most.
fn latest(records: &[Record]) -> i64 {
    let mut newest = i64::MIN;
    let late = records.iter().map(|record| {
        newest = newest.max(record.time.0);
        newest - record.time.0
    });
    late.max().unwrap_or_default()
}

fn counted(records: &[Record]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for record in records {
        *counts.entry(record.json.as_str()).or_default() += 1;
    }
    counts
}

fn small(seed: u64) -> Options {
    Options { principals: 20, rate: 2.0, duration_seconds: 1_800, ..Options::new(seed, START) }
}

#[test]
fn shuffled_records_are_the_same_and_no_later_than_allowed() {
    let plain = trail("session-rotation", &Options::new(4, START));
    assert_eq!(latest(&plain), 0);
    for seconds in [1, 60, 600] {
        let options = Options { shuffle_seconds: Some(seconds), ..Options::new(4, START) };
        let shuffled = trail("session-rotation", &options);
        assert_eq!(counted(&plain), counted(&shuffled));
        assert!((seconds * 3 / 4..=seconds).contains(&latest(&shuffled)), "{seconds}: {}", latest(&shuffled));
        assert_eq!(shuffled, trail("session-rotation", &options));
    }
}

#[test]
fn duplicates_are_equal_copies_of_so_many_records() {
    let plain = trail("session-rotation", &Options::new(4, START));
    for shuffle_seconds in [None, Some(30)] {
        let options = Options { duplicates: 0.3, shuffle_seconds, ..Options::new(4, START) };
        let copied = trail("session-rotation", &options);
        let counts = counted(&copied);
        assert_eq!(counts.keys().collect::<BTreeSet<_>>(), counted(&plain).keys().collect());
        assert!(counts.values().all(|count| (1..=2).contains(count)));
        let share = (copied.len() - plain.len()) as f64 / plain.len() as f64;
        assert!((0.24..0.36).contains(&share), "{share}");
        assert!((1..=600).contains(&latest(&copied)));
    }
}

#[test]
fn an_organisation_has_its_size_its_rate_and_its_end() {
    let records = trail("organisation", &small(3));
    assert_eq!(records, trail("organisation", &small(3)));
    assert!(records.is_sorted_by_key(|record| record.time));
    assert_eq!(records[0].time, START);
    let seconds = records[records.len() - 1].time.0 - START.0;
    assert!((1_700..1_800).contains(&seconds), "{seconds}");
    // A scan makes more than that for some minutes.
    assert!(records.len() >= 2 * 1_800, "{}", records.len());
    let entities = |records: &[Record]| records.iter().map(|record| record.entity.clone()).collect::<BTreeSet<_>>();
    let (few, many) = (entities(&records), entities(&trail("organisation", &Options { principals: 60, ..small(3) })));
    assert!(few.len() >= 18 && many.len() >= 54, "{} and {}", few.len(), many.len());
    assert!(!records.iter().any(|record| record.destructive));
}

#[test]
fn an_injected_scenario_is_told_to_its_end() {
    for seed in 0..4 {
        let plain = trail("organisation", &small(seed));
        let options = Options { inject: find("session-rotation"), ..small(seed) };
        let records = trail("organisation", &options);
        assert!(records.is_sorted_by_key(|record| record.time), "seed {seed}");
        let alone = trail("session-rotation", &Options::new(seed, START));
        let destructive = |records: &[Record]| records.iter().filter(|record| record.destructive).count();
        assert_eq!(destructive(&records), destructive(&alone), "seed {seed}");
        assert_eq!(records.len(), plain.len() + alone.len(), "seed {seed}: it comes on top");
    }
}

#[test]
fn an_organisation_is_written_as_it_is_read() {
    // A year of it would neither fit in memory nor be written before the first record is read.
    let options = Options { duration_seconds: 365 * 24 * 60 * 60, ..small(5) };
    let first: Vec<Record> = stream("organisation", &options).expect("a scenario").take(2_000).collect();
    assert_eq!(first.len(), 2_000);
}
