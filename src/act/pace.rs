//! How attempts at the same thing are spaced.

use std::time::Duration;

use crate::limits::{BACKOFF_FIRST, BACKOFF_MAX, HOOK_ATTEMPTS_MAX};

/// Waits that double up to a limit, with jitter, for a bounded number of attempts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// The wait before the second attempt.
    pub(crate) first: Duration,
    /// The longest wait.
    pub(crate) longest: Duration,
    /// How often something is attempted.
    pub(crate) attempts: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self { first: BACKOFF_FIRST, longest: BACKOFF_MAX, attempts: HOOK_ATTEMPTS_MAX }
    }
}

impl Pace {
    /// The wait after so many failures in a row: between half of its length and all of it, by chance, so that many who
    /// were turned away together do not come back together.
    pub(crate) fn wait(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(16);
        let whole = self.first.saturating_mul(1 << doublings).min(self.longest);
        whole.mul_f64(0.5 + fastrand::f64() / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_its_limit() {
        let pace = Pace::default();
        for (failures, whole_ms) in
            [(0, 250), (1, 250), (2, 500), (3, 1_000), (7, 16_000), (8, 30_000), (u32::MAX, 30_000)]
        {
            let (wait, whole) = (pace.wait(failures), Duration::from_millis(whole_ms));
            assert!(whole / 2 <= wait && wait <= whole, "{failures}: {wait:?}");
        }
        let longest: Duration = (1..pace.attempts).map(|failures| pace.wait(failures)).sum();
        assert!(longest < Duration::from_secs(120), "about two minutes in all: {longest:?}");
    }
}
