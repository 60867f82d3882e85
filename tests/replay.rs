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

/// The numbers that standard error ends with: received, and the columns.
fn accounts(output: &Output) -> (u64, Vec<u64>) {
    let errors = String::from_utf8_lossy(&output.stderr);
    // Lines are wrapped, and then go on with a blank.
    let errors = errors.replace("\n  ", " ");
    let last = errors.lines().last().unwrap_or_default();
    let (received, columns) = last.split_once(" received = ").unwrap_or_else(|| panic!("no accounts: {errors}"));
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

/// What of an incident must not depend on the order of arrival.
fn essence(incident: &serde_json::Value) -> serde_json::Value {
    let keys = ["id", "severity_peak", "detectors", "destroyed", "zones", "reason"];
    keys.iter().map(|key| ((*key).to_owned(), incident[*key].clone())).collect()
}

#[test]
fn a_trail_out_of_order_and_with_copies_ends_with_the_same_incidents_as_it_arrives() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for scenario in ["agent-rebuild", "zone-sweep", "session-rotation", "denied-storm", "rolling-replace"] {
        let (path, _) = simulate(scenario, directory.path());
        let output = trailbrake(&["simulate", scenario, "--seed", "11", "--shuffle", "600", "--duplicates", "30"]);
        let shuffled = directory.path().join("shuffled.ndjson");
        std::fs::write(&shuffled, output.stdout).expect("writable");
        let arrived = trailbrake(&["replay", "--as-arrived", "--format", "json", &shuffled.display().to_string()]);
        let (expected, found) = (incidents(&replay(&[&path])), incidents(&arrived));
        let essences = |all: &[serde_json::Value]| all.iter().map(essence).collect::<Vec<_>>();
        assert_eq!(essences(&found), essences(&expected), "{scenario}");
    }
}

#[test]
fn a_principal_is_explained_with_its_limits_and_what_it_owns() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (path, _) = simulate("agent-rebuild", directory.path());
    let found = incidents(&replay(&[&path]));
    let key = found[0]["principal"]["key"].as_str().expect("a key").to_owned();
    let output = trailbrake(&["explain", "--format", "json", &key, &path.display().to_string()]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(told["key"], key.as_str());
    assert_eq!(told["incidents"][0], found[0]["id"]);
    let limits = told["limits"].as_array().expect("limits");
    let burst = limits.iter().find(|one| one["limit"] == "five_minutes").expect("a limit");
    assert!(burst["reached"].as_f64() >= burst["levels"]["critical"].as_f64(), "{burst}");
    let text = trailbrake(&["explain", &key, &path.display().to_string()]);
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    let burst = text.lines().find(|line| line.starts_with("deletion-burst: ")).unwrap_or_default();
    assert!(burst.contains(", critical at ") && text.contains("\nowns "), "{text}");
    let absent = trailbrake(&["explain", "no-such-principal", &path.display().to_string()]);
    assert_eq!(absent.status.code(), Some(2));
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

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, bytes).expect("memory");
    encoder.finish().expect("memory")
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
        ("deep.json", format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)).into_bytes()),
        ("bomb.json.gz", gzip(&vec![b' '; 200 << 20])),
        ("large.ndjson", format!("{{\"a\":1}}\n{{\"a\":\"{}\"}}\n", "x".repeat(33 << 20)).into_bytes()),
        ("truncated.ndjson.gz", gzip(text.as_bytes())[..100].to_vec()),
        ("identity.json", br#"{"eventID":"a","eventName":"DeleteVpc","eventSource":"ec2.amazonaws.com"}"#.to_vec()),
    ] {
        std::fs::write(directory.path().join(name), bytes).expect("writable");
    }
    std::os::unix::fs::symlink("nowhere", directory.path().join("broken.json")).expect("a link");
    let output = replay(&[directory.path()]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("broken.json: No such file or directory"), "{errors}");
    assert!(errors.contains("truncated.ndjson.gz: "), "{errors}");
    for reason in ["not-utf8", "not-json", "not-a-record", "too-large", "too-deep", "bad-time"] {
        let is_of_reason = |line: &&str| line.starts_with("rejected: ") && line.contains(&format!(" {reason}: "));
        let mut rejected = errors.lines().skip_while(|line| !is_of_reason(line));
        let first = rejected.nth(1).unwrap_or_default();
        assert!(first.starts_with(&format!("  {}/", directory.path().display())), "{reason}: {errors}");
    }
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
