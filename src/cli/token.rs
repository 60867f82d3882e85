//! `trailbrake token`: who may ask the daemon for what.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use clap::Subcommand;
use serde::Serialize;

use super::configuration::Configuration;
use super::terminal::escape;
use super::{Exit, Format, UsageError};
use crate::clock::{Clock, SystemClock};
use crate::config::{TokenPlaces, is_exact_principal, token_places};
use crate::limits::{LISTENER_FILES_POLL, TOKENS_MAX};
use crate::token::{self, Holder, Role, TokenDigest, TokenFileError};

/// Makes, lists and revokes the tokens that people and programs show to the daemon.
///
/// The token file stands beside the daemon's configuration, which says where, and holds their digests only; no other
/// secret is read. A running daemon takes a change up by itself, within a second.
///
/// Roles: ingest sends events; read reads incidents and status; review decides on incidents. No path asks for gate and
/// admin yet. A role includes no other.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  trailbrake token create alice --role read --role review \\
    --principal arn:aws:iam::123456789012:user/alice --config /etc/trailbrake/trailbrake.toml
  trailbrake token create eventbridge --role ingest --config /etc/trailbrake/trailbrake.toml
  trailbrake token list --config /etc/trailbrake/trailbrake.toml
  trailbrake token revoke alice --config /etc/trailbrake/trailbrake.toml")]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,

    #[command(flatten)]
    configuration: Configuration,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Makes a token and writes it to standard output, this once.
    Create {
        /// Who will hold it: one person, or one program. A verdict is theirs by this name.
        name: String,
        /// What it allows; may be given again.
        #[arg(long = "role", value_enum, required = true)]
        roles: Vec<Role>,
        /// An ARN or unique id of an AWS principal that is this person, so that they cannot decide on themselves; may be
        /// given again.
        #[arg(long = "principal", value_name = "ARN")]
        principals: Vec<String>,
    },
    /// Lists who holds tokens.
    List {
        /// How they are written.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Takes a token away. Requests that it sends from then on are refused.
    Revoke {
        /// Who holds it.
        name: String,
    },
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let places = token_places(arguments.configuration.path())?;
    match &arguments.command {
        Command::Create { name, roles, principals } => {
            create(&places, name, roles.iter().copied().collect(), principals, out)?;
        }
        Command::List { format } => list(&places, *format, out)?,
        Command::Revoke { name } => revoke(&places, name)?,
    }
    Ok(Exit::Fine)
}

fn create(
    places: &TokenPlaces,
    name: &str,
    roles: BTreeSet<Role>,
    principals: &[String],
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    check_new(places, name, principals)?;
    let token = token::generate().map_err(|_| anyhow::anyhow!("the operating system gives no random bits"))?;
    let holder = Holder {
        name: name.to_owned(),
        roles: roles.clone(),
        principals: principals.to_vec(),
        digest: TokenDigest::of(token.as_bytes()),
        created_at: SystemClock.now().second().to_string(),
    };
    let is_new = !places.file.exists();
    token::change(&places.file, |holders: &mut Vec<Holder>| {
        if holders.iter().any(|known| known.name == holder.name) {
            let hint = format!("hint: revoke it first (trailbrake token revoke {name}), or choose another name");
            return Err(anyhow::Error::from(UsageError(format!("there is a token of that name: {name}\n{hint}"))));
        }
        if holders.len() >= TOKENS_MAX {
            return Err(UsageError(format!("there are {TOKENS_MAX} tokens\nhint: revoke some")).into());
        }
        holders.push(holder);
        Ok(())
    })?;
    writeln!(out, "{token}")?;
    let mut told = io::stderr();
    let roles: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
    writeln!(
        told,
        "{name} may {}. The token is shown this once: {} holds only its digest. A running daemon knows it within {} s.",
        roles.join(", "),
        places.file.display(),
        LISTENER_FILES_POLL.as_secs()
    )?;
    if roles.contains(&"review") && principals.is_empty() {
        writeln!(told, "warning: this token lists no AWS principals: {name} could decide on incidents of their own")?;
        writeln!(
            told,
            "hint: revoke it, and make it again with --principal ARN for each role and user that is {name} in AWS"
        )?;
    }
    if is_new && belongs_to_root(&places.file) {
        writeln!(told, "note: the file belongs to root: chown USER {}, the daemon's user", places.file.display())?;
    }
    Ok(())
}

fn check_new(places: &TokenPlaces, name: &str, principals: &[String]) -> Result<(), UsageError> {
    if !token::is_name(name) {
        let hint = "letters, digits, and - _ . @, at most 64 of them";
        return Err(UsageError(format!("no name for a holder: {}\nhint: {hint}", escape(name))));
    }
    if places.declared.iter().any(|declared| declared == name) {
        let hint = "choose another name, or take the section out of the configuration first";
        return Err(UsageError(format!("the configuration has a token of that name: {name}\nhint: {hint}")));
    }
    match principals.iter().find(|principal| !is_exact_principal(principal)) {
        Some(principal) => {
            let hint = "write the whole ARN (arn:aws:iam::123456789012:user/name) or the unique id (AROA…, AIDA…)";
            Err(UsageError(format!("no exact ARN or unique id: {}\nhint: {hint}", escape(principal))))
        }
        None => Ok(()),
    }
}

fn belongs_to_root(file: &Path) -> bool {
    std::fs::metadata(file).is_ok_and(|metadata| metadata.uid() == 0)
}

fn revoke(places: &TokenPlaces, name: &str) -> anyhow::Result<()> {
    if places.declared.iter().any(|declared| declared == name) {
        let hint = "take its section out of the configuration, and send the daemon SIGHUP";
        return Err(UsageError(format!("the configuration holds the token of {name}\nhint: {hint}")).into());
    }
    token::change(&places.file, |holders: &mut Vec<Holder>| {
        let before = holders.len();
        holders.retain(|holder| holder.name != name);
        if holders.len() == before {
            let hint = "trailbrake token list says who has one";
            return Err(anyhow::Error::from(UsageError(format!(
                "no token of that name: {}\nhint: {hint}",
                escape(name)
            ))));
        }
        Ok(())
    })?;
    let seconds = LISTENER_FILES_POLL.as_secs();
    writeln!(io::stderr(), "the token of {name} is revoked; a running daemon refuses it within {seconds} s")?;
    Ok(())
}

/// A holder as they are listed: without the digest.
#[derive(Serialize)]
struct Listed<'a> {
    name: &'a str,
    roles: &'a BTreeSet<Role>,
    principals: &'a [String],
    created_at: &'a str,
}

fn list(places: &TokenPlaces, format: Format, out: &mut dyn Write) -> Result<(), anyhow::Error> {
    let holders = token::read(&places.file).map_err(|error: TokenFileError| anyhow::Error::from(error))?;
    if format == Format::Text {
        writeln!(out, "{:<24} {:<24} {:<21} principals", "name", "roles", "created")?;
    }
    for holder in &holders {
        let Holder { name, roles, principals, created_at, .. } = holder;
        match format {
            Format::Json => {
                serde_json::to_writer(&mut *out, &Listed { name, roles, principals, created_at })?;
                writeln!(out)?;
            }
            Format::Text => {
                let roles: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
                let (roles, principals) = (roles.join(","), principals.join(" "));
                let line = format!("{name:<24} {roles:<24} {created_at:<21} {principals}");
                writeln!(out, "{}", escape(line.trim_end()))?;
            }
        }
    }
    if !places.declared.is_empty() {
        writeln!(io::stderr(), "in the configuration itself: {}", escape(&places.declared.join(", ")))?;
    }
    Ok(())
}
