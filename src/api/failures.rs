//! Requests that nobody may make, counted by who makes them: past a bound they are told to come back later.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use trailbrake_detectors::time::Millis;

use crate::limits::{FAILURES_LOGGED_MAX, FAILURES_MAX, FAILURES_PERIOD, FAILURES_REMEMBERED_MAX};

/// Who fails.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Who {
    /// Someone without a valid token, by where they are.
    Peer(IpAddr),
    /// A holder whose role does not allow what they ask, by name.
    Holder(String),
}

impl Who {
    /// A peer by its address. Whoever has an IPv6 address has the whole network of 64 bits to choose from.
    pub(super) fn peer(address: IpAddr) -> Self {
        Self::Peer(match address.to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
            address => address,
        })
    }
}

/// What is to be done about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// After how many seconds they may come back; nothing: they are told what was wrong.
    pub(super) limited_seconds: Option<u64>,
    /// Whether it is worth a line in the log.
    pub(super) is_logged: bool,
}

/// The failures of the last period.
#[derive(Debug, Default)]
pub(super) struct Failures(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    by_whom: HashMap<Who, Count>,
    logged: Count,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    began_at: Millis,
    failures: u32,
}

impl Count {
    /// Counts one more in the period that goes on, or in a new one.
    fn add(&mut self, now: Millis) -> u32 {
        if self.remaining(now) == 0 {
            *self = Self { began_at: now, failures: 0 };
        }
        self.failures = self.failures.saturating_add(1);
        self.failures
    }

    /// Milliseconds until the period is over. A clock that was set back does not lengthen it.
    fn remaining(&self, now: Millis) -> i64 {
        let period = i64::try_from(FAILURES_PERIOD.as_millis()).unwrap_or(i64::MAX);
        let passed = now.0.saturating_sub(self.began_at.0);
        if self.failures == 0 || !(0..period).contains(&passed) { 0 } else { period - passed }
    }
}

impl Failures {
    /// Counts a failure.
    pub(super) fn note(&self, who: Who, now: Millis) -> Failure {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.by_whom.len() >= FAILURES_REMEMBERED_MAX && !counts.by_whom.contains_key(&who) {
            counts.by_whom.retain(|_, count| count.remaining(now) > 0);
        }
        if counts.by_whom.len() >= FAILURES_REMEMBERED_MAX && !counts.by_whom.contains_key(&who) {
            // So many fail at once that no more can be told apart. Whoever holds a token is not held up by it.
            return Failure { limited_seconds: Some(FAILURES_PERIOD.as_secs()), is_logged: false };
        }
        let count = counts.by_whom.entry(who).or_default();
        let failures = count.add(now);
        let seconds = u64::try_from(count.remaining(now)).unwrap_or_default().div_ceil(1_000);
        // The first of a period, and the one that passes the bound.
        let is_news = failures == 1 || failures == FAILURES_MAX + 1;
        Failure {
            limited_seconds: (failures > FAILURES_MAX).then_some(seconds.max(1)),
            is_logged: is_news && counts.logged.add(now) <= FAILURES_LOGGED_MAX,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_767_610_000_000);

    fn peer(number: u32) -> Who {
        Who::peer(IpAddr::from(number.to_be_bytes()))
    }

    #[test]
    fn each_has_a_bound_of_their_own_that_ends_with_the_period() {
        let failures = Failures::default();
        for failure in 1..=FAILURES_MAX {
            let expected = Failure { limited_seconds: None, is_logged: failure == 1 };
            assert_eq!(failures.note(peer(1), NOW), expected, "{failure}");
        }
        let expected = Failure { limited_seconds: Some(60), is_logged: true };
        assert_eq!(failures.note(peer(1), NOW), expected);
        let expected = Failure { limited_seconds: Some(18), is_logged: false };
        assert_eq!(failures.note(peer(1), Millis(NOW.0 + 42_000)), expected);
        assert_eq!(failures.note(peer(2), NOW).limited_seconds, None);
        assert_eq!(failures.note(Who::Holder("alice".to_owned()), NOW).limited_seconds, None);
        assert_eq!(failures.note(peer(1), Millis(NOW.0 + 60_000)).limited_seconds, None, "a new period");
        assert_eq!(failures.note(peer(1), Millis(NOW.0 - 1)).limited_seconds, None, "a clock that was set back");
    }

    #[test]
    fn what_is_remembered_and_what_is_logged_have_bounds() {
        let failures = Failures::default();
        let mut logged = 0;
        for number in 0..FAILURES_REMEMBERED_MAX as u32 {
            let failure = failures.note(peer(number), NOW);
            assert_eq!(failure.limited_seconds, None, "{number}");
            logged += u32::from(failure.is_logged);
        }
        assert_eq!(logged, FAILURES_LOGGED_MAX);
        assert_eq!(failures.note(peer(u32::MAX), NOW).limited_seconds, Some(60), "no room");
        assert_eq!(failures.note(peer(7), NOW).limited_seconds, None, "already known");
        assert_eq!(failures.note(peer(u32::MAX), Millis(NOW.0 + 61_000)).limited_seconds, None, "room again");
        assert_eq!(failures.0.lock().expect("not poisoned").by_whom.len(), 1);
    }

    #[test]
    fn a_network_is_one_peer() {
        let peer = |text: &str| Who::peer(text.parse().expect("an address"));
        assert_eq!(peer("2001:db8:1:2::3"), peer("2001:db8:1:2:ffff::9"));
        assert_ne!(peer("2001:db8:1:2::3"), peer("2001:db8:1:3::3"));
        assert_eq!(peer("::ffff:192.0.2.1"), peer("192.0.2.1"));
        assert_ne!(peer("192.0.2.2"), peer("192.0.2.1"));
    }
}
