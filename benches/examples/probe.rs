use std::time::Instant;
use trailbrake_benches::world::{World, judge};
fn main() {
    let number = |at: usize, or: usize| std::env::args().nth(at).and_then(|one| one.parse().ok()).unwrap_or(or);
    let world = World {
        actors: number(1, 1000),
        facts: number(2, 20000),
        facts_per_second: number(3, 100),
        zones: number(4, 3),
    };
    let facts = world.all();
    let begun = Instant::now();
    let incidents = judge(facts);
    let took = begun.elapsed().as_secs_f64();
    println!(
        "{world:?}: {incidents} incidents, {:.0} facts/s, {:.2} us",
        world.facts as f64 / took,
        took * 1e6 / world.facts as f64
    );
}
