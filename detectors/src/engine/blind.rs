//! What sources say of the trails that feed them: trouble is an incident without a principal, which pages and never pauses.

use std::sync::Arc;

use super::memory::Incident;
use super::{Change, Engine, Output, Watch};
use crate::incident::{Severity, State};

/// How keys of these incidents begin.
pub(super) const BLIND_KEY: &str = "blind:";

impl Engine {
    /// A source says how its trail is: trouble opens a `blind` incident, its end closes it.
    pub(super) fn take_watch(&mut self, watch: &Watch, outputs: &mut Vec<Output>) {
        self.now = self.now.max(watch.at);
        let key: Arc<str> = format!("{BLIND_KEY}{}", watch.source).into();
        let open = self.incidents.of_key(&key).find(|(_, incident)| !incident.is_over());
        let open = open.map(|(id, incident)| (id.clone(), incident.report.reason.clone()));
        let reason = watch.trouble.as_ref().map(|trouble| format!("blind at source {}: {trouble}", watch.source));
        match (reason, open) {
            (Some(trouble), None) => {
                let id = self.free_id(&key, &watch.at.0.to_string());
                self.incidents.insert(id.clone(), Incident::new(&id, &key, watch.at, Severity::High, &trouble));
                self.tell(&id, Change::Opened, outputs);
                self.write(&id, outputs);
            }
            (Some(trouble), Some((id, reason))) if trouble != reason => {
                if let Some(incident) = self.incidents.get_mut(&id) {
                    incident.report.reason = trouble;
                }
                self.tell(&id, Change::Updated, outputs);
                self.write(&id, outputs);
            }
            (None, Some((id, _))) => self.end(&id, State::Closed, outputs),
            _ => {}
        }
        self.bound_incidents(outputs);
    }
}
