//! How much the engine remembers, for whoever watches it.

use serde::{Deserialize, Serialize};

use super::Engine;

/// What is remembered, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Facts that what still arrives may be judged with.
    pub facts: usize,
    /// Incidents, over or not.
    pub incidents: usize,
    /// Incidents that are not over.
    pub incidents_open: usize,
    /// Entities that are to be paused.
    pub pauses_wanted: usize,
    /// Parts of sources whose progress is known.
    pub partitions: usize,
    /// Verdicts that split what came before from what comes after.
    pub verdicts: usize,
    /// How far event time has surely come, in CloudTrail's own form; nothing before anything was read.
    pub horizon: Option<String>,
    /// Facts older than this are forgotten; nothing before any was.
    pub forgotten_before: Option<String>,
}

impl Engine {
    /// What is remembered, counted.
    pub fn held(&self) -> Held {
        Held {
            facts: self.timeline.store().len(),
            incidents: self.incidents.len(),
            incidents_open: self.incidents.open().count(),
            pauses_wanted: self.wants.values().filter(|want| want.rung.is_some()).count(),
            partitions: self.partitions.len(),
            verdicts: self.judgements.len(),
            horizon: self.horizon.map(|horizon| horizon.to_string()),
            forgotten_before: self.forgotten_before.map(|before| before.to_string()),
        }
    }
}
