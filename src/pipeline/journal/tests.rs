//! Tests of the journal's stage against a journal that can be made to fail.

use std::sync::Arc;

use super::*;
use crate::journal::{Head, Link, Loaded, Recall};

#[derive(Default)]
struct Fickle {
    failures_left: usize,
    cuts: Vec<Cut>,
}

impl Journal for Fickle {
    fn load(&mut self) -> Result<Loaded, JournalError> {
        Ok(Loaded::default())
    }

    fn commit(&mut self, cut: &Cut) -> Result<Head, JournalError> {
        if self.failures_left > 0 {
            self.failures_left -= 1;
            return Err(JournalError::Write { reason: "disk full".to_owned() });
        }
        self.cuts.push(cut.clone());
        Ok(Head { number: self.cuts.len() as u64, ..Head::default() })
    }

    fn recall(&self) -> Box<dyn Recall> {
        unreachable!("nothing is recalled here")
    }

    fn trail(&mut self, _take: &mut dyn FnMut(Link) -> bool) -> Result<(), JournalError> {
        Ok(())
    }
}

fn row(key: &str, value: &str) -> Row {
    Row { table: "facts".to_owned(), key: key.to_owned(), value: Some(value.to_owned()) }
}

/// A batch that wrote one row, its position, and the other end of its acknowledgement.
fn piece(number: u64, client_waits: bool) -> (Piece, oneshot::Receiver<Committed>) {
    let (sender, receiver) = oneshot::channel();
    let mut piece = Piece::default();
    piece.cut.rows.push(row("same", &number.to_string()));
    piece.cut.counts.push(("trail".to_owned(), "judged".to_owned(), 1));
    if !client_waits {
        let partition = Partition { source: Arc::from("trail"), name: Arc::from("0") };
        piece.cut.positions.push((partition, Some(number.to_string())));
    }
    let committed = Committed { received: number, ..Committed::default() };
    piece.after.acknowledgements.push(Acknowledge { sender, committed, client_waits });
    (piece, receiver)
}

fn release(after: After) -> Vec<u64> {
    let acknowledge = |one: Acknowledge| {
        let _ = one.sender.send(one.committed.clone());
        one.committed.received
    };
    after.acknowledgements.into_iter().map(acknowledge).collect()
}

#[test]
fn a_group_closes_after_its_wait_or_when_full_or_at_a_decision() {
    let start = Instant::now();
    let mut step = JournalStep::default();
    assert_eq!(step.due_at(), None);
    step.push(piece(0, false).0, start);
    assert_eq!(step.due_at(), Some(start + GROUP_WAIT));
    step.push(Piece { decision: true, ..Piece::default() }, start + GROUP_WAIT / 2);
    assert_eq!(step.due_at(), Some(start));

    let mut step = JournalStep::default();
    let mut large = Piece::default();
    large.cut.rows = (0..GROUP_ROWS_MAX).map(|index| row(&index.to_string(), "x")).collect();
    step.push(large, start);
    assert_eq!(step.due_at(), Some(start));
}

#[test]
fn nothing_is_acknowledged_before_its_commit_and_a_failure_keeps_the_order() {
    let start = Instant::now();
    let (mut step, mut journal) = (JournalStep::default(), Fickle { failures_left: 2, ..Fickle::default() });
    let mut receivers = Vec::new();
    for number in 0..3 {
        let (piece, receiver) = piece(number, false);
        step.push(piece, start);
        receivers.push(receiver);
    }
    assert!(step.commit(&mut journal, start).is_err());
    assert!(step.is_failing());
    assert_eq!(step.due_at(), Some(start + COMMIT_RETRY_FIRST));

    let (late, receiver) = piece(3, false);
    step.push(late, start);
    receivers.push(receiver);
    assert!(step.commit(&mut journal, start).is_err());
    assert_eq!(step.due_at(), Some(start + COMMIT_RETRY_FIRST * 2), "waits longer each time");
    assert!(journal.cuts.is_empty());
    assert!(receivers.iter_mut().all(|receiver| receiver.try_recv().is_err()));

    let after = step.commit(&mut journal, start).expect("works again");
    assert_eq!(release(after), [0, 1, 2, 3]);
    let [cut] = journal.cuts.as_slice() else { panic!("one cut: {:?}", journal.cuts) };
    assert_eq!(cut.rows, [row("same", "3")], "only the last value of a row is left");
    assert_eq!(cut.counts, [("trail".to_owned(), "judged".to_owned(), 4)]);
    assert_eq!(cut.positions.iter().map(|(_, at)| at.as_deref()).collect::<Vec<_>>(), [Some("3")]);
    assert!(!step.is_failing());
    assert_eq!(step.due_at(), None);
}

#[test]
fn clients_that_wait_hear_of_a_failure_at_once_and_what_they_sent_is_kept() {
    let start = Instant::now();
    let (mut step, mut journal) = (JournalStep::default(), Fickle { failures_left: 1, ..Fickle::default() });
    let (first, mut first_receiver) = piece(0, true);
    step.push(first, start);
    assert!(step.commit(&mut journal, start).is_err());
    assert_eq!(first_receiver.try_recv(), Err(oneshot::error::TryRecvError::Closed));
    let (second, mut second_receiver) = piece(1, true);
    step.push(second, start);
    assert_eq!(second_receiver.try_recv(), Err(oneshot::error::TryRecvError::Closed));
    let after = step.commit(&mut journal, start).expect("works again");
    assert!(after.acknowledgements.is_empty());
    assert_eq!(journal.cuts[0].rows, [row("same", "1")]);
}

/// A page for the pager.
fn page(sequence: usize, page_key: &str) -> Piece {
    let announcement = crate::alert::example(trailbrake_detectors::engine::Change::Updated);
    let announcement = trailbrake_detectors::engine::Announcement { page_key: page_key.to_owned(), ..announcement };
    let (id, record) = (sequence.to_string(), OnRecord::Unknown);
    let order = Order { id, receiver: "pager".to_owned(), announcement, created_at: Millis(7), record };
    let mut piece = Piece { decision: true, ..Piece::default() };
    piece.cut.orders.push(order.clone());
    piece.after.orders.push(order);
    piece
}

#[test]
fn while_nothing_can_be_written_pages_go_out_marked_and_seldom_and_are_not_repeated() {
    let start = Instant::now();
    let (mut step, mut journal) = (JournalStep::default(), Fickle { failures_left: 4, ..Fickle::default() });
    let mut fail = |step: &mut JournalStep, at: Instant| {
        assert!(step.commit(&mut journal, at).is_err());
        let out = step.release_unwritten(at);
        assert!(out.iter().all(|order| order.record == OnRecord::JournalDown));
        out.into_iter().map(|order| order.id).collect::<Vec<_>>()
    };
    for (sequence, key) in [(1, "a"), (2, "b"), (3, "a")] {
        step.push(page(sequence, key), start);
    }
    assert!(fail(&mut step, start).is_empty(), "it may work again in a moment");
    let down = start + JOURNAL_DOWN_AFTER;
    assert_eq!(fail(&mut step, down), ["3", "2"], "the last word of each page");
    step.push(page(4, "a"), down);
    assert!(fail(&mut step, down + UNWRITTEN_PAGE_INTERVAL / 2).is_empty());
    step.push(page(5, "a"), down);
    assert_eq!(fail(&mut step, down + UNWRITTEN_PAGE_INTERVAL), ["5"]);
    step.push(page(6, "a"), down);

    let after = step.commit(&mut journal, down + UNWRITTEN_PAGE_INTERVAL).expect("works again");
    let said: Vec<_> = after.orders.iter().map(|order| (order.id.as_str(), order.record)).collect();
    assert_eq!(said, [("6", OnRecord::At(Head { number: 1, ..Head::default() }))], "what went out is not said again");
    let [cut] = journal.cuts.as_slice() else { panic!("one cut") };
    let ended: Vec<_> = cut.ended.iter().map(|(id, end, _)| (id.as_str(), *end)).collect();
    assert_eq!(cut.orders.len(), 6, "all of it is written");
    assert_eq!(ended, [("1", OrderEnd::Superseded), ("4", OrderEnd::Superseded)]);
    assert_eq!(cut.notes.len(), 2);
}

#[test]
fn a_journal_that_begins_anew_is_given_the_whole_memory_first() {
    let start = Instant::now();
    let (mut step, mut journal) = (JournalStep::default(), Fickle { failures_left: 1, ..Fickle::default() });
    let (before, _receiver) = piece(1, false);
    step.push(before, start);
    assert!(step.commit(&mut journal, start).is_err());
    step.begin_anew();
    let (between, _receiver) = piece(2, false);
    step.push(between, start);
    assert!(step.commit(&mut journal, start).is_err() && journal.cuts.is_empty());
    let mut whole = Piece { decision: true, ..Piece::default() };
    (whole.cut.whole, whole.cut.rows) = (true, vec![row("same", "2"), row("other", "1")]);
    step.push(whole, start);
    let (later, _receiver) = piece(3, false);
    step.push(later, start);
    let after = step.commit(&mut journal, start).expect("works again");
    assert_eq!(release(after), [1, 2, 3], "what was received before is acknowledged as well");
    let [cut] = journal.cuts.as_slice() else { panic!("one cut") };
    assert!(cut.whole);
    assert_eq!(cut.rows, [row("other", "1"), row("same", "3")]);
    assert_eq!(cut.counts, [("trail".to_owned(), "judged".to_owned(), 3)]);
}

#[test]
fn what_is_unwritten_has_a_bound() {
    let mut step = JournalStep::default();
    for _ in 0..UNWRITTEN_PIECES_MAX {
        assert!(!step.is_full());
        step.push(Piece::default(), Instant::now());
    }
    assert!(step.is_full());
}
