//! `delete-recreate`: a resource was deleted and one of the same identity created again, or its successor; or a whole set
//! of types was torn down and built again. It counts for the deleter, whoever creates.

use super::{Amount, Basis, Detector, Finding, Gauge, Limits, Rebuilt, RecreateLimits, Term, Window, worse};

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
            let level = limits.rebuilt.of(set.weight).filter(|_| is_rebuilt(set, limits))?;
            Some(Finding { level, basis: Basis::Rebuilt(number) })
        });
        sets.fold(returned, worse)
    }

    fn gauges(&self, window: &Window<'_>, limits: &Limits) -> Vec<Gauge> {
        let limits = &limits.delete_recreate;
        let returned = window.returned.map_or(0, |returned| returned.weight);
        let rebuilt = window.rebuilt.iter().filter(|set| is_rebuilt(set, limits)).map(|set| set.weight).max();
        vec![
            Gauge::weight("returned", "weight of what came back of an hour of deletes", returned, &limits.returned),
            Gauge::weight(
                "rebuilt",
                "weight of a set of types that was built again",
                rebuilt.unwrap_or_default(),
                &limits.rebuilt,
            ),
        ]
    }

    fn terms(&self, limits: &Limits) -> Vec<Term> {
        let about = "so many types make a set, and so many of them, and half, must have come back";
        vec![Term { limit: "kinds", about, amount: Amount::Count(limits.delete_recreate.kinds) }]
    }
}

fn is_rebuilt(set: &Rebuilt, limits: &RecreateLimits) -> bool {
    set.kinds >= limits.kinds && set.again >= limits.kinds && set.again * 2 >= set.kinds
}
