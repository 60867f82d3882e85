//! The detectors: each a table of limits and a predicate over sums of contributions. They know nothing of lateness,
//! aliases, ownership or order. To add one: write its file, name it in [`ALL`].

mod delete_recreate;
mod deletion_burst;
mod denied_destruction;
mod gauge;
mod guard_removal;
mod limits;
mod window;
mod zone_spread;

pub use gauge::{Amount, Gauge, Term, limits_of};
pub use limits::{BurstLimits, Levels, Limits, RecreateLimits, Spread, SpreadLimits, Weights};
pub use window::{Rebuilt, Returned, Shares, Span, Sums, Window};

use crate::incident::Severity;

/// What a finding rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// What was destroyed in the last so many seconds.
    Destroyed(Span),
    /// The calls refused within [`Span::TenMinutes`].
    Denied,
    /// What came back.
    Returned,
    /// The set with this number that was built again.
    Rebuilt(usize),
    /// This fact alone.
    Itself,
}

/// What a detector says of one window: how bad, and on what that rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad.
    pub level: Severity,
    /// On what it rests.
    pub basis: Basis,
}

/// Judges windows.
pub trait Detector: Sync {
    /// The name in configuration, output and metrics.
    fn name(&self) -> &'static str;

    /// One line on what it sees.
    fn about(&self) -> &'static str;

    /// What it says of the window that ends with one fact; nothing if no limit is passed. Within one second it must say no
    /// less of a window that holds more.
    fn judge(&self, window: &Window<'_>, limits: &Limits) -> Option<Finding>;

    /// What of each of its limits a window reaches.
    fn gauges(&self, window: &Window<'_>, limits: &Limits) -> Vec<Gauge>;

    /// What else its limits say, apart from what a window can reach.
    fn terms(&self, _limits: &Limits) -> Vec<Term> {
        Vec::new()
    }
}

/// All detectors that judge windows, in the order of their names.
pub const ALL: &[&dyn Detector] = &[
    &delete_recreate::DeleteRecreate,
    &deletion_burst::DeletionBurst,
    &denied_destruction::DeniedDestruction,
    &guard_removal::GuardRemoval,
    &zone_spread::ZoneSpread,
];

/// The name of the detector that speaks when a source says that its trail was stopped, narrowed or fell silent. It has
/// no window: what it says comes from [`crate::engine::Watch`].
pub const BLIND: &str = "blind";

/// The names of all detectors, as configuration may use them.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|detector| detector.name()).chain([BLIND])
}

/// The worse of two findings; of equals the first.
fn worse(one: Option<Finding>, other: Option<Finding>) -> Option<Finding> {
    let level = |finding: &Option<Finding>| finding.map(|finding| finding.level);
    if level(&other) > level(&one) { other } else { one }
}
