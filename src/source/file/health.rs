//! What is said of what cannot be read: to the engine as trouble, to the log within bounds.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, watch};
use trailbrake_detectors::engine::Watch;

use crate::clock::SharedClock;
use crate::limits::{REJECTS_LOGGED_MAX, REJECTS_LOGGED_PERIOD, TROUBLE_CHARACTERS_MAX, TROUBLE_INTERVAL};
use crate::metrics::Metrics;
use crate::source::outlet::{Stopped, stopped};
use crate::source::retry::Failure;
use crate::source::{Context, Terms};

/// Says how a source is.
pub(super) struct Health {
    terms: Arc<Terms>,
    clock: SharedClock,
    metrics: Arc<Metrics>,
    watches: mpsc::Sender<Watch>,
    stop: watch::Receiver<bool>,
    said: Option<(Option<String>, Instant)>,
    period: (Instant, u32),
}

impl Health {
    pub(super) fn new(context: &Context, terms: &Arc<Terms>, now: Instant) -> Self {
        Self {
            terms: Arc::clone(terms),
            clock: Arc::clone(&context.clock),
            metrics: Arc::clone(&context.metrics),
            watches: context.watches.clone(),
            stop: context.stop.clone(),
            said: None,
            period: (now, 0),
        }
    }

    /// Says what the trouble is, or that there is none, if that is new; of trouble that goes on, now and then.
    pub(super) async fn tell(&mut self, trouble: Option<String>, now: Instant) -> Result<(), Stopped> {
        let trouble = trouble.map(|sentence| bounded(&sentence));
        self.metrics.set_blind(&self.terms.name, trouble.is_some());
        if let Some((said, at)) = &self.said {
            let goes_on = said.is_some() && trouble.is_some() && now.saturating_duration_since(*at) < TROUBLE_INTERVAL;
            if *said == trouble || goes_on {
                return Ok(());
            }
        }
        match (&trouble, &self.said) {
            (Some(trouble), _) => tracing::warn!(source = %self.terms.name, trouble, "source cannot be read"),
            (None, Some((Some(_), _))) => tracing::info!(source = %self.terms.name, "source can be read again"),
            (None, _) => {}
        }
        self.said = Some((trouble.clone(), now));
        let watch = Watch { source: Arc::clone(&self.terms.name), at: self.clock.now(), trouble };
        tokio::select! {
            biased;
            () = stopped(&mut self.stop) => Err(Stopped),
            sent = self.watches.send(watch) => sent.map_err(|_| Stopped),
        }
    }

    /// Counts what failed with one file, and logs it if it is new and there were not too many.
    pub(super) fn note(&mut self, failure: &Failure, is_new: bool, now: Instant) {
        let Failure { reason, text, hint } = failure;
        self.metrics.count_source_error(&self.terms.name, reason);
        if now.saturating_duration_since(self.period.0) >= REJECTS_LOGGED_PERIOD {
            self.period = (now, 0);
        }
        if !is_new || self.period.1 >= REJECTS_LOGGED_MAX {
            return;
        }
        self.period.1 += 1;
        tracing::warn!(source = %self.terms.name, reason, error = ?text, hint, "file cannot be read");
    }
}

/// A path in a sentence, bounded: its end says more than its beginning.
pub(super) fn shown(path: &Path) -> String {
    const CHARACTERS_MAX: usize = 200;
    let text: Vec<char> = path.to_string_lossy().escape_debug().collect();
    match text.len().checked_sub(CHARACTERS_MAX) {
        None | Some(0) => text.into_iter().collect(),
        Some(cut) => std::iter::once('…').chain(text.into_iter().skip(cut)).collect(),
    }
}

fn bounded(sentence: &str) -> String {
    let plain = sentence.chars().map(|character| if character.is_control() { ' ' } else { character });
    plain.take(TROUBLE_CHARACTERS_MAX).collect()
}
