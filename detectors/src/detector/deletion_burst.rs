//! `deletion-burst`: one actor destroyed much in a short window, by weight: a database is not a route table.

use super::{Detector, Finding, Sums, Window};
use crate::incident::Severity;
use crate::timeline::Thousandths;

/// The detector.
pub(super) struct DeletionBurst;

/// The short window.
const SHORT_SECONDS: i64 = 5 * 60;
/// The long one.
const LONG_SECONDS: i64 = 60 * 60;
/// Weight in the short window, from the most severe down.
const SHORT: &[(Thousandths, Severity)] =
    &[(16_000, Severity::Critical), (8_000, Severity::High), (4_000, Severity::Medium), (2_000, Severity::Low)];
/// Weight in the long window.
const LONG: &[(Thousandths, Severity)] = &[(40_000, Severity::Critical), (20_000, Severity::High)];
/// Resources of any weight in the short window that are `high` if they are neither own and young nor paired, else `low`.
const RESOURCES: usize = 25;

impl Detector for DeletionBurst {
    fn name(&self) -> &'static str {
        "deletion-burst"
    }

    fn judge(&self, window: &Window<'_>) -> Option<Finding> {
        let short = window.sums(SHORT_SECONDS);
        let by_number = match () {
            () if short.resources_full >= RESOURCES => Some(Severity::High),
            () if short.resources >= RESOURCES => Some(Severity::Low),
            () => None,
        };
        let short_level = level(&short, SHORT).max(by_number);
        let long_level = level(&window.sums(LONG_SECONDS), LONG);
        let seconds = if long_level > short_level { LONG_SECONDS } else { SHORT_SECONDS };
        Some(Finding { level: short_level.max(long_level)?, rests_on: window.last(seconds) })
    }
}

fn level(sums: &Sums<'_>, limits: &[(Thousandths, Severity)]) -> Option<Severity> {
    limits.iter().find(|(limit, _)| sums.weight >= *limit).map(|(_, severity)| *severity)
}
