//! The real stages, driven one after the other on virtual time.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use trailbrake_detectors::catalog::Catalog;
use trailbrake_detectors::decode::decode;
use trailbrake_detectors::engine::{Change, Engine, Outcome, Partition, PauseResult, Settings, Situation};
use trailbrake_detectors::event::Effect;
use trailbrake_detectors::time::Millis;

use super::organisation::{Happening, Organisation};
use crate::config::JournalKind;
use crate::journal::Journal;
use crate::metrics::Metrics;
use crate::pipeline::{After, Board, DecodeStep, EngineStep, JournalStep, Work};
use crate::source::{Batch, Terms};

/// Who is told in the demo.
const RECEIVER: &str = "terminal";

/// Something to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// The agent does something that changes something.
    Call {
        /// The action, and to what.
        what: String,
        /// Whether a pause refused it.
        refused: bool,
    },
    /// The brake was pulled.
    Brake {
        /// Who is paused.
        entity: String,
    },
    /// Somebody was paged, or told how it goes on.
    Page {
        /// What changed.
        change: Change,
        /// How bad it is.
        severity: &'static str,
        /// What the page says.
        text: String,
    },
    /// The pause is in place.
    Paused {
        /// Who is paused.
        entity: String,
    },
}

/// All stages, with a journal in memory.
pub(super) struct Stage {
    decode: DecodeStep,
    engine: EngineStep,
    group: JournalStep,
    journal: Box<dyn Journal>,
    terms: Arc<Terms>,
}

impl Stage {
    pub(super) fn new(settings: Settings) -> anyhow::Result<Self> {
        let board = Arc::new(Board::default());
        let receivers = vec![RECEIVER.to_owned()];
        let engine = EngineStep::new(Engine::new(settings), receivers, board, Arc::new(Metrics::new()));
        let terms = Terms { name: Arc::from("trail"), accounts: Vec::new(), may_pause: true, quiet_limit_seconds: 60 };
        Ok(Self {
            decode: DecodeStep::default(),
            engine,
            group: JournalStep::default(),
            journal: crate::journal::open(&JournalKind::Memory, Millis::default())?,
            terms: Arc::new(terms),
        })
    }

    /// The most severe incident so far.
    pub(super) fn worst(&self) -> Option<Situation> {
        let incidents = self.engine.engine().situations();
        incidents.into_iter().max_by_key(|one| (one.incident.severity_peak, one.incident.destroyed.resources))
    }

    /// Something happened; says what is to be shown of it.
    pub(super) fn happen(&mut self, at: Millis, happening: Happening, organisation: &mut Organisation) -> Vec<Seen> {
        match happening {
            Happening::Call { record, refused } if record.destructive => {
                describe(record.json.as_bytes(), at).map(|what| Seen::Call { what, refused }).into_iter().collect()
            }
            Happening::Call { .. } => Vec::new(),
            Happening::Delivery(payload) => {
                let decoded = self.decode.step(self.batch(payload, at));
                self.work(Work::Batch(Box::new(decoded)), at, organisation)
            }
            Happening::Effective(desired) => {
                let paused = desired.rung.is_some();
                let result = if paused { PauseResult::Paused } else { PauseResult::Resumed };
                let entity = desired.key.entity.clone();
                let outcome = Outcome { key: desired.key, generation: desired.generation, at, result };
                let mut seen: Vec<_> = paused.then_some(Seen::Paused { entity }).into_iter().collect();
                seen.extend(self.work(Work::Outcome(outcome), at, organisation));
                seen
            }
        }
    }

    fn batch(&self, payload: Bytes, received_at: Millis) -> Batch {
        Batch {
            terms: Arc::clone(&self.terms),
            partition: Partition { source: Arc::clone(&self.terms.name), name: Arc::from("") },
            payloads: vec![payload],
            position: None,
            received_at,
            acknowledgement: None,
        }
    }

    fn work(&mut self, work: Work, at: Millis, organisation: &mut Organisation) -> Vec<Seen> {
        let now = Instant::now();
        self.group.push(self.engine.step(work), now);
        match self.group.commit(self.journal.as_mut(), now) {
            Ok(after) => follow(after, at, organisation),
            // Memory does not fail; should it, the group waits for the next commit as it does in the daemon.
            Err(_) => Vec::new(),
        }
    }
}

/// What follows a commit: IAM is called, and somebody is paged.
fn follow(after: After, at: Millis, organisation: &mut Organisation) -> Vec<Seen> {
    let mut seen = Vec::new();
    for (desired, _) in after.desired {
        if desired.rung.is_some() {
            seen.push(Seen::Brake { entity: desired.key.entity.clone() });
        }
        organisation.call_iam(desired, at);
    }
    for order in after.orders {
        let change = order.announcement.change;
        let incident = order.announcement.situation.incident;
        seen.push(Seen::Page { change, severity: incident.severity.as_str(), text: incident.reason });
    }
    seen
}

/// What a record says was done, in a few words.
fn describe(record: &[u8], now: Millis) -> Option<String> {
    let event = decode(record, now, Catalog::built_in()).events.into_iter().next()?;
    let verb = if event.effect == Effect::Destroy { "destroys" } else { "calls" };
    let names: Vec<_> = event.resources.iter().filter_map(|resource| resource.aliases.first()).cloned().collect();
    Some(format!("{verb}  {} {}", event.action(), names.join(" ")))
}
