//! `trailbrake iam-policy`: the documents to set up in AWS.

use std::io::Write;

use clap::ValueEnum;
use trailbrake_detectors::engine::Rung;

use super::{Exit, UsageError};
use crate::act::hook::policy::{document, hook_role_document};

/// Prints the policies that pausing needs, as JSON for `aws iam create-policy`.
///
/// Each account needs the two managed deny policies, which are attached to nothing until something is paused, and a
/// role for `trailbrake act` that may attach and detach these two and no others.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  trailbrake iam-policy --deny destructive > deny-destructive.json
  aws iam create-policy --policy-name TrailbrakeDenyDestructive --policy-document file://deny-destructive.json
  trailbrake iam-policy --hook-role --account 111122223333 > hook-role.json")]
pub(super) struct Arguments {
    /// The managed policy that pauses: denies what destroys, or everything.
    #[arg(long, value_enum, required_unless_present = "hook_role", conflicts_with = "hook_role")]
    deny: Option<Deny>,

    /// The policy of the role that `trailbrake act` works with.
    #[arg(long, requires = "account")]
    hook_role: bool,

    /// The account of that role, 12 digits.
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,

    /// The partition of that account.
    #[arg(long, value_name = "PARTITION", default_value = "aws", value_parser = ["aws", "aws-cn", "aws-us-gov"])]
    partition: String,

    /// The name of the managed policy that denies destruction, as in the configuration.
    #[arg(long, value_name = "NAME", default_value = "TrailbrakeDenyDestructive")]
    destructive_policy: String,

    /// The name of the managed policy that denies everything, as in the configuration.
    #[arg(long, value_name = "NAME", default_value = "TrailbrakeDenyAll")]
    all_policy: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Deny {
    Destructive,
    All,
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let policy = match (arguments.deny, &arguments.account) {
        (Some(Deny::Destructive), _) => document(Rung::Destructive),
        (Some(Deny::All), _) => document(Rung::All),
        (None, Some(account)) if account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()) => {
            let names = [arguments.destructive_policy.as_str(), arguments.all_policy.as_str()];
            hook_role_document(account, &arguments.partition, &names)
        }
        (None, _) => return Err(UsageError("the account is not 12 digits".to_owned()).into()),
    };
    serde_json::to_writer_pretty(&mut *out, &policy)?;
    writeln!(out)?;
    Ok(Exit::Fine)
}
