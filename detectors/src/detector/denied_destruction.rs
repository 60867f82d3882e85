//! `denied-destruction`: a storm of refused destructive calls: probing, or a paused actor still trying.

use super::{Basis, Detector, Finding, Gauge, Limits, Window};

/// The detector.
pub(super) struct DeniedDestruction;

impl Detector for DeniedDestruction {
    fn name(&self) -> &'static str {
        "denied-destruction"
    }

    fn about(&self) -> &'static str {
        "a storm of refused destructive calls: probing, or a paused actor still trying"
    }

    fn judge(&self, window: &Window<'_>, limits: &Limits) -> Option<Finding> {
        let level = limits.denied_destruction.of(window.denied)?;
        Some(Finding { level, basis: Basis::Denied })
    }

    fn gauges(&self, window: &Window<'_>, limits: &Limits) -> Vec<Gauge> {
        let about = "refused destructive calls within 10 minutes";
        vec![Gauge::count("calls", about, window.denied, &limits.denied_destruction)]
    }
}
