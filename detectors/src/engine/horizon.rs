//! The horizon: how far event time has surely come. Incidents end by it, and facts are forgotten by it.

use std::collections::BTreeMap;

use super::memory::Progress;
use super::{Partition, Settings};
use crate::limits::{LATENESS_SECONDS, PARTITIONS_MAX};
use crate::time::{Millis, Second};

/// How long a partition of a source that says nothing about it may be silent.
const QUIET_SECONDS: i64 = 60;

/// The least, over live partitions, of the greatest event time seen there; with none live, now less lateness and silence.
pub(super) fn horizon(partitions: &BTreeMap<Partition, Progress>, settings: &Settings, now: Millis) -> Second {
    let quiet_limit = |source: &str| settings.quiet_limits.get(source).copied().unwrap_or(QUIET_SECONDS);
    let live = partitions.values().filter(|progress| {
        let silence = now.0.saturating_sub(progress.heard_at.0) / 1_000;
        silence <= quiet_limit(&progress.partition.source)
    });
    let least = live.map(|progress| progress.time).min();
    let longest = settings.quiet_limits.values().copied().max().unwrap_or(QUIET_SECONDS);
    least.unwrap_or_else(|| now.second().plus(-(LATENESS_SECONDS + longest))).min(now.second())
}

/// The partition that goes when there are too many: the one longest unheard.
pub(super) fn surplus(partitions: &BTreeMap<Partition, Progress>) -> Option<Partition> {
    if partitions.len() <= PARTITIONS_MAX {
        return None;
    }
    partitions.values().min_by_key(|progress| (progress.heard_at, &progress.partition)).map(|one| one.partition.clone())
}
