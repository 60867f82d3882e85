//! Protections taken off, and what keeps the record of what happens.

use std::sync::Arc;

use super::store::unguards;
use crate::event::Event;

/// Something that a fact took a protection off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unguarded {
    /// The resource's type; the action, `guardduty:DeleteDetector`, where the event names no resource.
    pub kind: Arc<str>,
    /// An identifier to show; empty where the event names no resource.
    pub id: String,
    /// Whether what was protected is the record of what happens.
    pub guards_trail: bool,
}

/// Services that record what happens in an account, or look at what is recorded.
const RECORDING: [&str; 4] = ["cloudtrail", "config", "guardduty", "securityhub"];

/// Types that record what happens, whatever the service that destroys them.
const RECORDS: [&str; 3] = ["AWS::CloudTrail::Trail", "AWS::CloudTrail::EventDataStore", "AWS::EC2::FlowLog"];

/// Whether something of this type, that an event takes away or takes a protection off, keeps the record of what happens.
pub(super) fn guards_trail(event: &Event, kind: &str) -> bool {
    RECORDING.contains(&event.service.as_str()) || RECORDS.contains(&kind)
}

/// What a fact took a protection off.
pub(super) fn unguarded(event: &Event) -> Vec<Unguarded> {
    if !unguards(event) {
        return Vec::new();
    }
    let of = |kind: &str, id: &str| Unguarded {
        kind: kind.into(),
        id: id.to_owned(),
        guards_trail: guards_trail(event, kind),
    };
    if event.resources.is_empty() {
        return vec![of(&event.action(), "")];
    }
    let first = |aliases: &[String]| aliases.first().cloned().unwrap_or_default();
    event.resources.iter().map(|mention| of(&mention.kind, &first(&mention.aliases))).collect()
}
