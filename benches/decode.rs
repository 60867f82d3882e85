//! Decoding a trail: records a second, and how that compares with parsing the same bytes into `serde_json::Value`.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use trailbrake_benches::{Trail, times_as_fast};
use trailbrake_detectors::catalog::Catalog;
use trailbrake_detectors::decode::decode;
use trailbrake_detectors::time::Millis;

/// Rounds of the comparison.
const ROUNDS: usize = 31;

fn parse_to_values(lines: &[u8]) -> usize {
    serde_json::Deserializer::from_slice(lines).into_iter::<serde_json::Value>().filter(Result::is_ok).count()
}

fn bench(criterion: &mut Criterion) {
    let catalog = Catalog::built_in();
    for scenario in ["agent-rebuild", "ci-environments"] {
        let trail = Trail::of(scenario, 1).unwrap_or_else(|| panic!("no such scenario: {scenario}"));
        let now: Millis = trail.last.millis();
        let decoded = decode(&trail.lines, now, catalog);
        assert_eq!((decoded.received, decoded.rejects.len()), (trail.records, 0), "all of the trail is decoded");
        assert_eq!(parse_to_values(&trail.lines) as u64, trail.records);

        let mut group = criterion.benchmark_group(scenario);
        group.throughput(Throughput::Elements(trail.records));
        group.bench_function("decode", |bencher| bencher.iter(|| decode(black_box(&trail.lines), now, catalog)));
        group.bench_function("json-value", |bencher| bencher.iter(|| parse_to_values(black_box(&trail.lines))));
        group.finish();

        let ratio = times_as_fast(
            ROUNDS,
            || drop(black_box(decode(black_box(&trail.lines), now, catalog))),
            || {
                black_box(parse_to_values(black_box(&trail.lines)));
            },
        );
        report(scenario, ratio);
    }
}

#[expect(clippy::print_stdout, reason = "a benchmark's result belongs on stdout")]
fn report(scenario: &str, ratio: f64) {
    println!("{scenario}: decode is {ratio:.2} times as fast as parsing into values");
}

criterion_group!(benches, bench);
criterion_main!(benches);
