//! What follows a commit, what `act` and people say, and what comes of that.

use tokio::sync::oneshot;
use trailbrake_detectors::engine::{Act as HumanAct, Desired, Human};

use super::act::Saying;
use super::process::PIECES_MAX;
use super::world::{Broken, Done, Plant, World};
use crate::journal::Artefact;
use crate::order::Input;
use crate::pipeline::{After, Answer, Piece, Work};

/// Reviewers, and the answers that they wait for.
#[derive(Default)]
pub(super) struct People {
    acts: u64,
    waiting: Vec<(Human, Option<oneshot::Receiver<Answer>>)>,
}

impl People {
    /// Nobody answers any more: everybody will ask again.
    pub(super) fn forget_answers(&mut self) {
        self.waiting.iter_mut().for_each(|(_, waiting)| *waiting = None);
    }

    /// Whether nobody ever acted.
    pub(super) fn did_nothing(&self) -> bool {
        self.acts == 0
    }

    /// Whether everybody was answered.
    pub(super) fn are_answered(&self) -> bool {
        self.waiting.is_empty()
    }
}

impl World {
    /// Hands on what a commit lets go, in the daemon's order.
    pub(super) fn release(&mut self, after: After) -> Result<(), Broken> {
        for committed in after.committed {
            let _ = committed.send(());
        }
        for (desired, mode) in after.desired {
            // Of several states of one entity in a group only the last is written.
            let covers = |held: &Desired| held.key == desired.key && held.generation >= desired.generation;
            if !self.disk().desired.iter().any(covers) {
                return Err(format!("{} is to be paused before that is durable", desired.key.entity));
            }
            self.process.wanted.add(desired, mode).map_err(|error| error.to_string())?;
        }
        for order in after.orders {
            if self.plant == Some(Plant::LostOrder) {
                continue;
            }
            self.process.tell(&order.receiver.clone(), Input::Order(Box::new(order)), self.now);
        }
        for acknowledge in after.acknowledgements {
            if self.plant != Some(Plant::LostAcknowledgement) {
                let _ = acknowledge.sender.send(acknowledge.committed);
            }
        }
        for (sender, answer) in after.answers {
            let _ = sender.send(answer);
        }
        Ok(())
    }

    /// `run` and `act` speak: one thing is said and heard.
    pub(super) fn talk(&mut self) -> Done {
        if self.act.silent_until > self.now {
            if self.process.is_connected {
                self.process.is_connected = false;
                self.act.lose_connection();
            }
            return Ok(false);
        }
        if !self.process.is_connected {
            self.process.is_connected = true;
            self.process.wanted.unsay_all();
        }
        if let Some((desired, _)) = self.process.wanted.take_unsaid() {
            self.note(format!("act hears of {} {:?}", desired.generation, desired.rung));
            self.act.hear(desired);
            return Ok(true);
        }
        if self.hear_commits() {
            return Ok(true);
        }
        if self.process.pieces.len() >= PIECES_MAX {
            return Ok(false);
        }
        let Some(saying) = self.act.said.pop_front() else { return Ok(false) };
        match saying {
            Saying::Artefact(key, generation) if self.process.wanted.is_wanted(&key, generation) => {
                let (sender, receiver) = oneshot::channel();
                if self.plant == Some(Plant::PauseBeforeCommit) {
                    self.act.hear_committed(&key, generation);
                }
                let artefact = Artefact {
                    key: key.clone(),
                    generation,
                    hook: "simulated".to_owned(),
                    change: serde_json::Value::Null,
                    undo: serde_json::Value::Null,
                    at: self.now,
                };
                let mut piece = Piece { decision: true, ..Piece::default() };
                piece.cut.artefacts.push(artefact);
                piece.after.committed.push(sender);
                self.process.pieces.push_back((0, piece));
                self.process.commits.push((key, generation, receiver));
            }
            Saying::Artefact(..) => {}
            Saying::Outcome(outcome) => {
                if self.process.wanted.settle(&outcome).is_some() {
                    self.process.works.push_back(Work::Outcome(outcome));
                }
            }
        }
        Ok(true)
    }

    /// Tells `act` which artefacts are durable; what was not taken is asked for again.
    fn hear_commits(&mut self) -> bool {
        for index in 0..self.process.commits.len() {
            let (key, generation, waiting) = &mut self.process.commits[index];
            match waiting.try_recv() {
                Ok(()) => self.act.hear_committed(key, *generation),
                Err(oneshot::error::TryRecvError::Closed) => self.process.wanted.unsay(key),
                Err(oneshot::error::TryRecvError::Empty) => continue,
            }
            self.process.commits.remove(index);
            return true;
        }
        false
    }

    /// `act` does something. What it changes must have been announced and wanted.
    pub(super) fn pause(&mut self) -> Done {
        let is_busy = self.act.is_busy();
        let Some((key, generation)) = self.act.step(self.now, &mut self.choices) else { return Ok(is_busy) };
        self.note(format!("{} is changed, generation {generation}", key.entity));
        self.happened.changes += u32::from(!self.choices.are_spent());
        let disk = self.disk();
        if !disk.desired.iter().any(|desired| desired.key == key && desired.generation == generation) {
            return Err(format!("{} was changed, and nothing durable wants that", key.entity));
        }
        if !disk.artefacts.contains(&(key.clone(), generation)) {
            return Err(format!("{} was changed before its artefact was durable", key.entity));
        }
        drop(disk);
        Ok(true)
    }

    /// A reviewer lets an incident's principal go on.
    pub(super) fn resume(&mut self) -> Done {
        let incidents = self.process.board.incidents(None, None, 100);
        let open: Vec<_> =
            incidents.iter().filter(|one| crate::pipeline::is_open(one.incident.state)).cloned().collect();
        let Some(incident) = open.get(self.choices.below(open.len())) else { return Ok(false) };
        self.people.acts += 1;
        self.happened.acts += u32::from(!self.choices.are_spent());
        let who = ["ann", "bob"][usize::from(self.people.acts.is_multiple_of(2))];
        let act = HumanAct::Resume {
            incident: incident.incident.id.clone(),
            reason: "planned".to_owned(),
            break_glass: false,
        };
        let id = format!("act-{}", self.people.acts);
        let human = Human { id, at: self.now, who: who.to_owned(), principals: Vec::new(), act };
        self.note(format!("{who} resumes {}", incident.incident.id));
        self.people.waiting.push((human, None));
        Ok(true)
    }

    /// People ask until they are answered, and what they hear is durable.
    pub(super) fn hear_people(&mut self) -> Done {
        for index in 0..self.people.waiting.len() {
            let (human, waiting) = &mut self.people.waiting[index];
            match waiting.as_mut().map(oneshot::Receiver::try_recv) {
                Some(Ok(_)) => {
                    let (human, _) = self.people.waiting.remove(index);
                    self.note(format!("{} is answered", human.id));
                    return Ok(true);
                }
                Some(Err(oneshot::error::TryRecvError::Empty)) => {}
                Some(Err(oneshot::error::TryRecvError::Closed)) | None => {
                    let (answer, receiver) = oneshot::channel();
                    // The listener stamps what it accepts.
                    human.at = self.now;
                    self.process.works.push_back(Work::Human { human: human.clone(), answer });
                    *waiting = Some(receiver);
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}
