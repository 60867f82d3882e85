//! What humans decide about incidents.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::blind::BLIND_KEY;
use super::memory::{Judged, Judgement, judgement_row_key, row, table};
use super::settle::News;
use super::{Act, Approval, Change, Engine, Human, Output, PauseState, Verdict, VerdictKind};
use crate::brake::names_of;
use crate::incident::{Episode, Severity, State};
use crate::limits::{HUMAN_ACTS_MAX, VERDICTS_KEPT_MAX};
use crate::time::{Millis, Second};
use crate::timeline::FactKey;

impl Engine {
    /// Takes a human's act, or refuses it; the same act again changes nothing.
    pub(super) fn take_human(&mut self, human: Human, outputs: &mut Vec<Output>) {
        self.now = self.now.max(human.at);
        let id = human.id.clone();
        let result =
            if self.humans.contains_key(&id) { Ok("already taken".to_owned()) } else { self.judge(&human, outputs) };
        if result.is_ok() && self.humans.insert(id.clone(), human.at).is_none() {
            outputs.push(Output::Row(row(table::HUMAN, id.as_str(), &human.at)));
            self.bound_humans(outputs);
        }
        outputs.push(Output::Answer { id, result });
    }

    fn judge(&mut self, human: &Human, outputs: &mut Vec<Output>) -> Result<String, String> {
        let id = human.act.incident();
        if human.act.reason().trim().is_empty() {
            return Err("a reason is missing\nhint: say why, for whoever reads it later".to_owned());
        }
        let Some(incident) = self.incidents.get(id) else {
            return Err(format!("no such incident: {id}\nhint: `trailbrake incidents list` shows them"));
        };
        if incident.is_over() {
            return Err(format!("incident is over already: {id} is {}", incident.report.state.as_str()));
        }
        if incident.pauses.iter().any(|pause| pause.state == PauseState::Resuming && pause.reason.is_empty()) {
            return Err(format!("incident is being resumed already: {id}"));
        }
        let own_names = self.names_in(id);
        if human.principals.iter().any(|principal| own_names.contains(principal)) {
            return Err(format!(
                "{} is the principal of this incident and cannot decide on it\nhint: ask another reviewer",
                human.who
            ));
        }
        match &human.act {
            Act::Resume { break_glass, .. } => self.resume(human, *break_glass, outputs),
            Act::Close { .. } => self.close(human, outputs),
            Act::Confirm { .. } => Ok(self.confirm(human, outputs)),
        }
    }

    fn resume(&mut self, human: &Human, break_glass: bool, outputs: &mut Vec<Output>) -> Result<String, String> {
        let id = human.act.incident();
        let needed = self.settings.brake.reviewers_to_resume_critical.max(1) as usize;
        let Some(incident) = self.incidents.get_mut(id).filter(|one| !one.key.starts_with(BLIND_KEY)) else {
            return Err(not_about_anybody(id));
        };
        incident.approvals.retain(|approval| approval.who != human.who);
        incident.approvals.push(Approval {
            who: human.who.clone(),
            at: human.at,
            reason: human.act.reason().to_owned(),
            break_glass,
        });
        let needed = if incident.report.severity_peak == Severity::Critical && !break_glass { needed } else { 1 };
        // Who agreed to an earlier resume agreed to that one.
        let resumed_at = incident.verdicts.iter().rfind(|one| one.verdict == VerdictKind::Resume).map(|one| one.at);
        let agreed = || incident.approvals.iter().filter(|approval| Some(approval.at) > resumed_at);
        let given = agreed().count();
        let who = agreed().map(|approval| approval.who.clone()).collect();
        if given < needed {
            self.tell_if_paged(id, Change::Updated, outputs);
            self.write(id, outputs);
            return Ok(format!(
                "{given} of {needed} reviewers agree; it stays as it is until {} more does",
                needed - given
            ));
        }
        self.record(human, VerdictKind::Resume, who);
        Ok(self.carry_out(id, human.at, break_glass, outputs))
    }

    /// Ends an incident over which nothing is paused, and draws the line behind which its facts count no more.
    fn close(&mut self, human: &Human, outputs: &mut Vec<Output>) -> Result<String, String> {
        let id = human.act.incident();
        let Some(incident) = self.incidents.get_mut(id).filter(|one| !one.key.starts_with(BLIND_KEY)) else {
            return Err(not_about_anybody(id));
        };
        if incident.holds_a_pause() {
            return Err(format!(
                "a pause stands: {id}\nhint: `trailbrake incidents resume {id}` lifts it, and ends the incident; \
                 `confirm` keeps it"
            ));
        }
        incident.is_judged = true;
        let key = Arc::clone(&incident.key);
        self.record(human, VerdictKind::Close, vec![human.who.clone()]);
        self.draw_line(&key, id, human.at.second(), outputs);
        self.end(id, State::Closed, outputs);
        self.settle_after(&key, human.at, outputs);
        Ok("closed: the incident is over".to_owned())
    }

    /// Says of an incident that it is real: it goes on, and what is paused stays so.
    fn confirm(&mut self, human: &Human, outputs: &mut Vec<Output>) -> String {
        let id = human.act.incident();
        self.record(human, VerdictKind::Confirm, vec![human.who.clone()]);
        let mut is_paused = false;
        if let Some(incident) = self.incidents.get_mut(id) {
            incident.set_state(State::Confirmed);
            is_paused = incident.holds_a_pause();
        }
        self.tell_if_paged(id, Change::Updated, outputs);
        self.write(id, outputs);
        let said = if is_paused { "the pause stays until it is resumed" } else { "nothing is paused" };
        format!("confirmed: {said}")
    }

    /// Keeps a verdict with its incident. Receivers are told again only of what is worse than what was judged.
    fn record(&mut self, human: &Human, verdict: VerdictKind, who: Vec<String>) {
        self.freshen(human.act.incident());
        let Some(incident) = self.incidents.get_mut(human.act.incident()) else { return };
        let severity = incident.report.severity;
        let reason = human.act.reason().to_owned();
        incident.verdicts.push(Verdict { verdict, who, at: human.at, reason, severity });
        let surplus = incident.verdicts.len().saturating_sub(VERDICTS_KEPT_MAX);
        incident.verdicts.drain(..surplus);
        incident.judged = Some(Judged { severity, until: human.at.second() });
        incident.told = incident.told.map(|_| severity);
        incident.before_verdict = false;
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
        self.draw_line(&key, id, at.second(), outputs);
        let is_lifting = self.incidents.get(id).is_some_and(|incident| incident.holds_a_pause());
        let said = if is_lifting {
            if break_glass {
                self.tell_if_paged(id, Change::Updated, outputs);
            }
            self.write(id, outputs);
            "resuming: the pause is being lifted".to_owned()
        } else {
            self.end(id, State::Resumed, outputs);
            "resumed: nothing was paused, the incident is over".to_owned()
        };
        self.settle_after(&key, at, outputs);
        said
    }

    fn draw_line(&mut self, key: &Arc<str>, id: &str, until: Second, outputs: &mut Vec<Output>) {
        if self.judgements.iter().any(|line| line.key == *key && line.until == until) {
            return;
        }
        let judgement = Judgement { key: Arc::clone(key), until, incident: id.to_owned() };
        self.timeline.cut(key, until);
        outputs.push(Output::Row(row(table::JUDGEMENT, judgement_row_key(&judgement), &judgement)));
        self.judgements.push(judgement);
    }

    /// What was received before a verdict and happened after it has no part in what was judged: it is judged afresh.
    fn settle_after(&mut self, key: &Arc<str>, at: Millis, outputs: &mut Vec<Output>) {
        let news = News { from: FactKey::first_of(Second(0)), received_at: at, is_exact: true };
        let vanished = self.settle(key, &news, outputs);
        self.settle_vanished(&vanished, outputs);
    }

    /// What humans judged when they judged a key, if all of an episode happened before that.
    pub(super) fn judged_before(&self, key: &Arc<str>, episode: &Episode) -> Option<Judged> {
        let lines = self.judgements.iter().filter(|line| line.key == *key && episode.to.second <= line.until);
        let first = lines.min_by_key(|line| line.until)?;
        let judged = self.incidents.get(&first.incident).and_then(|incident| incident.judged);
        let severity = judged.map_or(Severity::Info, |judged| judged.severity);
        Some(Judged { severity, until: first.until })
    }

    /// Late lineage gives facts that humans judged to another actor: the line that they drew goes with them.
    pub(super) fn carry_lines(&mut self, key: &Arc<str>, outputs: &mut Vec<Output>) {
        let is_moved = |line: &&Judgement| {
            let incident = self.incidents.get(&line.incident).filter(|_| line.key != *key);
            // Of a fact's keys its actor's is the first.
            incident.is_some_and(|incident| self.timeline.keys_of(&incident.from).next() == Some(key))
        };
        let moved: Vec<Judgement> = self.judgements.iter().filter(is_moved).cloned().collect();
        for line in moved {
            self.draw_line(key, &line.incident, line.until, outputs);
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

fn not_about_anybody(id: &str) -> String {
    format!("incident is about a trail, not about a principal: {id}\nhint: it ends when the trail is well again")
}
