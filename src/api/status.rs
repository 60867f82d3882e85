//! `GET /v1/status`: how the daemon itself is.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use trailbrake_detectors::engine::Mode;

use super::Api;
use crate::pipeline::{JournalStatus, SourceStatus, StatusCounts};

/// How the daemon is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The program's version.
    pub version: String,
    /// The mode where no exception matches.
    pub mode: Mode,
    /// How each source stands.
    pub sources: BTreeMap<String, SourceStatus>,
    /// How the journal stands.
    pub journal: JournalStatus,
    /// Open incidents by severity, and identities paused.
    pub incidents: StatusCounts,
    /// How `act` stands.
    pub act: ActStatus,
}

/// How `act` stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActStatus {
    /// Whether pauses are configured at all.
    pub configured: bool,
    /// Whether it is connected.
    pub connected: bool,
}

/// Shows how the daemon is.
pub(super) async fn show(State(api): State<Arc<Api>>) -> Json<Status> {
    let connected = api.act_connected.as_ref().is_some_and(|connected| connected());
    Json(Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        mode: api.mode,
        sources: api.board.sources(),
        journal: api.board.journal_status(),
        incidents: api.board.counts(),
        act: ActStatus { configured: api.act_connected.is_some(), connected },
    })
}
