//! Metrics and health over HTTP, on a thread of their own: they answer even when everything else hangs.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::sync::watch;
use trailbrake_detectors::time::Millis;

use crate::clock::{SharedClock, SystemClock};
use crate::limits::{STAGE_SILENCE_MAX, STAGES_MAX};
use crate::metrics::Metrics;

/// Why there is no listener for metrics and health.
#[derive(Debug, thiserror::Error)]
pub enum HealthError {
    /// The address cannot be had.
    #[error(
        "metrics listener cannot be opened: {address}: {reason}\nhint: set metrics.listen to a free address of this machine"
    )]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        reason: String,
    },
    /// The machine gives no thread or runtime.
    #[error("metrics listener cannot be started: {reason}")]
    Start {
        /// Why.
        reason: String,
    },
}

/// Why a receiver takes no messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiverTrouble {
    /// When an attempt failed first, after the last that did not.
    pub since: Millis,
    /// Why the last attempt failed: one of a fixed few words.
    pub reason: &'static str,
}

/// How the daemon is: what its stages say of themselves.
pub struct Health {
    clock: SharedClock,
    state: Mutex<Condition>,
}

struct Condition {
    /// Why it is not ready; nothing: it is.
    not_ready: Option<String>,
    /// Why the journal cannot be written; nothing: it can.
    journal_trouble: Option<String>,
    /// Receivers whose last attempt failed.
    receiver_troubles: BTreeMap<String, ReceiverTrouble>,
    /// When each stage last showed life.
    beats: BTreeMap<String, Millis>,
}

impl Condition {
    fn not_ready(&self) -> Option<String> {
        self.not_ready.clone().or_else(|| self.journal_trouble.clone())
    }
}

impl Default for Health {
    fn default() -> Self {
        Self::new(Arc::new(SystemClock))
    }
}

impl Health {
    /// Not ready, and without stages.
    pub fn new(clock: SharedClock) -> Self {
        let condition = Condition {
            not_ready: Some("starting".to_owned()),
            journal_trouble: None,
            receiver_troubles: BTreeMap::new(),
            beats: BTreeMap::new(),
        };
        Self { clock, state: Mutex::new(condition) }
    }

    /// Whether events are taken and judged.
    pub fn set_ready(&self, ready: bool) {
        self.condition().not_ready = (!ready).then(|| "starting or stopping".to_owned());
    }

    /// Not ready, and why: a few words of ours.
    pub fn set_not_ready(&self, why: &str) {
        self.condition().not_ready = Some(why.to_owned());
    }

    /// The journal cannot be written, for this reason; or nothing is wrong with it. While it cannot, the daemon is not ready.
    pub fn set_journal_trouble(&self, why: Option<&str>) {
        self.condition().journal_trouble = why.map(str::to_owned);
    }

    /// A receiver takes no messages, for this reason; or it takes them. The daemon stays ready all the same: events are taken
    /// and judged, principals are paused, the others are told, and what this one is to be told waits in the journal.
    pub fn set_receiver_trouble(&self, receiver: &str, why: Option<&'static str>) {
        let now = self.clock.now();
        let troubles = &mut self.condition().receiver_troubles;
        match why {
            None => drop(troubles.remove(receiver)),
            Some(reason) => {
                let since = troubles.get(receiver).map_or(now, |trouble| trouble.since);
                troubles.insert(receiver.to_owned(), ReceiverTrouble { since, reason });
            }
        }
    }

    /// Receivers that take no messages, and why.
    pub fn receiver_troubles(&self) -> BTreeMap<String, ReceiverTrouble> {
        self.condition().receiver_troubles.clone()
    }

    /// A stage shows life. From its first beat on it must go on to, until it is retired.
    pub fn beat(&self, stage: &str) {
        let now = self.clock.now();
        let mut condition = self.condition();
        if let Some(at) = condition.beats.get_mut(stage) {
            *at = now;
        } else if condition.beats.len() < STAGES_MAX {
            condition.beats.insert(stage.to_owned(), now);
        } else {
            tracing::error!(stage, "more stages than {STAGES_MAX} show life");
        }
    }

    /// A stage has ended, as it should.
    pub fn retire(&self, stage: &str) {
        self.condition().beats.remove(stage);
    }

    /// Stages that have been silent for too long, with the seconds.
    pub fn silent_stages(&self) -> Vec<(String, i64)> {
        let now = self.clock.now();
        let silent = |at: Millis| now.0.saturating_sub(at.0) / 1_000;
        let condition = self.condition();
        let stages = condition.beats.iter().map(|(stage, at)| (stage.clone(), silent(*at)));
        stages.filter(|(_, seconds)| u64::try_from(*seconds).is_ok_and(|s| s > STAGE_SILENCE_MAX.as_secs())).collect()
    }

    /// Why the daemon is not ready; nothing: it is.
    pub fn not_ready(&self) -> Option<String> {
        self.condition().not_ready()
    }

    fn show(&self, metrics: &Metrics) {
        let alive = self.silent_stages().is_empty();
        let (ready, beats) = {
            let condition = self.condition();
            let beats: Vec<_> = condition.beats.iter().map(|(stage, at)| (stage.clone(), *at)).collect();
            (condition.not_ready().is_none(), beats)
        };
        metrics.set_health(self.clock.now(), alive, ready, &beats);
    }

    fn condition(&self) -> MutexGuard<'_, Condition> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The running listener. Dropped, it stops.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has nothing left to stop.
            let _ = thread.join();
        }
    }
}

/// Opens the listener and serves it from a thread of its own.
pub fn start(address: SocketAddr, metrics: Arc<Metrics>, health: Arc<Health>) -> Result<Server, HealthError> {
    let bind = |error: std::io::Error| HealthError::Bind { address, reason: error.to_string() };
    let start = |error: std::io::Error| HealthError::Start { reason: error.to_string() };
    let listener = TcpListener::bind(address).map_err(bind)?;
    listener.set_nonblocking(true).map_err(start)?;
    let address = listener.local_addr().map_err(bind)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(start)?;
    let (stop, stopped) = watch::channel(false);
    let router = Router::new()
        .route("/metrics", get(show_metrics))
        .route("/healthz", get(show_alive))
        .route("/readyz", get(show_ready))
        .with_state(Shown { metrics, health });
    let thread = std::thread::Builder::new()
        .name("health".to_owned())
        .spawn(move || runtime.block_on(serve(listener, router, stopped)))
        .map_err(start)?;
    Ok(Server { address, stop, thread: Some(thread) })
}

/// Connections that are open when it stops are cut: nothing of worth is lost.
async fn serve(listener: TcpListener, router: Router, mut stopped: watch::Receiver<bool>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "metrics listener broke off");
            return;
        }
    };
    tokio::select! {
        served = async { axum::serve(listener, router).await } => {
            if let Err(error) = served {
                tracing::error!(%error, "metrics listener broke off");
            }
        }
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
}

#[derive(Clone)]
struct Shown {
    metrics: Arc<Metrics>,
    health: Arc<Health>,
}

async fn show_metrics(State(shown): State<Shown>) -> impl IntoResponse {
    shown.health.show(&shown.metrics);
    ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], shown.metrics.render())
}

async fn show_alive(State(shown): State<Shown>) -> (StatusCode, String) {
    let silent = shown.health.silent_stages();
    if silent.is_empty() {
        return (StatusCode::OK, "alive\n".to_owned());
    }
    let lines = silent.iter().map(|(stage, seconds)| format!("silent for {seconds} s: {stage}\n"));
    (StatusCode::SERVICE_UNAVAILABLE, lines.collect())
}

async fn show_ready(State(shown): State<Shown>) -> (StatusCode, String) {
    let (status, mut said) = match shown.health.not_ready() {
        None => (StatusCode::OK, "ready\n".to_owned()),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why}\n")),
    };
    for (receiver, ReceiverTrouble { since, reason }) in shown.health.receiver_troubles() {
        said.push_str(&format!("receiver takes no messages since {}: {receiver}: {reason}\n", since.second()));
    }
    (status, said)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;
    use crate::clock::ManualClock;

    fn get(address: SocketAddr, path: &str) -> String {
        let mut connection = std::net::TcpStream::connect(address).expect("connected");
        write!(connection, "GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").expect("written");
        let mut answer = String::new();
        connection.read_to_string(&mut answer).expect("read");
        let status = answer.split_whitespace().nth(1).expect("a status").to_owned();
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        format!("{status} {body}")
    }

    #[test]
    fn it_tells_life_readiness_and_metrics_and_stops() {
        let clock = Arc::new(ManualClock::at(Millis(1_000_000)));
        let health = Arc::new(Health::new(clock.clone()));
        let metrics = Arc::new(Metrics::with_clock(clock.clone()));
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = start(any, metrics, Arc::clone(&health)).expect("started");
        let address = server.address();

        assert_eq!(get(address, "/healthz"), "200 alive\n");
        assert_eq!(get(address, "/readyz"), "503 not ready: starting\n");
        health.set_not_ready("the journal is being read");
        assert_eq!(get(address, "/readyz"), "503 not ready: the journal is being read\n");
        health.set_ready(true);
        health.set_journal_trouble(Some("journal cannot be written: disk full"));
        assert_eq!(get(address, "/readyz"), "503 not ready: journal cannot be written: disk full\n");
        assert!(get(address, "/metrics").contains("trailbrake_ready 0\n"));
        health.set_journal_trouble(None);
        health.set_receiver_trouble("pager", Some("timeout"));
        clock.set(Millis(1_000_000 + 9_000));
        health.set_receiver_trouble("pager", Some("unreachable"));
        health.set_receiver_trouble("chat", Some("broken"));
        assert_eq!(
            get(address, "/readyz"),
            "200 ready\nreceiver takes no messages since 1970-01-01T00:16:49Z: chat: broken\n\
             receiver takes no messages since 1970-01-01T00:16:40Z: pager: unreachable\n"
        );
        clock.set(Millis(1_000_000));
        health.set_receiver_trouble("pager", None);
        health.set_receiver_trouble("chat", None);
        health.beat("engine");
        health.beat("decode");
        assert_eq!(get(address, "/readyz"), "200 ready\n");
        let text = get(address, "/metrics");
        assert!(
            text.starts_with("200 ") && text.contains("trailbrake_up 1\n") && text.contains("trailbrake_ready 1\n")
        );
        assert!(text.contains("trailbrake_stage_heartbeat_timestamp_seconds{stage=\"engine\"} 1000\n"), "{text}");

        clock.set(Millis(1_000_000 + 45_000));
        health.beat("decode");
        assert_eq!(get(address, "/healthz"), "503 silent for 45 s: engine\n");
        assert!(get(address, "/metrics").contains("trailbrake_up 0\n"));
        health.retire("engine");
        assert_eq!(get(address, "/healthz"), "200 alive\n");
        assert!(get(address, "/nothing").starts_with("404"));

        drop(server);
        assert!(std::net::TcpStream::connect(address).is_err());
    }

    #[test]
    fn a_taken_address_is_a_clear_error() {
        let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = taken.local_addr().expect("an address");
        let error = start(address, Arc::new(Metrics::new()), Arc::new(Health::default())).expect_err("taken");
        let text = error.to_string();
        assert!(text.starts_with(&format!("metrics listener cannot be opened: {address}: ")), "{text}");
        assert!(text.ends_with("hint: set metrics.listen to a free address of this machine"), "{text}");
    }
}
