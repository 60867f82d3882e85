//! A network of its own for a test: some servers listen on every interface, and nobody else shall reach them.

use std::path::Path;
use std::process::Command;

/// Names the file that the inner run writes when it has come to its end.
const INSIDE: &str = "TRAILBRAKE_TEST_INSIDE";

/// Runs a test's body in a network namespace that holds nothing but loopback, by running this program again in one.
/// Where that is not allowed, says so and runs it as it is. `test` is the test's whole name.
pub(crate) fn alone(test: &str, body: impl FnOnce()) {
    if let Some(marker) = std::env::var_os(INSIDE) {
        body();
        std::fs::write(marker, "done").expect("marker");
        return;
    }
    let mut unshare = vec!["--net"];
    if !is_root() {
        unshare.push("--map-root-user");
    }
    let up = "ip link set lo up && exec \"$@\"";
    let allowed = Command::new("unshare").args(&unshare).args(["sh", "-c", up, "sh", "true"]).output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        note(&format!("{test}: no network namespace allowed here: its servers listen on this machine's own network"));
        return body();
    }
    let folder = tempfile::tempdir().expect("temporary folder");
    let marker = folder.path().join("done");
    let program = std::env::current_exe().expect("own path");
    let status = Command::new("unshare")
        .args(&unshare)
        .args(["sh", "-c", up, "sh"])
        .arg(program)
        .args([test, "--exact", "--nocapture"])
        .env(INSIDE, &marker)
        .status()
        .expect("unshare");
    assert!(status.success(), "{test} failed in its own network: {status}");
    assert!(Path::new(&marker).exists(), "no such test: {test}");
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// Says something to whoever runs the tests, captured or not.
pub(crate) fn note(text: &str) {
    use std::io::Write;
    // Straight to the stream: the test harness captures only what goes through the printing macros.
    let _ = writeln!(std::io::stderr(), "{text}");
}
