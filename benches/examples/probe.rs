//! What a fact costs in one world.
use trailbrake_benches::world::{World, judge};
fn main() {
    let number = |at: usize, or: usize| std::env::args().nth(at).and_then(|one| one.parse().ok()).unwrap_or(or);
    let world = World {
        actors: number(1, 1000),
        facts: number(2, 20000),
        facts_per_second: number(3, 100),
        zones: number(4, 3),
    };
    let mut facts = world.all();
    if number(5, 0) > 0 {
        shuffle(&mut facts, number(5, 0) as i64);
    }
    let judged = judge(facts);
    println!("{world:?}: {} incidents, {:.2} us", judged.incidents, judged.seconds_per_fact * 1e6);
}
fn shuffle(facts: &mut Vec<trailbrake_detectors::engine::Fact>, seconds: i64) {
    let mut state = 1_u64;
    facts.sort_by_cached_key(|fact| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        fact.event.time.0 + (state >> 33) as i64 % seconds
    });
}
