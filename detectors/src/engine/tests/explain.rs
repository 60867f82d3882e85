//! How near a principal came to the limits, and what of what it destroyed was its own.

use super::*;
use crate::detector::Amount;
use crate::limits::FACTS_MAX;
use crate::testing::partition;
use crate::timeline::Because;

const ALWAYS: std::ops::RangeInclusive<Second> = Second(i64::MIN)..=Second(i64::MAX);

fn nearness(story: &str) -> Nearness {
    let mut run = Run::new(settings(Mode::Observe));
    run.story(story);
    let mut nearness = Nearness::default();
    run.engine.measure(AGENT, &ALWAYS, &mut nearness);
    nearness
}

#[test]
fn the_most_that_was_reached_of_a_limit_is_kept_with_its_time() {
    let nearness = nearness(
        "01:00:00 agent delete table a
         01:00:10 agent delete table b
         01:20:00 agent delete table c
         01:21:00 other delete table d",
    );
    let reached = |detector, limit| {
        let found = nearness.reached.get(&(detector, limit));
        found.map(|reached| (reached.gauge.amount, reached.at.second))
    };
    assert_eq!(reached("deletion-burst", "five_minutes"), Some((Amount::Weight(6_000), second("01:00:10"))));
    assert_eq!(reached("deletion-burst", "hour"), Some((Amount::Weight(9_000), second("01:20:00"))));
    assert_eq!(reached("deletion-burst", "resources"), Some((Amount::Count(2), second("01:00:10"))));
    assert_eq!(reached("denied-destruction", "calls"), None);
    let said = &nearness.said["deletion-burst"];
    assert_eq!((said.level, said.at.second, said.is_whole), (Severity::High, second("01:00:10"), false));
}

#[test]
fn it_is_told_from_when_on_a_limit_asked_for_each_severity() {
    let story = "01:00:00 agent delete table a
         01:00:10 agent delete table b
         01:20:00 agent delete table c
         01:20:10 agent delete table d,e";
    let levels = |nearness: &Nearness, limit: &'static str| -> Vec<(Severity, Second)> {
        let reached = nearness.reached[&("deletion-burst", limit)].levels.iter();
        reached.map(|(level, at)| (*level, at.second)).collect()
    };
    let all = nearness(story);
    let first = [(Severity::Low, "01:00:00"), (Severity::Medium, "01:00:10"), (Severity::High, "01:00:10")];
    assert_eq!(levels(&all, "five_minutes"), first.map(|(level, at)| (level, second(at))));
    assert_eq!(levels(&all, "hour"), [(Severity::High, second("01:20:10"))]);
    let mut run = Run::new(settings(Mode::Observe));
    run.story(story);
    let mut later = Nearness::default();
    run.engine.measure(AGENT, &(second("01:15:00")..=second("02:00:00")), &mut later);
    let after = [(Severity::Low, "01:20:00"), (Severity::Medium, "01:20:10"), (Severity::High, "01:20:10")];
    assert_eq!(levels(&later, "five_minutes"), after.map(|(level, at)| (level, second(at))));
    let said = &later.said["deletion-burst"];
    assert_eq!(
        (said.at.second, said.first.0, said.first.1.second),
        (second("01:20:10"), Severity::Low, second("01:20:00"))
    );
}

#[test]
fn it_is_told_when_an_incident_first_paged_and_paused() {
    for (lines, page, pause) in [
        (1, None, None),
        (2, Some("01:00:01"), None),
        (4, Some("01:00:01"), Some("01:00:03")),
        (6, Some("01:00:01"), Some("01:00:03")),
    ] {
        let mut run = Run::new(settings(Mode::Observe));
        let story: Vec<&str> = BURST.lines().take(lines).collect();
        run.story(&story.join("\n"));
        let id = run.only().incident.id;
        let expected = Moments { page: page.map(second), pause: pause.map(second) };
        assert_eq!(run.engine.moments(&id), Some(expected), "{lines}");
    }
    assert_eq!(Engine::default().moments("tb-none"), None);
}

#[test]
fn it_is_told_why_less_is_said_than_a_limit_asks_for() {
    let twelve = "a,b,c,d,e,f,g,h,i,j,k,l";
    let retired = format!("00:00:00 agent create instance {twelve}\n08:00:00 agent delete instance {twelve}");
    let service = format!("01:00:00 service delete instance {twelve}");
    for (story, key, because) in [
        (retired.as_str(), AGENT, Because::Retired),
        (
            &service,
            "arn:aws:iam::111111111111:role/aws-service-role/x.amazonaws.com/AWSServiceRoleForX",
            Because::AwsServices,
        ),
    ] {
        let mut run = Run::new(settings(Mode::Observe));
        run.story(story);
        let mut nearness = Nearness::default();
        run.engine.measure(key, &ALWAYS, &mut nearness);
        assert_eq!(nearness.said["deletion-burst"].level, Severity::Medium, "{story}");
        let mitigated = &nearness.mitigated[&("deletion-burst", because)];
        assert_eq!((mitigated.reached, mitigated.level), (Severity::Critical, Severity::Medium), "{story}");
    }
    let foreign = nearness(&retired.replace("agent create", "other create"));
    assert_eq!((foreign.said["deletion-burst"].level, foreign.mitigated.len()), (Severity::Critical, 0));
}

#[test]
fn what_is_its_principals_own_is_as_it_was_judged_whatever_comes_later() {
    let story = "00:50:00 agent new table a
         00:51:00 agent new table b,c
         01:00:00 agent delete table a
         01:00:01 agent delete table b
         01:00:02 agent delete table c
         01:00:03 agent delete table d,e";
    for later in ["01:30:00", "07:00:00", "09:00:00", "17:00:00", "40:00:00"] {
        let mut run = Run::new(settings(Mode::Observe));
        run.story(story);
        let incident = run.only().incident;
        let own = Some(OwnShare { own: 3, young: 3 });
        assert_eq!(run.engine.own_share(&incident.id), own);
        let time = second(later);
        let elsewhere = format!("{later} other new table z account=222222222222 id=later");
        run.story(&elsewhere).apply(Input::Mark { partition: partition(), time, received_at: time.millis() });
        run.apply(Input::Tick(time.millis()));
        assert_eq!(run.engine.own_share(&incident.id), own, "{later}");
        let told = run.only().incident;
        assert_eq!(told.destroyed, incident.destroyed, "{later}");
        let loaded = Engine::load(run.engine.rows(), settings(Mode::Observe)).expect("rows");
        assert_eq!(loaded.own_share(&incident.id), own, "{later}, loaded");
    }
}

#[test]
fn who_keeps_facts_can_be_asked_about_them_later() {
    let mut run = Run::new(settings(Mode::Observe));
    run.engine.keep_facts();
    run.story("01:00:00 agent create table a\n01:00:05 agent create table b\n01:00:10 agent delete table a");
    let time = second("30:00:00");
    run.apply(Input::Mark { partition: partition(), time, received_at: time.millis() });
    assert!(run.engine.principals().any(|key| **key == *AGENT));
    let owned: Vec<String> = run.engine.owned(AGENT).into_iter().map(|one| one.id).collect();
    assert_eq!(owned, ["b"]);
    assert_eq!(run.engine.dropped_to(), None);
    // For want of room they go all the same, and that is said.
    for number in 0..FACTS_MAX {
        let (hours, minutes, seconds) = (31 + number / 3_600, number / 60 % 60, number % 60);
        run.story(&format!("{hours}:{minutes:02}:{seconds:02} other new table t{number} id=x{number}"));
        run.outputs.clear();
    }
    assert!(run.engine.dropped_to() >= Some(second("01:00:05")));
}

#[test]
fn it_is_told_what_of_an_incident_was_the_principals_own_and_young() {
    let mut run = Run::new(settings(Mode::Observe));
    run.story(
        "00:50:00 agent new table a
         00:51:00 agent new table b
         01:00:00 agent delete table a
         01:00:01 agent delete table b
         01:00:02 agent delete table c
         01:00:03 agent delete table d
         01:00:04 agent delete table e",
    );
    let incident = run.engine.situations().pop().expect("an incident").incident.id;
    assert_eq!(run.engine.own_share(&incident), Some(OwnShare { own: 2, young: 2 }));
    assert_eq!(run.engine.own_share("tb-none"), None);
    let owned: Vec<String> = run.engine.owned(AGENT).into_iter().map(|one| one.id).collect();
    assert_eq!(owned, Vec::<String>::new());
}

#[test]
fn an_incident_whose_first_facts_came_last_is_known_by_the_id_that_it_would_have_had() {
    let story: Vec<&str> = BURST.lines().collect();
    let mut in_order = Run::new(settings(Mode::Observe));
    in_order.story(BURST);
    let id = in_order.engine.situations().pop().expect("an incident").incident.id;
    assert_eq!(in_order.engine.id_in_order(&id), Some(id.clone()));
    let mut late = Run::new(settings(Mode::Observe));
    // Ids are given in the order of the lines: these name their own.
    let named: Vec<String> = story.iter().enumerate().map(|(number, line)| format!("{line} id=e{number:04}")).collect();
    late.story(&named[1..].join("\n")).story(&named[0]);
    let arrived = late.engine.situations().pop().expect("an incident").incident.id;
    assert_ne!(arrived, id);
    assert_eq!(late.engine.id_in_order(&arrived), Some(id));
}

/// Two set stacks going under one role, and nobody can tell whose work it does.
const SHARED_ROLE: &str = "00:50:00 @alice start a role=agent id=s1
    00:51:00 @bob start b role=agent id=s2
    01:00:00 agent delete table a,b,c session=AWSCloudFormation by=cloudformation id=d1";

#[test]
fn those_who_may_have_set_it_going_are_told() {
    let mut run = Run::new(settings(Mode::Observe));
    run.story(SHARED_ROLE);
    let reason = run.only().incident.reason;
    assert!(reason.ends_with("by one call; set going by one of user/alice, user/bob"), "{reason}");
    let starters: Vec<String> = nearness(SHARED_ROLE).starters.iter().map(ToString::to_string).collect();
    assert_eq!(starters, ["arn:aws:iam::111111111111:user/alice", "arn:aws:iam::111111111111:user/bob"]);
    let alone = SHARED_ROLE.replace("@bob", "@alice");
    run = Run::new(settings(Mode::Observe));
    run.story(&alone);
    let reason = run.only().incident.reason;
    assert!(!reason.contains("set going"), "one starter answers for it: {reason}");
    assert!(nearness(&alone).starters.is_empty());
}

#[test]
fn a_trail_that_is_lost_is_told_beside_its_limit() {
    let nearness = nearness("01:00:00 agent unguard trail t\n01:00:10 agent delete table a");
    let said = &nearness.said["guard-removal"];
    assert_eq!((said.level, said.at.second), (Severity::Medium, second("01:00:00")));
    let reached = &nearness.reached[&("guard-removal", "trail")];
    assert_eq!((reached.gauge.amount, reached.at.second), (Amount::Count(1), second("01:00:00")));
    assert_eq!(nearness.reached.get(&("guard-removal", "resources")), None);
}
