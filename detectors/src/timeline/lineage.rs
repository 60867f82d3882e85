//! Who answers for an event: its origin, as far as the links known at that instant tell.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::order::FactKey;
use super::store::Store;
use crate::event::{Event, Identity, IdentityKind};
use crate::limits::{LINEAGE_DEPTH_MAX, SHARED_SESSION_SECONDS};

/// Who answers for an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The stable key under which windows are kept.
    pub key: Arc<str>,
    /// The IAM entity that made the call: a role or a user.
    pub entity: Arc<str>,
    /// The IAM entity at the start of the chain; the entity itself where there is no chain.
    pub origin: Arc<str>,
    /// Whether an AWS service acts by itself.
    pub is_aws_service: bool,
}

/// On whose behalf is looked: as of when, and whether what is found may bear a pause.
#[derive(Clone, Copy)]
struct Asking<'a> {
    as_of: &'a FactKey,
    may_pause: bool,
}

/// The actor of the event at a place, as of that place.
pub fn actor_of(store: &Store, key: &FactKey, event: &Event) -> Actor {
    let entity = entity_of(&event.identity);
    let is_aws_service = event.identity.is_aws_service();
    let may_pause = store.get(key).is_some_and(|fact| fact.may_pause);
    let origin = origin_of(store, Asking { as_of: key, may_pause }, &event.identity, 0);
    let (actor, origin) = match origin {
        Some(identity) => {
            let origin = entity_of(&identity);
            (person_of(&identity).unwrap_or_else(|| origin.clone()), origin)
        }
        None => (person_of(&event.identity).unwrap_or_else(|| entity.clone()), entity.clone()),
    };
    Actor { key: actor.into(), entity: entity.into(), origin: origin.into(), is_aws_service }
}

/// The Identity Center user behind an identity.
fn person_of(identity: &Identity) -> Option<String> {
    (!identity.identity_center_user.is_empty()).then(|| format!("identity-center:{}", identity.identity_center_user))
}

/// The entity's ARN, or what comes closest where a record has none.
fn entity_of(identity: &Identity) -> String {
    let arn = identity.entity_arn();
    if !arn.is_empty() {
        return arn;
    }
    match identity.kind {
        IdentityKind::AwsService if !identity.invoked_by.is_empty() => format!("aws-service:{}", identity.invoked_by),
        _ if !identity.principal_id.is_empty() => format!("principal:{}", identity.principal_id),
        _ => format!("account:{}", identity.account),
    }
}

/// Follows the links back to the identity that began the chain; nothing if no link is known or it leads nowhere.
fn origin_of(store: &Store, asking: Asking<'_>, identity: &Identity, depth: usize) -> Option<Identity> {
    if depth >= LINEAGE_DEPTH_MAX {
        return None;
    }
    let link = link_of(store, asking, identity, depth)?;
    begun_by(store, asking, &link, depth)
}

/// The identity at the start of the chain that a link belongs to.
fn begun_by(store: &Store, asking: Asking<'_>, link: &FactKey, depth: usize) -> Option<Identity> {
    let caller = &store.get(link)?.event.identity;
    if caller.is_aws_service() || caller.entity_arn().is_empty() {
        return None;
    }
    let asking = Asking { as_of: link, ..asking };
    Some(origin_of(store, asking, caller, depth + 1).unwrap_or_else(|| caller.clone()))
}

/// The link that let this identity in: by its access key, which is unique, else by its session's name, which is not.
fn link_of(store: &Store, asking: Asking<'_>, identity: &Identity, depth: usize) -> Option<FactKey> {
    // A link that comes later than the call is not looked at: what happens after an instant never bears on it. Nor does
    // one that may not bear a pause, where the call may: it could be forged.
    let counts = |link: &&FactKey| {
        *link < asking.as_of
            && store.get(link).is_some_and(|fact| {
                fact.may_pause >= asking.may_pause && !store.is_shadowed(link, &fact.event, asking.may_pause)
            })
    };
    if !identity.access_key.is_empty()
        && let Some(link) = store.links_of_key(&identity.access_key).find(counts)
    {
        return Some(link.clone());
    }
    if identity.principal_id.is_empty() || identity.session_name().is_empty() {
        return None;
    }
    let since = asking.as_of.second.plus(-SHARED_SESSION_SECONDS);
    let links = store.links_of_session(&identity.principal_id).filter(counts);
    let recent: Vec<&FactKey> = links.filter(|link| link.second >= since).collect();
    let origins: BTreeSet<String> = recent
        .iter()
        .map(|link| begun_by(store, asking, link, depth).map_or_else(String::new, |origin| entity_of(&origin)))
        .collect();
    // Whoever picks another's session name must not be able to frame him.
    if origins.len() > 1 { None } else { recent.last().map(|link| (*link).clone()) }
}
