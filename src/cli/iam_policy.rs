//! `trailbrake iam-policy`: the documents to set up in AWS.

use std::io::Write;

use super::{Exit, UsageError};

/// Prints the policies that pausing needs, as JSON for `aws iam create-policy`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  trailbrake iam-policy --deny destructive > deny-destructive.json
  trailbrake iam-policy --hook-role --account 111122223333 > hook-role.json")]
pub(super) struct Arguments {}

pub(super) fn run(_arguments: &Arguments, _out: &mut dyn Write) -> anyhow::Result<Exit> {
    Err(UsageError(String::new()).into())
}
