//! Decoding a trail: records a second, and how that compares with parsing the same bytes into `serde_json::Value`.
//! Both get the same payload in turns: lines, which `Value` parses and drops one by one, or one S3 file of ordinary size,
//! of which `Value` makes one tree.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde_json::Value;
use trailbrake_benches::{Trail, times_as_fast};
use trailbrake_detectors::catalog::Catalog;
use trailbrake_detectors::decode::decode;
use trailbrake_detectors::time::Millis;

/// Rounds of the comparison.
const ROUNDS: usize = 101;

fn parse_lines(lines: &[u8]) -> usize {
    serde_json::Deserializer::from_slice(lines).into_iter::<Value>().filter(Result::is_ok).count()
}

fn parse_list(list: &[u8]) -> usize {
    let file: Option<Value> = serde_json::from_slice(list).ok();
    file.and_then(|file| file.get("Records")?.as_array().map(Vec::len)).unwrap_or_default()
}

fn bench(criterion: &mut Criterion) {
    for (name, trail, target) in [("mix", Trail::mixed(), 6.0), ("changing", Trail::changing(), 1.8)] {
        let now = trail.last.millis();
        compare(criterion, &format!("{name} as lines"), (&trail, &trail.lines), now, parse_lines, target);
        compare(criterion, &format!("{name} as Records"), (&trail, &trail.list), now, parse_list, target);
    }
}

fn compare(
    criterion: &mut Criterion,
    name: &str,
    (trail, payload): (&Trail, &[u8]),
    now: Millis,
    parse: fn(&[u8]) -> usize,
    target: f64,
) {
    let catalog = Catalog::built_in();
    let decoded = decode(payload, now, catalog);
    assert_eq!((decoded.received, decoded.rejects.len()), (trail.records, 0), "all of the trail is decoded");
    assert_eq!(parse(payload) as u64, trail.records);

    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(trail.records));
    group.bench_function("decode", |bencher| bencher.iter(|| decode(black_box(payload), now, catalog)));
    group.bench_function("json-value", |bencher| bencher.iter(|| parse(black_box(payload))));
    group.finish();

    let ratio = times_as_fast(
        ROUNDS,
        || drop(black_box(decode(black_box(payload), now, catalog))),
        || {
            black_box(parse(black_box(payload)));
        },
    );
    report(&format!("decode, {name}, {} bytes a record", trail.record_bytes()), ratio, target);
}

#[expect(clippy::print_stdout, reason = "a benchmark's result belongs on stdout")]
fn report(name: &str, ratio: f64, target: f64) {
    println!("{name}: {ratio:.2} times serde_json::Value (target {target})");
}

criterion_group!(benches, bench);
criterion_main!(benches);
