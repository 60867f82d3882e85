//! What humans decide about incidents.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::memory::{Judgement, judgement_row_key, row, table};
use super::{Act, Approval, Change, Engine, Human, Output, PauseState};
use crate::brake::names_of;
use crate::incident::{Severity, State};
use crate::limits::HUMAN_ACTS_MAX;
use crate::time::Millis;

impl Engine {
    /// Takes a human's act, or refuses it; the same act again changes nothing.
    pub(super) fn take_human(&mut self, human: Human, outputs: &mut Vec<Output>) {
        self.now = self.now.max(human.at);
        let id = human.id.clone();
        let result = if self.humans.contains_key(&id) {
            Ok("already taken".to_owned())
        } else {
            let Act::Resume { incident, reason, break_glass } = human.act.clone();
            self.resume(&human, &incident, &reason, break_glass, outputs)
        };
        if result.is_ok() && self.humans.insert(id.clone(), human.at).is_none() {
            outputs.push(Output::Row(row(table::HUMAN, id.as_str(), &human.at)));
            self.bound_humans(outputs);
        }
        outputs.push(Output::Answer { id, result });
    }

    fn resume(
        &mut self,
        human: &Human,
        id: &str,
        reason: &str,
        break_glass: bool,
        outputs: &mut Vec<Output>,
    ) -> Result<String, String> {
        if reason.trim().is_empty() {
            return Err("a reason is missing\nhint: say why it is safe to let the principal go on".to_owned());
        }
        let own_names = self.names_in(id);
        let needed = self.settings.brake.reviewers_to_resume_critical.max(1) as usize;
        let Some(incident) = self.incidents.get_mut(id) else {
            return Err(format!("no such incident: {id}\nhint: `trailbrake incidents list` shows them"));
        };
        if incident.is_over() {
            return Err(format!("incident is over already: {id} is {}", incident.report.state.as_str()));
        }
        if incident.pauses.iter().any(|pause| pause.state == PauseState::Resuming && pause.reason.is_empty()) {
            return Err(format!("incident is being resumed already: {id}"));
        }
        if human.principals.iter().any(|principal| own_names.contains(principal)) {
            return Err(format!(
                "{} is the principal of this incident and cannot decide on it\nhint: ask another reviewer",
                human.who
            ));
        }
        incident.approvals.retain(|approval| approval.who != human.who);
        incident.approvals.push(Approval {
            who: human.who.clone(),
            at: human.at,
            reason: reason.to_owned(),
            break_glass,
        });
        let needed = if incident.report.severity_peak == Severity::Critical && !break_glass { needed } else { 1 };
        let given = incident.approvals.len();
        if given < needed {
            self.tell_if_paged(id, Change::Updated, outputs);
            self.write(id, outputs);
            return Ok(format!(
                "{given} of {needed} reviewers agree; it stays as it is until {} more does",
                needed - given
            ));
        }
        Ok(self.carry_out(id, human.at, break_glass, outputs))
    }

    /// Lifts all that the incident wants, and draws the line behind which its facts count no more.
    fn carry_out(&mut self, id: &str, at: Millis, break_glass: bool, outputs: &mut Vec<Output>) -> String {
        let Some(incident) = self.incidents.get_mut(id) else { return String::new() };
        incident.is_judged = true;
        let key = Arc::clone(&incident.key);
        let held: Vec<_> = incident
            .pauses
            .iter()
            .filter(|pause| {
                matches!(
                    pause.state,
                    PauseState::Pausing | PauseState::Paused | PauseState::Resuming | PauseState::Failed
                )
            })
            .map(|pause| pause.key.clone())
            .collect();
        for pause_key in held {
            let state = self.let_go(id, &pause_key, at, outputs);
            if let Some(incident) = self.incidents.get_mut(id)
                && let Some(pause) = incident.pauses.iter_mut().find(|pause| pause.key == pause_key)
            {
                (pause.state, pause.at, pause.reason) = (state, at, String::new());
            }
        }
        self.draw_line(&key, at, outputs);
        let is_lifting = self.incidents.get(id).is_some_and(|incident| incident.holds_a_pause());
        if is_lifting {
            if break_glass {
                self.tell_if_paged(id, Change::Updated, outputs);
            }
            self.write(id, outputs);
            "resuming: the pause is being lifted".to_owned()
        } else {
            self.end(id, State::Resumed, outputs);
            "resumed: nothing was paused, the incident is over".to_owned()
        }
    }

    fn draw_line(&mut self, key: &Arc<str>, at: Millis, outputs: &mut Vec<Output>) {
        let judgement = Judgement { key: Arc::clone(key), until: at.second() };
        self.timeline.cut(key, judgement.until);
        outputs.push(Output::Row(row(table::JUDGEMENT, judgement_row_key(&judgement), &judgement)));
        if !self.judgements.contains(&judgement) {
            self.judgements.push(judgement);
        }
    }

    /// All names of the principals that carry an incident's evidence: none of them decides on it.
    fn names_in(&self, id: &str) -> BTreeSet<String> {
        let Some(incident) = self.incidents.get(id) else { return BTreeSet::new() };
        let mut names = BTreeSet::from([incident.key.to_string()]);
        if let Some(principal) = &incident.report.principal {
            names.extend([&principal.arn, &principal.origin, &principal.issuer].into_iter().cloned());
        }
        // Whoever passed through the same role counts as well: better one reviewer too few than one too many.
        let ledger = self.timeline.ledger(&incident.key);
        let destroyed =
            ledger.into_iter().flat_map(|ledger| ledger.destroyed(&incident.key, true, &incident.from, &incident.to));
        for (held, contribution) in destroyed {
            let actor = &held.entry.actor;
            names.extend([&actor.key, &actor.entity, &actor.origin].map(ToString::to_string));
            if let Some(fact) = self.timeline.store().get(&contribution.fact) {
                names.extend(names_of(&fact.event.identity));
            }
        }
        names.remove("");
        names
    }

    fn bound_humans(&mut self, outputs: &mut Vec<Output>) {
        if self.humans.len() <= HUMAN_ACTS_MAX {
            return;
        }
        let oldest = self.humans.iter().min_by_key(|(id, at)| (**at, *id)).map(|(id, _)| id.clone());
        if let Some(id) = oldest {
            self.humans.remove(&id);
            outputs.push(Output::Row(super::memory::gone(table::HUMAN, id)));
        }
    }
}
