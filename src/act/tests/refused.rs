//! What `act` does not do, whoever asks.

use trailbrake_detectors::engine::{Desired, Mode, PauseResult, Rung};

use super::PAUSE;
use super::rig::{NOW, Rig, desired, key};
use crate::act::checks::{failed, unpausable};
use crate::act::hook::Inspection;
use crate::act::protocol::{FromAct, ToAct};

#[tokio::test]
async fn refuses_pauses_by_its_own_checks_and_resumes_all_the_same() {
    let old = |desired: Desired| Desired { decided_at: NOW.plus(-601_000), ..desired };
    let found = |names: &[&str], is_own, refusal| Inspection {
        names: names.iter().map(ToString::to_string).collect(),
        is_own,
        refusal,
    };
    let nothing = Inspection::default;
    let pause = |role| desired(role, 1, PAUSE);
    let admin = "arn:aws:iam::123456789012:role/admin";
    let cases = [
        (pause("admin"), Mode::Enforce, nothing(), unpausable("protected")),
        (pause("alias"), Mode::Enforce, found(&[admin], false, None), unpausable("protected")),
        (pause("own"), Mode::Enforce, found(&[], true, None), unpausable("own-identity")),
        (pause("aws-service-role/x/Y"), Mode::Enforce, nothing(), unpausable("service-linked")),
        (pause("agent"), Mode::Observe, nothing(), failed("not-enforced")),
        (old(pause("agent")), Mode::Enforce, nothing(), failed("too-old")),
        (pause("agent"), Mode::Enforce, found(&[], false, Some("policy-differs")), failed("policy-differs")),
        (pause("agent"), Mode::Enforce, found(&[], false, Some("policy-missing")), failed("policy-missing")),
    ];
    for (pause, mode, inspection, expected) in cases {
        let (rig, mut client) = Rig::started().await;
        rig.hook.state().inspection = inspection.clone();
        client.say(&ToAct::Desired { desired: pause.clone(), mode }).await;
        assert_eq!(client.hear_outcome(&pause).await, (expected, false), "{pause:?} {mode:?} {inspection:?}");
        assert!(rig.hook.state().changes.is_empty());

        rig.hook.state().attached.insert(pause.key.clone(), Rung::All);
        let resume = Desired { generation: 2, rung: None, ..pause };
        assert_eq!(client.bring(&resume, mode).await, (PauseResult::Resumed, true), "{resume:?}");
        assert!(rig.hook.state().attached.is_empty());
    }
}

#[tokio::test]
async fn a_pause_that_grew_old_while_it_waited_for_the_journal_is_not_made() {
    let (rig, mut client) = Rig::started().await;
    let pause = desired("agent", 1, PAUSE);
    client.want(&pause).await;
    client.hear_artefact(&pause).await;
    rig.clock.set(NOW.plus(601_000));
    client.commit(&pause).await;
    assert_eq!(client.hear_outcome(&pause).await, (failed("too-old"), false));
    assert!(rig.hook.state().changes.is_empty());
}

#[tokio::test]
async fn what_is_in_place_already_needs_no_permission() {
    let (rig, mut client) = Rig::started().await;
    rig.hook.state().attached.insert(key("agent"), Rung::Destructive);
    let pause = Desired { decided_at: NOW.plus(-601_000), ..desired("agent", 1, PAUSE) };
    assert_eq!(client.bring(&pause, Mode::Enforce).await, (PauseResult::Paused, false));
}

#[tokio::test]
async fn the_budget_holds_over_restarts_and_never_holds_up_a_resume() {
    let (mut rig, mut client) = Rig::started().await;
    for role in ["a", "b", "c"] {
        assert_eq!(client.bring(&desired(role, 1, PAUSE), Mode::Enforce).await, (PauseResult::Paused, true));
    }
    rig.kill().await;
    rig.start();
    let mut client = rig.connect().await;
    assert_eq!(client.bring(&desired("d", 1, PAUSE), Mode::Enforce).await, (failed("budget-spent"), false));
    assert_eq!(client.bring(&desired("a", 2, None), Mode::Enforce).await, (PauseResult::Resumed, true));
    rig.clock.set(NOW.plus(3_600_000));
    let later = Desired { decided_at: NOW.plus(3_600_000), ..desired("d", 2, PAUSE) };
    assert_eq!(client.bring(&later, Mode::Enforce).await, (PauseResult::Paused, true));
}

/// A `run` that an attacker holds says whatever it likes, and never waits for the journal.
#[tokio::test]
async fn a_compromised_run_gets_no_further_than_the_budget() {
    let (rig, mut client) = Rig::started().await;
    let mut answers = 0;
    let roles = ["admin", "aws-service-role/x/Y", "a", "b", "c", "d", "e", "f", "g", "h"];
    for role in roles {
        let pause = Desired { decided_at: NOW.plus(600_000), ..desired(role, u64::MAX, Some(Rung::All)) };
        for _ in 0..3 {
            client.want(&pause).await;
            client.commit(&pause).await;
        }
        client.say(&ToAct::Committed { key: pause.key.clone(), generation: 0 }).await;
        loop {
            match client.hear().await {
                FromAct::Artefact { .. } => client.commit(&pause).await,
                FromAct::Outcome { .. } => break,
                FromAct::Hello { .. } => {}
            }
        }
        answers += 1;
    }
    assert_eq!(answers, roles.len());
    let paused: Vec<String> = rig.hook.state().attached.keys().map(|key| key.entity.clone()).collect();
    assert_eq!(paused, ["a", "b", "c"].map(|role| key(role).entity));
}
