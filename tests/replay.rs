//! `trailbrake replay` over generated trails and over real ones: nothing panics, and every record is accounted for.

#![expect(clippy::print_stdout, reason = "a test tells its figures, or why it was skipped")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn trailbrake(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_trailbrake")).args(arguments).output().expect("the program starts")
}

fn replay(paths: &[&Path]) -> Output {
    let mut arguments = vec!["replay".to_owned(), "--format".to_owned(), "json".to_owned()];
    arguments.extend(paths.iter().map(|path| path.display().to_string()));
    trailbrake(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The numbers of the last line on standard error: received, and the columns.
fn accounts(output: &Output) -> (u64, Vec<u64>) {
    let errors = String::from_utf8_lossy(&output.stderr);
    let last = errors.lines().last().unwrap_or_default().to_owned();
    let (_, accounts) = last.split_once("inputs read; ").unwrap_or_else(|| panic!("no accounts: {errors}"));
    let (received, columns) = accounts.split_once(" received = ").unwrap_or_else(|| panic!("no accounts: {errors}"));
    let number = |text: &str| text.trim().split(' ').next().and_then(|word| word.parse().ok());
    let columns = columns.split('+').map(|column| number(column).expect("a number")).collect();
    (number(received).expect("a number"), columns)
}

fn incidents(output: &Output) -> Vec<serde_json::Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

fn simulate(scenario: &str, directory: &Path) -> (PathBuf, usize) {
    let output = trailbrake(&["simulate", scenario, "--seed", "11"]);
    assert!(output.status.success());
    let path = directory.join(format!("{scenario}.ndjson"));
    std::fs::write(&path, &output.stdout).expect("writable");
    (path, output.stdout.iter().filter(|byte| **byte == b'\n').count())
}

#[test]
fn a_generated_trail_is_judged_and_accounted_for_whatever_its_order() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (path, records) = simulate("agent-rebuild", directory.path());
    let output = replay(&[&path]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let (received, columns) = accounts(&output);
    assert_eq!(received, records as u64);
    assert_eq!(columns.iter().sum::<u64>(), received);
    let found = incidents(&output);
    assert!(found.iter().any(|incident| incident["severity_peak"] == "critical"), "{found:?}");

    let text = std::fs::read_to_string(&path).expect("readable");
    let mut lines: Vec<_> = text.lines().collect();
    lines.reverse();
    let reversed = directory.path().join("reversed.ndjson");
    std::fs::write(&reversed, lines.join("\n")).expect("writable");
    assert_eq!(incidents(&replay(&[&reversed])), found, "the order of records means nothing");

    let both = replay(&[&path, &reversed]);
    assert_eq!(incidents(&both), found, "copies mean nothing");
    let (received, columns) = accounts(&both);
    assert_eq!((received, columns.iter().sum()), (2 * records as u64, 2 * records as u64));
    assert!(columns[1] > 0, "duplicates: {columns:?}");
}

#[test]
fn an_input_that_cannot_be_read_is_a_failure_after_the_others() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (path, records) = simulate("agent-rebuild", directory.path());
    let output = replay(&[&directory.path().join("absent.json"), &path]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(accounts(&output).0, records as u64);
    assert!(!incidents(&output).is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("absent.json: no such file or directory"));
}

#[test]
fn bad_input_is_counted_and_never_a_panic() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (path, records) = simulate("rolling-replace", directory.path());
    let text = std::fs::read_to_string(&path).expect("readable");
    let first = text.lines().next().expect("a line");
    for (name, bytes) in [
        ("truncated.json", first.as_bytes()[..first.len() / 2].to_vec()),
        ("binary.json", vec![0xff, 0xfe, 0x00, 0x80]),
        ("empty.json", Vec::new()),
        ("deep.json", "[".repeat(100_000).into_bytes()),
        ("identity.json", br#"{"eventID":"a","eventName":"DeleteVpc","eventSource":"ec2.amazonaws.com"}"#.to_vec()),
    ] {
        std::fs::write(directory.path().join(name), bytes).expect("writable");
    }
    let output = replay(&[directory.path()]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let (received, columns) = accounts(&output);
    assert_eq!(columns.iter().sum::<u64>(), received);
    assert!(received >= records as u64 + 4, "{received} of {records}");
    assert!(columns[5] >= 4, "rejected: {columns:?}");
}

#[test]
fn real_trails_are_accounted_for() {
    let Some(corpus) = std::env::var_os("TRAILBRAKE_CORPUS").map(PathBuf::from) else {
        println!("skipped: TRAILBRAKE_CORPUS names no directory with real trails");
        return;
    };
    let output = replay(&[&corpus]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let (received, columns) = accounts(&output);
    assert!(received > 1_000, "{received}");
    assert_eq!(columns.iter().sum::<u64>(), received, "{columns:?}");
    let found = incidents(&output);
    let torn_down = |incident: &&serde_json::Value| {
        incident["principal"]["arn"].as_str().is_some_and(|arn| arn.ends_with("user/bert-jan"))
    };
    assert!(found.iter().any(|incident| torn_down(&incident)), "no incident of user/bert-jan");
}
