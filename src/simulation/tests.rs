//! Runs: each seed a world, and for each planted mistake a world that shows it.

#![expect(clippy::print_stdout, reason = "what happened, and what was found, is shown with the test's output")]

use std::cell::RefCell;

use proptest::collection::vec;
use proptest::prelude::any;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use super::world::{Happened, Plant, World};

/// Seeds, as `FROM..TO`.
const SEEDS: &str = "TRAILBRAKE_SIMULATION_SEEDS";
/// Runs that are spent on making a run that failed shorter.
const SHRINKS_MAX: u32 = 2_000;

/// Runs a seed; tells of the shortest run found that breaks an invariant.
fn run(seed: u64, plant: Option<Plant>, shrinks: u32) -> Result<Happened, String> {
    let config = Config { cases: 1, max_shrink_iters: shrinks, failure_persistence: None, ..Config::default() };
    let mut bytes = [0_u8; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let happened = RefCell::new(Happened::default());
    let result = runner.run(&vec(any::<u16>(), 200..2_500), |words| {
        let mut world = World::new(seed, words, plant);
        world.run().map_err(TestCaseError::fail)?;
        *happened.borrow_mut() = world.happened;
        Ok(())
    });
    match result {
        Ok(()) => Ok(happened.into_inner()),
        Err(TestError::Abort(reason)) => Err(reason.to_string()),
        Err(TestError::Fail(_, words)) => {
            let mut world = World::new(seed, words.clone(), plant);
            let broken = world.run().expect_err("it failed before");
            let trace = world.trace.join("\n");
            Err(format!("{trace}\nseed {seed}, {} choices: {words:?}\n{broken}", words.len()))
        }
    }
}

fn seeds(default: std::ops::Range<u64>) -> std::ops::Range<u64> {
    let Ok(text) = std::env::var(SEEDS) else { return default };
    let parsed = text.split_once("..").and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
    parsed.unwrap_or_else(|| panic!("{SEEDS} is not FROM..TO: {text}"))
}

#[test]
fn whatever_goes_wrong_and_wherever_it_ends_nothing_is_lost_repeated_or_done_too_early() {
    let (seeds, mut all) = (seeds(0..50), Happened::default());
    for seed in seeds.clone() {
        all += run(seed, None, SHRINKS_MAX).unwrap_or_else(|story| panic!("{story}"));
    }
    println!("{all:?}");
    if seeds.count() < 50 {
        return;
    }
    // What never happens is not tested.
    let Happened { crashes, torn, failures, messages, changes, acts } = all;
    assert!([crashes, torn, failures, messages, changes, acts].iter().all(|count| *count > 0), "{all:?}");
}

#[test]
fn planted_mistakes_are_found() {
    for (plant, word) in [
        (Plant::PageBeforeCommit, "before it is durable"),
        (Plant::LostAcknowledgement, "there is no end"),
        (Plant::PositionAhead, "positions cover"),
        (Plant::LostOrder, "ended as None"),
        (Plant::UnmarkedRepeat, "unmarked"),
        (Plant::PauseBeforeCommit, "before its artefact was durable"),
        (Plant::LostGroup, ""),
    ] {
        let found = (0..50).find_map(|seed| run(seed, Some(plant), 0).err().map(|story| (seed, story)));
        let (seed, story) = found.unwrap_or_else(|| panic!("{plant:?} was not found"));
        let broken = story.lines().last().unwrap_or_default();
        assert!(broken.contains(word), "{plant:?}: {broken}");
        println!("{plant:?} found with seed {seed}: {broken}");
    }
}
