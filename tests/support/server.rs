//! Real servers, started by the scripts in `tests/servers` and ended when they are dropped.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

/// Must hold `1` where a missing server is a failure, not a reason to skip.
const REQUIRE: &str = "TRAILBRAKE_REQUIRE_SERVERS";

/// Ports that are given to tests.
const PORT_FIRST: u16 = 12_000;
const PORTS: u16 = 20_000;

/// A server that runs as long as this is held.
pub(crate) struct Server {
    script: Child,
    /// Where it listens, on loopback.
    pub(crate) port: u16,
}

/// The folder of the scripts.
pub(crate) fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers")
}

/// The folder of what `install.sh` installed.
pub(crate) fn installed() -> PathBuf {
    std::env::var_os("TRAILBRAKE_SERVERS").map_or_else(|| scripts().join(".installed"), PathBuf::from)
}

/// Whether these parts of `install.sh` are in place. If not, says that the test is skipped, or fails where every server
/// is required.
pub(crate) fn in_place(test: &str, parts: &[&str]) -> bool {
    let missing: Vec<_> = parts.iter().filter(|part| !installed().join(format!(".{part}")).exists()).collect();
    if missing.is_empty() {
        return true;
    }
    let reason = format!("{test}: skipped: not installed: {missing:?} (sh tests/servers/install.sh)");
    assert!(std::env::var_os(REQUIRE).is_none_or(|value| value != "1"), "{reason}");
    super::namespace::note(&reason);
    false
}

/// A port that nobody listens on, and that was not given away before: below those that the system itself gives to
/// connections, so that none of these takes it meanwhile.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Tests in processes of their own begin at ports of their own.
    let begin = std::process::id() * 61;
    (0..u32::from(PORTS))
        .map(|_| begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed).into()) % u32::from(PORTS))
        .filter_map(|offset| u16::try_from(offset).ok())
        .map(|offset| PORT_FIRST + offset)
        .find(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port")
}

impl Server {
    /// Starts the server of a script and waits until it answers. It keeps its files in `directory`.
    pub(crate) fn start(name: &str, directory: &Path) -> Self {
        let port = free_port();
        let second_port = free_port();
        let mut script = Command::new(scripts().join(format!("{name}.sh")))
            .args([port.to_string(), directory.display().to_string(), second_port.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("bash");
        let mut line = String::new();
        let stdout = script.stdout.take().expect("stdout is piped");
        BufReader::new(stdout).read_line(&mut line).expect("the script's word");
        let server = Self { script, port };
        assert!(line.starts_with("ready "), "{name} did not start");
        server
    }

    /// The base URL.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The script ends its server when its standard input closes.
        drop(self.script.stdin.take());
        let _ = self.script.wait();
    }
}
