//! `act` as a whole, over its socket, with an IAM in memory.

pub(crate) mod fake;
mod killed;
mod refused;
pub(crate) mod rig;

use std::collections::VecDeque;
use std::time::Duration;

use trailbrake_detectors::engine::{Mode, PauseResult, Rung};

use self::fake::Trouble;
use self::rig::{Rig, desired, key};
use super::checks::{failed, unpausable};
use super::hook::HookFailure;
use super::pace::Pace;
use super::protocol::ToAct;

const PAUSE: Option<Rung> = Some(Rung::Destructive);

#[tokio::test]
async fn pauses_once_after_the_commit_and_resumes_exactly() {
    let (rig, mut client) = Rig::started().await;
    rig.hook.state().attached.insert(key("bystander"), Rung::All);
    let before = rig.hook.state().attached.clone();
    let pause = desired("agent", 1, PAUSE);
    client.want(&pause).await;
    client.hear_artefact(&pause).await;
    client.hear_nothing().await;
    assert!(rig.hook.state().changes.is_empty(), "nothing changes before the artefact is in the journal");

    client.commit(&pause).await;
    assert_eq!(client.hear_outcome(&pause).await, (PauseResult::Paused, true));
    assert_eq!(client.bring(&pause, Mode::Enforce).await, (PauseResult::Paused, false), "said again, changes nothing");
    let climb = desired("agent", 2, Some(Rung::All));
    assert_eq!(client.bring(&climb, Mode::Enforce).await, (PauseResult::Paused, true));
    assert_eq!(rig.hook.state().attached.get(&key("agent")), Some(&Rung::All));

    let resume = desired("agent", 3, None);
    assert_eq!(client.bring(&resume, Mode::Enforce).await, (PauseResult::Resumed, true));
    assert_eq!(rig.hook.state().attached, before);
    let made: Vec<Option<Rung>> = rig.hook.state().changes.iter().map(|(_, rung)| *rung).collect();
    assert_eq!(made, [PAUSE, Some(Rung::All), None]);
}

#[tokio::test]
async fn tries_again_what_can_be_tried_again_and_gives_up_loudly() {
    use HookFailure::{Denied, LimitExceeded, NotFound, ServerError, Throttled, Unmodifiable, Unreachable};
    let fails = |failures: &[HookFailure]| failures.iter().copied().map(Trouble::Fails).collect::<VecDeque<_>>();
    let told = |word: &str| format!("{word}: as told");
    let cases = [
        (fails(&[Throttled; 3]), PauseResult::Paused, 1),
        (fails(&[ServerError, Unreachable, Throttled]), PauseResult::Paused, 1),
        ([Trouble::FailsAfter(Unreachable)].into(), PauseResult::Paused, 2),
        (fails(&[Throttled; 4]), failed(&told("throttled")), 0),
        (fails(&[Denied]), failed(&told("denied")), 0),
        (fails(&[LimitExceeded]), failed(&told("limit-exceeded")), 0),
        (fails(&[NotFound]), failed(&told("not-found")), 0),
        (fails(&[Unmodifiable]), unpausable(&told("unmodifiable")), 0),
    ];
    for (troubles, expected, changes) in cases {
        let (rig, mut client) = Rig::started().await;
        rig.hook.state().troubles = troubles.clone();
        let pause = desired("agent", 1, PAUSE);
        assert_eq!(client.bring(&pause, Mode::Enforce).await, (expected, true), "{troubles:?}");
        assert_eq!(rig.hook.state().changes.len(), changes, "{troubles:?}");
    }
}

#[tokio::test]
async fn tries_reads_again_and_tells_an_entity_that_is_gone() {
    use HookFailure::{Denied, NotFound, Throttled};
    let cases = [
        ([Throttled; 3].as_slice(), PAUSE, (PauseResult::Paused, true)),
        (&[Throttled; 4], PAUSE, (failed("throttled: as told"), false)),
        (&[Denied], PAUSE, (failed("denied: as told"), false)),
        (&[NotFound], PAUSE, (failed("not-found: as told"), false)),
        (&[NotFound], None, (PauseResult::Resumed, false)),
        (&[Denied], None, (failed("denied: as told"), false)),
    ];
    for (failures, rung, expected) in cases {
        let (rig, mut client) = Rig::started().await;
        rig.hook.state().read_failures = failures.iter().copied().collect();
        assert_eq!(client.bring(&desired("agent", 1, rung), Mode::Enforce).await, expected, "{failures:?} {rung:?}");
    }
}

#[tokio::test]
async fn a_change_counts_once_it_is_seen() {
    for (hidden_reads, expected) in [(0, PauseResult::Paused), (3, PauseResult::Paused), (9, failed("not-seen"))] {
        let (rig, mut client) = Rig::started().await;
        rig.hook.state().hidden_reads = hidden_reads;
        let pause = desired("agent", 1, PAUSE);
        assert_eq!(client.bring(&pause, Mode::Enforce).await, (expected, true), "{hidden_reads}");
    }
}

#[tokio::test]
async fn drops_what_is_stale_and_leaves_what_is_superseded() {
    let (rig, mut client) = Rig::started().await;
    let (older, newer) = (desired("agent", 4, Some(Rung::All)), desired("agent", 5, PAUSE));
    assert_eq!(client.bring(&newer, Mode::Enforce).await, (PauseResult::Paused, true));
    client.want(&older).await;
    client.hear_nothing().await;

    let (pause, resume) = (desired("other", 1, PAUSE), desired("other", 2, None));
    client.want(&pause).await;
    client.hear_artefact(&pause).await;
    client.want(&resume).await;
    assert_eq!(client.hear_outcome(&resume).await, (PauseResult::Resumed, false));
    client.commit(&pause).await;
    client.hear_nothing().await;
    assert_eq!(rig.hook.state().changes, [(key("agent"), PAUSE)]);
}

#[tokio::test]
async fn a_newer_state_ends_the_wait_for_another_attempt() {
    let mut rig = Rig::new();
    rig.pace = Pace { first: Duration::from_secs(600), longest: Duration::from_secs(600), attempts: 4 };
    rig.hook.state().read_failures = [HookFailure::Throttled].into();
    rig.start();
    let mut client = rig.connect().await;
    let (pause, resume) = (desired("agent", 1, PAUSE), desired("agent", 2, None));
    client.want(&pause).await;
    client.hear_nothing().await;
    client.want(&resume).await;
    assert_eq!(client.hear_outcome(&resume).await, (PauseResult::Resumed, false));
}

#[tokio::test]
async fn asks_again_for_the_commit_when_the_state_is_said_again() {
    let (rig, mut client) = Rig::started().await;
    let pause = desired("agent", 1, PAUSE);
    for _ in 0..3 {
        client.want(&pause).await;
        client.hear_artefact(&pause).await;
    }
    client.commit(&pause).await;
    assert_eq!(client.hear_outcome(&pause).await.0, PauseResult::Paused);
    assert_eq!(rig.hook.state().changes.len(), 1);
}

#[tokio::test]
async fn entities_do_not_wait_for_each_other() {
    let (rig, mut client) = Rig::started().await;
    rig.hook.state().troubles = [Trouble::Hangs].into();
    let (stuck, other) = (desired("stuck", 1, PAUSE), desired("other", 1, PAUSE));
    client.want(&stuck).await;
    client.hear_artefact(&stuck).await;
    client.commit(&stuck).await;
    while rig.hook.state().changes.is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(client.bring(&other, Mode::Enforce).await, (PauseResult::Paused, true));
}

#[tokio::test]
async fn a_newer_client_replaces_the_one_before_and_hears_the_rest() {
    let (rig, mut first) = Rig::started().await;
    let pause = desired("agent", 1, PAUSE);
    first.want(&pause).await;
    first.hear_artefact(&pause).await;
    let mut second = rig.connect().await;
    first.hear_end().await;
    second.want(&pause).await;
    second.hear_artefact(&pause).await;
    second.commit(&pause).await;
    assert_eq!(second.hear_outcome(&pause).await, (PauseResult::Paused, true));
}

#[tokio::test]
async fn a_client_that_talks_nonsense_is_sent_away_and_the_next_one_is_served() {
    let (rig, mut client) = Rig::started().await;
    client.say(&ToAct::Committed { key: key("nobody"), generation: 7 }).await;
    let mut raw = tokio::net::UnixStream::connect(rig.socket()).await.expect("connects");
    tokio::io::AsyncWriteExt::write_all(&mut raw, b"{\"say\":\"detach\"}\n").await.expect("writes");
    let mut all = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut raw, &mut all).await.expect("is closed");
    let mut client = rig.connect().await;
    assert_eq!(client.bring(&desired("agent", 1, PAUSE), Mode::Enforce).await.0, PauseResult::Paused);
}
