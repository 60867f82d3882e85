//! The listener for people and agents: events in, incidents and status out, verdicts in.

mod answer;
mod auth;
mod connection;
mod events;
mod failures;
mod follow;
mod incidents;
mod listener;
mod places;
mod status;
#[cfg(test)]
mod tests;
mod tls;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, watch};
use trailbrake_detectors::engine::BrakeSettings;

use crate::clock::SharedClock;
use crate::config::{Config, TlsConfig};
use crate::health::Health;
use crate::limits::{
    HTTP_BODY_TIMEOUT, HTTP_CONNECTIONS_MAX, HTTP_DRAIN, HTTP_HEAD_TIMEOUT, HTTP_IDLE_TIMEOUT, HTTP_REQUEST_TIMEOUT,
    HTTP_REQUESTS_MAX, LISTENER_FILES_POLL, VERDICT_BODY_BYTES_MAX,
};
use crate::metrics::Metrics;
use crate::order::Waiting;
use crate::pipeline::{Board, Work};
use crate::source::http::HttpIntake;
use crate::token::{Role, TokenFileError, Tokens};

pub use answer::Refusal;
pub use incidents::{Incidents, Verdict, VerdictAnswer};
pub use status::{ActStatus, BrakeStatus, Reads, ReceiverStatus, SourceShown, Status};
pub use tls::TlsError;

use auth::{Authentication, Recognised};
use tls::Tls;

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
    /// What is done about an incident.
    pub brake: BrakeSettings,
    /// What each source reads.
    pub reads: BTreeMap<String, Reads>,
    /// Tells what receivers are still to be told.
    pub waiting: Waiting,
    /// Tells which receivers take no messages.
    pub health: Arc<Health>,
    /// Tells whether `act` is there.
    pub act_connected: ActConnected,
    /// Counts requests and connections.
    pub metrics: Arc<Metrics>,
    /// What requests and connections may take.
    pub bounds: Bounds,
}

/// What requests and connections may take. The default is what `limits` says.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Connections at once.
    pub connections: usize,
    /// Until the first request's head is there, a TLS handshake included.
    pub first_head: Duration,
    /// Until something moves on a connection, and until a further request's head is there.
    pub idle: Duration,
    /// Until the body of a request is there.
    pub body: Duration,
    /// Until a request is answered.
    pub request: Duration,
    /// Until requests that are being answered are cut off when the listener stops.
    pub drain: Duration,
    /// Between two looks at the token file, certificate and key.
    pub follow: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: HTTP_CONNECTIONS_MAX,
            first_head: HTTP_HEAD_TIMEOUT,
            idle: HTTP_IDLE_TIMEOUT,
            body: HTTP_BODY_TIMEOUT,
            request: HTTP_REQUEST_TIMEOUT,
            drain: HTTP_DRAIN,
            follow: LISTENER_FILES_POLL,
        }
    }
}

/// Why the listener cannot be opened as it is configured.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// The token file cannot be used.
    #[error(transparent)]
    Tokens(#[from] TokenFileError),
    /// Certificate or key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// What the listener keeps following: who holds tokens, and the certificate.
pub struct Files {
    tokens: Arc<Tokens>,
    tls: Option<Arc<Tls>>,
}

impl Files {
    /// Reads what a configuration names.
    pub fn open(config: &Config) -> Result<Self, FilesError> {
        let tokens = Tokens::open(&config.tokens, config.token_file.clone())?;
        Self::new(tokens, config.tls.as_ref())
    }

    /// Those who hold tokens, as they are at each moment.
    pub fn holders(&self) -> Arc<Tokens> {
        Arc::clone(&self.tokens)
    }

    /// How many tokens hold.
    pub fn tokens(&self) -> usize {
        self.tokens.count()
    }

    fn new(tokens: Tokens, tls: Option<&TlsConfig>) -> Result<Self, FilesError> {
        Ok(Self { tokens: Arc::new(tokens), tls: tls.map(Tls::open).transpose()?.map(Arc::new) })
    }
}

/// The routes.
fn router(api: Api, tokens: Arc<Tokens>) -> Router {
    let metrics = Arc::clone(&api.metrics);
    let authentication = Arc::new(Authentication {
        tokens,
        failures: failures::Failures::default(),
        clock: Arc::clone(&api.clock),
        metrics: Arc::clone(&metrics),
    });
    let places = Arc::new(Semaphore::new(HTTP_REQUESTS_MAX));
    let allow = |route: MethodRouter<Arc<Api>>, role: Role| {
        route.route_layer(middleware::from_fn_with_state((Arc::clone(&authentication), role), auth::require))
    };
    // Only who is allowed to ask takes a place. Events have a bound of their own: the bytes of what is not yet durable.
    let bounded = |route: MethodRouter<Arc<Api>>, role: Role| {
        allow(route.route_layer(middleware::from_fn_with_state(Arc::clone(&places), bound_requests)), role)
    };
    let events = post(events::accept).layer(DefaultBodyLimit::disable());
    let verdict = post(incidents::verdict).layer(DefaultBodyLimit::max(VERDICT_BODY_BYTES_MAX));
    Router::new()
        .route("/v1/events", allow(events, Role::Ingest))
        .route("/v1/incidents", bounded(get(incidents::list), Role::Read))
        .route("/v1/incidents/{id}", bounded(get(incidents::show), Role::Read))
        .route("/v1/incidents/{id}/verdict", bounded(verdict, Role::Review))
        .route("/v1/status", bounded(get(status::show), Role::Read))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(middleware::from_fn_with_state((metrics, api.bounds.request), in_time))
        .with_state(Arc::new(api))
}

/// Answers until `stop` becomes true, then finishes what it is answering.
pub async fn serve(listener: TcpListener, api: Api, files: Files, stop: watch::Receiver<bool>) {
    if files.tokens() == 0 {
        tracing::warn!(
            hint = "make one: trailbrake token create NAME --role read --config FILE",
            "the listener refuses everybody: there are no tokens"
        );
    }
    let (metrics, bounds) = (Arc::clone(&api.metrics), api.bounds);
    let service = listener::Service {
        router: router(api, Arc::clone(&files.tokens)),
        tls: files.tls.clone(),
        metrics: Arc::clone(&metrics),
        bounds,
        stop,
    };
    tokio::select! {
        () = listener::run(listener, service) => {}
        () = follow::follow(files, bounds.follow, metrics) => {}
    }
}

/// Bounds the time that a request takes, and counts it. Who was not recognised has to connect again.
async fn in_time(State((metrics, timeout)): State<(Arc<Metrics>, Duration)>, request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().cloned();
    let answered = tokio::time::timeout(timeout, next.run(request)).await;
    let mut response = answered.unwrap_or_else(|_| {
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "not answered in time")
            .hint("what you sent may still be taken in; send it again, repeats are recognised")
            .after(5)
            .into_response()
    });
    if response.extensions().get::<Recognised>().is_none() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    metrics.count_request(path.as_ref().map_or("none", MatchedPath::as_str), response.status().as_u16());
    response
}

async fn bound_requests(State(places): State<Arc<Semaphore>>, request: Request, next: Next) -> Response {
    let Ok(_place) = places.try_acquire() else {
        return Refusal::busy().into_response();
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
