//! When the runtime of the daemon is stuck, metrics and health still answer.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::*;

/// The answer that comes within two seconds.
fn ask(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut connection = TcpStream::connect(address)?;
    connection.set_read_timeout(Some(Duration::from_secs(2)))?;
    write!(connection, "GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn metrics_and_health_answer_while_nothing_else_does() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let daemon = runtime.block_on(start(directory.path()));
    let (free, blocked) = std::sync::mpsc::channel::<()>();
    let blocked = Arc::new(std::sync::Mutex::new(blocked));
    let (begun, begins) = std::sync::mpsc::channel();
    for _ in 0..2 {
        let (blocked, begun) = (Arc::clone(&blocked), begun.clone());
        runtime.spawn(async move {
            begun.send(()).expect("awaited");
            // Holds its worker until the test lets go.
            let _ = blocked.lock().map(|blocked| blocked.recv());
        });
    }
    begins.recv().expect("begun");
    begins.recv().expect("begun");
    let people = ask(daemon.http, "/v1/status");
    assert!(people.is_err(), "the listener for people still answers: {people:?}");
    for (path, says) in [("/healthz", "alive"), ("/readyz", "ready"), ("/metrics", "trailbrake_up 1")] {
        let answer = ask(daemon.metrics, path).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(answer.contains(says), "{path}: {answer}");
    }
    drop(free);
    runtime.block_on(daemon.end());
}
