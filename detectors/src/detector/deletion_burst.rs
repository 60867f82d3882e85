//! `deletion-burst`: one actor destroyed much in a short window, by weight: a database is not a route table.

use super::{Basis, Detector, Finding, Limits, Span, Window, worse};

/// The detector.
pub(super) struct DeletionBurst;

impl Detector for DeletionBurst {
    fn name(&self) -> &'static str {
        "deletion-burst"
    }

    fn about(&self) -> &'static str {
        "one actor destroyed much in a short time, by weight"
    }

    fn judge(&self, window: &Window<'_>, limits: &Limits) -> Option<Finding> {
        let weights = &limits.weights;
        let limits = &limits.deletion_burst;
        let short = window.over(Span::FiveMinutes);
        let by_weight = limits.five_minutes.of(short.weight(weights));
        let by_number = limits.resources.of(short.resources).max(limits.resources_full.of(short.resources_full));
        let long = limits.hour.of(window.over(Span::Hour).weight(weights));
        let finding = |level: Option<_>, span| level.map(|level| Finding { level, basis: Basis::Destroyed(span) });
        worse(finding(by_weight.max(by_number), Span::FiveMinutes), finding(long, Span::Hour))
    }
}
