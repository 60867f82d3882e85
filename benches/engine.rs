//! What judging costs, each figure beside its target: facts a second, the cost of a fact by how much its window holds, and
//! decoding and judging together against a plain parse of the same bytes.

use std::hint::black_box;

use trailbrake_benches::world::{World, judge, shuffled};
use trailbrake_benches::{Trail, times_as_fast};
use trailbrake_detectors::catalog::Catalog;
use trailbrake_detectors::decode::decode;
use trailbrake_detectors::engine::{Engine, Fact, Input, Partition, Settings};
use trailbrake_detectors::time::Millis;

/// Rounds of the comparisons.
const ROUNDS: usize = 9;
/// Records that only read, for each that changes something.
const READS_PER_CHANGE: usize = 4;
/// Facts a second that the engine should judge.
const TARGET_FACTS: f64 = 1_000_000.0;
/// How late facts of the shuffled figure are, in seconds, at most.
const LATE_SECONDS: i64 = 600;
/// 1,000 actors that destroy 10,000 resources an hour.
const ORGANISATION: World = World { actors: 1_000, facts: 50_000, facts_per_second: 3, zones: 3 };
/// The same actors, each of which destroys a resource a second.
const STORM: World = World { actors: 1_000, facts: 100_000, facts_per_second: 1_000, zones: 3 };

/// All figures, a line each; of those named as arguments, if any are.
fn main() {
    let named: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_wanted = |name: &str| named.is_empty() || named.iter().any(|one| one == name);
    for (name, world) in [("organisation", ORGANISATION), ("storm", STORM)] {
        if is_wanted(name) {
            let per_second = 1.0 / judge(world.all()).seconds_per_fact;
            report(&format!("{name}, in order: {per_second:.0} facts a second (target: {TARGET_FACTS:.0})"));
        }
        if is_wanted(&format!("{name}-shuffled")) {
            let per_second = 1.0 / judge(shuffled(world.all(), LATE_SECONDS)).seconds_per_fact;
            report(&format!("{name}, shuffled within ten minutes: {per_second:.0} facts a second"));
        }
    }
    if is_wanted("windows") {
        windows();
    }
    if is_wanted("together") {
        together();
    }
}

/// One actor whose window of an hour holds ever more.
fn windows() {
    for zones in [3, 40] {
        let cost = |window: usize, facts: usize| {
            // So many within an hour; small windows are filled again and again.
            let facts_per_second = (window / 3_600).max(1);
            let actors = (facts_per_second * 3_600 / window).max(1);
            judge(World { actors, facts, facts_per_second, zones }.all()).seconds_per_fact
        };
        let [ten, thousand, all] =
            [(10, 50_000), (1_000, 50_000), (100_000, 100_000)].map(|(window, facts)| cost(window, facts));
        report(&format!(
            "{zones} zones: {:.2} us a fact in a window of 10; in one of 1,000 {:.2} times, of 100,000 {:.2} times as much (target: 1)",
            ten * 1e6,
            thousand / ten,
            all / ten,
        ));
    }
}

/// Decoding and judging against a parse into values.
fn together() {
    let Some(trail) = Trail::of("organisation", 1) else { return };
    let now = trail.last.millis();
    let lines: Vec<&[u8]> = trail.lines.split_inclusive(|byte| *byte == b'\n').collect();
    let is_change = |line: &&[u8]| !decode(line, now, Catalog::built_in()).events.is_empty();
    let (changes, reads): (Vec<&[u8]>, Vec<&[u8]>) = lines.into_iter().partition(is_change);
    let mut reads = reads.iter().cycle().copied();
    let mixed = changes
        .iter()
        .flat_map(|change| [*change].into_iter().chain(reads.by_ref().take(READS_PER_CHANGE)).collect::<Vec<_>>());
    for (name, lines, target) in [
        ("80 % reads", mixed.collect::<Vec<_>>().concat(), 5.0),
        ("records that all change something", changes.concat(), 1.5),
    ] {
        let ratio = times_as_fast(
            ROUNDS,
            || {
                black_box(decode_and_judge(black_box(&lines), now));
            },
            || {
                black_box(parse_to_values(black_box(&lines)));
            },
        );
        report(&format!(
            "{name}: decode and engine {ratio:.2} times as fast as parsing into values (target: {target:.1})"
        ));
    }
}

fn parse_to_values(lines: &[u8]) -> usize {
    serde_json::Deserializer::from_slice(lines).into_iter::<serde_json::Value>().filter(Result::is_ok).count()
}

/// Decodes and judges; returns how many facts are held.
fn decode_and_judge(lines: &[u8], now: Millis) -> usize {
    let mut engine = Engine::new(Settings::default());
    let partition = Partition { source: "bench".into(), name: "".into() };
    let mut outputs = Vec::new();
    for event in decode(lines, now, Catalog::built_in()).events {
        let received_at = event.time.millis();
        let fact = Fact { event, partition: partition.clone(), received_at, may_pause: true };
        engine.apply(Input::Fact(Box::new(fact)), &mut outputs);
        outputs.clear();
    }
    engine.facts_held()
}

#[expect(clippy::print_stdout, reason = "a benchmark's result belongs on stdout")]
fn report(line: &str) {
    println!("{line}");
}
