//! What reviewers decide, and where in time that is: what happened before and arrives after, what happens after.

use proptest::prelude::*;

use super::*;

/// Tables, deleted within seconds of a minute, under event ids of their own.
fn deletes(actor: &str, minute: &str, name: &str, count: usize) -> String {
    (0..count).map(|n| format!("01:{minute}:{n:02} {actor} delete table {name}-{n} id={name}{n}\n")).collect()
}

#[test]
fn a_closed_incident_is_over_and_what_comes_after_is_judged_afresh() {
    let mut run = Run::new(settings(Mode::Enforce));
    run.story(&deletes("agent", "00", "first", 2));
    let id = run.only().incident.id;
    assert_eq!(run.close("alice", "01:10:00", &id), Ok("closed: the incident is over".to_owned()));
    let closed = run.only();
    assert_eq!((closed.incident.state, closed.verdicts.len()), (State::Closed, 1));
    let verdict = &closed.verdicts[0];
    assert_eq!((verdict.verdict, verdict.severity), (VerdictKind::Close, Severity::High));
    assert_eq!((verdict.who.as_slice(), verdict.reason.as_str()), (&["alice".to_owned()][..], "planned"));
    assert_eq!(run.told(), ["Opened high Open", "Resolved high Closed"]);
    assert!(run.close("bob", "01:11:00", &id).expect_err("over").contains("over already"));

    run.story(&deletes("agent", "12", "second", 6));
    assert_eq!(run.engine.situations().len(), 2);
    assert_eq!(run.desired().len(), 1, "what comes after a verdict may be paused");
}

#[test]
fn while_a_pause_stands_nothing_is_closed_and_a_confirmed_one_keeps_it() {
    let mut run = Run::new(settings(Mode::Enforce));
    run.story(BURST);
    let id = run.only().incident.id;
    assert!(run.close("alice", "01:01:00", &id).expect_err("being paused").starts_with("a pause stands"));
    run.outcome("01:00:09", PauseResult::Paused);
    assert!(run.close("alice", "01:02:00", &id).expect_err("paused").starts_with("a pause stands"));
    assert_eq!(run.confirm("alice", "01:03:00", &id), Ok("confirmed: the pause stays until it is resumed".to_owned()));
    assert_eq!((run.only().incident.state, run.desired().len()), (State::Confirmed, 1));
    assert_eq!(run.told().last().map(String::as_str), Some("Updated critical Confirmed"));

    // It goes on taking in facts, pauses whoever else carries new ones, and neither silence nor an outcome changes that.
    run.story("02:30:00 agent delete table x,y,z id=later");
    run.apply(Input::Tick(second("06:00:00").millis()));
    let situation = run.only();
    assert_eq!((situation.incident.destroyed.resources, situation.incident.state), (9, State::Confirmed));

    run.resume("alice", "06:10:00", &id).expect("taken");
    run.resume("bob", "06:11:00", &id).expect("taken");
    run.outcome("06:11:04", PauseResult::Resumed);
    assert_eq!(run.only().incident.state, State::Resumed);
    let verdicts: Vec<_> = run.only().verdicts.iter().map(|one| (one.verdict, one.who.len())).collect();
    assert_eq!(verdicts, [(VerdictKind::Confirm, 1), (VerdictKind::Resume, 2)]);
}

#[test]
fn a_confirmed_incident_pauses_for_what_happens_after_and_not_for_what_happened_before() {
    for (minute, pauses) in [("02", 0), ("06", 1)] {
        let mut run = Run::new(settings(Mode::Enforce));
        run.story(&deletes("agent", "00", "first", 2));
        let id = run.only().incident.id;
        run.confirm("alice", "01:05:00", &id).expect("taken");
        run.story(&deletes("agent", minute, "more", 6));
        let situation = run.only();
        assert_eq!((situation.incident.state, run.desired().len()), (State::Confirmed, pauses), "{minute}");
        assert_eq!(run.told().last().map(String::as_str), Some("Updated critical Confirmed"), "{minute}");
        assert_eq!(situation.before_verdict, pauses == 0, "{minute}");
    }
}

#[test]
fn what_happened_before_a_verdict_joins_what_it_judged_and_pages_only_above_that() {
    let mut run = Run::new(settings(Mode::Enforce));
    run.story(&deletes("agent", "00", "first", 2));
    let id = run.only().incident.id;
    run.close("alice", "01:50:00", &id).expect("taken");
    let told = run.told().len();
    // Longer after it than an episode reaches: what lies between belongs to it all the same.
    run.story(&deletes("agent", "45", "late", 2));
    let joined = run.only();
    assert_eq!((joined.incident.state, joined.incident.destroyed.resources), (State::Closed, 4));
    assert_eq!(run.told().len(), told, "no worse than what was judged");

    run.story(&deletes("agent", "46", "worse", 6));
    let reopened = run.only();
    assert_eq!((reopened.incident.state, reopened.incident.severity), (State::Open, Severity::Critical));
    assert!(reopened.before_verdict && reopened.not_paused_because.contains("verdict"), "{reopened:?}");
    assert_eq!(run.told()[told..], ["Updated critical Open"]);
    assert_eq!(run.desired(), [], "it pauses nobody");

    // What follows the verdict is an incident of its own, although the one before it is open again.
    run.story(&deletes("agent", "51", "after", 6));
    assert_eq!((run.engine.situations().len(), run.desired().len()), (2, 1));
}

#[test]
fn what_was_eased_when_it_was_judged_pages_again_above_that() {
    let mut run = Run::new(settings(Mode::Observe));
    run.story(BURST).story("00:50:00 agent new table a,b,c,d,e,f id=late");
    let id = run.only().incident.id;
    assert_eq!(run.only().incident.severity, Severity::Low);
    run.close("alice", "01:10:00", &id).expect("taken");
    let told = run.told().len();
    run.story(&deletes("agent", "01", "prod", 2));
    assert_eq!(run.told()[told..], ["Updated high Open"]);
}

#[test]
fn before_the_first_fact_of_what_was_judged_nobody_is_paused_either() {
    let mut run = Run::new(settings(Mode::Enforce));
    run.story(&deletes("agent", "50", "first", 2));
    let id = run.only().incident.id;
    run.close("alice", "02:00:00", &id).expect("taken");
    run.story(&deletes("agent", "05", "late", 6));
    assert_eq!(run.desired(), []);
    let earlier = run.engine.situations().into_iter().find(|one| one.incident.id != id).expect("another");
    assert!(earlier.incident.severity == Severity::Critical && earlier.before_verdict, "{earlier:?}");
}

#[test]
fn late_lineage_takes_the_verdict_along() {
    let mut run = Run::new(settings(Mode::Enforce));
    let keyed = |text: String| text.replace(" id=", " key=K1 session=a id=");
    run.story(&keyed(deletes("agent", "00", "prod", 6))).outcome("01:00:09", PauseResult::Paused);
    let id = run.only().incident.id;
    run.resume("carol", "01:11:00", &id).expect("taken");
    run.resume("bob", "01:11:01", &id).expect("taken");
    run.outcome("01:11:02", PauseResult::Resumed);
    let desired = run.desired().len();
    run.story("00:59:00 @alice assume agent gives=K1 session=a id=link");
    assert_eq!(run.desired().len(), desired, "what was let go on is not paused under another name: {:?}", run.told());
    assert!(!run.told().iter().skip(4).any(|told| told.starts_with("Opened")), "{:?}", run.told());
    run.story(&keyed(deletes("agent", "12", "more", 6)));
    assert!(run.desired().len() > desired, "what follows is");
}

#[test]
fn a_trail_that_is_blind_is_confirmed_and_neither_closed_nor_resumed() {
    let mut run = Run::new(settings(Mode::Enforce));
    let trouble = Some("trail was stopped".to_owned());
    run.apply(Input::Watch(Watch { source: "trail".into(), at: second("01:05:00").millis(), trouble }));
    let id = run.only().incident.id;
    assert!(run.close("alice", "01:06:00", &id).expect_err("refused").contains("about a trail"));
    assert!(run.resume("alice", "01:06:00", &id).expect_err("refused").contains("about a trail"));
    assert_eq!(run.confirm("alice", "01:06:00", &id), Ok("confirmed: nothing is paused".to_owned()));
    run.apply(Input::Watch(Watch { source: "trail".into(), at: second("01:10:00").millis(), trouble: None }));
    assert_eq!(run.only().incident.state, State::Closed);
}

#[test]
fn nobody_decides_on_themselves_or_without_a_reason() {
    let mut run = Run::new(settings(Mode::Observe));
    run.story(&BURST.replace("agent", "@alice"));
    let id = run.only().incident.id;
    for act in [
        Act::Close { incident: id.clone(), reason: "mine".to_owned() },
        Act::Confirm { incident: id.clone(), reason: "mine".to_owned() },
    ] {
        assert!(run.act("alice", "01:10:00", act).expect_err("refused").contains("another reviewer"));
    }
    for act in [
        Act::Close { incident: id.clone(), reason: " ".to_owned() },
        Act::Confirm { incident: id.clone(), reason: String::new() },
    ] {
        assert!(run.act("bob", "01:10:00", act).expect_err("refused").contains("reason"));
    }
    assert!(run.only().verdicts.is_empty());
}

/// Deletes of one actor within a quarter of an hour, in seconds of it, with the place of each in the order of arrival.
fn trail() -> impl Strategy<Value = Vec<(i64, u32, bool)>> {
    prop::collection::vec((0..900_i64, any::<u32>(), any::<bool>()), 3..14)
}

fn fact(at: i64, number: usize, before: bool) -> Input {
    // The verdict falls at 01:30:00: half of the trail before it, half after.
    let at = if before { at } else { at + 1_801 };
    let (minute, second) = (at / 60, at % 60);
    let story = format!("01:{minute:02}:{second:02} agent delete table t{number} id=f{number}");
    Input::Fact(Box::new(facts(&story).remove(0)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// A verdict has its place in time: whatever of the rest arrives before or after it, and in which order, what holds
    /// in the end is the same; and what happened before it pauses nobody once it was given.
    #[test]
    fn the_order_of_arrival_changes_nothing(trail in trail(), order in trail(), kind in 0..3_u8) {
        // The first two open the incident that is judged, the rest arrives after the verdict, in any order.
        let first = [fact(890, 98, true), fact(895, 99, true)];
        let rest: Vec<(Input, bool)> =
            trail.iter().enumerate().map(|(number, (at, _, before))| (fact(*at, number, *before), *before)).collect();
        let mut shuffled: Vec<(u32, &(Input, bool))> =
            rest.iter().zip(order.iter().map(|(_, place, _)| *place).cycle()).map(|(one, place)| (place, one)).collect();
        shuffled.sort_by_key(|(place, _)| *place);
        let run = |given: &[&(Input, bool)]| {
            let mut run = Run::new(settings(Mode::Observe));
            for input in &first {
                run.apply(input.clone());
            }
            // What happened before the verdict can arrive before it; half of it does.
            let early = given.iter().filter(|(_, before)| *before).count() / 2;
            let is_soon = |(place, (_, before)): &(usize, &&(Input, bool))| *before && *place < early;
            let (soon, late): (Vec<_>, Vec<_>) = given.iter().enumerate().partition(is_soon);
            for (_, (input, _)) in soon {
                run.apply(input.clone());
            }
            let id = run.engine.situations().last().map(|one| one.incident.id.clone()).unwrap_or_default();
            match kind {
                0 => run.close("carol", "01:30:00", &id),
                1 => run.confirm("carol", "01:30:00", &id),
                _ => {
                    let act = Act::Resume { incident: id, reason: "r".to_owned(), break_glass: true };
                    run.act("carol", "01:30:00", act)
                }
            }.expect("taken");
            for (_, (input, _)) in late {
                run.apply(input.clone());
            }
            run.apply(Input::Tick(second("01:50:00").millis()));
            // What another took in holds no longer, and whether it was ever told apart is a matter of order.
            let standing = run.engine.situations().into_iter().filter(|one| one.incident.state != State::Merged);
            let mut found: Vec<_> = standing.map(|one| {
                let incident = one.incident;
                (incident.first_event_time, incident.last_event_time, incident.severity, incident.destroyed.resources)
            }).collect();
            found.sort();
            found
        };
        let sorted: Vec<&(Input, bool)> = rest.iter().collect();
        let shuffled: Vec<&(Input, bool)> = shuffled.into_iter().map(|(_, one)| one).collect();
        prop_assert_eq!(run(&sorted), run(&shuffled));
    }

    /// Once it was given, nothing that happened before a verdict pauses anybody.
    #[test]
    fn what_happened_before_pauses_nobody(trail in trail(), kind in 0..3_u8) {
        let mut run = Run::new(settings(Mode::Enforce));
        run.apply(fact(890, 98, true)).apply(fact(895, 99, true));
        let id = run.only().incident.id;
        match kind {
            0 => run.close("carol", "01:30:00", &id),
            1 => run.confirm("carol", "01:30:00", &id),
            _ => run.resume("carol", "01:30:00", &id),
        }.expect("taken");
        for (number, (at, _, _)) in trail.iter().enumerate() {
            run.apply(fact(*at, number, true));
        }
        prop_assert_eq!(run.desired(), []);
        let situation = run.only();
        prop_assert_eq!(situation.incident.destroyed.resources, trail.len() as u64 + 2);
        let worse = situation.incident.severity > Severity::High;
        prop_assert_eq!(situation.before_verdict, worse);
    }
}
