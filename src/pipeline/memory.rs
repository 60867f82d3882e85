//! Copies of facts that the engine forgot: known again, so that yesterday never pages twice.

use std::collections::{HashSet, VecDeque};

use trailbrake_detectors::engine::{Engine, Forgotten};
use trailbrake_detectors::event::Event;
use trailbrake_detectors::time::Second;

use crate::journal::Recall;
use crate::limits::FORGOTTEN_UNWRITTEN_MAX;

/// What is known of forgotten facts. Those forgotten last are held here as well: they may not be in the journal yet.
#[derive(Default)]
pub(super) struct Memory {
    recall: Option<Box<dyn Recall>>,
    /// Nothing was forgotten that is newer than this.
    newest: Option<Second>,
    unwritten: HashSet<Forgotten>,
    order: VecDeque<Forgotten>,
    is_failing: bool,
}

impl Memory {
    pub(super) fn new(recall: Box<dyn Recall>, newest: Option<Second>) -> Self {
        Self { recall: Some(recall), newest, ..Self::default() }
    }

    /// The engine forgot a fact.
    pub(super) fn forget(&mut self, forgotten: Forgotten) {
        self.newest = self.newest.max(Some(forgotten.second));
        if self.unwritten.insert(forgotten) {
            self.order.push_back(forgotten);
        }
        if self.order.len() > FORGOTTEN_UNWRITTEN_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.unwritten.remove(&oldest);
        }
    }

    /// Whether an event is a copy of a fact that was forgotten. Costs nothing for events newer than all of these. While it
    /// cannot be told, an event counts as new: what is older than everything that is held raises nothing in any case.
    pub(super) fn knows(&mut self, engine: &Engine, event: &Event) -> bool {
        if self.newest.is_none_or(|newest| event.time > newest) || engine.is_held(event) {
            return false;
        }
        let forgotten = Engine::forgotten(event);
        if self.unwritten.contains(&forgotten) {
            return true;
        }
        match self.recall.as_mut().map(|recall| recall.knows(&forgotten)) {
            None => false,
            Some(Ok(is_known)) => {
                self.is_failing = false;
                is_known
            }
            Some(Err(error)) => {
                if !std::mem::replace(&mut self.is_failing, true) {
                    tracing::error!(%error, "copies of facts that were forgotten are not known");
                }
                false
            }
        }
    }
}
