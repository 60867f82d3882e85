//! The memory that many active principals take: each destroyed one resource within the last hour, in one session, under
//! one alias. Prints what the process held before and after, as the system counts it.

use trailbrake_benches::world::{World, judge_on};
use trailbrake_detectors::engine::{Engine, Settings};

/// What so many principals should fit in, in bytes.
const TARGET_BYTES: f64 = 512.0 * 1024.0 * 1024.0;
/// So many.
const TARGET_PRINCIPALS: f64 = 1_000_000.0;
/// Facts that are made at a time, so that those that wait do not count.
const AT_A_TIME: usize = 1_000;

#[expect(clippy::print_stdout, reason = "a benchmark's result belongs on stdout")]
fn main() {
    let principals = std::env::args().nth(1).and_then(|number| number.parse().ok()).unwrap_or(1_000_000);
    let facts_per_second = (principals / 3_000).max(1);
    let world = World { actors: principals, facts: principals, facts_per_second, zones: 3 };
    let mut engine = Engine::new(Settings::default());
    let before = resident_bytes();
    for first in (0..principals).step_by(AT_A_TIME) {
        let facts = (first..principals.min(first + AT_A_TIME)).map(|number| world.fact(number)).collect();
        judge_on(&mut engine, facts);
    }
    let after = resident_bytes();
    let each = (after - before) / engine.facts_held().max(1) as f64;
    println!("{principals} principals: {} facts held, {before:.0} bytes before, {after:.0} after", engine.facts_held());
    println!("{each:.0} bytes a principal (target: at most {:.0})", TARGET_BYTES / TARGET_PRINCIPALS);
}

/// Resident bytes of this process; nothing where the system does not tell.
fn resident_bytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let told = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = told.and_then(|told| told.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kilobytes.unwrap_or_default() * 1024.0
}
