//! The detectors: each a table of limits and a predicate over sums of contributions. They know nothing of lateness,
//! aliases, ownership or order. To add one: write its file, name it in [`ALL`].

mod delete_recreate;
mod deletion_burst;
mod window;
mod zone_spread;

pub use window::{Judged, LESSENED, Made, Sums, Window};

use std::ops::Range;

use crate::incident::Severity;

/// What a detector says of one window: how bad, and on which of its destroyed resources that rests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad.
    pub level: Severity,
    /// The numbers of those resources in [`Window::destroyed`].
    pub rests_on: Range<usize>,
}

/// Judges windows.
pub trait Detector: Sync {
    /// The name in configuration, output and metrics.
    fn name(&self) -> &'static str;

    /// What it says of the window that ends with one fact; nothing if no limit is passed.
    fn judge(&self, window: &Window<'_>) -> Option<Finding>;
}

/// All detectors that judge windows, in the order of their names.
pub const ALL: &[&dyn Detector] =
    &[&delete_recreate::DeleteRecreate, &deletion_burst::DeletionBurst, &zone_spread::ZoneSpread];

/// The name of the detector that speaks when a source says that its trail was stopped, narrowed or fell silent. It has
/// no window: what it says comes from [`crate::engine::Watch`].
pub const BLIND: &str = "blind";

/// The names of all detectors, as configuration may use them.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|detector| detector.name()).chain([BLIND])
}
