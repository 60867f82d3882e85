//! `trailbrake alert`: does a receiver take what it is sent?

use std::io::Write;
use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};
use trailbrake_detectors::incident::Severity;

use super::terminal::escape;
use super::{Exit, UsageError, runtime};
use crate::alert::{Notice, build};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;

/// Sends a test through the very sender that pages use, and says what came back.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  trailbrake alert test --config trailbrake.toml
  trailbrake alert test oncall --config trailbrake.toml
  trailbrake alert test oncall --severity critical --config trailbrake.toml

A test is marked as one and is no incident. At PagerDuty it stays open until somebody closes it; at Alertmanager it
ends by itself after five minutes.

Exit codes: 0 the receiver took it, 1 it did not, 2 wrong usage or configuration.")]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Sends a test to a receiver; without a name, lists the receivers.
    Test {
        /// The receiver's name in the configuration.
        receiver: Option<String>,
        /// The configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
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
    let Command::Test { receiver, config, severity } = &arguments.command;
    let config = crate::config::load(config)?;
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
    let built = build(std::slice::from_ref(receiver), config.public_url.as_deref())?;
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
