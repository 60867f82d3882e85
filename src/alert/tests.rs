//! What every receiver must pass: the same announcements and the same answers, for each in the registry.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::{HeaderMap, StatusCode};
use serde_json::Value;
use trailbrake_detectors::engine::{Announcement, Change, Mode, Pause, PauseKey, PauseState, Rung, Situation};
use trailbrake_detectors::incident::{
    Denied, Destroyed, Evidence, EvidenceResource, Principal, Report, Severity, State,
};
use trailbrake_detectors::time::Second;

use super::*;
use crate::limits::{PAGERDUTY_EVENT_BYTES_MAX, SUMMARY_CHARS_MAX};

const HOSTILE: &str = "a\u{1b}[2Jb\u{202e}c\nd<script>";
const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// An announcement with texts such as an attacker would choose.
pub(crate) fn announcement(change: Change) -> Announcement {
    let principal = Principal {
        key: "role".to_owned(),
        arn: format!("arn:aws:iam::123456789012:role/{HOSTILE}"),
        kind: "AssumedRole".to_owned(),
        account: "123456789012".to_owned(),
        session: HOSTILE.to_owned(),
        sessions: vec![HOSTILE.repeat(500); 20],
        issuer: String::new(),
        origin: String::new(),
        tool: HOSTILE.to_owned(),
    };
    let time = "2026-01-02T03:04:05Z".to_owned();
    let incident = Report {
        schema: 1,
        id: "tb-abcdefghijklmnop".to_owned(),
        state: State::Paused,
        mode: Mode::Enforce,
        severity: Severity::Critical,
        severity_peak: Severity::Critical,
        eased: None,
        exact: true,
        detectors: vec!["deletion-burst".to_owned()],
        principal: Some(principal),
        accounts: vec!["123456789012".to_owned()],
        regions: vec!["eu-central-1".to_owned()],
        zones: Vec::new(),
        first_event_time: time.clone(),
        triggered_event_time: time.clone(),
        triggered_event_id: "event".to_owned(),
        last_event_time: time,
        destroyed: Destroyed { by_type: BTreeMap::from([(HOSTILE.to_owned(), 3)]), ..Destroyed::default() },
        denied: Denied::default(),
        recreated: Vec::new(),
        reason: format!("{HOSTILE} {}", "long ".repeat(1_000)),
        evidence: Vec::new(),
    };
    let at = Second::parse("2026-01-02T03:04:08Z").expect("a time").millis();
    let key = PauseKey {
        account: "123456789012".to_owned(),
        entity: "arn:aws:iam::123456789012:role/agent".to_owned(),
        session: "*".to_owned(),
    };
    let pause = Pause { key, rung: Rung::Destructive, state: PauseState::Paused, at, reason: HOSTILE.to_owned() };
    let situation = Situation {
        incident,
        pauses: vec![pause],
        not_paused_because: String::new(),
        approvals: Vec::new(),
        sequence: 3,
    };
    Announcement { id: "tb-abcdefghijklmnop.3".to_owned(), page_key: "page".to_owned(), change, at, situation }
}

/// The largest evidence that the core lets through.
fn with_much_evidence(mut announcement: Announcement) -> Announcement {
    let resource =
        EvidenceResource { kind: "AWS::EC2::Instance".to_owned(), id: HOSTILE.repeat(40), zones: Vec::new() };
    let fact = Evidence {
        event_id: "event".to_owned(),
        time: "2026-01-02T03:04:05Z".to_owned(),
        action: "ec2:TerminateInstances".to_owned(),
        effect: trailbrake_detectors::event::Effect::Destroy,
        outcome: trailbrake_detectors::event::Outcome::Ok,
        resources: vec![resource; 1_000],
    };
    announcement.situation.incident.evidence = vec![fact; 100];
    announcement
}

/// A server that gives one answer to everything and keeps what it was sent.
struct Server {
    address: SocketAddr,
    bodies: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Server {
    async fn answering(status: u16, headers: &[(&'static str, &'static str)], delay: Duration) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let bodies = Arc::new(Mutex::new(Vec::new()));
        let status = StatusCode::from_u16(status).expect("a status");
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value")))
            .collect();
        let kept = Arc::clone(&bodies);
        let router = axum::Router::new().fallback(move |body: axum::body::Bytes| async move {
            kept.lock().expect("whole").push(body.to_vec());
            tokio::time::sleep(delay).await;
            (status, headers, "an\u{1b}swer")
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, bodies }
    }
}

/// Checks what a service was sent.
type Takes = fn(&Value, Change);

/// One of each kind, as its users configure it.
fn kinds(address: SocketAddr) -> Vec<(ReceiverKind, Takes)> {
    let pagerduty = pagerduty::Settings {
        routing_key: crate::config::Secret::new(SECRET.to_owned()),
        endpoint: format!("http://{address}/v2/enqueue"),
    };
    let alertmanager = alertmanager::Settings {
        urls: vec![format!("http://{address}/")],
        runbook_url: Some("https://runbooks.example/incident".to_owned()),
    };
    vec![
        (ReceiverKind::PagerDuty(pagerduty), pagerduty_takes),
        (ReceiverKind::Alertmanager(alertmanager), alertmanager_takes),
    ]
}

fn receivers(address: SocketAddr) -> Vec<(Arc<dyn Receiver>, Takes)> {
    let built = |(kind, takes)| {
        let config = ReceiverConfig { name: "oncall".to_owned(), kind };
        (build(&[config], Some("https://brake.example")).expect("built").remove(0), takes)
    };
    kinds(address).into_iter().map(built).collect()
}

/// What PagerDuty refuses: see its schema of the Events API v2.
fn pagerduty_takes(body: &Value, change: Change) {
    assert_eq!(body["routing_key"], SECRET);
    assert_eq!(body["dedup_key"], "page");
    assert_eq!(body["client_url"], "https://brake.example/v1/incidents/tb-abcdefghijklmnop");
    if change == Change::Resolved {
        assert_eq!(body["event_action"], "resolve");
        return;
    }
    assert_eq!(body["event_action"], "trigger");
    let payload = &body["payload"];
    let summary = payload["summary"].as_str().expect("a summary");
    assert!(summary.starts_with("[paused] ") && summary.chars().count() <= SUMMARY_CHARS_MAX, "{summary}");
    assert_eq!(payload["source"], "aws:123456789012");
    assert!(["critical", "error", "warning", "info"].contains(&payload["severity"].as_str().expect("a severity")));
    assert_eq!(payload["timestamp"], "2026-01-02T03:04:08Z");
    assert!(payload["custom_details"]["next_step"].as_str().is_some_and(|step| step.contains("incidents resume")));
}

/// What Alertmanager refuses: see its OpenAPI of version 2.
fn alertmanager_takes(body: &Value, change: Change) {
    let alerts = body.as_array().expect("an array");
    assert_eq!(alerts.len(), 1);
    for alert in alerts {
        let labels = alert["labels"].as_object().expect("labels");
        let names: Vec<&str> = labels.keys().map(String::as_str).collect();
        assert_eq!(names, ["account", "alertname", "incident", "severity"]);
        assert_eq!(labels["alertname"], "TrailbrakeIncident");
        let time = |name: &str| Second::parse(alert[name].as_str().expect("a time")).expect("a time");
        assert!(time("startsAt") <= time("endsAt"));
        let decided = Second::parse("2026-01-02T03:04:08Z").expect("a time");
        assert_eq!(time("endsAt") <= decided, change == Change::Resolved);
        let annotations = alert["annotations"].as_object().expect("annotations");
        let names: Vec<&str> = annotations.keys().map(String::as_str).collect();
        assert_eq!(names, ["description", "runbook_url", "summary"]);
        assert_eq!(alert["generatorURL"], "https://brake.example/v1/incidents/tb-abcdefghijklmnop");
    }
}

fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(elements) => elements.iter().flat_map(texts).collect(),
        Value::Object(fields) => {
            fields.iter().flat_map(|(key, value)| std::iter::once(key.as_str()).chain(texts(value))).collect()
        }
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn each_receiver_sends_what_its_service_takes() {
    let server = Server::answering(202, &[], Duration::ZERO).await;
    for (receiver, takes) in receivers(server.address) {
        for change in [Change::Opened, Change::Updated, Change::Resolved] {
            for announcement in [announcement(change), with_much_evidence(announcement(change))] {
                let delivery = receiver.deliver(&announcement).await.expect("delivered");
                assert_eq!(delivery.answer, "answer");
                let body = server.bodies.lock().expect("whole").pop().expect("a body");
                assert!(body.len() <= PAGERDUTY_EVENT_BYTES_MAX, "{} bytes", body.len());
                let body: Value = serde_json::from_slice(&body).expect("JSON");
                takes(&body, change);
                for text in texts(&body) {
                    assert!(!text.contains(|c: char| c.is_control() || c == '\u{202e}'), "{text:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn each_receiver_tells_why_it_failed() {
    type Headers = &'static [(&'static str, &'static str)];
    let cases: &[(u16, Headers, FailureReason, Option<u64>)] = &[
        (400, &[], FailureReason::Refused, None),
        (404, &[], FailureReason::Refused, None),
        (302, &[("location", "http://127.0.0.1:1/")], FailureReason::Refused, None),
        (408, &[], FailureReason::Timeout, None),
        (429, &[("retry-after", "7")], FailureReason::RateLimited, Some(7)),
        (429, &[("retry-after", "99999999")], FailureReason::RateLimited, Some(900)),
        (429, &[("retry-after", "Fri, 02 Jan 2026 03:04:05 GMT")], FailureReason::RateLimited, None),
        (500, &[], FailureReason::ServerError, None),
        (503, &[("retry-after", "30")], FailureReason::ServerError, Some(30)),
    ];
    for (status, headers, reason, retry_after) in cases {
        let server = Server::answering(*status, headers, Duration::ZERO).await;
        for (receiver, _) in receivers(server.address) {
            let error = receiver.deliver(&announcement(Change::Opened)).await.expect_err("refused");
            let expected = DeliveryError {
                receiver: "oncall".to_owned(),
                reason: *reason,
                detail: format!("127.0.0.1: {status}: answer"),
                retry_after: retry_after.map(Duration::from_secs),
            };
            assert_eq!(error, expected);
        }
    }
}

#[tokio::test]
async fn a_receiver_that_is_not_there_is_unreachable() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    for (receiver, _) in receivers(address) {
        let error = receiver.deliver(&announcement(Change::Opened)).await.expect_err("nobody there");
        assert_eq!(error.reason, FailureReason::Unreachable);
        assert!(error.detail.to_lowercase().contains("connection refused"), "{error}");
        assert!(!error.to_string().contains("enqueue") && !error.to_string().contains(SECRET), "{error}");
    }
}

#[tokio::test]
async fn a_receiver_that_does_not_answer_is_timed_out() {
    let server = Server::answering(202, &[], Duration::from_secs(3_600)).await;
    for (kind, _) in kinds(server.address) {
        let common = Common { name: "oncall", public_url: None, timeout: Duration::from_millis(200) };
        let receiver = kind.build(&common).expect("built");
        let error = receiver.deliver(&announcement(Change::Opened)).await.expect_err("too late");
        assert_eq!(error.reason, FailureReason::Timeout, "{error}");
    }
}

#[tokio::test]
async fn one_instance_of_a_cluster_is_enough() {
    let bad = Server::answering(500, &[], Duration::ZERO).await;
    let good = Server::answering(200, &[], Duration::ZERO).await;
    let settings = alertmanager::Settings {
        urls: vec![format!("http://{}", bad.address), format!("http://{}", good.address)],
        runbook_url: None,
    };
    let config = ReceiverConfig { name: "alerts".to_owned(), kind: ReceiverKind::Alertmanager(settings) };
    let receiver = build(&[config], None).expect("built").remove(0);
    receiver.deliver(&announcement(Change::Opened)).await.expect("delivered");
    assert_eq!((bad.bodies.lock().expect("whole").len(), good.bodies.lock().expect("whole").len()), (1, 1));
}

#[test]
fn a_secret_is_not_sent_in_the_open() {
    let settings = pagerduty::Settings {
        routing_key: crate::config::Secret::new(SECRET.to_owned()),
        endpoint: "http://pagerduty.example/v2/enqueue".to_owned(),
    };
    let config = ReceiverConfig { name: "oncall".to_owned(), kind: ReceiverKind::PagerDuty(settings) };
    let Err(error) = build(&[config], None) else { panic!("built") };
    assert!(error.to_string().starts_with("receiver oncall: http is allowed on loopback addresses only"), "{error}");
}
