//! All incidents, found by their id and by their key.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use foldhash::fast::FixedState;
use smallvec::SmallVec;

use super::memory::Incident;

/// All incidents.
#[derive(Debug, Default)]
pub(super) struct Register {
    by_id: HashMap<String, Incident, FixedState>,
    /// Sorted.
    ids_by_key: HashMap<Arc<str>, SmallVec<[String; 1]>, FixedState>,
    /// All that are open, and perhaps some that ended since they were last looked through.
    open: BTreeSet<String>,
}

impl Register {
    pub(super) fn get(&self, id: &str) -> Option<&Incident> {
        self.by_id.get(id)
    }

    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut Incident> {
        self.by_id.get_mut(id)
    }

    pub(super) fn contains(&self, id: &str) -> bool {
        self.by_id.contains_key(id)
    }

    /// Adds an incident, or replaces the one of this id.
    pub(super) fn insert(&mut self, id: String, incident: Incident) {
        self.remove(&id);
        let ids = self.ids_by_key.entry(Arc::clone(&incident.key)).or_default();
        if let Err(at) = ids.binary_search(&id) {
            ids.insert(at, id.clone());
        }
        if !incident.is_over() {
            self.open.insert(id.clone());
        }
        self.by_id.insert(id, incident);
    }

    pub(super) fn remove(&mut self, id: &str) -> Option<Incident> {
        let incident = self.by_id.remove(id)?;
        self.open.remove(id);
        if let Some(ids) = self.ids_by_key.get_mut(&incident.key) {
            ids.retain(|one| one != id);
            if ids.is_empty() {
                self.ids_by_key.remove(&incident.key);
            }
        }
        Some(incident)
    }

    /// An incident that was over goes on.
    pub(super) fn reopen(&mut self, id: &str) {
        if let Some(incident) = self.by_id.get_mut(id) {
            incident.over_at = None;
            self.open.insert(id.to_owned());
        }
    }

    /// All of them, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, &Incident)> {
        self.by_id.iter()
    }

    /// Those that are open, by id.
    pub(super) fn open(&self) -> impl Iterator<Item = (&String, &Incident)> {
        let all = self.open.iter().filter_map(|id| self.by_id.get(id).map(|incident| (id, incident)));
        all.filter(|(_, incident)| !incident.is_over())
    }

    /// Looks through those that are open.
    pub(super) fn look_through(&mut self) {
        let by_id = &self.by_id;
        self.open.retain(|id| by_id.get(id).is_some_and(|incident| !incident.is_over()));
    }

    /// Those of a key, by id.
    pub(super) fn of_key(&self, key: &str) -> impl Iterator<Item = (&String, &Incident)> {
        let ids = self.ids_by_key.get(key).into_iter().flatten();
        ids.filter_map(|id| self.by_id.get(id).map(|incident| (id, incident)))
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }
}

impl FromIterator<(String, Incident)> for Register {
    fn from_iter<T: IntoIterator<Item = (String, Incident)>>(all: T) -> Self {
        let mut register = Self::default();
        all.into_iter().for_each(|(id, incident)| register.insert(id, incident));
        register
    }
}
