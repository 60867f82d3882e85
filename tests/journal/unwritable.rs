//! A journal that cannot be written for a while, although nothing is wrong with it: the disk refuses, or another process
//! holds it. And a second daemon that wants the same one.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::Value;

use super::{PROGRAM, trail};
use crate::support::pager::Pager;
use crate::support::plain::{Plain, Told, sample};
use crate::support::server::{free_port, in_place};
use crate::support::{eventually, namespace};

const PATIENCE: Duration = Duration::from_secs(40);
/// A page that cannot be written down goes out within this time.
const PROMPT: Duration = Duration::from_secs(4);

#[test]
fn a_disk_that_refuses_to_be_written() {
    if !in_place("a_disk_that_refuses_to_be_written", &["strace"]) {
        return;
    }
    story("disk I/O error", async |daemon| {
        let refusing = Refusing::begin(daemon);
        if refusing.is_none() {
            namespace::note("a_disk_that_refuses_to_be_written: skipped, no process may be traced here");
        }
        refusing
    });
}

#[test]
fn a_journal_that_another_process_holds() {
    story("database is locked", async |daemon| {
        let connection = Connection::open(daemon.journal()).expect("opens");
        connection.busy_timeout(PATIENCE).expect("patience");
        connection.execute_batch("BEGIN EXCLUSIVE").expect("locks");
        Some(connection)
    });
}

/// What holds while a fault lasts, until what `begin` returned is dropped; and after it. If it cannot begin, nothing.
fn story<Fault>(reason: &str, begin: impl AsyncFnOnce(&Plain) -> Option<Fault>) {
    tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let pager = Pager::start().await;
        let told = Told { pagerduty: Some(pager.endpoint()), ..Told::default() };
        let mut daemon = Plain::start(folder.path(), &told).await;
        assert_eq!(daemon.post(trail(7)).await, 202);
        eventually("a page", PATIENCE, async || (pager.pages().len() == 1).then_some(())).await;
        let before = pager.taken();
        let Some(fault) = begin(&daemon).await else { return };
        let trail = trail(8);
        unwritten(&daemon, &pager, &trail, reason).await;
        drop(fault);
        written(&mut daemon, &pager, &trail, &before).await;
    });
}

/// Clients are told to send again, humans are paged with a mark, and it is said everywhere.
async fn unwritten(daemon: &Plain, pager: &Pager, trail: &str, reason: &str) {
    let begin = Instant::now();
    assert_eq!(daemon.post(trail.to_owned()).await, 503);
    eventually("a page", PATIENCE, async || (pager.pages().len() == 2).then_some(())).await;
    assert!(begin.elapsed() < PROMPT, "paged after {:?}", begin.elapsed());
    let page = pager.taken().pop().expect("a page");
    assert!(page["payload"]["summary"].as_str().is_some_and(|text| text.starts_with("Journal down. ")), "{page}");
    let (status, said) = daemon.readiness().await;
    assert_eq!((status, said), (503, format!("not ready: journal cannot be written: {reason}\n")));
    let metrics = daemon.metrics().await;
    let failed = sample(&metrics, "trailbrake_journal_commits_total{result=\"failed\"}");
    assert!(failed.is_some_and(|failed| failed >= 1.0), "{failed:?}");
    assert_eq!(sample(&metrics, "trailbrake_ready"), Some(0.0));
    assert_eq!(sample(&metrics, "trailbrake_up"), Some(1.0));
    let journal = &daemon.get("/v1/status").await["journal"];
    assert_eq!((&journal["ok"], journal["failing_since"].is_string()), (&Value::Bool(false), true), "{journal}");
    assert!(journal["reason"].as_str().is_some_and(|said| said.contains(reason)), "{journal}");
    assert!(daemon.log().contains("nothing is acknowledged or paused until the journal works again"));
}

/// It works again by itself; nothing is lost, and nothing is told twice.
async fn written(daemon: &mut Plain, pager: &Pager, trail: &str, before: &[Value]) {
    daemon.until_ready().await;
    assert_eq!(daemon.get("/v1/status").await["journal"]["ok"], true);
    assert!(daemon.log().contains("the journal works again"));
    let (taken, judged) = (pager.taken(), daemon.accounts("post").await);
    assert!(taken.starts_with(before));
    assert_eq!(daemon.post(trail.to_owned()).await, 202);
    let again = daemon.accounts("post").await;
    again.assert_add_up();
    assert_eq!(again.kept(), judged.kept(), "what was judged without an answer is known");
    let incidents = daemon.incidents().await;
    assert_eq!(incidents.len(), 2, "{incidents:?}");
    daemon.kill();
    daemon.spawn();
    daemon.until_ready().await;
    let restarted = daemon.incidents().await;
    assert!(restarted.keys().eq(incidents.keys()), "all was written: {restarted:?}");
    assert_eq!(daemon.accounts("post").await.kept(), again.kept());
    // An order that was sent again would be there within this time.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(pager.taken(), taken, "what went out unwritten is not repeated");
    assert_eq!(daemon.get("/v1/status").await["receivers"]["pager"]["waiting"], 0);
}

/// A kernel that answers each write of the journal as one does whose disk became read-only.
struct Refusing(Child);

impl Refusing {
    /// Nothing if this process may not trace that one.
    fn begin(daemon: &Plain) -> Option<Self> {
        let id = daemon.id().to_string();
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-e", "trace=pwrite64,ftruncate", "-e", "inject=pwrite64,ftruncate:error=EROFS"]);
        let strace = strace.args(["-o", "/dev/null", "-p", &id]).stderr(Stdio::null()).spawn().expect("strace");
        let mut refusing = Self(strace);
        while !is_traced(&id) {
            if refusing.0.try_wait().expect("its status").is_some() {
                return None;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(refusing)
    }
}

impl Drop for Refusing {
    fn drop(&mut self) {
        // Asked to end, it lets go of what it traces.
        let _ = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        let _ = self.0.wait();
    }
}

/// Whether each thread of a process is traced.
fn is_traced(id: &str) -> bool {
    let threads = fs::read_dir(format!("/proc/{id}/task")).expect("its threads").flatten();
    threads.into_iter().all(|thread| {
        let status = fs::read_to_string(thread.path().join("status")).unwrap_or_default();
        status.lines().any(|line| line.starts_with("TracerPid:") && !line.ends_with("\t0"))
    })
}

#[test]
fn a_second_daemon_of_one_journal_says_so_and_ends() {
    tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let mut first = Plain::start(folder.path(), &Told::default()).await;
        let text = fs::read_to_string(first.configured_in()).expect("the configuration");
        let lines = text.lines().map(|line| match line.split_once(" = \"127.0.0.1:") {
            Some((listener, _)) => format!("{listener} = \"127.0.0.1:{}\"\n", free_port()),
            None => format!("{line}\n"),
        });
        let other = folder.path().join("other.toml");
        fs::write(&other, lines.collect::<String>()).expect("another configuration");
        let mut second = Command::new(PROGRAM);
        let ended = second.arg("run").arg("--config").arg(&other).output().expect("it ends");
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(1), "{said}");
        let (journal, hint) = (first.journal(), "hint: stop the other daemon, or give this one a journal of its own");
        let expected = format!("journal is in use by another process: {}\n{hint}", journal.display());
        assert!(said.contains(&expected), "{said}");
        assert_eq!(first.readiness().await.0, 200, "the first one goes on");
        assert_eq!(first.post(trail(9)).await, 202);
        first.stop().await;
    });
}
