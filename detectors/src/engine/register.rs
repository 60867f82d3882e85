//! All incidents, found by their id and by their key.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::memory::Incident;

/// All incidents.
#[derive(Debug, Default)]
pub(super) struct Register {
    by_id: BTreeMap<String, Incident>,
    ids_by_key: HashMap<Arc<str>, BTreeSet<String>>,
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
        self.ids_by_key.entry(Arc::clone(&incident.key)).or_default().insert(id.clone());
        self.by_id.insert(id, incident);
    }

    pub(super) fn remove(&mut self, id: &str) -> Option<Incident> {
        let incident = self.by_id.remove(id)?;
        if let Some(ids) = self.ids_by_key.get_mut(&incident.key) {
            ids.remove(id);
            if ids.is_empty() {
                self.ids_by_key.remove(&incident.key);
            }
        }
        Some(incident)
    }

    /// All of them, by id.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, &Incident)> {
        self.by_id.iter()
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
