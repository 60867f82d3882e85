//! What comes of each answer, and of none: real sockets, each kind of receiver.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// What came back: nothing when the message was taken.
type Outcome = Option<FailureReason>;

/// The outcomes of one answer, in the order of the kinds: PagerDuty, Alertmanager, Slack, webhook.
type Case = (Answer, [Outcome; 4], Option<u64>);

const fn with(status: u16, headers: &'static [(&'static str, &'static str)]) -> Answer {
    Answer { status, headers, body: "an\u{1b}swer", delay: Duration::ZERO }
}

const CASES: &[Case] = {
    use FailureReason::{BadAnswer, RateLimited, Redirected, Refused, ServerError, Timeout};
    const fn all(reason: FailureReason) -> [Outcome; 4] {
        [Some(reason); 4]
    }
    const LOCATION: &[(&str, &str)] = &[("location", "http://127.0.0.1:1/")];
    &[
        // A status of success, and a body that is no success of the service, or nobody's.
        (Answer::of(202, r#"{"status":"success"}"#), [None, None, Some(BadAnswer), None], None),
        (Answer::of(200, r#"{"status":"invalid event"}"#), [Some(Refused), None, Some(BadAnswer), None], None),
        (Answer::of(200, "ok"), [Some(BadAnswer), None, None, None], None),
        (Answer::of(200, "ok\n"), [Some(BadAnswer), None, None, None], None),
        (Answer::of(200, "no_service"), [Some(BadAnswer), None, Some(Refused), None], None),
        (Answer::of(200, "<html>sign in</html>"), [Some(BadAnswer), None, Some(BadAnswer), None], None),
        (Answer::of(200, ""), [Some(BadAnswer), None, Some(BadAnswer), None], None),
        // The message is wrong, or the address: again will not help.
        (with(400, &[]), all(Refused), None),
        (with(401, &[]), all(Refused), None),
        (with(403, &[]), all(Refused), None),
        (with(404, &[]), all(Refused), None),
        (with(410, &[]), all(Refused), None),
        (with(413, &[]), all(Refused), None),
        // Elsewhere is not gone to.
        (with(301, LOCATION), all(Redirected), None),
        (with(302, LOCATION), all(Redirected), None),
        (with(307, LOCATION), all(Redirected), None),
        (with(308, LOCATION), all(Redirected), None),
        // Later it may be taken.
        (with(408, &[]), all(Timeout), None),
        (with(425, &[]), all(Timeout), None),
        (with(429, &[("retry-after", "7")]), all(RateLimited), Some(7)),
        (with(429, &[("retry-after", "99999999")]), all(RateLimited), Some(900)),
        (with(429, &[("retry-after", "Fri, 02 Jan 2026 03:04:05 GMT")]), all(RateLimited), None),
        (with(500, &[]), all(ServerError), None),
        (with(502, &[]), all(ServerError), None),
        (with(503, &[("retry-after", "30")]), all(ServerError), Some(30)),
    ]
};

#[tokio::test]
async fn each_receiver_tells_what_came_back() {
    for (answer, outcomes, retry_after) in CASES {
        let server = Server::answering(*answer).await;
        for (kind, outcome) in kinds(server.address).iter().zip(outcomes) {
            let told =
                built(kind, Duration::from_secs(15)).deliver(&announcement(Change::Opened), &OnRecord::Unknown).await;
            let expected = outcome.map(|reason| DeliveryError {
                receiver: "oncall".to_owned(),
                reason,
                detail: format!(
                    "127.0.0.1: {}: {}",
                    answer.status,
                    answer.body.replace('\u{1b}', "").replace('\n', " ")
                ),
                retry_after: retry_after.map(Duration::from_secs),
            });
            assert_eq!(told.err(), expected, "{} answers {}", kind.word(), answer.status);
        }
        assert_eq!(server.hits(), 4, "one attempt each, and nobody is followed");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("set");
    let location: &'static str =
        Box::leak(format!("http://{}/", listener.local_addr().expect("an address")).into_boxed_str());
    let headers: &'static [(&str, &str)] = Box::leak(vec![("location", location)].into_boxed_slice());
    let server = Server::answering(with(307, headers)).await;
    for kind in kinds(server.address) {
        let error =
            built(&kind, Duration::from_secs(15)).deliver(&announcement(Change::Opened), &OnRecord::Unknown).await;
        let error = error.expect_err("sent elsewhere");
        assert_eq!(error.reason, FailureReason::Redirected);
        assert!(!error.to_string().contains(location), "where it leads may be a secret: {error}");
    }
    assert!(listener.accept().is_err(), "somebody came");
}

#[tokio::test]
async fn a_receiver_that_is_not_there_is_unreachable() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    for kind in kinds(address) {
        let error =
            built(&kind, Duration::from_secs(15)).deliver(&announcement(Change::Opened), &OnRecord::Unknown).await;
        let error = error.expect_err("nobody there");
        assert_eq!(error.reason, FailureReason::Unreachable);
        assert!(error.detail.to_lowercase().contains("connection refused"), "{error}");
        for secret in ["enqueue", "hook", "services", SECRET, WEBHOOK_SECRET] {
            assert!(!error.to_string().contains(secret), "{error}");
        }
    }
}

#[tokio::test]
async fn a_name_that_stands_for_no_address_is_unreachable() {
    let kind = ReceiverKind::Alertmanager(alertmanager::Settings {
        urls: vec!["http://nobody.invalid:9093".to_owned()],
        runbook_url: None,
    });
    let error = built(&kind, Duration::from_secs(15)).deliver(&announcement(Change::Opened), &OnRecord::Unknown).await;
    assert!(matches!(error.expect_err("no address").reason, FailureReason::Unreachable | FailureReason::Timeout));
}

#[tokio::test]
async fn a_receiver_that_does_not_answer_is_timed_out() {
    let silent = Answer { delay: Duration::from_secs(3_600), ..Answer::of(202, "") };
    let server = Server::answering(silent).await;
    for kind in kinds(server.address) {
        let error =
            built(&kind, Duration::from_millis(200)).deliver(&announcement(Change::Opened), &OnRecord::Unknown).await;
        let error = error.expect_err("too late");
        assert_eq!(error.reason, FailureReason::Timeout, "{error}");
    }
}

/// A server that reads a request, says these bytes and hangs up.
async fn saying(bytes: &'static [u8]) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 1 << 20];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(bytes).await;
            let _ = stream.shutdown().await;
        }
    });
    address
}

#[tokio::test]
async fn what_is_no_http_or_breaks_off_is_broken() {
    for bytes in [&b""[..], b"\x00\xff\x1b[2J garbage\r\n\r\n", b"HTTP/1.1 2", b"SSH-2.0-OpenSSH_9.2\r\n"] {
        let address = saying(bytes).await;
        for kind in kinds(address) {
            let error =
                built(&kind, Duration::from_secs(15)).deliver(&announcement(Change::Opened), &OnRecord::Unknown).await;
            let error = error.expect_err("no answer");
            assert_eq!(error.reason, FailureReason::Broken, "{error}");
            assert!(!error.detail.contains(char::is_control), "{error}");
        }
    }
}

/// An answer whose body breaks off was still an answer, as far as its status goes.
#[tokio::test]
async fn a_body_that_breaks_off_or_never_ends_is_judged_by_what_came() {
    let cut = saying(b"HTTP/1.1 202 Accepted\r\ncontent-length: 1000\r\n\r\n{\"status\":").await;
    let half_a_word = saying(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no").await;
    let endless = {
        let body: &'static str = Box::leak("x".repeat(8 << 20).into_boxed_str());
        Server::answering(Answer::of(200, body)).await.address
    };
    for address in [cut, half_a_word, endless] {
        let mut reasons = Vec::new();
        for kind in kinds(address) {
            let told =
                built(&kind, Duration::from_secs(15)).deliver(&announcement(Change::Opened), &OnRecord::Unknown).await;
            if let Ok(delivery) = &told {
                assert!(delivery.answer.chars().count() <= crate::limits::ANSWER_CHARS_MAX);
            }
            reasons.push(told.err().map(|error| error.reason));
        }
        // A megabyte of x is, to Slack's ear, one long word that says no. What breaks off says neither yes nor no.
        let [pagerduty, slack] = match () {
            () if address == endless => [FailureReason::BadAnswer, FailureReason::Refused],
            () => [FailureReason::Broken; 2],
        };
        assert_eq!(reasons, [Some(pagerduty), None, Some(slack), None]);
    }
}
