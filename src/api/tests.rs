//! Tests of the listener over real connections, with a real board and a stand-in for the engine's thread.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use trailbrake_detectors::engine::{Act, Mode};
use trailbrake_detectors::time::Millis;

use super::*;
use crate::clock::ManualClock;
use crate::config::Secret;
use crate::limits::VERDICT_REASON_BYTES_MAX;
use crate::metrics::Metrics;
use crate::pipeline::tests::{judge_trail, stage};
use crate::source::{Batch, Committed, Context, Source, Terms};

const NOW: Millis = Millis(1_767_610_000_000);

/// A listener, and what it stands on.
struct Bench {
    address: SocketAddr,
    incident: String,
    _stop: watch::Sender<bool>,
}

fn token(name: &str, roles: &[Role]) -> Token {
    Token {
        name: name.to_owned(),
        roles: roles.iter().copied().collect::<BTreeSet<_>>(),
        secret: Secret::new(format!("{name}-secret-0123456789")),
        principals: vec![format!("arn:aws:iam::111122223333:user/{name}")],
    }
}

/// Acknowledges batches as the journal would, except those that say otherwise.
async fn acknowledge(mut batches: mpsc::Receiver<Batch>) {
    while let Some(batch) = batches.recv().await {
        let fails = batch.payloads.iter().any(|payload| payload.starts_with(b"fail"));
        if let (Some(sender), false) = (batch.acknowledgement, fails) {
            let _ = sender.send(Committed { received: 3, rejected: 1 });
        }
    }
}

/// Answers verdicts as the engine would.
async fn decide(mut work: mpsc::Receiver<Work>) {
    while let Some(work) = work.recv().await {
        let Work::Human { human, answer } = work else { panic!("only humans act here: {work:?}") };
        assert_eq!(human.principals, ["arn:aws:iam::111122223333:user/reviewer"]);
        assert_eq!((human.who.as_str(), human.at), ("reviewer", NOW));
        let Act::Resume { reason, break_glass, .. } = human.act;
        let _ = match reason.as_str() {
            "refuse" => answer.send(Err("one more reviewer must agree\nhint: ask another one".to_owned())),
            "lose" => continue,
            reason => answer.send(Ok(format!("{reason}, {break_glass}"))),
        };
    }
}

async fn start(tokens: Vec<Token>, with_intake: bool) -> Bench {
    let (mut step, board) = stage(Mode::Enforce);
    judge_trail(&mut step);
    let incident = board.incidents(None, None, 1)[0].incident.id.clone();
    let (stop, stopped) = watch::channel(false);
    let (work, acts) = mpsc::channel(8);
    tokio::spawn(decide(acts));
    let clock: SharedClock = Arc::new(ManualClock::at(NOW));
    let mut intake = None;
    if with_intake {
        let (batches, received) = mpsc::channel(8);
        tokio::spawn(acknowledge(received));
        let terms = Terms { name: Arc::from("http"), accounts: vec![], may_pause: false, quiet_limit_seconds: 60 };
        let (source, taker) = crate::source::http::channel(Arc::new(terms));
        let context = Context {
            clock: Arc::clone(&clock),
            positions: Arc::default(),
            batches,
            watches: mpsc::channel(1).0,
            stop: stopped.clone(),
            metrics: Arc::new(Metrics::new()),
        };
        tokio::spawn(Box::new(source).run(context));
        tokio::task::yield_now().await;
        intake = Some(taker);
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let api = Api { board, work, intake, clock, mode: Mode::Enforce, act_connected: Some(Box::new(|| true)), tokens };
    tokio::spawn(serve(listener, api, stopped));
    Bench { address, incident, _stop: stop }
}

fn all_tokens() -> Vec<Token> {
    let reviewer = [Role::Read, Role::Review];
    vec![token("sender", &[Role::Ingest]), token("reader", &[Role::Read]), token("reviewer", &reviewer)]
}

impl Bench {
    async fn ask(&self, method: &str, path: &str, who: &str, body: impl Into<reqwest::Body>) -> (u16, Value) {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let url = format!("http://{}{}", self.address, path.replace("{id}", &self.incident));
        let method = method.parse().expect("a method");
        let mut request = reqwest::Client::new().request(method, url).body(body);
        if !who.is_empty() {
            request = request.bearer_auth(format!("{who}-secret-0123456789"));
        }
        let response = request.send().await.expect("an answer");
        let status = response.status().as_u16();
        let body = response.bytes().await.expect("a body");
        (status, serde_json::from_slice(&body).unwrap_or_else(|_| panic!("no JSON: {body:?}")))
    }
}

#[tokio::test]
async fn answers_say_what_is_right_and_what_is_wrong() {
    let bench = start(all_tokens(), true).await;
    let resume = |reason: &str| json!({"verdict": "resume", "reason": reason, "break_glass": true}).to_string();
    let long = "x".repeat(VERDICT_REASON_BYTES_MAX + 1);
    let verdict = "/v1/incidents/{id}/verdict";
    for (method, path, who, body, status, told) in [
        ("GET", "/v1/status", "", String::new(), 401, "no valid token"),
        ("GET", "/v1/status", "stranger", String::new(), 401, "no valid token"),
        ("GET", "/v1/status", "sender", String::new(), 403, "lacks the role: read"),
        ("GET", "/v1/status", "reader", String::new(), 200, "\"connected\":true"),
        ("GET", "/v1/incidents", "reader", String::new(), 200, "\"incidents\":[{"),
        ("GET", "/v1/incidents?state=merged", "reader", String::new(), 200, "\"incidents\":[]"),
        ("GET", "/v1/incidents?severity=critical&limit=1", "reader", String::new(), 200, "\"critical\""),
        ("GET", "/v1/incidents?limit=0", "reader", String::new(), 200, "\"incidents\":[]"),
        ("GET", "/v1/incidents?state=asleep", "reader", String::new(), 400, "filters are"),
        ("GET", "/v1/incidents?colour=red", "reader", String::new(), 400, "filters are"),
        ("GET", "/v1/incidents/{id}", "reader", String::new(), 200, "\"evidence\":["),
        ("GET", "/v1/incidents/tb-none", "reader", String::new(), 404, "no such incident"),
        ("GET", "/v1/nothing", "reader", String::new(), 404, "no such path"),
        ("DELETE", "/v1/incidents/{id}", "reader", String::new(), 405, "does not take this method"),
        ("POST", verdict, "reader", resume("because"), 403, "lacks the role: review"),
        ("POST", verdict, "reviewer", resume("because"), 200, "because, true"),
        ("POST", verdict, "reviewer", resume("refuse"), 409, "\"hint\":\"ask another one\""),
        ("POST", verdict, "reviewer", resume("lose"), 503, "not in it yet"),
        ("POST", verdict, "reviewer", resume("  "), 400, "reason is empty"),
        ("POST", verdict, "reviewer", resume(&long), 400, "too long"),
        ("POST", verdict, "reviewer", "{\"verdict\":\"erase\"}".to_owned(), 400, "cannot be read"),
        ("POST", "/v1/incidents/tb-none/verdict", "reviewer", resume("because"), 404, "no such incident"),
        ("POST", "/v1/events", "reader", "{}".to_owned(), 403, "lacks the role: ingest"),
        ("POST", "/v1/events", "sender", "{}".to_owned(), 202, "\"received\":3"),
        ("POST", "/v1/events", "sender", "fail".to_owned(), 503, "cannot be written"),
    ] {
        let (code, answer) = bench.ask(method, path, who, body).await;
        assert_eq!(code, status, "{method} {path} by {who:?}: {answer}");
        assert!(answer.to_string().contains(told), "{method} {path} by {who:?}: {answer}");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let bench = start(all_tokens(), true).await;
    let (code, answer) = bench.ask("POST", "/v1/events", "sender", vec![b' '; HTTP_BODY_BYTES_MAX + 1]).await;
    assert_eq!(code, 413, "{answer}");
    let large = "x".repeat(VERDICT_BODY_BYTES_MAX + 1);
    let (code, answer) = bench.ask("POST", "/v1/incidents/{id}/verdict", "reviewer", large).await;
    assert_eq!(code, 413, "{answer}");
}

#[tokio::test]
async fn without_tokens_everybody_is_refused_and_without_a_source_so_are_events() {
    let bench = start(Vec::new(), true).await;
    assert_eq!(bench.ask("GET", "/v1/status", "reader", "").await.0, 401);
    let bench = start(all_tokens(), false).await;
    let (code, answer) = bench.ask("POST", "/v1/events", "sender", "{}").await;
    assert_eq!(code, 404, "{answer}");
}
