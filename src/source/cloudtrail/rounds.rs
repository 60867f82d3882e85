//! Which spans of event time to look up, and how far that covers the trail.

use std::collections::BTreeSet;

use trailbrake_detectors::time::Second;

use crate::limits::{LOOKUP_AGE_SECONDS_MAX, LOOKUP_SEEN_MAX, LOOKUP_WINDOW_SECONDS_MAX};

/// A span of event time, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) from: Second,
    pub(super) to: Second,
}

/// Rounds over the recent past. Each is made of windows, oldest first, and reaches back over the end of the last.
#[derive(Debug)]
pub(super) struct Rounds {
    overlap_seconds: i64,
    /// Everything up to here has been looked up once, at a time when it may not have been complete.
    covered: Second,
    /// The end of the present round.
    until: Second,
    /// The beginning of its next window.
    next: Second,
    /// How long windows are at present.
    span_seconds: i64,
}

impl Rounds {
    /// Rounds that go on from a kept position, or begin one overlap ago.
    pub(super) fn new(position: Option<&str>, overlap_seconds: i64, now: Second) -> Self {
        // A position from the future would leave out all that happens until then.
        let covered = position.and_then(Second::parse).map_or(now, |kept| kept.min(now));
        let span_seconds = LOOKUP_WINDOW_SECONDS_MAX;
        Self { overlap_seconds, covered, until: covered, next: covered.plus(1), span_seconds }
    }

    /// Begins a round that ends now.
    pub(super) fn begin(&mut self, now: Second) {
        let oldest = now.plus(-LOOKUP_AGE_SECONDS_MAX);
        self.next = self.covered.plus(-self.overlap_seconds).max(oldest);
        self.until = now.max(self.covered);
    }

    /// The next window of this round; nothing if it is over.
    pub(super) fn window(&self) -> Option<Window> {
        let to = self.next.plus(self.span_seconds - 1).min(self.until);
        (self.next <= self.until).then_some(Window { from: self.next, to })
    }

    /// Everything in a window was handed over.
    pub(super) fn done(&mut self, window: Window) {
        self.next = window.to.plus(1);
        self.covered = self.covered.max(window.to);
        self.span_seconds = (self.span_seconds * 2).min(LOOKUP_WINDOW_SECONDS_MAX);
    }

    /// A window holds more than can be held: makes windows half as long, down to a second.
    pub(super) fn shorten(&mut self, window: Window) {
        self.span_seconds = ((window.to.0 - window.from.0 + 1) / 2).max(1);
    }

    /// The position after the windows that are done.
    pub(super) fn position(&self) -> String {
        self.covered.to_string()
    }

    /// The position once a window is done as well.
    pub(super) fn position_after(&self, window: Window) -> String {
        self.covered.max(window.to).to_string()
    }

    /// How far the trail is covered.
    pub(super) fn covered(&self) -> Second {
        self.covered
    }
}

/// The events handed over that a later round will find again. When full, the oldest go first, and are repeated.
#[derive(Debug, Default)]
pub(super) struct Seen {
    events: BTreeSet<(Second, String)>,
}

impl Seen {
    /// Whether an event was handed over.
    pub(super) fn contains(&self, at: Second, id: &str) -> bool {
        !id.is_empty() && self.events.contains(&(at, id.to_owned()))
    }

    /// Notes an event. False if it was there. One without an id is always new.
    pub(super) fn insert(&mut self, at: Second, id: &str) -> bool {
        if id.is_empty() {
            return true;
        }
        let new = self.events.insert((at, id.to_owned()));
        if self.events.len() > LOOKUP_SEEN_MAX {
            self.events.pop_first();
        }
        new
    }

    /// Forgets what no round will reach any more.
    pub(super) fn forget_before(&mut self, at: Second) {
        self.events = self.events.split_off(&(at, String::new()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Second = Second(1_700_000_000);

    fn windows(rounds: &mut Rounds, now: Second) -> Vec<(i64, i64)> {
        rounds.begin(now);
        let mut found = Vec::new();
        while let Some(window) = rounds.window() {
            found.push((window.from.0 - NOW.0, window.to.0 - NOW.0));
            rounds.done(window);
        }
        found
    }

    #[test]
    fn the_first_round_reaches_back_one_overlap_and_each_later_one_over_the_last() {
        let mut rounds = Rounds::new(None, 900, NOW);
        assert_eq!(windows(&mut rounds, NOW), [(-900, 0)]);
        assert_eq!(windows(&mut rounds, NOW.plus(10)), [(-900, 10)]);
        assert_eq!(windows(&mut rounds, NOW.plus(20)), [(-890, 20)]);
        assert_eq!(rounds.position(), NOW.plus(20).to_string());
    }

    #[test]
    fn a_long_absence_is_made_up_for_oldest_first_without_gaps_or_repeats() {
        let kept = NOW.plus(-3 * 60 * 60).to_string();
        let mut rounds = Rounds::new(Some(&kept), 900, NOW);
        let hour = LOOKUP_WINDOW_SECONDS_MAX;
        let first = -3 * hour - 900;
        let expected = [
            (first, first + hour - 1),
            (first + hour, first + 2 * hour - 1),
            (first + 2 * hour, first + 3 * hour - 1),
            (first + 3 * hour, 0),
        ];
        assert_eq!(windows(&mut rounds, NOW), expected);
    }

    #[test]
    fn nothing_is_asked_for_that_cloudtrail_has_forgotten_and_the_future_is_no_position() {
        let mut rounds = Rounds::new(Some("2013-11-01T00:00:00Z"), 900, NOW);
        assert_eq!(windows(&mut rounds, NOW)[0].0, -LOOKUP_AGE_SECONDS_MAX);
        let mut rounds = Rounds::new(Some("2099-01-01T00:00:00Z"), 900, NOW);
        assert_eq!(windows(&mut rounds, NOW), [(-900, 0)]);
        let mut rounds = Rounds::new(Some("nonsense"), 900, NOW);
        assert_eq!(windows(&mut rounds, NOW), [(-900, 0)]);
    }

    #[test]
    fn a_window_that_is_too_large_is_halved_down_to_a_second() {
        let mut rounds = Rounds::new(None, 7, NOW);
        rounds.begin(NOW);
        let mut lengths = Vec::new();
        loop {
            let window = rounds.window().expect("not over");
            lengths.push(window.to.0 - window.from.0 + 1);
            if lengths.len() == 5 {
                break;
            }
            rounds.shorten(window);
        }
        assert_eq!(lengths, [8, 4, 2, 1, 1]);
        let window = rounds.window().expect("not over");
        assert_eq!(rounds.position_after(window), NOW.to_string(), "an overlap moves no position back");
        rounds.done(window);
        assert_eq!(rounds.window().map(|window| window.to.0 - window.from.0 + 1), Some(2));
    }

    #[test]
    fn clocks_that_go_back_lose_nothing() {
        let mut rounds = Rounds::new(None, 10, NOW);
        windows(&mut rounds, NOW);
        assert_eq!(windows(&mut rounds, NOW.plus(-60)), [(-10, 0)]);
        assert_eq!(rounds.covered(), NOW);
    }

    #[test]
    fn what_was_seen_is_remembered_within_its_bound() {
        let mut seen = Seen::default();
        assert!(seen.insert(NOW, "a") && !seen.insert(NOW, "a") && seen.insert(NOW.plus(5), "b"));
        seen.forget_before(NOW.plus(1));
        assert!(seen.insert(NOW, "a") && !seen.insert(NOW.plus(5), "b"));
        for number in 0..LOOKUP_SEEN_MAX {
            seen.insert(NOW.plus(10), &number.to_string());
        }
        assert_eq!(seen.events.len(), LOOKUP_SEEN_MAX);
        assert!(seen.insert(NOW, "a"), "the oldest went first");
    }
}
