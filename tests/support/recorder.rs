//! Stands between a caller and a stand-in for AWS: forwards each call and writes the CloudTrail record that it would have
//! caused to a stream, at once or later.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::query::first;
use super::stream::Stream;
use super::trail::{self, Caller};
use super::web::{self, Asked, Service};

/// A recorder at work.
pub(crate) struct Recorder {
    service: Service,
    shared: Arc<Shared>,
}

struct Shared {
    upstream: String,
    client: reqwest::Client,
    known: Mutex<Known>,
    records: mpsc::UnboundedSender<(Instant, Value)>,
    delay: Duration,
}

#[derive(Default)]
struct Known {
    callers: BTreeMap<String, Caller>,
    zones: BTreeMap<String, String>,
    /// How many records are in the stream.
    delivered: usize,
}

impl Recorder {
    /// Starts a recorder in front of `upstream`; each record is in the stream `delay` after its call.
    pub(crate) async fn start(upstream: &str, stream: Stream, delay: Duration) -> Self {
        // The queue holds what one test records in the time of the delay: as many calls as its agent makes.
        let (records, mut queue) = mpsc::unbounded_channel::<(Instant, Value)>();
        let (client, known) = (web::client(), Mutex::default());
        let shared = Arc::new(Shared { upstream: upstream.to_owned(), client, known, records, delay });
        let weak = Arc::downgrade(&shared);
        tokio::spawn(async move {
            while let Some((due, record)) = queue.recv().await {
                tokio::time::sleep_until(due).await;
                stream.put(&record).await;
                let Some(shared) = weak.upgrade() else { break };
                shared.known().delivered += 1;
            }
        });
        let router = Router::new().fallback(forward).with_state(shared.clone());
        Self { service: web::serve(router).await, shared }
    }

    /// Where callers call.
    pub(crate) fn url(&self) -> &str {
        &self.service.url
    }

    /// Who signs with this access key from here on.
    pub(crate) fn knows(&self, access_key: &str, caller: Caller) {
        self.shared.known().callers.insert(access_key.to_owned(), caller);
    }

    /// How many records are in the stream.
    pub(crate) fn delivered_count(&self) -> usize {
        self.shared.known().delivered
    }
}

impl Shared {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn forward(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<axum::body::Body> {
    let asked = Asked { method, uri, headers, body };
    let answer = match asked.pass_on(&shared.client, &shared.upstream).await {
        Ok(answer) => answer,
        Err(error) => {
            let mut response = Response::new(axum::body::Body::from(error.to_string()));
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            return response;
        }
    };
    let (access_key, _) = asked.signer().unwrap_or_default();
    let mut known = shared.known();
    if asked.parameters().get("Action").is_some_and(|action| action == "CreateSubnet") {
        let xml = answer.text();
        if let (Some(subnet), Some(zone)) = (first(&xml, "subnetId"), first(&xml, "availabilityZone")) {
            known.zones.insert(subnet.to_owned(), zone.to_owned());
        }
    }
    if let Some(caller) = known.callers.get(&access_key) {
        let record = trail::record(&asked, &answer, caller, &known.zones, super::now());
        let _ = shared.records.send((Instant::now() + shared.delay, record));
    }
    drop(known);
    answer.into()
}
