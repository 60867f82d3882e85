//! `trailbrake explain`: how near a principal came to each limit, when, and what it owns.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use serde::Serialize;
use trailbrake_detectors::detector::{self, Amount, Gauge};
use trailbrake_detectors::engine::{Engine, Nearness};
use trailbrake_detectors::timeline::Owned;

use super::replay::{Judged, TrailArguments, account, judge};
use super::terminal::{escape, escape_to};
use super::{Exit, Format, UsageError};
use crate::clock::{Clock, SystemClock};
use crate::config::plain;

/// Principals that a part of a name may match while the trail is read.
const MATCHES_MAX: usize = 1_000;
/// Of those, how many are named when it has to be more exact.
const MATCHES_NAMED_MAX: usize = 10;
/// Resources listed of what a principal owns.
const OWNED_LISTED_MAX: usize = 50;

/// Says how near a principal came to each limit of each detector, when, and what it owns.
///
/// A value that reaches a limit makes an incident of that severity, unless what it rests on is work of AWS itself, or
/// resources that the principal retires as a controller does. What a principal owns is what it created in the trail,
/// and has not been destroyed since.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  trailbrake explain arn:aws:iam::123456789012:role/deployer AWSLogs/
  trailbrake explain deployer 'AWSLogs/**/*.json.gz'
  trailbrake explain --format json deployer trail.ndjson")]
pub(super) struct Arguments {
    /// An ARN of a role, user or session, a name, or any part of it that only one principal has.
    #[arg(value_name = "PRINCIPAL")]
    principal: String,

    #[command(flatten)]
    trail: TrailArguments,

    /// How it is written.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Principals that match, as far as they are known.
type Matches = BTreeMap<Arc<str>, (Nearness, Vec<Owned>)>;

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let (found, manner) = arguments.trail.open(false)?;
    let limits = manner.settings.limits.clone();
    let wanted = Wanted::of(&arguments.principal);
    let mut matches = Matches::new();
    let mut look = |engine: &Engine| {
        for key in engine.principals().filter(|key| wanted.matches(key)) {
            if matches.len() < MATCHES_MAX || matches.contains_key(key) {
                engine.measure(key, &mut matches.entry(Arc::clone(key)).or_default().0);
            }
        }
        for (key, (_, owned)) in &mut matches {
            *owned = engine.owned(key);
        }
    };
    let Judged { incidents, reading } = judge(found, SystemClock.now(), manner, Some(&mut look))?;
    let key = wanted.choose(&matches)?;
    let (nearness, owned) = matches.get(&key).cloned().unwrap_or_default();
    let of_key = incidents.iter().map(|told| &told.report);
    let of_key = of_key.filter(|report| report.principal.as_ref().is_some_and(|principal| *principal.key == *key));
    let told = Explanation {
        key: &key,
        limits: detector::ALL
            .iter()
            .flat_map(|one| detector::limits_of(*one, &limits).into_iter().map(|gauge| (one.name(), gauge)))
            .collect(),
        incidents: of_key.map(|report| (report.id.as_str(), report.severity_peak.as_str())).collect(),
        nearness,
        owned,
    };
    match arguments.format {
        Format::Text => told.text(out)?,
        Format::Json => {
            serde_json::to_writer(&mut *out, &told.json())?;
            writeln!(out)?;
        }
    }
    out.flush()?;
    account(&reading, "")
}

/// Whom somebody asks for.
struct Wanted {
    text: String,
    /// Of a session's ARN, the account and the role.
    role: Option<(String, String)>,
}

impl Wanted {
    fn of(text: &str) -> Self {
        let mut parts = text.splitn(6, ':');
        let (account, resource) = (parts.nth(4), parts.next());
        let role = resource.and_then(|resource| resource.strip_prefix("assumed-role/")?.split('/').next());
        let role = account.zip(role).map(|(account, role)| (format!(":{account}:"), format!("/{role}")));
        Self { text: text.to_lowercase(), role }
    }

    fn matches(&self, key: &str) -> bool {
        let is_role =
            |(account, role): &(String, String)| key.contains(account.as_str()) && key.ends_with(role.as_str());
        self.role.as_ref().map_or_else(|| key.to_lowercase().contains(&self.text), is_role)
    }

    /// The one principal that is meant: the one of exactly this name before those that only hold it.
    fn choose(&self, matches: &Matches) -> anyhow::Result<Arc<str>> {
        let is_named = |key: &str| {
            let key = key.to_lowercase();
            key == self.text || key.rsplit('/').next() == Some(self.text.as_str())
        };
        let exact: Vec<&Arc<str>> = matches.keys().filter(|key| is_named(key)).collect();
        let all: Vec<&Arc<str>> = matches.keys().collect();
        let chosen = if exact.is_empty() { all } else { exact };
        if let [only] = chosen.as_slice() {
            return Ok(Arc::clone(only));
        }
        let asked = escape_to(&self.text, 200);
        if chosen.is_empty() {
            let hint = "name one that created or destroyed something, or was refused to";
            return Err(UsageError(format!("no principal of this trail matches: {asked}\nhint: {hint}")).into());
        }
        let named: Vec<String> = chosen.iter().take(MATCHES_NAMED_MAX).map(|key| escape_to(key, 200)).collect();
        let others = chosen.len().saturating_sub(named.len());
        let others = if others > 0 { format!(" and {others} more") } else { String::new() };
        let message = format!(
            "{} principals of this trail match: {asked}\nhint: be more exact: {}{others}",
            chosen.len(),
            named.join(", ")
        );
        Err(UsageError(message).into())
    }
}

/// All that is known of one principal.
struct Explanation<'a> {
    key: &'a str,
    limits: Vec<(&'static str, Gauge)>,
    nearness: Nearness,
    incidents: Vec<(&'a str, &'static str)>,
    owned: Vec<Owned>,
}

impl Explanation<'_> {
    fn text(&self, out: &mut dyn Write) -> std::io::Result<()> {
        writeln!(out, "{}", escape(self.key))?;
        match self.incidents.as_slice() {
            [] => writeln!(out, "incidents  none")?,
            all => {
                let all: Vec<String> = all.iter().map(|(id, severity)| format!("{} {severity}", escape(id))).collect();
                writeln!(out, "incidents  {}", all.join(", "))?;
            }
        }
        if !self.nearness.starters.is_empty() {
            let starters: Vec<String> = self.nearness.starters.iter().map(|key| escape_to(key, 200)).collect();
            writeln!(out, "set going by one of  {}", starters.join(", "))?;
        }
        let mut detector = "";
        for (name, limit) in &self.limits {
            if *name != detector {
                detector = name;
                let said = self.nearness.said.get(name).map(|said| {
                    let whole = if said.is_whole { ", with all who passed through it" } else { "" };
                    format!("{} at {}{whole}", said.level.as_str(), said.at.second)
                });
                writeln!(out, "\n{name}: {}", said.unwrap_or_else(|| "said nothing".to_owned()))?;
            }
            let reached = self.nearness.reached.get(&(*name, limit.limit));
            let when = reached.map(|reached| format!(" at {}", reached.at.second)).unwrap_or_default();
            let gauge = reached.map_or(limit, |reached| &reached.gauge);
            writeln!(out, "  {:<15} reached {}{when}", limit.limit, figure(gauge.amount))?;
            writeln!(out, "  {:<15} {}; {}", "", limit.about, levels(gauge))?;
        }
        self.text_owned(out)
    }

    fn text_owned(&self, out: &mut dyn Write) -> std::io::Result<()> {
        writeln!(out, "\nowns {} resources that it created in this trail", self.owned.len())?;
        for one in self.owned.iter().take(OWNED_LISTED_MAX) {
            let doubt = if one.is_proven { "" } else { "  (may have been there before)" };
            let (kind, id) = (escape_to(&one.kind, 60), escape_to(&one.id, 100));
            writeln!(out, "  {}  {}  {kind}  {id}{doubt}", one.created_at, escape(&one.region))?;
        }
        let left_out = self.owned.len().saturating_sub(OWNED_LISTED_MAX);
        if left_out > 0 {
            writeln!(out, "  and {left_out} more: see --format json")?;
        }
        Ok(())
    }

    fn json(&self) -> Told<'_> {
        let limits = self.limits.iter().map(|(name, limit)| {
            let reached = self.nearness.reached.get(&(*name, limit.limit));
            let gauge = reached.map_or(limit, |reached| &reached.gauge);
            ToldLimit {
                detector: name,
                limit: limit.limit,
                reached: number(gauge.amount),
                time: reached.map(|reached| reached.at.second.to_string()),
                event_id: reached.map(|reached| reached.at.id.to_string()),
                levels: gauge.levels.iter().map(|(level, amount)| (level.as_str(), number(*amount))).collect(),
            }
        });
        let findings = self.nearness.said.iter().map(|(name, said)| ToldFinding {
            detector: name,
            severity: said.level.as_str(),
            time: said.at.second.to_string(),
            event_id: said.at.id.to_string(),
            whole: said.is_whole,
        });
        let owned = self.owned.iter().map(|one| ToldOwned {
            kind: &one.kind,
            id: &one.id,
            region: &one.region,
            created_at: one.created_at.to_string(),
            proven: one.is_proven,
        });
        Told {
            schema: 1,
            key: self.key,
            incidents: self.incidents.iter().map(|(id, _)| *id).collect(),
            starters: self.nearness.starters.iter().map(|key| &**key).collect(),
            findings: findings.collect(),
            limits: limits.collect(),
            owned: owned.collect(),
        }
    }
}

/// What a limit asks for, from the mildest severity up.
pub(super) fn levels(gauge: &Gauge) -> String {
    if gauge.levels.is_empty() {
        return "never".to_owned();
    }
    let levels: Vec<String> =
        gauge.levels.iter().map(|(level, amount)| format!("{} from {}", level.as_str(), figure(*amount))).collect();
    levels.join(", ")
}

fn figure(amount: Amount) -> String {
    match amount {
        Amount::Weight(weight) => plain(weight).to_string(),
        Amount::Count(count) => count.to_string(),
        Amount::Places { places, weight } => format!("{places} with weight {}", plain(weight)),
    }
}

/// An amount in JSON.
#[derive(Serialize)]
#[serde(untagged)]
enum Number {
    Weight(f64),
    Count(u64),
    Places { places: u64, weight: f64 },
}

fn number(amount: Amount) -> Number {
    match amount {
        Amount::Weight(weight) => Number::Weight(plain(weight)),
        Amount::Count(count) => Number::Count(count),
        Amount::Places { places, weight } => Number::Places { places, weight: plain(weight) },
    }
}

#[derive(Serialize)]
struct Told<'a> {
    schema: u32,
    key: &'a str,
    incidents: Vec<&'a str>,
    /// Those who may have set going what ran under it.
    starters: Vec<&'a str>,
    findings: Vec<ToldFinding<'a>>,
    limits: Vec<ToldLimit<'a>>,
    owned: Vec<ToldOwned<'a>>,
}

#[derive(Serialize)]
struct ToldFinding<'a> {
    detector: &'a str,
    severity: &'static str,
    time: String,
    event_id: String,
    whole: bool,
}

#[derive(Serialize)]
struct ToldLimit<'a> {
    detector: &'a str,
    limit: &'a str,
    reached: Number,
    time: Option<String>,
    event_id: Option<String>,
    levels: BTreeMap<&'static str, Number>,
}

#[derive(Serialize)]
struct ToldOwned<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    id: &'a str,
    region: &'a str,
    created_at: String,
    proven: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_principal_is_found_by_arn_session_name_or_part() {
        let keys =
            ["arn:aws:iam::111111111111:role/ops/deploy", "arn:aws:iam::111111111111:role/deploy-old", "saml:a@b"];
        let matches: Matches = keys.iter().map(|key| (Arc::from(*key), Default::default())).collect();
        let chosen = |text: &str| {
            let wanted = Wanted::of(text);
            let held: Matches = matches
                .iter()
                .filter(|(key, _)| wanted.matches(key))
                .map(|(key, one)| (key.clone(), one.clone()))
                .collect();
            wanted.choose(&held).map(|key| key.to_string()).map_err(|error| error.to_string())
        };
        for (text, expected) in [
            (keys[0], keys[0]),
            ("deploy", keys[0]),
            ("DEPLOY-OLD", keys[1]),
            ("old", keys[1]),
            ("@b", keys[2]),
            ("arn:aws:sts::111111111111:assumed-role/deploy/session", keys[0]),
        ] {
            assert_eq!(chosen(text).as_deref(), Ok(expected), "{text}");
        }
        assert!(chosen("dep").is_err_and(|error| error.starts_with("2 principals of this trail match: dep\nhint: ")));
        assert!(chosen("nobody").is_err_and(|error| error.starts_with("no principal of this trail matches: nobody")));
        assert!(chosen("arn:aws:sts::222222222222:assumed-role/deploy/session").is_err());
    }
}
