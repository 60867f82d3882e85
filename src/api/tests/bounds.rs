//! What strangers and slow peers may take of the listener.

use super::*;
use crate::limits::{FAILURES_MAX, HTTP_HEAD_BYTES_MAX, HTTP_HEADERS_MAX};

const SHORT: Duration = Duration::from_millis(300);
const STATUS: &str = "GET /v1/status HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer reader-secret-0123456789\r\n\r\n";

fn broken(reason: &str) -> String {
    format!("trailbrake_http_connections_broken_total{{reason=\"{reason}\"}}")
}

async fn with(bounds: Bounds) -> Bench {
    start(Parts { bounds, ..Parts::default() }).await
}

/// Sends a byte again and again, so that the connection is never silent, until it is closed.
async fn drip(connection: &mut TcpStream) {
    let dripping = async {
        while connection.write_all(b"a").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, dripping).await.expect("closed");
}

#[tokio::test]
async fn a_head_that_comes_byte_by_byte_is_not_waited_for() {
    let bench = with(Bounds { first_head: SHORT, ..Bounds::default() }).await;
    let mut connection = bench.connect().await;
    connection.write_all(b"GET /v1/status HTTP/1.1\r\nX-Slow: ").await.expect("written");
    drip(&mut connection).await;
    let silent = bench.raw(b"").await;
    assert_eq!(silent, "", "who never says anything is closed, too");
    bench.until_counted(&broken("head-late"), 2).await;
    bench.until_counted("trailbrake_http_connections", 0).await;
    assert_eq!(bench.ask("GET", "/v1/status", "reader", "").await.0, 200, "others are served");
}

#[tokio::test]
async fn a_connection_is_kept_for_who_is_recognised_and_not_for_ever() {
    let bench = with(Bounds { first_head: SHORT, idle: SHORT * 3, ..Bounds::default() }).await;
    let mut connection = bench.connect().await;
    for _ in 0..3 {
        connection.write_all(STATUS.as_bytes()).await.expect("written");
        let answer = answer_on(&mut connection).await;
        assert!(answer.starts_with("HTTP/1.1 200 ") && !answer.contains("connection: close"), "{answer}");
        tokio::time::sleep(SHORT * 2).await;
    }
    assert_eq!(rest_of(&mut connection).await, "", "idle for long enough");
    let mut connection = bench.connect().await;
    connection.write_all(STATUS.as_bytes()).await.expect("written");
    answer_on(&mut connection).await;
    connection.write_all(b"GET /v1/status HTTP/1.1\r\nX-Slow: ").await.expect("written");
    drip(&mut connection).await;
    bench.until_counted(&broken("head-late"), 1).await;
    assert_eq!((bench.counted(&broken("silent")), bench.counted(&broken("cut"))), (0, 0), "to be idle is no fault");

    for stranger in ["GET /v1/status HTTP/1.1\r\nHost: a\r\n\r\n", "GET /v1/nothing HTTP/1.1\r\nHost: a\r\n\r\n"] {
        let answer = bench.raw(stranger.as_bytes()).await;
        assert!(answer.contains("connection: close"), "{answer}");
    }
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let bench = with(Bounds { body: SHORT, ..Bounds::default() }).await;
    let head = "POST /v1/events HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer sender-secret-0123456789\r\n\
                Content-Length: 100\r\n\r\n{";
    let answer = bench.raw(head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    let bench = with(Bounds { request: SHORT, ..Bounds::default() }).await;
    let answer = bench.raw(head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
}

#[tokio::test]
async fn heads_have_a_size_and_a_form() {
    let bench = start(Parts::default()).await;
    let large = format!("GET / HTTP/1.1\r\nX-Large: {}\r\n\r\n", "x".repeat(HTTP_HEAD_BYTES_MAX));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "X-Many: 1\r\n".repeat(HTTP_HEADERS_MAX + 1));
    for (head, code, reason) in [
        (large, "431", "head-too-large"),
        (many, "431", "head-too-large"),
        ("\u{1}\u{2}\r\n\r\n".to_owned(), "400", "malformed"),
    ] {
        let before = bench.counted(&broken(reason));
        let answer = bench.raw(head.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {code} ")), "{reason}: {answer}");
        bench.until_counted(&broken(reason), before + 1).await;
    }
}

#[tokio::test]
async fn connections_past_the_bound_are_refused_until_there_is_room() {
    let bench = with(Bounds { connections: 4, ..Bounds::default() }).await;
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(bench.connect().await);
    }
    bench.until_counted("trailbrake_http_connections", 4).await;
    assert_eq!(bench.raw(b"").await, "");
    bench.until_counted("trailbrake_http_connections_refused_total{reason=\"full\"}", 1).await;
    drop(held);
    bench.until_counted("trailbrake_http_connections", 0).await;
    assert_eq!(bench.ask("GET", "/v1/status", "reader", "").await.0, 200);
}

#[tokio::test]
async fn who_fails_too_often_is_told_to_wait_and_nobody_else_is() {
    let bench = start(Parts::default()).await;
    for number in 0..FAILURES_MAX {
        assert_eq!(bench.ask("GET", "/v1/status", "stranger", "").await.0, 401, "{number}");
        assert_eq!(bench.ask("GET", "/v1/status", "sender", "").await.0, 403, "{number}");
    }
    let url = format!("http://{}/v1/status", bench.address);
    for token in ["guess", "sender-secret-0123456789"] {
        let response = reqwest::Client::new().get(&url).bearer_auth(token).send().await.expect("an answer");
        assert_eq!(
            (response.status().as_u16(), response.headers()["retry-after"].as_bytes()),
            (429, &b"60"[..]),
            "{token}"
        );
    }
    assert_eq!(bench.ask("GET", "/v1/status", "reader", "").await.0, 200, "from the same address, with a token");
    assert_eq!(bench.ask("POST", "/v1/events", "sender", "{}").await.0, 202, "what the role allows");
    bench.clock.set(Millis(NOW.0 + 61_000));
    assert_eq!(bench.ask("GET", "/v1/status", "stranger", "").await.0, 401, "later");
    let failures = |reason: &str| format!("trailbrake_http_authentication_failures_total{{reason=\"{reason}\"}}");
    let counted = u64::from(FAILURES_MAX);
    assert_eq!(bench.counted(&failures("unknown-token")), counted + 2);
    assert_eq!(bench.counted(&failures("role")), counted + 1);
    assert_eq!(bench.counted(&failures("no-token")), 0);
}

#[tokio::test]
async fn it_stops_although_connections_are_open() {
    let bench = with(Bounds { drain: SHORT, ..Bounds::default() }).await;
    let mut idle = bench.connect().await;
    idle.write_all(STATUS.as_bytes()).await.expect("written");
    answer_on(&mut idle).await;
    let waits = "POST /v1/events HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer sender-secret-0123456789\r\n\
                 Content-Length: 4\r\n\r\nwai";
    let mut waiting = bench.connect().await;
    waiting.write_all(waits.as_bytes()).await.expect("written");
    bench.until_counted("trailbrake_http_connections", 2).await;
    bench.stop.send(true).expect("it runs");
    tokio::time::timeout(PATIENCE, bench.serving).await.expect("it ends").expect("no panic");
    assert_eq!((rest_of(&mut idle).await, rest_of(&mut waiting).await), (String::new(), String::new()));
}
