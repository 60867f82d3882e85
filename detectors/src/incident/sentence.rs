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
    /// Protections of trails that went off.
    pub trails_lost: u64,
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
    let within = format!(" within {}", duration(told.last.0.saturating_sub(told.first.0)));
    if told.destroyed.resources == 0 {
        let refused = (told.denied > 0).then(|| format!("was refused {}", counted(told.denied, "destructive call")));
        let lost = (told.trails_lost > 0).then(|| "switched off what guards a trail".to_owned());
        let all: Vec<String> = refused.into_iter().chain(lost).collect();
        return format!("{text} {}{within}{}", all.join(" and "), set_going(told.starters));
    }
    text.push_str(&format!(" destroyed {} ({})", counted(told.destroyed.resources, "resource"), named.join(", ")));
    match (told.zones.len(), told.regions) {
        (zones, _) if zones > 1 => text.push_str(&format!(" in {zones} zones")),
        (_, [region]) => text.push_str(&format!(" in {region}")),
        (_, regions) => text.push_str(&format!(" in {} regions", regions.len())),
    }
    text.push_str(&within);
    if !told.recreated.is_empty() {
        text.push_str(&format!(", and {} of them came back", told.recreated.len()));
    }
    if told.destroyed.own > 0 {
        text.push_str(&format!(" ({} had been made by the same principal)", told.destroyed.own));
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
