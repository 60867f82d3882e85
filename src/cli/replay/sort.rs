//! Puts any number of events into their order within bounded memory: what memory has no room for goes to sorted runs in a
//! temporary file, which are merged again. A trail that is nearly in order makes one run, and that comes out at once.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use anyhow::Context;
use trailbrake_detectors::event::Event;
use trailbrake_detectors::timeline::FactKey;

use super::runs::Runs;
use super::size::bytes_of;
use crate::limits::{REPLAY_RUNS_MAX, REPLAY_SORT_BYTES_MAX};

/// What a sorter says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sorted {
    /// The next event.
    Event(Box<Event>),
    /// What came out so far was in vain, since an event lies before some of it: all will come once more.
    Anew,
    /// All events are known, and so many of them are still to come.
    Left(u64),
}

/// Takes what a sorter says.
pub(super) type Out<'a> = &'a mut dyn FnMut(Sorted) -> anyhow::Result<()>;

/// Takes events in any order. The least of those held goes first; one that lies before what went already has to wait for
/// the next run, so that runs are twice as long as what is held, and a trail nearly in order is one run.
pub(super) struct Sorter {
    bytes_max: usize,
    runs_max: usize,
    held: BinaryHeap<Reverse<Held>>,
    bytes: usize,
    /// Events taken.
    taken: u64,
    /// The place of the last event that went.
    last: Option<FactKey>,
    /// The run that is being written.
    run: u64,
    runs: Option<Runs>,
    /// What goes comes out as well.
    is_early: bool,
}

/// An event that waits.
struct Held {
    run: u64,
    key: FactKey,
    /// Two copies of an event that differ can share a place: they keep the order in which they were read.
    number: u64,
    bytes: usize,
    event: Box<Event>,
}

impl Held {
    fn place(&self) -> (u64, &FactKey, u64) {
        (self.run, &self.key, self.number)
    }
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

impl Eq for Held {}

impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Held {
    fn cmp(&self, other: &Self) -> Ordering {
        self.place().cmp(&other.place())
    }
}

impl Sorter {
    /// Events come out before all are known, if that is wanted, for as long as it turns out to be their order.
    pub(super) fn new(is_early: bool) -> Self {
        Self::within(REPLAY_SORT_BYTES_MAX, REPLAY_RUNS_MAX, is_early)
    }

    fn within(bytes_max: usize, runs_max: usize, is_early: bool) -> Self {
        let held = BinaryHeap::new();
        Self { bytes_max, runs_max, held, bytes: 0, taken: 0, last: None, run: 0, runs: None, is_early }
    }

    /// Takes one event.
    pub(super) fn push(&mut self, event: Event, out: Out<'_>) -> anyhow::Result<()> {
        let key = FactKey::of(&event);
        let is_behind = self.last.as_ref().is_some_and(|last| key < *last);
        if is_behind && self.is_early {
            self.is_early = false;
            out(Sorted::Anew)?;
        }
        let bytes = bytes_of(&event) + size_of::<Held>();
        let (run, number) = (self.run + u64::from(is_behind), self.taken);
        self.held.push(Reverse(Held { run, key, number, bytes, event: Box::new(event) }));
        self.taken += 1;
        self.bytes += bytes;
        while self.bytes > self.bytes_max {
            let Some(Reverse(held)) = self.held.pop() else { break };
            self.bytes -= held.bytes;
            self.write(&held)
                .context("events cannot be put into order\nhint: TMPDIR names a directory with room for them")?;
            self.last = Some(held.key);
            if self.is_early {
                out(Sorted::Event(held.event))?;
            }
        }
        Ok(())
    }

    fn write(&mut self, held: &Held) -> anyhow::Result<()> {
        let mut runs = match self.runs.take() {
            Some(runs) => runs,
            None => Runs::new()?,
        };
        if held.run > self.run {
            self.run = held.run;
            runs.end_run();
            if runs.len() >= self.runs_max {
                let mut one = Runs::new()?;
                for event in runs.merge(Vec::new())? {
                    one.write(&*event?)?;
                }
                one.end_run();
                runs = one;
            }
        }
        runs.write(&held.event)?;
        self.runs = Some(runs);
        Ok(())
    }

    /// All events were taken: what has not come out yet does, in order.
    pub(super) fn finish(mut self, out: Out<'_>) -> anyhow::Result<()> {
        let Some(runs) = self.runs.take().filter(|_| !self.is_early) else {
            out(Sorted::Left(self.held.len() as u64))?;
            while let Some(Reverse(held)) = self.held.pop() {
                out(Sorted::Event(held.event))?;
            }
            return Ok(());
        };
        out(Sorted::Left(self.taken))?;
        let mut last: Vec<Held> = self.held.into_iter().map(|Reverse(held)| held).collect();
        last.sort_unstable_by(|one, other| (&one.key, one.number).cmp(&(&other.key, other.number)));
        for event in runs.merge(last.into_iter().map(|held| *held.event).collect())? {
            out(Sorted::Event(event?))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use trailbrake_detectors::catalog::Catalog;
    use trailbrake_detectors::decode::decode;
    use trailbrake_detectors::scenario::{self, Options};
    use trailbrake_detectors::time::Second;

    use super::*;

    fn events(shuffle_seconds: Option<i64>) -> Vec<Event> {
        let start = Second::parse("2026-01-05T09:00:00Z").expect("a time");
        let options = Options { shuffle_seconds, duplicates: 0.3, ..Options::new(3, start) };
        let records = scenario::generate("agent-rebuild", &options).expect("a scenario");
        let now = start.plus(7 * 24 * 60 * 60).millis();
        let decoded = records.iter().map(|record| decode(record.json.as_bytes(), now, Catalog::built_in()));
        // Copies that only the order of reading tells apart.
        let numbered = decoded.flat_map(|decoded| decoded.events).enumerate();
        numbered.map(|(number, event)| Event { user_agent: number.to_string().into(), ..event }).collect()
    }

    fn in_order(events: &[Event]) -> Vec<Event> {
        let mut events = events.to_vec();
        events.sort_by_cached_key(FactKey::of);
        events
    }

    /// All that comes out: how many before all were known, whether it began anew, and the events in the end.
    fn sorted(mut sorter: Sorter, events: &[Event]) -> (usize, bool, Vec<Event>) {
        let (mut found, mut is_anew, mut left) = (Vec::new(), false, None);
        let mut out = |sorted| {
            match sorted {
                Sorted::Event(event) => found.push(*event),
                Sorted::Anew => {
                    assert!(!std::mem::replace(&mut is_anew, true), "anew twice");
                    found.clear();
                }
                Sorted::Left(count) => left = Some((found.len(), count)),
            }
            Ok(())
        };
        for event in events {
            sorter.push(event.clone(), &mut out).expect("room");
        }
        assert!(sorter.bytes <= sorter.bytes_max, "{} bytes held", sorter.bytes);
        sorter.finish(&mut out).expect("readable");
        let (before, count) = left.expect("said how many are left");
        assert_eq!((before as u64) + count, found.len() as u64);
        (before, is_anew, found)
    }

    #[test]
    fn events_come_out_in_order_however_little_memory_there_is() {
        let events = events(Some(600));
        assert!(events.len() > 50, "{}", events.len());
        let reversed: Vec<Event> = events.iter().rev().cloned().collect();
        for events in [events, reversed] {
            let expected = in_order(&events);
            for bytes_max in [0, 10_000, 50_000, 1 << 30] {
                for (runs_max, is_early) in [(1, false), (2, true), (1_000, false), (1_000, true)] {
                    let (_, _, found) = sorted(Sorter::within(bytes_max, runs_max, is_early), &events);
                    assert_eq!(found, expected, "{bytes_max} bytes, {runs_max} runs, early: {is_early}");
                }
            }
        }
    }

    #[test]
    fn what_is_in_order_comes_out_before_all_is_known() {
        let events = in_order(&events(None));
        let (before, is_anew, found) = sorted(Sorter::within(20_000, 10, true), &events);
        assert!(before > events.len() / 2 && !is_anew, "{before} of {}", events.len());
        assert_eq!(found, events);
        let (before, is_anew, _) = sorted(Sorter::within(20_000, 10, false), &events);
        assert_eq!((before, is_anew), (0, false), "not wanted");
        // The first comes last: all was in vain.
        let mut late = events.clone();
        late.rotate_left(1);
        let (before, is_anew, found) = sorted(Sorter::within(20_000, 10, true), &late);
        assert_eq!((before, is_anew), (0, true));
        assert_eq!(found, in_order(&late));
    }

    #[test]
    fn runs_stay_few() {
        let events: Vec<Event> = in_order(&events(None)).into_iter().rev().collect();
        let mut sorter = Sorter::within(0, 3, false);
        let mut most = 0;
        for event in events {
            sorter.push(event, &mut |_| Ok(())).expect("room");
            most = most.max(sorter.runs.as_ref().map_or(0, Runs::len));
        }
        assert!((2..=3).contains(&most), "{most} runs");
    }
}
