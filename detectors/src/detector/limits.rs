//! The limits of the detectors and the weights of what is destroyed: tables that users may change.

use serde::{Deserialize, Serialize};

use crate::event::WeightClass;
use crate::incident::Severity;
use crate::timeline::Thousandths;

/// What resources of each class weigh, in thousandths.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weights {
    /// A database, a table, a file system, a key.
    pub holds_state: Thousandths,
    /// An instance, a service, a load balancer.
    pub serves_traffic: Thousandths,
    /// A subnet, a volume, a snapshot, a function; also what an unknown destructive action destroys.
    pub small: Thousandths,
    /// A snapshot, an image, a recovery point.
    pub copy: Thousandths,
    /// All copies of a window together weigh at most this: a job that rotates them is no outage.
    pub copies_max: Thousandths,
    /// A security group, a role, a log group.
    pub usually_unused: Thousandths,
    /// All of these of a window together weigh at most this.
    pub usually_unused_max: Thousandths,
    /// Own and young resources, and those replaced one by one, weigh this share of their weight.
    pub lessened_share: Thousandths,
    /// All own and young resources of a window together weigh at most this.
    pub own_young_max: Thousandths,
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            holds_state: 3_000,
            serves_traffic: 1_000,
            small: 500,
            copy: 500,
            copies_max: 5_000,
            usually_unused: 200,
            usually_unused_max: 2_000,
            lessened_share: 150,
            own_young_max: 2_000,
        }
    }
}

impl Weights {
    /// The weight of a destroyed resource of a class. A stack weighs nothing: the deletes that it causes carry the weight.
    pub fn of(&self, class: WeightClass) -> Thousandths {
        match class {
            WeightClass::HoldsState => self.holds_state,
            WeightClass::ServesTraffic => self.serves_traffic,
            WeightClass::Small => self.small,
            WeightClass::Copy => self.copy,
            WeightClass::UsuallyUnused => self.usually_unused,
            WeightClass::Stack => 0,
        }
    }

    /// A weight after lessening.
    pub fn lessened(&self, weight: Thousandths) -> Thousandths {
        weight * self.lessened_share / 1_000
    }
}

/// From which value on each severity holds; a severity without a value is never reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Levels {
    /// From here on `low`.
    pub low: Option<u64>,
    /// From here on `medium`.
    pub medium: Option<u64>,
    /// From here on `high`.
    pub high: Option<u64>,
    /// From here on `critical`.
    pub critical: Option<u64>,
}

impl Levels {
    pub(super) const fn new(low: Option<u64>, medium: Option<u64>, high: Option<u64>, critical: Option<u64>) -> Self {
        Self { low, medium, high, critical }
    }

    /// The most severe level that a value reaches.
    pub fn of(&self, value: u64) -> Option<Severity> {
        self.from_worst().find(|(limit, _)| value >= *limit).map(|(_, severity)| severity)
    }

    /// The limits that are set, from the most severe down.
    pub fn from_worst(&self) -> impl Iterator<Item = (u64, Severity)> {
        [
            (self.critical, Severity::Critical),
            (self.high, Severity::High),
            (self.medium, Severity::Medium),
            (self.low, Severity::Low),
        ]
        .into_iter()
        .filter_map(|(limit, severity)| limit.map(|limit| (limit, severity)))
    }
}

/// So many places, with so much weight together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    /// Places, each with at least [`SpreadLimits::share_min`].
    pub places: u64,
    /// Their weight together, in thousandths.
    pub weight: Thousandths,
}

/// Limits of `deletion-burst`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BurstLimits {
    /// Weight within 5 minutes.
    pub five_minutes: Levels,
    /// Weight within an hour.
    pub hour: Levels,
    /// Resources of any weight within 5 minutes, own ones included.
    pub resources: Levels,
    /// Resources of any weight within 5 minutes that are neither own and young nor replaced one by one.
    pub resources_full: Levels,
}

/// Limits of `zone-spread`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpreadLimits {
    /// A zone or a region with less weight than this does not count.
    pub share_min: Thousandths,
    /// Zones within 10 minutes that are `high`; nothing: never.
    pub zones_high: Option<Spread>,
    /// Zones within 10 minutes that are `critical`; nothing: never.
    pub zones_critical: Option<Spread>,
    /// Regions within 5 minutes that are `high`; nothing: never.
    pub regions_high: Option<Spread>,
    /// Regions within 5 minutes that are `critical`; nothing: never.
    pub regions_critical: Option<Spread>,
}

/// Limits of `delete-recreate`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecreateLimits {
    /// Weight of what came back of an hour of deletes; a successor counts half.
    pub returned: Levels,
    /// Weight of a set of types, torn down within 15 minutes, of which half came back.
    pub rebuilt: Levels,
    /// How many types make a set, and how many of them must have come back.
    pub kinds: u64,
}

/// All limits and weights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// What things weigh.
    pub weights: Weights,
    /// `deletion-burst`.
    pub deletion_burst: BurstLimits,
    /// `zone-spread`.
    pub zone_spread: SpreadLimits,
    /// `delete-recreate`.
    pub delete_recreate: RecreateLimits,
    /// `guard-removal`: resources whose protection went off, and that were deleted within the hour.
    pub guard_removal: Levels,
    /// `denied-destruction`: refused destructive calls within 10 minutes.
    pub denied_destruction: Levels,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            weights: Weights::default(),
            deletion_burst: BurstLimits {
                five_minutes: Levels::new(Some(2_000), Some(4_000), Some(6_000), Some(10_000)),
                hour: Levels::new(None, None, Some(15_000), Some(30_000)),
                resources: Levels::new(Some(25), None, None, None),
                resources_full: Levels::new(None, None, Some(25), None),
            },
            zone_spread: SpreadLimits {
                share_min: 2_000,
                zones_high: Some(Spread { places: 2, weight: 5_000 }),
                zones_critical: Some(Spread { places: 3, weight: 8_000 }),
                regions_high: Some(Spread { places: 2, weight: 5_000 }),
                regions_critical: Some(Spread { places: 3, weight: 8_000 }),
            },
            delete_recreate: RecreateLimits {
                returned: Levels::new(None, Some(1_000), Some(3_000), Some(8_000)),
                rebuilt: Levels::new(None, None, Some(8_000), Some(12_000)),
                kinds: 3,
            },
            guard_removal: Levels::new(None, Some(1), Some(2), None),
            denied_destruction: Levels::new(Some(8), Some(20), None, None),
        }
    }
}
