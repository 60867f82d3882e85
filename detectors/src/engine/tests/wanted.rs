//! Zones that nobody knows are asked for once, for open incidents alone.

use super::*;
use crate::limits::WANTED_MAX;

/// The ids asked for by these outputs.
fn wanted(run: &mut Run) -> Vec<String> {
    let outputs = run.outputs.drain(..);
    let ids = outputs.filter_map(|output| match output {
        Output::Wanted(wanted) => Some(wanted.id),
        _ => None,
    });
    ids.collect()
}

#[test]
fn zones_that_nobody_knows_are_asked_for_once_the_latest_first() {
    let mut run = Run::new(settings(Mode::Observe));
    run.story("00:59:58 agent delete volume i-0");
    assert_eq!(wanted(&mut run), [""; 0], "nothing is found yet");
    // One zone is known, and a table is in none.
    run.story(
        "00:59:59 agent delete instance i-1 zone=a id=f1
         01:00:00 agent delete instance i-2 id=f2
         01:00:01 agent delete table t id=f3
         01:00:02 agent delete db d id=f4",
    );
    let mut asked = wanted(&mut run);
    run.apply(Input::Tick(second("01:00:30").millis()));
    asked.extend(wanted(&mut run));
    asked.sort();
    assert_eq!(asked, ["d", "i-0", "i-2"]);
    run.story("01:01:00 agent delete instance i-3 id=f5").apply(Input::Tick(second("01:01:30").millis()));
    assert_eq!(wanted(&mut run), ["i-3"]);
    run.apply(Input::Tick(second("01:02:00").millis()));
    assert_eq!(wanted(&mut run), [""; 0]);
}

#[test]
fn each_time_no_more_than_the_bound_is_asked_for_and_the_rest_follows() {
    let mut run = Run::new(settings(Mode::Observe));
    let ids: Vec<String> = (0..WANTED_MAX + 10).map(|number| format!("i-{number:04}")).collect();
    run.story(&format!("01:00:00 agent delete instance {}", ids.join(",")));
    let first = wanted(&mut run);
    assert_eq!((first.len(), &*first[0]), (WANTED_MAX, "i-0109"));
    run.story("01:00:10 agent delete table t id=t").apply(Input::Tick(second("01:00:30").millis()));
    let mut rest = wanted(&mut run);
    rest.sort();
    assert_eq!(rest, ids[..10]);
}

#[test]
fn after_a_load_it_is_asked_once_more_and_what_is_over_asks_for_nothing() {
    let story = "01:00:00 agent delete instance i-1,i-2,i-3,i-4,i-5,i-6,i-7,i-8";
    let mut run = Run::new(settings(Mode::Observe));
    run.story(story);
    assert_eq!(wanted(&mut run).len(), 8);
    let engine = Engine::load(run.engine.rows(), settings(Mode::Observe)).expect("own rows");
    let mut again = Run { engine, outputs: Vec::new() };
    again.story("01:00:20 agent delete instance i-9 id=f9").apply(Input::Tick(second("01:00:30").millis()));
    assert_eq!(wanted(&mut again).len(), 9);
    run.apply(Input::Tick(second("03:00:00").millis()));
    assert_eq!(run.only().incident.state, State::Closed);
    run.story("01:00:30 agent delete instance i-9 id=f9").apply(Input::Tick(second("03:01:00").millis()));
    assert_eq!(wanted(&mut run), [""; 0]);
}
