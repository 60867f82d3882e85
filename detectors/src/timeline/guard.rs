//! Protections taken off, and what keeps the record of what happens.

use std::sync::Arc;

use super::store::unguards;
use crate::event::{Event, Mention, Text};

/// Something that a fact took a protection off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unguarded {
    /// The resource's type; the action, `guardduty:DeleteDetector`, where the event names no resource.
    pub kind: Arc<str>,
    /// An identifier to show; empty where the event names no resource.
    pub id: Text,
    /// Whether what was protected watches others: once it is off, less is seen.
    pub guards_trail: bool,
}

/// Services that record what happens, or look at what is recorded, and of which the events name no resource.
const WATCHING: [&str; 4] = ["cloudtrail", "config", "guardduty", "securityhub"];

/// What a fact took a protection off.
pub(super) fn unguarded(event: &Event) -> Vec<Unguarded> {
    if !unguards(event) {
        return Vec::new();
    }
    if event.resources.is_empty() {
        let guards_trail = WATCHING.contains(&event.service.as_str());
        return vec![Unguarded { kind: event.action().into(), id: Text::default(), guards_trail }];
    }
    let of = |mention: &Mention| Unguarded {
        kind: mention.kind.as_str().into(),
        id: mention.aliases.first().cloned().unwrap_or_default(),
        guards_trail: mention.is_guard,
    };
    event.resources.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{destroyed, judged};
    use crate::testing::role;

    #[test]
    fn a_destruction_knows_the_protection_taken_off_before_it() {
        for (story, expected) in [
            ("00:50:00 agent unguard db prod id=u\n01:00:00 agent delete db prod", "u"),
            (
                "00:40:00 agent unguard db prod id=t\n00:50:00 other unguard db prod id=u\n01:00:00 agent delete db prod",
                "u",
            ),
            // In the same second, the guard goes first.
            ("01:00:00 agent delete db prod id=a\n01:00:00 agent unguard db prod id=u", "u"),
            ("01:00:01 agent unguard db prod id=u\n01:00:00 agent delete db prod", ""),
            ("00:00:00 agent unguard db prod id=u\n01:00:00 agent delete db prod", "u"),
            ("00:00:00 agent unguard db prod id=u\n01:00:01 agent delete db prod", ""),
            ("00:50:00 agent unguard db other id=u\n01:00:00 agent delete db prod", ""),
            // Of an earlier life.
            (
                "00:40:00 agent unguard db prod id=u
                 00:50:00 other delete db prod
                 00:55:00 other new db prod
                 01:00:00 agent delete db prod",
                "",
            ),
            ("00:50:00 agent unguard db prod id=u trust=no\n01:00:00 agent delete db prod", ""),
        ] {
            let timeline = judged(story);
            let found = destroyed(&timeline, &role("agent"));
            let at = found[0].unguarded_at.as_ref().map_or_else(String::new, |key| key.id.to_string());
            assert_eq!(at, expected, "{story}");
        }
    }

    #[test]
    fn an_entry_says_what_it_took_a_protection_off() {
        let timeline = judged("00:50:00 agent unguard trail main\n00:51:00 agent unguard db prod");
        let ledger = timeline.ledger(&role("agent")).expect("a ledger");
        let told: Vec<String> = ledger
            .entries()
            .iter()
            .flat_map(|held| &held.entry.unguarded)
            .map(|one| format!("{} {} {}", one.kind, one.id, one.guards_trail))
            .collect();
        assert_eq!(told, ["trail main true", "db prod false"]);
    }
}
