//! How sources try again: with growing waits, one log line for each new kind of failure, and a count of every one.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::outlet::{Stopped, wait};
use super::{Context, Terms};
use crate::limits::{SOURCE_BACKOFF_FIRST, SOURCE_BACKOFF_MAX, SOURCE_ERROR_CHARACTERS_MAX};
use crate::metrics::Metrics;

/// Waits that double, with jitter, between two bounds.
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { next: SOURCE_BACKOFF_FIRST }
    }
}

impl Backoff {
    /// The next wait: between half and all of a span that doubles each time.
    pub(super) fn next(&mut self) -> Duration {
        let span = self.next;
        self.next = (span * 2).min(SOURCE_BACKOFF_MAX);
        span.mul_f64(0.5 + fastrand::f64() / 2.0)
    }

    /// Starts again with the shortest wait.
    pub(super) fn reset(&mut self) {
        self.next = SOURCE_BACKOFF_FIRST;
    }
}

/// A call that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// A fixed word, fit to label a metric.
    pub(super) reason: &'static str,
    /// What the other side said, bounded.
    pub(super) text: String,
    /// What to do about it; empty where only waiting helps.
    pub(super) hint: &'static str,
}

impl Failure {
    /// A failure with a text that is cut to its bound.
    pub(super) fn new(reason: &'static str, text: &str, hint: &'static str) -> Self {
        Self { reason, text: text.chars().take(SOURCE_ERROR_CHARACTERS_MAX).collect(), hint }
    }
}

/// Tries of one kind of call.
pub(super) struct Retry {
    terms: Arc<Terms>,
    metrics: Arc<Metrics>,
    stop: watch::Receiver<bool>,
    call: &'static str,
    backoff: Backoff,
    failing: Option<&'static str>,
}

impl Retry {
    /// No try has been made of the named call.
    pub(super) fn new(context: &Context, terms: &Arc<Terms>, call: &'static str) -> Self {
        Self {
            terms: Arc::clone(terms),
            metrics: Arc::clone(&context.metrics),
            stop: context.stop.clone(),
            call,
            backoff: Backoff::default(),
            failing: None,
        }
    }

    /// The call worked.
    pub(super) fn worked(&mut self) {
        self.backoff.reset();
        if self.failing.take().is_some() {
            tracing::info!(source = %self.terms.name, call = self.call, "source call works again");
        }
    }

    /// The call failed: counts it, logs it if it is another failure than the last, waits.
    pub(super) async fn failed(&mut self, failure: &Failure) -> Result<(), Stopped> {
        self.note(failure);
        wait(self.backoff.next(), &mut self.stop).await
    }

    /// Counts a failure, and logs it if it is another than the last.
    pub(super) fn note(&mut self, failure: &Failure) {
        self.metrics.count_source_error(&self.terms.name, failure.reason);
        if self.failing.replace(failure.reason) == Some(failure.reason) {
            return;
        }
        let (name, call) = (&self.terms.name, self.call);
        if failure.hint.is_empty() {
            tracing::warn!(source = %name, call, reason = failure.reason, error = ?failure.text, "source call failed");
        } else {
            let (reason, hint) = (failure.reason, failure.hint);
            tracing::warn!(source = %name, call, reason, error = ?failure.text, hint, "source call failed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_their_bound_and_never_pass_it() {
        let mut backoff = Backoff::default();
        let mut span = SOURCE_BACKOFF_FIRST;
        for _ in 0..50 {
            let wait = backoff.next();
            assert!(wait >= span / 2 && wait <= span, "{wait:?} for {span:?}");
            span = (span * 2).min(SOURCE_BACKOFF_MAX);
        }
        assert_eq!(span, SOURCE_BACKOFF_MAX);
        backoff.reset();
        assert!(backoff.next() <= SOURCE_BACKOFF_FIRST);
    }

    #[test]
    fn what_the_other_side_says_is_cut_at_a_character() {
        let failure = Failure::new("other", &"ä".repeat(SOURCE_ERROR_CHARACTERS_MAX + 1), "");
        assert_eq!(failure.text.chars().count(), SOURCE_ERROR_CHARACTERS_MAX);
    }
}
