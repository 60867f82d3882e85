//! What one run of the chain came to.

use serde_json::Value;

use crate::support::agent::Call;
use crate::support::iam_proxy::Change;

/// Calls, losses, savings and latencies of one run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Figures {
    calls: usize,
    refused: usize,
    destroyed: usize,
    saved: usize,
    /// The weight of one resource, as the incident tells it.
    weight_each: f64,
    at_page: u64,
    at_pause: u64,
    /// From the receipt of the decisive record to the deny being in place, in milliseconds.
    receipt_to_deny: f64,
    /// From the receipt of the decisive record to the hook's call, in milliseconds, by Trailbrake's own measure.
    receipt_to_hook: f64,
}

impl Figures {
    pub(super) fn new(
        incident: &Value,
        calls: &[Call],
        left: usize,
        all: usize,
        deny: &Change,
        receipt_to_hook: f64,
    ) -> Self {
        let destroyed = &incident["incident"]["destroyed"];
        let resources = destroyed["resources"].as_f64().unwrap_or_default();
        let weight = destroyed["weight"].as_f64().unwrap_or_default();
        assert!(resources > 0.0 && weight > 0.0, "the incident weighs nothing: {destroyed}");
        #[expect(clippy::cast_precision_loss, reason = "a few seconds in milliseconds")]
        let hook_to_deny = (deny.in_place.0 - deny.asked.0) as f64;
        Self {
            calls: calls.len(),
            refused: calls.iter().filter(|call| call.result.is_err()).count(),
            destroyed: all - left,
            saved: left,
            weight_each: weight / resources,
            at_page: destroyed["at_page"].as_u64().unwrap_or_default(),
            at_pause: destroyed["at_pause"].as_u64().unwrap_or_default(),
            receipt_to_deny: receipt_to_hook + hook_to_deny,
            receipt_to_hook,
        }
    }

    fn weights(&self) -> (f64, f64) {
        #[expect(clippy::cast_precision_loss, reason = "a few dozen resources")]
        let of = |resources: usize| resources as f64 * self.weight_each;
        (of(self.destroyed), of(self.saved))
    }

    /// One line for people.
    pub(super) fn sentence(&self, name: &str) -> String {
        let (lost, saved) = self.weights();
        format!(
            "whole_chain {name}: {} calls, {} refused; destroyed {} (weight {lost:.1}), {} at the page and {} at the decision; \
             saved {} (weight {saved:.1}); deny in place {:.0} ms after the decisive record's receipt",
            self.calls, self.refused, self.destroyed, self.at_page, self.at_pause, self.saved, self.receipt_to_deny
        )
    }

    pub(super) fn heading() -> String {
        format!(
            "{:<28} {:>5} {:>7} {:>9} {:>6} {:>5} {:>11} {:>12} {:>12}",
            "variant",
            "calls",
            "refused",
            "destroyed",
            "weight",
            "saved",
            "weight saved",
            "receipt→hook",
            "receipt→deny"
        )
    }

    pub(super) fn row(&self, name: &str) -> String {
        let (lost, saved) = self.weights();
        format!(
            "{name:<28} {:>5} {:>7} {:>9} {lost:>6.1} {:>5} {saved:>12.1} {:>9.1} ms {:>9.0} ms",
            self.calls, self.refused, self.destroyed, self.saved, self.receipt_to_hook, self.receipt_to_deny
        )
    }
}
