//! The client with the real `act` at the other end of the socket, and an IAM in memory.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};
use trailbrake_detectors::engine::{Mode, PauseResult, Rung};

use super::*;
use crate::act::tests::rig::{Rig, desired, key};

const PAUSE: Option<Rung> = Some(Rung::Destructive);
const PATIENCE: Duration = Duration::from_secs(10);

/// A client of the rig's socket. Dropping the sender stops it.
fn client(rig: &Rig) -> (PauseClient, mpsc::Receiver<PauseEvent>, watch::Sender<bool>) {
    let (stop, stopping) = watch::channel(false);
    let config = PauseConfig { socket: rig.socket(), spawn: None };
    let clock = Arc::<crate::clock::ManualClock>::clone(&rig.clock);
    let (client, events) = start(config, clock, Arc::new(Metrics::default()), stopping);
    (client, events, stop)
}

async fn artefact(events: &mut mpsc::Receiver<PauseEvent>) -> (Artefact, oneshot::Sender<()>) {
    match timeout(PATIENCE, events.recv()).await.expect("in time").expect("not ended") {
        PauseEvent::Artefact { artefact, committed } => (artefact, committed),
        other @ PauseEvent::Outcome { .. } => panic!("not an artefact: {other:?}"),
    }
}

async fn outcome(events: &mut mpsc::Receiver<PauseEvent>) -> (u64, PauseResult) {
    match timeout(PATIENCE, events.recv()).await.expect("in time").expect("not ended") {
        PauseEvent::Outcome { outcome, .. } => (outcome.generation, outcome.result),
        other @ PauseEvent::Artefact { .. } => panic!("not an outcome: {other:?}"),
    }
}

#[tokio::test]
async fn brings_a_state_to_an_act_that_comes_later_and_back_its_outcome() {
    let mut rig = Rig::new();
    let (client, mut events, _stop) = client(&rig);
    client.want(desired("agent", 1, Some(Rung::All)), Mode::Enforce).expect("room");
    client.want(desired("agent", 2, PAUSE), Mode::Enforce).expect("room");
    client.want(desired("agent", 1, Some(Rung::All)), Mode::Enforce).expect("room");
    sleep(Duration::from_millis(50)).await;
    rig.start();
    let (artefact, committed) = artefact(&mut events).await;
    assert_eq!((artefact.key, artefact.generation, artefact.hook.as_str()), (key("agent"), 2, "fake"));
    assert!(rig.hook.state().changes.is_empty());
    committed.send(()).expect("it waits");
    assert_eq!(outcome(&mut events).await, (2, PauseResult::Paused));
    client.want(desired("agent", 3, None), Mode::Observe).expect("room");
    let (_, committed) = self::artefact(&mut events).await;
    committed.send(()).expect("it waits");
    assert_eq!(outcome(&mut events).await, (3, PauseResult::Resumed));
    assert_eq!(rig.hook.state().changes, [(key("agent"), PAUSE), (key("agent"), None)]);
}

#[tokio::test]
async fn an_act_killed_before_the_commit_is_told_again() {
    let mut rig = Rig::new();
    rig.start();
    let (client, mut events, _stop) = client(&rig);
    client.want(desired("agent", 1, PAUSE), Mode::Enforce).expect("room");
    let (_, committed) = artefact(&mut events).await;
    rig.kill().await;
    let _ = committed.send(());
    rig.start();
    let (_, committed) = artefact(&mut events).await;
    committed.send(()).expect("it waits");
    assert_eq!(outcome(&mut events).await, (1, PauseResult::Paused));
    assert_eq!(rig.hook.state().changes.len(), 1);
}

#[tokio::test]
async fn an_artefact_that_the_journal_did_not_take_is_asked_for_again() {
    let mut rig = Rig::new();
    rig.start();
    let (client, mut events, _stop) = client(&rig);
    client.want(desired("agent", 1, PAUSE), Mode::Enforce).expect("room");
    for _ in 0..2 {
        let (_, committed) = artefact(&mut events).await;
        drop(committed);
        assert!(rig.hook.state().changes.is_empty());
    }
    let (_, committed) = artefact(&mut events).await;
    committed.send(()).expect("it waits");
    assert_eq!(outcome(&mut events).await, (1, PauseResult::Paused));
}

#[tokio::test]
async fn says_many_states_and_hears_all_of_their_outcomes() {
    let mut rig = Rig::new();
    rig.config.budget_account = 500;
    rig.config.budget_total = 500;
    let (client, mut events, _stop) = client(&rig);
    for number in 0..500 {
        client.want(desired(&format!("agent-{number}"), 1, PAUSE), Mode::Enforce).expect("room");
    }
    rig.start();
    let mut paused = 0;
    while paused < 500 {
        match timeout(PATIENCE, events.recv()).await.expect("in time").expect("not ended") {
            PauseEvent::Artefact { committed, .. } => committed.send(()).expect("it waits"),
            PauseEvent::Outcome { outcome, .. } => {
                assert_eq!(outcome.result, PauseResult::Paused);
                paused += 1;
            }
        }
    }
    assert_eq!(rig.hook.state().attached.len(), 500);
}

#[test]
fn keeps_no_more_than_its_bound() {
    let wanted = Wanted::default();
    let add = |number: usize| wanted.add(desired(&format!("agent-{number}"), 1, PAUSE), Mode::Enforce);
    (0..PAUSES_UNSETTLED_MAX).for_each(|number| add(number).expect("room"));
    assert_eq!(add(PAUSES_UNSETTLED_MAX), Err(TooMany));
    add(0).expect("what is held already can be said again");
    assert_eq!(wanted.len(), PAUSES_UNSETTLED_MAX);
}

#[tokio::test]
async fn starts_its_child_again_and_takes_it_along_at_the_end() {
    let directory = tempfile::tempdir().expect("a directory");
    let log = directory.path().join("log");
    let script = format!("echo $$ >> '{0}'; test $(wc -l < '{0}') -lt 3 || exec sleep 1000", log.display());
    let spawn = Spawn { program: "/bin/sh".into(), arguments: vec!["-c".into(), script.into()] };
    let pace = Pace { first: Duration::from_millis(1), longest: Duration::from_millis(5), attempts: 1 };
    let (stop, stopping) = watch::channel(false);
    let keeping = tokio::spawn(child::keep(spawn, pace, stopping));
    let pids = || fs::read_to_string(&log).unwrap_or_default().lines().map(str::to_owned).collect::<Vec<_>>();
    timeout(PATIENCE, async {
        while pids().len() < 3 {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("is started three times");
    let alive = |pid: &str| fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "));
    let last = pids().pop().expect("a child");
    assert!(alive(&last));
    stop.send(true).expect("it listens");
    timeout(PATIENCE, keeping).await.expect("in time").expect("no panic");
    timeout(PATIENCE, async {
        while alive(&last) {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("the child is gone");
}
