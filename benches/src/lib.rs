//! What the benchmarks share: a trail to work on, and a comparison of two ways within one run.

pub mod world;

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use trailbrake_detectors::scenario::{Options, generate};
use trailbrake_detectors::time::Second;

/// The time of the benchmark trail's first event.
pub const START: Second = Second(1_764_060_000);

/// A trail as the daemon meets it in a file or a message: one record a line.
#[derive(Debug)]
pub struct Trail {
    /// The records, with line ends.
    pub lines: Vec<u8>,
    /// How many records there are.
    pub records: u64,
    /// The time of the last one.
    pub last: Second,
}

impl Trail {
    /// A generated scenario, or nothing if there is none of that name.
    pub fn of(scenario: &str, seed: u64) -> Option<Self> {
        let records = generate(scenario, &Options::new(seed, START))?;
        let last = records.last()?.time;
        let mut lines = Vec::new();
        for record in &records {
            lines.extend_from_slice(record.json.as_bytes());
            lines.push(b'\n');
        }
        Some(Self { lines, records: records.len() as u64, last })
    }
}

/// How many times as fast the first way is as the second. Both run in turns, so that a slow moment of the machine hits
/// both; the medians are compared.
pub fn times_as_fast(rounds: usize, mut first: impl FnMut(), mut second: impl FnMut()) -> f64 {
    let mut samples = [Vec::with_capacity(rounds), Vec::with_capacity(rounds)];
    for _ in 0..rounds.max(1) {
        samples[0].push(timed(&mut first));
        samples[1].push(timed(&mut second));
    }
    let [first, second] = samples.map(median);
    second.as_secs_f64() / first.as_secs_f64().max(f64::MIN_POSITIVE)
}

fn timed(way: &mut impl FnMut()) -> Duration {
    let begun = processor_seconds();
    way();
    Duration::from_secs_f64((processor_seconds() - begun).max(0.0))
}

/// Seconds of processor time that this thread has had, where the system tells; else seconds of wall time. What others do
/// on the machine bears less on the first.
pub fn processor_seconds() -> f64 {
    static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = told.split(' ').next().and_then(|first| first.parse::<f64>().ok());
    nanoseconds.map_or_else(|| BEGUN.elapsed().as_secs_f64(), |nanoseconds| nanoseconds / 1e9)
}

fn median(mut samples: Vec<Duration>) -> Duration {
    samples.sort_unstable();
    samples.get(samples.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Trail, times_as_fast};

    #[test]
    fn a_trail_has_a_line_for_each_record() {
        let trail = Trail::of("agent-rebuild", 1).expect("a scenario of this name");
        assert_eq!(trail.lines.iter().filter(|byte| **byte == b'\n').count() as u64, trail.records);
        assert!(Trail::of("no-such-scenario", 1).is_none());
    }

    #[test]
    fn what_takes_longer_is_slower() {
        let wait = |milliseconds| {
            move || {
                let until = super::processor_seconds() + f64::from(milliseconds) / 1e3;
                while super::processor_seconds() < until {}
            }
        };
        assert!(times_as_fast(5, wait(1), wait(20)) > 2.0);
        assert!(times_as_fast(5, wait(20), wait(1)) < 0.5);
    }
}
