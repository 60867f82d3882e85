//! The configuration is read again: what is right is taken up, what is wrong changes nothing.

use std::collections::BTreeMap;
use std::sync::Mutex;

use axum::http::{HeaderMap, StatusCode, Uri};

use super::*;

const QUIET: &str = r#"
    [detectors.deletion-burst]
    five_minutes = { low = "never", medium = "never", high = "never", critical = "never" }
    hour = { high = "never", critical = "never" }
    resources = { low = "never" }
    resources_full = { high = "never" }
    [detectors.zone-spread]
    zones_high = "never"
    zones_critical = "never"
    regions_high = "never"
    regions_critical = "never"
    [detectors.delete-recreate]
    returned = { medium = "never", high = "never", critical = "never" }
    rebuilt = { high = "never", critical = "never" }
"#;

/// A program that is told of incidents: at `/dead` it takes nothing, elsewhere everything.
struct Program {
    address: SocketAddr,
    /// How often each message was taken.
    taken: Arc<Mutex<BTreeMap<String, usize>>>,
    refused: Arc<Mutex<usize>>,
}

impl Program {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (taken, refused) = (Arc::<Mutex<BTreeMap<String, usize>>>::default(), Arc::<Mutex<usize>>::default());
        let (kept, counted) = (Arc::clone(&taken), Arc::clone(&refused));
        let router = axum::Router::new().fallback(move |uri: Uri, headers: HeaderMap| async move {
            if uri.path() == "/dead" {
                *counted.lock().expect("whole") += 1;
                return StatusCode::SERVICE_UNAVAILABLE;
            }
            let id = headers["webhook-id"].to_str().expect("text").to_owned();
            *kept.lock().expect("whole").entry(id).or_default() += 1;
            StatusCode::OK
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, taken, refused }
    }

    fn receiver(&self, directory: &Path, name: &str, path: &str) -> String {
        let secret = directory.join("secret");
        std::fs::write(&secret, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("writable");
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).expect("our own file");
        let (address, secret) = (self.address, secret.display());
        format!("\n[receivers.{name}.webhook]\nurl = \"http://{address}{path}\"\nsecret = {{ file = \"{secret}\" }}\n")
    }
}

/// How many incidents are `critical`.
fn worst(incidents: &Value) -> usize {
    let incidents = incidents["incidents"].as_array().expect("a list").iter();
    incidents.filter(|one| one["incident"]["severity"] == "critical").count()
}

async fn until(what: impl Fn() -> bool) {
    for _ in 0..2_000 {
        if what() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never came");
}

impl Running {
    /// Writes the configuration anew, and asks for it to be read.
    async fn reload(&self, text: &str) -> Value {
        let before = self.get("/v1/status").await["config"].clone();
        std::fs::write(&self.config, text).expect("writable");
        // Times are told in seconds.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        self.ask.send(()).await.expect("it listens");
        for _ in 0..500 {
            let status = self.get("/v1/status").await;
            if status["config"] != before {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("not read again: {before}");
    }

    async fn counted(&self, sample: &str) -> String {
        let url = format!("http://{}/metrics", self.metrics);
        let text = reqwest::get(url).await.expect("an answer").text().await.expect("text");
        let line = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {sample}")).to_owned()
    }

    async fn status_of(&self, token: &str) -> u16 {
        let url = format!("http://{}/v1/status", self.http);
        let answer = reqwest::Client::new().get(url).bearer_auth(token).send().await.expect("an answer");
        answer.status().as_u16()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_receivers_and_tokens_are_taken_up_and_no_page_is_lost_or_repeated() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let program = Program::start().await;
    let daemon = start(directory.path()).await;
    let plain = std::fs::read_to_string(&daemon.config).expect("a configuration");
    let (dead, alive) =
        (program.receiver(directory.path(), "program", "/dead"), program.receiver(directory.path(), "program", "/ok"));
    let status = daemon.reload(&format!("{plain}{dead}")).await;
    let well = serde_json::json!({ "waiting": 0, "failing_since": null, "reason": null });
    assert_eq!(status["receivers"], serde_json::json!({ "program": well }), "{status}");

    daemon.post(trail().0).await;
    until(|| *program.refused.lock().expect("whole") > 0).await;
    assert!(daemon.get("/v1/status").await["receivers"]["program"]["waiting"].as_u64() > Some(0));
    assert_eq!(worst(&daemon.get("/v1/incidents").await), 1);

    // What waited for the receiver as it was goes to the receiver as it is, once; and nobody is paged by those limits.
    let status = daemon.reload(&format!("{plain}{alive}{QUIET}")).await;
    assert_eq!(status["config"]["problems"], serde_json::json!([]), "{status}");
    until(|| !program.taken.lock().expect("whole").is_empty()).await;
    assert_eq!(worst(&daemon.get("/v1/incidents").await), 0);
    for _ in 0..500 {
        if daemon.get("/v1/status").await["receivers"]["program"] == well {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(program.taken.lock().expect("whole").values().all(|times| *times == 1), "{:?}", program.taken);

    // A receiver that is gone is told nothing more; another has a task of its own. So do tokens come and go.
    let other = program.receiver(directory.path(), "other", "/ok");
    let renamed = plain.replace("[tokens.tester]", "[tokens.somebody]");
    let status = daemon.reload(&format!("{renamed}{other}")).await;
    assert_eq!(status["sources"]["post"]["records"]["received"].as_u64(), Some(trail().1), "{status}");
    for _ in 0..500 {
        if daemon.get("/v1/status").await["receivers"] == serde_json::json!({ "other": well }) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(worst(&daemon.get("/v1/incidents").await), 1, "the limits are as they were");
    std::fs::write(directory.path().join("token"), "another-token-of-a-test-0123456789").expect("writable");
    daemon.ask.send(()).await.expect("it listens");
    let mut held = 200;
    for _ in 0..500 {
        held = daemon.status_of(TOKEN).await;
        if held == 401 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!((held, daemon.status_of("another-token-of-a-test-0123456789").await), (401, 200));
    assert_eq!(daemon.counted("trailbrake_config_reloads_total{result=\"ok\"}").await, "4");
    daemon.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_changes_nothing_and_what_needs_a_restart_is_named() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let daemon = start(directory.path()).await;
    let plain = std::fs::read_to_string(&daemon.config).expect("a configuration");
    daemon.post(trail().0).await;
    assert_eq!(worst(&daemon.get("/v1/incidents").await), 1);

    let lines = plain.lines().count();
    let wrong = format!("{plain}\n{QUIET}[weights]\nholds_state = -3.0\n");
    let status = daemon.reload(&wrong).await;
    let problem = status["config"]["problems"][0].as_str().expect("a problem").to_owned();
    let line = 1 + wrong.lines().position(|line| line.starts_with("holds_state")).expect("the line");
    assert!(line > lines && problem.contains(&format!("trailbrake.toml:{line}: weights.holds_state: ")), "{problem}");
    assert!(problem.contains("\nhint: "), "{problem}");
    assert!(status["config"]["failed_at"].is_string());
    assert_eq!(worst(&daemon.get("/v1/incidents").await), 1, "the limits are as they were");
    assert_eq!(daemon.counted("trailbrake_config_reload_successful").await, "0");
    assert_eq!(daemon.counted("trailbrake_config_reloads_total{result=\"failed\"}").await, "1");

    let moved =
        plain.replace("[sources.post.http]", "[brake]\nreviewers_to_resume_critical = 1\n[sources.other.stdin]");
    let status = daemon.reload(&moved).await;
    assert_eq!(status["config"]["needs_restart"], serde_json::json!(["brake", "sources"]), "{status}");
    assert_eq!(
        (&status["config"]["failed_at"], &status["brake"]["reviewers_to_resume_critical"]),
        (&Value::Null, &2.into())
    );
    assert_eq!(status["sources"]["post"]["reads"]["kind"], "http");
    assert_eq!(daemon.counted("trailbrake_config_needs_restart").await, "2");
    assert_eq!(daemon.counted("trailbrake_config_reload_successful").await, "1");
    let status = daemon.reload(&plain).await;
    assert_eq!(status["config"]["needs_restart"], serde_json::json!([]), "what runs is what is written");
    // What it remembers and how late it was is told as well.
    assert!(status["memory"]["facts"].as_u64() > Some(0) && status["latencies"]["delivery"]["1m"]["p99"].is_number());
    daemon.end().await;
}
