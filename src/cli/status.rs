//! `trailbrake status`: how a running daemon is.

use std::io::Write;

use trailbrake_detectors::engine::Mode;

use super::client::Target;
use super::terminal::{counted, escape};
use super::{Exit, Format};
use crate::api::{SourceShown, Status};

/// Severities, the worst first.
const SEVERITIES: [&str; 5] = ["critical", "high", "medium", "low", "info"];
/// Latencies in the order of the way: the word, what it is, and what there was nothing of where it has no figures.
const LATENCIES: [(&str, &str, &str); 4] = [
    ("delivery", " (CloudTrail's, from an event's time to its receipt here)", "no record was received"),
    ("release", " (ours, from receipt to being on record, with what follows on its way)", "no fact was received"),
    ("decision", " (ours, from receipt to the call that pauses)", "nobody was paused"),
    ("effective", " (AWS's, from that call to the pause being in effect)", "nobody was paused"),
];

/// Shows how a running daemon is: what it reads and how late that is, what it remembers, what it would do about an incident,
/// and how long its decisions take. Fails if the journal cannot be written.
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
    writeln!(out, "version    {}", escape(&status.version))?;
    config(status, out)?;
    match (&status.journal.failing_since, &status.journal.reason) {
        (Some(since), Some(reason)) => writeln!(out, "journal    FAILING since {}: {}", escape(since), escape(reason))?,
        _ => writeln!(out, "journal    ok")?,
    }
    if let Some(set_aside) = &status.journal.set_aside {
        writeln!(out, "           NOTE: {}", escape(set_aside))?;
    }
    writeln!(out, "incidents  open: {}; paused identities: {}", open(status), status.incidents.paused)?;
    would_do(status, out)?;
    let act = match (status.act.configured, status.act.connected) {
        (false, _) => "not configured: nothing is ever paused",
        (true, false) => "NOT CONNECTED: pauses wait",
        (true, true) => "connected",
    };
    writeln!(out, "act        {act}")?;
    for (name, receiver) in &status.receivers {
        let waiting = match receiver.waiting {
            0 => "nothing waits".to_owned(),
            waiting => counted(waiting as u64, "order") + " wait",
        };
        writeln!(out, "receiver   {}: {waiting}", escape(name))?;
        if let (Some(since), Some(reason)) = (&receiver.failing_since, &receiver.reason) {
            writeln!(out, "           FAILING since {}: {}", escape(since), escape(reason))?;
        }
    }
    for (name, source) in &status.sources {
        self::source(name, source, out)?;
    }
    remembers(status, out)?;
    latencies(status, out)
}

/// How many incidents are open, the worst first.
fn open(status: &Status) -> String {
    let place = |severity: &str| SEVERITIES.iter().position(|known| *known == severity).unwrap_or(SEVERITIES.len());
    // Nothing opens an incident that is only worth a line.
    let open = status.incidents.open.iter().filter(|(severity, open)| *severity != "info" || **open > 0);
    let mut open: Vec<(&String, &usize)> = open.collect();
    open.sort_by_key(|(severity, _)| place(severity));
    let open: Vec<String> = open.into_iter().map(|(severity, open)| format!("{open} {}", escape(severity))).collect();
    if open.is_empty() { "none".to_owned() } else { open.join(", ") }
}

fn config(status: &Status, out: &mut dyn Write) -> std::io::Result<()> {
    let config = &status.config;
    writeln!(out, "config     read {}", escape(&config.read_at))?;
    if let Some(at) = &config.failed_at {
        writeln!(out, "           NOT TAKEN UP at {}, what was read before holds:", escape(at))?;
        for line in config.problems.iter().flat_map(|problem| problem.lines()) {
            writeln!(out, "           {}", escape(line))?;
        }
    }
    if !config.needs_restart.is_empty() {
        writeln!(out, "           waits for a restart: {}", escape(&config.needs_restart.join(", ")))?;
    }
    Ok(())
}

/// What it would do about an incident that is `critical`.
fn would_do(status: &Status, out: &mut dyn Write) -> std::io::Result<()> {
    let brake = &status.brake;
    let does = |mode: Mode| match mode {
        Mode::Observe => "observe: pages, and says what would have been paused",
        Mode::Enforce => "enforce: pages and pauses",
    };
    writeln!(out, "mode       {}", does(status.mode))?;
    for exception in &brake.exceptions {
        let detector = exception.detector.as_deref().unwrap_or("any detector");
        let account = exception.account.as_deref().map_or(String::new(), |account| format!(" in {account}"));
        writeln!(out, "           {}{}: {}", escape(detector), escape(&account), exception.mode.as_str())?;
    }
    writeln!(
        out,
        "           at most {} pauses an hour in an account, {} in all; {} never paused; {} to resume a critical one",
        brake.pauses_per_hour_account,
        brake.pauses_per_hour_total,
        counted(brake.protected as u64, "principal"),
        counted(u64::from(brake.reviewers_to_resume_critical), "reviewer"),
    )
}

fn source(name: &str, source: &SourceShown, out: &mut dyn Write) -> std::io::Result<()> {
    let status = &source.status;
    let reads = source.reads.as_ref().map(|reads| {
        let from = if reads.from.is_empty() { String::new() } else { format!(" {}", reads.from) };
        let may = if reads.may_pause { "may pause" } else { "only pages" };
        format!("{}{from}, {may}; ", reads.kind)
    });
    let heard = match (&status.last_heard, source.silent_seconds) {
        (Some(heard), Some(seconds)) => format!("last records {seconds} s ago, at {heard}"),
        _ => "no records yet".to_owned(),
    };
    let lag = status.lag_seconds.map(|lag| format!(", {lag} s late")).unwrap_or_default();
    writeln!(out, "source     {}: {}{}{lag}", escape(name), escape(&reads.unwrap_or_default()), escape(&heard))?;
    if let Some(trouble) = &status.trouble {
        writeln!(out, "           TROUBLE: {}", escape(trouble))?;
    }
    let records: Vec<_> =
        status.records.iter().map(|(column, records)| format!("{records} {}", escape(column))).collect();
    if !records.is_empty() {
        writeln!(out, "           records: {}", records.join(", "))?;
    }
    Ok(())
}

fn remembers(status: &Status, out: &mut dyn Write) -> std::io::Result<()> {
    let memory = &status.memory;
    let facts = counted(memory.facts as u64, "fact");
    let since = memory.forgotten_before.as_ref().map(|before| format!(" since {before}")).unwrap_or_default();
    let incidents = format!("{} ({} open)", counted(memory.incidents as u64, "incident"), memory.incidents_open);
    let pauses = counted(memory.pauses_wanted as u64, "pause");
    writeln!(out, "remembers  {facts}{}, {incidents}, {pauses} that stand", escape(&since))?;
    match &memory.horizon {
        Some(horizon) => writeln!(out, "           judged up to {}", escape(horizon)),
        None => Ok(()),
    }
}

/// Each latency, in the order of the way: what it is, and how long it took.
fn latencies(status: &Status, out: &mut dyn Write) -> std::io::Result<()> {
    let mut latencies: Vec<_> = status.latencies.iter().collect();
    latencies.sort_by_key(|(word, _)| LATENCIES.iter().position(|(known, _, _)| known == word));
    for (word, windows) in latencies {
        let known = LATENCIES.iter().find(|(known, _, _)| known == word);
        let (about, none) = known.map_or(("", "nothing"), |(_, about, none)| (*about, *none));
        let told: Vec<String> = windows
            .iter()
            .rev()
            .map(|(window, one)| format!("{}: p50 {:.3} s, p99 {:.3} s", escape(window), one.p50, one.p99))
            .collect();
        let told = if told.is_empty() { format!("none, {none} in the last ten minutes") } else { told.join("; ") };
        writeln!(out, "latency    {}{about}: {told}", escape(word))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn severities_go_from_the_worst_and_each_latency_says_what_it_is_and_why_there_is_none() {
        let status = json!({
            "version": "1.2.3", "mode": "observe", "sources": {}, "journal": { "ok": true },
            "incidents": { "open": { "critical": 1, "high": 2, "info": 0, "low": 3, "medium": 4 }, "paused": 0 },
            "act": { "configured": false, "connected": false },
            "latencies": { "decision": {}, "delivery": { "1m": { "p50": 1.0, "p99": 2.5 } }, "effective": {} },
        });
        let status: Status = serde_json::from_value(status).expect("a status");
        let mut out = Vec::new();
        text(&status, &mut out).expect("memory");
        let told = String::from_utf8(out).expect("text");
        let at = told.find("latency ").expect("latencies");
        assert_eq!(
            &told[at..],
            "latency    delivery (CloudTrail's, from an event's time to its receipt here): 1m: p50 1.000 s, p99 2.500 s\n\
             latency    decision (ours, from receipt to the call that pauses): none, nobody was paused in the last ten minutes\n\
             latency    effective (AWS's, from that call to the pause being in effect): none, nobody was paused in the last ten minutes\n"
        );
        assert!(told.contains("incidents  open: 1 critical, 2 high, 4 medium, 3 low; paused"), "{told}");
    }
}
