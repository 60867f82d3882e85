//! What comes of events that are posted, each outcome on a real connection.

use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

use super::*;
use crate::limits::HTTP_BODY_BYTES_MAX;
use crate::pipeline::JournalStatus;

fn post(bench: &Bench) -> reqwest::RequestBuilder {
    reqwest::Client::new().post(format!("http://{}/v1/events", bench.address)).bearer_auth("sender-secret-0123456789")
}

async fn retry_after(request: reqwest::RequestBuilder) -> (u16, Option<u64>) {
    let response = request.send().await.expect("an answer");
    let after = response.headers().get("retry-after").and_then(|after| after.to_str().ok()?.parse().ok());
    (response.status().as_u16(), after)
}

#[tokio::test]
async fn a_body_is_answered_by_what_came_of_its_records() {
    let bench = start(Parts::default()).await;
    for (body, code, received, rejected) in [("{}", 202, 3, 1), ("none", 400, 0, 0), ("bad", 400, 2, 2)] {
        let (status, answer) = bench.ask("POST", "/v1/events", "sender", body).await;
        assert_eq!(status, code, "{body}: {answer}");
        assert_eq!(
            (&answer["received"], &answer["rejected"]),
            (&received.into(), &rejected.into()),
            "{body}: {answer}"
        );
        assert_eq!(answer["hint"].is_string(), code == 400, "{answer}");
        let reason = answer["reasons"][0]["reason"].as_str();
        let expected = [("{}", "future"), ("bad", "not-json")].iter().find(|(text, _)| *text == body);
        assert_eq!(reason, expected.map(|(_, reason)| *reason), "{answer}");
        assert_eq!(reason.is_some(), answer["reasons"][0]["means"].as_str().is_some_and(|text| !text.is_empty()));
    }
    assert_eq!(retry_after(post(&bench).body("fail")).await, (503, Some(5)));
    assert_eq!(bench.counted("trailbrake_http_requests_total{code=\"400\",path=\"/v1/events\"}"), 2);
    assert_eq!(bench.counted("trailbrake_http_requests_total{code=\"503\",path=\"/v1/events\"}"), 1);
}

#[tokio::test]
async fn what_decoding_opens_is_taken_and_other_encodings_are_refused() {
    let bench = start(Parts::default()).await;
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(b"{}").expect("written");
    let gzip = gzip.finish().expect("written");
    for (encoding, code) in
        [("gzip", 202), ("GZIP", 202), ("zstd", 202), ("identity", 202), ("br", 415), ("gzip, gzip", 415)]
    {
        let (status, answer) = told(post(&bench).header("content-encoding", encoding).body(gzip.clone())).await;
        assert_eq!(status, code, "{encoding}: {answer}");
    }
    let sniffed = told(post(&bench).body(gzip)).await;
    assert_eq!(sniffed.0, 202, "{sniffed:?}");
}

/// An API destination sends its connection's header with each event, and nothing else that we would need.
#[tokio::test]
async fn a_request_of_an_eventbridge_api_destination_is_taken() {
    let bench = start(Parts::default()).await;
    let event =
        r#"{"version":"0","id":"1","detail-type":"AWS API Call via CloudTrail","source":"aws.ec2","detail":{}}"#;
    let request = format!(
        "POST /v1/events HTTP/1.1\r\nHost: trailbrake.example.com\r\nAuthorization: Bearer sender-secret-0123456789\r\n\
         User-Agent: Amazon/EventBridge/ApiDestinations\r\nContent-Type: application/json; charset=utf-8\r\n\
         Range: bytes=0-1048575\r\nAccept-Encoding: gzip,deflate\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{event}",
        event.len()
    );
    let answer = bench.raw(request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_before_it_is_read_and_while_it_is() {
    let bench = start(Parts::default()).await;
    let head = "POST /v1/events HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer sender-secret-0123456789\r\n";
    let told = bench.raw(format!("{head}Content-Length: {}\r\n\r\n", HTTP_BODY_BYTES_MAX + 1).as_bytes()).await;
    assert!(told.starts_with("HTTP/1.1 413 "), "{told}");

    let mut connection = bench.connect().await;
    connection.write_all(format!("{head}Transfer-Encoding: chunked\r\n\r\n").as_bytes()).await.expect("written");
    let chunk = vec![b' '; 1 << 20];
    for _ in 0..=HTTP_BODY_BYTES_MAX >> 20 {
        // The last one may find the connection closed: it was too much.
        let _ = connection.write_all(format!("{:x}\r\n", chunk.len()).as_bytes()).await;
        let _ = connection.write_all(&chunk).await;
        let _ = connection.write_all(b"\r\n").await;
    }
    drop(connection);
    bench.until_counted("trailbrake_http_requests_total{code=\"413\",path=\"/v1/events\"}", 2).await;

    let large = "x".repeat(VERDICT_BODY_BYTES_MAX + 1);
    let (code, answer) = bench.ask("POST", "/v1/incidents/{id}/verdict", "reviewer", large).await;
    assert_eq!(code, 413, "{answer}");
}

#[tokio::test]
async fn under_pressure_the_sender_is_told_to_come_back() {
    let bench = Arc::new(start(Parts { journal: Some(Journal::Stuck), ..Parts::default() }).await);
    let first = tokio::spawn(post(&bench).body("one").send());
    // The one place is taken once the first is there; then each further one is refused, however often it comes.
    let refused = async {
        while retry_after(post(&bench).body("two").timeout(Duration::from_secs(1))).await != (429, Some(1)) {}
    };
    tokio::time::timeout(PATIENCE, refused).await.expect("refused");
    assert!(!first.is_finished(), "neither taken nor refused: it waits to become durable");
    first.abort();
}

#[tokio::test]
async fn while_the_journal_fails_senders_are_told_at_once() {
    let bench = start(Parts::default()).await;
    let failing = JournalStatus { ok: false, failing_since: Some("since".to_owned()), ..JournalStatus::default() };
    let waiting = tokio::spawn(retry_after(post(&bench).body("wait")));
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert!(!waiting.is_finished(), "a journal that works is waited for");
    bench.board.journal(failing);
    let answer = tokio::time::timeout(Duration::from_secs(5), waiting).await.expect("soon").expect("no panic");
    assert_eq!(answer, (503, Some(5)));
}
