//! What switched off the protections of an episode: which call, on what.

use std::collections::BTreeMap;

use super::Episode;
use crate::timeline::{FactKey, Ledger, Store};

/// Actions named in the sentence.
const ACTIONS_NAMED: usize = 2;
/// Resources named of each action.
const RESOURCES_NAMED: usize = 2;
/// Characters of a resource's name.
const NAME_CHARACTERS_MAX: usize = 64;

/// One protection that a call switched off, or something that watched and is gone.
pub(super) struct SwitchedOff {
    /// The call.
    pub fact: FactKey,
    /// Its action.
    action: String,
    /// What it was done to; empty where the call names nothing.
    on: String,
}

impl SwitchedOff {
    /// Nothing, if the call is forgotten.
    pub(super) fn by(store: &Store, fact: &FactKey, on: &str) -> Option<Self> {
        let action = store.get(fact)?.event.action();
        Some(Self { fact: *fact, action, on: on.to_owned() })
    }
}

/// The calls of an episode by which less is seen: what watches others was switched off, or destroyed; in fact order.
pub(super) fn watchers(store: &Store, ledger: &Ledger, key: &str, episode: &Episode) -> Vec<SwitchedOff> {
    let losing =
        ledger.between(key, episode.is_whole, &episode.from, &episode.to).filter(|held| held.entry.loses_trail());
    let off = losing.flat_map(|held| {
        let unguarded = held.entry.unguarded.iter().filter(|one| one.guards_trail).map(|one| one.id.as_str());
        let destroyed = held.entry.destroyed.iter().filter(|one| one.guards_trail).map(|one| one.id.as_str());
        unguarded.chain(destroyed).filter_map(|on| SwitchedOff::by(store, &held.key, on))
    });
    off.collect()
}

/// `rds:ModifyDBInstance on orders, users and 3 others, ec2:ModifyInstanceAttribute on i-1`; nothing for nothing.
pub(super) fn named(all: &[SwitchedOff]) -> Option<String> {
    let mut actions: Vec<&str> = Vec::new();
    let mut resources: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for SwitchedOff { action, on, .. } in all {
        let of_action = resources.entry(action).or_insert_with(|| {
            actions.push(action);
            Vec::new()
        });
        let name = short(on);
        if !name.is_empty() && !of_action.contains(&name) {
            of_action.push(name);
        }
    }
    let named = actions.iter().take(ACTIONS_NAMED).map(|action| {
        let on = resources.get(action).map(Vec::as_slice).unwrap_or_default();
        let names: Vec<String> = on.iter().take(RESOURCES_NAMED).map(|name| cut(name)).collect();
        match on.len().saturating_sub(RESOURCES_NAMED) {
            _ if names.is_empty() => (*action).to_owned(),
            0 => format!("{action} on {}", names.join(", ")),
            others => format!("{action} on {} and {}", names.join(", "), super::counted(others as u64, "other")),
        }
    });
    let mut named: Vec<String> = named.collect();
    if actions.len() > ACTIONS_NAMED {
        named.push("others".to_owned());
    }
    (!named.is_empty()).then(|| named.join(", "))
}

/// Of an ARN, what comes last tells which resource it is.
fn short(name: &str) -> &str {
    if name.starts_with("arn:") { name.splitn(6, ':').nth(5).unwrap_or(name) } else { name }
}

fn cut(name: &str) -> String {
    if name.chars().count() <= NAME_CHARACTERS_MAX {
        return name.to_owned();
    }
    name.chars().take(NAME_CHARACTERS_MAX - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Second;

    #[test]
    fn a_few_actions_are_named_with_a_few_of_their_resources() {
        let long = "x".repeat(100);
        let cut = format!("a:B on {}…", "x".repeat(63));
        for (calls, expected) in [
            (vec![], None),
            (vec![("cloudtrail:StopLogging", "main")], Some("cloudtrail:StopLogging on main")),
            (
                vec![("cloudtrail:StopLogging", "arn:aws:cloudtrail:eu-west-1:111111111111:trail/main")],
                Some("cloudtrail:StopLogging on trail/main"),
            ),
            (vec![("guardduty:UpdateDetector", "")], Some("guardduty:UpdateDetector")),
            (vec![("a:B", "1"), ("a:B", "1"), ("a:B", "2")], Some("a:B on 1, 2")),
            (vec![("a:B", "1"), ("a:B", "2"), ("a:B", "3")], Some("a:B on 1, 2 and 1 other")),
            (vec![("c:D", "1"), ("a:B", "2"), ("c:D", "3")], Some("c:D on 1, 3, a:B on 2")),
            (vec![("c:D", "1"), ("a:B", "2"), ("e:F", "3"), ("g:H", "4")], Some("c:D on 1, a:B on 2, others")),
            (vec![("a:B", long.as_str())], Some(cut.as_str())),
        ] {
            let fact = FactKey::first_of(Second(0));
            let off =
                |(action, on): &(&str, &str)| SwitchedOff { fact, action: (*action).to_owned(), on: (*on).to_owned() };
            let all: Vec<SwitchedOff> = calls.iter().map(off).collect();
            assert_eq!(named(&all).as_deref(), expected, "{calls:?}");
        }
    }
}
