//! What follows what: verdicts, explanations, late lineage, forged facts.

use super::*;

/// Six tables, deleted by an actor within six seconds of a minute, under event ids of their own.
fn burst(actor: &str, minute: &str, name: &str) -> String {
    let line = |number| format!("01:{minute}:0{number} {actor} delete table {name}-{number} id={name}{number}\n");
    (0..6).map(line).collect()
}

#[test]
fn what_follows_a_verdict_is_an_incident_of_its_own_and_can_be_resumed() {
    let mut run = Run::new(settings(Mode::Enforce));
    run.story(&burst("agent", "00", "first")).outcome("01:00:09", PauseResult::Paused);
    let first = run.only().incident.id;
    run.resume("alice", "01:11:00", &first).expect("taken");
    run.resume("bob", "01:11:01", &first).expect("taken");
    run.outcome("01:11:02", PauseResult::Resumed);
    run.story(&burst("agent", "12", "second")).outcome("01:12:09", PauseResult::Paused);
    let all = run.engine.situations();
    assert_eq!(all.iter().map(|one| one.incident.state).collect::<Vec<_>>(), [State::Paused, State::Resumed]);
    let opened = run.told().iter().filter(|told| told.starts_with("Opened")).count();
    assert_eq!(opened, 2, "{:?}", run.told());
    run.resume("alice", "01:20:00", &all[0].incident.id).expect("taken");
    run.resume("bob", "01:20:01", &all[0].incident.id).expect("taken");
    assert_eq!(run.desired().last().and_then(|desired| desired.rung), None, "the last one to let go lifts it");
}

#[test]
fn what_happened_before_the_verdict_and_arrives_after_it_pages_and_pauses_nobody() {
    let mut run = Run::new(settings(Mode::Enforce));
    run.story("01:00:00 agent delete table a,b,c id=high");
    let id = run.only().incident.id;
    run.resume("alice", "01:02:00", &id).expect("taken");
    run.story(&burst("agent", "01", "late"));
    assert_eq!(run.only().incident.severity, Severity::Critical);
    assert_eq!(run.told().last().map(String::as_str), Some("Updated critical Open"));
    assert_eq!(run.desired(), []);
}

#[test]
fn an_eased_incident_swallows_no_burst() {
    let mut run = Run::new(settings(Mode::Enforce));
    run.story("01:00:00 agent delete table own id=own");
    run.story("00:55:00 agent new table own id=late");
    assert_eq!(run.only().incident.state, State::Eased);
    run.story(&burst("agent", "01", "prod"));
    assert_eq!(run.told(), ["Opened high Open", "Updated critical Open"]);
    assert_eq!(run.desired().len(), 1);
}

#[test]
fn who_passed_through_the_same_role_is_not_paused_with_its_actor() {
    let mut run = Run::new(settings(Mode::Enforce));
    run.story(
        "00:59:00 @alice assume agent gives=K1 session=a id=link
         00:59:30 agent create instance i-1 key=K1 session=a id=made
         01:00:01 agent delete instance i-1 key=K1 session=a id=gone",
    );
    run.story(&burst("agent", "00", "prod"));
    let entities: Vec<String> = run.desired().into_iter().map(|desired| desired.key.entity).collect();
    assert_eq!(entities, [AGENT]);
}

#[test]
fn late_lineage_moves_an_incident_and_its_pause_to_the_origin() {
    let mut run = Run::new(settings(Mode::Enforce));
    run.story(&burst("agent", "00", "prod").replace(" id=", " key=K1 session=a id="));
    run.outcome("01:00:09", PauseResult::Paused);
    run.story("00:59:00 @alice assume agent gives=K1 session=a id=link");
    let open: Vec<Situation> =
        run.engine.situations().into_iter().filter(|one| one.incident.state != State::Merged).collect();
    assert_eq!(open.len(), 1, "{:?}", run.told());
    assert!(open[0].incident.principal.as_ref().is_some_and(|one| one.arn.ends_with("user/alice")));
    assert_eq!(open[0].incident.state, State::Paused);
    let paused: Vec<&str> = open[0].pauses.iter().map(|pause| pause.key.entity.as_str()).collect();
    assert_eq!(paused, [AGENT, "arn:aws:iam::111111111111:user/alice"]);
    assert!(run.told().last().is_some_and(|told| told.ends_with("Merged")), "{:?}", run.told());
}

#[test]
fn what_may_not_pause_bends_nothing_that_may() {
    let forged = [
        // That it was the agent's own, was gone already, came back; and that somebody else is behind it.
        "00:50:00 agent new table prod-0,prod-1,prod-2,prod-3,prod-4,prod-5 id=x trust=no",
        "00:50:00 other delete table prod-0,prod-1,prod-2,prod-3,prod-4,prod-5 id=x trust=no",
        "00:59:00 @alice assume agent gives=K1 session=a id=x trust=no",
    ];
    for forged in forged {
        let mut run = Run::new(settings(Mode::Enforce));
        run.story(forged).story(&burst("agent", "00", "prod").replace(" id=", " key=K1 session=a id="));
        let entities: Vec<String> = run.desired().into_iter().map(|desired| desired.key.entity).collect();
        assert_eq!(entities, [AGENT], "{forged}");
    }
}

#[test]
fn a_copy_from_a_trusted_source_lends_its_trust() {
    let untrusted = burst("agent", "00", "prod").replace(" id=", " trust=no id=");
    for order in [[&untrusted, &burst("agent", "00", "prod")], [&burst("agent", "00", "prod"), &untrusted]] {
        let mut run = Run::new(settings(Mode::Enforce));
        run.story(order[0]).story(order[1]);
        assert_eq!(run.desired().len(), 1);
    }
}

#[test]
fn whoever_has_a_stack_deleted_is_paused_with_the_role_that_does_it() {
    let mut run = Run::new(settings(Mode::Enforce));
    let starts = "00:10:00 @bob prepare shop role=cfn id=made\n00:59:59 @alice start shop id=start";
    let burst = burst("cfn", "00", "prod").replace(" id=", " session=AWSCloudFormation by=cloudformation id=");
    run.story(starts).story(&burst);
    let principal = run.only().incident.principal;
    assert!(principal.as_ref().is_some_and(|one| one.arn.ends_with("user/alice")), "{principal:?}");
    let entities: Vec<String> = run.desired().into_iter().map(|desired| desired.key.entity).collect();
    assert_eq!(entities, ["arn:aws:iam::111111111111:role/cfn", "arn:aws:iam::111111111111:user/alice"]);
}

#[test]
fn a_person_whom_iam_does_not_know_is_shown_as_the_role_by_which_he_came_in() {
    let mut run = Run::new(settings(Mode::Enforce));
    run.story(
        "00:50:00 +anna assume admin gives=K1 session=anna id=in
         00:51:00 admin assume agent key=K1 session=anna gives=K2 id=on",
    );
    run.story(&burst("agent", "00", "prod").replace(" id=", " key=K2 session=b id="));
    let principal = run.only().incident.principal.expect("a principal");
    assert_eq!(principal.key, "saml:idp:anna");
    assert!(principal.arn.ends_with("role/admin"), "{principal:?}");
    let entities: Vec<String> = run.desired().into_iter().map(|desired| desired.key.entity).collect();
    assert_eq!(entities, ["arn:aws:iam::111111111111:role/admin", AGENT]);
}
