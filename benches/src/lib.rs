//! What the benchmarks share: trails to work on, and a comparison of two ways within one run.

pub mod world;

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use trailbrake_detectors::catalog::Catalog;
use trailbrake_detectors::decode::decode;
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
    /// The same records as an S3 file holds them, `{"Records":[…]}`.
    pub list: Vec<u8>,
    /// The time of the last one.
    pub last: Second,
}

/// Records of a trail, as many as a file of CloudTrail holds in a busy account: both ways read file by file, so that
/// neither has to hold more than one.
const MIX_RECORDS: usize = 1_000;
/// Of so many records of a mixed trail, one changes something.
const MIX_PERIOD: usize = 5;

impl Trail {
    /// A generated scenario, or nothing if there is none of that name.
    pub fn of(scenario: &str, seed: u64) -> Option<Self> {
        let records = generate(scenario, &Options::new(seed, START))?;
        let last = records.last()?.time;
        Some(Self::of_records(records.iter().map(|record| &*record.json).collect(), last))
    }

    /// A trail like real ones: four reads, then a call that changes something; records of both kinds from several
    /// scenarios and seeds.
    pub fn mixed() -> Self {
        let Parts { reads, changes, last } = parts();
        let mixed = (0..MIX_RECORDS).filter_map(|number| match number % MIX_PERIOD {
            0 => changes.get(number / MIX_PERIOD % changes.len()),
            _ => reads.get(number % reads.len()),
        });
        Self::of_records(mixed.map(|record| &**record).collect(), last)
    }

    /// A trail of nothing but calls that change something.
    pub fn changing() -> Self {
        let Parts { changes, last, .. } = parts();
        Self::of_records(changes.iter().take(MIX_RECORDS).map(|record| &**record).collect(), last)
    }

    fn of_records(records: Vec<&str>, last: Second) -> Self {
        let lines = records.iter().flat_map(|record| [record.as_bytes(), b"\n"]).flatten().copied().collect();
        let list = format!("{{\"Records\":[{}]}}", records.join(",")).into_bytes();
        Self { lines, list, records: records.len() as u64, last }
    }

    /// Bytes of a record, on average.
    pub fn record_bytes(&self) -> u64 {
        self.lines.len() as u64 / self.records.max(1)
    }
}

/// Records above this are left out. Real ones are of 836 to 1,174 bytes by the median of an account, of 1.3 to 1.8 KB by
/// the 95th percentile.
const RECORD_BYTES_MAX: usize = 1_700;

/// A record with what makes generated ones larger than real ones of the median made smaller: without details of TLS,
/// and with the short user agent that services write.
fn shortened(json: &str) -> String {
    let without = |json: &str, from: &str, to: char, instead: &str| match json.split_once(from) {
        Some((before, after)) => match after.split_once(to) {
            Some((_, after)) => format!("{before}{instead}{after}"),
            None => json.to_owned(),
        },
        None => json.to_owned(),
    };
    let json = without(json, ",\"tlsDetails\":{", '}', "");
    without(&json, "\"userAgent\":\"", '"', "\"userAgent\":\"aws-sdk-java/1.11.500\"")
}

struct Parts {
    reads: Vec<String>,
    changes: Vec<String>,
    last: Second,
}

/// Reads, and calls that bear on judgement, of several scenarios and seeds, each in an order of its own.
fn parts() -> Parts {
    let (mut reads, mut changes, mut last) = (Vec::new(), Vec::new(), START);
    for seed in 1..=3 {
        for scenario in ["agent-rebuild", "ci-environments", "rolling-replace", "terraform-destroy"] {
            for record in generate(scenario, &Options::new(seed, START)).unwrap_or_default() {
                last = last.max(record.time);
                let json = shortened(&record.json);
                if json.len() > RECORD_BYTES_MAX {
                    continue;
                }
                let decoded = decode(json.as_bytes(), record.time.millis(), Catalog::built_in());
                if !decoded.events.is_empty() {
                    changes.push(json);
                } else if json.contains("\"readOnly\":true") {
                    reads.push(json);
                }
            }
        }
    }
    // A stride that shares no factor with the length visits all, far apart: neighbours are of different scenarios.
    for records in [&mut reads, &mut changes] {
        let count = records.len();
        let stride = [7_919, 7_907].into_iter().find(|stride| count % stride != 0).unwrap_or(1);
        *records = (0..count).filter_map(|number| records.get(number * stride % count).cloned()).collect();
    }
    Parts { reads, changes, last }
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
    // What the other way left in caches and in the allocator is no part of this one.
    way();
    let begun = processor_time();
    way();
    processor_time().saturating_sub(begun)
}

/// Processor time that this thread has had. What others do on the machine bears less on it than on the time of day: the
/// longer of two ways would else be interrupted more often.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// Seconds of processor time that this thread has had.
pub fn processor_seconds() -> f64 {
    processor_time().as_secs_f64()
}

fn median(mut samples: Vec<Duration>) -> Duration {
    samples.sort_unstable();
    samples.get(samples.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use trailbrake_detectors::catalog::Catalog;
    use trailbrake_detectors::decode::decode;

    use super::{Trail, times_as_fast};

    #[test]
    fn a_trail_has_a_line_for_each_record() {
        let trail = Trail::of("agent-rebuild", 1).expect("a scenario of this name");
        assert_eq!(trail.lines.iter().filter(|byte| **byte == b'\n').count() as u64, trail.records);
        assert!(Trail::of("no-such-scenario", 1).is_none());
    }

    #[test]
    fn a_mixed_trail_is_like_a_real_one() {
        for (trail, events) in [(Trail::mixed(), 200), (Trail::changing(), 1_000)] {
            assert_eq!(trail.records, 1_000);
            assert!((1_050..1_500).contains(&trail.record_bytes()), "{} bytes a record", trail.record_bytes());
            for payload in [&trail.lines, &trail.list] {
                let decoded = decode(payload, trail.last.millis(), Catalog::built_in());
                assert_eq!((decoded.received, decoded.events.len(), decoded.rejects.len()), (1_000, events, 0));
            }
        }
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
