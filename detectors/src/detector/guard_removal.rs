//! `guard-removal`: a protection went off, and worse: was followed by the deletion that it guarded against.

use super::{Basis, Detector, Finding, Gauge, Levels, Limits, Span, Window, worse};

/// A trail that is lost says so by itself, once.
const TRAIL_LOST: Levels = Levels::new(None, Some(1), None, None);

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
        let alone = TRAIL_LOST.of(window.loses_trail.into()).map(|level| Finding { level, basis: Basis::Itself });
        let deleted = limits.guard_removal.of(window.over(Span::Hour).unguarded);
        worse(deleted.map(|level| Finding { level, basis: Basis::Destroyed(Span::Hour) }), alone)
    }

    fn gauges(&self, window: &Window<'_>, limits: &Limits) -> Vec<Gauge> {
        let about = "resources deleted within an hour after their own protection was switched off";
        let lost = u64::from(window.loses_trail);
        vec![
            Gauge::count("resources", about, window.over(Span::Hour).unguarded, &limits.guard_removal),
            Gauge::count(
                "trail",
                "what watches others, such as a trail, was switched off or destroyed; not configurable",
                lost,
                &TRAIL_LOST,
            ),
        ]
    }
}
