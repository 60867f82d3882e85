//! Judging a decoded trail, compared with decoding it; and how much more a fact costs when its actor has done much already.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use trailbrake_benches::{START, Trail, times_as_fast};
use trailbrake_detectors::catalog::Catalog;
use trailbrake_detectors::decode::decode;
use trailbrake_detectors::engine::{Engine, Fact, Input, Partition, Settings};
use trailbrake_detectors::event::Event;
use trailbrake_detectors::time::Millis;

/// Rounds of the comparisons.
const ROUNDS: usize = 5;
/// Facts of the short and of the long burst.
const BURSTS: [usize; 2] = [250, 2_000];

/// Applies events as facts, each received at its own time.
fn judge(events: &[Event]) -> usize {
    let mut engine = Engine::new(Settings::default());
    let mut outputs = Vec::new();
    for event in events {
        let fact = Fact {
            event: event.clone(),
            partition: Partition { source: "bench".into(), name: "".into() },
            received_at: event.time.millis(),
            may_pause: true,
        };
        outputs.clear();
        engine.apply(Input::Fact(Box::new(fact)), &mut outputs);
    }
    engine.situations().len()
}

/// One actor's burst: ten instances a second, for as long as it takes. The template is any destroying event of a trail.
fn burst(template: &Event, facts: usize) -> Vec<Event> {
    (0..facts)
        .map(|number| {
            let mut event = template.clone();
            event.id = format!("e{number}");
            event.time = START.plus(number as i64 / 10);
            event.resources.truncate(1);
            for mention in &mut event.resources {
                mention.aliases = vec![format!("i-{number:017x}")];
            }
            event
        })
        .collect()
}

fn bench(criterion: &mut Criterion) {
    let trail = Trail::of("agent-rebuild", 1).expect("a scenario of this name");
    let now: Millis = trail.last.millis();
    let events = decode(&trail.lines, now, Catalog::built_in()).events;
    assert!(judge(&events) > 0, "the trail holds an incident");

    let mut group = criterion.benchmark_group("engine");
    group.sample_size(10).throughput(Throughput::Elements(events.len() as u64));
    group.bench_function("agent-rebuild", |bencher| bencher.iter(|| judge(black_box(&events))));
    group.finish();
    let ratio = times_as_fast(
        ROUNDS,
        || {
            black_box(judge(black_box(&events)));
        },
        || drop(black_box(decode(black_box(&trail.lines), now, Catalog::built_in()))),
    );
    report("judging a trail", "decoding it", ratio);

    let template = events.iter().find(|event| event.name == "TerminateInstances").expect("a terminated instance");
    let [short, long] = BURSTS.map(|facts| burst(template, facts));
    let ratio = times_as_fast(
        ROUNDS,
        || {
            black_box(judge(&long));
        },
        || {
            for _ in 0..long.len() / short.len() {
                black_box(judge(&short));
            }
        },
    );
    report("a burst of 2,000 facts", "eight of 250", ratio);
}

#[expect(clippy::print_stdout, reason = "a benchmark's result belongs on stdout")]
fn report(first: &str, second: &str, ratio: f64) {
    println!("{first} is {ratio:.3} times as fast as {second}");
}

criterion_group!(benches, bench);
criterion_main!(benches);
