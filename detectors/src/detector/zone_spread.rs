//! `zone-spread`: the destruction reached several zones, or several regions.

use super::{Amount, Basis, Detector, Finding, Gauge, Limits, Shares, Span, Spread, Term, Window, worse};
use crate::incident::Severity;
use crate::timeline::Thousandths;

const ZONES: &str = "zones within 10 minutes";
const REGIONS: &str = "regions within 5 minutes";

/// The detector.
pub(super) struct ZoneSpread;

impl Detector for ZoneSpread {
    fn name(&self) -> &'static str {
        "zone-spread"
    }

    fn about(&self) -> &'static str {
        "the destruction reached several zones, or several regions"
    }

    fn judge(&self, window: &Window<'_>, limits: &Limits) -> Option<Finding> {
        let limits = &limits.zone_spread;
        let judge = |span, shares: &Shares, critical, high| {
            let level = level(shares, limits.share_min, critical, high)?;
            Some(Finding { level, basis: Basis::Destroyed(span) })
        };
        let (ten, five) = (window.over(Span::TenMinutes), window.over(Span::FiveMinutes));
        let zones = judge(Span::TenMinutes, &ten.zones, limits.zones_critical, limits.zones_high);
        let regions = judge(Span::FiveMinutes, &five.regions, limits.regions_critical, limits.regions_high);
        worse(zones, regions)
    }

    fn gauges(&self, window: &Window<'_>, limits: &Limits) -> Vec<Gauge> {
        let limits = &limits.zone_spread;
        let (ten, five) = (window.over(Span::TenMinutes), window.over(Span::FiveMinutes));
        let gauges = [
            ("zones_high", ZONES, &ten.zones, Severity::High, limits.zones_high),
            ("zones_critical", ZONES, &ten.zones, Severity::Critical, limits.zones_critical),
            ("regions_high", REGIONS, &five.regions, Severity::High, limits.regions_high),
            ("regions_critical", REGIONS, &five.regions, Severity::Critical, limits.regions_critical),
        ];
        let gauge = |(limit, about, shares, level, spread)| {
            Gauge::places(limit, about, shares, limits.share_min, (level, spread))
        };
        gauges.into_iter().map(gauge).collect()
    }

    fn terms(&self, limits: &Limits) -> Vec<Term> {
        let amount = Amount::Weight(limits.zone_spread.share_min);
        vec![Term { limit: "share_min", about: "a zone or region with less weight than this does not count", amount }]
    }
}

fn level(shares: &Shares, share_min: Thousandths, critical: Option<Spread>, high: Option<Spread>) -> Option<Severity> {
    let counted = shares.iter().filter(|(_, share)| *share >= share_min);
    let (places, weight) = counted.fold((0, 0), |(places, weight), (_, share)| (places + 1, weight + share));
    let reaches = |limit: Option<Spread>| limit.is_some_and(|limit| places >= limit.places && weight >= limit.weight);
    match () {
        () if reaches(critical) => Some(Severity::Critical),
        () if reaches(high) => Some(Severity::High),
        () => None,
    }
}
