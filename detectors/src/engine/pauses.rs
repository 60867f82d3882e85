//! Wants and outcomes: what all open incidents want of one entity, and what came of it.

use super::memory::{Want, row, table, want_row_key};
use super::{Change, Desired, Engine, Mode, Outcome, Output, Pause, PauseKey, PauseResult, PauseState, Rung};
use crate::brake::{self, Candidate, Verdict};
use crate::incident::State;
use crate::limits::{FAILED_PAUSE_RETRY_MILLISECONDS, PAUSES_PER_INCIDENT_MAX};
use crate::time::Millis;

impl Engine {
    /// All desired states that pause something.
    pub fn wanted(&self) -> Vec<Desired> {
        self.wants.values().filter(|want| want.rung.is_some()).map(desired).collect()
    }

    /// Decides about one entity that carries the evidence of an incident, unless that is decided.
    pub(super) fn consider(
        &mut self,
        id: &str,
        candidate: &Candidate,
        detectors: &[String],
        received_at: Millis,
        outputs: &mut Vec<Output>,
    ) {
        let settings = &self.settings.brake;
        let mode = brake::mode(settings, detectors, &candidate.key.account);
        let Some(incident) = self.incidents.get_mut(id) else { return };
        if let Some(pause) = incident.pauses.iter_mut().find(|pause| pause.key == candidate.key) {
            let is_due = self.now.0 >= pause.at.0.saturating_add(FAILED_PAUSE_RETRY_MILLISECONDS);
            if pause.state == PauseState::Failed && is_due {
                // The principal goes on, and so do we.
                (pause.state, pause.at) = (PauseState::Pausing, self.now);
                self.want(id, &candidate.key, received_at, outputs);
            }
            return;
        }
        if incident.pauses.len() >= PAUSES_PER_INCIDENT_MAX {
            return;
        }
        incident.report.mode = incident.report.mode.max(mode);
        let is_wanted = self.wants.get(&candidate.key).is_some_and(|want| want.rung.is_some());
        // What another incident holds costs no budget.
        let verdict = if is_wanted && mode == Mode::Enforce {
            Verdict::Pause
        } else {
            brake::judge(candidate, mode, settings, &mut self.spent, self.now)
        };
        let (state, reason) = match verdict {
            Verdict::Pause => (PauseState::Pausing, String::new()),
            Verdict::WouldPause => {
                incident.not_paused_because = "mode is observe: it would have been paused".to_owned();
                (PauseState::WouldPause, String::new())
            }
            Verdict::Unpausable(reason) => (PauseState::Unpausable, reason.to_owned()),
            Verdict::BudgetSpent => {
                incident.not_paused_because = "the budget of pauses for this hour is spent".to_owned();
                return;
            }
        };
        let at = self.now;
        let pause = Pause { key: candidate.key.clone(), rung: Rung::Destructive, state, at, reason };
        incident.pauses.push(pause);
        if state == PauseState::Pausing {
            outputs.push(Output::Row(row(table::SPENT, "", &self.spent)));
            self.want(id, &candidate.key, received_at, outputs);
        }
        self.set_unpausable(id);
    }

    /// An incident wants an entity paused.
    fn want(&mut self, id: &str, key: &PauseKey, received_at: Millis, outputs: &mut Vec<Output>) {
        let now = self.now;
        let want = self.wants.entry(key.clone()).or_insert_with(|| Want {
            key: key.clone(),
            generation: 0,
            rung: None,
            decided_at: now,
            received_at,
            incidents: Vec::new(),
            mode: Mode::Enforce,
        });
        let mut let_go = Vec::new();
        if want.rung.is_none() {
            // Whoever was letting go of it has no part in what becomes of it from here on.
            let_go = std::mem::take(&mut want.incidents);
            want.generation += 1;
            want.rung = Some(Rung::Destructive);
            want.decided_at = now;
            want.received_at = received_at;
            want.incidents.push(id.to_owned());
            outputs.push(Output::Desire(desired(want)));
        } else if !want.incidents.iter().any(|one| one == id) {
            want.incidents.push(id.to_owned());
        }
        outputs.push(Output::Row(row(table::WANT, want_row_key(key), want)));
        for other in let_go.iter().filter(|other| *other != id) {
            self.has_let_go(other, key, outputs);
        }
        let state = self.state_elsewhere(id, key);
        if let Some(incident) = self.incidents.get_mut(id)
            && let Some(pause) = incident.pauses.iter_mut().find(|pause| pause.key == *key)
            && state == Some(PauseState::Paused)
        {
            pause.state = PauseState::Paused;
            incident.set_brake_state(State::Paused);
        }
    }

    /// An incident was letting go of an entity that another wants: its own part is done.
    fn has_let_go(&mut self, id: &str, key: &PauseKey, outputs: &mut Vec<Output>) {
        let Some(incident) = self.incidents.get_mut(id) else { return };
        let lifting = incident.pauses.iter_mut().find(|pause| pause.key == *key && pause.state == PauseState::Resuming);
        let Some(pause) = lifting else { return };
        (pause.state, pause.reason) = (PauseState::Resumed, String::new());
        if incident.holds_a_pause() {
            self.write(id, outputs);
        } else {
            self.end(id, State::Resumed, outputs);
        }
    }

    /// How far the same pause has come for another incident.
    fn state_elsewhere(&self, id: &str, key: &PauseKey) -> Option<PauseState> {
        let others = self.incidents.open().filter(|(other, _)| other.as_str() != id);
        others
            .flat_map(|(_, incident)| &incident.pauses)
            .filter(|pause| pause.key == *key)
            .map(|pause| pause.state)
            .max()
    }

    /// An incident lets go of an entity; the last one lifts the pause.
    pub(super) fn let_go(
        &mut self,
        id: &str,
        key: &PauseKey,
        received_at: Millis,
        outputs: &mut Vec<Output>,
    ) -> PauseState {
        let now = self.now;
        let Some(want) = self.wants.get_mut(key) else { return PauseState::Resumed };
        let is_last = want.incidents.iter().all(|one| one == id);
        if is_last {
            want.generation += 1;
            want.rung = None;
            want.decided_at = now;
            want.received_at = received_at;
            outputs.push(Output::Desire(desired(want)));
        } else {
            want.incidents.retain(|one| one != id);
        }
        outputs.push(Output::Row(row(table::WANT, want_row_key(key), want)));
        if is_last { PauseState::Resuming } else { PauseState::Resumed }
    }

    /// Takes in what came of a desired state; an answer to an older one is stale.
    pub(super) fn take_outcome(&mut self, outcome: &Outcome, outputs: &mut Vec<Output>) {
        self.now = self.now.max(outcome.at);
        let Some(want) = self.wants.get_mut(&outcome.key) else { return };
        if want.generation != outcome.generation {
            return;
        }
        let is_lifting = want.rung.is_none();
        let incidents = want.incidents.clone();
        if matches!(outcome.result, PauseResult::Failed { .. } | PauseResult::Unpausable { .. }) && !is_lifting {
            // Given up: nothing is wanted any more, so that whoever wants it next begins anew.
            want.rung = None;
            let gone = row(table::WANT, want_row_key(&outcome.key), want);
            outputs.push(Output::Row(gone));
        }
        for id in incidents {
            let Some(incident) = self.incidents.get_mut(&id) else { continue };
            let Some(pause) = incident.pauses.iter_mut().find(|pause| pause.key == outcome.key) else { continue };
            let (state, reason) = told(&outcome.result, is_lifting);
            if (pause.state, &pause.reason) == (state, &reason) {
                continue;
            }
            (pause.state, pause.reason, pause.at) = (state, reason, outcome.at);
            if incident.pauses.iter().any(|pause| pause.state == PauseState::Paused) {
                incident.set_brake_state(State::Paused);
            }
            self.set_unpausable(&id);
            let is_lifted = self.incidents.get(&id).is_some_and(|incident| is_lifting && !incident.holds_a_pause());
            if is_lifted {
                self.end(&id, State::Resumed, outputs);
            } else {
                self.tell_if_paged(&id, Change::Updated, outputs);
                self.write(&id, outputs);
            }
        }
    }

    /// Says of an incident that nothing can be paused for it, if that is so.
    fn set_unpausable(&mut self, id: &str) {
        let Some(incident) = self.incidents.get_mut(id) else { return };
        let is_unpausable = |state: PauseState| state == PauseState::Unpausable;
        if !incident.pauses.is_empty() && incident.pauses.iter().all(|pause| is_unpausable(pause.state)) {
            incident.set_brake_state(State::Unpausable);
            let reason = incident.pauses.first().map(|pause| pause.reason.clone()).unwrap_or_default();
            incident.not_paused_because = format!("it cannot be paused: {reason}");
        }
    }
}

fn told(result: &PauseResult, is_lifting: bool) -> (PauseState, String) {
    match result {
        PauseResult::Paused => (PauseState::Paused, String::new()),
        PauseResult::Resumed => (PauseState::Resumed, String::new()),
        PauseResult::Failed { reason } if is_lifting => (PauseState::Resuming, reason.clone()),
        PauseResult::Failed { reason } => (PauseState::Failed, reason.clone()),
        PauseResult::Unpausable { reason } => (PauseState::Unpausable, reason.clone()),
    }
}

fn desired(want: &Want) -> Desired {
    Desired {
        key: want.key.clone(),
        generation: want.generation,
        rung: want.rung,
        decided_at: want.decided_at,
        received_at: want.received_at,
        incidents: want.incidents.clone(),
    }
}
