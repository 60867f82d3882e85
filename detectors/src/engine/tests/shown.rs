//! What is shown of incidents that go on: all of it in the end, and never so much at once that records wait for it.

use super::*;
use crate::limits::{STALE_MILLISECONDS, STALE_SHOWN_PER_MARK, STALE_SHOWN_PER_TICK};
use crate::testing::partition;

const ACTORS: usize = STALE_SHOWN_PER_TICK + STALE_SHOWN_PER_MARK + 1;

/// So many actors with an incident each, of which one table more is gone than was shown.
fn busy() -> Run {
    let mut run = Run::new(Settings::default());
    // Two tables are `high`; with the third they are no worse.
    let deletes = ["a", "b", "c"].into_iter().zip(1..).flat_map(|(table, second)| {
        (0..ACTORS).map(move |actor| format!("01:00:0{second} agent{actor} delete table {table}{actor}"))
    });
    run.story(&deletes.collect::<Vec<_>>().join("\n"));
    run.outputs.clear();
    run
}

/// Whose incident was shown since the last time, each with how much is gone.
fn shown(run: &mut Run) -> Vec<(String, u64)> {
    let shown = run.outputs.drain(..).filter_map(|output| match output {
        Output::Incident { situation, .. } => Some((
            situation.incident.principal.map(|who| who.key.to_string()).unwrap_or_default(),
            situation.incident.destroyed.resources,
        )),
        _ => None,
    });
    shown.collect()
}

fn role(actor: usize) -> String {
    format!("{AGENT}{actor}")
}

#[test]
fn a_tick_shows_those_that_have_waited_for_longest() {
    let mut run = busy();
    let now = second("01:00:03").millis();
    run.apply(Input::Tick(now));
    let first = shown(&mut run);
    assert_eq!(first, (0..STALE_SHOWN_PER_TICK).map(|actor| (role(actor), 3)).collect::<Vec<_>>());
    run.apply(Input::Tick(now.plus(500)));
    assert_eq!(shown(&mut run), (STALE_SHOWN_PER_TICK..ACTORS).map(|actor| (role(actor), 3)).collect::<Vec<_>>());
    run.apply(Input::Tick(now.plus(1_000)));
    assert_eq!(shown(&mut run), []);
}

#[test]
fn a_mark_shows_a_few_that_ticks_did_not_come_to() {
    let mut run = busy();
    let now = second("01:00:03").millis();
    let mark = |received_at| Input::Mark { partition: partition(), time: second("01:00:03"), received_at };
    run.apply(mark(now.plus(STALE_MILLISECONDS - 1)));
    assert_eq!(shown(&mut run), []);
    run.apply(mark(now.plus(STALE_MILLISECONDS)));
    assert_eq!(shown(&mut run), (0..STALE_SHOWN_PER_MARK).map(|actor| (role(actor), 3)).collect::<Vec<_>>());
    // Whoever asks is told what holds.
    assert!(run.engine.situations().iter().all(|one| one.incident.destroyed.resources == 3));
}
