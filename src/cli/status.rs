//! `trailbrake status`: how a running daemon is.

use std::io::Write;

use super::client::Target;
use super::terminal::escape;
use super::{Exit, Format};
use crate::api::Status;

/// Shows how a running daemon is: sources, journal, incidents, pauses. Fails if the journal cannot be written.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  trailbrake status --url http://127.0.0.1:8080 --token-file reader.token")]
pub(super) struct Arguments {
    #[command(flatten)]
    target: Target,

    /// How the data is written.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let status: Status = arguments.target.get(&["v1", "status"], &[])?;
    match arguments.format {
        Format::Json => {
            serde_json::to_writer(&mut *out, &status)?;
            writeln!(out)?;
        }
        Format::Text => text(&status, out)?,
    }
    Ok(if status.journal.ok { Exit::Fine } else { Exit::Failed })
}

fn text(status: &Status, out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(out, "version    {}, mode {}", escape(&status.version), status.mode.as_str())?;
    match (&status.journal.failing_since, &status.journal.reason) {
        (Some(since), Some(reason)) => writeln!(out, "journal    FAILING since {}: {}", escape(since), escape(reason))?,
        _ => writeln!(out, "journal    ok")?,
    }
    if let Some(set_aside) = &status.journal.set_aside {
        writeln!(out, "           NOTE: {}", escape(set_aside))?;
    }
    let open: Vec<_> =
        status.incidents.open.iter().rev().map(|(severity, open)| format!("{open} {}", escape(severity))).collect();
    writeln!(out, "incidents  open: {}; paused identities: {}", open.join(", "), status.incidents.paused)?;
    let act = match (status.act.configured, status.act.connected) {
        (false, _) => "not configured: nothing is ever paused",
        (true, false) => "NOT CONNECTED: pauses wait",
        (true, true) => "connected",
    };
    writeln!(out, "act        {act}")?;
    for (name, source) in &status.sources {
        let heard = source.last_heard.as_deref().unwrap_or("never");
        let lag = source.lag_seconds.map(|lag| format!(", {lag} s behind")).unwrap_or_default();
        writeln!(out, "source     {}: last heard {}{lag}", escape(name), escape(heard))?;
        if let Some(trouble) = &source.trouble {
            writeln!(out, "           TROUBLE: {}", escape(trouble))?;
        }
        let records: Vec<_> =
            source.records.iter().map(|(column, records)| format!("{records} {}", escape(column))).collect();
        if !records.is_empty() {
            writeln!(out, "           records: {}", records.join(", "))?;
        }
    }
    Ok(())
}
