//! A receiver in the shape of PagerDuty's Events API v2: as strict as the original, and it remembers what it was told.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
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

/// What PagerDuty would find wrong with an event.
pub(crate) fn problems(headers: &HeaderMap, body: &[u8]) -> Vec<String> {
    let mut problems = Vec::new();
    let content_type = headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut expect = |fine: bool, what: &str| {
        if !fine {
            problems.push(what.to_owned());
        }
    };
    expect(content_type.starts_with("application/json"), "content type is not JSON");
    expect(body.len() <= EVENT_BYTES_MAX, "event is larger than 512,000 bytes");
    let event: Value = serde_json::from_slice(body).unwrap_or_default();
    expect(event.is_object(), "event is no JSON object");
    let action = event["event_action"].as_str().unwrap_or_default();
    expect(event["routing_key"] == ROUTING_KEY, "routing_key is invalid");
    expect(["trigger", "acknowledge", "resolve"].contains(&action), "event_action is invalid");
    let key_length = event["dedup_key"].as_str().map_or(0, |key| key.chars().count());
    expect(key_length <= 255, "dedup_key is longer than 255 characters");
    expect(action == "trigger" || key_length > 0, "dedup_key is missing");
    let known = ["routing_key", "event_action", "dedup_key", "client", "client_url", "links", "images", "payload"];
    let keys = event.as_object().into_iter().flatten().map(|(key, _)| key.as_str());
    expect(keys.into_iter().all(|key| known.contains(&key)), "event holds an unknown key");
    for link in event["links"].as_array().into_iter().flatten() {
        expect(link["href"].as_str().is_some_and(|href| href.starts_with("http")), "link has no href");
    }
    if action == "trigger" {
        payload_problems(&event["payload"], &mut expect);
    }
    problems
}

fn payload_problems(payload: &Value, expect: &mut impl FnMut(bool, &str)) {
    let length = |key: &str| payload[key].as_str().map_or(0, |text| text.chars().count());
    expect((1..=1024).contains(&length("summary")), "payload.summary is missing or longer than 1024 characters");
    expect(length("source") > 0, "payload.source is missing");
    let severity = payload["severity"].as_str().unwrap_or_default();
    expect(["critical", "error", "warning", "info"].contains(&severity), "payload.severity is invalid");
    let timestamp = &payload["timestamp"];
    let is_time = timestamp.as_str().is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok());
    expect(timestamp.is_null() || is_time, "payload.timestamp is no time");
    let known = ["summary", "source", "severity", "timestamp", "component", "group", "class", "custom_details"];
    let mut keys = payload.as_object().into_iter().flatten().map(|(key, _)| key.as_str());
    expect(keys.all(|key| known.contains(&key)), "payload holds an unknown key");
}
