//! `trailbrake incidents`: what goes on, and what to do about it.

use std::io::Write;
use std::sync::Arc;

use clap::Subcommand;
use trailbrake_detectors::engine::Situation;

use super::client::Target;
use super::listing::{self, Shape};
use super::terminal::escape;
use super::{Exit, Format};
use crate::api::{Incidents, Verdict, VerdictAnswer};

/// Lists and shows the incidents of a running daemon, and decides on them.
///
/// A verdict has its place in time: what happened before it and arrives later joins the incident that it judged, pages
/// again only if it is worse than what was judged, and pauses nobody. What happens after a `resume` or a `close` is
/// judged afresh. Nobody decides on themselves: a token lists the AWS principals that are its holder.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  trailbrake incidents list --state paused
  trailbrake incidents show tb-abcdefgh23456777
  trailbrake incidents resume tb-abcdefgh23456777 --reason 'planned, see CHG-1234'
  trailbrake incidents close tb-abcdefgh23456777 --reason 'a test account is tidied up'
  trailbrake incidents confirm tb-abcdefgh23456777 --reason 'the key was stolen, bob sees to it'")]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,

    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists incidents, those with the latest facts first.
    ///
    /// Where standard output is no terminal each is one line, parted by tabs: id, severity, state, when, who, destroyed,
    /// verdict, reason.
    List {
        /// Only those in this state: open, paused, confirmed, resumed, closed, eased, merged or unpausable.
        #[arg(long)]
        state: Option<String>,
        /// Only those of this severity: low, medium, high or critical.
        #[arg(long)]
        severity: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 100)]
        limit: usize,
        /// How the data is written.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Shows one incident, with the evidence.
    Show {
        /// The incident, `tb-…`.
        id: String,
        /// How the data is written.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Lets the paused principal go on. A critical incident needs two reviewers.
    Resume {
        /// The incident, `tb-…`.
        id: String,
        /// Why it may go on; kept with the incident.
        #[arg(long)]
        reason: String,
        /// Stands in for the second reviewer; everybody is paged about it.
        #[arg(long)]
        break_glass: bool,
    },
    /// Ends an incident: nothing was wrong, or what was is dealt with. Refused while a pause stands.
    Close {
        /// The incident, `tb-…`.
        id: String,
        /// Why it is over; kept with the incident.
        #[arg(long)]
        reason: String,
    },
    /// Says that an incident is real and somebody sees to it: what is paused stays so.
    Confirm {
        /// The incident, `tb-…`.
        id: String,
        /// What is known; kept with the incident.
        #[arg(long)]
        reason: String,
    },
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let target = &arguments.target;
    match &arguments.command {
        Command::List { state, severity, limit, format } => {
            let mut query = vec![("limit", limit.to_string())];
            query.extend(state.iter().map(|state| ("state", state.clone())));
            query.extend(severity.iter().map(|severity| ("severity", severity.clone())));
            let Incidents { incidents } = target.get(&["v1", "incidents"], &query)?;
            list(&incidents, *format, out)?;
        }
        Command::Show { id, format } => {
            let situation: Situation = target.get(&["v1", "incidents", id], &[])?;
            match format {
                Format::Json => json(&situation, out)?,
                Format::Text => super::terminal::show(&situation, out)?,
            }
        }
        Command::Resume { id, reason, break_glass } => {
            decide(target, id, &Verdict::Resume { reason: reason.clone(), break_glass: *break_glass }, out)?;
        }
        Command::Close { id, reason } => decide(target, id, &Verdict::Close { reason: reason.clone() }, out)?,
        Command::Confirm { id, reason } => decide(target, id, &Verdict::Confirm { reason: reason.clone() }, out)?,
    }
    Ok(Exit::Fine)
}

fn decide(target: &Target, id: &str, verdict: &Verdict, out: &mut dyn Write) -> anyhow::Result<()> {
    let answer: VerdictAnswer = target.post(&["v1", "incidents", id, "verdict"], verdict)?;
    Ok(writeln!(out, "{}", escape(&answer.result))?)
}

fn list(incidents: &[Arc<Situation>], format: Format, out: &mut dyn Write) -> anyhow::Result<()> {
    match format {
        Format::Json => incidents.iter().try_for_each(|situation| json(situation, out)),
        Format::Text if incidents.is_empty() => Ok(writeln!(out, "no incidents")?),
        Format::Text => {
            let listed = listing::situations(incidents.iter().map(AsRef::as_ref), Shape::of_output());
            Ok(out.write_all(listed.as_bytes())?)
        }
    }
}

fn json(situation: &Situation, out: &mut dyn Write) -> anyhow::Result<()> {
    serde_json::to_writer(&mut *out, situation)?;
    Ok(writeln!(out)?)
}
