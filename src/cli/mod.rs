//! The command line: one file per command. Data goes to standard output, everything else to standard error.

mod act;
mod alert;
mod audit;
mod check;
mod client;
mod configuration;
mod demo;
mod detectors;
mod explain;
mod iam_policy;
mod incidents;
mod init;
mod listing;
mod replay;
mod run;
mod simulate;
mod status;
mod terminal;
#[cfg(test)]
mod tests;
mod token;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use crate::api::FilesError;
use crate::config::ConfigError;

const EXAMPLES: &str = "\
Examples:
  See it work, without an account and without a network:
    trailbrake demo
  Judge a trail that you have:
    trailbrake replay cloudtrail/*.json.gz
  Why was there an incident, or none?
    trailbrake explain deployer cloudtrail/*.json.gz
  Watch a stream:
    trailbrake init --config trailbrake.toml
    trailbrake check --config trailbrake.toml
    trailbrake run --config trailbrake.toml

Exit codes: 0 fine, 1 failed, 2 wrong usage or configuration.";

/// Watches AWS CloudTrail as a stream and stops a principal that has begun to destroy an environment.
#[derive(Debug, Parser)]
#[command(name = "trailbrake", version, after_help = EXAMPLES, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Arguments),
    Act(act::Arguments),
    Replay(replay::Arguments),
    Explain(explain::Arguments),
    Simulate(simulate::Arguments),
    Detectors(detectors::Arguments),
    Demo(demo::Arguments),
    Init(init::Arguments),
    Check(check::Arguments),
    Incidents(incidents::Arguments),
    Status(status::Arguments),
    Token(token::Arguments),
    Alert(alert::Arguments),
    Audit(audit::Arguments),
    IamPolicy(iam_policy::Arguments),
}

/// How data is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Fine.
    Fine,
    /// Failed.
    Failed,
    /// Wrong usage or configuration.
    Usage,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Fine => Self::SUCCESS,
            Exit::Failed => Self::FAILURE,
            Exit::Usage => Self::from(2),
        }
    }
}

/// The arguments make no sense together, or name something that is not there.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct UsageError(String);

/// Runs the program with the arguments of the process.
pub fn main() -> ExitCode {
    run(std::env::args_os(), &mut io::stdout().lock()).into()
}

/// Runs the program with these arguments (the first is its name); data goes to `out`.
pub fn run(arguments: impl IntoIterator<Item = OsString>, out: &mut dyn Write) -> Exit {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are data that was asked for, and go to standard output. Should that be closed, so be it.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Fine };
        }
    };
    match dispatch(arguments.command, out).and_then(|exit| Ok(out.flush().map(|()| exit)?)) {
        Ok(exit) => exit,
        Err(error) => say(&error),
    }
}

fn dispatch(command: Command, out: &mut dyn Write) -> anyhow::Result<Exit> {
    match command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Act(arguments) => act::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments, out),
        Command::Explain(arguments) => explain::run(&arguments, out),
        Command::Detectors(arguments) => detectors::run(&arguments, out),
        Command::Simulate(arguments) => simulate::run(&arguments, out),
        Command::Demo(arguments) => demo::run(&arguments, out),
        Command::Init(arguments) => init::run(&arguments, out),
        Command::Check(arguments) => check::run(&arguments, out),
        Command::Incidents(arguments) => incidents::run(&arguments, out),
        Command::Status(arguments) => status::run(&arguments, out),
        Command::Token(arguments) => token::run(&arguments, out),
        Command::Alert(arguments) => alert::run(&arguments, out),
        Command::Audit(arguments) => audit::run(&arguments, out),
        Command::IamPolicy(arguments) => iam_policy::run(&arguments, out),
    }
}

/// Says what went wrong, and how the program ends for it.
fn say(error: &anyhow::Error) -> Exit {
    let kind = |cause: &(dyn std::error::Error + 'static)| match cause.downcast_ref::<io::Error>() {
        Some(error) => Some(error.kind()),
        None => cause.downcast_ref::<serde_json::Error>()?.io_error_kind(),
    };
    if error.chain().any(|cause| kind(cause) == Some(io::ErrorKind::BrokenPipe)) {
        // Whoever read our output has seen enough.
        return Exit::Fine;
    }
    let _ = writeln!(io::stderr(), "error: {error:#}");
    if error.is::<ConfigError>() || error.is::<UsageError>() || error.is::<FilesError>() {
        Exit::Usage
    } else {
        Exit::Failed
    }
}

/// A runtime for commands that wait for the network.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    // A second installation is refused and changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}
