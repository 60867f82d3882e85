//! The process and all around it, and the things that can happen next.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use trailbrake_detectors::engine::{BrakeSettings, Mode, Reach, Settings};
use trailbrake_detectors::time::Millis;

use super::act::Act;
use super::choices::Choices;
use super::disk::Disk;
use super::process::{BATCHES_MAX, Logged, PIECES_MAX, Process, copy};
use super::receivers::{Letter, RECEIVERS, Receiver};
use super::release::People;
use super::sources::{START, Sources, position_name};
use crate::limits::TICK;
use crate::order::Input;
use crate::pipeline::{Piece, Work};

/// A mistake that the simulation has to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plant {
    /// Receivers are told when an order is handed to the journal.
    PageBeforeCommit,
    /// Nobody hears that a batch is durable.
    LostAcknowledgement,
    /// A position is written before the facts that it covers.
    PositionAhead,
    /// A committed order never reaches its receiver's outbox.
    LostOrder,
    /// A restart sends orders as if nobody could have been told of them.
    UnmarkedRepeat,
    /// An `act` that was told nothing goes on all the same.
    PauseBeforeCommit,
    /// The second of two halves of a group is lost when a commit fails.
    LostGroup,
}

/// How often things happened before all healed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Happened {
    pub(super) crashes: u32,
    /// Crashes that found a commit written that had failed.
    pub(super) torn: u32,
    /// Commits that failed.
    pub(super) failures: u32,
    /// Messages that were tried.
    pub(super) messages: u32,
    /// Identities that were changed.
    pub(super) changes: u32,
    /// What people did.
    pub(super) acts: u32,
}

impl std::ops::AddAssign for Happened {
    fn add_assign(&mut self, other: Self) {
        self.crashes += other.crashes;
        self.torn += other.torn;
        self.failures += other.failures;
        self.messages += other.messages;
        self.changes += other.changes;
        self.acts += other.acts;
    }
}

/// Everything.
pub(super) struct World {
    pub(super) now: Millis,
    epoch: Instant,
    pub(super) choices: Choices,
    pub(super) disk: Arc<Mutex<Disk>>,
    pub(super) settings: Settings,
    pub(super) sources: Sources,
    pub(super) receivers: BTreeMap<&'static str, Receiver>,
    pub(super) act: Act,
    pub(super) people: People,
    pub(super) process: Process,
    pub(super) log: Vec<Logged>,
    pub(super) happened: Happened,
    pub(super) plant: Option<Plant>,
    pub(super) trace: Vec<String>,
}

/// What broke: the invariant and how.
pub(super) type Broken = String;
/// Whether something was done.
pub(super) type Done = Result<bool, Broken>;

impl World {
    pub(super) fn new(seed: u64, words: Vec<u16>, plant: Option<Plant>) -> Self {
        let mode = if (seed / 6).is_multiple_of(3) { Mode::Observe } else { Mode::Enforce };
        // The simulated hook pauses whom it is told to.
        let brake = BrakeSettings { mode, reach: Reach::Program, ..BrakeSettings::default() };
        let settings = Settings { brake, ..Settings::default() };
        let now = START.millis();
        let disk = Arc::new(Mutex::new(Disk::new()));
        let (process, _) = Process::start(&disk, &settings, now, false);
        Self {
            now,
            epoch: Instant::now(),
            choices: Choices::new(words),
            disk,
            settings,
            sources: Sources::new(seed),
            receivers: RECEIVERS.map(|name| (name, Receiver::default())).into(),
            act: Act::default(),
            people: People::default(),
            process,
            log: Vec::new(),
            happened: Happened::default(),
            plant,
            trace: Vec::new(),
        }
    }

    pub(super) fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn note(&mut self, what: impl Into<String>) {
        let after = self.now.0 - START.millis().0;
        self.trace.push(format!(
            "{:>9.3} s  {}",
            Duration::from_millis(after.unsigned_abs()).as_secs_f64(),
            what.into()
        ));
    }

    /// The time as the journal's stage tells it.
    pub(super) fn instant(&self) -> Instant {
        self.epoch + Duration::from_millis((self.now.0 - START.millis().0).unsigned_abs())
    }

    /// A source gives a batch, if there is room for one.
    pub(super) fn read(&mut self) -> Done {
        if self.process.batches() >= BATCHES_MAX {
            return Ok(false);
        }
        let (first, sources) = (self.choices.below(3), 3);
        for index in (first..first + sources).map(|index| index % sources) {
            let batch = match self.sources.shards.len() {
                shards if index < shards => self.sources.read(index, self.now, &mut self.choices),
                _ => self.sources.send(self.now),
            };
            if let Some(batch) = batch {
                self.note(format!(
                    "read {} of {}/{}",
                    batch.payloads.len(),
                    batch.partition.source,
                    batch.partition.name
                ));
                self.process.undecoded.push((self.process.taken, batch));
                self.process.taken += 1;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// One of the batches that were read is decoded.
    pub(super) fn decode(&mut self) -> Done {
        if self.process.undecoded.is_empty() {
            return Ok(false);
        }
        let index = self.choices.below(self.process.undecoded.len());
        let (number, batch) = self.process.undecoded.remove(index);
        let read = copy(&batch);
        let decoded = Box::new(self.process.decode.step(batch));
        self.process.ring.push(number, (decoded, read)).map_err(|error| error.to_string())?;
        Ok(true)
    }

    /// The engine takes what is next.
    pub(super) fn judge(&mut self) -> Done {
        if self.process.pieces.len() >= PIECES_MAX {
            return Ok(false);
        }
        if let Some(work) = self.process.works.pop_front() {
            let Some(logged) = Logged::of(&work) else { return Ok(false) };
            self.process.judge(work, logged, &mut self.log);
        } else if let Some((decoded, read)) = self.process.ring.pop() {
            self.process.judge(Work::Batch(decoded), Logged::Batch(read), &mut self.log);
        } else if self.now >= self.process.ticked_at.plus(i64::try_from(TICK.as_millis()).unwrap_or(i64::MAX)) {
            self.process.ticked_at = self.now;
            self.process.judge(Work::Tick(self.now), Logged::Tick(self.now), &mut self.log);
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// The journal's stage takes a piece into its group.
    pub(super) fn write(&mut self) -> Done {
        if self.process.step.is_full() {
            return Ok(false);
        }
        let Some((reaches, mut piece)) = self.process.pieces.pop_front() else { return Ok(false) };
        if self.plant == Some(Plant::PageBeforeCommit) {
            for order in std::mem::take(&mut piece.after.orders) {
                self.process.tell(&order.receiver.clone(), Input::Order(Box::new(order)), self.now);
            }
        }
        let now = self.instant();
        if self.plant == Some(Plant::PositionAhead) && !piece.cut.positions.is_empty() {
            let mut ahead = Piece { decision: true, ..Piece::default() };
            ahead.cut.positions = std::mem::take(&mut piece.cut.positions);
            self.process.pieces.push_front((reaches, piece));
            piece = ahead;
        } else {
            self.process.group_reaches = self.process.group_reaches.max(reaches);
        }
        self.process.step.push(piece, now);
        Ok(true)
    }

    /// The group is committed, if it is due.
    pub(super) fn commit(&mut self) -> Done {
        let now = self.instant();
        if self.process.step.due_at().is_none_or(|due_at| due_at > now) {
            return Ok(false);
        }
        self.disk().reaches = self.process.group_reaches;
        let committed = self.process.step.commit(self.process.journal.as_mut(), now);
        match committed {
            Ok(after) => {
                let orders: Vec<_> = after.orders.iter().map(|order| order.id.as_str()).collect();
                self.note(format!("commit {orders:?}"));
                self.release(after)?;
                self.check_disk()?;
            }
            Err(_) if self.plant == Some(Plant::LostGroup) => {
                self.process.step = crate::pipeline::JournalStep::default()
            }
            Err(_) => {
                self.happened.failures += 1;
                self.note("commit fails");
            }
        }
        Ok(true)
    }

    /// The receivers' tasks look what is due.
    pub(super) fn send(&mut self) -> Done {
        let before = self.process.letters.len() + self.process.ended.len();
        for name in RECEIVERS {
            self.process.tell(name, Input::Tick, self.now);
        }
        for (receiver, letter) in &self.process.letters {
            if let Letter::Order(order, _) = letter
                && !self.disk().orders.contains_key(&order.id)
            {
                return Err(format!("{receiver} is told of {} before it is durable", order.id));
            }
        }
        Ok(self.process.letters.len() + self.process.ended.len() > before)
    }

    /// A receiver answers, or does not.
    pub(super) fn answer(&mut self) -> Done {
        if self.process.letters.is_empty() {
            return Ok(false);
        }
        let index = self.choices.below(self.process.letters.len());
        let (name, letter) = self.process.letters.remove(index);
        let Some(receiver) = self.receivers.get_mut(name) else { return Ok(false) };
        let answer = receiver.answer(&mut self.choices);
        if answer.is_taken {
            receiver.take(&letter)?;
        }
        self.happened.messages += u32::from(!self.choices.are_spent());
        let random = 0.5;
        let (what, input) = match letter {
            Letter::Order(order, _) => {
                if answer.result.is_err() {
                    *receiver.unclear.entry(order.id.clone()).or_default() += u32::from(answer.is_taken);
                }
                let page_key = order.announcement.page_key.clone();
                (order.id, Input::Tried { page_key, result: answer.result, random })
            }
            Letter::Together(summary) => (summary.id, Input::Summarised { result: answer.result, random }),
        };
        self.note(format!(
            "{what}: taken {}, {:?}",
            answer.is_taken,
            answer.result.err().map(|failure| failure.reason)
        ));
        self.process.tell(name, input, self.now);
        Ok(true)
    }

    /// The end of an order goes to the journal.
    pub(super) fn tell_end(&mut self) -> Done {
        if self.process.pieces.len() >= PIECES_MAX {
            return Ok(false);
        }
        let Some(end) = self.process.ended.pop_front() else { return Ok(false) };
        let mut piece = Piece::default();
        piece.cut.ended.push((end.id, end.end, end.at));
        self.process.pieces.push_back((0, piece));
        Ok(true)
    }

    /// Everything of the process is gone; what begins anew finds the disk.
    pub(super) fn crash(&mut self) {
        self.happened.crashes += 1;
        self.note("crash");
        let letters = std::mem::take(&mut self.process.letters);
        for (name, letter) in letters {
            // What was under way may have arrived.
            if self.choices.below(2) == 1
                && let Some(receiver) = self.receivers.get_mut(name)
                && !receiver.is_dead
            {
                let _ = receiver.take(&letter);
            }
        }
        if self.choices.below(2) == 1 {
            self.act.die();
        }
        self.act.lose_connection();
        let is_torn = self.disk.lock().unwrap_or_else(PoisonError::into_inner).crash(&mut self.choices);
        if is_torn {
            self.note("the commit that failed is there");
        }
        self.happened.torn += u32::from(is_torn);
        let durable = self.disk().durable;
        self.log.truncate(durable);
        let forgets_repeats = self.plant == Some(Plant::UnmarkedRepeat);
        let (process, positions) = Process::start(&self.disk, &self.settings, self.now, forgets_repeats);
        self.process = process;
        self.process.group_reaches = durable;
        for shard in &mut self.sources.shards {
            let name = position_name(&shard.name);
            let at = positions.iter().find(|(partition, _)| partition.name == name);
            shard.read = at.and_then(|(_, position)| position.parse().ok()).unwrap_or(0);
        }
        self.people.forget_answers();
    }
}
