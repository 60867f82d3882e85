//! The evidence of an incident holds the calls that switched protections off, and its reason names them.

use super::*;
use crate::limits::EVIDENCE_MAX;
use crate::testing::partition;

/// The ids of the evidence that begin with `u`, and what the reason says of what was switched off.
fn off(run: &Run) -> (Vec<String>, String) {
    let report = run.only().incident;
    assert!(report.evidence.len() <= EVIDENCE_MAX, "{}", report.evidence.len());
    let ids = report.evidence.iter().map(|one| one.event_id.clone()).filter(|id| id.starts_with('u'));
    let from = report.reason.find("; ").unwrap_or(report.reason.len());
    (ids.collect(), report.reason[from..].to_owned())
}

fn judged(lines: &[&str]) -> Run {
    let mut run = Run::new(settings(Mode::Enforce));
    run.story(&lines.join("\n"));
    run
}

#[test]
fn what_switched_a_protection_off_is_evidence_whoever_did_it_and_however_it_arrives() {
    let many: Vec<String> = (0..150).map(|number| format!("g{number}")).collect();
    let many_off = format!("00:30:00 agent unguard group {} id=u0", many.join(","));
    let each_off: Vec<String> =
        (0..150).map(|number| format!("00:30:{:02} agent unguard group g{number} id=v{number}", number / 3)).collect();
    let each_off = each_off.join("\n");
    let many_gone: Vec<String> =
        (0..150).map(|number| format!("00:50:{:02} agent delete group g{number} id=w{number}", number / 3)).collect();
    let many_gone = many_gone.join("\n");
    let by = |what: &str| format!("; protection was taken off by test:unguard on {what}");
    let watch = |what: &str| format!("; what watches was switched off by test:unguard on {what}");
    for (story, ids, said) in [
        ("00:10:00 other unguard db a id=u1\n01:00:00 agent delete db a id=d1", vec!["u1"], by("a")),
        // The last that did counts; what is left of others has no part in it.
        (
            "00:10:00 agent unguard db a id=u1\n00:20:00 agent unguard db a id=u2\n00:30:00 agent unguard db b id=u3
             01:00:00 agent delete db a id=d1",
            vec!["u2"],
            by("a"),
        ),
        (
            "00:10:00 agent unguard db a id=u1\n00:20:00 agent unguard db b id=u2
             01:00:00 agent delete db b id=d1\n01:00:01 agent delete db a id=d2\n01:00:02 agent delete db c id=d3",
            vec!["u1", "u2"],
            by("b, a"),
        ),
        // Too long before.
        ("00:10:00 agent unguard db a id=u1\n01:10:01 agent delete db a id=d1", vec![], String::new()),
        // However much of little weight there is, what weighs most is told first.
        (
            &format!("{many_off}\n00:31:00 agent unguard db a id=u1\n{many_gone}\n00:51:00 agent delete db a id=d1"),
            vec!["u0", "u1"],
            by("a, g0 and 149 others"),
        ),
        (
            &format!("{each_off}\n00:31:00 agent unguard db a id=u1\n{many_gone}\n00:51:00 agent delete db a id=d1"),
            vec!["u1"],
            by("a, g0 and 149 others"),
        ),
        ("00:10:00 agent unguard trail t id=u1", vec!["u1"], String::new()),
        (
            "00:10:00 agent unguard trail t id=u1\n00:11:00 agent unguard trail s id=u2
             00:12:00 agent unguard trail r id=u3\n00:13:00 agent unguard trail q id=u4
             00:14:00 agent delete db a id=d1",
            vec!["u1", "u2", "u3", "u4"],
            watch("t, s and 2 others"),
        ),
        (
            "00:10:00 agent unguard trail t id=u1\n00:11:00 agent unguard db a id=u2\n00:12:00 agent delete db a id=d1",
            vec!["u1", "u2"],
            by("a") + &watch("t"),
        ),
        // What watches is told once, also where it is deleted after.
        (
            "00:10:00 agent unguard trail t id=u1\n00:11:00 agent unguard db a id=u2
             00:12:00 agent delete trail t id=d0\n00:12:01 agent delete db a id=d1",
            vec!["u1", "u2"],
            by("a") + "; what watches was switched off by test:unguard on t, test:delete on t",
        ),
    ] {
        let lines: Vec<&str> = story.lines().map(str::trim).collect();
        let backwards: Vec<&str> = lines.iter().rev().copied().collect();
        let expected = (ids.into_iter().map(str::to_owned).collect::<Vec<_>>(), said);
        for lines in [lines, backwards] {
            assert_eq!(off(&judged(&lines)), expected, "{story}");
        }
    }
}

#[test]
fn the_calls_that_switched_it_off_stay_evidence_as_long_as_the_incident_is_open() {
    let mut run = judged(&["00:10:00 agent unguard table a id=u1", BURST]);
    run.outcome("01:00:09", PauseResult::Paused);
    let before = off(&run);
    assert_eq!(before, (vec!["u1".to_owned()], "; protection was taken off by test:unguard on a".to_owned()));
    let time = second("40:00:00");
    run.apply(Input::Mark { partition: partition(), time, received_at: time.millis() });
    run.apply(Input::Tick(time.millis()));
    let loaded = Engine::load(run.engine.rows(), settings(Mode::Enforce)).expect("rows");
    assert_eq!(loaded.situations(), run.engine.situations());
    for engine in [run.engine, loaded] {
        let mut run = Run { engine, outputs: Vec::new() };
        assert_eq!(off(&run), before);
        run.story("40:00:01 agent delete table z id=late");
        assert_eq!(off(&run), before);
    }
}
