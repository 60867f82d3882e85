//! Scratch.
use std::hint::black_box;
use trailbrake_benches::Trail;
use trailbrake_detectors::catalog::Catalog;
use trailbrake_detectors::decode::decode;
fn main() {
    let mut args = std::env::args().skip(1);
    let what = args.next().unwrap();
    let how = args.next().unwrap();
    let rounds: usize = args.next().unwrap().parse().unwrap();
    let trail = if what == "mix" { Trail::mixed() } else { Trail::changing() };
    let reads: Vec<u8>;
    let payload: &[u8] = match &*how {
        "lines" => &trail.lines,
        "list" => &trail.list,
        "dump" => {
            use std::io::Write;
            std::io::stdout().write_all(&trail.lines).unwrap();
            return;
        }
        _ => {
            reads = trail
                .lines
                .split_inclusive(|b| *b == b'\n')
                .filter(|l| l.windows(15).any(|w| w == b"\"readOnly\":true"))
                .flatten()
                .copied()
                .collect();
            &reads
        }
    };
    let catalog = Catalog::built_in();
    if how == "value" {
        for _ in 0..rounds {
            black_box(
                serde_json::Deserializer::from_slice(black_box(&trail.lines)).into_iter::<serde_json::Value>().count(),
            );
        }
        return;
    }
    let now = trail.last.millis();
    let mut n = 0;
    let begun = std::time::Instant::now();
    for _ in 0..rounds {
        n = black_box(decode(black_box(payload), now, catalog)).received;
    }
    eprintln!("{n} records {} bytes {:?} a round", payload.len(), begun.elapsed() / rounds.max(1) as u32);
}
