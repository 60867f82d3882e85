//! What is counted at the listener for people and agents.

use prometheus::{IntCounterVec, IntGauge, IntGaugeVec, Registry, Result};

use super::Metrics;
use super::names::{Named, kept};

/// Why a connection was closed before it was served.
pub const CONNECTIONS_REFUSED: &[&str] = &["full", "peer-full"];
/// Why a connection broke off.
pub const CONNECTIONS_BROKEN: &[&str] = &["head-late", "head-too-large", "malformed", "silent", "tls", "cut"];
/// Why nobody was recognised, or was not allowed.
pub const FAILURES: &[&str] = &["no-token", "unknown-token", "role"];
/// The files that are followed.
pub const FILES: &[&str] = &["tokens", "tls"];

const REQUESTS: Named = Named(
    "trailbrake_http_requests_total",
    "Requests to the listener for people and agents, by path and the code of the answer.",
);
const CONNECTIONS: Named =
    Named("trailbrake_http_connections", "Connections to the listener for people and agents that are open.");
const REFUSED: Named = Named(
    "trailbrake_http_connections_refused_total",
    "Connections closed at once, since there were too many in all (full) or from one peer (peer-full).",
);
const BROKEN: Named = Named(
    "trailbrake_http_connections_broken_total",
    "Connections that broke off, by reason. head-late and silent: somebody holds connections without using them.",
);
const AUTHENTICATION_FAILURES: Named = Named(
    "trailbrake_http_authentication_failures_total",
    "Requests refused since nobody was recognised by a token, or its role did not allow it, by reason.",
);
const FILE_CURRENT: Named = Named(
    "trailbrake_listener_file_current",
    "1 while what holds is what stands in the file; 0 while the file cannot be used and what was read before it holds.",
);

/// What goes on at the listener.
pub(super) struct OfHttp {
    requests: IntCounterVec,
    connections: IntGauge,
    refused: IntCounterVec,
    broken: IntCounterVec,
    failures: IntCounterVec,
    file_current: IntGaugeVec,
}

impl OfHttp {
    pub(super) fn new(registry: &Registry) -> Result<Self> {
        let made = Self {
            requests: kept(registry, IntCounterVec::new(REQUESTS.into(), &["path", "code"])?)?,
            connections: kept(registry, IntGauge::with_opts(CONNECTIONS.into())?)?,
            refused: kept(registry, IntCounterVec::new(REFUSED.into(), &["reason"])?)?,
            broken: kept(registry, IntCounterVec::new(BROKEN.into(), &["reason"])?)?,
            failures: kept(registry, IntCounterVec::new(AUTHENTICATION_FAILURES.into(), &["reason"])?)?,
            file_current: kept(registry, IntGaugeVec::new(FILE_CURRENT.into(), &["file"])?)?,
        };
        CONNECTIONS_REFUSED.iter().for_each(|reason| drop(made.refused.with_label_values(&[reason])));
        CONNECTIONS_BROKEN.iter().for_each(|reason| drop(made.broken.with_label_values(&[reason])));
        FAILURES.iter().for_each(|reason| drop(made.failures.with_label_values(&[reason])));
        FILES.iter().for_each(|file| made.file_current.with_label_values(&[file]).set(1));
        Ok(made)
    }
}

impl Metrics {
    /// A request was answered. The path is that of the route, never what was asked for.
    pub fn count_request(&self, path: &str, code: u16) {
        self.http.requests.with_label_values(&[path, &code.to_string()]).inc();
    }

    /// So many connections more (or fewer) are open.
    pub fn add_connections(&self, more: i64) {
        self.http.connections.add(more);
    }

    /// A connection was closed at once, by one of [`CONNECTIONS_REFUSED`].
    pub fn count_refused_connection(&self, reason: &str) {
        self.http.refused.with_label_values(&[reason]).inc();
    }

    /// A connection broke off, by one of [`CONNECTIONS_BROKEN`].
    pub fn count_broken_connection(&self, reason: &str) {
        self.http.broken.with_label_values(&[reason]).inc();
    }

    /// A request was refused, by one of [`FAILURES`].
    pub fn count_authentication_failure(&self, reason: &str) {
        self.http.failures.with_label_values(&[reason]).inc();
    }

    /// Whether what holds is what stands in one of [`FILES`].
    pub fn set_file_current(&self, file: &str, is_current: bool) {
        self.http.file_current.with_label_values(&[file]).set(i64::from(is_current));
    }
}
