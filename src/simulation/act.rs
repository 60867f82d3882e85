//! What pauses: a process that may die at any moment, and IAM, which does not.

use std::collections::{BTreeMap, VecDeque};

use trailbrake_detectors::engine::{Desired, Outcome, PauseKey, PauseResult, Rung};
use trailbrake_detectors::time::Millis;

use super::choices::Choices;

/// What `act` says.
pub(super) enum Saying {
    /// This is about to change; it waits for the word that this is in the journal.
    Artefact(PauseKey, u64),
    /// How it ended.
    Outcome(Outcome),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing was looked at yet.
    Heard,
    /// It waits until its artefact is in the journal.
    Asked,
    /// It may change what it announced.
    Committed,
    /// The change was made.
    Changed,
    /// The outcome was said.
    Answered,
}

/// The process and the identities that it changes.
#[derive(Default)]
pub(super) struct Act {
    /// What is denied in IAM.
    pub(super) attached: BTreeMap<PauseKey, Rung>,
    jobs: BTreeMap<PauseKey, (Desired, Stage)>,
    pub(super) said: VecDeque<Saying>,
    /// It hears and says nothing while this is not over.
    pub(super) silent_until: Millis,
    /// How the last generation of each key ended, if it was given up.
    pub(super) gave_up: BTreeMap<PauseKey, u64>,
}

impl Act {
    /// It dies, and what it knew with it.
    pub(super) fn die(&mut self) {
        self.jobs.clear();
        self.said.clear();
    }

    /// The connection ends: what was said and not heard is lost.
    pub(super) fn lose_connection(&mut self) {
        self.said.clear();
    }

    /// Hears what is wanted. A state that is said again is begun anew, as far as nothing was made of it.
    pub(super) fn hear(&mut self, desired: Desired) {
        match self.jobs.get(&desired.key) {
            Some((held, _)) if held.generation > desired.generation => {}
            Some((held, Stage::Committed | Stage::Changed)) if held.generation == desired.generation => {}
            _ => {
                self.jobs.insert(desired.key.clone(), (desired, Stage::Heard));
            }
        }
    }

    /// Hears that an artefact is in the journal.
    pub(super) fn hear_committed(&mut self, key: &PauseKey, generation: u64) {
        if let Some((desired, stage)) = self.jobs.get_mut(key)
            && desired.generation == generation
            && *stage == Stage::Asked
        {
            *stage = Stage::Committed;
        }
    }

    /// Whether something is left to do or to say.
    pub(super) fn is_busy(&self) -> bool {
        !self.said.is_empty() || self.jobs.values().any(|(_, stage)| !matches!(stage, Stage::Asked | Stage::Answered))
    }

    /// Does one thing. Gives the change if it made one: the key and its generation.
    pub(super) fn step(&mut self, now: Millis, choices: &mut Choices) -> Option<(PauseKey, u64)> {
        let busy = |stage: &Stage| !matches!(stage, Stage::Asked | Stage::Answered);
        let key = {
            let jobs: Vec<_> = self.jobs.iter().filter(|(_, (_, stage))| busy(stage)).map(|(key, _)| key).collect();
            (*jobs.get(choices.below(jobs.len()))?).clone()
        };
        let (desired, stage) = self.jobs.get_mut(&key)?;
        let (generation, rung) = (desired.generation, desired.rung);
        let reached = if rung.is_some() { PauseResult::Paused } else { PauseResult::Resumed };
        let is_there = self.attached.get(&key).copied() == rung;
        match stage {
            Stage::Heard if is_there => *stage = Stage::Changed,
            Stage::Heard => {
                *stage = Stage::Asked;
                self.said.push_back(Saying::Artefact(key, generation));
            }
            Stage::Committed if choices.below(10) == 9 => {
                *stage = Stage::Answered;
                self.gave_up.insert(key.clone(), generation);
                let result = PauseResult::Failed { reason: "throttled".to_owned() };
                self.said.push_back(Saying::Outcome(Outcome { key, generation, at: now, result }));
            }
            Stage::Committed => {
                *stage = Stage::Changed;
                match rung {
                    Some(rung) => self.attached.insert(key.clone(), rung),
                    None => self.attached.remove(&key),
                };
                return Some((key, generation));
            }
            Stage::Changed => {
                *stage = Stage::Answered;
                self.gave_up.remove(&key);
                self.said.push_back(Saying::Outcome(Outcome { key, generation, at: now, result: reached }));
            }
            Stage::Asked | Stage::Answered => {}
        }
        None
    }
}
