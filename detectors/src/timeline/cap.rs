//! How bad a finding can be at most, and whose it is.

use std::sync::Arc;

use crate::detector::{Basis, Shares, Span, Window};
use crate::incident::Severity;

/// How many types a controller retires of what it made, at most: instances, and what goes with them.
const RETIRED_KINDS_MAX: usize = 2;

/// How bad a finding can be at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cap {
    /// The severity that it is held to.
    pub level: Severity,
    /// Why, unless it is not held to anything.
    pub because: Option<Because>,
}

/// Why a finding is held to less than its limit says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Because {
    /// All of it is the work of AWS services.
    AwsServices,
    /// Its maker retires resources of one or two types that hold no state.
    Retired,
    /// The same, with more types than a controller retires.
    RetiredWidely,
    /// All of it is own and young.
    OwnYoung,
}

impl Cap {
    fn at(level: Severity, because: Because) -> Self {
        Self { level, because: Some(because) }
    }
}

/// What AWS services do by themselves is at most `medium`, and so is one or two types of resources that hold no state,
/// retired by their maker. What is own and young alone, or more types retired, is at most `high`.
pub fn cap(window: &Window<'_>, basis: Basis) -> Cap {
    let by_aws_services = match basis {
        Basis::Destroyed(span) => window.over(span).by_aws_services == window.over(span).resources,
        Basis::Returned => window.returned.is_some_and(|returned| returned.by_aws_services),
        Basis::Rebuilt(number) => window.rebuilt.get(number).is_some_and(|set| set.by_aws_services),
        Basis::Denied | Basis::Itself => false,
    };
    let is_retirement = match basis {
        Basis::Destroyed(span) => window.over(span).retired == window.over(span).resources_foreign,
        _ => false,
    };
    let is_narrow = window.over(Span::QuarterHour).kinds.len() <= RETIRED_KINDS_MAX;
    let is_own_young = matches!(basis, Basis::Destroyed(span) if window.over(span).resources_foreign == 0);
    match () {
        () if by_aws_services => Cap::at(Severity::Medium, Because::AwsServices),
        () if is_own_young => Cap::at(Severity::High, Because::OwnYoung),
        () if is_retirement && is_narrow => Cap::at(Severity::Medium, Because::Retired),
        () if is_retirement => Cap::at(Severity::High, Because::RetiredWidely),
        () => Cap { level: Severity::Critical, because: None },
    }
}

/// Whether one actor carries at least nine tenths of the weight: then the finding is that actor's alone. So is what rests
/// on no weight.
pub(super) fn has_bearer(window: &Window<'_>, basis: Basis) -> bool {
    let actors: &Shares<Arc<str>> = match basis {
        Basis::Destroyed(span) => &window.over(span).actors,
        Basis::Returned => match window.returned {
            Some(returned) => &returned.actors,
            None => return true,
        },
        Basis::Rebuilt(number) => match window.rebuilt.get(number) {
            Some(set) => &set.actors,
            None => return true,
        },
        Basis::Denied | Basis::Itself => return true,
    };
    let total: u64 = actors.iter().map(|(_, weight)| weight).sum();
    total == 0 || actors.iter().any(|(_, weight)| weight * 10 >= total * 9)
}
