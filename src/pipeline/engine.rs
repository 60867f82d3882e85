//! The engine's stage: one input at a time becomes a piece of a cut, and what is to be done once that is durable.

use std::sync::Arc;

use tokio::sync::oneshot;
use trailbrake_detectors::engine::{
    Announcement, Column, Desired, Engine, Fact, Human, Input, Mode, Outcome, Output, Partition, PauseResult, Settings,
    Watch,
};
use trailbrake_detectors::inventory::Inventory;
use trailbrake_detectors::time::{Millis, Second};

use super::memory::Memory;
use super::{Accounts, Acknowledge, Board, DecodedBatch, Piece, Receipt, audit};
use crate::journal::{OnRecord, Order, Recall};
use crate::limits::FACTS_BETWEEN_BEATS;
use crate::metrics::{Metrics, seconds_between};
use crate::source::{Committed, Position};

/// What the engine's stage is given.
#[derive(Debug)]
pub enum Work {
    /// A batch, in the order of the numbers.
    Batch(Box<DecodedBatch>),
    /// Time passes.
    Tick(Millis),
    /// A human acts; told what came of it once that is durable.
    Human {
        /// The act.
        human: Human,
        /// Takes what came of it.
        answer: oneshot::Sender<Result<String, String>>,
    },
    /// A pause or resume was carried out, or not.
    Outcome(Outcome),
    /// A source says how its trail is.
    Watch(Watch),
    /// What existed before the trail, known from the time on.
    Inventory(Box<Inventory>, Millis),
    /// The journal lost what it held: all that is remembered is written again.
    Remember,
    /// Another configuration holds from the time on.
    Configure {
        /// What the engine is told.
        settings: Box<Settings>,
        /// The SHA-256 of the whole configuration.
        sha256: String,
        /// The names of the receivers that each announcement goes to.
        receivers: Vec<String>,
        /// When.
        at: Millis,
        /// Told once all that was decided before is durable and on its way.
        done: oneshot::Sender<()>,
    },
}

/// The stage that judges. Owns the engine.
pub struct EngineStep {
    engine: Engine,
    receivers: Vec<String>,
    board: Arc<Board>,
    metrics: Arc<Metrics>,
    answered: Option<(String, Result<String, String>)>,
    outputs: Vec<Output>,
    alive: Box<dyn Fn() + Send>,
    memory: Memory,
    /// Whether incidents were shown that are not counted yet.
    is_shown_anew: bool,
}

impl EngineStep {
    /// A stage around an engine, with the names of the receivers that each announcement goes to.
    pub fn new(engine: Engine, receivers: Vec<String>, board: Arc<Board>, metrics: Arc<Metrics>) -> Self {
        let step = Self {
            engine,
            receivers,
            board,
            metrics,
            answered: None,
            outputs: Vec::new(),
            alive: Box::new(|| {}),
            memory: Memory::default(),
            is_shown_anew: false,
        };
        step.measure();
        step
    }

    /// The same, which calls `alive` every [`FACTS_BETWEEN_BEATS`] facts: a large batch takes its time.
    #[must_use]
    pub fn showing_life(self, alive: impl Fn() + Send + 'static) -> Self {
        Self { alive: Box::new(alive), ..self }
    }

    /// The same, which knows copies of facts that were forgotten before; the newest of these is of the second `newest`.
    #[must_use]
    pub fn recalling(self, recall: Box<dyn Recall>, newest: Option<Second>) -> Self {
        Self { memory: Memory::new(recall, newest), ..self }
    }

    /// What the audit trail keeps of a start: by which settings is judged from here on, and the SHA-256 of the whole
    /// configuration.
    pub fn started(settings: &Settings, sha256: &str, at: Millis) -> Piece {
        let mut piece = Piece::default();
        piece.cut.notes.push(audit::configuration(settings, sha256, at));
        piece
    }

    /// The engine, to be looked at.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The mode that a desired state was decided in: that of the incidents that want it.
    pub fn mode_of(engine: &Engine, desired: &Desired) -> Mode {
        let situations = desired.incidents.iter().filter_map(|id| engine.situation(id));
        situations.map(|one| one.incident.mode).max().unwrap_or_default()
    }

    /// Judges one input.
    pub fn step(&mut self, work: Work) -> Piece {
        let piece = self.judge(work);
        if std::mem::take(&mut self.is_shown_anew) {
            self.measure();
        }
        piece
    }

    fn judge(&mut self, work: Work) -> Piece {
        match work {
            Work::Batch(batch) => self.batch(*batch),
            Work::Tick(now) => {
                self.board.remembers(self.engine.held());
                self.one(Input::Tick(now), now)
            }
            Work::Human { human, answer } => self.human(human, answer),
            Work::Outcome(outcome) => self.outcome(outcome),
            Work::Watch(watch) => {
                self.board.watch(&watch);
                let at = watch.at;
                self.one(Input::Watch(watch), at)
            }
            Work::Inventory(inventory, now) => self.one(Input::Inventory(inventory), now),
            Work::Remember => self.whole(),
            Work::Configure { settings, sha256, receivers, at, done } => {
                self.receivers = receivers;
                let note = audit::configuration(&settings, &sha256, at);
                let mut piece = self.one(Input::Configure(settings), at);
                piece.decision = true;
                piece.cut.notes.push(note);
                piece.after.committed.push(done);
                piece
            }
        }
    }

    /// The whole memory. Pieces before it are covered by it.
    fn whole(&self) -> Piece {
        let mut piece = Piece { decision: true, ..Piece::default() };
        (piece.cut.whole, piece.cut.rows) = (true, self.engine.rows());
        piece
    }

    fn one(&mut self, input: Input, now: Millis) -> Piece {
        let mut piece = Piece::default();
        self.apply(input, now, &mut piece, &mut Accounts::default());
        piece
    }

    fn human(&mut self, human: Human, answer: oneshot::Sender<Result<String, String>>) -> Piece {
        let (id, at, noted) = (human.id.clone(), human.at, human.clone());
        let mut piece = self.one(Input::Human(human), at);
        if let Some((_, result)) = self.answered.take().filter(|(answered, _)| *answered == id) {
            piece.cut.notes.push(audit::human(&noted, &result));
            piece.after.answers.push((answer, result));
        }
        piece
    }

    fn outcome(&mut self, outcome: Outcome) -> Piece {
        let (key, generation, at) = (outcome.key.clone(), outcome.generation, outcome.at);
        let undone = outcome.result == PauseResult::Resumed;
        let note = audit::outcome(&outcome);
        let mut piece = self.one(Input::Outcome(outcome), at);
        piece.cut.notes.push(note);
        piece.cut.undone.extend(undone.then(|| key.clone()));
        piece.cut.settled.push((key, generation));
        piece
    }

    fn batch(&mut self, batch: DecodedBatch) -> Piece {
        let mut piece = Piece::default();
        let source = Arc::clone(&batch.terms.name);
        let mut accounts = batch.accounts;
        for (number, event) in batch.events.into_iter().enumerate() {
            if number % FACTS_BETWEEN_BEATS == 0 {
                (self.alive)();
            }
            self.metrics.observe_delivery_seconds(seconds_between(event.time.millis(), batch.received_at));
            if self.memory.knows(&self.engine, &event) {
                accounts.count(Accounts::word(Column::Duplicate), 1);
                continue;
            }
            let fact = Fact {
                event,
                partition: batch.partition.clone(),
                received_at: batch.received_at,
                may_pause: batch.terms.may_pause,
            };
            self.apply(Input::Fact(Box::new(fact)), batch.received_at, &mut piece, &mut accounts);
        }
        if let Some(time) = batch.newest {
            let mark = Input::Mark { partition: batch.partition.clone(), time, received_at: batch.received_at };
            self.apply(mark, batch.received_at, &mut piece, &mut accounts);
        }
        self.board.heard(&source, batch.received_at, batch.newest, &accounts);
        self.count(&source, &accounts, &batch.rejected, &mut piece);
        self.metrics.count_read_only_destructive(&source, batch.read_only_destructive);
        self.metrics.count_resources_left_out(&source, batch.resources_left_out);
        if let Some(Position { name, at }) = batch.position {
            piece.cut.positions.push((Partition { source, name }, at));
        }
        let facts = accounts.facts();
        piece.after.receipts.extend((facts > 0).then_some(Receipt { received_at: batch.received_at, facts }));
        let committed = Committed {
            received: accounts.received(),
            rejected: accounts.column(Accounts::REJECTED),
            reasons: batch.rejected,
        };
        let client_waits = piece.cut.positions.is_empty();
        let acknowledge = |sender| Acknowledge { sender, committed, client_waits };
        piece.after.acknowledgements.extend(batch.acknowledgement.map(acknowledge));
        piece
    }

    fn count(&self, source: &str, accounts: &Accounts, rejected: &[(&'static str, u64)], piece: &mut Piece) {
        let received = (Accounts::RECEIVED, accounts.received());
        for (column, records) in std::iter::once(received).chain(accounts.columns()) {
            if records > 0 {
                piece.cut.counts.push((source.to_owned(), column.to_owned(), records));
            }
        }
        for (column, records) in accounts.columns() {
            self.metrics.count_records(source, column, records);
        }
        for (reason, records) in rejected {
            self.metrics.count_rejects(source, reason, *records);
        }
        let unaccounted = accounts.unaccounted();
        if unaccounted > 0 {
            self.metrics.count_records(source, "unaccounted", unaccounted);
            tracing::error!(source, unaccounted, %accounts, "the accounts of a batch do not add up");
        }
    }

    /// Gives the engine one input, and sorts what it says into the piece.
    fn apply(&mut self, input: Input, now: Millis, piece: &mut Piece, accounts: &mut Accounts) {
        let mut outputs = std::mem::take(&mut self.outputs);
        self.engine.apply(input, &mut outputs);
        for output in outputs.drain(..) {
            match output {
                Output::Counted { column, .. } => accounts.count(Accounts::word(column), 1),
                Output::Row(row) => piece.cut.rows.push(row),
                Output::Fact(fact) => piece.facts.push(fact),
                Output::Forgotten(forgotten) => {
                    self.memory.forget(forgotten);
                    piece.cut.forgotten.push(forgotten);
                }
                Output::Announce(announcement) => self.order(&announcement, now, piece),
                Output::Desire(desired) => self.desire(desired, piece),
                Output::Answer { id, result } => self.answered = Some((id, result)),
                Output::Incident { situation, .. } => {
                    self.board.show(*situation);
                    self.is_shown_anew = true;
                }
                // Nothing looks placements up: what is unknown stays unknown, and is shown as such.
                Output::Wanted(_) => self.metrics.count_placement_wanted(),
            }
        }
        self.outputs = outputs;
    }

    fn order(&self, announcement: &Announcement, now: Millis, piece: &mut Piece) {
        piece.decision = true;
        let incident = &announcement.situation.incident;
        tracing::info!(
            incident = %incident.id,
            severity = incident.severity.as_str(),
            state = incident.state.as_str(),
            change = ?announcement.change,
            receivers = self.receivers.len(),
            "incident announced"
        );
        piece.cut.notes.push(audit::announced(announcement, &self.receivers));
        for receiver in &self.receivers {
            let order = Order {
                id: format!("{}/{receiver}", announcement.id),
                receiver: receiver.clone(),
                announcement: announcement.clone(),
                created_at: now,
                record: OnRecord::Unknown,
            };
            piece.cut.orders.push(order.clone());
            piece.after.orders.push(order);
        }
    }

    fn desire(&self, desired: Desired, piece: &mut Piece) {
        piece.decision = true;
        let mode = Self::mode_of(&self.engine, &desired);
        piece.cut.notes.push(audit::desired(&desired, mode));
        piece.cut.desired.push(desired.clone());
        piece.after.desired.push((desired, mode));
    }

    fn measure(&self) {
        let counts = self.board.counts();
        let open: Vec<_> = counts.open.iter().map(|(severity, open)| (severity.as_str(), *open)).collect();
        self.metrics.set_incidents_open(&open);
        self.metrics.set_paused(counts.paused);
    }
}
