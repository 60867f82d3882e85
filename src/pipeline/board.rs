//! What the daemon shows of itself: incidents, sources, the journal. Written by the stages, read by the API.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

use serde::{Deserialize, Serialize};
use trailbrake_detectors::engine::{Held, PauseState, Situation, Watch};
use trailbrake_detectors::incident::{Severity, State};
use trailbrake_detectors::limits::INCIDENTS_MAX;
use trailbrake_detectors::time::{Millis, Second};

use super::Accounts;

/// All severities, the least first.
const SEVERITIES: [Severity; 5] = [Severity::Info, Severity::Low, Severity::Medium, Severity::High, Severity::Critical];

/// How a source stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SourceStatus {
    /// When the last batch was received.
    pub last_heard: Option<String>,
    /// The greatest event time seen.
    pub newest_event_time: Option<String>,
    /// Between that event and the receipt of its batch, in seconds.
    pub lag_seconds: Option<i64>,
    /// What is wrong with the trail that feeds it.
    pub trouble: Option<String>,
    /// Records received, and the columns that they add up from.
    pub records: BTreeMap<String, u64>,
}

/// How the journal stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalStatus {
    /// Whether the last commit worked.
    pub ok: bool,
    /// Since when commits fail.
    pub failing_since: Option<String>,
    /// Why they fail.
    pub reason: Option<String>,
    /// Since the start, what became of a journal that was damaged.
    #[serde(default)]
    pub set_aside: Option<String>,
}

/// Which configuration holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigStatus {
    /// When the one that holds was read.
    pub read_at: String,
    /// When one was read after it that is wrong.
    pub failed_at: Option<String>,
    /// What is wrong with that, each with its place and a way out; at most [`crate::limits::CONFIG_PROBLEMS_SHOWN_MAX`].
    pub problems: Vec<String>,
    /// Keys in the one that was read last that only a restart takes up.
    pub needs_restart: Vec<String>,
}

/// Incidents and pauses, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusCounts {
    /// Open incidents by severity.
    pub open: BTreeMap<String, usize>,
    /// Identities that are paused.
    pub paused: usize,
}

/// What is shown.
#[derive(Debug, Default)]
pub struct Board {
    shown: RwLock<Shown>,
}

#[derive(Debug, Default)]
struct Shown {
    incidents: BTreeMap<String, Arc<Situation>>,
    sources: BTreeMap<String, SourceStatus>,
    journal: JournalStatus,
    config: ConfigStatus,
    memory: Held,
}

/// Whether an incident in this state still needs somebody.
pub(crate) fn is_open(state: State) -> bool {
    matches!(state, State::Open | State::Paused | State::Confirmed | State::Unpausable)
}

impl Board {
    /// Shows what a restart found: all sources of the configuration, their counts, the incidents remembered.
    pub fn restore<'a>(
        &self,
        sources: impl Iterator<Item = &'a str>,
        counts: &BTreeMap<(String, String), u64>,
        situations: Vec<Situation>,
    ) {
        let mut shown = self.shown.write().unwrap_or_else(PoisonError::into_inner);
        shown.journal.ok = true;
        for source in sources {
            shown.sources.entry(source.to_owned()).or_default();
        }
        for ((source, column), records) in counts {
            if let Some(status) = shown.sources.get_mut(source) {
                status.records.insert(column.clone(), *records);
            }
        }
        shown.incidents = situations.into_iter().map(|one| (one.incident.id.clone(), Arc::new(one))).collect();
    }

    /// Shows an incident as it is; past the bound the one longest over goes.
    pub fn show(&self, situation: Situation) {
        let mut shown = self.shown.write().unwrap_or_else(PoisonError::into_inner);
        shown.incidents.insert(situation.incident.id.clone(), Arc::new(situation));
        if shown.incidents.len() > INCIDENTS_MAX {
            let first = shown
                .incidents
                .values()
                .min_by_key(|one| (is_open(one.incident.state), one.incident.last_event_time.clone()))
                .map(|one| one.incident.id.clone());
            if let Some(id) = first {
                shown.incidents.remove(&id);
            }
        }
    }

    /// Counts a batch of a source.
    pub fn heard(&self, source: &str, received_at: Millis, newest: Option<Second>, accounts: &Accounts) {
        let mut shown = self.shown.write().unwrap_or_else(PoisonError::into_inner);
        let status = shown.sources.entry(source.to_owned()).or_default();
        status.last_heard = Some(received_at.second().to_string());
        if let Some(newest) = newest {
            status.newest_event_time = Some(newest.to_string());
            status.lag_seconds = Some(received_at.second().0.saturating_sub(newest.0).max(0));
        }
        let received = std::iter::once((Accounts::RECEIVED, accounts.received()));
        for (column, records) in received.chain(accounts.columns()) {
            let count = status.records.entry(column.to_owned()).or_default();
            *count = count.saturating_add(records);
        }
    }

    /// Shows what a source says of its trail.
    pub fn watch(&self, watch: &Watch) {
        let mut shown = self.shown.write().unwrap_or_else(PoisonError::into_inner);
        shown.sources.entry(watch.source.to_string()).or_default().trouble.clone_from(&watch.trouble);
    }

    /// Shows how the journal stands.
    pub fn journal(&self, status: JournalStatus) {
        self.shown.write().unwrap_or_else(PoisonError::into_inner).journal = status;
    }

    /// Shows how much the engine remembers.
    pub fn remembers(&self, memory: Held) {
        self.shown.write().unwrap_or_else(PoisonError::into_inner).memory = memory;
    }

    /// How much the engine remembers.
    pub fn memory(&self) -> Held {
        self.shown.read().unwrap_or_else(PoisonError::into_inner).memory.clone()
    }

    /// Shows which configuration holds.
    pub fn config(&self, status: ConfigStatus) {
        self.shown.write().unwrap_or_else(PoisonError::into_inner).config = status;
    }

    /// Which configuration holds.
    pub fn config_status(&self) -> ConfigStatus {
        self.shown.read().unwrap_or_else(PoisonError::into_inner).config.clone()
    }

    /// Incidents that pass the filters, those with the latest facts first.
    pub fn incidents(&self, state: Option<State>, severity: Option<Severity>, limit: usize) -> Vec<Arc<Situation>> {
        let shown = self.shown.read().unwrap_or_else(PoisonError::into_inner);
        let passes = |one: &&Arc<Situation>| {
            state.is_none_or(|state| one.incident.state == state)
                && severity.is_none_or(|severity| one.incident.severity == severity)
        };
        let mut found: Vec<_> = shown.incidents.values().filter(passes).cloned().collect();
        drop(shown);
        found.sort_by(|a, b| {
            (&b.incident.last_event_time, &b.incident.id).cmp(&(&a.incident.last_event_time, &a.incident.id))
        });
        found.truncate(limit);
        found
    }

    /// One incident.
    pub fn incident(&self, id: &str) -> Option<Arc<Situation>> {
        self.shown.read().unwrap_or_else(PoisonError::into_inner).incidents.get(id).cloned()
    }

    /// All sources and how they stand.
    pub fn sources(&self) -> BTreeMap<String, SourceStatus> {
        self.shown.read().unwrap_or_else(PoisonError::into_inner).sources.clone()
    }

    /// How the journal stands.
    pub fn journal_status(&self) -> JournalStatus {
        self.shown.read().unwrap_or_else(PoisonError::into_inner).journal.clone()
    }

    /// Open incidents and paused identities, counted.
    pub fn counts(&self) -> StatusCounts {
        let shown = self.shown.read().unwrap_or_else(PoisonError::into_inner);
        let mut open: BTreeMap<_, _> = SEVERITIES.iter().map(|severity| (severity.as_str().to_owned(), 0)).collect();
        let mut paused = BTreeSet::new();
        for situation in shown.incidents.values() {
            if is_open(situation.incident.state) {
                *open.entry(situation.incident.severity.as_str().to_owned()).or_default() += 1;
            }
            let in_place = situation.pauses.iter().filter(|one| one.state == PauseState::Paused);
            paused.extend(in_place.map(|pause| &pause.key));
        }
        StatusCounts { open, paused: paused.len() }
    }
}
