//! `zone-spread`: the destruction reached several zones, or several regions.

use super::{Detector, Finding, Window};
use crate::incident::Severity;
use crate::timeline::Thousandths;

/// The detector.
pub(super) struct ZoneSpread;

/// The window for zones.
const ZONES_SECONDS: i64 = 10 * 60;
/// The window for regions.
const REGIONS_SECONDS: i64 = 5 * 60;
/// A zone or a region with less than this does not count.
const SHARE_MIN: Thousandths = 2_000;
/// How many of them, with how much weight together, from the most severe down.
const LIMITS: &[(usize, Thousandths, Severity)] = &[(3, 10_000, Severity::Critical), (2, 6_000, Severity::High)];

impl Detector for ZoneSpread {
    fn name(&self) -> &'static str {
        "zone-spread"
    }

    fn judge(&self, window: &Window<'_>) -> Option<Finding> {
        let zones = level(&window.sums(ZONES_SECONDS).zones);
        let regions = level(&window.sums(REGIONS_SECONDS).regions);
        let seconds = if regions > zones { REGIONS_SECONDS } else { ZONES_SECONDS };
        Some(Finding { level: zones.max(regions)?, rests_on: window.last(seconds) })
    }
}

fn level(shares: &[(&str, Thousandths)]) -> Option<Severity> {
    let (count, weight) = shares
        .iter()
        .filter(|(_, share)| *share >= SHARE_MIN)
        .fold((0_usize, 0), |(count, weight), (_, share)| (count + 1, weight + share));
    LIMITS
        .iter()
        .find(|(count_min, weight_min, _)| count >= *count_min && weight >= *weight_min)
        .map(|(_, _, severity)| *severity)
}
