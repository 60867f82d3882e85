//! Protections taken off, and what keeps the record of what happens.

use std::sync::Arc;

use super::store::unguards;
use crate::event::{Event, Mention};

/// Something that a fact took a protection off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unguarded {
    /// The resource's type; the action, `guardduty:DeleteDetector`, where the event names no resource.
    pub kind: Arc<str>,
    /// An identifier to show; empty where the event names no resource.
    pub id: String,
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
        return vec![Unguarded { kind: event.action().into(), id: String::new(), guards_trail }];
    }
    let of = |mention: &Mention| Unguarded {
        kind: mention.kind.as_str().into(),
        id: mention.aliases.first().cloned().unwrap_or_default(),
        guards_trail: mention.is_guard,
    };
    event.resources.iter().map(of).collect()
}
