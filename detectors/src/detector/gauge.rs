//! How far a window has come towards the limits of a detector: what `judge` says yes or no to, as figures.

use super::{Detector, Levels, Limits, Shares, Span, Spread, Sums, Window};
use crate::incident::Severity;
use crate::timeline::Thousandths;

/// What a limit is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// A weight, in thousandths.
    Weight(Thousandths),
    /// A number of resources or calls.
    Count(u64),
    /// Places, and their weight together.
    Places {
        /// How many.
        places: u64,
        /// Their weight, in thousandths.
        weight: Thousandths,
    },
}

impl Amount {
    /// The share of a limit that is reached, in thousandths: from 1,000 on it is passed.
    pub fn share_of(self, limit: Self) -> u64 {
        let share = |one: u64, of: u64| one.saturating_mul(1_000).checked_div(of).unwrap_or(1_000);
        match (self, limit) {
            (Self::Weight(one), Self::Weight(of)) | (Self::Count(one), Self::Count(of)) => share(one, of),
            (Self::Places { places, weight }, Self::Places { places: of_places, weight: of_weight }) => {
                share(places, of_places).min(share(weight, of_weight))
            }
            // A gauge and its levels are of one kind.
            _ => 0,
        }
    }

    /// Orders amounts of one kind.
    fn magnitude(self) -> (u64, u64) {
        match self {
            Self::Weight(one) | Self::Count(one) => (one, 0),
            Self::Places { places, weight } => (places, weight),
        }
    }

    /// Whether nothing is reached.
    pub fn is_zero(self) -> bool {
        self.magnitude() == (0, 0)
    }
}

/// What a limit says that no window reaches: what counts at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// Its name in the configuration.
    pub limit: &'static str,
    /// What it is about, in a few words.
    pub about: &'static str,
    /// What it says.
    pub amount: Amount,
}

/// One limit of a detector, and what a window reaches of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gauge {
    /// The limit's name in the configuration.
    pub limit: &'static str,
    /// What it is about, in a few words.
    pub about: &'static str,
    /// What is reached.
    pub amount: Amount,
    /// From where on each severity holds, the mildest first.
    pub levels: Vec<(Severity, Amount)>,
}

impl Gauge {
    /// A gauge of a weight.
    pub(super) fn weight(limit: &'static str, about: &'static str, weight: Thousandths, levels: &Levels) -> Self {
        Self { limit, about, amount: Amount::Weight(weight), levels: amounts(levels, Amount::Weight) }
    }

    /// A gauge of a number.
    pub(super) fn count(limit: &'static str, about: &'static str, count: u64, levels: &Levels) -> Self {
        Self { limit, about, amount: Amount::Count(count), levels: amounts(levels, Amount::Count) }
    }

    /// A gauge of places that each have a share of at least `share_min`.
    pub(super) fn places(
        limit: &'static str,
        about: &'static str,
        shares: &Shares,
        share_min: Thousandths,
        (level, spread): (Severity, Option<Spread>),
    ) -> Self {
        let counted = shares.iter().filter(|(_, share)| *share >= share_min);
        let (places, weight) = counted.fold((0, 0), |(places, weight), (_, share)| (places + 1, weight + share));
        let amount = |spread: Spread| Amount::Places { places: spread.places, weight: spread.weight };
        let levels = spread.into_iter().map(|spread| (level, amount(spread))).collect();
        Self { limit, about, amount: Amount::Places { places, weight }, levels }
    }

    /// The severities that are reached.
    pub fn levels_reached(&self) -> impl Iterator<Item = Severity> {
        self.levels.iter().filter(|(_, limit)| self.amount.share_of(*limit) >= 1_000).map(|(level, _)| *level)
    }

    /// Whether more is reached than by another gauge of the same limit.
    pub fn is_beyond(&self, other: &Self) -> bool {
        let rank = |gauge: &Self| {
            let shares = gauge.levels.iter().rev().map(|(_, limit)| gauge.amount.share_of(*limit));
            (shares.collect::<Vec<u64>>(), gauge.amount.magnitude())
        };
        rank(self) > rank(other)
    }
}

fn amounts(levels: &Levels, amount: impl Fn(u64) -> Amount) -> Vec<(Severity, Amount)> {
    let mut amounts: Vec<_> = levels.from_worst().map(|(limit, severity)| (severity, amount(limit))).collect();
    amounts.reverse();
    amounts
}

/// The limits of a detector as they are in force, with nothing reached.
pub fn limits_of(detector: &dyn Detector, limits: &Limits) -> Vec<Gauge> {
    let nothing = Sums::default();
    let sums = [&nothing; Span::ALL.len()];
    let window = Window { sums, denied: 0, loses_trail: false, returned: None, rebuilt: &[] };
    detector.gauges(&window, limits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detector::ALL;

    #[test]
    fn more_is_what_comes_nearer_to_the_worst_limit() {
        let limits = Limits::default();
        let gauge = |shares: &[(&str, u64)]| {
            let mut all = Shares::default();
            shares.iter().for_each(|(place, share)| all.add(&(*place).into(), *share));
            let spread = (Severity::Critical, limits.zone_spread.zones_critical);
            Gauge::places("zones_critical", "", &all, limits.zone_spread.share_min, spread)
        };
        let (heavy, wide) = (gauge(&[("a", 90_000)]), gauge(&[("a", 2_000), ("b", 2_000), ("c", 2_000)]));
        assert_eq!(heavy.amount, Amount::Places { places: 1, weight: 90_000 });
        assert!(wide.is_beyond(&heavy) && !heavy.is_beyond(&wide) && !wide.is_beyond(&wide));
        assert_eq!(gauge(&[("a", 1_999)]).amount, Amount::Places { places: 0, weight: 0 });
        assert_eq!(Amount::Weight(4_000).share_of(Amount::Weight(16_000)), 250);
    }

    #[test]
    fn every_detector_tells_its_limits_and_reaches_none_of_them_with_nothing() {
        for detector in ALL {
            let gauges = limits_of(*detector, &Limits::default());
            assert!(!gauges.is_empty(), "{}", detector.name());
            assert!(gauges.iter().all(|gauge| gauge.amount.is_zero() && !gauge.levels.is_empty()), "{gauges:?}");
            assert!(detector.terms(&Limits::default()).iter().all(|term| term.amount != Amount::Count(0)));
            for gauge in gauges {
                assert!(gauge.levels.windows(2).all(|pair| pair[0].0 < pair[1].0), "{gauge:?}");
            }
        }
    }
}
