//! A pace for calls: never closer together than an interval, whoever makes them.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

/// Spaces calls out.
pub(super) struct Pace {
    interval: Duration,
    last: Mutex<Option<Instant>>,
}

impl Pace {
    /// A pace with so much time between two calls.
    pub(super) fn new(interval: Duration) -> Self {
        Self { interval, last: Mutex::new(None) }
    }

    /// Waits for one's turn. Turns are given in the order in which they were asked for.
    pub(super) async fn turn(&self) {
        let mut last = self.last.lock().await;
        if let Some(last) = *last {
            sleep_until(last + self.interval).await;
        }
        *last = Some(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn any_three_calls_of_two_callers_take_two_intervals() {
        let pace = Pace::new(Duration::from_millis(10));
        let times = std::sync::Mutex::new(Vec::new());
        let caller = async || {
            for _ in 0..10 {
                pace.turn().await;
                times.lock().expect("no panic").push(Instant::now());
            }
        };
        tokio::join!(caller(), caller());
        let times = times.into_inner().expect("no panic");
        assert_eq!(times.len(), 20);
        for three in times.windows(3) {
            assert!(three[2] - three[0] >= Duration::from_millis(20));
        }
    }
}
