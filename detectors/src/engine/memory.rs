//! The engine's memory as rows: what is written, and how it is read again.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, Hash as _, Hasher as _};
use std::sync::Arc;

use foldhash::fast::FixedState;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Approval, Fact, Mode, OwnShare, Partition, Pause, PauseKey, Row, Rung, Verdict};
use crate::brake::Spent;
use crate::incident::{Episode, Report, Severity, Standing, State, blind};
use crate::time::{Millis, Second};
use crate::timeline::{EventId, FactKey};

/// One incident as the engine keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Incident {
    /// The key that it is about: an actor, a role or user, or a source that is blind.
    pub key: Arc<str>,
    /// The first destroying fact of the episode.
    pub from: FactKey,
    /// The last.
    pub to: FactKey,
    /// When it was first seen.
    pub opened_at: Millis,
    /// When it ended, if it did.
    pub over_at: Option<Millis>,
    /// The highest severity that receivers were told; nothing while nobody was.
    pub told: Option<Severity>,
    /// When it eased, if it did.
    pub eased: Option<Second>,
    /// Whether a verdict ended it: what comes to light of it later pages, and pauses nobody again.
    pub is_judged: bool,
    /// How bad it was when humans last judged it, and until when they did.
    #[serde(default)]
    pub judged: Option<Judged>,
    /// What humans decided, the latest last.
    #[serde(default)]
    pub verdicts: Vec<Verdict>,
    /// Whether what raised it last happened before the last verdict.
    #[serde(default)]
    pub before_verdict: bool,
    /// Whether counts and judgement are exact.
    pub exact: bool,
    /// When the record that decided a pause was received.
    pub decisive_received_at: Option<Millis>,
    /// What is or was to be paused.
    pub pauses: Vec<Pause>,
    /// Why nothing is paused although it is `critical`.
    pub not_paused_because: String,
    /// Who agreed to a resume.
    pub approvals: Vec<Approval>,
    /// How often receivers were told.
    pub sequence: u64,
    /// As it is shown.
    pub report: Report,
    /// Whether it is over, and its facts tell of more than is shown.
    #[serde(default)]
    pub is_stale: bool,
    /// Of what the report says is destroyed, what its principal had made itself.
    #[serde(default)]
    pub own: OwnShare,
}

/// What humans judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Judged {
    /// How bad it was.
    pub severity: Severity,
    /// What happened up to then was judged.
    pub until: Second,
}

/// What all open incidents want of one entity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Want {
    /// What it is about.
    pub key: PauseKey,
    /// Grows with each change.
    pub generation: u64,
    /// What is wanted.
    pub rung: Option<Rung>,
    /// When that was decided.
    pub decided_at: Millis,
    /// When what decided it was received.
    pub received_at: Millis,
    /// Who wants it, or wanted it last.
    pub incidents: Vec<String>,
    /// The mode it was decided in.
    pub mode: Mode,
}

/// How far a partition has been read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// The partition.
    pub partition: Partition,
    /// The greatest event time.
    pub time: Second,
    /// When it was last heard of.
    pub heard_at: Millis,
}

/// When humans judged a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Judgement {
    /// The key.
    pub key: Arc<str>,
    /// Until when it was judged.
    pub until: Second,
    /// The incident that they judged.
    #[serde(default)]
    pub incident: String,
}

/// The tables of the engine's memory.
pub(super) mod table {
    pub(crate) const FACT: &str = "fact";
    pub(crate) const INCIDENT: &str = "incident";
    /// The first and the last destroying fact of an incident: these move at each fact, and the rest of it does not.
    pub(crate) const SPAN: &str = "span";
    pub(crate) const WANT: &str = "want";
    pub(crate) const PARTITION: &str = "partition";
    pub(crate) const JUDGEMENT: &str = "judgement";
    pub(crate) const SPENT: &str = "spent";
    pub(crate) const HORIZON: &str = "horizon";
    pub(crate) const HUMAN: &str = "human";
}

/// Why rows could not be read back.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A table that this version does not know.
    #[error("memory holds an unknown table: {table}\nhint: the journal was written by another version; run that one")]
    UnknownTable {
        /// The table.
        table: String,
    },
    /// A row that cannot be read.
    #[error("memory holds a row that cannot be read: {table} {key}: {reason}\nhint: restore a copy of the journal")]
    BadRow {
        /// The table.
        table: String,
        /// The key.
        key: String,
        /// What is wrong.
        reason: String,
    },
}

/// All tables, read.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub facts: Vec<Fact>,
    pub incidents: BTreeMap<String, Incident>,
    pub spans: BTreeMap<String, (FactKey, FactKey)>,
    pub wants: BTreeMap<PauseKey, Want>,
    pub partitions: BTreeMap<Partition, Progress>,
    pub judgements: Vec<Judgement>,
    pub spent: Spent,
    pub horizon: Option<Second>,
    pub humans: BTreeMap<String, Millis>,
}

impl Tables {
    /// Reads rows.
    pub(super) fn read(rows: Vec<Row>) -> Result<Self, LoadError> {
        let mut tables = Self::default();
        for row in rows {
            let Some(value) = &row.value else { continue };
            match row.table.as_str() {
                table::FACT => tables.facts.push(parse(&row, value)?),
                table::INCIDENT => {
                    let incident: Incident = parse(&row, value)?;
                    tables.incidents.insert(row.key.clone(), incident);
                }
                table::SPAN => {
                    let span = parse(&row, value)?;
                    tables.spans.insert(row.key.clone(), span);
                }
                table::WANT => {
                    let want: Want = parse(&row, value)?;
                    tables.wants.insert(want.key.clone(), want);
                }
                table::PARTITION => {
                    let progress: Progress = parse(&row, value)?;
                    tables.partitions.insert(progress.partition.clone(), progress);
                }
                table::JUDGEMENT => tables.judgements.push(parse(&row, value)?),
                table::SPENT => tables.spent = parse(&row, value)?,
                table::HORIZON => tables.horizon = Some(parse(&row, value)?),
                table::HUMAN => {
                    tables.humans.insert(row.key.clone(), parse(&row, value)?);
                }
                _ => return Err(LoadError::UnknownTable { table: row.table }),
            }
        }
        for (id, (from, to)) in std::mem::take(&mut tables.spans) {
            if let Some(incident) = tables.incidents.get_mut(&id) {
                (incident.from, incident.to) = (from, to);
            }
        }
        Ok(tables)
    }
}

fn parse<T: DeserializeOwned>(row: &Row, value: &str) -> Result<T, LoadError> {
    serde_json::from_str(value).map_err(|error| LoadError::BadRow {
        table: row.table.clone(),
        key: row.key.clone(),
        reason: error.to_string(),
    })
}

/// A row that holds a value.
pub(super) fn row<T: Serialize>(table: &str, key: impl Into<String>, value: &T) -> Row {
    // Our own types have string keys and finite numbers only, which JSON always holds.
    Row { table: table.to_owned(), key: key.into(), value: serde_json::to_string(value).ok() }
}

/// A row that is gone.
pub(super) fn gone(table: &str, key: impl Into<String>) -> Row {
    Row { table: table.to_owned(), key: key.into(), value: None }
}

/// The key of a fact's row: sorts in fact order.
pub(super) fn fact_row_key(key: &FactKey) -> String {
    format!("{:020}/{}/{}/{}", key.second.0, key.rank, key.id, key.copy)
}

/// The key of a want's row.
pub(super) fn want_row_key(key: &PauseKey) -> String {
    format!("{}\n{}\n{}", key.account, key.entity, key.session)
}

/// The key of a partition's row.
pub(super) fn partition_row_key(partition: &Partition) -> String {
    format!("{}\n{}", partition.source, partition.name)
}

/// The key of a judgement's row.
pub(super) fn judgement_row_key(judgement: &Judgement) -> String {
    format!("{:020}\n{}", judgement.until.0, judgement.key)
}

impl Incident {
    /// A new incident, about which only its sentence is known.
    pub(super) fn new(id: &str, key: &Arc<str>, at: Millis, severity: Severity, sentence: &str) -> Self {
        let standing = Standing {
            id: id.to_owned(),
            state: State::Open,
            mode: Mode::Observe,
            severity_peak: severity,
            eased: None,
            exact: true,
        };
        Self {
            key: Arc::clone(key),
            from: FactKey::first_of(at.second()),
            to: FactKey::first_of(at.second()),
            opened_at: at,
            over_at: None,
            told: None,
            eased: None,
            is_judged: false,
            judged: None,
            verdicts: Vec::new(),
            before_verdict: false,
            exact: true,
            decisive_received_at: None,
            pauses: Vec::new(),
            not_paused_because: String::new(),
            approvals: Vec::new(),
            sequence: 0,
            report: blind(&standing, at.second(), sentence),
            is_stale: false,
            own: OwnShare::default(),
        }
    }

    /// Whether it has ended.
    pub(super) fn is_over(&self) -> bool {
        self.over_at.is_some()
    }

    /// Whether something is paused for it, or about to be.
    pub(super) fn holds_a_pause(&self) -> bool {
        use super::PauseState::{Paused, Pausing, Resuming};
        self.pauses.iter().any(|pause| matches!(pause.state, Pausing | Paused | Resuming))
    }

    /// A digest of what of it does not follow from facts: when this changes, it is written down.
    pub(super) fn essence(&self) -> u64 {
        let mut hasher = FixedState::default().build_hasher();
        let report = &self.report;
        (report.state, report.mode, report.severity, report.severity_peak).hash(&mut hasher);
        (self.told, self.sequence, self.eased, self.exact, self.over_at, self.is_judged).hash(&mut hasher);
        (self.judged, self.before_verdict, self.verdicts.len()).hash(&mut hasher);
        for pause in &self.pauses {
            (&pause.key, pause.state).hash(&mut hasher);
        }
        (self.opened_at, self.decisive_received_at, &self.not_paused_because).hash(&mut hasher);
        hasher.finish()
    }

    /// Whether what is shown says how bad an episode is, by which detectors, and since when.
    pub(super) fn has_said(&self, episode: &Episode) -> bool {
        let report = &self.report;
        let level = episode.level();
        report.severity == level
            && episode.is_said_by(&report.detectors)
            && episode.reached(level).is_some_and(|at| at.id == EventId::of(&report.triggered_event_id))
    }

    /// Sets where it stands, in both places that say so.
    pub(super) fn set_state(&mut self, state: State) {
        self.report.state = state;
    }

    /// Sets how its pauses stand. That a human confirmed it says more.
    pub(super) fn set_brake_state(&mut self, state: State) {
        if self.report.state != State::Confirmed {
            self.set_state(state);
        }
    }

    /// The severity that must be passed before receivers are told more: what they were told, or what humans judged.
    pub(super) fn known(&self) -> Option<Severity> {
        self.told.or(self.judged.map(|judged| judged.severity))
    }

    /// The span of which all is one episode: an incident over which a pause was decided takes in whatever its actor does
    /// until it is over, one that humans judged whatever happened before the verdict.
    pub(super) fn takes_in(&self) -> Option<(Second, Second)> {
        if self.is_judged && self.report.state != State::Merged {
            return self.judged.map(|judged| (self.from.second, judged.until));
        }
        (!self.is_over() && !self.pauses.is_empty()).then_some((self.from.second, Second(i64::MAX)))
    }
}
