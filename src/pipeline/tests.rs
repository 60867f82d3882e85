//! Tests of the decoding and judging steps over a generated trail.

mod size;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;
use trailbrake_detectors::engine::{BrakeSettings, Engine, Mode, Outcome, Partition, PauseResult, Settings, Watch};
use trailbrake_detectors::limits::RESOURCES_PER_EVENT_MAX;
use trailbrake_detectors::scenario::{Options, generate};
use trailbrake_detectors::time::{Millis, Second};

use super::*;
use crate::config::JournalKind;
use crate::journal::{Cut, Journal};
use crate::metrics::Metrics;
use crate::source::{Batch, Position, Terms};

const START: Second = Second(1_767_603_600);

fn trail() -> Vec<Bytes> {
    let records = generate("agent-rebuild", &Options::new(3, START)).expect("a scenario");
    records.into_iter().map(|record| Bytes::from(record.json)).collect()
}

fn batch(payloads: Vec<Bytes>, accounts: &[&str], received_at: Millis) -> Batch {
    let accounts = accounts.iter().map(|account| (*account).to_owned()).collect();
    let terms = Terms { name: Arc::from("trail"), accounts, may_pause: true, quiet_limit_seconds: 60 };
    let partition = Partition { source: Arc::from("trail"), name: Arc::from("shard") };
    let position = Some(Position { name: Arc::clone(&partition.name), at: Some("7".to_owned()) });
    Batch { terms: Arc::new(terms), partition, payloads, position, received_at, acknowledgement: None }
}

/// An engine's stage in this mode, with two receivers.
pub(crate) fn stage(mode: Mode) -> (EngineStep, Arc<Board>) {
    let settings = Settings { brake: BrakeSettings { mode, ..BrakeSettings::default() }, ..Settings::default() };
    let board = Arc::new(Board::default());
    let receivers = vec!["first".to_owned(), "second".to_owned()];
    (EngineStep::new(Engine::new(settings), receivers, Arc::clone(&board), Arc::new(Metrics::new())), board)
}

/// Judges a trail with an incident, one record at a time as if nothing delayed it, and gathers all pieces.
pub(crate) fn judge_trail(step: &mut EngineStep) -> Vec<Piece> {
    let decode = DecodeStep::default();
    let records = generate("agent-rebuild", &Options::new(3, START)).expect("a scenario");
    let piece = |record: &trailbrake_detectors::scenario::Record| {
        let decoded = decode.step(batch(vec![Bytes::from(record.json.clone())], &[], record.time.millis().plus(5_000)));
        step.step(Work::Batch(Box::new(decoded)))
    };
    records.iter().map(piece).collect()
}

fn count(cut: &Cut) -> BTreeMap<String, u64> {
    cut.counts.iter().map(|(_, column, records)| (column.clone(), *records)).collect()
}

#[test]
fn the_columns_of_a_batch_add_up_whatever_it_holds() {
    let (mut step, board) = stage(Mode::Observe);
    let mut payloads = trail();
    let copy = payloads.clone();
    payloads.extend(copy);
    payloads.extend([Bytes::from_static(b""), Bytes::from_static(b"{\"eventName\":"), Bytes::from_static(b"\xff\xfe")]);
    let received = payloads.len() as u64;
    let (sender, mut receiver) = oneshot::channel();
    let mut batch = batch(payloads, &[], START.millis().plus(3_600_000));
    batch.acknowledgement = Some(sender);
    let decoded = DecodeStep::default().step(batch);
    assert_eq!(decoded.reject_notes.len(), 3, "{:?}", decoded.reject_notes);
    let piece = step.step(Work::Batch(Box::new(decoded)));

    let counts = count(&piece.cut);
    assert_eq!(counts["received"], received);
    assert_eq!(counts["rejected"], 3);
    assert!(counts["duplicate"] > 0, "{counts:?}");
    let columns: u64 = counts.iter().filter(|(column, _)| *column != "received").map(|(_, records)| records).sum();
    assert_eq!(columns, received, "{counts:?}");
    assert_eq!(board.sources()["trail"].records, counts);

    assert_eq!(piece.cut.positions.len(), 1);
    assert!(receiver.try_recv().is_err(), "nothing is acknowledged by judging");
    let [acknowledge] = piece.after.acknowledgements.as_slice() else { panic!("one acknowledgement") };
    assert_eq!((acknowledge.committed.received, acknowledge.committed.rejected), (received, 3));
    assert!(!acknowledge.client_waits, "a source with positions can wait");
}

#[test]
fn events_of_accounts_that_the_source_may_not_speak_for_are_rejected() {
    let all = DecodeStep::default().step(batch(trail(), &[], START.millis().plus(3_600_000)));
    let account = all.events.first().expect("an event").account.clone();
    let own = DecodeStep::default().step(batch(trail(), &[&account], START.millis().plus(3_600_000)));
    assert_eq!(own.events.len(), all.events.len());
    let foreign = DecodeStep::default().step(batch(trail(), &["999999999999"], START.millis().plus(3_600_000)));
    assert!(foreign.events.is_empty());
    assert_eq!(foreign.rejected, [(DecodeStep::FOREIGN_ACCOUNT, all.events.len() as u64)]);
    assert_eq!(foreign.accounts.unaccounted(), 0);
    assert!(foreign.reject_notes[0].sample.contains(account.as_str()));
}

#[test]
fn each_announcement_is_an_order_for_each_receiver_and_a_pause_is_wanted_once() {
    let (mut step, board) = stage(Mode::Enforce);
    let pieces = judge_trail(&mut step);
    let orders: Vec<_> = pieces.iter().flat_map(|piece| &piece.cut.orders).collect();
    let ids: std::collections::BTreeSet<_> = orders.iter().map(|order| &order.id).collect();
    assert_eq!(ids.len(), orders.len(), "each order has an id of its own");
    let of = |receiver: &str| orders.iter().filter(|order| order.receiver == receiver).count();
    assert!(of("first") > 0);
    assert_eq!(of("first"), of("second"));
    for piece in &pieces {
        assert_eq!(piece.cut.orders, piece.after.orders, "what follows is what is written");
        assert_eq!(piece.decision, !piece.cut.orders.is_empty() || !piece.cut.desired.is_empty());
    }

    let desired: Vec<_> = pieces.iter().flat_map(|piece| &piece.after.desired).collect();
    let [(desired, mode)] = desired.as_slice() else { panic!("one pause: {desired:?}") };
    assert_eq!(*mode, Mode::Enforce);
    let result = PauseResult::Paused;
    let at = desired.decided_at.plus(4_000);
    let piece =
        step.step(Work::Outcome(Outcome { key: desired.key.clone(), generation: desired.generation, at, result }));
    assert_eq!(piece.cut.settled, [(desired.key.clone(), desired.generation)]);
    assert_eq!(board.counts().paused, 1);
    assert!(board.incidents(None, None, 10).iter().any(|situation| board.incident(&situation.incident.id).is_some()));
}

#[test]
fn observing_pauses_nobody() {
    let (mut step, board) = stage(Mode::Observe);
    let pieces = judge_trail(&mut step);
    assert!(pieces.iter().all(|piece| piece.cut.desired.is_empty() && piece.after.desired.is_empty()));
    assert!(!board.incidents(None, None, 10).is_empty());
}

#[test]
fn a_trail_in_trouble_is_shown_and_announced() {
    let (mut step, board) = stage(Mode::Observe);
    let watch =
        Watch { source: Arc::from("trail"), at: START.millis(), trouble: Some("the trail was stopped".to_owned()) };
    let piece = step.step(Work::Watch(watch));
    assert!(piece.decision);
    assert_eq!(board.sources()["trail"].trouble.as_deref(), Some("the trail was stopped"));
}

/// A record of deleting so many tables.
fn destruction(event_source: &str, name: &str, parameters: &str) -> Bytes {
    Bytes::from(format!(
        r#"{{"eventVersion":"1.11","userIdentity":{{"type":"IAMUser","principalId":"AIDAEXAMPLE","arn":"arn:aws:iam::111122223333:user/alice",
        "accountId":"111122223333","userName":"alice"}},"eventTime":"2026-01-05T09:00:00Z","eventSource":"{event_source}","eventName":"{name}",
        "awsRegion":"eu-west-1","requestParameters":{parameters},"responseElements":null,"requestID":"r","eventID":"{name}","readOnly":true,
        "eventType":"AwsApiCall","recipientAccountId":"111122223333"}}"#
    ))
}

#[test]
fn what_says_that_it_was_a_read_what_is_left_out_and_what_nobody_knows_the_zones_of_is_counted() {
    let ids: Vec<String> =
        (0..RESOURCES_PER_EVENT_MAX + 3).map(|number| format!(r#"{{"instanceId":"i-{number:017x}"}}"#)).collect();
    let many = format!(r#"{{"instancesSet":{{"items":[{}]}}}}"#, ids.join(","));
    let payloads = vec![
        destruction("dynamodb.amazonaws.com", "DeleteTable", r#"{"tableName":"orders"}"#),
        destruction("ec2.amazonaws.com", "TerminateInstances", &many),
    ];
    let decoded = DecodeStep::default().step(batch(payloads.clone(), &[], START.millis().plus(3_600_000)));
    assert_eq!((decoded.read_only_destructive, decoded.resources_left_out), (2, 3));
    // What others may not speak for is rejected, and nothing of it is left out.
    let foreign = DecodeStep::default().step(batch(payloads, &["999999999999"], START.millis().plus(3_600_000)));
    assert_eq!(foreign.resources_left_out, 0);

    let metrics = Arc::new(Metrics::new());
    let engine = Engine::new(Settings::default());
    let mut step = EngineStep::new(engine, Vec::new(), Arc::new(Board::default()), Arc::clone(&metrics));
    step.step(Work::Batch(Box::new(decoded)));
    let text = metrics.render();
    for sample in [
        "trailbrake_read_only_destructive_total{source=\"trail\"} 2",
        "trailbrake_resources_left_out_total{source=\"trail\"} 3",
        "trailbrake_placements_wanted_total 100",
    ] {
        assert!(text.lines().any(|line| line == sample), "{sample} in {text}");
    }
}

/// Commits a piece by itself.
fn commit(journal: &mut dyn Journal, piece: Piece) {
    let mut group = JournalStep::default();
    group.push(piece, std::time::Instant::now());
    group.commit(journal, std::time::Instant::now()).expect("commits");
}

#[test]
fn a_trail_sent_again_after_its_facts_were_forgotten_is_duplicates_and_pages_nobody() {
    let directory = tempfile::tempdir().expect("a directory");
    for kind in [JournalKind::Memory, JournalKind::Sqlite(directory.path().join("journal.db"))] {
        let mut journal = crate::journal::open(&kind, Millis(0)).expect("opens");
        let fresh = |journal: &mut dyn Journal| {
            let loaded = journal.load().expect("loads");
            let settings = Settings::default();
            let engine = Engine::load(loaded.rows, settings).expect("loads");
            let (board, metrics) = (Arc::new(Board::default()), Arc::new(Metrics::new()));
            EngineStep::new(engine, vec!["first".to_owned()], board, metrics)
                .recalling(journal.recall(), loaded.forgotten_to)
        };
        let send = |step: &mut EngineStep, received_at| {
            step.step(Work::Batch(Box::new(DecodeStep::default().step(batch(trail(), &[], received_at)))))
        };
        let mut step = fresh(journal.as_mut());
        let first = send(&mut step, START.millis().plus(3_600_000));
        let facts = count(&first.cut)["judged"];
        assert!(facts > 0 && !first.cut.orders.is_empty());
        commit(journal.as_mut(), first);

        // A day passes, the incident ends, and its facts are forgotten.
        let tomorrow = START.millis().plus(25 * 3_600_000);
        let forgetting = step.step(Work::Tick(tomorrow));
        assert!(!forgetting.cut.forgotten.is_empty());
        let again = send(&mut step, tomorrow);
        let expect_duplicates = |piece: &Piece, when: &str| {
            let counts = count(&piece.cut);
            assert_eq!((counts.get("duplicate"), counts.get("judged")), (Some(&facts), None), "{when}: {counts:?}");
            assert!(piece.cut.orders.is_empty() && piece.facts.is_empty(), "{when}");
        };
        expect_duplicates(&again, "before that is written");
        commit(journal.as_mut(), forgetting);
        commit(journal.as_mut(), again);
        let mut step = fresh(journal.as_mut());
        expect_duplicates(&send(&mut step, tomorrow.plus(1_000)), "after a restart");
    }
}
