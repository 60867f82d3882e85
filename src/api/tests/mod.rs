//! Tests of the listener over real connections, with a real board and a stand-in for the engine's thread.

mod answers;
mod bounds;
mod events;
mod files;
mod secrets;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use trailbrake_detectors::engine::{Act, BrakeSettings, Mode};
use trailbrake_detectors::time::Millis;

use super::*;
use crate::clock::ManualClock;
use crate::config::{Secret, Token};
use crate::metrics::Metrics;
use crate::pipeline::tests::{judge_trail, stage};
use crate::source::{Acknowledgement, Batch, Committed, Context, Source, Terms};

const NOW: Millis = Millis(1_767_610_000_000);
/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

/// A listener, and what it stands on.
struct Bench {
    address: SocketAddr,
    incident: String,
    board: Arc<Board>,
    metrics: Arc<Metrics>,
    clock: Arc<ManualClock>,
    stop: watch::Sender<bool>,
    serving: tokio::task::JoinHandle<()>,
}

/// What a bench is made of.
struct Parts {
    files: Files,
    bounds: Bounds,
    /// What takes batches; nothing: no source takes events.
    journal: Option<Journal>,
}

/// Who takes batches.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Journal {
    /// One that works, and does what a body says.
    Works,
    /// Nobody, and there is room for one batch.
    Stuck,
}

impl Default for Parts {
    fn default() -> Self {
        Self { files: declared(&all_tokens()), bounds: Bounds::default(), journal: Some(Journal::Works) }
    }
}

fn token(name: &str, roles: &[Role]) -> Token {
    Token {
        name: name.to_owned(),
        roles: roles.iter().copied().collect::<BTreeSet<_>>(),
        secret: Secret::new(format!("{name}-secret-0123456789")),
        principals: vec![format!("arn:aws:iam::111122223333:user/{name}")],
    }
}

fn all_tokens() -> Vec<Token> {
    let reviewer = [Role::Read, Role::Review];
    vec![token("sender", &[Role::Ingest]), token("reader", &[Role::Read]), token("reviewer", &reviewer)]
}

fn declared(tokens: &[Token]) -> Files {
    Files::new(Tokens::declared(tokens), None).unwrap_or_else(|error| panic!("{error}"))
}

/// Acknowledges batches as the journal would, except those that say otherwise.
async fn acknowledge(mut batches: mpsc::Receiver<Batch>) {
    let mut never: Vec<Acknowledgement> = Vec::new();
    while let Some(batch) = batches.recv().await {
        let says = |what: &[u8]| batch.payloads.iter().any(|payload| payload.starts_with(what));
        let committed = match () {
            () if says(b"none") => Committed::default(),
            () if says(b"bad") => Committed { received: 2, rejected: 2, reasons: vec![("not-json", 2)] },
            () => Committed { received: 3, rejected: 1, reasons: vec![("future", 1)] },
        };
        match batch.acknowledgement {
            _ if says(b"fail") => {}
            acknowledgement if says(b"wait") => never.push(acknowledgement),
            Some(sender) => drop(sender.send(committed)),
            None => {}
        }
    }
}

/// Answers verdicts as the engine would.
async fn decide(mut work: mpsc::Receiver<Work>) {
    while let Some(work) = work.recv().await {
        let Work::Human { human, answer } = work else { panic!("only humans act here: {work:?}") };
        assert_eq!(human.principals, ["arn:aws:iam::111122223333:user/reviewer"]);
        assert_eq!((human.who.as_str(), human.at), ("reviewer", NOW));
        let _ = match (human.act.reason(), &human.act) {
            ("refuse", _) => answer.send(Err("one more reviewer must agree\nhint: ask another one".to_owned())),
            ("lose", _) => continue,
            (reason, Act::Resume { break_glass, .. }) => answer.send(Ok(format!("{reason}, {break_glass}"))),
            (reason, Act::Close { .. }) => answer.send(Ok(format!("closed: {reason}"))),
            (reason, Act::Confirm { .. }) => answer.send(Ok(format!("confirmed: {reason}"))),
        };
    }
}

async fn start(parts: Parts) -> Bench {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (mut step, board) = stage(Mode::Enforce);
    judge_trail(&mut step);
    let incident = board.incidents(None, None, 1)[0].incident.id.clone();
    let (stop, stopped) = watch::channel(false);
    let (work, acts) = mpsc::channel(8);
    tokio::spawn(decide(acts));
    let (clock, metrics) = (Arc::new(ManualClock::at(NOW)), Arc::new(Metrics::new()));
    let mut intake = None;
    if let Some(journal) = parts.journal {
        let (batches, received) = mpsc::channel(if journal == Journal::Stuck { 1 } else { 8 });
        match journal {
            Journal::Works => drop(tokio::spawn(acknowledge(received))),
            Journal::Stuck => std::mem::forget(received),
        }
        let terms = Terms { name: Arc::from("http"), accounts: vec![], may_pause: false, quiet_limit_seconds: 60 };
        let (source, taker) = crate::source::http::channel(Arc::new(terms));
        let context = Context {
            clock: clock.clone(),
            positions: Arc::default(),
            batches,
            watches: mpsc::channel(1).0,
            stop: stopped.clone(),
            metrics: Arc::clone(&metrics),
        };
        tokio::spawn(Box::new(source).run(context));
        tokio::task::yield_now().await;
        intake = Some(taker);
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let api = Api {
        board: Arc::clone(&board),
        work,
        intake,
        clock: clock.clone(),
        brake: BrakeSettings { mode: Mode::Enforce, ..BrakeSettings::default() },
        reads: BTreeMap::new(),
        waiting: Waiting::default(),
        health: Arc::default(),
        act_connected: Some(Box::new(|| true)),
        metrics: Arc::clone(&metrics),
        bounds: parts.bounds,
    };
    let serving = tokio::spawn(serve(listener, api, parts.files, stopped));
    Bench { address, incident, board, metrics, clock, stop, serving }
}

impl Bench {
    async fn ask(&self, method: &str, path: &str, who: &str, body: impl Into<reqwest::Body>) -> (u16, Value) {
        let token = if who.is_empty() { String::new() } else { format!("{who}-secret-0123456789") };
        self.ask_with(method, path, &token, body).await
    }

    async fn ask_with(&self, method: &str, path: &str, token: &str, body: impl Into<reqwest::Body>) -> (u16, Value) {
        let url = format!("http://{}{}", self.address, path.replace("{id}", &self.incident));
        let mut request = reqwest::Client::new().request(method.parse().expect("a method"), url).body(body);
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        told(request).await
    }

    /// What a metric stands at.
    fn counted(&self, sample: &str) -> u64 {
        let text = self.metrics.render();
        let line = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {sample} in\n{text}")).parse().expect("a number")
    }

    async fn until_counted(&self, sample: &str, value: u64) {
        let wait = async {
            while self.counted(sample) != value {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let came = tokio::time::timeout(PATIENCE, wait).await;
        assert!(came.is_ok(), "{sample} is {} and not {value}", self.counted(sample));
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("a connection")
    }

    /// Writes bytes to a connection of their own, and gives all that comes back until it is closed.
    async fn raw(&self, bytes: &[u8]) -> String {
        let mut connection = self.connect().await;
        connection.write_all(bytes).await.expect("written");
        rest_of(&mut connection).await
    }
}

async fn told(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.expect("an answer");
    let status = response.status().as_u16();
    let body = response.bytes().await.expect("a body");
    (status, serde_json::from_slice(&body).unwrap_or_else(|_| panic!("no JSON: {body:?}")))
}

/// What still comes on a connection until the other side closes it. That must happen.
async fn rest_of(connection: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let read = tokio::time::timeout(PATIENCE, connection.read_to_end(&mut answer)).await;
    // A reset is an end as well.
    let _ = read.expect("the connection is closed");
    String::from_utf8_lossy(&answer).into_owned()
}

/// The first answer on a connection, its head and the body that its length tells.
async fn answer_on(connection: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let whole = async {
        loop {
            let text = String::from_utf8_lossy(&answer).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
                if body.len() >= length.unwrap_or(0) {
                    return text;
                }
            }
            let read = connection.read_buf(&mut answer).await.expect("read");
            assert!(read > 0, "closed before the answer: {text}");
        }
    };
    tokio::time::timeout(PATIENCE, whole).await.expect("an answer")
}
