//! How near a principal came to the limits, and what of what it destroyed was its own.

use super::*;
use crate::detector::Amount;

fn nearness(story: &str) -> Nearness {
    let mut run = Run::new(settings(Mode::Observe));
    run.story(story);
    let mut nearness = Nearness::default();
    run.engine.measure(AGENT, &mut nearness);
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
