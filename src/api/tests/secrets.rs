//! No secret stands in the log, in a metric, or in an answer.

use std::io::Write;
use std::sync::Mutex;

use tracing_subscriber::fmt::MakeWriter;

use super::*;

const VALID: &str = "sender-secret-0123456789";
const INVALID: &str = "tb_a-secret-that-nobody-must-see";

/// All that was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("not poisoned").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn failing_requests_leave_no_token_behind() {
    let log = Log::default();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false).with_writer(log.clone());
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    let short = Duration::from_millis(200);
    let bench =
        start(Parts { bounds: Bounds { body: short, first_head: short, ..Bounds::default() }, ..Parts::default() })
            .await;
    let mut answers = String::new();
    for token in [VALID, INVALID] {
        for head in [
            format!("GET /v1/status HTTP/1.1\r\nAuthorization: Bearer {token}\r\n"),
            format!("GET /v1/status HTTP/1.1\r\nAuthorization: Basic {token}\r\n"),
            format!("GET /v1/status?token={token} HTTP/1.1\r\n"),
            format!("GET /v1/{token} HTTP/1.1\r\n"),
            format!("GET /v1/incidents?{token}=1 HTTP/1.1\r\nAuthorization: Bearer {token}\r\n"),
            format!("{token} /v1/status HTTP/1.1\r\nAuthorization: Bearer {token}\r\n"),
            format!("DELETE /v1/events HTTP/1.1\r\nAuthorization: Bearer {token}\r\n"),
            format!("POST /v1/events HTTP/1.1\r\nAuthorization: Bearer {token}\r\nContent-Length: 99999999\r\n"),
            format!("POST /v1/events HTTP/1.1\r\nAuthorization: Bearer {token}\r\nContent-Length: 10\r\n"),
            format!("POST /v1/events HTTP/1.1\r\nAuthorization: Bearer {token}\r\nContent-Encoding: {token}\r\n"),
            format!("GET / HTTP/1.1\r\nAuthorization: Bearer\0{token}\r\n"),
            format!("{token}\r\n"),
        ] {
            answers += &bench.raw(format!("{head}Host: a\r\nConnection: close\r\n\r\n").as_bytes()).await;
        }
        answers += &bench.raw(format!("GET / HTTP/1.1\r\nAuthorization: Bearer {token}").as_bytes()).await;
    }
    let logged = String::from_utf8(log.0.lock().expect("not poisoned").clone()).expect("text");
    let metrics = bench.metrics.render();
    assert!(
        logged.contains("a request without a valid token") && answers.contains("lacks the role"),
        "{logged}\n{answers}"
    );
    for (place, text) in [("the log", &logged), ("metrics", &metrics), ("answers", &answers)] {
        for token in [VALID, INVALID] {
            assert!(!text.contains(token), "a token stands in {place}:\n{text}");
        }
    }
}
