//! kill -9 of `trailbrake run`, of `trailbrake act` and of both, in the middle of what they do for an incident: after the
//! restart the role is paused once and a human paged once. What makes them slow enough to be killed there is on the far
//! side: IAM or the pager holds a call. `random` kills at moments that nobody chose.

mod random;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::support::agent::{self, Agent, Scene};
use crate::support::daemon::{Daemon, Surroundings, deny_policy, hook_policy};
use crate::support::emulator::{Emulator, Kind};
use crate::support::iam_proxy::{IamProxy, Passage};
use crate::support::pager::{Answers, Pager};
use crate::support::recorder::Recorder;
use crate::support::server::{Server, in_place};
use crate::support::stream::Stream;
use crate::support::{eventually, namespace};

/// Who is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    Run,
    Act,
    Both,
}

/// Where in its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// Decided and committed; the deny has not reached IAM.
    BeforePause,
    /// IAM has the deny; its answer has not come back.
    AfterPause,
    /// Paused; the pager has not heard of it.
    BeforePage,
    /// Paused; the pager knows, its answer has not come back.
    AfterPage,
}

const VICTIMS: [Victim; 3] = [Victim::Run, Victim::Act, Victim::Both];
const MOMENTS: [Moment; 4] = [Moment::BeforePause, Moment::AfterPause, Moment::BeforePage, Moment::AfterPage];
const PATIENCE: Duration = Duration::from_secs(40);

#[test]
fn killed_and_restarted() {
    if !in_place("killed_and_restarted", &["emulators", "kinesis"]) {
        return;
    }
    namespace::alone("kill::killed_and_restarted", || {
        tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
            let folder = tempfile::tempdir().expect("a folder");
            let kinesis = Server::start("kinesis", folder.path());
            let emulator = Emulator::start(Kind::MiniStack, folder.path()).await;
            agent::deny_policies(&emulator, &deny_policy("destructive"), &deny_policy("all")).await;
            for moment in MOMENTS {
                for victim in VICTIMS {
                    let name = format!("{victim:?}-{moment:?}");
                    let directory = folder.path().join(&name);
                    std::fs::create_dir(&directory).expect("a folder");
                    let stream = Stream::kinesis(&kinesis, &name).await;
                    killed(victim, moment, stream, &emulator, &directory).await;
                    namespace::note(&format!("kill {name}: paused once, paged once"));
                }
            }
        });
    });
}

async fn killed(victim: Victim, moment: Moment, stream: Stream, emulator: &Emulator, directory: &Path) {
    let source = stream.source();
    let recorder = Recorder::start(&emulator.url(), stream, Duration::ZERO).await;
    let proxy = IamProxy::start(&emulator.url(), Duration::ZERO).await;
    let pager = Pager::start().await;
    let name = format!("{victim:?}-{moment:?}");
    let hook = agent::hook_user(emulator, &format!("hook-{name}"), &hook_policy(&emulator.account)).await;
    let scene = Arc::new(Scene::set(emulator, &recorder, &format!("agent-{name}"), 6).await);
    let surroundings = Surroundings { source, pager: &pager, alertmanager: None, iam: proxy.url(), hook: &hook };
    let mut daemon = Daemon::start(directory, &surroundings).await;

    match moment {
        Moment::BeforePause => proxy.passage(Passage::HeldBefore),
        Moment::AfterPause => proxy.passage(Passage::HeldAfter),
        Moment::BeforePage => pager.answers(Answers::NeverTaking),
        Moment::AfterPage => pager.answers(Answers::TakingSilently),
    }
    let agent = Agent::start(scene.clone(), Duration::from_millis(40), 3);
    match moment {
        Moment::BeforePause | Moment::AfterPause => proxy.holds().await,
        Moment::BeforePage | Moment::AfterPage => {
            eventually("the deny is in place", PATIENCE, async || (!proxy.changes().is_empty()).then_some(())).await;
            pager.holds().await;
        }
    }
    assert_at(moment, &proxy, &pager);
    let delivered = recorder.delivered_count();
    if victim != Victim::Run {
        daemon.kill_act();
    }
    if victim != Victim::Act {
        daemon.kill_run();
    }
    proxy.passage(Passage::Open);
    pager.answers(Answers::AtOnce);
    if victim != Victim::Act {
        daemon.restart().await;
    }

    let settled = async || {
        let incidents = daemon.incidents();
        let is_paused = incidents.first().is_some_and(|incident| incident["incident"]["state"] == "paused");
        let is_told = pager.taken().iter().any(|event| event.to_string().contains("\"paused\""));
        (is_paused && is_told).then_some(incidents)
    };
    let incidents = eventually("paused, and the page says so", PATIENCE, settled).await;
    assert_eq!(incidents.len(), 1, "{incidents:?}");
    if victim != Victim::Act {
        let read_again = records(&daemon.metrics().await);
        assert!(read_again < delivered, "read from the start again: {read_again} records, {delivered} were there");
    }
    agent.end(PATIENCE).await;
    assert!(scene.terminate(scene.instances.len() - 1).await.is_err(), "not stopped");
    let changes = proxy.changes();
    let effects: Vec<_> =
        changes.iter().filter(|change| change.had_effect).map(|change| change.action.as_str()).collect();
    assert_eq!(effects, ["AttachRolePolicy"], "paused once");
    assert_eq!(pager.pages().len(), 1, "paged once: {:?}", pager.pages());
    assert_eq!(pager.refused(), Vec::<String>::new());
}

/// It is killed where it shall be: not earlier, not later.
fn assert_at(moment: Moment, proxy: &IamProxy, pager: &Pager) {
    let (changes, pages) = (proxy.changes().len(), pager.taken().len());
    match moment {
        Moment::BeforePause => assert_eq!(changes, 0, "IAM has the deny"),
        Moment::AfterPause => assert_eq!(changes, 1, "IAM does not have the deny"),
        Moment::BeforePage => assert_eq!((changes, pages), (1, 0), "the pager knows"),
        Moment::AfterPage => assert_eq!((changes, pages), (1, 1), "the pager does not know"),
    }
}

/// Records received since the daemon's start.
fn records(metrics: &str) -> usize {
    let samples = metrics.lines().filter(|line| line.starts_with("trailbrake_records_total{"));
    samples.filter_map(|sample| sample.rsplit_once(' ')?.1.parse::<usize>().ok()).sum()
}
