//! A daemon's wall clock that runs fast, by libfaketime; what it waits for it waits for in real time.

use trailbrake_detectors::time::Second;

use super::server::installed;
use super::trail::time;

/// The environment of a daemon whose wall clock is at `begin` when it starts, and so many times as fast.
pub(crate) fn fast_clock(begin: Second, speed: f64) -> Vec<(&'static str, String)> {
    let library = installed().join("faketime/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1");
    let begin = time(begin.millis()).replace(['T', 'Z'], " ");
    vec![
        ("LD_PRELOAD", library.display().to_string()),
        ("FAKETIME", format!("@{} x{speed}", begin.trim())),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ("DONT_FAKE_MONOTONIC", "1".to_owned()),
        ("TZ", "UTC".to_owned()),
    ]
}
