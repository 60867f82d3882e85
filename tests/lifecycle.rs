//! The daemon as its users start, change and stop it: `init`, signals, what it tells systemd, and what the command line says.

use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use crate::support::server::free_port;

const PROGRAM: &str = env!("CARGO_BIN_EXE_trailbrake");
const PATIENCE: Duration = Duration::from_secs(30);

/// A daemon that `init` configured.
struct Daemon {
    directory: tempfile::TempDir,
    http: u16,
    token: String,
    run: Child,
    systemd: UnixDatagram,
}

impl Daemon {
    fn start() -> Self {
        let directory = tempfile::tempdir().expect("a folder");
        let config = directory.path().join("trailbrake.toml");
        succeeds(trailbrake(&["init", "--config"]).arg(&config));
        succeeds(trailbrake(&["check", "--config"]).arg(&config));
        let (http, metrics) = (free_port(), free_port());
        let text = std::fs::read_to_string(&config).expect("written");
        let text = text.replace("8080\"", &format!("{http}\"")).replace("9464\"", &format!("{metrics}\""));
        std::fs::write(&config, text).expect("writable");
        let roles = ["--role", "ingest", "--role", "read", "--role", "review", "--config"];
        let made = succeeds(trailbrake(&["token", "create", "alice"]).args(roles).arg(&config));
        let token = String::from_utf8(made.stdout).expect("text").trim().to_owned();
        let socket = directory.path().join("systemd.sock");
        let systemd = UnixDatagram::bind(&socket).expect("a socket");
        systemd.set_read_timeout(Some(PATIENCE)).expect("set");
        let log = std::fs::File::create(directory.path().join("log")).expect("a log");
        let run = trailbrake(&["run", "--config"])
            .arg(&config)
            .env("NOTIFY_SOCKET", &socket)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("trailbrake run");
        let daemon = Self { directory, http, token, run, systemd };
        assert_eq!(daemon.told(), ["READY=1"]);
        daemon
    }

    fn config(&self) -> PathBuf {
        self.directory.path().join("trailbrake.toml")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).expect("a log")
    }

    /// The next thing that it tells systemd.
    fn told(&self) -> Vec<String> {
        let mut message = [0; 1_024];
        let length = self.systemd.recv(&mut message).unwrap_or_else(|error| panic!("{error}: {}", self.log()));
        let text = std::str::from_utf8(&message[..length]).expect("text");
        text.lines().map(str::to_owned).collect()
    }

    fn signal(&self, signal: &str) {
        succeeds(Command::new("kill").args([signal, &self.run.id().to_string()]));
    }

    /// Writes the configuration, has it read, and comes back when that is done.
    fn reload(&self, text: &str) {
        std::fs::write(self.config(), text).expect("writable");
        self.signal("-HUP");
        let reloading = self.told();
        let since = reloading.get(1).and_then(|line| line.strip_prefix("MONOTONIC_USEC="));
        assert!(
            reloading[0] == "RELOADING=1" && since.is_some_and(|since| since.parse::<u64>().is_ok()),
            "{reloading:?}"
        );
        assert_eq!(self.told(), ["READY=1"]);
    }

    fn command(&self, arguments: &[&str]) -> Output {
        let mut command = trailbrake(arguments);
        command.env("TRAILBRAKE_URL", format!("http://127.0.0.1:{}", self.http));
        command.env("TRAILBRAKE_TOKEN", &self.token).output().expect("the command line")
    }

    fn says(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }

    /// A connection on which half of a request was sent.
    fn half_a_request(&self) -> TcpStream {
        let mut connection = TcpStream::connect(("127.0.0.1", self.http)).expect("connected");
        let head = format!(
            "POST /v1/events HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\ncontent-length: 1000\r\n\r\n{{",
            self.token
        );
        connection.write_all(head.as_bytes()).expect("written");
        connection
    }

    fn ended(&mut self, within: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + within;
        while Instant::now() < deadline {
            if let Some(status) = self.run.try_wait().expect("a child") {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        None
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // One that has ended already is no mistake.
        let _ = self.run.kill();
        let _ = self.run.wait();
    }
}

fn trailbrake(arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).env_remove("TRAILBRAKE_LOG").env_remove("RUST_LOG").env_remove("NOTIFY_SOCKET");
    command
}

fn succeeds(command: &mut Command) -> Output {
    let output = command.output().expect("the command");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn post(daemon: &Daemon, trail: &Path) {
    let url = format!("http://127.0.0.1:{}/v1/events", daemon.http);
    let body = std::fs::read(trail).expect("a trail");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let answer = runtime.block_on(async {
        crate::support::web::client().post(url).bearer_auth(&daemon.token).body(body).send().await.expect("an answer")
    });
    assert_eq!(answer.status().as_u16(), 202);
}

#[test]
fn a_new_user_sees_an_incident_decides_on_it_and_changes_a_limit() {
    let mut daemon = Daemon::start();
    let trail = daemon.directory.path().join("trail.ndjson");
    // What is long past raises nothing.
    let start = crate::support::now().second().plus(-20 * 60).to_string();
    let made = succeeds(&mut trailbrake(&["simulate", "agent-rebuild", "--seed", "7", "--start", &start]));
    std::fs::write(&trail, made.stdout).expect("written");
    post(&daemon, &trail);
    let incidents = daemon.says(&["incidents", "list", "--format", "json"]);
    let incident: serde_json::Value =
        serde_json::from_str(incidents.lines().next().expect("an incident")).expect("an incident");
    let id = incident["incident"]["id"].as_str().expect("an id").to_owned();

    let status = daemon.says(&["status"]);
    for said in [
        "source     post: http, only pages; last records",
        "mode       observe: pages",
        "remembers  ",
        "latency    delivery (CloudTrail's, from an event's time to its receipt here): 1m: p50 ",
    ] {
        assert!(status.contains(said), "{said}: {status}");
    }
    let confirm = daemon.says(&["incidents", "confirm", &id, "--reason", "it is real"]);
    assert_eq!(confirm, "confirmed: nothing is paused\n");
    assert!(daemon.says(&["incidents", "list", "--state", "confirmed"]).contains("confirm by alice"));
    assert_eq!(daemon.says(&["incidents", "close", &id, "--reason", "a drill"]), "closed: the incident is over\n");
    let shown = daemon.says(&["incidents", "show", &id]);
    assert!(shown.contains("verdict    close by alice at ") && shown.contains(": a drill\n"), "{shown}");
    let again = daemon.command(&["incidents", "close", &id, "--reason", "again"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("over already"), "{again:?}");

    // A mistake changes nothing, and is said with its place; what is right is taken up.
    let first = std::fs::read_to_string(daemon.config()).expect("written");
    daemon.reload(&format!("{first}\n[weights]\nholds_state = \"heavy\"\n"));
    let line = first.lines().count() + 3;
    let place = format!("trailbrake.toml:{line}: weights.holds_state: ");
    assert!(daemon.log().contains(&place), "{place} is not in\n{}", daemon.log());
    let status = daemon.says(&["status"]);
    assert!(status.contains("NOT TAKEN UP") && status.contains(&place), "{status}");
    daemon.reload(&first.replace("[sources.post.http]", "[sources.moved.http]"));
    let status = daemon.says(&["status"]);
    assert!(!status.contains("NOT TAKEN UP") && status.contains("waits for a restart: sources"), "{status}");

    daemon.signal("-TERM");
    assert_eq!(daemon.told(), ["STOPPING=1"]);
    let ended = daemon.ended(PATIENCE).expect("it ends");
    assert!(ended.success(), "{ended}: {}", daemon.log());
    let log = daemon.log();
    let steps = log.lines().filter_map(|line| line.split("step=\"").nth(1)?.split('"').next());
    let steps: Vec<&str> = steps.collect();
    let order =
        ["reloads", "sources", "decode", "engine", "cuts of the journal", "listener", "receivers and act", "journal"];
    assert_eq!(steps, order, "{log}");
}

#[test]
fn a_second_signal_ends_it_at_once() {
    for signals in [1, 2] {
        let mut daemon = Daemon::start();
        let connection = daemon.half_a_request();
        std::thread::sleep(Duration::from_millis(300));
        daemon.signal("-TERM");
        assert_eq!(daemon.told(), ["STOPPING=1"]);
        assert_eq!(daemon.ended(Duration::from_secs(1)), None, "it waits for the request: {}", daemon.log());
        if signals == 2 {
            daemon.signal("-INT");
            let ended = daemon.ended(Duration::from_secs(2)).expect("it ends at once");
            assert_eq!(ended.code(), Some(1));
        } else {
            let ended = daemon.ended(PATIENCE).expect("it ends");
            assert!(ended.success(), "{ended}: {}", daemon.log());
            assert!(daemon.log().contains("requests are cut off"), "{}", daemon.log());
        }
        drop(connection);
    }
}

#[test]
fn many_hangups_at_once_are_a_few_reloads() {
    let daemon = Daemon::start();
    for _ in 0..20 {
        daemon.signal("-HUP");
    }
    // Those that come while one is being answered are one.
    daemon.systemd.set_read_timeout(Some(Duration::from_secs(2))).expect("set");
    let mut message = [0; 1_024];
    let (mut begun, mut ended) = (0, 0);
    loop {
        match daemon.systemd.recv(&mut message) {
            Ok(_) if message.starts_with(b"RELOADING=1") => begun += 1,
            Ok(_) if message.starts_with(b"READY=1") => ended += 1,
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
            Err(error) => panic!("{error}"),
        }
    }
    assert!((1..=20).contains(&begun) && begun == ended, "{begun} begun, {ended} ended");
    assert!(daemon.says(&["status"]).contains("journal    ok"));
}
