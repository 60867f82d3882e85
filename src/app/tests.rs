//! Tests of the whole daemon in this process: events over HTTP, an end, a restart that forgets nothing.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use trailbrake_detectors::scenario::{Options, generate};

use super::*;

mod ends;
mod reloads;
mod stuck;
use crate::clock::{Clock, SystemClock};

const TOKEN: &str = "a-token-of-a-test-0123456789";

/// A daemon that runs as a task.
struct Running {
    http: SocketAddr,
    metrics: SocketAddr,
    config: PathBuf,
    ask: mpsc::Sender<()>,
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<(), AppError>>,
}

fn free_address() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address")
}

fn text(directory: &Path, http: SocketAddr, metrics: SocketAddr) -> String {
    let token = directory.join("token");
    std::fs::write(&token, TOKEN).expect("writable");
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).expect("our own file");
    format!(
        r#"
        state_directory = "{directory}"
        http.listen = "{http}"
        metrics.listen = "{metrics}"
        [tokens.tester]
        roles = ["ingest", "read", "review"]
        secret = {{ file = "{token}" }}
        principals = []
        [sources.post.http]
        "#,
        directory = directory.display(),
        token = token.display(),
    )
}

fn config(directory: &Path, http: SocketAddr, metrics: SocketAddr) -> Config {
    crate::config::parse(&text(directory, http, metrics), "test").unwrap_or_else(|error| panic!("{error}"))
}

async fn start(directory: &Path) -> Running {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (http, metrics) = (free_address(), free_address());
    let (stop, stopped) = watch::channel(false);
    let (ask, asked) = mpsc::channel(1);
    let path = directory.join("trailbrake.toml");
    std::fs::write(&path, text(directory, http, metrics)).expect("writable");
    let config = crate::config::load(&path).unwrap_or_else(|error| panic!("{error}"));
    let again = path.clone();
    let reload = Reload { asked, read: Arc::new(move || crate::config::load(&again)) };
    let task = tokio::spawn(run(config, None, Arc::new(SystemClock), stopped, Some(reload)));
    for _ in 0..500 {
        let ready = reqwest::get(format!("http://{metrics}/readyz")).await;
        if ready.is_ok_and(|answer| answer.status().is_success()) {
            return Running { http, metrics, config: path, ask, stop, task };
        }
        if task.is_finished() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the daemon is not ready: {:?}", task.is_finished());
}

impl Running {
    async fn get(&self, path: &str) -> Value {
        let url = format!("http://{}{path}", self.http);
        let answer = reqwest::Client::new().get(url).bearer_auth(TOKEN).send().await.expect("an answer");
        answer.json().await.expect("JSON")
    }

    async fn post(&self, body: String) -> Value {
        let url = format!("http://{}/v1/events", self.http);
        let answer = reqwest::Client::new().post(url).bearer_auth(TOKEN).body(body).send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), 202);
        answer.json().await.expect("JSON")
    }

    async fn ids(&self) -> Vec<String> {
        let answer = self.get("/v1/incidents").await;
        let incidents = answer["incidents"].as_array().expect("a list");
        incidents.iter().map(|one| one["incident"]["id"].as_str().expect("an id").to_owned()).collect()
    }

    async fn end(self) {
        self.stop.send(true).expect("it runs");
        let ended = tokio::time::timeout(Duration::from_secs(30), self.task).await.expect("it ends");
        ended.expect("no panic").expect("a clean end");
    }
}

fn trail() -> (String, u64) {
    let start = SystemClock.now().second().plus(-20 * 60);
    let records = generate("agent-rebuild", &Options::new(5, start)).expect("a scenario");
    let lines: Vec<_> = records.iter().map(|record| record.json.as_str()).collect();
    (lines.join("\n"), records.len() as u64)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_forgets_nothing_and_repeats_nothing() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (trail, records) = trail();

    let daemon = start(directory.path()).await;
    let accepted = daemon.post(trail.clone()).await;
    assert_eq!((&accepted["received"], &accepted["rejected"]), (&records.into(), &0.into()));
    let before = daemon.ids().await;
    assert!(!before.is_empty(), "the trail has an incident");
    let status = daemon.get("/v1/status").await;
    let counts = status["sources"]["post"]["records"].clone();
    assert_eq!(counts["received"], records);
    assert_eq!(status["journal"]["ok"], true);
    assert_eq!(status["act"]["configured"], false);
    daemon.end().await;

    let daemon = start(directory.path()).await;
    assert_eq!(daemon.ids().await, before, "incidents survive");
    assert_eq!(daemon.get("/v1/status").await["sources"]["post"]["records"], counts, "counts survive");
    daemon.post(trail).await;
    let after = daemon.get("/v1/status").await["sources"]["post"]["records"].clone();
    assert_eq!(after["judged"], counts["judged"], "nothing is judged twice: {after}");
    assert_eq!(after["received"], 2 * records);
    assert_eq!(daemon.ids().await, before);
    daemon.end().await;
}

#[tokio::test]
async fn a_listener_that_cannot_be_had_is_an_error_with_a_way_out() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let config = config(directory.path(), taken.local_addr().expect("an address"), free_address());
    let (_stop, stopped) = watch::channel(false);
    let error = run(config, None, Arc::new(SystemClock), stopped, None).await.expect_err("the port is taken");
    assert!(error.to_string().contains("hint: "), "{error}");
}
