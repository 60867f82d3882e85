//! `/v1/incidents`: what goes on, and what a reviewer decides about it.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use trailbrake_detectors::engine::{Act, Human, Situation};
use trailbrake_detectors::incident::{Severity, State as IncidentState};

use super::events::unreadable;
use super::{Api, Refusal};
use crate::limits::{INCIDENTS_ANSWERED_MAX, VERDICT_REASON_BYTES_MAX};
use crate::pipeline::Work;
use crate::token::Holder;

/// Which incidents are asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    state: Option<IncidentState>,
    severity: Option<Severity>,
    limit: Option<usize>,
}

/// Incidents, those with the latest facts first.
#[derive(Debug, Serialize, Deserialize)]
pub struct Incidents {
    /// The incidents.
    pub incidents: Vec<Arc<Situation>>,
}

/// A reviewer's decision.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "lowercase", deny_unknown_fields)]
pub enum Verdict {
    /// Lets the paused principal go on.
    Resume {
        /// Why.
        reason: String,
        /// One reviewer stands in for two.
        #[serde(default)]
        break_glass: bool,
    },
    /// Says that it is over. Refused while a pause stands.
    Close {
        /// Why.
        reason: String,
    },
    /// Says that it is real: what is paused stays so.
    Confirm {
        /// Why.
        reason: String,
    },
}

impl Verdict {
    fn reason(&self) -> &str {
        match self {
            Self::Resume { reason, .. } | Self::Close { reason } | Self::Confirm { reason } => reason.trim(),
        }
    }

    /// The act on an incident.
    fn on(self, incident: String) -> Act {
        let reason = self.reason().to_owned();
        match self {
            Self::Resume { break_glass, .. } => Act::Resume { incident, reason, break_glass },
            Self::Close { .. } => Act::Close { incident, reason },
            Self::Confirm { .. } => Act::Confirm { incident, reason },
        }
    }
}

/// What came of a verdict.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VerdictAnswer {
    /// One sentence.
    pub result: String,
}

/// Lists incidents.
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    filter: Result<Query<Filter>, QueryRejection>,
) -> Result<Json<Incidents>, Refusal> {
    let Query(filter) = filter.map_err(|rejection| {
        Refusal::new(StatusCode::BAD_REQUEST, rejection.body_text()).hint(
            "filters are state (open, paused, confirmed, resumed, closed, eased, merged, unpausable), severity and limit",
        )
    })?;
    let limit = filter.limit.unwrap_or(INCIDENTS_ANSWERED_MAX).min(INCIDENTS_ANSWERED_MAX);
    Ok(Json(Incidents { incidents: api.board.incidents(filter.state, filter.severity, limit) }))
}

/// Shows one incident.
pub(super) async fn show(State(api): State<Arc<Api>>, Path(id): Path<String>) -> Result<Json<Arc<Situation>>, Refusal> {
    api.board.incident(&id).map(Json).ok_or_else(no_such_incident)
}

/// Takes a verdict, and answers once it is durable.
pub(super) async fn verdict(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    Extension(holder): Extension<Arc<Holder>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<VerdictAnswer>, Refusal> {
    let body = body.map_err(|rejection| unreadable(&rejection))?;
    let verdict: Verdict = serde_json::from_slice(&body).map_err(|error| {
        Refusal::new(StatusCode::BAD_REQUEST, format!("the verdict cannot be read: {error}")).hint(
            r#"send {"verdict":"resume","reason":"…","break_glass":false}, or close or confirm with a reason alone"#,
        )
    })?;
    if verdict.reason().is_empty() || verdict.reason().len() > VERDICT_REASON_BYTES_MAX {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "the reason is empty or too long")
            .hint(format!("say why, in at most {VERDICT_REASON_BYTES_MAX} bytes, for whoever reads it later")));
    }
    if api.board.incident(&id).is_none() {
        return Err(no_such_incident());
    }
    let at = api.clock.now();
    let human = Human {
        id: format!("{}-{:016x}", at.0, fastrand::u64(..)),
        at,
        who: holder.name.clone(),
        principals: holder.principals.clone(),
        act: verdict.on(id),
    };
    let (answer, answered) = oneshot::channel();
    api.work.send(Work::Human { human, answer }).await.map_err(|_| not_committed())?;
    match answered.await {
        Ok(Ok(result)) => Ok(Json(VerdictAnswer { result })),
        Ok(Err(refused)) => Err(Refusal::from_engine(StatusCode::CONFLICT, &refused)),
        Err(_) => Err(not_committed()),
    }
}

fn no_such_incident() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "no such incident").hint("GET /v1/incidents lists them")
}

fn not_committed() -> Refusal {
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "the journal cannot be written: the verdict is not in it yet")
        .hint("look at the incident before you send it again: it may still be taken in")
}
