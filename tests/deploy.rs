//! What `deploy/` ships is right: by the real promtool, amtool and systemd-analyze, and against the program itself.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use crate::support::monitoring::{deploy, rules};
use crate::support::namespace::note;
use crate::support::server::{in_place, installed};

/// systemd's own measure of how much a service is exposed, in tenths; above 2.0 is not a hardened service any more.
const EXPOSURE_MAX: &str = "20";

/// The rules' syntax, their own tests, and the example configurations.
#[test]
fn promtool_and_amtool_agree() {
    if !in_place("promtool_and_amtool_agree", &["monitoring"]) {
        return;
    }
    let (prometheus, alertmanager) = (deploy().join("prometheus"), deploy().join("alertmanager"));
    let config = format!("--config.file={}", alertmanager.join("alertmanager.example.yml").display());
    succeeds(tool("promtool").current_dir(&prometheus).args(["check", "rules", "trailbrake.rules.yml"]));
    succeeds(tool("promtool").current_dir(&prometheus).args(["test", "rules", "trailbrake.rules.test.yml"]));
    succeeds(tool("promtool").current_dir(&prometheus).args(["check", "config", "prometheus.example.yml"]));
    succeeds(tool("amtool").current_dir(&alertmanager).args(["check-config", "alertmanager.example.yml"]));
    let routes = [
        (["alertname=TrailbrakeDown", "severity=critical"], "pagerduty"),
        (["alertname=TrailbrakePaused", "severity=warning"], "team"),
        (["alertname=TrailbrakeIncident", "severity=critical"], "team"),
        (["alertname=TrailbrakeWatchdog", "severity=none"], "dead-mans-switch"),
    ];
    for (labels, receiver) in routes {
        let output = succeeds(tool("amtool").args(["config", "routes", "test", config.as_str()]).args(labels));
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), receiver, "{labels:?}");
    }
}

/// Each alert is tested to fire and to stay silent, and has a page that tells what to do; no page is left over.
#[test]
fn alerts_have_tests_and_runbooks() {
    let tests = read(&deploy().join("prometheus/trailbrake.rules.test.yml"));
    let cases: Vec<_> = tests.split("alertname: ").skip(1).collect();
    let is_tested = |alert: &str, how: &str| {
        let of_alert = |case: &&&str| case.split([',', '\n', ' ']).next() == Some(alert);
        cases.iter().filter(of_alert).any(|case| case.contains(how))
    };
    let mut alerts = BTreeSet::new();
    for rule in rules().split("- alert: ").skip(1) {
        let alert = rule.lines().next().unwrap_or_default().trim().to_owned();
        assert!(is_tested(&alert, "exp_labels"), "not tested to fire: {alert}");
        assert!(
            alert == "TrailbrakeWatchdog" || is_tested(&alert, "exp_alerts: []"),
            "not tested to be silent: {alert}"
        );
        assert!(rule.contains(&format!("runbook_url: https://runbooks.example.com/trailbrake/{alert}.md")), "{alert}");
        let page = read(&deploy().join(format!("runbooks/{alert}.md")));
        assert!(page.starts_with(&format!("# {alert}\n")), "the page of {alert} has another title");
        alerts.insert(format!("{alert}.md"));
    }
    let pages = std::fs::read_dir(deploy().join("runbooks")).expect("runbooks").flatten();
    let pages: BTreeSet<_> = pages.map(|page| page.file_name().to_string_lossy().into_owned()).collect();
    assert_eq!(pages, alerts);
}

/// Every command of a runbook is one that the program knows, with its flags.
#[test]
fn runbooks_name_commands_that_exist() {
    let mut commands = BTreeSet::new();
    for page in std::fs::read_dir(deploy().join("runbooks")).expect("runbooks").flatten() {
        let text = read(&page.path());
        let blocks = text.lines().map(str::trim).filter(|line| line.starts_with("trailbrake "));
        let inline = text.split('`').filter(|span| span.starts_with("trailbrake ") && !span.contains('\n'));
        commands.extend(blocks.chain(inline).map(str::to_owned));
    }
    assert!(commands.len() > 5, "{commands:?}");
    for command in commands {
        let arguments = command.trim_start_matches("trailbrake ");
        let line = format!("{} {arguments} --help", env!("CARGO_BIN_EXE_trailbrake"));
        succeeds(Command::new("sh").args(["-c", &line]));
    }
}

/// The units are valid, and as closed as they claim.
#[test]
fn units_are_valid_and_hardened() {
    if !Command::new("systemd-analyze").arg("--version").output().is_ok_and(|output| output.status.success()) {
        return note("units_are_valid_and_hardened: skipped: no systemd-analyze here");
    }
    let folder = tempfile::tempdir().expect("a folder");
    for unit in ["trailbrake-run.service", "trailbrake-act.service"] {
        let text = read(&deploy().join("systemd").join(unit));
        // The program is where the test built it.
        let text = text.replace("/usr/bin/trailbrake", env!("CARGO_BIN_EXE_trailbrake"));
        std::fs::write(folder.path().join(unit), text).expect("a unit");
    }
    for unit in ["trailbrake-run.service", "trailbrake-act.service"] {
        let path = folder.path().join(unit);
        let verified = succeeds(Command::new("systemd-analyze").arg("verify").arg(&path));
        let said = String::from_utf8_lossy(&verified.stderr).into_owned();
        assert!(!said.contains(unit), "{said}");
        let threshold = format!("--threshold={EXPOSURE_MAX}");
        succeeds(Command::new("systemd-analyze").args(["security", "--offline=yes", &threshold]).arg(&path));
    }
}

fn tool(name: &str) -> Command {
    let unpacked = installed().join("monitoring/usr/bin").join(name);
    if unpacked.exists() { Command::new(unpacked) } else { Command::new(name) }
}

fn succeeds(command: &mut Command) -> Output {
    let output = command.output().expect("the command");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {stdout}{stderr}");
    output
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
