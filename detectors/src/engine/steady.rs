//! What nearly all facts of an open incident are: more of what was said of it already.

use super::memory::Incident;
use super::settle::News;
use super::{Engine, Pause, PauseState};
use crate::incident::{Episode, Severity};
use crate::timeline::FactKey;

impl Engine {
    /// Whether an episode says of its incident, which is open, what it said before: then there is nothing to decide, to
    /// announce or to write down but where it ends.
    pub(super) fn is_steady(&self, id: &str, episode: &Episode, news: &News) -> bool {
        let Some(incident) = self.incidents.get(id).filter(|incident| !incident.is_over()) else { return false };
        let level = episode.level();
        let is_told = match incident.told {
            None => level < Severity::High,
            Some(told) => level == told || (level < told && incident.eased.is_some()),
        };
        is_told
            && incident.judged.is_none()
            && (news.is_exact || !incident.exact)
            && incident.has_said(episode)
            && (incident.is_judged
                || episode.pausing_level() >= Severity::Critical && self.is_decided(incident, episode, news)
                || level < Severity::Critical)
    }

    /// Whether of all who carried an episode it is decided if they are paused: once it was for those so far, of whoever
    /// comes with new facts.
    pub(super) fn is_decided(&self, incident: &Incident, episode: &Episode, news: &News) -> bool {
        let from = undecided_from(incident, episode, news);
        let is_decided = |entity: &str| {
            let is_it = |pause: &Pause| pause.key.entity == entity && pause.state != PauseState::Failed;
            incident.pauses.iter().any(is_it)
        };
        self.timeline.ledger(&incident.key).is_some_and(|ledger| {
            let mut carried = ledger.between(&incident.key, episode.is_whole, &from, &episode.to);
            carried.all(|held| is_decided(&held.entry.actor.entity) && is_decided(&held.entry.actor.origin))
        })
    }
}

/// Who carried the evidence so far is decided; only whoever comes with new facts is not.
pub(super) fn undecided_from(incident: &Incident, episode: &Episode, news: &News) -> FactKey {
    let from = match incident.decisive_received_at {
        Some(_) => news.from.max(episode.from),
        None => episode.from,
    };
    // What happened before the incident was confirmed was judged with it.
    let unjudged = incident.judged.map(|judged| FactKey::first_of(judged.until.plus(1)));
    unjudged.map_or(from, |unjudged| unjudged.max(from))
}
