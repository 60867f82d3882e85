//! The journal's stage: groups pieces into cuts, commits them, and only then lets go of what was to follow.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use trailbrake_detectors::engine::{Desired, FactRow, Mode, Partition, Row};

use crate::journal::{Cut, Journal, JournalError, Order};
use crate::limits::{
    COMMIT_RETRY_FIRST, COMMIT_RETRY_MAX, GROUP_ROWS_MAX, GROUP_WAIT, UNWRITTEN_PIECES_MAX, UNWRITTEN_ROWS_MAX,
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
}

/// The stage that owns the journal's cuts.
#[derive(Debug, Default)]
pub struct JournalStep {
    cut: Cut,
    positions: BTreeMap<Partition, String>,
    counts: BTreeMap<(String, String), u64>,
    after: After,
    pieces: usize,
    opened_at: Option<Instant>,
    decision: bool,
    failing: Option<Failing>,
}

#[derive(Clone, Copy, Debug)]
struct Failing {
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
        let Piece { cut, facts, decision, after } = piece;
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
        let filled = self.decision || self.cut.rows.len() >= GROUP_ROWS_MAX;
        Some(if filled { opened_at } else { opened_at + GROUP_WAIT })
    }

    /// Whether so much is unwritten that nothing more may be taken in: what comes before the journal then waits.
    pub fn is_full(&self) -> bool {
        self.cut.rows.len() >= UNWRITTEN_ROWS_MAX || self.pieces >= UNWRITTEN_PIECES_MAX
    }

    /// Whether the last commit failed.
    pub fn is_failing(&self) -> bool {
        self.failing.is_some()
    }

    /// Commits the group as one cut, and hands out what follows. After a failure everything is kept, to be committed
    /// together with what comes in until then; but clients that wait for an answer are told now that there is none.
    pub fn commit(&mut self, journal: &mut dyn Journal, now: Instant) -> Result<After, JournalError> {
        if self.failing.is_some() {
            self.compact();
        }
        self.cut.positions = self.positions.iter().map(|(partition, at)| (partition.clone(), at.clone())).collect();
        let counts = self.counts.iter();
        self.cut.counts =
            counts.map(|((source, column), records)| (source.clone(), column.clone(), *records)).collect();
        match journal.commit(&self.cut) {
            Ok(()) => Ok(std::mem::take(self).after),
            Err(error) => {
                let wait = self.failing.map_or(COMMIT_RETRY_FIRST, |last| (last.wait * 2).min(COMMIT_RETRY_MAX));
                self.failing = Some(Failing { wait, retry_at: now + wait });
                self.after.let_waiting_clients_go();
                Err(error)
            }
        }
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
        let Self { acknowledgements, desired, orders, answers, committed } = self;
        acknowledgements.is_empty()
            && desired.is_empty()
            && orders.is_empty()
            && answers.is_empty()
            && committed.is_empty()
    }

    fn extend(&mut self, later: Self) {
        self.acknowledgements.extend(later.acknowledgements);
        self.desired.extend(later.desired);
        self.orders.extend(later.orders);
        self.answers.extend(later.answers);
        self.committed.extend(later.committed);
    }

    /// Drops the acknowledgements and answers that somebody is waiting for: they hear that nothing was committed.
    fn let_waiting_clients_go(&mut self) {
        self.acknowledgements.retain(|acknowledge| !acknowledge.client_waits);
        self.answers.clear();
    }
}

#[cfg(test)]
mod tests;
