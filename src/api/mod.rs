//! The listener for people and agents: events in, incidents and status out, verdicts in.

mod answer;
mod auth;
mod events;
mod incidents;
mod listener;
mod status;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, watch};
use trailbrake_detectors::engine::Mode;

use crate::clock::SharedClock;
use crate::config::{Role, Token};
use crate::limits::{
    HTTP_BODY_BYTES_MAX, HTTP_INGESTS_MAX, HTTP_REQUEST_TIMEOUT, HTTP_REQUESTS_MAX, VERDICT_BODY_BYTES_MAX,
};
use crate::pipeline::{Board, Work};
use crate::source::http::HttpIntake;

pub use answer::Refusal;
pub use incidents::{Incidents, Verdict, VerdictAnswer};
pub use status::{ActStatus, Status};

use auth::Holders;

/// Tells whether `act` is there; nothing if nothing is ever paused.
pub type ActConnected = Option<Box<dyn Fn() -> bool + Send + Sync>>;

/// What the listener answers from, and where it hands on what it is told.
pub struct Api {
    /// What is shown.
    pub board: Arc<Board>,
    /// Takes humans' acts.
    pub work: mpsc::Sender<Work>,
    /// Takes events; nothing: no source of kind `http` is configured.
    pub intake: Option<HttpIntake>,
    /// Tells the time.
    pub clock: SharedClock,
    /// The mode where no exception matches.
    pub mode: Mode,
    /// Tells whether `act` is there.
    pub act_connected: ActConnected,
    /// Who may do what.
    pub tokens: Vec<Token>,
}

#[derive(Clone)]
struct Bounds {
    requests: Arc<Semaphore>,
    ingests: Arc<Semaphore>,
}

/// The routes.
pub fn router(api: Api) -> Router {
    let holders = Arc::new(Holders::new(&api.tokens));
    let bounds = Bounds {
        requests: Arc::new(Semaphore::new(HTTP_REQUESTS_MAX)),
        ingests: Arc::new(Semaphore::new(HTTP_INGESTS_MAX)),
    };
    let allow = |route: MethodRouter<Arc<Api>>, role: Role| {
        route.route_layer(middleware::from_fn_with_state((Arc::clone(&holders), role), auth::require))
    };
    let events = post(events::accept)
        .layer(DefaultBodyLimit::max(HTTP_BODY_BYTES_MAX))
        .route_layer(middleware::from_fn_with_state(Arc::clone(&bounds.ingests), bound_ingests));
    let verdict = post(incidents::verdict).layer(DefaultBodyLimit::max(VERDICT_BODY_BYTES_MAX));
    Router::new()
        .route("/v1/events", allow(events, Role::Ingest))
        .route("/v1/incidents", allow(get(incidents::list), Role::Read))
        .route("/v1/incidents/{id}", allow(get(incidents::show), Role::Read))
        .route("/v1/incidents/{id}/verdict", allow(verdict, Role::Review))
        .route("/v1/status", allow(get(status::show), Role::Read))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(middleware::from_fn_with_state(bounds.requests, bound_requests))
        .with_state(Arc::new(api))
}

/// Answers until `stop` becomes true, then finishes what it is answering.
pub async fn serve(listener: TcpListener, api: Api, mut stop: watch::Receiver<bool>) -> std::io::Result<()> {
    if api.tokens.is_empty() {
        tracing::warn!(
            hint = "add a section [tokens.NAME] to the configuration",
            "the listener refuses everybody: no token is set"
        );
    }
    let stopped = async move {
        // An error means that whoever could have told us to stop is gone: then it is time as well.
        let _ = stop.wait_for(|stop| *stop).await;
    };
    axum::serve(listener::Bounded::new(listener), router(api)).with_graceful_shutdown(stopped).await
}

async fn bound_requests(State(places): State<Arc<Semaphore>>, request: Request, next: Next) -> Response {
    let Ok(_place) = places.try_acquire() else {
        return Refusal::busy().into_response_after(1);
    };
    match tokio::time::timeout(HTTP_REQUEST_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "not answered in time")
            .hint("what you sent may still be taken in; send it again, repeats are recognised")
            .into_response_after(5),
    }
}

async fn bound_ingests(State(places): State<Arc<Semaphore>>, request: Request, next: Next) -> Response {
    let Ok(_place) = places.try_acquire() else {
        return Refusal::busy().into_response_after(1);
    };
    next.run(request).await
}

async fn no_such_path() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "no such path")
        .hint("try /v1/status, /v1/incidents, /v1/incidents/{id}, /v1/incidents/{id}/verdict or /v1/events")
}

async fn no_such_method() -> Refusal {
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "this path does not take this method")
        .hint("GET reads; POST sends events and verdicts")
}
