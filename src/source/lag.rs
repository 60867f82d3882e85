//! How far a source is behind, over all its parts: the worst of them is what is shown.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::Terms;
use crate::metrics::Metrics;

/// The lags of the parts of one source. Cloned handles share them.
#[derive(Clone)]
pub(super) struct Lag {
    terms: Arc<Terms>,
    metrics: Arc<Metrics>,
    seconds: Arc<Mutex<BTreeMap<String, f64>>>,
}

impl Lag {
    /// Nothing is known to be behind.
    pub(super) fn new(terms: &Arc<Terms>, metrics: &Arc<Metrics>) -> Self {
        Self { terms: Arc::clone(terms), metrics: Arc::clone(metrics), seconds: Arc::default() }
    }

    /// A part is so many milliseconds behind.
    pub(super) fn set_millis(&self, part: &str, millis: i64) {
        #[expect(clippy::cast_precision_loss, reason = "exact up to 285,000 years")]
        let seconds = millis.max(0) as f64 / 1_000.0;
        self.change(|parts| match parts.get_mut(part) {
            Some(value) => *value = seconds,
            None => {
                parts.insert(part.to_owned(), seconds);
            }
        });
    }

    /// A part is not read any more.
    pub(super) fn remove(&self, part: &str) {
        self.change(|parts| {
            parts.remove(part);
        });
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<String, f64>)) {
        // Each change leaves the map whole, so one that panicked elsewhere does no harm.
        let mut parts = self.seconds.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut parts);
        let worst = parts.values().copied().fold(0.0, f64::max);
        self.metrics.set_source_lag_seconds(&self.terms.name, worst);
    }
}
