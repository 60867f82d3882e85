//! Latencies over the last minute and the last ten: a recorder for each minute, the oldest one used again.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use hdrhistogram::Histogram;
use prometheus::core::{Collector, Desc};
use prometheus::proto::{Gauge, LabelPair, Metric, MetricFamily, MetricType};
use serde::{Deserialize, Serialize};
use trailbrake_detectors::time::Millis;

use crate::clock::SharedClock;

/// Minutes of the longer window, and the one that is going on.
const MINUTES_KEPT: usize = 11;
/// Windows: their label, and how many whole minutes they reach back before the one that is going on.
const WINDOWS: [(&str, i64); 2] = [("1m", 1), ("10m", 10)];
const QUANTILES: [(&str, f64); 3] = [("0.5", 0.5), ("0.99", 0.99), ("0.999", 0.999)];
/// A longer latency is recorded as this long.
const SECONDS_MAX: u64 = 24 * 60 * 60;
const MICROSECONDS_PER_SECOND: f64 = 1e6;

/// Records one latency and exports its quantiles as gauges, labelled with quantile and window.
#[derive(Clone)]
pub(super) struct Latency {
    name: &'static str,
    help: &'static str,
    desc: Desc,
    clock: SharedClock,
    minutes: Arc<Mutex<Minutes>>,
}

impl Latency {
    pub(super) fn new(name: &'static str, help: &'static str, clock: SharedClock) -> prometheus::Result<Self> {
        let labels = vec!["quantile".to_owned(), "window".to_owned()];
        let desc = Desc::new(name.to_owned(), help.to_owned(), labels, HashMap::new())?;
        Ok(Self { name, help, desc, clock, minutes: Arc::default() })
    }

    /// Records the same latency so many times.
    pub(super) fn observe(&self, seconds: f64, times: u64) {
        // The cast keeps within the type's range; a clock that went back makes a negative latency, recorded as none.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let microseconds = (seconds * MICROSECONDS_PER_SECOND) as u64;
        let now = self.clock.now();
        let times = u32::try_from(times).unwrap_or(u32::MAX);
        self.minutes.lock().unwrap_or_else(PoisonError::into_inner).record(now, microseconds, times);
    }
}

/// What half, all but one in a hundred and all but one in a thousand took at most, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    /// The median.
    pub p50: f64,
    /// All but one in a hundred took no longer.
    pub p99: f64,
    /// All but one in a thousand took no longer.
    #[serde(default)]
    pub p999: f64,
}

impl Latency {
    /// The quantiles of each window in which there was something to record.
    pub(super) fn quantiles(&self) -> BTreeMap<String, Quantiles> {
        let now = self.clock.now();
        let minutes = self.minutes.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |(window, reach): (&str, i64)| {
            let histogram = minutes.within(now, reach)?;
            #[expect(clippy::cast_precision_loss)]
            let seconds = |quantile| histogram.value_at_quantile(quantile) as f64 / MICROSECONDS_PER_SECOND;
            Some((window.to_owned(), Quantiles { p50: seconds(0.5), p99: seconds(0.99), p999: seconds(0.999) }))
        };
        WINDOWS.into_iter().filter_map(of).collect()
    }
}

impl Collector for Latency {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let now = self.clock.now();
        let minutes = self.minutes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut metrics = Vec::new();
        for (window, reach) in WINDOWS {
            let Some(histogram) = minutes.within(now, reach) else { continue };
            for (label, quantile) in QUANTILES {
                #[expect(clippy::cast_precision_loss)]
                let seconds = histogram.value_at_quantile(quantile) as f64 / MICROSECONDS_PER_SECOND;
                metrics.push(gauge(&[("quantile", label), ("window", window)], seconds));
            }
        }
        if metrics.is_empty() {
            return Vec::new();
        }
        let mut family = MetricFamily::default();
        family.set_name(self.name.to_owned());
        family.set_help(self.help.to_owned());
        family.set_field_type(MetricType::GAUGE);
        family.set_metric(metrics);
        vec![family]
    }
}

fn gauge(labels: &[(&str, &str)], value: f64) -> Metric {
    let pair = |(name, value): &(&str, &str)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    };
    let mut gauge = Gauge::default();
    gauge.set_value(value);
    let mut metric = Metric::from_gauge(gauge);
    metric.set_label(labels.iter().map(pair).collect());
    metric
}

/// A recorder for each minute that had something to record.
#[derive(Default)]
struct Minutes {
    recorders: Vec<(i64, Histogram<u32>)>,
}

impl Minutes {
    fn record(&mut self, now: Millis, microseconds: u64, times: u32) {
        let minute = minute_of(now);
        if let Some((_, recorder)) = self.recorders.iter_mut().find(|(of, _)| *of == minute) {
            recorder.saturating_record_n(microseconds, times);
            return;
        }
        if self.recorders.len() < MINUTES_KEPT {
            let Some(mut recorder) = recorder() else { return };
            recorder.saturating_record_n(microseconds, times);
            self.recorders.push((minute, recorder));
        } else if let Some((of, recorder)) = self.recorders.iter_mut().min_by_key(|(of, _)| *of) {
            *of = minute;
            recorder.reset();
            recorder.saturating_record_n(microseconds, times);
        }
    }

    /// What was recorded in this minute and so many before; nothing if nothing was.
    fn within(&self, now: Millis, reach: i64) -> Option<Histogram<u32>> {
        let minute = minute_of(now);
        let mut sum: Option<Histogram<u32>> = None;
        for (_, recorder) in self.recorders.iter().filter(|(of, _)| (minute - reach..=minute).contains(of)) {
            match &mut sum {
                None => sum = Some(recorder.clone()),
                // All recorders have the same bounds: the sum of two always fits.
                Some(sum) => sum.add(recorder).ok()?,
            }
        }
        sum
    }
}

/// From a microsecond to a day, three digits exact: bounds that the library takes.
fn recorder() -> Option<Histogram<u32>> {
    Histogram::new_with_bounds(1, SECONDS_MAX * 1_000_000, 3).ok()
}

fn minute_of(time: Millis) -> i64 {
    time.second().0.div_euclid(60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    /// The gauges as (window, quantile) → seconds, rounded to what three digits hold.
    fn shown(latency: &Latency) -> Vec<String> {
        let families = latency.collect();
        let metrics = families.iter().flat_map(MetricFamily::get_metric);
        metrics
            .map(|metric| {
                let labels: Vec<&str> = metric.get_label().iter().map(LabelPair::value).collect();
                format!("{} {:.2}", labels.join(" "), metric.get_gauge().get_value())
            })
            .collect()
    }

    #[test]
    fn windows_move_with_the_clock() {
        let clock = Arc::new(ManualClock::at(Millis(0)));
        let latency = Latency::new("trailbrake_test_seconds", "Help.", clock.clone()).expect("a valid name");
        assert_eq!(shown(&latency), [""; 0]);
        for hundredths in 1..=100_u32 {
            latency.observe(f64::from(hundredths) / 100.0, 1);
        }
        assert_eq!(
            shown(&latency),
            ["0.5 1m 0.50", "0.99 1m 0.99", "0.999 1m 1.00", "0.5 10m 0.50", "0.99 10m 0.99", "0.999 10m 1.00"]
        );
        clock.set(Millis(60_000));
        latency.observe(9.0, 1);
        latency.observe(9.0, 1);
        assert_eq!(
            shown(&latency),
            ["0.5 1m 0.51", "0.99 1m 9.00", "0.999 1m 9.00", "0.5 10m 0.51", "0.99 10m 9.00", "0.999 10m 9.00"]
        );
        clock.set(Millis(120_000));
        assert_eq!(
            shown(&latency),
            ["0.5 1m 9.00", "0.99 1m 9.00", "0.999 1m 9.00", "0.5 10m 0.51", "0.99 10m 9.00", "0.999 10m 9.00"]
        );
        clock.set(Millis(11 * 60_000));
        assert_eq!(shown(&latency), ["0.5 10m 9.00", "0.99 10m 9.00", "0.999 10m 9.00"]);
        clock.set(Millis(12 * 60_000));
        assert_eq!(shown(&latency), [""; 0]);
    }

    #[test]
    fn the_status_and_the_scrape_tell_the_same() {
        let latency = Latency::new("trailbrake_test_seconds", "Help.", Arc::new(ManualClock::at(Millis(0))));
        let latency = latency.expect("a valid name");
        assert!(latency.quantiles().is_empty());
        (1..=100_u32).for_each(|hundredths| latency.observe(f64::from(hundredths) / 100.0, 1));
        let told = latency.quantiles();
        let rounded = |window: &str| format!("{:.2} {:.2}", told[window].p50, told[window].p99);
        assert_eq!((rounded("1m"), rounded("10m")), ("0.50 0.99".to_owned(), "0.50 0.99".to_owned()));
        assert_eq!(shown(&latency)[..3], ["0.5 1m 0.50", "0.99 1m 0.99", "0.999 1m 1.00"]);
    }

    #[test]
    fn recorders_are_bounded_and_odd_values_do_no_harm() {
        let clock = Arc::new(ManualClock::at(Millis(0)));
        let latency = Latency::new("trailbrake_test_seconds", "Help.", clock.clone()).expect("a valid name");
        for minute in 0..100 {
            clock.set(Millis(minute * 60_000));
            for seconds in [-1.0, f64::NAN, f64::INFINITY, 1e300] {
                latency.observe(seconds, 1);
            }
        }
        assert_eq!(latency.minutes.lock().expect("whole").recorders.len(), MINUTES_KEPT);
        assert_eq!(shown(&latency).len(), 6);
        assert!(shown(&latency)[0].ends_with(" 0.00"), "{:?}", shown(&latency));
    }
}
