//! What is wanted and not yet settled.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use trailbrake_detectors::engine::{Desired, Mode, Outcome, PauseKey};

use super::TooMany;
use crate::limits::PAUSES_UNSETTLED_MAX;

/// The latest unsettled state of each key.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    held: Mutex<Held>,
    /// Told when something is to be said.
    news: Notify,
    /// Whether `act` has greeted us on a connection that stands.
    connected: AtomicBool,
}

#[derive(Debug, Default)]
struct Held {
    unsettled: BTreeMap<PauseKey, (Desired, Mode)>,
    unsaid: BTreeSet<PauseKey>,
}

impl Wanted {
    /// Says whether there is a connection.
    pub(crate) fn set_connected(&self, connected: bool) {
        self.connected.store(connected, Ordering::Relaxed);
    }

    /// Whether there is a connection.
    pub(crate) fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    /// Adds a state, or replaces an older one of its key.
    pub(crate) fn add(&self, desired: Desired, mode: Mode) -> Result<(), TooMany> {
        let mut held = self.held();
        match held.unsettled.get(&desired.key) {
            Some((before, _)) if before.generation > desired.generation => return Ok(()),
            None if held.unsettled.len() >= PAUSES_UNSETTLED_MAX => return Err(TooMany),
            Some(_) | None => {}
        }
        held.unsaid.insert(desired.key.clone());
        held.unsettled.insert(desired.key.clone(), (desired, mode));
        drop(held);
        self.news.notify_one();
        Ok(())
    }

    /// The next state that this connection has not heard; waits for one.
    pub(crate) async fn next(&self) -> (Desired, Mode) {
        loop {
            let news = self.news.notified();
            if let Some(next) = self.take_unsaid() {
                return next;
            }
            news.await;
        }
    }

    /// The same, if there is one.
    pub(crate) fn take_unsaid(&self) -> Option<(Desired, Mode)> {
        let mut held = self.held();
        while let Some(key) = held.unsaid.pop_first() {
            if let Some(next) = held.unsettled.get(&key) {
                return Some(next.clone());
            }
        }
        None
    }

    /// A new connection has heard nothing.
    pub(crate) fn unsay_all(&self) {
        let mut held = self.held();
        held.unsaid = held.unsettled.keys().cloned().collect();
        drop(held);
        self.news.notify_one();
    }

    /// The state of this key is to be said again, if it is still wanted.
    pub(crate) fn unsay(&self, key: &PauseKey) {
        self.held().unsaid.insert(key.clone());
        self.news.notify_one();
    }

    /// Whether this generation of this key is wanted and unsettled.
    pub(crate) fn is_wanted(&self, key: &PauseKey, generation: u64) -> bool {
        self.held().unsettled.get(key).is_some_and(|(desired, _)| desired.generation == generation)
    }

    /// Takes out what an outcome settles; nothing if the outcome is stale.
    pub(crate) fn settle(&self, outcome: &Outcome) -> Option<Desired> {
        let mut held = self.held();
        let is_answer =
            held.unsettled.get(&outcome.key).is_some_and(|(desired, _)| desired.generation == outcome.generation);
        if !is_answer {
            return None;
        }
        held.unsettled.remove(&outcome.key).map(|(desired, _)| desired)
    }

    /// How many are unsettled.
    pub(crate) fn len(&self) -> usize {
        self.held().unsettled.len()
    }

    /// Nothing panics while this is held; if it did, what it holds would still be whole.
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
