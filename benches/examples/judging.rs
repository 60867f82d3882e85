//! Judges one world, for a profiler.
use trailbrake_benches::world::{World, judge};
fn main() {
    let arguments: Vec<usize> = std::env::args().skip(1).filter_map(|one| one.parse().ok()).collect();
    let [actors, facts, facts_per_second, zones] = arguments[..] else { return };
    let judged = judge(World { actors, facts, facts_per_second, zones }.all());
    eprintln!("{}", 1.0 / judged.seconds_per_fact);
}
