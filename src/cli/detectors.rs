//! `trailbrake detectors`: what is looked for, and from where on it counts.

use std::io::Write;
use std::path::PathBuf;

use serde::Serialize;
use trailbrake_detectors::detector;
use trailbrake_detectors::engine::{BrakeSettings, Mode, Settings};

use super::explain::{figure, levels};
use super::{Exit, Format};
use crate::config::plain;

/// Lists the detectors, their limits in force, and the weights of things.
///
/// Limits are keys below [detectors.NAME] in the configuration, weights keys of [weights].
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  trailbrake detectors\n  trailbrake detectors --config trailbrake.toml")]
pub(super) struct Arguments {
    /// A configuration file; without it the defaults are listed.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// How they are written.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let settings = match &arguments.config {
        Some(path) => crate::config::load_for_judging(path)?.settings,
        None => Settings::default(),
    };
    match arguments.format {
        Format::Text => text(&settings, out)?,
        Format::Json => {
            for one in detector::ALL {
                let limits = detector::limits_of(*one, &settings.limits);
                let terms = one.terms(&settings.limits);
                let limits = limits
                    .iter()
                    .map(|gauge| Limit { name: gauge.limit, about: gauge.about, levels: levels(gauge) })
                    .chain(terms.iter().map(|term| Limit {
                        name: term.limit,
                        about: term.about,
                        levels: figure(term.amount),
                    }));
                let (mode, exceptions) = mode_of(one.name(), &settings.brake);
                let line = Line { name: one.name(), about: one.about(), mode, exceptions, limits: limits.collect() };
                serde_json::to_writer(&mut *out, &line)?;
                writeln!(out)?;
            }
        }
    }
    Ok(Exit::Fine)
}

#[derive(Serialize)]
struct Line<'a> {
    name: &'a str,
    about: &'a str,
    mode: Mode,
    exceptions: usize,
    limits: Vec<Limit<'a>>,
}

#[derive(Serialize)]
struct Limit<'a> {
    name: &'a str,
    about: &'a str,
    levels: String,
}

fn text(settings: &Settings, out: &mut dyn Write) -> std::io::Result<()> {
    for one in detector::ALL {
        let (mode, exceptions) = mode_of(one.name(), &settings.brake);
        let exceptions = match exceptions {
            0 => String::new(),
            count => format!(", but for {count} accounts of their own mode"),
        };
        writeln!(out, "{}: {}", one.name(), one.about())?;
        writeln!(out, "  mode {}{exceptions}", mode.as_str())?;
        for gauge in detector::limits_of(*one, &settings.limits) {
            writeln!(out, "  {:<16} {}", gauge.limit, gauge.about)?;
            writeln!(out, "  {:<16} {}", "", levels(&gauge))?;
        }
        for term in one.terms(&settings.limits) {
            writeln!(out, "  {:<16} {}", term.limit, term.about)?;
            writeln!(out, "  {:<16} {}", "", figure(term.amount))?;
        }
        writeln!(out)?;
    }
    let (mode, _) = mode_of(detector::BLIND, &settings.brake);
    writeln!(out, "{}: a source's trail was stopped, narrowed or fell silent", detector::BLIND)?;
    writeln!(out, "  mode {}\n", mode.as_str())?;
    let weights = &settings.limits.weights;
    writeln!(out, "weights")?;
    for (name, weight, about) in [
        ("holds_state", weights.holds_state, "a database, a table, a file system, a key"),
        ("serves_traffic", weights.serves_traffic, "an instance, a service, a load balancer"),
        ("small", weights.small, "a subnet, a volume, a function; what an unknown destructive action destroys"),
        ("copy", weights.copy, "a snapshot, an image, a recovery point"),
        ("usually_unused", weights.usually_unused, "a security group, a role, a log group"),
        (
            "lessened_share",
            weights.lessened_share,
            "this share counts of what is own and young, or replaced one by one",
        ),
        ("own_young_max", weights.own_young_max, "all that is own and young weighs at most this together"),
        ("copies_max", weights.copies_max, "all copies weigh at most this together"),
        ("usually_unused_max", weights.usually_unused_max, "all that is usually unused weighs at most this together"),
    ] {
        writeln!(out, "  {name:<18} {:<5} {about}", plain(weight))?;
    }
    Ok(())
}

/// The mode of a detector where no account has its own, and how many accounts have one.
fn mode_of(name: &str, brake: &BrakeSettings) -> (Mode, usize) {
    let of_it =
        || brake.exceptions.iter().filter(|one| one.detector.as_deref().is_none_or(|detector| detector == name));
    let mode = of_it().find(|one| one.account.is_none()).map_or(brake.mode, |one| one.mode);
    (mode, of_it().filter(|one| one.account.is_some()).count())
}
