//! `guard-removal`: a protection went off, and worse: was followed by the deletion that it guarded against.

use super::{Basis, Detector, Finding, Gauge, Limits, Span, Window, worse};
use crate::incident::Severity;

/// The detector.
pub(super) struct GuardRemoval;

impl Detector for GuardRemoval {
    fn name(&self) -> &'static str {
        "guard-removal"
    }

    fn about(&self) -> &'static str {
        "a protection went off, or was followed by the deletion that it guarded against"
    }

    fn judge(&self, window: &Window<'_>, limits: &Limits) -> Option<Finding> {
        let alone = window.loses_trail.then_some(Finding { level: Severity::Medium, basis: Basis::Itself });
        let deleted = limits.guard_removal.of(window.over(Span::Hour).unguarded);
        worse(deleted.map(|level| Finding { level, basis: Basis::Destroyed(Span::Hour) }), alone)
    }

    fn gauges(&self, window: &Window<'_>, limits: &Limits) -> Vec<Gauge> {
        let about = "deleted within an hour of the end of their protection";
        vec![Gauge::count("resources", about, window.over(Span::Hour).unguarded, &limits.guard_removal)]
    }
}
