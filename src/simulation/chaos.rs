//! What happens next, and that everything comes to its end once nothing goes wrong any more.

use trailbrake_detectors::engine::{Mode, Watch};
use trailbrake_detectors::time::Millis;

use super::disk::Fault;
use super::receivers::RECEIVERS;
use super::sources::STREAM;
use super::world::{Broken, Done, World};
use crate::pipeline::Work;

/// Rounds until everything must have come to its end.
const ROUNDS_MAX: usize = 20_000;
/// Steps of one round: a round that never ends is an error as well.
const STEPS_MAX: usize = 100_000;
/// Once the trail is over, how long until each incident is.
const SILENCE_MILLIS: i64 = 6 * 60 * 60 * 1_000;
const ROUND_MILLIS: i64 = 30_000;

impl World {
    /// Goes through all choices; then heals, and waits until all is done, all incidents are over, and checks the rest.
    pub(super) fn run(&mut self) -> Result<(), Broken> {
        while !self.choices.are_spent() {
            self.happen()?;
        }
        self.heal();
        self.come_to_rest()?;
        // What incidents tell of the last facts they tell with the next tick.
        self.now = self.now.plus(1_000);
        self.come_to_rest()?;
        self.check_judgement()?;
        self.end_incidents()?;
        self.check_end()
    }

    /// One thing happens. The first are those that do no harm.
    fn happen(&mut self) -> Result<(), Broken> {
        let steps = Self::steps();
        let kind = self.choices.below(steps.len() * 3 + 14);
        if let Some(first) = (kind < steps.len() * 3).then_some(kind / 3) {
            // What cannot be done leaves its turn to the next that can.
            for index in 0..steps.len() {
                if steps[(first + index) % steps.len()](self)? {
                    return Ok(());
                }
            }
            self.pass_time();
            return Ok(());
        }
        match kind - steps.len() * 3 {
            0..=4 => self.pass_time(),
            5 => self.crash(),
            6 => self.disk().fault = Fault::Fails,
            7 => self.disk().fault = Fault::Tears,
            8 | 9 => self.disk().fault = Fault::None,
            10 => {
                let name = RECEIVERS[self.choices.below(RECEIVERS.len())];
                if let Some(receiver) = self.receivers.get_mut(name) {
                    receiver.is_dead = !receiver.is_dead;
                }
            }
            11 => {
                let shard = self.choices.below(self.sources.shards.len());
                self.sources.shards[shard].silent_until = self.now.plus(100_000);
            }
            12 => {
                if self.choices.below(2) == 1 {
                    self.act.die();
                    self.act.lose_connection();
                    self.process.wanted.unsay_all();
                }
                self.act.silent_until = self.now.plus(20_000);
            }
            _ => {
                if self.choices.below(3) == 2 {
                    self.resume()?;
                } else {
                    self.watch();
                }
            }
        }
        Ok(())
    }

    /// The source finds something wrong with its trail, or nothing any more.
    fn watch(&mut self) {
        let trouble = (self.choices.below(2) == 1).then(|| "the trail was stopped".to_owned());
        let watch = Watch { source: STREAM.into(), at: self.now, trouble };
        self.process.works.push_back(Work::Watch(watch));
    }

    fn steps() -> [fn(&mut Self) -> Done; 10] {
        [
            Self::judge,
            Self::write,
            Self::commit,
            Self::read,
            Self::decode,
            Self::send,
            Self::answer,
            Self::tell_end,
            Self::talk,
            Self::pause,
        ]
    }

    fn pass_time(&mut self) {
        let millis = match self.choices.below(4) {
            0 => 10,
            1 => 300,
            2 => 5_000,
            _ => 30_000,
        };
        self.now = self.now.plus(millis);
        self.sources.hear(self.now, &mut self.choices);
        let _ = self.hear_people();
    }

    /// Nothing goes wrong any more.
    fn heal(&mut self) {
        self.note("all heals");
        self.disk().fault = Fault::None;
        self.receivers.values_mut().for_each(|receiver| receiver.is_dead = false);
        self.act.silent_until = Millis(0);
        self.sources.shards.iter_mut().for_each(|shard| shard.silent_until = Millis(0));
        self.process.works.push_back(Work::Watch(Watch { source: STREAM.into(), at: self.now, trouble: None }));
    }

    /// Does what can be done, lets time pass, and so on until nothing is left to do.
    fn come_to_rest(&mut self) -> Result<(), Broken> {
        for _ in 0..ROUNDS_MAX {
            self.exhaust()?;
            if self.is_at_rest() {
                return Ok(());
            }
            let soon = self.process.outboxes.values().filter_map(crate::order::Outbox::wake_at);
            let next = soon.chain(self.sources.next_at()).filter(|at| *at > self.now).min();
            let latest = self.now.plus(ROUND_MILLIS);
            // A group that waits is due within the shortest of these times, or after a few of them.
            self.now = next.map_or(latest, |next| next.min(latest)).max(self.now.plus(10));
        }
        Err(format!("nothing goes wrong any more, and there is no end: {}", self.what_is_left()))
    }

    fn exhaust(&mut self) -> Result<(), Broken> {
        for _ in 0..STEPS_MAX {
            self.sources.hear(self.now, &mut self.choices);
            let mut is_busy = self.hear_people()?;
            for step in Self::steps() {
                is_busy |= step(self)?;
            }
            if !is_busy {
                return Ok(());
            }
        }
        Err(format!("time stands still: {}", self.what_is_left()))
    }

    fn is_at_rest(&self) -> bool {
        let process = &self.process;
        self.sources.next_at().is_none()
            && self.sources.requests.iter().all(|request| request.is_answered)
            && self.people.are_answered()
            && process.batches() == 0
            && process.pieces.is_empty()
            && process.step.due_at().is_none()
            && process.outboxes.values().all(|outbox| outbox.unended() == 0)
            && process.ended.is_empty()
            && process.wanted.len() == 0
    }

    fn what_is_left(&self) -> String {
        let process = &self.process;
        format!(
            "{} requests, {} batches, {} pieces, {} orders, {} pauses, {} answers",
            self.sources.requests.iter().filter(|request| !request.is_answered).count(),
            process.batches(),
            process.pieces.len(),
            process.outboxes.values().map(crate::order::Outbox::unended).sum::<usize>(),
            process.wanted.len(),
            usize::from(!self.people.are_answered()),
        )
    }

    /// Lets so much time pass that each incident is over; what is paused is resumed by people.
    fn end_incidents(&mut self) -> Result<(), Broken> {
        let until = self.now.plus(SILENCE_MILLIS);
        while self.now < until {
            self.now = self.now.plus(10 * 60 * 1_000);
            self.come_to_rest()?;
        }
        let mut rounds = 0;
        while self.settings.brake.mode == Mode::Enforce && self.resume()? {
            self.come_to_rest()?;
            rounds += 1;
            if rounds > 100 {
                return Err("an incident is never over, however many people say so".to_owned());
            }
        }
        Ok(())
    }
}
