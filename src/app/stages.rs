//! The threads that drive the stages. Each ends when what feeds it ends.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::AppError;
use crate::clock::SharedClock;
use crate::health::Health;
use crate::journal::{Journal, JournalError};
use crate::limits::{REORDER_MAX, TICK};
use crate::metrics::{Metrics, seconds_between};
use crate::order::OrderSender;
use crate::pause::PauseClient;
use crate::pipeline::{
    After, Board, DecodeStep, DecodedBatch, EngineStep, JournalStatus, JournalStep, Piece, RejectLog, Reorder, Work,
};
use crate::source::Batch;

/// Tells the daemon that a stage ended, by whatever way.
pub(super) struct EndNotice {
    pub(super) stage: &'static str,
    pub(super) ended: mpsc::Sender<&'static str>,
}

impl Drop for EndNotice {
    fn drop(&mut self) {
        // There is a place for each stage; without a receiver nobody wants to know.
        let _ = self.ended.try_send(self.stage);
    }
}

/// Starts a stage's thread.
pub(super) fn spawn(notice: EndNotice, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, AppError> {
    let stage = notice.stage;
    let thread = move || {
        let _notice = notice;
        work();
    };
    std::thread::Builder::new()
        .name(stage.to_owned())
        .spawn(thread)
        .map_err(|error| AppError::Thread { stage, reason: error.to_string() })
}

/// A batch on its way from decoding to the engine. Holds its place in the ring.
pub(super) struct Decoded {
    number: u64,
    batch: Box<DecodedBatch>,
    place: OwnedSemaphorePermit,
}

/// What the decoding threads share: the batches, which are numbered as they are taken, and the places in the ring.
pub(super) struct DecodeInbox {
    batches: Mutex<(u64, mpsc::Receiver<Batch>)>,
    places: Arc<Semaphore>,
    step: DecodeStep,
    rejects: RejectLog,
}

impl DecodeInbox {
    pub(super) fn new(batches: mpsc::Receiver<Batch>, step: DecodeStep) -> Self {
        let places = Arc::new(Semaphore::new(REORDER_MAX));
        Self { batches: Mutex::new((0, batches)), places, step, rejects: RejectLog::default() }
    }

    fn next(&self) -> Option<(u64, Batch)> {
        let mut batches = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
        let batch = batches.1.blocking_recv()?;
        let number = batches.0;
        batches.0 += 1;
        Some((number, batch))
    }
}

/// Decodes until there are no more batches.
pub(super) fn decode(inbox: &DecodeInbox, decoded: &mpsc::Sender<Decoded>, runtime: &Handle) {
    loop {
        // The place is taken before the number: so no batch is further ahead of the oldest one than the ring is long.
        let Ok(place) = runtime.block_on(Arc::clone(&inbox.places).acquire_owned()) else { return };
        let Some((number, batch)) = inbox.next() else { return };
        let batch = Box::new(inbox.step.step(batch));
        inbox.rejects.note(&batch);
        if decoded.blocking_send(Decoded { number, batch, place }).is_err() {
            return;
        }
    }
}

/// What the engine's thread works with.
pub(super) struct EngineThread {
    pub(super) step: EngineStep,
    pub(super) decoded: mpsc::Receiver<Decoded>,
    pub(super) acts: mpsc::Receiver<Work>,
    pub(super) pieces: mpsc::Sender<Piece>,
    pub(super) clock: SharedClock,
    pub(super) health: Arc<Health>,
}

impl EngineThread {
    pub(super) const NAME: &'static str = "engine";

    /// Judges until there are no more batches; then takes the acts that wait already, and ends.
    pub(super) async fn run(mut self) {
        let mut ring = Reorder::new(REORDER_MAX);
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.health.beat(Self::NAME);
            tokio::select! {
                biased;
                // Acts come first: a pause's outcome must not wait behind a burst of records.
                Some(work) = self.acts.recv() => self.judge(work).await,
                _ = ticks.tick() => self.judge(Work::Tick(self.clock.now())).await,
                decoded = self.decoded.recv() => match decoded {
                    Some(decoded) => self.batch(&mut ring, decoded).await,
                    None => break,
                },
            }
        }
        while let Ok(work) = self.acts.try_recv() {
            self.judge(work).await;
        }
        self.health.retire(Self::NAME);
    }

    async fn batch(&mut self, ring: &mut Reorder<(Box<DecodedBatch>, OwnedSemaphorePermit)>, decoded: Decoded) {
        if let Err(error) = ring.push(decoded.number, (decoded.batch, decoded.place)) {
            // The semaphore makes this impossible; should it happen, the order is lost and only a restart mends it.
            tracing::error!(%error, "a batch came out of turn");
            self.decoded.close();
            return;
        }
        while let Some((batch, _place)) = ring.pop() {
            self.judge(Work::Batch(batch)).await;
        }
    }

    async fn judge(&mut self, work: Work) {
        let mut piece = self.step.step(work);
        if piece.is_empty() {
            return;
        }
        loop {
            match self.pieces.try_send(piece) {
                Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => return,
                Err(mpsc::error::TrySendError::Full(back)) => piece = back,
            }
            // The journal is behind, or fails: this thread lives and waits, and so does everything before it.
            self.health.beat(Self::NAME);
            let _ = timeout(TICK, self.pieces.reserve()).await;
        }
    }
}

/// What the journal's thread works with.
pub(super) struct JournalThread {
    pub(super) journal: Box<dyn Journal>,
    pub(super) pieces: mpsc::Receiver<Piece>,
    /// Where the engine is asked for all that it remembers; held weakly, since the engine ends first.
    pub(super) acts: mpsc::WeakSender<Work>,
    pub(super) orders: OrderSender,
    pub(super) pauses: Option<PauseClient>,
    pub(super) board: Arc<Board>,
    pub(super) clock: SharedClock,
    pub(super) metrics: Arc<Metrics>,
    pub(super) health: Arc<Health>,
}

impl JournalThread {
    pub(super) const NAME: &'static str = "journal";

    /// Writes until there are no more pieces; then what is left, until that works.
    pub(super) async fn run(mut self) {
        let mut step = JournalStep::default();
        let mut open = true;
        while open || step.due_at().is_some() {
            self.health.beat(Self::NAME);
            let now = Instant::now();
            let wait = match step.due_at() {
                Some(due) if due <= now || (!open && !step.is_failing()) => {
                    open = open && self.take_in(&mut step);
                    self.commit(&mut step);
                    continue;
                }
                Some(due) => (due - now).min(TICK),
                None => TICK,
            };
            if !open || step.is_full() {
                sleep(wait).await;
            } else if let Ok(received) = timeout(wait, self.pieces.recv()).await {
                match received {
                    Some(piece) => step.push(piece, Instant::now()),
                    None => open = false,
                }
            }
        }
        self.health.retire(Self::NAME);
    }

    /// An attempt that fails may take longer than the wait before the next one: what came meanwhile is taken in before it, so
    /// that pages which must not wait for the journal are found. Says whether more may come.
    fn take_in(&mut self, step: &mut JournalStep) -> bool {
        while step.is_failing() && !step.is_full() {
            match self.pieces.try_recv() {
                Ok(piece) => step.push(piece, Instant::now()),
                Err(mpsc::error::TryRecvError::Empty) => return true,
                Err(mpsc::error::TryRecvError::Disconnected) => return false,
            }
        }
        true
    }

    fn commit(&mut self, step: &mut JournalStep) {
        let was_failing = step.is_failing();
        let started = Instant::now();
        let result = step.commit(self.journal.as_mut(), started);
        self.metrics.observe_commit(started.elapsed().as_secs_f64(), result.is_ok());
        match result {
            Ok(after) => {
                if was_failing {
                    tracing::info!("the journal works again");
                    let set_aside = self.board.journal_status().set_aside;
                    self.board.journal(JournalStatus { ok: true, set_aside, ..JournalStatus::default() });
                    self.health.set_journal_trouble(None);
                }
                self.release(after);
            }
            Err(error) => self.fail(step, &error),
        }
    }

    /// Says that nothing can be written, sees whether something can be done about it, and lets those pages go that must not
    /// wait for it.
    fn fail(&mut self, step: &mut JournalStep, error: &JournalError) {
        let before = self.board.journal_status();
        tracing::error!(%error, "nothing is acknowledged or paused until the journal works again");
        self.board.journal(JournalStatus {
            ok: false,
            failing_since: before.failing_since.or_else(|| Some(self.clock.now().second().to_string())),
            reason: Some(error.to_string()),
            set_aside: before.set_aside,
        });
        let word = error.to_string();
        self.health.set_journal_trouble(Some(word.lines().next().unwrap_or_default()));
        if let JournalError::Damaged { reason, .. } = error {
            self.begin_anew(step, reason);
        } else if step.awaits_whole() {
            self.ask_for_memory();
        }
        for order in step.release_unwritten(Instant::now()) {
            self.orders.send(order);
        }
    }

    fn begin_anew(&mut self, step: &mut JournalStep, reason: &str) {
        match self.journal.begin_anew(reason, self.clock.now()) {
            Ok(set_aside) => {
                tracing::error!(%set_aside, "the journal begins anew, with what is remembered here");
                self.metrics.count_journal_set_aside();
                let status = self.board.journal_status();
                self.board.journal(JournalStatus { set_aside: Some(set_aside.to_string()), ..status });
                step.begin_anew();
                self.ask_for_memory();
            }
            Err(error) => tracing::error!(%error, "the damaged journal cannot be set aside"),
        }
    }

    /// Asks again at the next failure if the engine has no ear for it.
    fn ask_for_memory(&self) {
        if let Some(acts) = self.acts.upgrade() {
            let _ = acts.try_send(Work::Remember);
        }
    }

    /// Lets go of what was to follow: pauses before pages, since neither waits for the other and pauses are urgent.
    fn release(&self, after: After) {
        for committed in after.committed {
            let _ = committed.send(());
        }
        for (desired, mode) in after.desired {
            let Some(pauses) = &self.pauses else {
                tracing::error!(entity = ?desired.key.entity, "nothing carries out pauses: no [act] is configured");
                continue;
            };
            if let Err(error) = pauses.want(desired, mode) {
                tracing::error!(%error, "a pause is only carried out after a restart");
            }
        }
        for order in after.orders {
            self.orders.send(order);
        }
        for acknowledge in after.acknowledgements {
            // Whoever waited may have gone; what was committed stays so.
            let _ = acknowledge.sender.send(acknowledge.committed);
        }
        for (sender, result) in after.answers {
            let _ = sender.send(result);
        }
        let now = self.clock.now();
        for receipt in after.receipts {
            self.metrics.observe_release_seconds(seconds_between(receipt.received_at, now), receipt.facts);
        }
    }
}
