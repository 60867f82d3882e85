//! Trailbrake itself, as its users run it: the built program, a configuration file, and its command line.

use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output};
use std::time::Duration;

use serde_json::Value;

use super::pager::{Pager, ROUTING_KEY};
use super::query::Query;
use super::server::free_port;
use super::{eventually, hex, web};

/// The program under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_trailbrake");

/// What the daemon is connected to.
pub(crate) struct Surroundings<'parts> {
    /// The source's section.
    pub(crate) source: String,
    /// The pager.
    pub(crate) pager: &'parts Pager,
    /// An Alertmanager that is told directly as well.
    pub(crate) alertmanager: Option<String>,
    /// Where the hook calls IAM.
    pub(crate) iam: &'parts str,
    /// Who the hook is.
    pub(crate) hook: &'parts Query,
}

/// `trailbrake run`, with the `trailbrake act` that it starts.
pub(crate) struct Daemon {
    directory: PathBuf,
    config: PathBuf,
    environment: Vec<(&'static str, String)>,
    run: Option<Child>,
    http_port: u16,
    metrics_port: u16,
    reviewers: Vec<(&'static str, String)>,
}

impl Daemon {
    /// Writes the configuration and starts the daemon; comes back when it is ready.
    pub(crate) async fn start(directory: &Path, surroundings: &Surroundings<'_>) -> Self {
        let credentials = surroundings.hook.credentials();
        let environment = vec![
            ("PATH", std::env::var("PATH").unwrap_or_default()),
            ("AWS_ACCESS_KEY_ID", credentials.access_key_id().to_owned()),
            ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key().to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ];
        let reviewers = vec![("alice", hex(64)), ("bob", hex(64))];
        let mut daemon = Self {
            directory: directory.to_owned(),
            config: directory.join("trailbrake.toml"),
            environment,
            run: None,
            http_port: free_port(),
            metrics_port: free_port(),
            reviewers,
        };
        std::fs::write(&daemon.config, daemon.configuration(surroundings)).expect("the configuration");
        let checked = daemon.command(&["check", "--config"]).arg(&daemon.config).output().expect("trailbrake check");
        assert!(checked.status.success(), "the configuration is refused: {}", String::from_utf8_lossy(&checked.stderr));
        daemon.restart().await;
        daemon
    }

    fn configuration(&self, surroundings: &Surroundings<'_>) -> String {
        let (http, metrics, state) = (self.http_port, self.metrics_port, self.directory.display());
        let mut text = format!(
            "deployment = \"chain\"\nstate_directory = \"{state}\"\n\n[http]\nlisten = \"127.0.0.1:{http}\"\n\n\
             [metrics]\nlisten = \"127.0.0.1:{metrics}\"\n\n[brake]\nmode = \"enforce\"\n\n"
        );
        for (name, token) in &self.reviewers {
            let file = self.secret(name, token);
            text += &format!("[tokens.{name}]\nroles = [\"read\", \"review\"]\nsecret = {{ file = \"{file}\" }}\n\n");
        }
        let (file, endpoint) = (self.secret("routing-key", ROUTING_KEY), surroundings.pager.endpoint());
        text += &format!("{}\n[receivers.pager.pagerduty]\nendpoint = \"{endpoint}\"\n", surroundings.source);
        text += &format!("routing_key = {{ file = \"{file}\" }}\n\n");
        if let Some(url) = &surroundings.alertmanager {
            text += &format!("[receivers.alerts.alertmanager]\nurls = [\"{url}\"]\n\n");
        }
        text + &format!("[act.aws_iam]\nendpoint = \"{}\"\n", surroundings.iam)
    }

    fn secret(&self, name: &str, value: &str) -> String {
        let path = self.directory.join(format!("{name}.secret"));
        std::fs::write(&path, value).expect("a secret");
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("its permissions");
        path.display().to_string()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).env_clear().envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Starts `trailbrake run` (again) and waits until it is ready.
    pub(crate) async fn restart(&mut self) {
        let log = File::options().create(true).append(true).open(self.log()).expect("a log");
        let mut command = self.command(&["run", "--config"]);
        command.arg(&self.config).stdout(log.try_clone().expect("the log")).stderr(log);
        self.run = Some(command.spawn().expect("trailbrake run"));
        let ready = format!("http://127.0.0.1:{}/readyz", self.metrics_port);
        eventually("trailbrake is ready", Duration::from_secs(30), async || {
            let answer = web::client().get(&ready).send().await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
    }

    fn log(&self) -> PathBuf {
        self.directory.join("trailbrake.log")
    }

    /// Where metrics are scraped, `host:port`.
    pub(crate) fn metrics_address(&self) -> String {
        format!("127.0.0.1:{}", self.metrics_port)
    }

    /// All metrics, as Prometheus gets them.
    pub(crate) async fn metrics(&self) -> String {
        let url = format!("http://{}/metrics", self.metrics_address());
        web::client().get(url).send().await.expect("metrics").text().await.expect("metrics")
    }

    /// The command line, as this reviewer.
    pub(crate) fn as_reviewer(&self, name: &str, arguments: &[&str]) -> Output {
        let token = self.reviewers.iter().find(|(reviewer, _)| *reviewer == name).map(|(_, token)| token.as_str());
        let mut command = self.command(arguments);
        command.env("TRAILBRAKE_URL", format!("http://127.0.0.1:{}", self.http_port));
        command.env("TRAILBRAKE_TOKEN", token.unwrap_or_default()).output().expect("the command line")
    }

    /// All incidents, as `trailbrake incidents list` tells them.
    pub(crate) fn incidents(&self) -> Vec<Value> {
        let output = self.as_reviewer("alice", &["incidents", "list", "--format", "json"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).expect("an incident")).collect()
    }

    /// kill -9 of `trailbrake run`.
    pub(crate) fn kill_run(&mut self) {
        if let Some(mut run) = self.run.take() {
            let _ = run.kill();
            let _ = run.wait();
        }
    }

    /// kill -9 of `trailbrake act`. Fails if there is none.
    pub(crate) fn kill_act(&self) {
        let acts = self.acts();
        assert!(!acts.is_empty(), "no trailbrake act runs");
        kill("-9", &acts);
    }

    /// The processes of this daemon's `trailbrake act`: their command line names our configuration.
    pub(crate) fn acts(&self) -> Vec<String> {
        let config = self.config.display().to_string();
        let is_ours = |process: &Path| {
            let line = std::fs::read(process.join("cmdline")).unwrap_or_default();
            let words: Vec<_> = line.split(|byte| *byte == 0).collect();
            words.contains(&config.as_bytes()) && words.contains(&b"act".as_slice())
        };
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        processes
            .filter(|process| is_ours(&process.path()))
            .map(|process| process.file_name().to_string_lossy().into_owned())
            .collect()
    }

    /// Asks it to stop, as a service manager does, and waits for its end.
    pub(crate) async fn stop(mut self) -> ExitStatus {
        let mut run = self.run.take().expect("it runs");
        kill("-TERM", &[run.id().to_string()]);
        let ask = || std::future::ready(run.try_wait().expect("its status"));
        eventually("trailbrake stops", Duration::from_secs(20), ask).await
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill_run();
        kill("-9", &self.acts());
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.log()).unwrap_or_default();
            let lines: Vec<_> = log.lines().collect();
            super::namespace::note(&format!(
                "--- trailbrake's log\n{}",
                lines[lines.len().saturating_sub(60)..].join("\n")
            ));
        }
    }
}

/// One of the two deny policies, as for `aws iam create-policy`.
pub(crate) fn deny_policy(which: &str) -> String {
    iam_policy(&["--deny", which])
}

/// The rights of the hook in an account.
pub(crate) fn hook_policy(account: &str) -> String {
    iam_policy(&["--hook-role", "--account", account])
}

fn iam_policy(arguments: &[&str]) -> String {
    let output = Command::new(PROGRAM).arg("iam-policy").args(arguments).output().expect("trailbrake iam-policy");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

fn kill(signal: &str, processes: &[String]) {
    if !processes.is_empty() {
        let _ = Command::new("kill").arg(signal).args(processes).status();
    }
}
