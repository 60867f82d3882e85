//! How records arrive: in order, or each some time later than it would, and some of them twice.

use std::collections::BTreeMap;

use fastrand::Rng;

use super::{Options, Record};
use crate::limits::LATENESS_SECONDS;

/// Records of a trail in the order of their arrival.
pub(super) struct Arrival<I> {
    trail: I,
    random: Rng,
    shuffle_ms: i64,
    duplicates: f64,
    /// Records under way, by when they arrive (in milliseconds) and in which order they were taken from the trail.
    waiting: BTreeMap<(i64, u64), Record>,
    taken: u64,
    /// Until when the trail was read, in milliseconds; nothing at its end.
    read_until_ms: Option<i64>,
}

impl<I: Iterator<Item = Record>> Arrival<I> {
    /// Records of a trail that is in event-time order.
    pub(super) fn new(trail: I, options: &Options) -> Self {
        Self {
            trail,
            random: Rng::with_seed(options.seed ^ 0xA441_7AB1_E5EE_D000),
            shuffle_ms: options.shuffle_seconds.unwrap_or(0).max(0).saturating_mul(1000),
            duplicates: options.duplicates,
            waiting: BTreeMap::new(),
            taken: 0,
            read_until_ms: Some(i64::MIN),
        }
    }

    /// Takes the next record from the trail and decides when it arrives, and whether a copy of it does.
    fn take(&mut self) {
        let Some(record) = self.trail.next() else {
            self.read_until_ms = None;
            return;
        };
        let time_ms = record.time.millis().0;
        self.read_until_ms = Some(time_ms);
        if self.random.f64() < self.duplicates {
            let latest_ms = self.shuffle_ms.max(LATENESS_SECONDS * 1000);
            let at_ms = time_ms.saturating_add(self.random.i64(0..=latest_ms));
            self.put(at_ms, record.clone());
        }
        let at_ms = time_ms.saturating_add(self.random.i64(0..=self.shuffle_ms));
        self.put(at_ms, record);
    }

    fn put(&mut self, at_ms: i64, record: Record) {
        self.waiting.insert((at_ms, self.taken), record);
        self.taken += 1;
    }
}

impl<I: Iterator<Item = Record>> Iterator for Arrival<I> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        if self.shuffle_ms == 0 && self.duplicates <= 0.0 {
            return self.trail.next();
        }
        loop {
            // Whatever the trail still holds arrives at the earliest at the time that it was read to.
            let first_ms = self.waiting.first_key_value().map(|((at_ms, _), _)| *at_ms);
            match (self.read_until_ms, first_ms) {
                (None, None) => return None,
                (Some(until_ms), Some(at_ms)) if at_ms >= until_ms => self.take(),
                (Some(_), None) => self.take(),
                _ => return self.waiting.pop_first().map(|(_, record)| record),
            }
        }
    }
}
