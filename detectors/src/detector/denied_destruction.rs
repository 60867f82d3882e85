//! `denied-destruction`: a storm of refused destructive calls: probing, or a paused actor still trying.

use super::{Basis, Detector, Finding, Limits, Window};

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
}
