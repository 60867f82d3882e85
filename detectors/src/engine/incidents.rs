//! What becomes of an incident: how it is shown, when the brake decides, what is announced, how it ends.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::blind::BLIND_KEY;
use super::memory::{Incident, Judgement, gone, row, table};
use super::settle::News;
use super::steady::undecided_from;
use super::{Announcement, Change, Engine, FactRow, Output, OwnShare, PauseState, Remembered, Situation};
use crate::brake;
use crate::incident::{Episode, Report, Severity, Standing, State, Subject, assemble, page_key};
use crate::limits::{EPISODE_GAP_SECONDS, INCIDENTS_MAX};
use crate::time::Second;
use crate::timeline::FactKey;

impl Engine {
    /// All incidents remembered, the newest first.
    pub fn situations(&self) -> Vec<Situation> {
        let mut all: Vec<(&String, &Incident)> = self.incidents.iter().collect();
        all.sort_by(|one, other| (other.1.opened_at, one.0).cmp(&(one.1.opened_at, other.0)));
        all.into_iter().map(|(id, incident)| self.standing_situation(id, incident)).collect()
    }

    /// One incident.
    pub fn situation(&self, id: &str) -> Option<Situation> {
        self.incidents.get(id).map(|incident| self.standing_situation(id, incident))
    }

    pub(super) fn update(&mut self, id: &str, episode: &Episode, news: &News, outputs: &mut Vec<Output>) {
        let Some(incident) = self.incidents.get_mut(id) else { return };
        // Refused calls are counted for as long after an episode as another finding would still belong to it.
        if incident.is_over() && episode.last_at.second.plus(EPISODE_GAP_SECONDS) < news.from.second {
            return;
        }
        let is_steady = self.is_steady(id, episode, news);
        let Some(incident) = self.incidents.get_mut(id) else { return };
        let before = if is_steady { 0 } else { incident.essence() };
        let is_earlier = episode.from < incident.from;
        if is_earlier || episode.to != incident.to {
            if is_earlier {
                incident.from = episode.from;
            }
            incident.to = episode.to;
            let quiet_from = episode.to.second.plus(EPISODE_GAP_SECONDS);
            self.quiet_from = self.quiet_from.map(|at| at.min(quiet_from));
            let span = Remembered::Span(id.to_owned(), incident.from, incident.to);
            outputs.push(Output::Fact(FactRow(span)));
        }
        if is_steady {
            self.is_stale(id);
            return;
        }
        incident.exact &= news.is_exact;
        let level = episode.level();
        // What ended by silence or by an explanation goes on when worse comes to light; so does what humans judged, which
        // then pages again and pauses nobody.
        let goes_on = match incident.report.state {
            State::Closed | State::Resumed if incident.is_judged => {
                level >= Severity::High && Some(level) > incident.known()
            }
            State::Closed => level > incident.report.severity_peak,
            State::Eased => true,
            _ => false,
        };
        if incident.is_over() && goes_on {
            incident.set_state(State::Open);
            self.incidents.reopen(id);
            self.may_be_quiet_from(episode);
        }
        if self.incidents.get(id).is_some_and(Incident::is_over) {
            let is_news = self.incidents.get(id).is_some_and(|one| !one.has_said(episode) || before != one.essence());
            if is_news {
                self.refresh_report(id, episode);
                self.write(id, outputs);
            } else {
                self.is_stale_though_over(id, outputs);
            }
        } else {
            self.brake(id, episode, news, outputs);
            let is_news = self.incidents.get(id).is_some_and(|one| !one.has_said(episode) || before != one.essence());
            if is_news {
                self.refresh_report(id, episode);
                self.want_zones(id, outputs);
            } else {
                self.is_stale(id);
            }
            self.announce(id, level, episode.reached(level), outputs);
        }
        let Some(incident) = self.incidents.get(id) else { return };
        if before != incident.essence() {
            self.write(id, outputs);
        }
        self.bound_incidents(outputs);
    }

    /// An incident as its facts tell it now.
    pub(super) fn fresh_report(&self, id: &str) -> Option<(Report, OwnShare)> {
        let incident = self.incidents.get(id)?;
        let episode = self.episodes_of(&incident.key).into_iter().find(|episode| episode.to == incident.to)?;
        self.report_of(id, &episode)
    }

    /// An incident as the facts of an episode tell it, with what of it was its principal's own.
    fn report_of(&self, id: &str, episode: &Episode) -> Option<(Report, OwnShare)> {
        let incident = self.incidents.get(id)?;
        let ledger = self.timeline.ledger(&incident.key)?;
        let store = self.timeline.store();
        let told = Subject { store, ledger, weights: &self.settings.limits.weights, key: &incident.key };
        let mut report = assemble(&told, episode, &standing(id, incident));
        // Once its first fact is forgotten, facts tell less than was known: what is gone did not come back by that.
        if store.get(&incident.from).is_none() && report.destroyed.resources < incident.report.destroyed.resources {
            report.destroyed = incident.report.destroyed.clone();
            report.exact = false;
            return Some((report, incident.own));
        }
        Some((report, OwnShare::of(ledger, &incident.key, episode)))
    }

    /// An incident and what is done about it, as it stands now.
    fn standing_situation(&self, id: &str, incident: &Incident) -> Situation {
        let mut situation = situation(incident);
        if self.stale.contains(id)
            && let Some((report, _)) = self.fresh_report(id)
        {
            situation.incident = report;
        }
        situation
    }

    /// Decides on pauses once facts that may bear one make the incident `critical`.
    fn brake(&mut self, id: &str, episode: &Episode, news: &News, outputs: &mut Vec<Output>) {
        let Some(incident) = self.incidents.get_mut(id) else { return };
        let is_before = |line: &Judgement| line.key == incident.key && episode.to.second <= line.until;
        if incident.is_judged || self.judgements.iter().any(is_before) {
            if episode.level() == Severity::Critical && incident.pauses.is_empty() {
                incident.not_paused_because = "it happened before a reviewer's verdict".to_owned();
            }
            return;
        }
        if episode.pausing_level() < Severity::Critical {
            if episode.level() == Severity::Critical && incident.pauses.is_empty() {
                incident.not_paused_because = "its evidence comes from a source that may not cause pauses".to_owned();
            }
            return;
        }
        if self.incidents.get(id).is_none_or(|incident| self.is_decided(incident, episode, news)) {
            return;
        }
        let Some(incident) = self.incidents.get_mut(id) else { return };
        let Some(ledger) = self.timeline.ledger(&incident.key) else { return };
        let from = undecided_from(incident, episode, news);
        let candidates = brake::candidates(
            self.timeline.store(),
            ledger,
            &self.settings.limits.weights,
            &incident.key,
            (episode, &from),
        );
        incident.decisive_received_at.get_or_insert(news.received_at);
        if candidates.is_empty() {
            return;
        }
        let detectors = episode.detectors(Severity::Critical);
        let id = id.to_owned();
        for candidate in candidates {
            self.consider(&id, &candidate, &detectors, news.received_at, outputs);
        }
    }

    /// Works out anew how an incident is shown.
    pub(super) fn refresh_report(&mut self, id: &str, episode: &Episode) {
        let Some(fresh) = self.report_of(id, episode) else { return };
        if let Some(incident) = self.incidents.get_mut(id) {
            (incident.report, incident.own) = fresh;
            incident.is_stale = false;
            self.stale.remove(id);
        }
    }

    /// After a load: what is shown of open incidents follows from the facts.
    pub(super) fn refresh_reports(&mut self) {
        let keys: BTreeSet<Arc<str>> = self.incidents.iter().map(|(_, incident)| Arc::clone(&incident.key)).collect();
        for key in keys {
            let found = self.episodes_of(&key);
            for (episode, ids) in found.iter().zip(self.matching(&key, &found)) {
                let Some(id) = ids.first() else { continue };
                if let Some(incident) = self.incidents.get_mut(id) {
                    if incident.is_over() {
                        continue;
                    }
                    incident.from = episode.from.min(incident.from);
                    incident.to = episode.to;
                }
                self.refresh_report(id, episode);
            }
        }
    }

    /// Tells receivers what is new: a first page, something worse, or once that it eased.
    fn announce(&mut self, id: &str, level: Severity, reached: Option<&FactKey>, outputs: &mut Vec<Output>) {
        let Some(incident) = self.incidents.get_mut(id) else { return };
        let is_before = incident.judged.is_some_and(|judged| reached.is_some_and(|at| at.second <= judged.until));
        match incident.told {
            None if level >= Severity::High && Some(level) > incident.known() => {
                incident.before_verdict = is_before;
                self.tell(id, Change::Opened, outputs);
            }
            None => {}
            Some(told) if level > told => {
                incident.before_verdict = is_before;
                incident.eased = None;
                incident.report.eased = None;
                self.tell(id, Change::Updated, outputs);
            }
            Some(told) if level < told && incident.eased.is_none() => {
                let now = self.now.second();
                incident.eased = Some(now);
                incident.report.eased = Some(now.to_string());
                self.tell(id, Change::Updated, outputs);
            }
            Some(_) => {}
        }
    }

    /// Later facts explained an incident: no finding is left. It is over unless something is paused for it.
    pub(super) fn ease_away(&mut self, id: &str, outputs: &mut Vec<Output>) {
        let now = self.now;
        let Some(incident) = self.incidents.get_mut(id) else { return };
        if incident.key.starts_with(BLIND_KEY) || incident.eased.is_some() && incident.holds_a_pause() {
            return;
        }
        incident.eased = Some(now.second());
        let (said, trigger) = (incident.report.detectors.clone(), incident.report.triggered_event_id.clone());
        let silent = Episode::silent(incident.from, incident.to);
        self.refresh_report(id, &silent);
        let Some(incident) = self.incidents.get_mut(id) else { return };
        (incident.report.detectors, incident.report.triggered_event_id) = (said, trigger);
        if incident.holds_a_pause() {
            self.tell_if_paged(id, Change::Updated, outputs);
        } else {
            incident.over_at = Some(now);
            incident.set_state(State::Eased);
            self.tell_if_paged(id, Change::Resolved, outputs);
            // Should it come back, it pages anew.
            if let Some(incident) = self.incidents.get_mut(id) {
                incident.told = None;
            }
        }
        self.write(id, outputs);
    }

    /// Ends incidents that have been quiet for long enough and hold no pause.
    pub(super) fn close_quiet(&mut self, horizon: Second, outputs: &mut Vec<Output>) {
        if self.quiet_from.is_some_and(|at| horizon <= at) {
            return;
        }
        self.incidents.look_through();
        let quiet_from = |incident: &Incident| incident.to.second.plus(EPISODE_GAP_SECONDS);
        let of_actors = || self.incidents.open().filter(|(_, incident)| !incident.key.starts_with(BLIND_KEY));
        let quiet: Vec<String> = of_actors()
            .filter(|(_, incident)| !incident.holds_a_pause() && quiet_from(incident) < horizon)
            .map(|(id, _)| id.clone())
            .collect();
        let earliest = of_actors().map(|(id, incident)| (quiet_from(incident), id));
        let left =
            earliest.filter(|(at, id)| *at >= horizon || quiet.binary_search(id).is_err()).map(|(at, _)| at).min();
        self.quiet_from = Some(left.unwrap_or(Second(i64::MAX)));
        for id in quiet {
            self.end(&id, State::Closed, outputs);
        }
    }

    /// An episode's incident may end by silence.
    pub(super) fn may_be_quiet_from(&mut self, episode: &Episode) {
        let at = episode.to.second.plus(EPISODE_GAP_SECONDS);
        self.quiet_from = self.quiet_from.map(|held| held.min(at));
    }

    /// Ends an incident, tells those who were paged, and writes it down.
    pub(super) fn end(&mut self, id: &str, state: State, outputs: &mut Vec<Output>) {
        let Some(incident) = self.incidents.get_mut(id) else { return };
        incident.over_at = Some(self.now);
        incident.set_state(state);
        self.tell_if_paged(id, Change::Resolved, outputs);
        self.write(id, outputs);
    }

    /// Tells receivers about an incident of which they were told before.
    pub(super) fn tell_if_paged(&mut self, id: &str, change: Change, outputs: &mut Vec<Output>) {
        if self.incidents.get(id).is_some_and(|incident| incident.told.is_some()) {
            self.tell(id, change, outputs);
        }
    }

    /// Tells receivers.
    pub(super) fn tell(&mut self, id: &str, change: Change, outputs: &mut Vec<Output>) {
        self.freshen(id);
        let Some(incident) = self.incidents.get(id) else { return };
        let key = Arc::clone(&incident.key);
        let is_told = |(other, one): (&String, &Incident)| other != id && !one.is_over() && one.told.is_some();
        // An actor's incidents share a page: it ends with the last of them.
        if change == Change::Resolved && (incident.told.is_none() || self.incidents.of_key(&key).any(is_told)) {
            return;
        }
        let Some(incident) = self.incidents.get_mut(id) else { return };
        incident.sequence += 1;
        incident.told = incident.told.max(Some(incident.report.severity));
        outputs.push(Output::Announce(Box::new(Announcement {
            id: format!("{id}-{}", incident.sequence),
            page_key: page_key(&self.settings.deployment, &incident.key),
            change,
            at: self.now,
            situation: situation(incident),
        })));
    }

    /// Writes an incident down and shows it.
    pub(super) fn write(&mut self, id: &str, outputs: &mut Vec<Output>) {
        self.freshen(id);
        let Some(incident) = self.incidents.get(id) else { return };
        outputs.push(Output::Row(row(table::INCIDENT, id, incident)));
        outputs
            .push(Output::Incident { situation: Box::new(situation(incident)), peak: incident.report.severity_peak });
    }

    /// Holds the number of incidents to its bound: the oldest that is over goes first.
    pub(super) fn bound_incidents(&mut self, outputs: &mut Vec<Output>) {
        if self.incidents.len() <= INCIDENTS_MAX {
            return;
        }
        // What is over goes first, then what is oldest.
        let oldest = self.incidents.iter().min_by_key(|(id, one)| (!one.is_over(), one.opened_at, *id));
        if let Some(id) = oldest.map(|(id, _)| id.clone()) {
            self.incidents.remove(&id);
            self.stale.remove(&id);
            outputs.push(Output::Row(gone(table::INCIDENT, id.as_str())));
            outputs.push(Output::Row(gone(table::SPAN, id)));
        }
    }
}

fn standing(id: &str, incident: &Incident) -> Standing {
    let Report { state, mode, severity_peak, .. } = incident.report;
    Standing { id: id.to_owned(), state, mode, severity_peak, eased: incident.eased, exact: incident.exact }
}

pub(super) fn situation(incident: &Incident) -> Situation {
    let is_held = incident.pauses.iter().any(|pause| pause.state != PauseState::WouldPause);
    Situation {
        incident: incident.report.clone(),
        pauses: incident.pauses.clone(),
        not_paused_because: if is_held { String::new() } else { incident.not_paused_because.clone() },
        approvals: incident.approvals.clone(),
        verdicts: incident.verdicts.clone(),
        before_verdict: incident.before_verdict,
        sequence: incident.sequence,
    }
}
