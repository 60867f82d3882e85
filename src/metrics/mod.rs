//! Everything that is counted and measured. The names of all metrics are in `names`.

mod http;
mod latency;
mod names;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use prometheus::{Registry, TextEncoder};
use trailbrake_detectors::time::Millis;

use self::http::OfHttp;
pub use self::http::{CONNECTIONS_BROKEN, CONNECTIONS_REFUSED, FAILURES, FILES};
pub use self::latency::Quantiles;
pub use self::names::{COLUMNS, DELIVERY_FAILURES, ORDER_ENDS, PAUSE_RESULTS, SEVERITIES};
use self::names::{COMMIT_RESULTS, LATENCIES, OfDeeds, OfHealth, OfSources, OfTime, RELOAD_RESULTS};
use crate::clock::{SharedClock, SystemClock};

/// Everything that is counted and measured. Labels are bounded: configured names and fixed words, never event content.
pub struct Metrics {
    registry: Registry,
    sources: OfSources,
    time: OfTime,
    deeds: OfDeeds,
    http: OfHttp,
    health: OfHealth,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// Metrics on the machine's clock.
    pub fn new() -> Self {
        Self::with_clock(Arc::new(SystemClock))
    }

    /// Metrics whose windows move with a clock.
    pub fn with_clock(clock: SharedClock) -> Self {
        // Names, labels and buckets are constants: that they register depends on nothing else, and is tested.
        Self::register(&Registry::new(), &clock).expect("metrics have valid and distinct names")
    }

    fn register(registry: &Registry, clock: &SharedClock) -> prometheus::Result<Self> {
        let metrics = Self {
            registry: registry.clone(),
            sources: OfSources::new(registry)?,
            time: OfTime::new(registry, clock)?,
            deeds: OfDeeds::new(registry)?,
            http: OfHttp::new(registry)?,
            health: OfHealth::new(registry)?,
        };
        metrics.begin();
        Ok(metrics)
    }

    /// Fixed words are there from the start, at 0: a rule over them works before anything has happened.
    fn begin(&self) {
        self.deeds.act_connected.set(-1);
        self.health.build_info.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        LATENCIES.iter().for_each(|word| drop(self.time.observations.with_label_values(&[word])));
        PAUSE_RESULTS.iter().for_each(|word| drop(self.deeds.pauses.with_label_values(&[word])));
        SEVERITIES.iter().for_each(|word| drop(self.deeds.incidents_open.with_label_values(&[word])));
        RELOAD_RESULTS.iter().for_each(|word| drop(self.health.config_reloads.with_label_values(&[word])));
        COMMIT_RESULTS.iter().for_each(|word| drop(self.deeds.commits.with_label_values(&[word])));
    }

    /// Names what is configured, so that its metrics are there from the start.
    pub fn declare(&self, sources: &[&str], receivers: &[&str]) {
        for source in sources {
            COLUMNS.iter().for_each(|column| drop(self.sources.records.with_label_values(&[source, column])));
            self.sources.blind.with_label_values(&[source]).set(0);
            self.sources.read_only_destructive.with_label_values(&[source]).inc_by(0);
            self.sources.resources_left_out.with_label_values(&[source]).inc_by(0);
        }
        for receiver in receivers {
            self.set_receiver_failing(receiver, false);
            ORDER_ENDS.iter().for_each(|end| drop(self.deeds.orders.with_label_values(&[receiver, end])));
            let failures = DELIVERY_FAILURES.iter();
            failures.for_each(|reason| drop(self.deeds.delivery_failures.with_label_values(&[receiver, reason])));
        }
    }

    /// Everything, in Prometheus's text format.
    pub fn render(&self) -> String {
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_else(|error| {
            // A metric without its numbers is worse than none: the scrape fails, and that is an alert.
            tracing::error!(%error, "metrics cannot be written");
            String::new()
        })
    }

    /// Records of a source that ended in a column of the accounts (`rejected`, `ignored`, `judged`, …).
    pub fn count_records(&self, source: &str, column: &str, records: u64) {
        self.sources.records.with_label_values(&[source, column]).inc_by(records);
    }

    /// Records of a source that were rejected, by reason.
    pub fn count_rejects(&self, source: &str, reason: &str, records: u64) {
        self.sources.rejects.with_label_values(&[source, reason]).inc_by(records);
    }

    /// Records of a source that say of a destruction that it was a read.
    pub fn count_read_only_destructive(&self, source: &str, records: u64) {
        self.sources.read_only_destructive.with_label_values(&[source]).inc_by(records);
    }

    /// Resources that calls named past what is kept of one call.
    pub fn count_resources_left_out(&self, source: &str, resources: u64) {
        self.sources.resources_left_out.with_label_values(&[source]).inc_by(resources);
    }

    /// A destroyed resource of an open incident is in zones that nobody knows.
    pub fn count_placement_wanted(&self) {
        self.deeds.placements_wanted.inc();
    }

    /// A source heard from the other side (whether or not it had records).
    pub fn source_heard(&self, source: &str, at: Millis) {
        self.sources.last_heard.with_label_values(&[source]).set(seconds(at));
    }

    /// A source's call failed and will be tried again.
    pub fn count_source_error(&self, source: &str, reason: &str) {
        self.sources.errors.with_label_values(&[source, reason]).inc();
    }

    /// How far a source's reading is behind the newest record there, in seconds.
    pub fn set_source_lag_seconds(&self, source: &str, seconds: f64) {
        self.sources.lag.with_label_values(&[source]).set(seconds);
    }

    /// CloudTrail's latency: from event time to receipt, in seconds.
    pub fn observe_delivery_seconds(&self, seconds: f64) {
        self.time.delivery.observe(seconds, 1);
        self.time.observations.with_label_values(&["delivery"]).inc();
    }

    /// Our latency: from the receipt of so many facts to their commit and the release of what follows, in seconds.
    pub fn observe_release_seconds(&self, seconds: f64, facts: u64) {
        self.time.release.observe(seconds, facts);
        self.time.observations.with_label_values(&["release"]).inc_by(facts);
    }

    /// Our latency: from receipt to the hook being called, in seconds.
    pub fn observe_decision_seconds(&self, seconds: f64) {
        self.time.decision.observe(seconds, 1);
        self.time.observations.with_label_values(&["decision"]).inc();
    }

    /// AWS's latency: from the hook being called to the pause being seen effective, in seconds.
    pub fn observe_effective_seconds(&self, seconds: f64) {
        self.time.effective.observe(seconds, 1);
        self.time.observations.with_label_values(&["effective"]).inc();
    }

    /// The quantiles of each latency, by window, in seconds.
    pub fn latencies(&self) -> BTreeMap<String, BTreeMap<String, Quantiles>> {
        let all = [&self.time.delivery, &self.time.release, &self.time.decision, &self.time.effective];
        LATENCIES.iter().zip(all).map(|(word, latency)| ((*word).to_owned(), latency.quantiles())).collect()
    }

    /// How many things wait in a named queue.
    pub fn set_queue_length(&self, queue: &str, length: usize) {
        self.deeds.queue_length.with_label_values(&[queue]).set(whole(length));
    }

    /// An order for a receiver ended (`delivered`, `given-up`, `superseded`).
    pub fn count_order_end(&self, receiver: &str, result: &str) {
        self.deeds.orders.with_label_values(&[receiver, result]).inc();
    }

    /// An attempt at a receiver failed, by reason.
    pub fn count_delivery_failure(&self, receiver: &str, reason: &str) {
        self.deeds.delivery_failures.with_label_values(&[receiver, reason]).inc();
    }

    /// Whether the last attempt at a receiver failed.
    pub fn set_receiver_failing(&self, receiver: &str, failing: bool) {
        self.deeds.receiver_failing.with_label_values(&[receiver]).set(i64::from(failing));
    }

    /// A pause or resume ended (`paused`, `resumed`, `failed`, `unpausable`).
    pub fn count_pause(&self, result: &str) {
        self.deeds.pauses.with_label_values(&[result]).inc();
    }

    /// Incidents open now, by severity; sets all severities at once.
    pub fn set_incidents_open(&self, by_severity: &[(&str, usize)]) {
        for severity in SEVERITIES {
            let open = by_severity.iter().filter(|(of, _)| of == severity).map(|(_, open)| open).sum();
            self.deeds.incidents_open.with_label_values(&[severity]).set(whole(open));
        }
    }

    /// Principals paused now.
    pub fn set_paused(&self, paused: usize) {
        self.deeds.principals_paused.set(whole(paused));
    }

    /// Whether the process that pauses has a connection with us.
    pub fn set_act_connected(&self, connected: bool) {
        self.deeds.act_connected.set(i64::from(connected));
    }

    /// A commit of the journal took so long, in seconds, or failed.
    pub fn observe_commit(&self, seconds: f64, ok: bool) {
        self.deeds.commits.with_label_values(&[if ok { "ok" } else { "failed" }]).inc();
        self.deeds.commit_seconds.observe(seconds);
    }

    /// A damaged journal was set aside.
    pub fn count_journal_set_aside(&self) {
        self.deeds.set_aside.inc();
    }

    /// Whether a source sees trouble with the trail that feeds it.
    pub fn set_blind(&self, source: &str, blind: bool) {
        self.sources.blind.with_label_values(&[source]).set(i64::from(blind));
    }

    /// A configuration was read at the start.
    pub fn config_read(&self, at: Millis) {
        self.health.config_current.set(1);
        self.health.config_at.set(seconds(at));
    }

    /// A configuration was read again; so many of its keys need a restart. Nothing: it is wrong, and the one before holds.
    pub fn count_config_reload(&self, at: Millis, needs_restart: Option<usize>) {
        let result = if needs_restart.is_some() { "ok" } else { "failed" };
        self.health.config_reloads.with_label_values(&[result]).inc();
        match needs_restart {
            Some(keys) => {
                self.config_read(at);
                self.health.config_restart.set(whole(keys));
            }
            None => self.health.config_current.set(0),
        }
    }

    /// How the daemon is at `now`: whether all stages live, whether it is ready, and when each stage last showed life.
    pub(crate) fn set_health(&self, now: Millis, alive: bool, ready: bool, beats: &[(String, Millis)]) {
        self.health.heartbeat.set(seconds(now));
        self.health.up.set(i64::from(alive));
        self.health.ready.set(i64::from(ready));
        self.health.stage_heartbeat.reset();
        for (stage, at) in beats {
            self.health.stage_heartbeat.with_label_values(&[stage]).set(seconds(*at));
        }
    }
}

/// How long it is from one time to another, in seconds; none if a clock went back.
#[expect(clippy::cast_precision_loss, reason = "a latency needs no more than a float holds")]
pub(crate) fn seconds_between(from: Millis, to: Millis) -> f64 {
    to.0.saturating_sub(from.0).max(0) as f64 / 1_000.0
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit a float's 53 bits")]
fn seconds(time: Millis) -> f64 {
    time.0 as f64 / 1_000.0
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
