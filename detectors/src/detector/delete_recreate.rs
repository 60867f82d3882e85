//! `delete-recreate`: a resource was deleted and one of the same identity created again, or its successor; or a whole set
//! of types was torn down and built again. It counts for the deleter, whoever creates.

use super::{Basis, Detector, Finding, Limits, Window, worse};

/// The detector.
pub(super) struct DeleteRecreate;

impl Detector for DeleteRecreate {
    fn name(&self) -> &'static str {
        "delete-recreate"
    }

    fn about(&self) -> &'static str {
        "what was destroyed was created again: the same resource, its successor, or a whole set of types"
    }

    fn judge(&self, window: &Window<'_>, limits: &Limits) -> Option<Finding> {
        let limits = &limits.delete_recreate;
        let returned = window
            .returned
            .and_then(|returned| Some(Finding { level: limits.returned.of(returned.weight)?, basis: Basis::Returned }));
        let sets = window.rebuilt.iter().enumerate().map(|(number, set)| {
            let is_rebuilt = set.kinds >= limits.kinds && set.again >= limits.kinds && set.again * 2 >= set.kinds;
            let level = limits.rebuilt.of(set.weight).filter(|_| is_rebuilt)?;
            Some(Finding { level, basis: Basis::Rebuilt(number) })
        });
        sets.fold(returned, worse)
    }
}
