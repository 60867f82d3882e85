//! Requests at times that were set before, whatever became of those before them; latencies count from those times.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::histogram;
use super::mix::Mix;
use crate::support::plain::Plain;
use crate::support::web;

/// Connections at the same time: fewer than the daemon takes from one peer.
const CONNECTIONS: usize = 200;
/// How long one that was told to come back waits. It is told a second; nobody is served better by waiting that long.
const COME_BACK: Duration = Duration::from_millis(50);
/// A request that is not answered with 202 within this long fails the test.
const PATIENCE: Duration = Duration::from_secs(120);

/// How much, how fast, for how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) records_per_second: u32,
    pub(super) per_request: u32,
    pub(super) seconds: u32,
}

impl Plan {
    fn requests(&self) -> u32 {
        self.records_per_second / self.per_request * self.seconds
    }

    /// All records of it.
    pub(super) fn records(&self) -> u64 {
        u64::from(self.requests()) * u64::from(self.per_request)
    }
}

/// What a plan came to. Latencies are in microseconds.
pub(super) struct Done {
    /// From the intended time of a request to its 202.
    pub(super) intended: Histogram<u64>,
    /// From the sending of the request that was answered with 202.
    pub(super) sent: Histogram<u64>,
    /// How often a request was told to come back.
    pub(super) busy: u64,
    /// The longest latency of the requests that were meant for each second, in milliseconds.
    pub(super) worst: Vec<u64>,
    /// From the start to the last answer.
    pub(super) took: Duration,
}

impl Done {
    /// Whether all but one in a hundred took no longer.
    pub(super) fn is_held_within(&self, latency: Duration) -> bool {
        u128::from(self.intended.value_at_quantile(0.99)) <= latency.as_micros()
    }
}

struct Shared {
    client: reqwest::Client,
    url: String,
    token: String,
    connections: Semaphore,
    busy: AtomicU64,
    latencies: Mutex<(Histogram<u64>, Histogram<u64>)>,
    start: Instant,
    worst: Mutex<Vec<u64>>,
}

/// Carries out a plan; comes back when each request was answered with 202.
pub(super) async fn run(daemon: &Plain, mix: &mut Mix, plan: Plan) -> Done {
    let start = Instant::now();
    let shared = Arc::new(Shared {
        start,
        worst: Mutex::new(vec![0; plan.seconds as usize]),
        client: web::client(),
        url: daemon.events(),
        token: daemon.token.clone(),
        connections: Semaphore::new(CONNECTIONS),
        busy: AtomicU64::new(0),
        latencies: Mutex::new((histogram(), histogram())),
    });
    let interval = Duration::from_secs(1) * plan.per_request / plan.records_per_second;
    let mut requests = JoinSet::new();
    for number in 0..plan.requests() {
        let intended = start + interval * number;
        let body = mix.next(plan.per_request);
        tokio::time::sleep_until(intended).await;
        requests.spawn(request(shared.clone(), body.into(), intended));
    }
    while let Some(ended) = requests.join_next().await {
        ended.expect("is answered");
    }
    let took = start.elapsed();
    let (intended, sent) = shared.latencies.lock().await.clone();
    assert_eq!(intended.len(), u64::from(plan.requests()), "each request was answered with 202");
    Done { intended, sent, busy: shared.busy.load(Ordering::Relaxed), worst: shared.worst.lock().await.clone(), took }
}

async fn request(shared: Arc<Shared>, body: bytes::Bytes, intended: Instant) {
    let _connection = shared.connections.acquire().await.expect("is open");
    loop {
        let sent = Instant::now();
        let request = shared.client.post(&shared.url).bearer_auth(&shared.token).body(body.clone());
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        let text = answer.text().await.expect("a whole answer");
        if status == 202 {
            let ended = Instant::now();
            let microseconds = |since: Instant| u64::try_from((ended - since).as_micros()).unwrap_or(u64::MAX);
            let mut latencies = shared.latencies.lock().await;
            latencies.0.saturating_record(microseconds(intended));
            latencies.1.saturating_record(microseconds(sent));
            let second = usize::try_from((intended - shared.start).as_secs()).expect("not too long");
            if let Some(worst) = shared.worst.lock().await.get_mut(second) {
                *worst = (*worst).max(microseconds(intended) / 1_000);
            }
            return;
        }
        assert!(status == 429, "{status}: {text}");
        assert!(intended.elapsed() < PATIENCE, "not taken within {PATIENCE:?}: {text}");
        shared.busy.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(COME_BACK).await;
    }
}
