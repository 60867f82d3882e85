//! Tests of the command line: what it takes, what it refuses, what it teaches.

use std::ffi::OsString;

use clap::CommandFactory;

use super::*;

fn run_with(arguments: &[&str]) -> (Exit, String) {
    let mut out = Vec::new();
    let arguments = std::iter::once("trailbrake").chain(arguments.iter().copied()).map(OsString::from);
    let exit = run(arguments, &mut out);
    (exit, String::from_utf8(out).expect("text"))
}

#[test]
fn the_definition_is_consistent_and_every_command_has_an_example() {
    Arguments::command().debug_assert();
    for command in Arguments::command().get_subcommands() {
        let name = command.get_name();
        let help = command.clone().render_long_help().to_string();
        assert!(help.contains(&format!("trailbrake {name}")), "{name} teaches nothing:\n{help}");
        assert!(command.get_about().is_some_and(|about| !about.to_string().is_empty()), "{name}");
    }
}

#[test]
fn wrong_usage_ends_with_two_and_failure_with_one() {
    for (arguments, exit) in [
        (vec!["--version"], Exit::Fine),
        (vec!["--help"], Exit::Fine),
        (vec![], Exit::Usage),
        (vec!["fly"], Exit::Usage),
        (vec!["run"], Exit::Usage),
        (vec!["run", "--config", "/nowhere/trailbrake.toml"], Exit::Usage),
        (vec!["act", "--config", "/nowhere/trailbrake.toml"], Exit::Usage),
        (vec!["check", "--config", "/nowhere/trailbrake.toml"], Exit::Usage),
        (vec!["check"], Exit::Usage),
        (vec!["check", "--catalog-facts", "/nowhere/facts.csv"], Exit::Failed),
        (vec!["detectors"], Exit::Fine),
        (vec!["detectors", "--format", "json"], Exit::Fine),
        (vec!["detectors", "--config", "/nowhere/trailbrake.toml"], Exit::Usage),
        (vec!["explain", "somebody"], Exit::Usage),
        (vec!["replay", "--inventory", "/nowhere/inventory.json", "-"], Exit::Failed),
        (vec!["replay"], Exit::Usage),
        (vec!["replay", "/nowhere/trail.json"], Exit::Failed),
        (vec!["replay", "--config", "/nowhere/trailbrake.toml", "-"], Exit::Usage),
        (vec!["simulate", "--list"], Exit::Fine),
        (vec!["simulate", "agent-rebuild"], Exit::Usage),
        (vec!["simulate", "no-such-scenario", "--seed", "1"], Exit::Usage),
        (vec!["simulate", "agent-rebuild", "--seed", "1", "--start", "yesterday"], Exit::Usage),
        (vec!["simulate", "agent-rebuild", "--seed", "1", "--shuffle", "600", "--duplicates", "30"], Exit::Fine),
        (vec!["simulate", "agent-rebuild", "--seed", "1", "--duplicates", "130"], Exit::Usage),
        (vec!["simulate", "agent-rebuild", "--seed", "1", "--principals", "5"], Exit::Usage),
        (vec!["simulate", "organisation", "--seed", "1", "--duration", "5m", "--inject", "zone-sweep"], Exit::Fine),
        (vec!["simulate", "organisation", "--seed", "1", "--duration", "a day"], Exit::Usage),
        (vec!["simulate", "organisation", "--seed", "1", "--inject", "autoscaling"], Exit::Usage),
        (vec!["simulate", "organisation", "--seed", "1", "--inject", "no-such-scenario"], Exit::Usage),
        (vec!["demo", "--seconds", "61"], Exit::Usage),
        (vec!["incidents"], Exit::Usage),
        (vec!["incidents", "resume", "tb-x"], Exit::Usage),
        (vec!["status", "--url", "no address"], Exit::Usage),
        (vec!["status", "--token-file", "/nowhere/token"], Exit::Usage),
        (vec!["alert"], Exit::Usage),
        (vec!["alert", "test"], Exit::Usage),
        (vec!["alert", "test", "oncall", "--config", "/nowhere/trailbrake.toml"], Exit::Usage),
        (vec!["iam-policy"], Exit::Usage),
        (vec!["iam-policy", "--deny", "some"], Exit::Usage),
        (vec!["iam-policy", "--hook-role"], Exit::Usage),
        (vec!["iam-policy", "--hook-role", "--account", "12"], Exit::Usage),
        (vec!["iam-policy", "--deny", "all", "--hook-role", "--account", "111122223333"], Exit::Usage),
        (vec!["iam-policy", "--deny", "all"], Exit::Fine),
        (vec!["iam-policy", "--hook-role", "--account", "111122223333"], Exit::Fine),
    ] {
        assert_eq!(run_with(&arguments).0, exit, "{arguments:?}");
    }
}

#[test]
fn a_daemon_that_is_not_there_is_a_failure_with_a_hint() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let token = directory.path().join("token");
    std::fs::write(&token, "secret\n").expect("writable");
    let token = token.display().to_string();
    // Port 9 is discard: nothing listens there.
    let (exit, out) = run_with(&["status", "--url", "http://127.0.0.1:9", "--token-file", &token]);
    assert_eq!((exit, out.as_str()), (Exit::Failed, ""));
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let first = run_with(&["simulate", "agent-rebuild", "--seed", "7"]);
    let again = run_with(&["simulate", "agent-rebuild", "--seed", "7"]);
    assert_eq!(first, again);
    assert_ne!(first, run_with(&["simulate", "agent-rebuild", "--seed", "8"]));
    assert!(first.1.lines().all(|line| line.starts_with('{')));
    let shuffled = run_with(&["simulate", "agent-rebuild", "--seed", "7", "--shuffle", "600"]);
    assert_ne!(first, shuffled);
    assert_eq!(first.1.lines().count(), shuffled.1.lines().count());
}

#[test]
fn policies_are_json() {
    for arguments in
        [vec!["--deny", "destructive"], vec!["--deny", "all"], vec!["--hook-role", "--account", "111122223333"]]
    {
        let (_, out) = run_with(&[vec!["iam-policy"], arguments].concat());
        let policy: serde_json::Value = serde_json::from_str(&out).expect("JSON");
        assert_eq!(policy["Version"], "2012-10-17");
    }
}

#[test]
fn the_demo_shows_the_chain_and_saves_something() {
    for seed in ["1", "2", "3"] {
        let (exit, out) = run_with(&["demo", "--seconds", "0", "--seed", seed]);
        assert_eq!(exit, Exit::Fine, "{out}");
        for said in ["agent", "BRAKE", "PAGE", "PAUSED", "REFUSED", "What was saved", "trailbrake incidents resume tb-"]
        {
            assert!(out.contains(said), "seed {seed} lacks {said}:\n{out}");
        }
        let saved =
            out.lines().find_map(|line| line.trim().strip_prefix("saved")?.split_whitespace().next()?.parse().ok());
        assert!(saved.is_some_and(|saved: u64| saved > 0), "seed {seed} saves nothing:\n{out}");
    }
}
