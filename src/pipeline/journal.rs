//! The journal's stage: groups pieces into cuts, commits them, and only then lets go of what was to follow.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use trailbrake_detectors::engine::{Desired, FactRow, Mode, Partition, Row};
use trailbrake_detectors::time::Millis;

use crate::journal::{Cut, Journal, JournalError, OnRecord, Order, OrderEnd};
use crate::limits::{
    COMMIT_RETRY_FIRST, COMMIT_RETRY_MAX, GROUP_ROWS_MAX, GROUP_WAIT, JOURNAL_DOWN_AFTER, UNWRITTEN_PAGE_INTERVAL,
    UNWRITTEN_PIECES_MAX, UNWRITTEN_ROWS_MAX,
};
use crate::source::Committed;

/// What came of one input: its part of a cut, and what follows once the cut is durable.
#[derive(Debug, Default)]
pub struct Piece {
    /// What becomes durable.
    pub cut: Cut,
    /// Facts that become durable with it.
    pub facts: Vec<FactRow>,
    /// Whether something was decided, which must not wait for the group to fill.
    pub decision: bool,
    /// What follows.
    pub after: After,
}

/// An acknowledgement to be given.
#[derive(Debug)]
pub struct Acknowledge {
    /// Who is told.
    pub sender: oneshot::Sender<Committed>,
    /// What they are told.
    pub committed: Committed,
    /// Whether a client waits for it who can send again; otherwise the source keeps its position and can wait.
    pub client_waits: bool,
}

/// Facts of one batch, of which is measured how long they took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// When the batch was complete.
    pub received_at: Millis,
    /// How many of its records went into the judgement.
    pub facts: u64,
}

/// What came of a human's act: one sentence, or why it was refused.
pub type Answer = Result<String, String>;

/// What may happen outside once the cut is durable, in the order in which it was decided.
#[derive(Debug, Default)]
pub struct After {
    /// Batches that are durable.
    pub acknowledgements: Vec<Acknowledge>,
    /// Desired states, with the mode that they were decided in.
    pub desired: Vec<(Desired, Mode)>,
    /// Orders for receivers.
    pub orders: Vec<Order>,
    /// Answers to humans.
    pub answers: Vec<(oneshot::Sender<Answer>, Answer)>,
    /// Who waits until artefacts, or all that was decided before, are in the journal.
    pub committed: Vec<oneshot::Sender<()>>,
    /// What was received.
    pub receipts: Vec<Receipt>,
}

/// The stage that owns the journal's cuts.
#[derive(Debug, Default)]
pub struct JournalStep {
    cut: Cut,
    positions: BTreeMap<Partition, Option<String>>,
    counts: BTreeMap<(String, String), u64>,
    after: After,
    pieces: usize,
    opened_at: Option<Instant>,
    decision: bool,
    failing: Option<Failing>,
    /// Whether nothing may be committed before the whole memory of the engine has come.
    awaits_whole: bool,
    /// When something was last told of a page although it could not be written: (receiver, page key).
    told_unwritten: BTreeMap<(String, String), Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Failing {
    since: Instant,
    wait: Duration,
    retry_at: Instant,
}

impl Piece {
    /// Whether nothing is to be written and nothing follows.
    pub fn is_empty(&self) -> bool {
        self.cut == Cut::default() && self.facts.is_empty() && self.after.is_empty()
    }
}

impl JournalStep {
    /// Takes a piece into the group.
    pub fn push(&mut self, piece: Piece, now: Instant) {
        let Piece { mut cut, facts, decision, after } = piece;
        cut.notes.extend(super::audit::returned(&cut));
        if cut.whole {
            // It covers everything before it.
            self.cut.rows.clear();
            (self.cut.whole, self.awaits_whole) = (true, false);
        }
        // What a piece says of a fact as a row is that it is gone, which comes after that it is there.
        self.cut.rows.extend(facts.iter().map(FactRow::to_row));
        self.opened_at.get_or_insert(now);
        self.pieces += 1;
        self.decision |= decision;
        self.positions.extend(cut.positions);
        for (source, column, records) in cut.counts {
            let count = self.counts.entry((source, column)).or_default();
            *count = count.saturating_add(records);
        }
        self.cut.rows.extend(cut.rows);
        self.cut.orders.extend(cut.orders);
        self.cut.ended.extend(cut.ended);
        for desired in cut.desired {
            self.cut.desired.retain(|earlier| earlier.key != desired.key);
            self.cut.desired.push(desired);
        }
        self.cut.settled.extend(cut.settled);
        self.cut.artefacts.extend(cut.artefacts);
        self.cut.undone.extend(cut.undone);
        self.cut.forgotten.extend(cut.forgotten);
        self.cut.notes.extend(cut.notes);
        self.after.extend(after);
        if self.failing.is_some() {
            self.after.let_waiting_clients_go();
        }
    }

    /// When the group is to be committed, if there is one.
    pub fn due_at(&self) -> Option<Instant> {
        let opened_at = self.opened_at?;
        if let Some(failing) = self.failing {
            return Some(failing.retry_at);
        }
        let filled = self.decision || self.rows() >= GROUP_ROWS_MAX;
        Some(if filled { opened_at } else { opened_at + GROUP_WAIT })
    }

    /// Whether so much is unwritten that nothing more may be taken in: what comes before the journal then waits.
    pub fn is_full(&self) -> bool {
        self.rows() >= UNWRITTEN_ROWS_MAX || self.pieces >= UNWRITTEN_PIECES_MAX
    }

    /// What is to be written, a row each.
    fn rows(&self) -> usize {
        self.cut.rows.len() + self.cut.forgotten.len()
    }

    /// The journal began anew: nothing is committed before the engine has said all that it remembers. What it said until
    /// then is part of that.
    pub fn begin_anew(&mut self) {
        self.awaits_whole = true;
        self.cut.rows.clear();
        self.pieces = 0;
    }

    /// Whether the engine has yet to say all that it remembers.
    pub fn awaits_whole(&self) -> bool {
        self.awaits_whole
    }

    /// Pages that go out although they cannot be written: for each receiver and page the last one, and another only after
    /// [`UNWRITTEN_PAGE_INTERVAL`]. Nobody is told of them again when the journal works.
    pub fn release_unwritten(&mut self, now: Instant) -> Vec<Order> {
        if self.failing.is_none_or(|failing| now < failing.since + JOURNAL_DOWN_AFTER) {
            return Vec::new();
        }
        self.told_unwritten.retain(|_, told| now < *told + UNWRITTEN_PAGE_INTERVAL);
        let mut last = BTreeMap::new();
        let mut kept = Vec::new();
        for order in std::mem::take(&mut self.after.orders) {
            let page = (order.receiver.clone(), order.announcement.page_key.clone());
            if self.told_unwritten.contains_key(&page) {
                kept.push(order);
            } else if let Some(before) = last.insert(page, order) {
                let at = before.created_at;
                self.end(before.id, OrderEnd::Superseded, at);
            }
        }
        self.after.orders = kept;
        self.told_unwritten.extend(last.keys().map(|page| (page.clone(), now)));
        last.into_values().map(|order| Order { record: OnRecord::JournalDown, ..order }).collect()
    }

    fn end(&mut self, id: String, end: OrderEnd, at: Millis) {
        let ended = Cut { ended: vec![(id, end, at)], ..Cut::default() };
        self.cut.notes.extend(super::audit::returned(&ended));
        self.cut.ended.extend(ended.ended);
    }

    /// Whether the last commit failed.
    pub fn is_failing(&self) -> bool {
        self.failing.is_some()
    }

    /// Commits the group as one cut, and hands out what follows. After a failure everything is kept, to be committed
    /// together with what comes in until then; but clients that wait for an answer are told now that there is none.
    pub fn commit(&mut self, journal: &mut dyn Journal, now: Instant) -> Result<After, JournalError> {
        if self.awaits_whole {
            let reason = "the memory is yet to be written anew".to_owned();
            return Err(self.fail(JournalError::Write { reason }, now));
        }
        if self.failing.is_some() {
            self.compact();
        }
        self.cut.positions = self.positions.iter().map(|(partition, at)| (partition.clone(), at.clone())).collect();
        let counts = self.counts.iter();
        self.cut.counts =
            counts.map(|((source, column), records)| (source.clone(), column.clone(), *records)).collect();
        match journal.commit(&self.cut) {
            Ok(head) => {
                let told_unwritten = std::mem::take(&mut self.told_unwritten);
                let mut after = std::mem::replace(self, Self { told_unwritten, ..Self::default() }).after;
                after.orders.iter_mut().for_each(|order| order.record = OnRecord::At(head));
                Ok(after)
            }
            Err(error) => Err(self.fail(error, now)),
        }
    }

    fn fail(&mut self, error: JournalError, now: Instant) -> JournalError {
        let wait = self.failing.map_or(COMMIT_RETRY_FIRST, |last| (last.wait * 2).min(COMMIT_RETRY_MAX));
        let since = self.failing.map_or(now, |last| last.since);
        self.failing = Some(Failing { since, wait, retry_at: now + wait });
        self.after.let_waiting_clients_go();
        error
    }

    /// Leaves of each row only the last value, so that a long failure does not pile up what was overwritten since.
    fn compact(&mut self) {
        let rows: BTreeMap<(String, String), Option<String>> =
            self.cut.rows.drain(..).map(|row| ((row.table, row.key), row.value)).collect();
        self.cut.rows = rows.into_iter().map(|((table, key), value)| Row { table, key, value }).collect();
    }
}

impl After {
    fn is_empty(&self) -> bool {
        let Self { acknowledgements, desired, orders, answers, committed, receipts } = self;
        acknowledgements.is_empty()
            && desired.is_empty()
            && orders.is_empty()
            && answers.is_empty()
            && committed.is_empty()
            && receipts.is_empty()
    }

    fn extend(&mut self, later: Self) {
        self.acknowledgements.extend(later.acknowledgements);
        self.desired.extend(later.desired);
        self.orders.extend(later.orders);
        self.answers.extend(later.answers);
        self.committed.extend(later.committed);
        self.receipts.extend(later.receipts);
    }

    /// Drops the acknowledgements and answers that somebody is waiting for: they hear that nothing was committed.
    fn let_waiting_clients_go(&mut self) {
        self.acknowledgements.retain(|acknowledge| !acknowledge.client_waits);
        self.answers.clear();
    }
}

#[cfg(test)]
mod tests;
