//! `trailbrake alert`: does a receiver take what it is sent?

use std::io::Write;

use clap::{Subcommand, ValueEnum};
use trailbrake_detectors::incident::Severity;

use super::configuration::Configuration;
use super::terminal::escape;
use super::{Exit, UsageError, runtime};
use crate::alert::{LiveRoutes, Notice, build};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;

/// Sends a test through the very sender that pages use, and says what came back.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  trailbrake alert test --config trailbrake.toml
  trailbrake alert test oncall --config trailbrake.toml
  trailbrake alert test oncall --severity critical --config trailbrake.toml

A test is marked as one and is no incident. At PagerDuty it stays open until somebody
closes it; at Alertmanager it ends by itself after five minutes.

Exit codes: 0 the receiver took it, 1 it did not, 2 wrong usage or configuration.")]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,

    #[command(flatten)]
    configuration: Configuration,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Sends a test to a receiver; without a name, lists the receivers.
    Test {
        /// The receiver's name in the configuration.
        receiver: Option<String>,
        /// How bad the test says that it is: some receivers wake people up only from some severity on.
        #[arg(long, value_enum, default_value_t)]
        severity: TestSeverity,
    },
}

/// The severity of a test.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum TestSeverity {
    /// Wakes nobody, as a rule.
    #[default]
    Info,
    /// As an incident that pages.
    High,
    /// As an incident that pauses.
    Critical,
}

impl From<TestSeverity> for Severity {
    fn from(severity: TestSeverity) -> Self {
        match severity {
            TestSeverity::Info => Self::Info,
            TestSeverity::High => Self::High,
            TestSeverity::Critical => Self::Critical,
        }
    }
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let Command::Test { receiver, severity } = &arguments.command;
    let config = crate::config::load(arguments.configuration.path())?;
    match receiver {
        Some(receiver) => test(&config, receiver, (*severity).into(), out),
        None => list(&config, out),
    }
}

fn list(config: &Config, out: &mut dyn Write) -> anyhow::Result<Exit> {
    for receiver in &config.receivers {
        writeln!(out, "{}: {}", escape(&receiver.name), receiver.kind.word())?;
    }
    if config.receivers.is_empty() {
        writeln!(std::io::stderr(), "no receivers: nobody is told about incidents")?;
    }
    Ok(Exit::Fine)
}

fn test(config: &Config, name: &str, severity: Severity, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let Some(receiver) = config.receivers.iter().find(|receiver| receiver.name == name) else {
        let known: Vec<&str> = config.receivers.iter().map(|receiver| receiver.name.as_str()).collect();
        let hint = if known.is_empty() { "the configuration names none".to_owned() } else { known.join(", ") };
        return Err(UsageError(format!("no receiver: {}\nhint: known are {}", escape(name), escape(&hint))).into());
    };
    let kind = receiver.kind.word();
    let built = build([receiver], config.public_url.as_deref(), &LiveRoutes::default())?;
    let notice = Notice::test(name, severity, SystemClock.now());
    let runtime = runtime()?;
    for receiver in built {
        let told = runtime.block_on(receiver.tell(&notice));
        match told {
            Ok(delivery) => {
                let answer = escape(&delivery.answer);
                let said = if answer.is_empty() { "an empty answer".to_owned() } else { answer };
                writeln!(out, "{}: {kind} took the test: {} {said}", escape(name), delivery.status)?;
            }
            Err(error) => {
                let advice = if error.reason.is_retryable() {
                    "a page would be tried again"
                } else {
                    "a page would be given up at once"
                };
                writeln!(
                    out,
                    "{}: {kind} did not take the test: {}: {}",
                    escape(name),
                    error.reason,
                    escape(&error.detail)
                )?;
                writeln!(std::io::stderr(), "hint: {}", hint(error.reason, advice))?;
                return Ok(Exit::Failed);
            }
        }
    }
    Ok(Exit::Fine)
}

/// What to look at, for each reason.
fn hint(reason: crate::alert::FailureReason, advice: &str) -> String {
    use crate::alert::FailureReason;
    let look = match reason {
        FailureReason::Unreachable => "look at the address, at DNS and at what may block the way",
        FailureReason::Broken | FailureReason::Timeout | FailureReason::ServerError => "ask again in a while",
        FailureReason::RateLimited => "it wants fewer messages: lower messages_per_minute",
        FailureReason::BadAnswer => "something else may have answered: a proxy, or another service at this address",
        FailureReason::Redirected => "nobody is followed elsewhere: write the address that it is to be",
        FailureReason::Refused => "look at the address and at the key or secret",
    };
    format!("{look}; {advice}")
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;
    use std::path::PathBuf;

    use super::*;

    /// A server that gives each answer once; hands back what it was sent.
    fn answering(answers: Vec<&'static str>) -> (u16, std::thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let serve = move || {
            let serve_one = |answer: &str| {
                let (mut stream, _) = listener.accept().expect("somebody");
                let mut request = Vec::new();
                let mut buffer = [0; 4_096];
                // The bodies are small JSON objects: the last brace ends them.
                while !request.ends_with(b"}") && !request.ends_with(b"}]") {
                    match stream.read(&mut buffer) {
                        Ok(length) if length > 0 => request.extend_from_slice(&buffer[..length]),
                        _ => break,
                    }
                }
                stream.write_all(answer.as_bytes()).expect("written");
                String::from_utf8_lossy(&request).into_owned()
            };
            answers.into_iter().map(serve_one).collect()
        };
        (port, std::thread::spawn(serve))
    }

    fn config(directory: &std::path::Path, port: u16) -> PathBuf {
        let secret = directory.join("slack");
        std::fs::write(&secret, format!("http://127.0.0.1:{port}/services/very-secret")).expect("written");
        let path = directory.join("trailbrake.toml");
        let text = format!(
            "[sources.input.stdin]\n[receivers.alerts.alertmanager]\nurls = [\"http://127.0.0.1:{port}\"]\n\
             [receivers.chat.slack]\nurl = {{ file = {secret:?} }}\n"
        );
        std::fs::write(&path, text).expect("written");
        path
    }

    fn run_with(receiver: Option<&str>, config: PathBuf) -> (anyhow::Result<Exit>, String) {
        let receiver = receiver.map(str::to_owned);
        let command = Command::Test { receiver, severity: TestSeverity::Critical };
        let arguments = Arguments { command, configuration: config.into() };
        let mut out = Vec::new();
        let result = run(&arguments, &mut out);
        (result, String::from_utf8(out).expect("text"))
    }

    #[test]
    fn without_a_name_the_receivers_are_listed_and_an_unknown_one_is_wrong_usage() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = config(directory.path(), 9);
        let (result, out) = run_with(None, path.clone());
        assert_eq!((result.expect("listed"), out.as_str()), (Exit::Fine, "alerts: alertmanager\nchat: slack\n"));
        let (result, out) = run_with(Some("nobody"), path);
        let error = result.expect_err("unknown");
        assert_eq!(
            (error.to_string().as_str(), out.as_str()),
            ("no receiver: nobody\nhint: known are alerts, chat", "")
        );
        assert!(error.is::<UsageError>());
    }

    #[test]
    fn a_test_goes_through_the_sender_of_pages_and_says_what_came_back() {
        let (port, served) = answering(vec![
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok",
            "HTTP/1.1 404 Not Found\r\ncontent-length: 14\r\nconnection: close\r\n\r\nno_serv\x1b[2Jice",
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        ]);
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = config(directory.path(), port);
        let mut said = Vec::new();
        for receiver in ["chat", "chat", "alerts"] {
            let (result, out) = run_with(Some(receiver), path.clone());
            said.push((result.expect("tried"), out));
        }
        let expected = [
            (Exit::Fine, "chat: slack took the test: 200 ok\n"),
            (Exit::Failed, "chat: slack did not take the test: refused: 127.0.0.1: 404: no_serv[2Jice\n"),
            (Exit::Fine, "alerts: alertmanager took the test: 200 an empty answer\n"),
        ];
        assert_eq!(said, expected.map(|(exit, out)| (exit, out.to_owned())));
        let sent = served.join().expect("served");
        assert!(sent.iter().all(|request| request.contains("TEST of Trailbrake's receiver")), "{sent:?}");
        assert!(sent[2].contains("\"alertname\":\"TrailbrakeTest\"") && sent[2].contains("\"severity\":\"critical\""));
    }

    #[test]
    fn a_receiver_that_is_not_there_is_a_failure_that_shows_no_secret() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        let (result, out) = run_with(Some("chat"), config(directory.path(), port));
        assert_eq!(result.expect("tried"), Exit::Failed);
        assert!(out.starts_with("chat: slack did not take the test: unreachable: 127.0.0.1: "), "{out}");
        assert!(!out.contains("very-secret"), "{out}");
    }
}
