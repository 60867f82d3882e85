//! An IAM in memory that fails, delays and hides as it is told, and remembers every change.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard};

use serde_json::json;
use trailbrake_detectors::engine::{Desired, PauseKey, Rung};

use crate::act::hook::{Calling, Change, Hook, HookError, HookFailure, Inspection, Observed};

/// What happens to the next call that changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Nothing changes, and the caller hears why.
    Fails(HookFailure),
    /// It changes, but the caller hears that it failed.
    FailsAfter(HookFailure),
    /// It changes, and the caller never hears.
    Hangs,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    /// What is in place.
    pub(crate) attached: BTreeMap<PauseKey, Rung>,
    /// All changes made, in order.
    pub(crate) changes: Vec<(PauseKey, Option<Rung>)>,
    /// What goes wrong with changes, one by one.
    pub(crate) troubles: VecDeque<Trouble>,
    /// What goes wrong with reads, one by one.
    pub(crate) read_failures: VecDeque<HookFailure>,
    /// How many reads after a change do not see it yet.
    pub(crate) hidden_reads: usize,
    /// What is found out before a pause.
    pub(crate) inspection: Inspection,
    unseen: usize,
    before: Option<Rung>,
}

/// The hook.
#[derive(Debug, Default)]
pub(crate) struct FakeIam(Mutex<State>);

impl FakeIam {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("not poisoned")
    }

    fn observe(&self, key: &PauseKey) -> Result<Observed, HookError> {
        let mut state = self.state();
        if let Some(failure) = state.read_failures.pop_front() {
            return Err(HookError::new(failure, "as told"));
        }
        let seen = if state.unseen > 0 {
            state.unseen -= 1;
            state.before
        } else {
            state.attached.get(key).copied()
        };
        Ok(seen.map_or(Observed::Free, Observed::Paused))
    }

    async fn change(&self, change: &Change) -> Result<(), HookError> {
        let trouble = self.state().troubles.pop_front();
        if let Some(Trouble::Fails(failure)) = trouble {
            return Err(HookError::new(failure, "as told"));
        }
        {
            let mut state = self.state();
            state.before = state.attached.get(&change.key).copied();
            state.unseen = state.hidden_reads;
            state.changes.push((change.key.clone(), change.to));
            match change.to {
                Some(rung) => state.attached.insert(change.key.clone(), rung),
                None => state.attached.remove(&change.key),
            };
        }
        match trouble {
            Some(Trouble::Hangs) => std::future::pending().await,
            Some(Trouble::FailsAfter(failure)) => Err(HookError::new(failure, "as told")),
            _ => Ok(()),
        }
    }
}

impl Hook for FakeIam {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn read<'a>(&'a self, key: &'a PauseKey) -> Calling<'a, Observed> {
        Box::pin(async { self.observe(key) })
    }

    fn inspect<'a>(&'a self, _key: &'a PauseKey, _rung: Rung) -> Calling<'a, Inspection> {
        Box::pin(async { Ok(self.state().inspection.clone()) })
    }

    fn plan(&self, desired: &Desired, observed: Observed) -> Result<Option<Change>, HookError> {
        let before = match observed {
            Observed::Paused(rung) => Some(rung),
            Observed::Free | Observed::Unknown => None,
        };
        Ok((before != desired.rung).then(|| Change {
            key: desired.key.clone(),
            generation: desired.generation,
            to: desired.rung,
            change: json!({"to": desired.rung}),
            undo: json!({"to": before}),
        }))
    }

    fn make<'a>(&'a self, change: &'a Change) -> Calling<'a, ()> {
        Box::pin(self.change(change))
    }
}
