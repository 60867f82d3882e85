//! A restart changes nothing: loading what was written after any prefix, then the rest, equals the undisturbed run.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::testing::partition;

impl Run {
    /// Applies an input of the small world, in which humans name incidents by their number.
    fn apply_numbered(&mut self, input: Input) {
        let input = match input {
            Input::Human(mut human) => {
                let (Act::Resume { incident, .. } | Act::Close { incident, .. } | Act::Confirm { incident, .. }) =
                    &mut human.act;
                let number = incident.parse().unwrap_or(0);
                let id = self.engine.situations().get(number).map(|one| one.incident.id.clone());
                *incident = id.unwrap_or_default();
                Input::Human(human)
            }
            other => other,
        };
        self.apply(input);
    }
}

/// Inputs of all kinds, from a small world.
fn inputs() -> impl Strategy<Value = Vec<Input>> {
    let verb = prop::sample::select(vec![
        "delete", "delete", "delete", "delete", "put", "create", "denied", "assume", "unguard",
    ]);
    let actor = prop::sample::select(vec!["agent", "ops", "@alice"]);
    let extra = prop::sample::select(vec!["", "", "", "trust=no", "key=K1 session=x"]);
    let fact = (0..7_200_i64, actor, verb, 0..12_u8, 0..40_u8, extra).prop_map(|(at, actor, verb, name, id, extra)| {
        let (hour, minute, second) = (at / 3_600, at / 60 % 60, at % 60);
        let what = match verb {
            "assume" => "assume ops gives=K1 session=x".to_owned(),
            _ => format!("{verb} table t{name} {extra}"),
        };
        let story = format!("{hour:02}:{minute:02}:{second:02} {actor} {what} id=f{id}");
        Input::Fact(Box::new(facts(&story).remove(0)))
    });
    // Which incident it is about is filled in when it is applied: names are known only then.
    let human = (0..4_usize, prop::sample::select(vec!["carol", "dave"]), any::<bool>(), 0..3_u8).prop_map(
        |(number, who, break_glass, kind)| {
            let (incident, reason) = (number.to_string(), "r".to_owned());
            let act = match kind {
                0 => Act::Resume { incident, reason, break_glass },
                1 => Act::Close { incident, reason },
                _ => Act::Confirm { incident, reason },
            };
            Input::Human(Human { id: String::new(), at: Millis(0), who: who.to_owned(), principals: Vec::new(), act })
        },
    );
    let tick = (0..20_000_i64).prop_map(|at| Input::Tick(Millis(at)));
    let mark = (0..9_000_i64).prop_map(|at| {
        let time = Second(crate::testing::START + at);
        Input::Mark { partition: partition(), time, received_at: time.millis() }
    });
    let outcome =
        (1..4_u64, any::<bool>(), prop::sample::select(vec!["agent", "ops"])).prop_map(|(generation, paused, role)| {
            let entity = format!("arn:aws:iam::111111111111:role/{role}");
            let key = PauseKey { account: "111111111111".to_owned(), entity, session: "*".to_owned() };
            let result = if paused { PauseResult::Paused } else { PauseResult::Resumed };
            Input::Outcome(Outcome { key, generation, at: second("01:30:00").millis(), result })
        });
    let watch = any::<bool>().prop_map(|well| {
        let trouble = (!well).then(|| "stopped".to_owned());
        Input::Watch(Watch { source: "trail".into(), at: second("01:10:00").millis(), trouble })
    });
    let input = prop_oneof![30 => fact, 2 => tick, 2 => mark, 3 => outcome, 1 => watch, 4 => human];
    prop::collection::vec(input, 1..60).prop_map(|inputs| {
        // Verdicts fall among the times of the facts.
        let at = |index: usize| Second(crate::testing::START + 3_600 + 120 * index as i64).millis();
        inputs.into_iter().enumerate().map(|(index, input)| arriving_at(input, at(index))).collect()
    })
}

/// Event times are any, but what arrives later arrives later.
fn arriving_at(input: Input, at: Millis) -> Input {
    match input {
        Input::Fact(fact) => Input::Fact(Box::new(Fact { received_at: at, ..*fact })),
        Input::Mark { partition, time, .. } => Input::Mark { partition, time, received_at: at },
        Input::Tick(_) => Input::Tick(at),
        Input::Outcome(outcome) => Input::Outcome(Outcome { at, ..outcome }),
        Input::Watch(watch) => Input::Watch(Watch { at, ..watch }),
        Input::Human(human) => Input::Human(Human { id: format!("{}-{}", human.who, at.0), at, ..human }),
        other => other,
    }
}

/// What a store holds after these rows were written to it.
fn stored(rows: impl IntoIterator<Item = Row>) -> BTreeMap<(String, String), String> {
    let mut held = BTreeMap::new();
    for row in rows {
        match row.value {
            Some(value) => drop(held.insert((row.table, row.key), value)),
            None => drop(held.remove(&(row.table, row.key))),
        }
    }
    held
}

fn rows_of(held: &BTreeMap<(String, String), String>) -> Vec<Row> {
    held.iter()
        .map(|((table, key), value)| Row { table: table.clone(), key: key.clone(), value: Some(value.clone()) })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Loading what was written after any prefix, then applying the rest, equals the undisturbed run.
    #[test]
    fn a_restart_changes_nothing(inputs in inputs(), at in any::<prop::sample::Index>(), enforce in any::<bool>()) {
        let mode = if enforce { Mode::Enforce } else { Mode::Observe };
        let at = at.index(inputs.len());
        let mut run = Run::new(settings(mode));
        for input in &inputs[..at] {
            run.apply_numbered(input.clone());
        }
        let written = stored(run.outputs.drain(..).filter_map(|output| match output {
            Output::Row(row) => Some(row),
            Output::Fact(fact) => Some(fact.to_row()),
            _ => None,
        }));
        let loaded = Engine::load(rows_of(&written), settings(mode)).expect("own rows");
        let mut again = Run { engine: loaded, outputs: Vec::new() };
        prop_assert_eq!(again.engine.situations(), run.engine.situations());
        prop_assert_eq!(again.engine.wanted(), run.engine.wanted());
        for input in &inputs[at..] {
            run.apply_numbered(input.clone());
            again.apply_numbered(input.clone());
        }
        prop_assert_eq!(again.engine.situations(), run.engine.situations());
        prop_assert_eq!(again.told(), run.told());
        prop_assert_eq!(again.desired(), run.desired());
    }
}

#[test]
fn what_is_forgotten_is_said_and_known_again() {
    let mut run = Run::new(settings(Mode::Observe));
    run.story("00:30:00 agent new db kept id=kept");
    run.story(BURST);
    let all = [facts("00:30:00 agent new db kept id=kept"), facts(BURST)].concat();
    assert!(all.iter().all(|fact| run.engine.is_held(&fact.event)));
    run.outputs.clear();
    run.apply(Input::Tick(second("23:00:00").millis()));
    let (mut rows, mut forgotten) = (0, Vec::new());
    for output in &run.outputs {
        match output {
            Output::Row(row) if row.table == table::FACT && row.value.is_none() => rows += 1,
            Output::Forgotten(one) => forgotten.push(*one),
            _ => {}
        }
    }
    assert_eq!((rows, forgotten.len()), (6, 6));
    for fact in &all {
        let is_held = run.engine.is_held(&fact.event);
        assert_eq!(is_held, fact.event.id == "kept");
        assert_ne!(is_held, forgotten.contains(&Engine::forgotten(&fact.event)), "{}", fact.event.id);
    }
    // Of what is kept although it is final, a copy is a copy.
    run.outputs.clear();
    run.story("00:30:00 agent new db kept id=kept");
    assert!(matches!(run.outputs.as_slice(), [Output::Counted { column: Column::Duplicate, .. }]), "{:?}", run.outputs);
    // What comes when nothing is left to judge it with is known by its copies from then on as well.
    let late = &facts("00:40:00 agent delete db late id=late")[0];
    run.outputs.clear();
    run.apply(Input::Fact(Box::new(late.clone())));
    let known = Engine::forgotten(&late.event);
    assert!(
        matches!(run.outputs.as_slice(),
            [Output::Counted { column: Column::Judged, .. }, Output::Forgotten(one)] if *one == known),
        "{:?}",
        run.outputs
    );
    assert!(!run.engine.is_held(&late.event));
}
