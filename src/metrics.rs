//! All metrics, by name, in one file.

use trailbrake_detectors::time::Millis;

/// Everything that is counted and measured. Labels are bounded: configured names and fixed words, never event content.
#[derive(Debug, Default)]
pub struct Metrics {}

impl Metrics {
    /// Records of a source that ended in a column of the accounts (`rejected`, `ignored`, `judged`, …).
    pub fn count_records(&self, _source: &str, _column: &str, _records: u64) {}
    /// Records of a source that were rejected, by reason.
    pub fn count_rejects(&self, _source: &str, _reason: &str, _records: u64) {}
    /// A source heard from the other side (whether or not it had records).
    pub fn source_heard(&self, _source: &str, _at: Millis) {}
    /// A source's call failed and will be tried again.
    pub fn count_source_error(&self, _source: &str, _reason: &str) {}
    /// How far a source's reading is behind the newest record there, in seconds.
    pub fn set_source_lag_seconds(&self, _source: &str, _seconds: f64) {}
    /// CloudTrail's latency: from event time to receipt, in seconds.
    pub fn observe_delivery_seconds(&self, _seconds: f64) {}
    /// Our latency: from receipt to the hook being called, in seconds.
    pub fn observe_decision_seconds(&self, _seconds: f64) {}
    /// AWS's latency: from the hook being called to the pause being seen effective, in seconds.
    pub fn observe_effective_seconds(&self, _seconds: f64) {}
    /// How many things wait in a named queue.
    pub fn set_queue_length(&self, _queue: &str, _length: usize) {}
    /// An order for a receiver ended (`delivered`, `given-up`, `superseded`).
    pub fn count_order_end(&self, _receiver: &str, _result: &str) {}
    /// An attempt at a receiver failed, by reason.
    pub fn count_delivery_failure(&self, _receiver: &str, _reason: &str) {}
    /// A pause or resume ended (`paused`, `resumed`, `failed`, `unpausable`).
    pub fn count_pause(&self, _result: &str) {}
    /// Incidents open now, by severity; sets all severities at once.
    pub fn set_incidents_open(&self, _by_severity: &[(&str, usize)]) {}
    /// Principals paused now.
    pub fn set_paused(&self, _paused: usize) {}
    /// A commit of the journal took so long, in seconds, or failed.
    pub fn observe_commit(&self, _seconds: f64, _ok: bool) {}
    /// Whether a source sees trouble with the trail that feeds it.
    pub fn set_blind(&self, _source: &str, _blind: bool) {}
}
