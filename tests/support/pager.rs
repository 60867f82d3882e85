//! A receiver in the shape of PagerDuty's Events API v2: it takes what the original's published rules allow, which are in
//! `pagerduty-event.schema.json`, and remembers what it was told.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use jsonschema::Validator;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::Holding;
use super::web::{self, Service};

/// The key of our integration.
pub(crate) const ROUTING_KEY: &str = "0123456789abcdef0123456789abcdef";
/// PagerDuty's bound for one event.
const EVENT_BYTES_MAX: usize = 512_000;

/// How the receiver answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answers {
    /// At once.
    AtOnce,
    /// Not at all, and the event is not taken until it answers again.
    NeverTaking,
    /// Not at all, and the event is taken.
    TakingSilently,
    /// With status 500, and the event is not taken.
    Failing,
}

/// The receiver at work.
pub(crate) struct Pager {
    service: Service,
    shared: Arc<Shared>,
}

struct Shared {
    taken: Mutex<Vec<Value>>,
    refused: Mutex<Vec<String>>,
    answers: watch::Sender<Answers>,
    failures: AtomicUsize,
    /// How many senders wait for an answer.
    held: watch::Sender<usize>,
}

impl Pager {
    /// Starts it.
    pub(crate) async fn start() -> Self {
        let shared = Arc::new(Shared {
            taken: Mutex::default(),
            refused: Mutex::default(),
            answers: watch::channel(Answers::AtOnce).0,
            failures: AtomicUsize::new(0),
            held: watch::channel(0).0,
        });
        let router = Router::new().route("/v2/enqueue", post(enqueue)).with_state(shared.clone());
        Self { service: web::serve(router).await, shared }
    }

    /// Where events are posted.
    pub(crate) fn endpoint(&self) -> String {
        format!("{}/v2/enqueue", self.service.url)
    }

    /// Answers like this from here on, also those who still wait.
    pub(crate) fn answers(&self, answers: Answers) {
        self.shared.answers.send_replace(answers);
    }

    /// Waits until a sender is left without an answer.
    pub(crate) async fn holds(&self) {
        super::holds(&self.shared.held, "a sender that waits").await;
    }

    /// All events that it took, in their order.
    pub(crate) fn taken(&self) -> Vec<Value> {
        lock(&self.shared.taken).clone()
    }

    /// The incidents that it would have paged somebody about: one for each key, however often it was triggered.
    pub(crate) fn pages(&self) -> BTreeSet<String> {
        let taken = lock(&self.shared.taken);
        let triggers = taken.iter().filter(|event| event["event_action"] == "trigger");
        triggers.filter_map(|event| event["dedup_key"].as_str().map(str::to_owned)).collect()
    }

    /// How often it failed.
    pub(crate) fn failures(&self) -> usize {
        self.shared.failures.load(Ordering::SeqCst)
    }

    /// Why it refused what it refused.
    pub(crate) fn refused(&self) -> Vec<String> {
        lock(&self.shared.refused).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn enqueue(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> (StatusCode, Json<Value>) {
    let errors = problems(&headers, &body);
    if !errors.is_empty() {
        lock(&shared.refused).push(format!("{errors:?}: {}", String::from_utf8_lossy(&body)));
        let answer = json!({ "status": "invalid event", "message": "Event object is invalid", "errors": errors });
        return (StatusCode::BAD_REQUEST, Json(answer));
    }
    let event: Value = serde_json::from_slice(&body).unwrap_or_default();
    let dedup_key = event["dedup_key"].as_str().map_or_else(|| super::hex(32), str::to_owned);
    let mut answers = shared.answers.subscribe();
    if *answers.borrow() == Answers::Failing {
        shared.failures.fetch_add(1, Ordering::SeqCst);
        return (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({ "status": "error" })));
    }
    let _holding = (*answers.borrow() != Answers::AtOnce).then(|| Holding::new(&shared.held));
    // Whoever hangs up while waiting here was not heard.
    let _ = answers.wait_for(|answers| *answers != Answers::NeverTaking).await;
    lock(&shared.taken).push(event);
    let _ = answers.wait_for(|answers| *answers != Answers::TakingSilently).await;
    (StatusCode::ACCEPTED, Json(json!({ "status": "success", "message": "Event processed", "dedup_key": dedup_key })))
}

/// What PagerDuty would find wrong with an event: each with its place in it.
pub(crate) fn problems(headers: &HeaderMap, body: &[u8]) -> Vec<String> {
    let mut problems = Vec::new();
    let content_type = headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !content_type.starts_with("application/json") {
        problems.push("content type is not JSON".to_owned());
    }
    if body.len() > EVENT_BYTES_MAX {
        problems.push(format!("event is larger than {EVENT_BYTES_MAX} bytes"));
    }
    match serde_json::from_slice::<Value>(body) {
        Ok(event) => {
            problems.extend(schema().iter_errors(&event).map(|error| format!("{}: {error}", error.instance_path())));
            if event["routing_key"] != ROUTING_KEY {
                problems.push("/routing_key: no such integration".to_owned());
            }
        }
        Err(error) => problems.push(format!("event is no JSON: {error}")),
    }
    problems
}

/// PagerDuty's published rules.
fn schema() -> &'static Validator {
    static SCHEMA: LazyLock<Validator> = LazyLock::new(|| {
        let schema = serde_json::from_str(include_str!("pagerduty-event.schema.json")).expect("JSON");
        jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema")
    });
    &SCHEMA
}
