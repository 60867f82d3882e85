//! Each destructive scenario through the whole core: how bad it is said to be, of whom, and how much was gone by then.

#![expect(clippy::print_stdout, reason = "it prints the table")]

use std::collections::BTreeSet;

use super::super::{ALL, Expectation, Options, Scenario, generate};
use super::seeds;
use crate::catalog::Catalog;
use crate::decode::decode;
use crate::detector::{self, Levels, Limits, Weights};
use crate::engine::{Engine, Fact, Input, Output, Settings, Situation};
use crate::event::{Effect, Outcome};
use crate::incident::Severity;
use crate::time::Second;

const START: Second = Second(crate::testing::START);
/// How long CloudTrail takes to deliver, and IAM to take effect.
const DELIVERY_SECONDS: i64 = 5;
const IAM_SECONDS: i64 = 4;

/// What came of one trail.
struct Figures {
    worst: Option<Situation>,
    severity: Severity,
    /// Weight destroyed by the calls that a pause would have refused, in thousandths.
    weight: u64,
    /// How much of that came after the pause would have been effective.
    saved: u64,
    rejects: usize,
    /// How many incidents page.
    pages: usize,
}

/// Judges a trail in the order of its event times, each record received as late as CloudTrail delivers.
fn judge(scenario: &Scenario, seed: u64, limits: &Limits) -> Figures {
    let records = generate(scenario.name, &Options::new(seed, START)).expect("a scenario");
    let mut engine = Engine::new(Settings { limits: limits.clone(), ..Settings::default() });
    let mut outputs = Vec::new();
    let partition = crate::testing::partition();
    let (mut destroyed, mut paused_at, mut rejects) = (Vec::new(), None, 0);
    for record in &records {
        let received_at = record.time.plus(DELIVERY_SECONDS).millis();
        let decoded = decode(record.json.as_bytes(), received_at, Catalog::built_in());
        rejects += decoded.rejects.len();
        for event in decoded.events {
            if record.destructive && event.effect == Effect::Destroy && event.outcome == Outcome::Ok {
                let weight: u64 = event.resources.iter().map(|resource| Weights::default().of(resource.class)).sum();
                destroyed.push((record.time, weight));
            }
            let fact = Fact { event, partition: partition.clone(), received_at, may_pause: true };
            engine.apply(Input::Fact(Box::new(fact)), &mut outputs);
        }
        engine.apply(Input::Mark { partition: partition.clone(), time: record.time, received_at }, &mut outputs);
        let is_critical = outputs.drain(..).any(|output| match output {
            Output::Incident { peak, .. } => peak == Severity::Critical,
            _ => false,
        });
        if is_critical && paused_at.is_none() {
            paused_at = Some(record.time.plus(DELIVERY_SECONDS + IAM_SECONDS));
        }
    }
    let situations = engine.situations();
    let pages = situations.iter().filter(|one| one.incident.severity_peak >= Severity::High).count();
    let worst = situations.into_iter().max_by_key(|one| (one.incident.severity_peak, one.incident.destroyed.resources));
    let after = |(time, _): &&(Second, u64)| paused_at.is_some_and(|paused_at| *time > paused_at);
    Figures {
        severity: worst.as_ref().map_or(Severity::Info, |worst| worst.incident.severity_peak),
        worst,
        weight: destroyed.iter().map(|(_, weight)| weight).sum(),
        saved: destroyed.iter().filter(after).map(|(_, weight)| weight).sum(),
        rejects,
        pages,
    }
}

impl Figures {
    fn row(&self, scenario: &Scenario, seed: u64, misses: &[String]) -> String {
        let number = |value: Option<u64>| value.map_or("-".to_owned(), |value| value.to_string());
        let report = self.worst.as_ref().map(|worst| &worst.incident);
        let destroyed = report.map(|report| report.destroyed.clone()).unwrap_or_default();
        format!(
            "| {:<23} | {seed:>4} | {:<8} | {:<44} | {:>4} | {:>5} | {:>5} | {:>3} | {:>5} | {:<46} | {}",
            scenario.name,
            self.severity.as_str(),
            report.map_or(String::new(), |report| report.detectors.join(", ")),
            number(destroyed.at_page),
            number(destroyed.at_pause),
            destroyed.resources,
            destroyed.own,
            (self.saved * 100).checked_div(self.weight).map_or("-".to_owned(), |share| format!("{share} %")),
            report.and_then(|report| report.principal.as_ref()).map_or("", |principal| short(&principal.arn)),
            misses.join("; "),
        )
    }

    /// What is not as it must be.
    fn misses(&self, expected: &Expectation) -> Vec<String> {
        let mut misses = Vec::new();
        let Some(report) = self.worst.as_ref().map(|worst| &worst.incident) else { return misses };
        let principal = report.principal.as_ref().map_or("", |principal| &*principal.arn);
        if self.severity >= Severity::High && principal != expected.principal {
            misses.push(format!("who is {}", short(&expected.principal)));
        }
        if self.pages > 1 {
            misses.push(format!("{} incidents page", self.pages));
        }
        let destroyed = &report.destroyed;
        if destroyed.at_page.is_some_and(|gone| gone > expected.at_page_max) {
            misses.push(format!("at page over {}", expected.at_page_max));
        }
        if destroyed.at_pause.is_some_and(|gone| gone > expected.at_pause_max) {
            misses.push(format!("at pause over {}", expected.at_pause_max));
        }
        misses
    }
}

/// The name at the end of an ARN.
fn short(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

#[test]
fn figures() {
    println!(
        "| {:<23} | seed | {:<8} | {:<44} | page | pause | total | own | saved | {:<46} | misses",
        "scenario", "severity", "detectors", "principal"
    );
    let mut missing = BTreeSet::new();
    let limits = Limits::default();
    for scenario in ALL.iter().filter(|scenario| scenario.destructive) {
        for seed in seeds(0..4) {
            let figures = judge(scenario, seed, &limits);
            assert_eq!(figures.rejects, 0, "{} {seed}", scenario.name);
            let expected = scenario.expectation(&Options::new(seed, START));
            let is_right = (expected.least..=expected.most).contains(&figures.severity);
            assert!(is_right, "{} {seed}: {}", scenario.name, figures.severity.as_str());
            let misses = figures.misses(&expected);
            if !misses.is_empty() {
                missing.insert(scenario.name);
            }
            println!("{}", figures.row(scenario, seed, &misses));
        }
    }
    assert_eq!(missing, BTreeSet::new(), "not as they must be");
}

/// Limits by which one detector never speaks.
fn without(name: &str) -> Limits {
    let mut limits = Limits::default();
    match name {
        "deletion-burst" => {
            let burst = &mut limits.deletion_burst;
            for levels in [&mut burst.five_minutes, &mut burst.hour, &mut burst.resources, &mut burst.resources_full] {
                *levels = Levels::default();
            }
        }
        "zone-spread" => {
            let spread = &mut limits.zone_spread;
            (spread.zones_high, spread.zones_critical) = (None, None);
            (spread.regions_high, spread.regions_critical) = (None, None);
        }
        "delete-recreate" => {
            (limits.delete_recreate.returned, limits.delete_recreate.rebuilt) = (Levels::default(), Levels::default());
        }
        "guard-removal" => limits.guard_removal = Levels::default(),
        "denied-destruction" => limits.denied_destruction = Levels::default(),
        other => panic!("no such detector: {other}"),
    }
    limits
}

/// How well a trail came out: how bad it was said to be, and how little was gone at the page and at the pause.
fn merit(figures: &Figures) -> (Severity, i64) {
    let destroyed = figures.worst.as_ref().map(|worst| worst.incident.destroyed.clone()).unwrap_or_default();
    let gone = |at: Option<u64>| at.map_or(1_000, |gone| gone as i64);
    (figures.severity, -(gone(destroyed.at_page) + gone(destroyed.at_pause)))
}

/// Each detector is worth having: without it some trail comes out worse.
#[test]
fn without_any_one_detector_a_figure_is_worse() {
    for name in detector::ALL.iter().map(|detector| detector.name()) {
        let (with, without) = (Limits::default(), without(name));
        let destructive = ALL.iter().filter(|scenario| scenario.destructive);
        let mut trails = destructive.flat_map(|scenario| (0..4).map(move |seed| (scenario, seed)));
        let worse = trails.find_map(|(scenario, seed)| {
            let merits = [&with, &without].map(|limits| merit(&judge(scenario, seed, limits)));
            let told = || format!("{} {seed}: {:?} instead of {:?}", scenario.name, merits[1], merits[0]);
            (merits[1] < merits[0]).then(told)
        });
        println!("without {name}: {}", worse.as_deref().unwrap_or("nothing is worse"));
        assert!(worse.is_some(), "{name} buys nothing");
    }
}
