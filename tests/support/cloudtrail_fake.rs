//! A CloudTrail that behaves as AWS's does where it matters to us: JSON 1.1, pages of 50 newest first, two lookups a
//! second and no more, 90 days, events that are listed late, a trail that can be stopped and narrowed.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

const PAGE_EVENTS_MAX: usize = 50;
const LOOKUPS_PER_SECOND: usize = 2;
const DAYS_KEPT_SECONDS: f64 = 90.0 * 24.0 * 60.0 * 60.0;

/// An event as LookupEvents lists it.
#[derive(Clone, Debug)]
pub(crate) struct FakeEvent {
    /// Its id.
    pub(crate) id: String,
    /// When it happened, in whole seconds.
    pub(crate) at: i64,
    /// Its name.
    pub(crate) name: String,
    /// Whether it only read.
    pub(crate) read_only: bool,
}

impl FakeEvent {
    /// An event that changed something.
    pub(crate) fn write(id: impl Into<String>, at: i64) -> Self {
        Self { id: id.into(), at, name: "TerminateInstances".to_owned(), read_only: false }
    }

    /// An event that only read.
    pub(crate) fn read(id: impl Into<String>, at: i64, name: &str) -> Self {
        Self { id: id.into(), at, name: name.to_owned(), read_only: true }
    }

    /// The record behind it.
    pub(crate) fn record(&self) -> String {
        json!({"eventVersion": "1.11", "eventID": self.id, "eventTime": rfc3339(self.at), "eventName": self.name,
            "eventSource": "ec2.amazonaws.com", "readOnly": self.read_only, "awsRegion": "us-east-1",
            "recipientAccountId": "123456789012", "userIdentity": {"type": "Root", "accountId": "123456789012"}})
        .to_string()
    }

    fn listed(&self) -> Value {
        json!({"EventId": self.id, "EventName": self.name, "EventTime": self.at, "ReadOnly": self.read_only.to_string(),
            "EventSource": "ec2.amazonaws.com", "Resources": [], "CloudTrailEvent": self.record()})
    }
}

fn rfc3339(second: i64) -> String {
    trailbrake_detectors::time::Second(second).to_string()
}

#[derive(Default)]
struct World {
    began_at: i64,
    events: Vec<(FakeEvent, Instant)>,
    lookups: Vec<Instant>,
    throttled: usize,
    tokens: BTreeMap<String, (Value, usize)>,
    stopped_at: Option<i64>,
    delivery_error: Option<String>,
    selectors: Value,
    failing: Vec<String>,
}

/// The server. It ends when this is dropped.
pub(crate) struct CloudTrailFake {
    world: Arc<Mutex<World>>,
    began: Instant,
    address: SocketAddr,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for CloudTrailFake {
    fn drop(&mut self) {
        self.server.abort();
    }
}

#[derive(Clone)]
struct Shared {
    world: Arc<Mutex<World>>,
    began: Instant,
}

impl CloudTrailFake {
    /// Starts a server whose clock shows this second of the Unix epoch.
    pub(crate) async fn start(now: i64) -> Self {
        let selectors = json!([{"ReadWriteType": "All", "IncludeManagementEvents": true, "DataResources": [],
            "ExcludeManagementEventSources": []}]);
        let world = Arc::new(Mutex::new(World { began_at: now, selectors, ..World::default() }));
        let began = Instant::now();
        let shared = Shared { world: Arc::clone(&world), began };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("is bound");
        let router = Router::new().fallback(answer).with_state(shared);
        let server = tokio::spawn(async move { axum::serve(listener, router).await.expect("serves") });
        Self { world, began, address, server }
    }

    /// Where it listens.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its clock, in whole seconds.
    pub(crate) fn now(&self) -> i64 {
        now(&self.world(), self.began)
    }

    /// Lists an event, after a delay.
    pub(crate) fn put(&self, event: FakeEvent, delay: Duration) {
        self.world().events.push((event, Instant::now() + delay));
    }

    /// Stops the trail.
    pub(crate) fn stop_logging(&self) {
        let now = self.now();
        self.world().stopped_at = Some(now);
    }

    /// Starts the trail again.
    pub(crate) fn start_logging(&self) {
        self.world().stopped_at = None;
    }

    /// Makes the trail's bucket refuse what is delivered, or not any more.
    pub(crate) fn fail_delivery(&self, error: Option<&str>) {
        self.world().delivery_error = error.map(str::to_owned);
    }

    /// Replaces the trail's (basic) event selectors.
    pub(crate) fn select(&self, selectors: Value) {
        self.world().selectors = selectors;
    }

    /// Answers the next call with this error; called several times, the next several.
    pub(crate) fn fail_next(&self, code: &str) {
        self.world().failing.push(code.to_owned());
    }

    /// How many lookups were made, refused ones included.
    pub(crate) fn lookups(&self) -> usize {
        self.world().lookups.len()
    }

    /// How many lookups were refused as too many.
    pub(crate) fn throttled(&self) -> usize {
        self.world().throttled
    }

    /// The most lookups that were made within any span so long.
    pub(crate) fn most_lookups_within(&self, span: Duration) -> usize {
        let lookups = self.world().lookups.clone();
        let within = |first: &Instant| lookups.iter().filter(|at| *at >= first && **at - *first < span).count();
        lookups.iter().map(within).max().unwrap_or(0)
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("no panic")
    }
}

fn now(world: &World, began: Instant) -> i64 {
    world.began_at + i64::try_from(began.elapsed().as_secs()).expect("a short test")
}

async fn answer(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let signed =
        headers.get(header::AUTHORIZATION).is_some_and(|value| value.as_bytes().starts_with(b"AWS4-HMAC-SHA256 "));
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let mut world = shared.world.lock().expect("no panic");
    if !signed {
        return refuse("MissingAuthenticationTokenException");
    }
    if !world.failing.is_empty() {
        let code = world.failing.remove(0);
        return refuse(&code);
    }
    let now = now(&world, shared.began);
    match target.rsplit('.').next().unwrap_or_default() {
        "LookupEvents" => lookup_events(&mut world, now, &request),
        "GetTrailStatus" if request["Name"] == "main" => json_answer(&json!({
            "IsLogging": world.stopped_at.is_none(),
            "StopLoggingTime": world.stopped_at,
            "LatestDeliveryError": world.delivery_error,
        })),
        "GetEventSelectors" if request["TrailName"] == "main" => {
            json_answer(&json!({"TrailARN": "arn:aws:cloudtrail:us-east-1:123456789012:trail/main",
                "EventSelectors": world.selectors}))
        }
        "GetTrailStatus" | "GetEventSelectors" => refuse("TrailNotFoundException"),
        _ => refuse("UnknownOperationException"),
    }
}

fn lookup_events(world: &mut World, now: i64, request: &Value) -> Response {
    let at = Instant::now();
    let recent = world.lookups.iter().filter(|before| at - **before < Duration::from_secs(1)).count();
    world.lookups.push(at);
    if recent >= LOOKUPS_PER_SECOND {
        world.throttled += 1;
        return refuse("ThrottlingException");
    }
    let token = request["NextToken"].as_str().map(str::to_owned);
    let mut bound_to = request.clone();
    bound_to.as_object_mut().expect("an object").remove("NextToken");
    let first = match token {
        None => 0,
        Some(token) => match world.tokens.remove(&token) {
            Some((of, first)) if of == bound_to => first,
            _ => return refuse("InvalidNextTokenException"),
        },
    };
    let attributes = request["LookupAttributes"].as_array().map(Vec::len).unwrap_or_default();
    if attributes > 1 {
        return refuse("InvalidLookupAttributesException");
    }
    let from = request["StartTime"].as_f64().unwrap_or(0.0).max(now as f64 - DAYS_KEPT_SECONDS);
    let to = request["EndTime"].as_f64().unwrap_or(now as f64);
    if from > to {
        return refuse("InvalidTimeRangeException");
    }
    let mut listed: Vec<&FakeEvent> = world
        .events
        .iter()
        .filter(|(event, visible)| *visible <= at && event.at as f64 >= from && event.at as f64 <= to)
        .map(|(event, _)| event)
        .filter(|event| matches(event, &request["LookupAttributes"][0]))
        .collect();
    // Newest first; the sort keeps what came later to the list before what came earlier.
    listed.reverse();
    listed.sort_by_key(|event| std::cmp::Reverse(event.at));
    let size = request["MaxResults"].as_u64().map_or(PAGE_EVENTS_MAX, |most| most as usize).min(PAGE_EVENTS_MAX);
    let page: Vec<Value> = listed.iter().skip(first).take(size).map(|event| event.listed()).collect();
    let more = listed.len() > first + size;
    let next = more.then(|| format!("token-{}-{}", world.lookups.len(), first + size));
    if let Some(next) = &next {
        world.tokens.insert(next.clone(), (bound_to, first + size));
    }
    json_answer(&json!({"Events": page, "NextToken": next}))
}

fn matches(event: &FakeEvent, attribute: &Value) -> bool {
    let value = attribute["AttributeValue"].as_str().unwrap_or_default();
    match attribute["AttributeKey"].as_str() {
        None => true,
        Some("ReadOnly") => event.read_only.to_string() == value,
        Some("EventName") => event.name == value,
        Some("EventId") => event.id == value,
        Some(_) => false,
    }
}

fn json_answer(body: &Value) -> Response {
    let type_of = [(header::CONTENT_TYPE, "application/x-amz-json-1.1")];
    (type_of, body.to_string()).into_response()
}

fn refuse(code: &str) -> Response {
    let type_of = [(header::CONTENT_TYPE, "application/x-amz-json-1.1")];
    (StatusCode::BAD_REQUEST, type_of, json!({"__type": code, "message": "refused"}).to_string()).into_response()
}
