//! The names of all metrics, what they mean, and the words of their labels.

use prometheus::core::Collector;
use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, Result,
};

use super::latency::Latency;
use crate::clock::SharedClock;

/// The columns of the accounts of records received.
pub const COLUMNS: &[&str] = &["rejected", "ignored", "duplicate", "twin", "conflicting", "judged"];
/// How an order can end.
pub const ORDER_ENDS: &[&str] = &["delivered", "given-up", "superseded", "summarised", "unrouted"];
/// Why a delivery can fail.
pub const DELIVERY_FAILURES: &[&str] =
    &["unreachable", "broken", "timeout", "rate-limited", "server-error", "bad-answer", "redirected", "refused"];
/// How a pause or resume can end.
pub const PAUSE_RESULTS: &[&str] = &["paused", "resumed", "failed", "unpausable"];
/// How bad an incident can be.
pub const SEVERITIES: &[&str] = &["info", "low", "medium", "high", "critical"];
/// The three latencies.
pub(super) const LATENCIES: &[&str] = &["delivery", "release", "decision", "effective"];
/// How a reload of the configuration can end.
pub(super) const RELOAD_RESULTS: &[&str] = &["ok", "failed"];
/// How a commit can end.
pub(super) const COMMIT_RESULTS: &[&str] = &["ok", "failed"];

/// From a fast disk to one that stands still; group commit promises less than 50 ms.
const COMMIT_BUCKETS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

// Names, in the order of the groups below.
const RECORDS: Named =
    Named("trailbrake_records_total", "Records received, each in exactly one column: their sum is all that came.");
const REJECTS: Named = Named(
    "trailbrake_rejects_total",
    "Records that could not be read, by reason. A rise means that a sender or this version is wrong.",
);
const READ_ONLY_DESTRUCTIVE: Named = Named(
    "trailbrake_read_only_destructive_total",
    "Records of a destruction that say they were a read; judged all the same. The record is wrong, or the catalog is.",
);
const RESOURCES_LEFT_OUT: Named = Named(
    "trailbrake_resources_left_out_total",
    "Resources that calls named past what is kept of one call; they are not judged. What was destroyed is more.",
);
const SOURCE_LAST_HEARD: Named = Named(
    "trailbrake_source_last_heard_timestamp_seconds",
    "When a source last had an answer from the other side, with or without records. Old means deaf.",
);
const SOURCE_ERRORS: Named =
    Named("trailbrake_source_errors_total", "Calls of a source that failed and are tried again, by reason.");
const SOURCE_LAG: Named = Named(
    "trailbrake_source_lag_seconds",
    "How far reading is behind the newest record there. What lags is judged late.",
);
const SOURCE_BLIND: Named = Named(
    "trailbrake_source_blind",
    "1 while the trail behind a source is stopped or narrowed, or its files cannot be read: what is not told is not judged.",
);
const LATENCY_OBSERVATIONS: Named = Named(
    "trailbrake_latency_observations_total",
    "Latencies observed: delivery (event to receipt), release (receipt to commit and orders), decision (receipt to hook), \
     effective (hook to effect).",
);
const DELIVERY: Named = Named(
    "trailbrake_delivery_seconds",
    "CloudTrail's latency, from event to receipt, over the whole minutes before and this one. Not ours to promise.",
);
const RELEASE: Named = Named(
    "trailbrake_release_seconds",
    "Our latency, from a fact's receipt to its commit and the release of what follows, over the whole minutes before and \
     this one. Ours to promise.",
);
const DECISION: Named = Named(
    "trailbrake_decision_seconds",
    "Our latency, from receipt to the hook being called, over the whole minutes before and this one. Ours to promise.",
);
const EFFECTIVE: Named = Named(
    "trailbrake_effective_seconds",
    "AWS's latency, from the hook being called to the pause in effect, over the whole minutes before and this one.",
);
const QUEUE_LENGTH: Named =
    Named("trailbrake_queue_length", "How many things wait in a queue. One that stays full holds up all before it.");
const ORDERS: Named = Named(
    "trailbrake_orders_total",
    "Orders for receivers that ended. given-up: nobody was told by it. summarised: told together with others, past the \
     receiver's limit. unrouted: the routes lead elsewhere.",
);
const DELIVERY_FAILED: Named = Named(
    "trailbrake_delivery_failures_total",
    "Attempts at a receiver that failed, by reason. All but refused and redirected are tried again.",
);
const RECEIVER_FAILING: Named = Named(
    "trailbrake_receiver_failing",
    "1 while the last attempt at a receiver failed, 0 once it takes messages again. What it is to be told waits.",
);
const PAUSES: Named = Named(
    "trailbrake_pauses_total",
    "Pauses and resumes that ended. failed and unpausable: somebody may go on destroying.",
);
const INCIDENTS_OPEN: Named = Named("trailbrake_incidents_open", "Incidents that are open, by their severity now.");
const PLACEMENTS_WANTED: Named = Named(
    "trailbrake_placements_wanted_total",
    "Destroyed resources of open incidents of which nobody knows the zones, each once. An inventory tells them.",
);
const PRINCIPALS_PAUSED: Named =
    Named("trailbrake_principals_paused", "Principals that are paused and wait for a human.");
const ACT_CONNECTED: Named = Named(
    "trailbrake_act_connected",
    "1 while the process that pauses is connected. 0 without one: nothing can be paused. -1 where none is configured.",
);
const COMMITS: Named =
    Named("trailbrake_journal_commits_total", "Commits of the journal. While they fail nothing is paused.");
const SET_ASIDE: Named = Named(
    "trailbrake_journal_set_aside_total",
    "Journals that were damaged and set aside since the start. The log and `trailbrake status` say what of it is lost.",
);
const COMMIT_SECONDS: Named = Named("trailbrake_journal_commit_seconds", "How long commits of the journal took.");
const UP: Named = Named("trailbrake_up", "1 while all stages have shown life lately, 0 when one hangs.");
const READY: Named = Named("trailbrake_ready", "1 while the daemon takes and judges events.");
const HEARTBEAT: Named = Named(
    "trailbrake_heartbeat_timestamp_seconds",
    "The daemon's own time at this scrape. If it is far from Prometheus's, its clock is wrong.",
);
const STAGE_HEARTBEAT: Named =
    Named("trailbrake_stage_heartbeat_timestamp_seconds", "When a stage last showed life. Old means that it hangs.");
const CONFIG_RELOADS: Named = Named(
    "trailbrake_config_reloads_total",
    "Times that the configuration was to be read again. failed: it is wrong, and the one before holds.",
);
const CONFIG_CURRENT: Named = Named(
    "trailbrake_config_reload_successful",
    "1 while the configuration that was read last holds; 0 while it is wrong and the one before holds.",
);
const CONFIG_AT: Named =
    Named("trailbrake_config_reload_success_timestamp_seconds", "When the configuration that holds was read.");
const CONFIG_RESTART: Named = Named(
    "trailbrake_config_needs_restart",
    "Keys of the configuration that differ from what runs and are taken up by a restart only.",
);
const BUILD_INFO: Named = Named("trailbrake_build_info", "Always 1; the label tells which version runs.");

/// What sources read.
pub(super) struct OfSources {
    pub(super) records: IntCounterVec,
    pub(super) rejects: IntCounterVec,
    pub(super) read_only_destructive: IntCounterVec,
    pub(super) resources_left_out: IntCounterVec,
    pub(super) last_heard: GaugeVec,
    pub(super) errors: IntCounterVec,
    pub(super) lag: GaugeVec,
    pub(super) blind: IntGaugeVec,
}

impl OfSources {
    pub(super) fn new(registry: &Registry) -> Result<Self> {
        Ok(Self {
            records: kept(registry, IntCounterVec::new(RECORDS.into(), &["source", "column"])?)?,
            rejects: kept(registry, IntCounterVec::new(REJECTS.into(), &["source", "reason"])?)?,
            read_only_destructive: kept(registry, IntCounterVec::new(READ_ONLY_DESTRUCTIVE.into(), &["source"])?)?,
            resources_left_out: kept(registry, IntCounterVec::new(RESOURCES_LEFT_OUT.into(), &["source"])?)?,
            last_heard: kept(registry, GaugeVec::new(SOURCE_LAST_HEARD.into(), &["source"])?)?,
            errors: kept(registry, IntCounterVec::new(SOURCE_ERRORS.into(), &["source", "reason"])?)?,
            lag: kept(registry, GaugeVec::new(SOURCE_LAG.into(), &["source"])?)?,
            blind: kept(registry, IntGaugeVec::new(SOURCE_BLIND.into(), &["source"])?)?,
        })
    }
}

/// How long it took.
pub(super) struct OfTime {
    pub(super) observations: IntCounterVec,
    pub(super) delivery: Latency,
    pub(super) release: Latency,
    pub(super) decision: Latency,
    pub(super) effective: Latency,
}

impl OfTime {
    pub(super) fn new(registry: &Registry, clock: &SharedClock) -> Result<Self> {
        let latency = |Named(name, help)| kept(registry, Latency::new(name, help, clock.clone())?);
        Ok(Self {
            observations: kept(registry, IntCounterVec::new(LATENCY_OBSERVATIONS.into(), &["latency"])?)?,
            delivery: latency(DELIVERY)?,
            release: latency(RELEASE)?,
            decision: latency(DECISION)?,
            effective: latency(EFFECTIVE)?,
        })
    }
}

/// What was done, and what waits to be.
pub(super) struct OfDeeds {
    pub(super) queue_length: IntGaugeVec,
    pub(super) orders: IntCounterVec,
    pub(super) delivery_failures: IntCounterVec,
    pub(super) receiver_failing: IntGaugeVec,
    pub(super) pauses: IntCounterVec,
    pub(super) incidents_open: IntGaugeVec,
    pub(super) placements_wanted: IntCounter,
    pub(super) principals_paused: IntGauge,
    pub(super) act_connected: IntGauge,
    pub(super) commits: IntCounterVec,
    pub(super) set_aside: IntCounter,
    pub(super) commit_seconds: Histogram,
}

impl OfDeeds {
    pub(super) fn new(registry: &Registry) -> Result<Self> {
        let Named(name, help) = COMMIT_SECONDS;
        let commit_seconds = HistogramOpts::new(name, help).buckets(COMMIT_BUCKETS.to_vec());
        Ok(Self {
            queue_length: kept(registry, IntGaugeVec::new(QUEUE_LENGTH.into(), &["queue"])?)?,
            orders: kept(registry, IntCounterVec::new(ORDERS.into(), &["receiver", "result"])?)?,
            delivery_failures: kept(registry, IntCounterVec::new(DELIVERY_FAILED.into(), &["receiver", "reason"])?)?,
            receiver_failing: kept(registry, IntGaugeVec::new(RECEIVER_FAILING.into(), &["receiver"])?)?,
            pauses: kept(registry, IntCounterVec::new(PAUSES.into(), &["result"])?)?,
            incidents_open: kept(registry, IntGaugeVec::new(INCIDENTS_OPEN.into(), &["severity"])?)?,
            placements_wanted: kept(registry, IntCounter::with_opts(PLACEMENTS_WANTED.into())?)?,
            act_connected: kept(registry, IntGauge::with_opts(ACT_CONNECTED.into())?)?,
            principals_paused: kept(registry, IntGauge::with_opts(PRINCIPALS_PAUSED.into())?)?,
            commits: kept(registry, IntCounterVec::new(COMMITS.into(), &["result"])?)?,
            set_aside: kept(registry, IntCounter::with_opts(SET_ASIDE.into())?)?,
            commit_seconds: kept(registry, Histogram::with_opts(commit_seconds)?)?,
        })
    }
}

/// Whether the daemon lives.
pub(super) struct OfHealth {
    pub(super) up: IntGauge,
    pub(super) ready: IntGauge,
    pub(super) heartbeat: Gauge,
    pub(super) stage_heartbeat: GaugeVec,
    pub(super) build_info: IntGaugeVec,
    pub(super) config_reloads: IntCounterVec,
    pub(super) config_current: IntGauge,
    pub(super) config_at: Gauge,
    pub(super) config_restart: IntGauge,
}

impl OfHealth {
    pub(super) fn new(registry: &Registry) -> Result<Self> {
        Ok(Self {
            up: kept(registry, IntGauge::with_opts(UP.into())?)?,
            ready: kept(registry, IntGauge::with_opts(READY.into())?)?,
            heartbeat: kept(registry, Gauge::with_opts(HEARTBEAT.into())?)?,
            stage_heartbeat: kept(registry, GaugeVec::new(STAGE_HEARTBEAT.into(), &["stage"])?)?,
            build_info: kept(registry, IntGaugeVec::new(BUILD_INFO.into(), &["version"])?)?,
            config_reloads: kept(registry, IntCounterVec::new(CONFIG_RELOADS.into(), &["result"])?)?,
            config_current: kept(registry, IntGauge::with_opts(CONFIG_CURRENT.into())?)?,
            config_at: kept(registry, Gauge::with_opts(CONFIG_AT.into())?)?,
            config_restart: kept(registry, IntGauge::with_opts(CONFIG_RESTART.into())?)?,
        })
    }
}

/// A metric's name and its help.
#[derive(Clone, Copy)]
pub(super) struct Named(pub(super) &'static str, pub(super) &'static str);

impl From<Named> for Opts {
    fn from(Named(name, help): Named) -> Self {
        Self::new(name, help)
    }
}

pub(super) fn kept<C: Collector + Clone + 'static>(registry: &Registry, metric: C) -> Result<C> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}
