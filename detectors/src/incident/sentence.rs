//! The one sentence of an incident that a human can act on.

use super::{Destroyed, Recreated};
use crate::time::Second;

/// Starters named in the sentence.
const STARTERS_NAMED: usize = 3;
/// Types named in the sentence.
const KINDS_NAMED: usize = 3;

/// What happened, from the incident's own figures.
pub(super) struct Told<'a> {
    /// The principal's ARN.
    pub who: &'a str,
    /// The tool; may be empty.
    pub tool: &'a str,
    /// Keys of those of whom one set it going, where nobody can tell which; sorted.
    pub starters: &'a [String],
    /// What is gone.
    pub destroyed: &'a Destroyed,
    /// Destructive calls refused.
    pub denied: u64,
    /// Which calls took the protection of what is gone off, in words; nothing if none did.
    pub protections_off: Option<String>,
    /// Which calls switched off what watches others, in words; nothing if none did.
    pub watchers_off: Option<String>,
    /// What came back.
    pub recreated: &'a [Recreated],
    /// Zones.
    pub zones: &'a [String],
    /// Regions.
    pub regions: &'a [String],
    /// The first destroying fact.
    pub first: Second,
    /// The last.
    pub last: Second,
}

/// `role/agent destroyed 12 resources (8 AWS::EC2::Instance, …) in 3 zones within 2 min 5 s, and 4 of them came back`.
pub(super) fn sentence(told: &Told<'_>) -> String {
    let mut kinds: Vec<(&String, &u64)> = told.destroyed.by_type.iter().collect();
    kinds.sort_by(|one, other| (other.1, one.0).cmp(&(one.1, other.0)));
    let mut named: Vec<String> =
        kinds.iter().take(KINDS_NAMED).map(|(kind, count)| format!("{count} {kind}")).collect();
    if kinds.len() > KINDS_NAMED {
        named.push("others".to_owned());
    }
    let mut text = short(told.who).to_owned();
    if !told.tool.is_empty() {
        text.push_str(&format!(" with {}", told.tool));
    }
    let seconds = told.last.0.saturating_sub(told.first.0);
    let within = || format!(" within {}", duration(seconds));
    if told.destroyed.resources == 0 {
        let refused = (told.denied > 0).then(|| format!("was refused {}", counted(told.denied, "destructive call")));
        let off = told.watchers_off.as_ref().map(|off| format!("switched off what watches ({off})"));
        let all: Vec<String> = refused.into_iter().chain(off).collect();
        let within = if seconds == 0 && told.denied <= 1 { String::new() } else { within() };
        return format!("{text} {}{within}{}", all.join(" and "), set_going(told.starters));
    }
    text.push_str(&format!(" destroyed {} ({})", counted(told.destroyed.resources, "resource"), named.join(", ")));
    match (told.zones.len(), told.regions) {
        (zones, _) if zones > 1 => text.push_str(&format!(" in {zones} zones")),
        (_, [region]) => text.push_str(&format!(" in {region}")),
        (_, regions) => text.push_str(&format!(" in {} regions", regions.len())),
    }
    text.push_str(&if told.destroyed.calls == 1 { " by one call".to_owned() } else { within() });
    if !told.recreated.is_empty() {
        text.push_str(&format!(", and {} of them came back", told.recreated.len()));
    }
    if told.destroyed.own > 0 {
        text.push_str(&format!(" ({} had been made by the same principal)", told.destroyed.own));
    }
    if let Some(off) = &told.protections_off {
        text.push_str(&format!("; protection was taken off by {off}"));
    }
    if let Some(off) = &told.watchers_off {
        text.push_str(&format!("; what watches was switched off by {off}"));
    }
    text + &set_going(told.starters)
}

/// A key without the account that it is in.
fn short(key: &str) -> &str {
    key.splitn(6, ':').nth(5).unwrap_or(key)
}

/// `; set going by one of user/alice, user/bob and 2 others`, or nothing.
fn set_going(starters: &[String]) -> String {
    let named: Vec<&str> = starters.iter().take(STARTERS_NAMED).map(|key| short(key)).collect();
    let others = match starters.len().saturating_sub(named.len()) {
        0 => String::new(),
        others => format!(" and {}", counted(others as u64, "other")),
    };
    if named.is_empty() { String::new() } else { format!("; set going by one of {}{others}", named.join(", ")) }
}

/// A number with its noun, in the plural unless it is one.
pub fn counted(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// A span of time in words, at least a second.
pub fn duration(seconds: i64) -> String {
    match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{} s", seconds.max(1)),
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_says_how_long_it_took_and_what_was_switched_off() {
        let calls = |calls, resources| Destroyed { calls, resources, ..Destroyed::default() };
        let stop = Some("cloudtrail:StopLogging on main".to_owned());
        let modify = Some("rds:ModifyDBInstance on db".to_owned());
        for (destroyed, denied, protections_off, watchers_off, seconds, expected) in [
            (calls(1, 30), 0, None, None, 0, " destroyed 30 resources () in 0 regions by one call"),
            (calls(2, 2), 0, None, None, 0, " destroyed 2 resources () in 0 regions within 1 s"),
            (
                calls(2, 2),
                0,
                modify.clone(),
                stop.clone(),
                61,
                " destroyed 2 resources () in 0 regions within 1 min 1 s; protection was taken off by \
                 rds:ModifyDBInstance on db; what watches was switched off by cloudtrail:StopLogging on main",
            ),
            (calls(0, 0), 0, None, stop.clone(), 0, " switched off what watches (cloudtrail:StopLogging on main)"),
            (calls(0, 0), 9, None, None, 0, " was refused 9 destructive calls within 1 s"),
            (
                calls(0, 0),
                9,
                None,
                stop,
                5,
                " was refused 9 destructive calls and switched off what watches (cloudtrail:StopLogging on main) within 5 s",
            ),
        ] {
            let told = Told {
                who: "arn:aws:iam::111111111111:role/agent",
                tool: "",
                starters: &[],
                destroyed: &destroyed,
                denied,
                protections_off,
                watchers_off,
                recreated: &[],
                zones: &[],
                regions: &[],
                first: Second(0),
                last: Second(seconds),
            };
            assert_eq!(sentence(&told), format!("role/agent{expected}"));
        }
    }

    #[test]
    fn of_many_starters_a_few_are_named() {
        let keys = |names: &[&str]| -> Vec<String> {
            names.iter().map(|name| format!("arn:aws:iam::111111111111:user/{name}")).collect()
        };
        for (starters, expected) in [
            (keys(&[]), ""),
            (keys(&["a", "b"]), "; set going by one of user/a, user/b"),
            (keys(&["a", "b", "c", "d"]), "; set going by one of user/a, user/b, user/c and 1 other"),
            (vec!["identity-center:u-1".to_owned()], "; set going by one of identity-center:u-1"),
        ] {
            assert_eq!(set_going(&starters), expected);
        }
    }
}
