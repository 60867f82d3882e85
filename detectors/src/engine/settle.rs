//! From what the detectors say to incidents: which episode is which incident.

use std::sync::Arc;

use smallvec::SmallVec;

use super::memory::{Incident, row, table};
use super::{Change, Engine, Output, PauseState};
use crate::incident::{Episode, Severity, State, incident_id};
use crate::limits::EPISODE_GAP_SECONDS;
use crate::time::{Millis, Second};
use crate::timeline::FactKey;

/// What a fact changed.
pub(super) struct News {
    /// From where on.
    pub(super) from: FactKey,
    /// When the fact was received.
    pub(super) received_at: Millis,
    /// Whether it came in time, and nothing had to go for it.
    pub(super) is_exact: bool,
}

impl Engine {
    /// Brings the incidents of a key in line with its episodes. Returns the open ones that no episode speaks of any more.
    pub(super) fn settle(&mut self, key: &Arc<str>, news: &News, outputs: &mut Vec<Output>) -> Vec<String> {
        self.carry_lines(key, outputs);
        if self.is_settled_simply(key, news, outputs) {
            return Vec::new();
        }
        let mut matched = self.settle_once(key, news, outputs);
        if matched.len() != self.episodes_of(key).len() {
            // A pause was decided, and its incident takes in what was told apart.
            matched = self.settle_once(key, news, outputs);
        }
        let matched: Vec<String> = matched.concat();
        self.incidents
            .of_key(key)
            .filter(|(id, incident)| !incident.is_over() && !matched.contains(id))
            .filter(|(_, incident)| self.forgotten_before.is_none_or(|before| incident.from.second >= before))
            .map(|(id, _)| id.clone())
            .collect()
    }

    /// Settles the two cases that nearly all facts are: nothing is found and nothing was, or one episode has one incident
    /// that is open. Says whether it was one of them.
    fn is_settled_simply(&mut self, key: &Arc<str>, news: &News, outputs: &mut Vec<Output>) -> bool {
        let found = self.timeline.ledger(key).map_or(&[][..], |ledger| ledger.episodes());
        let of_key: SmallVec<[_; 2]> = self.incidents.of_key(key).take(2).collect();
        match (found, of_key.as_slice()) {
            ([], []) => true,
            ([episode], [(id, incident)])
                if !incident.is_over()
                    && incident.from.second <= episode.to.second
                    && episode.from.second <= incident.to.second =>
            {
                let (id, episode) = ((*id).clone(), Arc::clone(episode));
                drop(of_key);
                self.update(&id, &episode, news, outputs);
                true
            }
            _ => false,
        }
    }

    /// Brings the incidents in line once; returns those of each episode.
    fn settle_once(&mut self, key: &Arc<str>, news: &News, outputs: &mut Vec<Output>) -> Vec<Vec<String>> {
        let found = self.episodes_of(key);
        let mut matched = self.matching(key, &found);
        for (episode, ids) in found.iter().zip(&mut matched) {
            match ids.split_first() {
                Some((first, others)) => others.iter().for_each(|other| self.merge(first, other, episode, outputs)),
                None => ids.push(self.open(key, episode, news.received_at)),
            }
            if let Some(id) = ids.first() {
                self.update(id, episode, news, outputs);
            }
        }
        matched
    }

    /// What no episode speaks of any more was explained by later facts; or these showed that another answers for it: then
    /// that one's incident takes it in.
    pub(super) fn settle_vanished(&mut self, ids: &[String], outputs: &mut Vec<Output>) {
        for id in ids {
            let Some(incident) = self.incidents.get(id) else { continue };
            let (key, from, to) = (Arc::clone(&incident.key), incident.from, incident.to);
            let others: Vec<&Arc<str>> = self.timeline.keys_of(&from).filter(|other| **other != key).collect();
            let heir = others
                .iter()
                .flat_map(|key| self.incidents.of_key(key))
                .find(|(_, one)| !one.is_over() && one.from.second <= to.second && from.second <= one.to.second);
            match heir.map(|(heir, _)| heir.clone()) {
                Some(heir) => self.merge(&heir, id, &Episode::silent(from, to), outputs),
                None => self.ease_away(id, outputs),
            }
        }
    }

    /// The episodes of a key. From the first fact on of an incident that takes in whatever happens, all is one episode:
    /// see [`Incident::takes_in`].
    pub(super) fn episodes_of(&self, key: &Arc<str>) -> Vec<Arc<Episode>> {
        let ledger = self.timeline.ledger(key);
        let mut found = ledger.map(|ledger| ledger.episodes().to_vec()).unwrap_or_default();
        let spans = self.incidents.of_key(key).filter_map(|(id, one)| one.takes_in().map(|span| (span, id)));
        let mut spans: SmallVec<[((Second, Second), &String); 1]> = spans.collect();
        spans.sort_unstable();
        for ((since, until), id) in spans {
            let is_bounded = until < Second(i64::MAX);
            let first = found.partition_point(|episode| episode.to.second < since);
            let is_taken_in = |episode: &&Arc<Episode>| {
                episode.to.second <= until && !(is_bounded && self.is_of_another(key, id, episode))
            };
            let taken_in = found.iter().skip(first).take_while(is_taken_in).count();
            let mut taken_in = found.drain(first..first + taken_in);
            if let Some(mut whole) = taken_in.next() {
                taken_in.for_each(|episode| Arc::make_mut(&mut whole).unite(&episode));
                found.insert(first, whole);
            }
        }
        found
    }

    /// Whether an episode is that of another incident than this one.
    fn is_of_another(&self, key: &Arc<str>, id: &str, episode: &Episode) -> bool {
        self.incidents.of_key(key).any(|(other, one)| {
            other != id
                && one.report.state != State::Merged
                && one.from.second <= episode.to.second
                && episode.from.second <= one.to.second
        })
    }

    /// For each episode the incidents that it belongs to: open ones before those that are over, the earliest first. An
    /// incident belongs to the episode that it overlaps, of several to the last that begins before it does; one that is
    /// open, and overlaps none, to the first that is near enough. At most one that is over is named, and none beside an
    /// open one.
    pub(super) fn matching(&self, key: &Arc<str>, found: &[Arc<Episode>]) -> Vec<Vec<String>> {
        let mut matches: Vec<Vec<(bool, &FactKey, &String)>> = vec![Vec::new(); found.len()];
        for (id, incident) in self.incidents.of_key(key) {
            if incident.report.state == State::Merged {
                continue;
            }
            let overlaps = |gap: i64| {
                move |episode: &&Arc<Episode>| {
                    incident.from.second <= episode.to.second.plus(gap)
                        && episode.from.second <= incident.to.second.plus(gap)
                }
            };
            let begins_before = |episode: &&Arc<Episode>| episode.from <= incident.from;
            let touching = || found.iter().filter(overlaps(0));
            let nearby = || found.iter().filter(|_| !incident.is_over()).find(overlaps(EPISODE_GAP_SECONDS));
            let episode = touching().rfind(begins_before).or_else(|| touching().next()).or_else(nearby);
            let index = episode.and_then(|episode| found.iter().position(|other| Arc::ptr_eq(other, episode)));
            if let Some(matched) = index.and_then(|index| matches.get_mut(index)) {
                matched.push((incident.is_over(), &incident.from, id));
            }
        }
        let name = |mut ids: Vec<(bool, &FactKey, &String)>| {
            ids.sort();
            let first_is_over = ids.first().is_some_and(|(is_over, _, _)| *is_over);
            let kept = ids
                .into_iter()
                .enumerate()
                .filter(|(index, (is_over, _, _))| !is_over || (first_is_over && *index == 0));
            kept.map(|(_, (_, _, id))| id.clone()).collect()
        };
        matches.into_iter().map(name).collect()
    }

    /// An id that no incident has: differing copies of one event can begin several episodes, and a clock can go back.
    pub(super) fn free_id(&self, key: &str, name: &str) -> String {
        let mut id = incident_id(key, name);
        let mut others = 0_u32;
        while self.incidents.contains(&id) {
            others += 1;
            id = incident_id(key, &format!("{name}/{others}"));
        }
        id
    }

    fn open(&mut self, key: &Arc<str>, episode: &Episode, received_at: Millis) -> String {
        let id = self.free_id(key, &episode.first_event_id().to_string());
        let mut incident = Incident::new(&id, key, received_at, Severity::Info, "");
        (incident.from, incident.to) = (episode.from, episode.to);
        incident.judged = self.judged_before(key, episode);
        incident.is_judged = incident.judged.is_some();
        self.may_be_quiet_from(episode);
        self.incidents.insert(id.clone(), incident);
        id
    }

    /// Two open incidents turned out to be one: the first takes the other's pauses.
    fn merge(&mut self, id: &str, other: &str, episode: &Episode, outputs: &mut Vec<Output>) {
        let Some(mut merged) = self.incidents.remove(other) else { return };
        if let Some(incident) = self.incidents.get_mut(id) {
            if incident.key == merged.key {
                // They share a page: whoever was told of the other is told of this one from here on.
                incident.told = incident.told.max(merged.told);
            }
            for pause in std::mem::take(&mut merged.pauses) {
                if incident.pauses.iter().all(|held| held.key != pause.key) {
                    incident.pauses.push(pause);
                }
            }
            if incident.pauses.iter().any(|pause| pause.state == PauseState::Paused) {
                incident.set_brake_state(State::Paused);
            }
        }
        for want in self.wants.values_mut().filter(|want| want.incidents.iter().any(|one| one == other)) {
            want.incidents.retain(|one| one != other && one != id);
            want.incidents.push(id.to_owned());
            outputs.push(Output::Row(row(table::WANT, super::memory::want_row_key(&want.key), want)));
        }
        merged.set_state(State::Merged);
        merged.over_at = Some(self.now);
        self.incidents.insert(other.to_owned(), merged);
        self.refresh_report(other, episode);
        self.tell(other, Change::Resolved, outputs);
        self.write(other, outputs);
        self.write(id, outputs);
    }
}
