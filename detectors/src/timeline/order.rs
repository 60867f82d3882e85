//! The one order of facts: event time in whole seconds, rank within the second, event id.

use std::hash::{Hash, Hasher};

use fnv::FnvHasher;
use serde::{Deserialize, Serialize};

use super::event_id::EventId;
use crate::event::{Effect, Event, Proof};
use crate::time::Second;

/// A fact's place in the order of facts; unique. Two copies of one event that differ have different `copy` words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FactKey {
    /// The event time.
    pub second: Second,
    /// The rank within the second: causes before effects, as far as their kind tells.
    pub rank: u8,
    /// The event id.
    pub id: EventId,
    /// Tells copies of one event apart that differ in time, action, identity or account.
    pub copy: u32,
}

impl Hash for FactKey {
    /// Few places share an id, so that the rest is not worth its time.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

/// The rank of links and starts: whoever acts was let in before, and what runs was set going.
const RANK_LINK: u8 = 0;
/// The rank of creates whose identifier the service assigned: nobody can name it before.
const RANK_CREATE_ASSIGNED: u8 = 1;
/// The rank of guards taken off.
const RANK_UNGUARD: u8 = 2;
/// The rank of destruction.
const RANK_DESTROY: u8 = 3;
/// The rank of all other creates, and of everything else.
const RANK_OTHER: u8 = 4;

impl FactKey {
    /// The place of an event.
    pub fn of(event: &Event) -> Self {
        Self { second: event.time, rank: rank(event), id: EventId::of(&event.id), copy: copy_of(event) }
    }

    /// The first place of a second.
    pub fn first_of(second: Second) -> Self {
        Self { second, rank: 0, id: EventId::NOTHING, copy: 0 }
    }
}

fn rank(event: &Event) -> u8 {
    match event.effect {
        _ if event.link.is_some() || event.start.is_some() => RANK_LINK,
        Effect::Create if event.resources.iter().any(|mention| mention.proof == Proof::ServerAssigned) => {
            RANK_CREATE_ASSIGNED
        }
        Effect::Unguard => RANK_UNGUARD,
        Effect::Destroy | Effect::Disrupt => RANK_DESTROY,
        _ => RANK_OTHER,
    }
}

/// A digest of what makes a copy differ. It is part of what is stored, so it stays as it is.
fn copy_of(event: &Event) -> u32 {
    let mut hasher = FnvHasher::default();
    hasher.write(&event.time.0.to_le_bytes());
    for part in [
        &event.service,
        &event.name,
        &event.account,
        &event.identity.principal_id,
        &event.identity.arn,
        &event.identity.access_key,
        &event.error_code,
    ] {
        hasher.write(part.as_bytes());
        hasher.write(&[0]);
    }
    let digest = hasher.finish();
    (digest ^ (digest >> 32)) as u32
}
