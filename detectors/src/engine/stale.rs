//! Incidents that are shown older than their facts tell: telling all of one takes time, so it is not done at each fact.

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::FixedState;

use super::incidents::situation;
use super::memory::{Incident, row, table};
use super::{Engine, Output};
use crate::limits::{SHOWN_RESOURCES_AT_ONCE, STALE_MILLISECONDS, STALE_SHOWN_PER_MARK, STALE_SHOWN_PER_TICK};
use crate::time::Millis;
use crate::timeline::FactKey;

/// Which incidents are shown older than they are, the longest first.
#[derive(Debug, Default)]
pub(super) struct Stale {
    since: HashMap<String, (Millis, u64), FixedState>,
    order: BTreeMap<(Millis, u64), String>,
    number: u64,
}

impl Stale {
    pub(super) fn contains(&self, id: &str) -> bool {
        self.since.contains_key(id)
    }

    /// Adds one, unless it is there.
    pub(super) fn insert(&mut self, id: &str, now: Millis) {
        if self.since.contains_key(id) {
            return;
        }
        self.number += 1;
        let place = (now, self.number);
        self.since.insert(id.to_owned(), place);
        self.order.insert(place, id.to_owned());
    }

    /// Takes one away; says whether it was there.
    pub(super) fn remove(&mut self, id: &str) -> bool {
        let place = self.since.remove(id);
        place.is_some_and(|place| self.order.remove(&place).is_some())
    }

    /// The one that has been stale for longest, if that is since this time or before.
    fn first_since(&self, latest: Millis) -> Option<&String> {
        self.order.first_key_value().filter(|((since, _), _)| *since <= latest).map(|(_, id)| id)
    }
}

impl Engine {
    /// What is shown of an incident is older than its facts.
    pub(super) fn is_stale(&mut self, id: &str) {
        self.stale.insert(id, self.now);
    }

    /// The same of an incident that is over: that is written down, so that a load knows it.
    pub(super) fn is_stale_though_over(&mut self, id: &str, outputs: &mut Vec<Output>) {
        if self.stale.contains(id) {
            return;
        }
        let Some(incident) = self.incidents.get_mut(id) else { return };
        incident.is_stale = true;
        outputs.push(Output::Row(row(table::INCIDENT, id, incident)));
        self.stale.insert(id, self.now);
    }

    /// Shows what has been stale for longest, as much of it as a tick has time for.
    pub(super) fn show_at_tick(&mut self, outputs: &mut Vec<Output>) {
        self.show_since(self.now, STALE_SHOWN_PER_TICK, outputs);
    }

    /// Shows what has been stale for a while and was left over by ticks.
    pub(super) fn show_at_mark(&mut self, outputs: &mut Vec<Output>) {
        self.show_since(self.now.plus(-STALE_MILLISECONDS), STALE_SHOWN_PER_MARK, outputs);
    }

    fn show_since(&mut self, latest: Millis, most: usize, outputs: &mut Vec<Output>) {
        let mut resources = 0_u64;
        for _ in 0..most {
            let Some(id) = self.stale.first_since(latest).cloned() else { return };
            self.show(&id, outputs);
            resources += self.incidents.get(&id).map_or(0, |shown| shown.report.destroyed.resources);
            if resources >= SHOWN_RESOURCES_AT_ONCE {
                return;
            }
        }
    }

    /// Shows incidents whose first fact is about to go with all up to a fact: what they tell after that is less.
    pub(super) fn show_before_loss(&mut self, last: &FactKey, outputs: &mut Vec<Output>) {
        let is_first_loss = |from: &FactKey| from <= last && self.timeline.store().get(from).is_some();
        let loses = |id: &&String| self.incidents.get(id).is_some_and(|incident| is_first_loss(&incident.from));
        let stale: Vec<String> = self.stale.order.values().filter(loses).cloned().collect();
        stale.iter().for_each(|id| self.show(id, outputs));
    }

    fn show(&mut self, id: &str, outputs: &mut Vec<Output>) {
        if self.incidents.get(id).is_some_and(Incident::is_over) {
            return self.write(id, outputs);
        }
        self.want_zones(id, outputs);
        if self.freshen(id)
            && let Some(incident) = self.incidents.get(id)
        {
            let peak = incident.report.severity_peak;
            outputs.push(Output::Incident { situation: Box::new(situation(incident)), peak });
        }
    }

    /// Brings what is shown of an incident up to date, if its facts have changed since; says whether that was so and could
    /// be done.
    pub(super) fn freshen(&mut self, id: &str) -> bool {
        if !self.stale.remove(id) {
            return false;
        }
        let fresh = self.fresh_report(id);
        let Some(incident) = self.incidents.get_mut(id) else { return false };
        incident.is_stale = false;
        let Some(fresh) = fresh else { return false };
        (incident.report, incident.own) = fresh;
        true
    }
}
