//! Which resources that an incident destroyed lived in zones that nobody knows: the engine says so, others look them up.

use super::{Engine, Output};
use crate::timeline::{Contribution, unplaced};

impl Engine {
    /// Says which zones are wanted for an open incident. Looks through all that it destroyed, so it is called where the
    /// incident is told as a whole, not at each of its facts.
    pub(super) fn want_zones(&mut self, id: &str, outputs: &mut Vec<Output>) {
        let Some(incident) = self.incidents.get(id).filter(|incident| !incident.is_over()) else { return };
        let Some(ledger) = self.timeline.ledger(&incident.key) else { return };
        let found = self.episodes_of(&incident.key);
        let Some(episode) = found.iter().find(|episode| episode.to == incident.to) else { return };
        let destroyed = ledger.destroyed(&incident.key, episode.is_whole, &episode.from, &episode.to);
        let unknown: Vec<&Contribution> = destroyed.map(|(_, one)| one).filter(|one| one.is_unplaced).collect();
        let wanted = unplaced(self.timeline.store(), unknown.into_iter(), &self.asked);
        self.asked.remember(&wanted);
        outputs.extend(wanted.into_iter().map(Output::Wanted));
    }
}
