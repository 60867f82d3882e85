//! What goes wrong with the journal of a running daemon: a full disk, a flipped byte, a file that is gone. It stays up, says
//! so everywhere, pages all the same, and recovers by itself; and its audit trail is whole all the while.

mod unwritable;

use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::time::Duration;

use serde_json::Value;
use trailbrake::clock::{Clock, SystemClock};
use trailbrake_detectors::scenario::{Options, generate};

use crate::support::pager::{Pager, ROUTING_KEY};
use crate::support::server::free_port;
use crate::support::{eventually, hex, namespace, web};

const PROGRAM: &str = env!("CARGO_BIN_EXE_trailbrake");
const PATIENCE: Duration = Duration::from_secs(40);
/// The disk's size: enough for a journal.
const DISK: &str = "size=24m";

/// A daemon whose state is on a small disk of its own, which nobody else sees.
struct Confined {
    directory: PathBuf,
    run: Child,
    token: String,
    http: u16,
    metrics: u16,
}

impl Confined {
    /// Writes the configuration and starts it.
    fn start(directory: &Path, pager: &Pager) -> Self {
        let (token, http, metrics) = (hex(64), free_port(), free_port());
        for (name, value) in [("token", token.as_str()), ("routing-key", ROUTING_KEY)] {
            let path = directory.join(name);
            fs::write(&path, value).expect("a secret");
            fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("its permissions");
        }
        let text = format!(
            "state_directory = \"{0}/state\"\nhttp.listen = \"127.0.0.1:{http}\"\nmetrics.listen = \"127.0.0.1:{metrics}\"\n\
             [tokens.tester]\nroles = [\"ingest\", \"read\"]\nsecret = {{ file = \"{0}/token\" }}\nprincipals = []\n\
             [sources.post.http]\n[receivers.pager.pagerduty]\nendpoint = \"{1}\"\n\
             routing_key = {{ file = \"{0}/routing-key\" }}\n",
            directory.display(),
            pager.endpoint(),
        );
        fs::create_dir(directory.join("state")).expect("a folder");
        fs::write(directory.join("trailbrake.toml"), text).expect("the configuration");
        let run = Self::spawn(directory);
        Self { directory: directory.to_owned(), run, token, http, metrics }
    }

    fn spawn(directory: &Path) -> Child {
        let log = File::options().create(true).append(true).open(directory.join("log")).expect("a log");
        let script = format!(
            "mount -t tmpfs -o {DISK} tmpfs \"$1/state\" && {{ cp -p \"$1\"/kept/* \"$1/state\" 2>/dev/null; \
             exec \"$2\" run --config \"$1/trailbrake.toml\"; }}"
        );
        Command::new("unshare")
            .args(["--mount", "--map-root-user", "sh", "-c", &script, "sh"])
            .args([directory.as_os_str(), PROGRAM.as_ref()])
            .stdout(log.try_clone().expect("the log"))
            .stderr(log)
            .spawn()
            .expect("trailbrake run")
    }

    /// Its disk, as it sees it.
    fn state(&self) -> PathBuf {
        let inside = self.directory.join("state");
        Path::new("/proc")
            .join(self.run.id().to_string())
            .join("root")
            .join(inside.strip_prefix("/").expect("absolute"))
    }

    fn journal(&self) -> PathBuf {
        self.state().join("trailbrake.sqlite")
    }

    /// kill -9; what was on the disk is there again at the next start, after `change` had it.
    fn kill(&mut self, change: impl FnOnce(&Path)) {
        let kept = self.directory.join("kept");
        let _ = fs::remove_dir_all(&kept);
        fs::create_dir(&kept).expect("a folder");
        for entry in fs::read_dir(self.state()).expect("its disk").flatten() {
            fs::copy(entry.path(), kept.join(entry.file_name())).expect("copies");
        }
        let _ = self.run.kill();
        let _ = self.run.wait();
        change(&kept.join("trailbrake.sqlite"));
        self.run = Self::spawn(&self.directory);
    }

    async fn ready(&self) -> (u16, String) {
        let url = format!("http://127.0.0.1:{}/readyz", self.metrics);
        match web::client().get(url).send().await {
            Ok(answer) => (answer.status().as_u16(), answer.text().await.unwrap_or_default()),
            Err(_) => (0, String::new()),
        }
    }

    async fn until_ready(&self) {
        eventually("ready", PATIENCE, async || (self.ready().await.0 == 200).then_some(())).await;
    }

    async fn metric(&self, sample: &str) -> f64 {
        let url = format!("http://127.0.0.1:{}/metrics", self.metrics);
        let text = web::client().get(url).send().await.expect("metrics").text().await.expect("metrics");
        let line = text.lines().find_map(|line| line.strip_prefix(sample)).unwrap_or_else(|| panic!("no {sample}"));
        line.trim().parse().expect("a number")
    }

    async fn post(&self, body: &str) -> u16 {
        let url = format!("http://127.0.0.1:{}/v1/events", self.http);
        let request = web::client().post(url).bearer_auth(&self.token).body(body.to_owned());
        request.send().await.expect("an answer").status().as_u16()
    }

    async fn get(&self, path: &str) -> Value {
        let url = format!("http://127.0.0.1:{}{path}", self.http);
        web::client().get(url).bearer_auth(&self.token).send().await.expect("an answer").json().await.expect("JSON")
    }

    async fn incidents(&self) -> Vec<String> {
        let answer = self.get("/v1/incidents").await;
        let all = answer["incidents"].as_array().expect("a list");
        all.iter().map(|one| one["incident"]["id"].as_str().expect("an id").to_owned()).collect()
    }

    /// `trailbrake audit`, where the daemon's disk is.
    fn audit(&self, arguments: &[&str]) -> Output {
        let run = self.run.id().to_string();
        let mut command = Command::new("nsenter");
        command.args(["--user", "--preserve-credentials", "--mount", "--target", &run, "--", PROGRAM, "audit"]);
        command.args(arguments).arg("--config").arg(self.directory.join("trailbrake.toml"));
        command.output().expect("trailbrake audit")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }
}

impl Drop for Confined {
    fn drop(&mut self) {
        let _ = self.run.kill();
        let _ = self.run.wait();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            namespace::note(&lines[lines.len().saturating_sub(40)..].join("\n"));
        }
    }
}

/// A trail with an incident that ended a moment ago.
fn trail(seed: u64) -> String {
    let start = SystemClock.now().second().plus(-20 * 60);
    let records = generate("agent-rebuild", &Options::new(seed, start)).expect("a scenario");
    records.iter().map(|record| record.json.as_str()).collect::<Vec<_>>().join("\n")
}

fn can_mount() -> bool {
    let folder = tempfile::tempdir().expect("a folder");
    let mut probe = Command::new("unshare");
    probe.args(["--mount", "--map-root-user", "mount", "-t", "tmpfs", "tmpfs"]).arg(folder.path());
    probe.output().is_ok_and(|output| output.status.success())
}

#[test]
fn a_journal_in_trouble_is_said_paged_and_recovered_from() {
    if !can_mount() {
        namespace::note(
            "a_journal_in_trouble_is_said_paged_and_recovered_from: skipped, no disk of its own can be mounted here",
        );
        return;
    }
    tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let pager = Pager::start().await;
        let mut daemon = Confined::start(folder.path(), &pager);
        daemon.until_ready().await;
        full_disk(&daemon, &pager).await;
        audited(&daemon, &pager);
        flipped_byte(&mut daemon).await;
        gone(&mut daemon).await;
    });
}

/// With the disk full, clients are told to send again, humans are paged with a mark, and nothing is paged twice after it.
async fn full_disk(daemon: &Confined, pager: &Pager) {
    let filler = daemon.state().join("filler");
    let mut file = File::create(&filler).expect("a file");
    while file.write_all(&[0; 1 << 10]).is_ok() {}
    let trail = trail(5);
    assert_eq!(daemon.post(&trail).await, 503);
    let (status, said) = daemon.ready().await;
    assert_eq!(status, 503);
    assert!(said.contains("journal cannot be written: database or disk is full"), "{said}");
    eventually("a page", PATIENCE, async || (!pager.taken().is_empty()).then_some(())).await;
    let page = &pager.taken()[0];
    assert!(page["payload"]["summary"].as_str().is_some_and(|text| text.starts_with("Journal down. ")), "{page}");
    assert!(
        page["payload"]["custom_details"]["journal"].as_str().is_some_and(|text| text.starts_with("down")),
        "{page}"
    );
    assert!(daemon.metric("trailbrake_journal_commits_total{result=\"failed\"}").await > 0.0);
    assert!((daemon.metric("trailbrake_ready").await).abs() < f64::EPSILON);
    let journal = &daemon.get("/v1/status").await["journal"];
    assert_eq!(journal["ok"], false);
    assert!(daemon.log().contains("nothing is acknowledged or paused until the journal works again"));

    drop(file);
    fs::remove_file(&filler).expect("room");
    daemon.until_ready().await;
    assert_eq!(daemon.get("/v1/status").await["journal"]["ok"], true);
    assert!(daemon.log().contains("the journal works again"));
    assert_eq!(daemon.post(&trail).await, 202);
    assert_eq!(daemon.incidents().await.len(), pager.pages().len());
    let opened: Vec<Value> = pager.taken();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(pager.taken(), opened, "what went out while it was down is not repeated");
    let records = daemon.get("/v1/status").await["sources"]["post"]["records"].clone();
    assert_eq!(records["duplicate"], records["judged"], "what was judged without an answer is known: {records}");
}

/// The trail of decisions is whole, holds what pages showed, and is read beside the daemon.
fn audited(daemon: &Confined, pager: &Pager) {
    let found = daemon.audit(&["verify"]);
    assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
    let text = String::from_utf8(found.stdout).expect("text");
    assert!(text.starts_with("whole: "), "{text}");
    let head = text.lines().find_map(|line| line.strip_prefix("head ")).expect("a head").to_owned();
    assert!(daemon.audit(&["verify", "--head", &head]).status.success());
    let other = head.replace(|one: char| one.is_ascii_lowercase(), "0");
    let found = daemon.audit(&["verify", "--head", &other]);
    assert_eq!(found.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&found.stdout).starts_with("not the chain of that page: "));
    let listed = daemon.audit(&["list", "--format", "json"]);
    let entries: Vec<Value> = String::from_utf8(listed.stdout)
        .expect("text")
        .lines()
        .map(|line| serde_json::from_str(line).expect("an entry"))
        .collect();
    let kinds: Vec<&str> = entries.iter().filter_map(|entry| entry["kind"].as_str()).collect();
    assert_eq!(kinds.first(), Some(&"configuration"));
    let announced = |entry: &&Value| entry["kind"] == "announcement";
    assert_eq!(entries.iter().filter(announced).count() > 0, !pager.pages().is_empty());
    assert!(kinds.contains(&"order-end"), "{kinds:?}");
}

/// After a flipped byte the damaged file is set aside, and what could be read goes on.
async fn flipped_byte(daemon: &mut Confined) {
    let before = daemon.incidents().await;
    daemon.kill(|journal| {
        let connection = rusqlite::Connection::open(journal).expect("opens");
        let root: u64 = connection
            .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'positions'", [], |row| row.get::<_, i64>(0))
            .expect("a page")
            .unsigned_abs();
        drop(connection);
        let file = File::options().write(true).open(journal).expect("opens");
        file.write_all_at(&[0xff], (root - 1) * 4_096).expect("flips");
    });
    daemon.until_ready().await;
    assert_eq!(daemon.incidents().await, before);
    let said = daemon.get("/v1/status").await["journal"]["set_aside"].clone();
    assert!(said.as_str().is_some_and(|said| said.contains("lost: positions")), "{said}");
    assert!((daemon.metric("trailbrake_journal_set_aside_total").await - 1.0).abs() < f64::EPSILON);
    assert!(daemon.audit(&["verify"]).status.success());
    assert!(daemon.log().contains("the journal begins anew"));
}

/// A journal that somebody removed is begun anew with all that the daemon remembers.
async fn gone(daemon: &mut Confined) {
    let before = daemon.incidents().await;
    fs::remove_file(daemon.journal()).expect("removed");
    // The first is told that nothing could be written, or is written already: then the daemon notices.
    eventually("taken again", PATIENCE, async || {
        let status = daemon.post(&trail(6)).await;
        assert!(status == 202 || status == 503, "{status}");
        (status == 202).then_some(())
    })
    .await;
    daemon.until_ready().await;
    assert!(daemon.metric("trailbrake_journal_set_aside_total").await > 1.5);
    let after = daemon.incidents().await;
    assert!(before.iter().all(|id| after.contains(id)), "{before:?} {after:?}");
    daemon.kill(|_| ());
    daemon.until_ready().await;
    assert_eq!(daemon.incidents().await, after, "all that was remembered was written");
}
