//! `act` killed at each point, and started again.

use std::os::unix::fs::FileTypeExt;

use trailbrake_detectors::engine::{Mode, PauseResult, Rung};

use super::PAUSE;
use super::fake::Trouble;
use super::rig::{Rig, desired, key};
use crate::act::ActError;

#[tokio::test]
async fn killed_between_artefact_and_change_it_makes_the_change_once() {
    let (mut rig, mut client) = Rig::started().await;
    let pause = desired("agent", 1, PAUSE);
    client.want(&pause).await;
    client.hear_artefact(&pause).await;
    rig.kill().await;
    client.hear_end().await;
    rig.start();
    let mut client = rig.connect().await;
    assert_eq!(client.bring(&pause, Mode::Enforce).await, (PauseResult::Paused, true));
    assert_eq!(rig.hook.state().changes, [(key("agent"), PAUSE)]);
}

#[tokio::test]
async fn killed_between_change_and_answer_it_finds_the_change_in_place() {
    for (state, before, result) in [
        (desired("agent", 1, PAUSE), None, PauseResult::Paused),
        (desired("agent", 2, None), Some(Rung::All), PauseResult::Resumed),
    ] {
        let (mut rig, mut client) = Rig::started().await;
        before.map(|rung| rig.hook.state().attached.insert(key("agent"), rung));
        rig.hook.state().troubles = [Trouble::Hangs].into();
        client.want(&state).await;
        client.hear_artefact(&state).await;
        client.commit(&state).await;
        while rig.hook.state().changes.is_empty() {
            tokio::task::yield_now().await;
        }
        rig.kill().await;
        rig.start();
        let mut client = rig.connect().await;
        assert_eq!(client.bring(&state, Mode::Enforce).await, (result, false));
        assert_eq!(rig.hook.state().changes, [(key("agent"), state.rung)]);
    }
}

/// What `run` had made durable goes on while `run` is away.
#[tokio::test]
async fn a_committed_change_is_made_without_its_client() {
    let (rig, mut client) = Rig::started().await;
    rig.hook.state().hidden_reads = 2;
    let pause = desired("agent", 1, PAUSE);
    client.want(&pause).await;
    client.hear_artefact(&pause).await;
    client.commit(&pause).await;
    drop(client);
    while rig.hook.state().changes.is_empty() {
        tokio::task::yield_now().await;
    }
    let mut client = rig.connect().await;
    assert_eq!(client.bring(&pause, Mode::Enforce).await.0, PauseResult::Paused);
    assert_eq!(rig.hook.state().changes.len(), 1);
}

#[tokio::test]
async fn a_second_act_is_refused_and_a_stopped_one_leaves_no_socket() {
    let (mut rig, _client) = Rig::started().await;
    assert!(std::fs::metadata(rig.socket()).expect("a socket").file_type().is_socket());
    let mut other = Rig::new();
    other.config = rig.config.clone();
    let error = crate::act::serve_with(
        other.config.clone(),
        std::sync::Arc::<super::fake::FakeIam>::clone(&other.hook),
        crate::act::pace::Pace::default(),
        std::sync::Arc::<crate::clock::ManualClock>::clone(&other.clock),
        std::sync::Arc::new(crate::metrics::Metrics::default()),
        tokio::sync::watch::channel(false).1,
    )
    .await
    .expect_err("must not serve");
    assert!(matches!(error, ActError::Running { .. }), "{error}");
    rig.stop().await;
    assert!(!rig.socket().exists());
}
