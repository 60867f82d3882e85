//! What the tests of the whole chain are made of: real servers, and the few parts between them that are ours.

pub(crate) mod agent;
#[expect(dead_code, reason = "the tests of the source itself ask more of it")]
pub(crate) mod cloudtrail_fake;
pub(crate) mod daemon;
pub(crate) mod emulator;
pub(crate) mod fast_clock;
pub(crate) mod iam_proxy;
pub(crate) mod monitoring;
pub(crate) mod namespace;
pub(crate) mod pager;
pub(crate) mod plain;
pub(crate) mod query;
pub(crate) mod receiver;
pub(crate) mod recorder;
pub(crate) mod server;
pub(crate) mod stream;
pub(crate) mod toxiproxy;
pub(crate) mod trail;
pub(crate) mod web;

use std::time::Duration;

use tokio::sync::watch;
use trailbrake::clock::{Clock, SystemClock};
use trailbrake_detectors::time::Millis;

/// Wall time now.
pub(crate) fn now() -> Millis {
    SystemClock.now()
}

/// Asks again and again until there is an answer, or fails with what was waited for.
pub(crate) async fn eventually<T>(what: &str, within: Duration, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + within;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(tokio::time::Instant::now() < deadline, "not within {within:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A random identifier of so many hexadecimal digits.
pub(crate) fn hex(digits: usize) -> String {
    (0..digits).map(|_| char::from_digit(fastrand::u32(..16), 16).unwrap_or('0')).collect()
}

/// A random identifier in the form of a UUID.
pub(crate) fn uuid() -> String {
    format!("{}-{}-4{}-a{}-{}", hex(8), hex(4), hex(3), hex(3), hex(12))
}

/// Counts a held call, also when its caller hangs up.
pub(crate) struct Holding<'held>(&'held watch::Sender<usize>);

impl<'held> Holding<'held> {
    pub(crate) fn new(held: &'held watch::Sender<usize>) -> Self {
        held.send_modify(|held| *held += 1);
        Self(held)
    }
}

impl Drop for Holding<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|held| *held -= 1);
    }
}

/// Waits until something is held.
pub(crate) async fn holds(held: &watch::Sender<usize>, what: &str) {
    let mut held = held.subscribe();
    let holding = tokio::time::timeout(Duration::from_secs(30), held.wait_for(|held| *held > 0)).await;
    assert!(holding.is_ok_and(|holding| holding.is_ok()), "not within 30 s: {what}");
}
