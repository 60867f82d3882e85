//! `GET /v1/status`: how the daemon itself is, what it reads and remembers, and what it would do.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use trailbrake_detectors::engine::{Held, Mode, ModeException};
use trailbrake_detectors::time::Second;

use super::Api;
use crate::config::{SourceConfig, SourceKind};
use crate::metrics::Quantiles;
use crate::pipeline::{ConfigStatus, JournalStatus, SourceStatus, StatusCounts};

/// How the daemon is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The program's version.
    pub version: String,
    /// The mode where no exception matches.
    pub mode: Mode,
    /// What it would do about an incident.
    #[serde(default)]
    pub brake: BrakeStatus,
    /// How each source stands.
    pub sources: BTreeMap<String, SourceShown>,
    /// How the journal stands.
    pub journal: JournalStatus,
    /// What is remembered, counted.
    #[serde(default)]
    pub memory: Held,
    /// Open incidents by severity, and identities paused.
    pub incidents: StatusCounts,
    /// How `act` stands.
    pub act: ActStatus,
    /// How each receiver stands.
    #[serde(default)]
    pub receivers: BTreeMap<String, ReceiverStatus>,
    /// The quantiles of each latency, by window, in seconds: delivery is CloudTrail's (event to receipt), release ours
    /// (receipt to the commit and the release of what follows), decision ours as well (receipt to the hook being called),
    /// effective AWS's (call to effect).
    #[serde(default)]
    pub latencies: BTreeMap<String, BTreeMap<String, Quantiles>>,
    /// Which configuration holds.
    #[serde(default)]
    pub config: ConfigStatus,
}

/// How a receiver stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiverStatus {
    /// Orders that it is still to be told.
    pub waiting: usize,
    /// Since when attempts fail; nothing: the last one did not.
    pub failing_since: Option<String>,
    /// Why the last one failed.
    pub reason: Option<String>,
}

/// A source, and how it stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SourceShown {
    /// What it reads.
    #[serde(default)]
    pub reads: Option<Reads>,
    /// For how long it had no records, in seconds.
    #[serde(default)]
    pub silent_seconds: Option<i64>,
    /// How it stands.
    #[serde(flatten)]
    pub status: SourceStatus,
}

/// What a source reads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reads {
    /// The kind, as in the configuration.
    pub kind: String,
    /// Where it reads: a stream, a topic, a file; empty where the kind says it.
    pub from: String,
    /// Accounts that it may speak for; none: any.
    pub accounts: Vec<String>,
    /// Whether its events may have a principal paused.
    pub may_pause: bool,
}

impl Reads {
    /// A source's name, and what it reads.
    pub fn of(source: &SourceConfig) -> (String, Self) {
        let (kind, from) = match &source.kind {
            SourceKind::Kinesis { stream, region, .. } => ("kinesis", format!("{stream} in {region}")),
            SourceKind::Kafka { topic, brokers, .. } => ("kafka", format!("{topic} at {brokers}")),
            SourceKind::CloudTrail { region, .. } => ("cloudtrail", region.clone()),
            SourceKind::File { path, follow } => {
                ("file", format!("{}{}", path.display(), if *follow { ", followed" } else { "" }))
            }
            SourceKind::Stdin => ("stdin", String::new()),
            SourceKind::Http => ("http", String::new()),
        };
        let terms = &source.terms;
        let reads = Self { kind: kind.to_owned(), from, accounts: terms.accounts.clone(), may_pause: terms.may_pause };
        (terms.name.to_string(), reads)
    }
}

/// What it would do about an incident.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrakeStatus {
    /// The mode where no exception matches.
    pub mode: Mode,
    /// Exceptions from it, the first match counts.
    pub exceptions: Vec<ModeException>,
    /// How many principals are never paused.
    pub protected: usize,
    /// Pauses per account and hour; past it incidents only page.
    pub pauses_per_hour_account: u32,
    /// Pauses per hour over all accounts.
    pub pauses_per_hour_total: u32,
    /// Reviewers who must agree before a `critical` incident is resumed.
    pub reviewers_to_resume_critical: u32,
}

/// How `act` stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActStatus {
    /// Whether pauses are configured at all.
    pub configured: bool,
    /// Whether it is connected.
    pub connected: bool,
}

fn receivers(api: &Api) -> BTreeMap<String, ReceiverStatus> {
    let mut troubles = api.health.receiver_troubles();
    let shown = |(name, waiting)| {
        let trouble = troubles.remove(&name);
        let failing_since = trouble.as_ref().map(|trouble| trouble.since.second().to_string());
        let reason = trouble.map(|trouble| trouble.reason.to_owned());
        (name, ReceiverStatus { waiting, failing_since, reason })
    };
    api.waiting.orders().into_iter().map(shown).collect()
}

/// Shows how the daemon is.
pub(super) async fn show(State(api): State<Arc<Api>>) -> Json<Status> {
    let connected = api.act_connected.as_ref().is_some_and(|connected| connected());
    let now = api.clock.now().second();
    let shown = |(name, status): (String, SourceStatus)| {
        let heard = status.last_heard.as_deref().and_then(Second::parse);
        let silent_seconds = heard.map(|heard| now.0.saturating_sub(heard.0).max(0));
        let reads = api.reads.get(&name).cloned();
        (name, SourceShown { reads, silent_seconds, status })
    };
    let brake = &api.brake;
    Json(Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        mode: brake.mode,
        brake: BrakeStatus {
            mode: brake.mode,
            exceptions: brake.exceptions.clone(),
            protected: brake.protected.len(),
            pauses_per_hour_account: brake.budget_account,
            pauses_per_hour_total: brake.budget_total,
            reviewers_to_resume_critical: brake.reviewers_to_resume_critical,
        },
        sources: api.board.sources().into_iter().map(shown).collect(),
        journal: api.board.journal_status(),
        memory: api.board.memory(),
        incidents: api.board.counts(),
        act: ActStatus { configured: api.act_connected.is_some(), connected },
        receivers: receivers(&api),
        latencies: api.metrics.latencies(),
        config: api.board.config_status(),
    })
}
