//! One suite that every journal passes, and what only a file can get wrong.

mod damage;
mod model;
mod sqlite;
mod upgrade;

use std::path::Path;

use proptest::prelude::*;
use serde_json::json;
use trailbrake_detectors::engine::{Announcement, Change, Desired, Partition, PauseKey, Row, Rung};
use trailbrake_detectors::time::{Millis, Second};

use super::memory::MemoryJournal;
use super::sqlite::SqliteJournal;
use super::*;

pub(super) fn key(number: u8) -> PauseKey {
    PauseKey {
        account: "123456789012".to_owned(),
        entity: format!("arn:aws:iam::123456789012:role/agent-{number}"),
        session: "*".to_owned(),
    }
}

pub(super) fn order(id: &str, receiver: &str, page_key: &str, change: Change) -> Order {
    let situation = json!({
        "incident": {
            "schema": 1, "id": "tb-1", "state": "open", "mode": "enforce", "severity": "critical",
            "severity_peak": "critical", "eased": null, "exact": true, "detectors": [], "principal": null,
            "accounts": [], "regions": [], "zones": [], "first_event_time": "", "triggered_event_time": "",
            "triggered_event_id": "", "last_event_time": "",
            "destroyed": {"calls": 0, "resources": 0, "at_page": 0, "at_pause": 0, "own": 0, "weight": 0.5, "by_type": {}},
            "denied": {"calls": 0}, "recreated": [], "reason": "a \u{0} byte and a ' quote", "evidence": []
        },
        "pauses": [], "not_paused_because": "", "approvals": [], "sequence": 1
    });
    let announcement = Announcement {
        id: id.to_owned(),
        page_key: page_key.to_owned(),
        change,
        at: Millis(5),
        situation: serde_json::from_value(situation).expect("a situation"),
    };
    Order {
        id: id.to_owned(),
        receiver: receiver.to_owned(),
        announcement,
        created_at: Millis(6),
        record: OnRecord::Unknown,
    }
}

pub(super) fn desired(number: u8, generation: u64, rung: Option<Rung>) -> Desired {
    Desired {
        key: key(number),
        generation,
        rung,
        decided_at: Millis(1),
        received_at: Millis(2),
        incidents: vec!["tb-1".to_owned()],
    }
}

pub(super) fn artefact(number: u8, generation: u64, change: u8) -> Artefact {
    Artefact {
        key: key(number),
        generation,
        hook: "aws-iam".to_owned(),
        change: json!({"attach": [change]}),
        undo: json!({"detach": [change]}),
        at: Millis(3),
    }
}

/// A forgotten fact of a second.
fn forgotten(second: i64) -> Forgotten {
    Forgotten { second: Second(second), digest: [second as u8; 16] }
}

fn note(number: i64) -> Note {
    Note::new(Millis(number), "test", &json!({ "number": number, "text": "a \u{0} byte and a ' quote" }))
}

/// The trail of a journal, verified.
fn verified(journal: &mut dyn Journal, wanted: Option<Head>) -> Result<Verified, Broken> {
    let mut verifier = Verifier::looking_for(wanted);
    let mut broken = None;
    let mut take = |link| {
        broken = verifier.take(&link).err();
        broken.is_none()
    };
    journal.trail(&mut take).expect("reads");
    broken.map_or_else(|| verifier.end(), Err)
}

/// Hands an empty journal of each kind to a test, with a way to open it again; memory stays open.
fn each(retention: Retention, test: impl Fn(Box<dyn Journal>, &dyn Fn(Box<dyn Journal>) -> Box<dyn Journal>)) {
    test(Box::new(MemoryJournal::new(retention)), &|journal| journal);
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("journal.db");
    test(open_file(&path, retention), &|journal| {
        drop(journal);
        open_file(&path, retention)
    });
}

fn open_file(path: &Path, retention: Retention) -> Box<dyn Journal> {
    Box::new(SqliteJournal::open(path, retention, Millis(0)).expect("opens"))
}

fn any_cut() -> impl Strategy<Value = Cut> {
    let some = |most: usize| 0..most;
    let row = (0..2_u8, 0..3_u8, proptest::option::of("[a-z']{0,4}")).prop_map(|(table, key, value)| Row {
        table: format!("table-{table}"),
        key: format!("key-{key}"),
        value,
    });
    let position = (0..3_u8, proptest::option::of("[0-9]{1,3}")).prop_map(|(part, position)| {
        (Partition { source: "trail".into(), name: format!("shard-{part}").into() }, position)
    });
    let count = (0..2_u8, 0..100_u64).prop_map(|(column, n)| ("trail".to_owned(), format!("column-{column}"), n));
    let change = prop_oneof![Just(Change::Opened), Just(Change::Updated), Just(Change::Resolved)];
    let order = (0..8_u8, change).prop_map(|(id, change)| {
        order(&format!("order-{id}"), &format!("receiver-{}", id % 2), &format!("page-{}", id % 3), change)
    });
    let end = prop_oneof![Just(OrderEnd::Delivered), Just(OrderEnd::GivenUp), Just(OrderEnd::Superseded)];
    let end = (0..8_u8, end).prop_map(|(id, end)| (format!("order-{id}"), end, Millis(7)));
    let rung = proptest::option::of(prop_oneof![Just(Rung::Destructive), Just(Rung::All)]);
    let state = (0..2_u8, 0..4_u64, rung).prop_map(|(number, generation, rung)| desired(number, generation, rung));
    let settled = (0..2_u8, 0..4_u64).prop_map(|(number, generation)| (key(number), generation));
    let made =
        (0..2_u8, 0..4_u64, 0..3_u8).prop_map(|(number, generation, change)| artefact(number, generation, change));
    let outside = (
        proptest::collection::vec(row, some(4)),
        proptest::collection::vec(position, some(3)),
        proptest::collection::vec(count, some(3)),
        proptest::collection::vec(order, some(4)),
        proptest::collection::vec(end, some(3)),
    );
    let inside = (
        proptest::collection::vec(state, some(3)),
        proptest::collection::vec(settled, some(3)),
        proptest::collection::vec(made, some(3)),
        proptest::collection::vec((0..2_u8).prop_map(key), some(2)),
        proptest::collection::vec((0..4_i64).prop_map(forgotten), some(3)),
        proptest::collection::vec((0..4_i64).prop_map(note), some(3)),
    );
    (outside, inside).prop_map(
        |((rows, positions, counts, orders, ended), (desired, settled, artefacts, undone, forgotten, notes))| Cut {
            whole: false,
            rows,
            positions,
            counts,
            orders,
            ended,
            desired,
            settled,
            artefacts,
            undone,
            forgotten,
            notes,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn holds_what_the_model_says_after_any_cuts(cuts in proptest::collection::vec(any_cut(), 0..12)) {
        each(Retention::default(), |mut journal, reopen| {
            for (number, cut) in cuts.iter().enumerate() {
                journal.commit(cut).expect("commits");
                if number == cuts.len() / 2 {
                    journal = reopen(journal);
                }
            }
            let expected = model::loaded(&cuts);
            assert_eq!(journal.load().expect("loads"), expected);
            assert_eq!(reopen(journal).load().expect("loads again"), expected);
        });
    }
}

#[test]
fn forgets_the_oldest_of_what_is_over_and_nothing_else() {
    let retention = Retention { orders: 3, pages: 4, desired: 2, artefacts: 2, ..Retention::default() };
    each(retention, |mut journal, _| {
        let mut commit = |cut: Cut| {
            journal.commit(&cut).expect("commits");
            journal.load().expect("loads")
        };
        let ended = |id: u8, end| Cut { ended: vec![(format!("order-{id}"), end, Millis(7))], ..Cut::default() };
        let ordered = |id: u8| Cut {
            orders: vec![order(&format!("order-{id}"), "pager", &format!("page-{id}"), Change::Opened)],
            ..Cut::default()
        };
        (0..3).for_each(|id| drop(commit(ordered(id))));
        commit(ended(1, OrderEnd::Delivered));
        assert_eq!(commit(ordered(1)).orders.len(), 2, "an ended order that is remembered is not taken again");
        (3..7).for_each(|id| drop(commit(ordered(id))));
        let loaded = commit(ordered(1));
        assert_eq!(loaded.orders.len(), 7, "what is not over stays; what was forgotten is new again");
        assert!(loaded.open_pages.is_empty(), "pages are forgotten past their bound");

        (0..4).for_each(|number| {
            let settled = vec![(key(number), 1)];
            let rung = (number == 0).then_some(Rung::All);
            drop(commit(Cut { desired: vec![desired(number, 1, rung)], settled, ..Cut::default() }));
        });
        commit(Cut { desired: vec![desired(4, 1, None)], ..Cut::default() });
        let held: Vec<PauseKey> = commit(Cut::default()).desired.into_iter().map(|(desired, _)| desired.key).collect();
        assert_eq!(held, [key(0), key(3), key(4)], "a pause in place stays, however old");

        let made = (1..=3).map(|generation| artefact(0, generation, 0)).collect();
        let kept: Vec<u64> =
            commit(Cut { artefacts: made, ..Cut::default() }).artefacts.iter().map(|made| made.generation).collect();
        assert_eq!(kept, [2, 3]);
    });
}

#[test]
fn counts_stay_within_the_type() {
    each(Retention::default(), |mut journal, _| {
        let counts = vec![("trail".to_owned(), "judged".to_owned(), u64::MAX); 2];
        journal.commit(&Cut { counts, ..Cut::default() }).expect("commits");
        let held = journal.load().expect("loads").counts;
        assert_eq!(held.values().copied().collect::<Vec<_>>(), [i64::MAX.unsigned_abs()]);
    });
}

#[test]
fn copies_of_what_was_forgotten_are_known_for_a_while() {
    let retention = Retention { forgotten: 3_000, forgotten_seconds: 100_000, ..Retention::default() };
    each(retention, |mut journal, reopen| {
        let forget = |journal: &mut Box<dyn Journal>, seconds: std::ops::Range<i64>| {
            journal.commit(&Cut { forgotten: seconds.map(forgotten).collect(), ..Cut::default() }).expect("commits");
        };
        assert_eq!(journal.load().expect("loads").forgotten_to, None);
        let mut recall = journal.recall();
        assert!(!recall.knows(&forgotten(7)).expect("looks"));
        forget(&mut journal, 0..3_000);
        assert!(recall.knows(&forgotten(7)).expect("looks"), "also what was forgotten after the recall was made");
        assert!(!recall.knows(&Forgotten { digest: [9; 16], ..forgotten(7) }).expect("looks"), "another fact");
        assert_eq!(journal.load().expect("loads").forgotten_to, Some(Second(2_999)));

        // Past the bound the oldest go, and the bound holds over a restart.
        drop(recall);
        journal = reopen(journal);
        forget(&mut journal, 3_000..3_010);
        let knows = |journal: &dyn Journal, second| journal.recall().knows(&forgotten(second)).expect("looks");
        assert_eq!([9, 10, 3_009].map(|second| knows(journal.as_ref(), second)), [false, true, true]);

        // What is too old goes in small groups.
        forget(&mut journal, 102_500..102_501);
        let most = crate::limits::FORGOTTEN_REMOVED_AT_ONCE as i64;
        assert_eq!([most + 10, most + 12].map(|second| knows(journal.as_ref(), second)), [false, true]);
        for second in 102_501..102_503 {
            forget(&mut journal, second..second + 1);
        }
        assert_eq!([2_501, 2_502, 3_009].map(|second| knows(journal.as_ref(), second)), [false, true, true]);
    });
}

#[test]
fn the_audit_trail_is_one_chain_over_restarts_and_past_its_bound() {
    let retention = Retention { audit: 20, ..Retention::default() };
    each(retention, |mut journal, reopen| {
        assert_eq!(journal.load().expect("loads").head, Head::default());
        let mut heads = vec![journal.commit(&Cut::default()).expect("commits")];
        assert_eq!(heads[0], Head::default(), "what needs no entry makes none");
        for number in 1..=30 {
            let orders = vec![order(&format!("order-{number}"), "pager", "page", Change::Opened)];
            let cut = Cut { notes: vec![note(number), note(number)], orders, ..Cut::default() };
            let head = journal.commit(&cut).expect("commits");
            assert_eq!(head.number, 2 * number as u64);
            heads.push(head);
            journal = if number % 10 == 0 { reopen(journal) } else { journal };
        }
        let loaded = journal.load().expect("loads");
        assert_eq!(loaded.head, heads[30]);
        let records: Vec<OnRecord> = loaded.orders.iter().map(|order| order.record).collect();
        let expected: Vec<OnRecord> = heads[1..].iter().map(|head| OnRecord::At(*head)).collect();
        assert_eq!(records, expected, "an order says where the trail ended when it was written");

        let found = verified(journal.as_mut(), Some(heads[25])).expect("whole");
        assert_eq!((found.anchor, found.head, found.entries), (heads[20], heads[30], 20));
        assert_eq!(verified(journal.as_mut(), Some(heads[10])), Err(Broken::TooOld { wanted: 20, anchor: 40 }));
    });
}

#[test]
fn of_a_trail_that_is_too_long_a_few_entries_go_with_each_cut() {
    let most = crate::limits::AUDIT_REMOVED_AT_ONCE;
    let retention = Retention { audit: 1, ..Retention::default() };
    each(retention, |mut journal, _| {
        let notes = (0..3 * most as i64).map(note).collect();
        journal.commit(&Cut { notes, ..Cut::default() }).expect("commits");
        assert_eq!(verified(journal.as_mut(), None).expect("whole").anchor.number, most);
        for number in 0..2 {
            journal.commit(&Cut { notes: vec![note(number)], ..Cut::default() }).expect("commits");
        }
        let found = verified(journal.as_mut(), None).expect("whole");
        assert_eq!((found.anchor.number, found.entries), (3 * most, 2));
    });
}

#[test]
fn a_whole_memory_takes_the_place_of_the_one_before() {
    each(Retention::default(), |mut journal, reopen| {
        let row = |key: &str| Row { table: "facts".to_owned(), key: key.to_owned(), value: Some("x".to_owned()) };
        journal.commit(&Cut { rows: vec![row("a"), row("b")], ..Cut::default() }).expect("commits");
        let count = ("trail".to_owned(), "judged".to_owned(), 1);
        let cut = Cut { whole: true, rows: vec![row("b"), row("c")], counts: vec![count], ..Cut::default() };
        journal.commit(&cut).expect("commits");
        let loaded = reopen(journal).load().expect("loads");
        assert_eq!((loaded.rows, loaded.counts.len()), (vec![row("b"), row("c")], 1));
    });
}
