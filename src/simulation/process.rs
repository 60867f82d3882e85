//! The process: the stages of the daemon and the queues between them. A crash leaves nothing of it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;
use trailbrake_detectors::engine::{Human, Outcome, PauseKey, Settings, Watch};
use trailbrake_detectors::time::Millis;

use super::disk::Disk;
use super::receivers::{Letter, RECEIVERS, outbox};
use super::sources::{CLIENTS, STREAM};
use crate::app::recovery::{Recovered, remember};
use crate::clock::{ManualClock, SharedClock};
use crate::journal::{Cut, Head, Journal, JournalError, Link, Loaded, Positions, Recall};
use crate::metrics::Metrics;
use crate::order::{Ended, Input, Outbox, Step};
use crate::pause::Wanted;
use crate::pipeline::{Board, DecodeStep, DecodedBatch, EngineStep, JournalStep, Piece, Reorder, Work};
use crate::source::Batch;

/// Batches between reading and judging, and pieces between judging and writing: few, so that queues are often full.
pub(super) const BATCHES_MAX: usize = 4;
pub(super) const PIECES_MAX: usize = 4;

/// What was judged, to be judged again by an undisturbed engine.
pub(super) enum Logged {
    Batch(Batch),
    Tick(Millis),
    Human(Human),
    Outcome(Outcome),
    Watch(Watch),
}

/// The disk, as the process holds it.
pub(super) struct OpenDisk(pub(super) Arc<Mutex<Disk>>);

/// The stages and what waits between them.
pub(super) struct Process {
    pub(super) taken: u64,
    pub(super) decode: DecodeStep,
    pub(super) undecoded: Vec<(u64, Batch)>,
    pub(super) ring: Reorder<(Box<DecodedBatch>, Batch)>,
    pub(super) works: VecDeque<Work>,
    pub(super) engine: EngineStep,
    /// Pieces, each with how far the log is once it is durable.
    pub(super) pieces: VecDeque<(usize, Piece)>,
    pub(super) step: JournalStep,
    pub(super) journal: Box<dyn Journal>,
    pub(super) group_reaches: usize,
    pub(super) outboxes: BTreeMap<&'static str, Outbox>,
    pub(super) letters: Vec<(&'static str, Letter)>,
    pub(super) ended: VecDeque<Ended>,
    pub(super) wanted: Wanted,
    pub(super) commits: Vec<(PauseKey, u64, oneshot::Receiver<()>)>,
    pub(super) is_connected: bool,
    pub(super) board: Arc<Board>,
    pub(super) ticked_at: Millis,
}

impl Process {
    /// Starts on what the disk holds, as the daemon does; says from where on the sources are read. `forgets_repeats` is
    /// a planted bug: orders that were found are sent as if nobody could have been told of them.
    pub(super) fn start(
        disk: &Arc<Mutex<Disk>>,
        settings: &Settings,
        now: Millis,
        forgets_repeats: bool,
    ) -> (Self, Positions) {
        let clock: SharedClock = Arc::new(ManualClock::at(now));
        let journal = Box::new(OpenDisk(Arc::clone(disk)));
        let receivers = RECEIVERS.map(str::to_owned).to_vec();
        let metrics = Arc::new(Metrics::new());
        let recovered = remember(journal, settings, &[STREAM, CLIENTS], receivers, &clock, &metrics);
        let Recovered { journal, step, board, positions, orders, open_pages, unsettled } = recovered.expect("loads");
        let outboxes = RECEIVERS.map(|name| (name, outbox(name, &open_pages, now))).into();
        let mut process = Self {
            taken: 0,
            decode: DecodeStep::default(),
            undecoded: Vec::new(),
            ring: Reorder::new(BATCHES_MAX),
            works: VecDeque::new(),
            engine: step,
            pieces: VecDeque::new(),
            step: JournalStep::default(),
            journal,
            group_reaches: 0,
            outboxes,
            letters: Vec::new(),
            ended: VecDeque::new(),
            wanted: Wanted::default(),
            commits: Vec::new(),
            is_connected: false,
            board,
            ticked_at: now,
        };
        for order in orders {
            let input = if forgets_repeats { Input::Order } else { Input::Recovered };
            process.tell(&order.receiver.clone(), input(Box::new(order)), now);
        }
        for (desired, mode) in unsettled {
            process.wanted.add(desired, mode).expect("there is room");
        }
        (process, positions.as_ref().clone())
    }

    /// Gives a receiver's outbox an input, and takes from it what is to be sent and what ended.
    pub(super) fn tell(&mut self, receiver: &str, input: Input, now: Millis) {
        let Some((name, outbox)) = self.outboxes.iter_mut().find(|(name, _)| **name == receiver) else { return };
        let Step { send, summary, ended } = outbox.step(input, now);
        for order in send {
            let is_marked = outbox.may_repeat(&order.announcement.page_key);
            self.letters.push((name, Letter::Order(Box::new(order), is_marked)));
        }
        self.letters.extend(summary.map(|summary| (*name, Letter::Together(summary))));
        self.ended.extend(ended);
    }

    /// Judges, and logs what was judged.
    pub(super) fn judge(&mut self, work: Work, logged: Logged, log: &mut Vec<Logged>) {
        log.push(logged);
        let piece = self.engine.step(work);
        if !piece.is_empty() {
            self.pieces.push_back((log.len(), piece));
        }
    }

    /// Batches that are read and not judged.
    pub(super) fn batches(&self) -> usize {
        self.undecoded.len() + self.ring.len()
    }
}

impl Logged {
    /// What a work is in the log; batches are logged as they were read.
    pub(super) fn of(work: &Work) -> Option<Self> {
        Some(match work {
            Work::Tick(now) => Self::Tick(*now),
            Work::Human { human, .. } => Self::Human(human.clone()),
            Work::Outcome(outcome) => Self::Outcome(outcome.clone()),
            Work::Watch(watch) => Self::Watch(watch.clone()),
            Work::Batch(_) | Work::Inventory(..) | Work::Remember | Work::Configure { .. } => return None,
        })
    }

    /// The work, with nobody who waits for it.
    pub(super) fn to_work(&self) -> Work {
        match self {
            Self::Batch(batch) => Work::Batch(Box::new(DecodeStep::default().step(copy(batch)))),
            Self::Tick(now) => Work::Tick(*now),
            Self::Human(human) => Work::Human { human: human.clone(), answer: oneshot::channel().0 },
            Self::Outcome(outcome) => Work::Outcome(outcome.clone()),
            Self::Watch(watch) => Work::Watch(watch.clone()),
        }
    }
}

/// A batch without whoever waits for it.
pub(super) fn copy(batch: &Batch) -> Batch {
    Batch {
        terms: Arc::clone(&batch.terms),
        partition: batch.partition.clone(),
        payloads: batch.payloads.clone(),
        position: batch.position.clone(),
        received_at: batch.received_at,
        acknowledgement: None,
    }
}

impl Journal for OpenDisk {
    fn load(&mut self) -> Result<Loaded, JournalError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).load()
    }

    fn commit(&mut self, cut: &Cut) -> Result<Head, JournalError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).commit(cut)
    }

    fn recall(&self) -> Box<dyn Recall> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).recall()
    }

    fn trail(&mut self, take: &mut dyn FnMut(Link) -> bool) -> Result<(), JournalError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).trail(take)
    }
}
