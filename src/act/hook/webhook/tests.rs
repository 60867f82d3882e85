//! The webhook against a server that checks signatures as the standard says.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use trailbrake_detectors::time::Millis;

use super::*;
use crate::clock::ManualClock;

/// The test vector that the libraries of Standard Webhooks share.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// HMAC by its definition in RFC 2104, for keys of at most a block.
fn hmac_sha256(secret: &[u8], message: &[u8]) -> Vec<u8> {
    let pad = |with: u8| -> Vec<u8> { (0..64).map(|at| secret.get(at).copied().unwrap_or(0) ^ with).collect() };
    let inner = Sha256::digest([pad(0x36).as_slice(), message].concat());
    Sha256::digest([pad(0x5c).as_slice(), &inner].concat()).to_vec()
}

/// What the server got, once its signature was found right.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Got {
    id: String,
    timestamp: String,
    body: String,
}

#[derive(Clone)]
struct Server {
    got: Arc<Mutex<Vec<Got>>>,
    answers: Arc<Mutex<Vec<(StatusCode, String)>>>,
}

async fn receive(State(server): State<Server>, headers: HeaderMap, body: Bytes) -> (StatusCode, String) {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp"));
    let body = String::from_utf8(body.to_vec()).expect("UTF-8");
    let secret = STANDARD.decode(&SECRET["whsec_".len()..]).expect("base64");
    let expected = STANDARD.encode(hmac_sha256(&secret, format!("{id}.{timestamp}.{body}").as_bytes()));
    if header("webhook-signature") != format!("v1,{expected}") {
        return (StatusCode::UNAUTHORIZED, "wrong signature".to_owned());
    }
    server.got.lock().expect("not poisoned").push(Got { id, timestamp, body });
    server.answers.lock().expect("not poisoned").pop().unwrap_or((StatusCode::NO_CONTENT, String::new()))
}

async fn served() -> (Server, String) {
    let server = Server { got: Arc::default(), answers: Arc::default() };
    let app = Router::new().route("/hook", post(receive)).with_state(server.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, app).await });
    (server, url)
}

fn hook(url: &str, secret: &str, now: i64) -> Result<Webhook, String> {
    Webhook::new(url, &Secret::new(secret.to_owned()), Arc::new(ManualClock::at(Millis(now))))
}

fn desired(generation: u64, rung: Option<Rung>) -> Desired {
    Desired {
        key: PauseKey {
            account: "123456789012".to_owned(),
            entity: "arn:aws:iam::123456789012:role/agent".to_owned(),
            session: "*".to_owned(),
        },
        generation,
        rung,
        decided_at: Millis(1_688_990_869_000),
        received_at: Millis(0),
        incidents: vec!["tb-1".to_owned()],
    }
}

fn planned(hook: &Webhook, generation: u64, rung: Option<Rung>) -> Change {
    hook.plan(&desired(generation, rung), Observed::Unknown).expect("plans").expect("a change")
}

#[tokio::test]
async fn repeats_carry_the_same_id_and_body_and_other_changes_another() {
    let (server, url) = served().await;
    for (now, generation, rung) in
        [(1_000, 1, Some(Rung::Destructive)), (9_000, 1, Some(Rung::Destructive)), (9_000, 2, None)]
    {
        let hook = hook(&url, SECRET, now).expect("builds");
        hook.make(&planned(&hook, generation, rung)).await.expect("is taken");
    }
    let got = server.got.lock().expect("not poisoned").clone();
    let [first, repeat, other] = got.as_slice() else { panic!("{got:?}") };
    assert_eq!((&first.id, &first.body), (&repeat.id, &repeat.body));
    assert_eq!((first.timestamp.as_str(), repeat.timestamp.as_str()), ("1", "9"));
    assert_ne!(first.id, other.id);
    let body: Value = serde_json::from_str(&first.body).expect("JSON");
    let expected = json!({
        "type": "pause", "timestamp": "2023-07-10T12:07:49Z",
        "data": {
            "account": "123456789012", "entity": "arn:aws:iam::123456789012:role/agent", "session": "*",
            "generation": 1, "rung": "destructive", "incidents": ["tb-1"],
        },
    });
    assert_eq!(body, expected);
    assert!(other.body.contains(r#""type":"resume""#) && other.body.contains(r#""rung":null"#), "{}", other.body);
}

#[tokio::test]
async fn tells_what_can_be_tried_again_from_what_cannot() {
    let cases = [
        (StatusCode::OK, None),
        (StatusCode::TOO_MANY_REQUESTS, Some(HookFailure::Throttled)),
        (StatusCode::SERVICE_UNAVAILABLE, Some(HookFailure::Throttled)),
        (StatusCode::BAD_GATEWAY, Some(HookFailure::ServerError)),
        (StatusCode::FORBIDDEN, Some(HookFailure::Denied)),
        (StatusCode::NOT_FOUND, Some(HookFailure::Other)),
        (StatusCode::GONE, Some(HookFailure::Other)),
        (StatusCode::FOUND, Some(HookFailure::Other)),
    ];
    let (server, url) = served().await;
    let hook = hook(&url, SECRET, 0).expect("builds");
    for (status, expected) in cases {
        server.answers.lock().expect("not poisoned").push((status, "why\u{1b}[31m ".repeat(100_000)));
        let result = hook.make(&planned(&hook, 1, None)).await;
        assert_eq!(result.as_ref().err().map(|error| error.reason), expected, "{status}");
        if let Err(error) = result {
            assert!(error.detail.len() <= 400 && !error.detail.contains('\u{1b}'), "bounded and printable: {error}");
        }
    }
    let other = "whsec_".to_owned() + &STANDARD.encode([7; 32]);
    let error = self::hook(&url, &other, 0).expect("builds").make(&planned(&hook, 1, None)).await;
    assert_eq!(error.expect_err("a wrong secret").reason, HookFailure::Denied);
    let nobody = self::hook("http://127.0.0.1:1/secret-path", SECRET, 0).expect("builds");
    let error = nobody.make(&planned(&nobody, 1, None)).await.expect_err("nobody listens");
    assert_eq!(error.reason, HookFailure::Unreachable);
    assert!(!error.detail.contains("secret-path"), "{error}");
}

#[test]
fn wrong_settings_are_told_with_a_way_out() {
    let cases = [
        ("ftp://host/", SECRET, "url must be http or https: ftp"),
        ("nowhere", SECRET, "url cannot be read: "),
        ("http://host/", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "secret does not begin with whsec_"),
        ("http://host/", "whsec_%%%", "secret is not base64 after whsec_"),
        ("http://host/", "whsec_c2hvcnQ=", "secret must hold 24 to 64 bytes: 5"),
    ];
    for (url, secret, expected) in cases {
        let error = hook(url, secret, 0).err().unwrap_or_default();
        assert!(error.starts_with(expected), "{url} {secret}: {error}");
    }
}
