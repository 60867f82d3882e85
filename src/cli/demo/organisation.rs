//! A simulated organisation: calls are made, refused where a pause is in place, and recorded; IAM takes its time.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use trailbrake_detectors::engine::{Desired, PauseKey};
use trailbrake_detectors::scenario::Record;
use trailbrake_detectors::time::Millis;

/// From a call to its record being delivered.
const DELIVERY_MS: i64 = 5_000;
/// From a change of IAM to its taking effect.
const IAM_MS: i64 = 4_000;

/// Something that happens there.
#[derive(Clone, Debug)]
pub(super) enum Happening {
    /// Somebody calls AWS.
    Call {
        /// The record that it causes unless it is refused.
        record: Box<Record>,
        /// Whether a pause refuses it.
        refused: bool,
    },
    /// CloudTrail delivers a record.
    Delivery(Bytes),
    /// A change of IAM took effect.
    Effective(Box<Desired>),
}

/// The organisation, and what is going to happen in it.
#[derive(Debug)]
pub(super) struct Organisation {
    // The number keeps what falls in the same millisecond in the order in which it was caused.
    agenda: BTreeMap<(Millis, u64), Happening>,
    number: u64,
    paused: BTreeSet<PauseKey>,
    obeys: bool,
}

impl Organisation {
    /// An organisation in which these calls will be made. One that does not obey carries out no pause.
    pub(super) fn new(records: Vec<Record>, obeys: bool) -> Self {
        let mut organisation = Self { agenda: BTreeMap::new(), number: 0, paused: BTreeSet::new(), obeys };
        for record in records {
            let at = record.time.millis();
            organisation.plan(at, Happening::Call { record: Box::new(record), refused: false });
        }
        organisation
    }

    fn plan(&mut self, at: Millis, happening: Happening) {
        self.agenda.insert((at, self.number), happening);
        self.number += 1;
    }

    /// The next thing that happens, and when.
    pub(super) fn next(&mut self) -> Option<(Millis, Happening)> {
        let ((at, _), mut happening) = self.agenda.pop_first()?;
        match &mut happening {
            Happening::Call { record, refused } => {
                *refused = record.destructive && self.paused.iter().any(|key| key.entity == record.entity);
                let json = if *refused { record.refused().json } else { record.json.clone() };
                let delivery = Happening::Delivery(Bytes::from(json));
                self.plan(at.plus(DELIVERY_MS), delivery);
            }
            Happening::Effective(desired) if desired.rung.is_some() => {
                self.paused.insert(desired.key.clone());
            }
            Happening::Effective(desired) => {
                self.paused.remove(&desired.key);
            }
            Happening::Delivery(_) => {}
        }
        Some((at, happening))
    }

    /// IAM is called for a desired state.
    pub(super) fn call_iam(&mut self, desired: Desired, at: Millis) {
        if self.obeys {
            self.plan(at.plus(IAM_MS), Happening::Effective(Box::new(desired)));
        }
    }
}
