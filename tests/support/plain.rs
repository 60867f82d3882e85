//! Trailbrake without anything that pauses: it takes events over HTTP and from a followed file, and tells receivers of ours.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use serde_json::Value;

use super::pager::ROUTING_KEY;
use super::server::free_port;
use super::{eventually, hex, namespace, web};

const PROGRAM: &str = env!("CARGO_BIN_EXE_trailbrake");
const PATIENCE: Duration = Duration::from_secs(60);
/// A secret in the form of Standard Webhooks.
const WEBHOOK_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Where it pages; what is not named is not configured.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    /// Where events for PagerDuty are posted.
    pub(crate) pagerduty: Option<String>,
    /// Where messages for Slack are posted.
    pub(crate) slack: Option<String>,
    /// Where CloudEvents are posted.
    pub(crate) webhook: Option<String>,
    /// Where alerts for Alertmanager are posted.
    pub(crate) alertmanager: Option<String>,
    /// More of the configuration.
    pub(crate) more: String,
}

/// `trailbrake run` with the sources `post` (HTTP) and `file` (a followed file).
pub(crate) struct Plain {
    directory: PathBuf,
    run: Option<Child>,
    environment: Vec<(&'static str, String)>,
    /// The token that may post events and read.
    pub(crate) token: String,
    http: u16,
    metrics: u16,
    client: reqwest::Client,
}

impl Plain {
    /// Writes the configuration and starts it; comes back when it is ready.
    pub(crate) async fn start(directory: &Path, told: &Told) -> Self {
        let plain = Self::start_in(directory, told, Vec::new());
        plain.until_ready().await;
        plain
    }

    /// The same with more in its environment, and does not wait.
    pub(crate) fn start_in(directory: &Path, told: &Told, environment: Vec<(&'static str, String)>) -> Self {
        let mut plain = Self {
            directory: directory.to_owned(),
            run: None,
            environment,
            token: hex(64),
            http: free_port(),
            metrics: free_port(),
            client: web::client(),
        };
        fs::write(plain.followed(), "").expect("a file");
        fs::write(plain.configured_in(), plain.configuration(told)).expect("the configuration");
        plain.spawn();
        plain
    }

    fn configuration(&self, told: &Told) -> String {
        let mut text = format!(
            "deployment = \"load\"\nstate_directory = \"{0}/state\"\nhttp.listen = \"127.0.0.1:{1}\"\n\
             metrics.listen = \"127.0.0.1:{2}\"\n[tokens.tester]\nroles = [\"ingest\", \"read\"]\n\
             secret = {{ file = \"{3}\" }}\nprincipals = []\n[sources.post.http]\n\
             [sources.file.file]\npath = \"{4}\"\nfollow = true\n",
            self.directory.display(),
            self.http,
            self.metrics,
            self.secret("token", &self.token),
            self.followed().display(),
        );
        fs::create_dir_all(self.directory.join("state")).expect("a folder");
        let limit = "messages_per_minute = 6000";
        if let Some(endpoint) = &told.pagerduty {
            let key = self.secret("routing-key", ROUTING_KEY);
            text += &format!(
                "[receivers.pager.pagerduty]\nendpoint = \"{endpoint}\"\nrouting_key = {{ file = \"{key}\" }}\n{limit}\n"
            );
        }
        if let Some(url) = &told.slack {
            let url = self.secret("slack-url", url);
            text += &format!("[receivers.channel.slack]\nurl = {{ file = \"{url}\" }}\n{limit}\n");
        }
        if let Some(url) = &told.webhook {
            let secret = self.secret("webhook-secret", WEBHOOK_SECRET);
            text +=
                &format!("[receivers.program.webhook]\nurl = \"{url}\"\nsecret = {{ file = \"{secret}\" }}\n{limit}\n");
        }
        if let Some(url) = &told.alertmanager {
            text += &format!("[receivers.alerts.alertmanager]\nurls = [\"{url}\"]\n");
        }
        text + &told.more
    }

    fn secret(&self, name: &str, value: &str) -> String {
        let path = self.directory.join(name);
        fs::write(&path, value).expect("a secret");
        fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("its permissions");
        path.display().to_string()
    }

    /// Starts it (again), and does not wait.
    pub(crate) fn spawn(&mut self) {
        let log = File::options().create(true).append(true).open(self.directory.join("log")).expect("a log");
        let mut command = Command::new(PROGRAM);
        command.arg("run").arg("--config").arg(self.configured_in());
        command.env_remove("TRAILBRAKE_LOG").env_remove("RUST_LOG").env_remove("NOTIFY_SOCKET");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        self.run = Some(command.stdout(log.try_clone().expect("the log")).stderr(log).spawn().expect("trailbrake run"));
    }

    /// Waits until it is ready.
    pub(crate) async fn until_ready(&self) {
        let url = format!("http://127.0.0.1:{}/readyz", self.metrics);
        let ready = async || self.client.get(&url).send().await.ok()?.status().is_success().then_some(());
        eventually("ready", PATIENCE, ready).await;
    }

    /// Waits until it answers, ready or not.
    pub(crate) async fn until_there(&self) {
        let url = format!("http://127.0.0.1:{}/v1/status", self.http);
        let there = async || {
            let answer = self.client.get(&url).bearer_auth(&self.token).send().await.ok()?;
            answer.status().is_success().then_some(())
        };
        eventually("there", PATIENCE, there).await;
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        if let Some(mut run) = self.run.take() {
            let _ = run.kill();
            let _ = run.wait();
        }
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) async fn stop(&mut self) {
        let mut run = self.run.take().expect("it runs");
        let sent = Command::new("kill").args(["-TERM", &run.id().to_string()]).status().expect("kill");
        assert!(sent.success());
        let status =
            eventually("trailbrake stops", PATIENCE, || std::future::ready(run.try_wait().expect("its status"))).await;
        assert!(status.success(), "{status}");
    }

    /// The file that it follows.
    pub(crate) fn followed(&self) -> PathBuf {
        self.directory.join("followed.ndjson")
    }

    /// Its journal.
    pub(crate) fn journal(&self) -> PathBuf {
        self.directory.join("state/trailbrake.sqlite")
    }

    /// Where events are posted.
    pub(crate) fn events(&self) -> String {
        format!("http://127.0.0.1:{}/v1/events", self.http)
    }

    /// An answer of the API.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let url = format!("http://127.0.0.1:{}{path}", self.http);
        self.client.get(url).bearer_auth(&self.token).send().await.expect("an answer").json().await.expect("JSON")
    }

    /// The accounts of a source, by column.
    pub(crate) async fn accounts(&self, source: &str) -> Accounts {
        Accounts(self.get("/v1/status").await["sources"][source]["records"].clone())
    }

    /// What `/readyz` says, with its status.
    pub(crate) async fn readiness(&self) -> (u16, String) {
        let url = format!("http://127.0.0.1:{}/readyz", self.metrics);
        let answer = self.client.get(&url).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    }

    /// What it logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }

    /// Posts records, and says with which status they were answered.
    pub(crate) async fn post(&self, body: String) -> u16 {
        let request = self.client.post(self.events()).bearer_auth(&self.token).body(body);
        request.send().await.expect("an answer").status().as_u16()
    }

    /// The incidents that it shows, by their ids.
    pub(crate) async fn incidents(&self) -> BTreeMap<String, Value> {
        let mut answer = self.get("/v1/incidents").await;
        let Some(Value::Array(all)) = answer.get_mut("incidents").map(Value::take) else { panic!("no list: {answer}") };
        let incidents = all.into_iter().map(|mut one| one["incident"].take());
        incidents.map(|one| (one["id"].as_str().expect("an id").to_owned(), one)).collect()
    }

    /// All metrics.
    pub(crate) async fn metrics(&self) -> String {
        let url = format!("http://127.0.0.1:{}/metrics", self.metrics);
        self.client.get(url).send().await.expect("metrics").text().await.expect("metrics")
    }

    /// Its configuration's file.
    pub(crate) fn configured_in(&self) -> PathBuf {
        self.directory.join("trailbrake.toml")
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.run.as_ref().expect("it runs").id()
    }

    /// Bytes of memory that are resident.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let id = self.id();
        let status = fs::read_to_string(format!("/proc/{id}/status")).expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1_024
    }

    /// Seconds of processor time that it took since it was started.
    pub(crate) fn processor_seconds(&self) -> f64 {
        let id = self.id();
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).expect("its times");
        let fields: Vec<&str> = stat.rsplit_once(')').expect("a name").1.split_whitespace().collect();
        // utime and stime, in hundredths of a second on Linux.
        let ticks = |field: usize| fields[field].parse::<f64>().expect("a number");
        (ticks(11) + ticks(12)) / 100.0
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let last = &lines[lines.len().saturating_sub(40)..];
            namespace::note(&format!("--- trailbrake's log\n{}", last.join("\n")));
        }
    }
}

/// Records received from a source, and the columns that they add up from.
#[derive(Clone, Debug)]
pub(crate) struct Accounts(pub(crate) Value);

impl Accounts {
    /// The records of a column.
    pub(crate) fn of(&self, column: &str) -> u64 {
        self.0[column].as_u64().unwrap_or_default()
    }

    /// The records that went into the judgement, each once however often it came.
    pub(crate) fn kept(&self) -> u64 {
        self.of("judged") + self.of("twin") + self.of("conflicting")
    }

    /// Each record received is in one column.
    pub(crate) fn assert_add_up(&self) {
        let columns = self.0.as_object().into_iter().flatten().filter(|(column, _)| *column != "received");
        let sum: u64 = columns.filter_map(|(_, records)| records.as_u64()).sum();
        assert_eq!(sum, self.of("received"), "the accounts do not add up: {:?}", self.0);
    }
}

/// The value of a sample of a scrape; nothing if it is not there.
pub(crate) fn sample(metrics: &str, name: &str) -> Option<f64> {
    metrics.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}
