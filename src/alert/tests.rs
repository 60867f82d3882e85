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
use crate::journal::Head;
use crate::limits::{CLOUD_EVENT_BYTES_MAX, PAGERDUTY_EVENT_BYTES_MAX, SUMMARY_CHARS_MAX};

mod answers;
mod taken;

use taken::{takes, texts};

const HOSTILE: &str = "a\u{1b}[2Jb\u{202e}c\nd<script>";
const SECRET: &str = "0123456789abcdef0123456789abcdef";
const WEBHOOK_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

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
        verdicts: Vec::new(),
        before_verdict: false,
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

/// An answer of a server.
#[derive(Clone, Copy)]
struct Answer {
    status: u16,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
    delay: Duration,
}

impl Answer {
    const fn of(status: u16, body: &'static str) -> Self {
        Self { status, headers: &[], body, delay: Duration::ZERO }
    }
}

/// What a server was sent.
struct Taken {
    headers: HeaderMap,
    body: Vec<u8>,
}

/// A server that gives one answer to everything and keeps what it was sent.
struct Server {
    address: SocketAddr,
    taken: Arc<Mutex<Vec<Taken>>>,
}

impl Server {
    async fn answering(answer: Answer) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let taken = Arc::new(Mutex::new(Vec::new()));
        let status = StatusCode::from_u16(answer.status).expect("a status");
        let header = |(name, value): &(&str, &str)| (name.parse().expect("a name"), value.parse().expect("a value"));
        let answer_headers: HeaderMap = answer.headers.iter().map(header).collect();
        let kept = Arc::clone(&taken);
        let router = axum::Router::new().fallback(move |headers: HeaderMap, body: axum::body::Bytes| async move {
            kept.lock().expect("whole").push(Taken { headers, body: body.to_vec() });
            tokio::time::sleep(answer.delay).await;
            (status, answer_headers, answer.body)
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, taken }
    }

    fn last(&self) -> Taken {
        self.taken.lock().expect("whole").pop().expect("a message")
    }

    fn hits(&self) -> usize {
        self.taken.lock().expect("whole").len()
    }
}

/// One of each kind, as its users configure it.
fn kinds(address: SocketAddr) -> Vec<ReceiverKind> {
    let secret = |text: &str| crate::config::Secret::new(text.to_owned());
    vec![
        ReceiverKind::PagerDuty(pagerduty::Settings {
            routing_key: secret(SECRET),
            endpoint: format!("http://{address}/v2/enqueue"),
            messages_per_minute: 20,
        }),
        ReceiverKind::Alertmanager(alertmanager::Settings {
            urls: vec![format!("http://{address}/")],
            runbook_url: Some("https://runbooks.example/incident".to_owned()),
        }),
        ReceiverKind::Slack(slack::Settings {
            url: secret(&format!("http://{address}/services/{SECRET}")),
            messages_per_minute: 20,
        }),
        ReceiverKind::Webhook(webhook::Settings {
            url: format!("http://{address}/hook"),
            secret: secret(WEBHOOK_SECRET),
            source: None,
            messages_per_minute: 600,
        }),
    ]
}

/// How the service of a kind says that it took a message.
fn success(kind: &ReceiverKind) -> Answer {
    match kind {
        ReceiverKind::PagerDuty(_) => {
            Answer::of(202, r#"{"status":"success","message":"Event processed","dedup_key":"page"}"#)
        }
        ReceiverKind::Alertmanager(_) => Answer::of(200, ""),
        ReceiverKind::Slack(_) => Answer::of(200, "ok"),
        ReceiverKind::Webhook(_) => Answer::of(204, ""),
    }
}

fn built(kind: &ReceiverKind, timeout: Duration) -> Arc<dyn Receiver> {
    let common = Common { name: "oncall", public_url: Some("https://brake.example"), timeout };
    kind.build(&common).expect("built")
}

#[tokio::test]
async fn each_receiver_sends_what_its_service_takes() {
    for kind in kinds("127.0.0.1:1".parse().expect("an address")) {
        let server = Server::answering(success(&kind)).await;
        let kind = kinds(server.address).into_iter().find(|one| one.word() == kind.word()).expect("the same");
        let receiver = built(&kind, Duration::from_secs(15));
        let head = OnRecord::At(Head { number: 41, hash: [0xab; 32] });
        for (change, record, said) in [
            (Change::Opened, head, format!("41:{}", "ab".repeat(32))),
            (Change::Updated, OnRecord::JournalDown, "Journal down. ".to_owned()),
            (Change::Resolved, OnRecord::Unknown, String::new()),
        ] {
            for announcement in [announcement(change), with_much_evidence(announcement(change))] {
                let delivery = receiver.deliver(&announcement, &record).await.expect("delivered");
                assert_eq!(delivery.status, success(&kind).status);
                let taken = server.last();
                assert!(taken.body.len() <= PAGERDUTY_EVENT_BYTES_MAX, "{} bytes", taken.body.len());
                takes(&kind, &taken, change);
                let body: Value = serde_json::from_slice(&taken.body).expect("JSON");
                assert!(texts(&body).iter().any(|text| text.contains(&said)), "{said}: {body}");
                for text in texts(&body) {
                    let is_bad = |one: char| (one.is_control() && one != '\n') || one == '\u{202e}';
                    assert!(!text.contains(is_bad), "{text:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn pagerduty_hears_of_one_alert_from_its_trigger_to_its_end_and_that_evidence_was_left_out() {
    let server = Server::answering(Answer::of(202, r#"{"status":"success"}"#)).await;
    let receiver = built(&kinds(server.address)[0], Duration::from_secs(15));
    let mut heard = Vec::new();
    for (change, severity) in [
        (Change::Opened, Severity::High),
        (Change::Updated, Severity::Critical),
        (Change::Updated, Severity::Medium),
        (Change::Resolved, Severity::Low),
    ] {
        let mut announcement = with_much_evidence(announcement(change));
        announcement.situation.incident.severity = severity;
        receiver.deliver(&announcement, &OnRecord::Unknown).await.expect("delivered");
        let body: Value = serde_json::from_slice(&server.last().body).expect("JSON");
        if change != Change::Resolved {
            let details = &body["payload"]["custom_details"];
            assert_eq!(details["evidence_cut"], true);
            assert!(details["incident"]["evidence"].as_array().is_some_and(|evidence| !evidence.is_empty()));
        }
        let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).unwrap_or("none").to_owned();
        assert_eq!(text("/links/0/href"), "https://brake.example/v1/incidents/tb-abcdefghijklmnop");
        heard.push((text("/event_action"), text("/dedup_key"), text("/payload/severity")));
    }
    let said = |action: &str, severity: &str| (action.to_owned(), "page".to_owned(), severity.to_owned());
    let expected =
        [said("trigger", "error"), said("trigger", "critical"), said("trigger", "warning"), said("resolve", "none")];
    assert_eq!(heard, expected);
}

#[tokio::test]
async fn what_may_have_been_told_before_is_marked_where_no_key_tells_repeats_apart() {
    let server = Server::answering(Answer::of(200, "ok")).await;
    let receiver = built(&kinds(server.address)[2], Duration::from_secs(15));
    receiver.deliver(&announcement(Change::Opened), &OnRecord::Unknown).await.expect("delivered");
    let first: Value = serde_json::from_slice(&server.last().body).expect("JSON");
    receiver.deliver_again(&announcement(Change::Opened), &OnRecord::Unknown).await.expect("delivered");
    let again: Value = serde_json::from_slice(&server.last().body).expect("JSON");
    assert!(first["text"].as_str().is_some_and(|text| text.starts_with("critical: ")), "{first}");
    assert!(again["text"].as_str().is_some_and(|text| text.starts_with("[may be a repeat] critical: ")), "{again}");
}

#[tokio::test]
async fn each_receiver_takes_tests_and_summaries() {
    let worst = announcement(Change::Opened);
    let summary = Summary {
        id: "tb-x-1/oncall+41".to_owned(),
        key: "trailbrake-burst-page".to_owned(),
        at: worst.at,
        incidents: 41,
        over: 2,
        ids: vec!["tb-aaaaaaaaaaaaaaaa".to_owned(), HOSTILE.to_owned()],
        worst,
    };
    let notices =
        [Notice::test("oncall", Severity::Info, summary.at), Notice::summary(&summary, Some("https://brake.example/"))];
    assert!(
        notices[1].headline.starts_with("41 more incidents (2 over already), the worst: "),
        "{}",
        notices[1].headline
    );
    assert!(notices[1].text.contains("trailbrake incidents list, or https://brake.example/v1/incidents\n"));
    for kind in kinds("127.0.0.1:1".parse().expect("an address")) {
        let server = Server::answering(success(&kind)).await;
        let kind = kinds(server.address).into_iter().find(|one| one.word() == kind.word()).expect("the same");
        let receiver = built(&kind, Duration::from_secs(15));
        for notice in &notices {
            receiver.tell(notice).await.expect("taken");
            let taken = server.last();
            let body: Value = serde_json::from_slice(&taken.body).expect("JSON");
            if let ReceiverKind::Slack(_) = kind {
                slack::takes(&body).unwrap_or_else(|error| panic!("{error}"));
            }
            let all = texts(&body);
            assert!(all.iter().any(|text| text.contains(&notice.headline[..20])), "{all:?}");
            let is_bad = |one: char| (one.is_control() && one != '\n') || one == '\u{202e}';
            assert!(all.iter().all(|text| !text.contains(is_bad)), "{all:?}");
        }
    }
}

#[tokio::test]
async fn one_instance_of_a_cluster_is_enough() {
    let bad = Server::answering(Answer::of(500, "")).await;
    let good = Server::answering(Answer::of(200, "")).await;
    let settings = alertmanager::Settings {
        urls: vec![format!("http://{}", bad.address), format!("http://{}", good.address)],
        runbook_url: None,
    };
    let receiver = built(&ReceiverKind::Alertmanager(settings), Duration::from_secs(15));
    receiver.deliver(&announcement(Change::Opened), &OnRecord::Unknown).await.expect("delivered");
    assert_eq!((bad.hits(), good.hits()), (1, 1));
}

#[test]
fn a_secret_is_not_sent_in_the_open_and_not_shown() {
    let secret = |text: &str| crate::config::Secret::new(text.to_owned());
    let pagerduty = pagerduty::Settings {
        routing_key: secret(SECRET),
        endpoint: "http://pagerduty.example/v2/enqueue".to_owned(),
        messages_per_minute: 20,
    };
    let slack = slack::Settings { url: secret(&format!("http://slack.example/{SECRET}")), messages_per_minute: 20 };
    for kind in [ReceiverKind::PagerDuty(pagerduty), ReceiverKind::Slack(slack)] {
        let config = ReceiverConfig { name: "oncall".to_owned(), kind };
        assert!(!format!("{config:?}").contains(SECRET));
        let Err(error) = build(&[config], None, &LiveRoutes::default()) else { panic!("built") };
        let error = error.to_string();
        assert!(error.starts_with("receiver oncall: http is allowed on loopback addresses only"), "{error}");
        assert!(!error.contains(SECRET), "{error}");
    }
}
