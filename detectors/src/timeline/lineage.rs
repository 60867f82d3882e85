//! Who answers for an event: its origin, as far as the links and starts known at that instant tell.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::order::FactKey;
use super::starts::{is_automated, start_of, starts_of};
use super::store::Store;
use crate::event::{Event, Identity, IdentityKind};
use crate::limits::{
    LINEAGE_DEPTH_MAX, NAMES_DEPTH_MAX, SHARED_LINKS_LOOKED_AT_MAX, SHARED_SESSION_SECONDS, STARTERS_LISTED_MAX,
    STARTS_DEPTH_MAX,
};

/// Who answers for an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The stable key under which windows are kept.
    pub key: Arc<str>,
    /// The IAM entity that made the call: a role or a user.
    pub entity: Arc<str>,
    /// The IAM entity at the start of the chain; the entity itself where there is no chain.
    pub origin: Arc<str>,
    /// Keys of those who set going what ran under the entity, where several did and nobody can tell whose work it is:
    /// then the entity answers. Sorted, without repeats, at most [`STARTERS_LISTED_MAX`].
    pub starters: Vec<Arc<str>>,
    /// Whether an AWS service acts by itself.
    pub is_aws_service: bool,
}

/// On whose behalf is looked: as of when, whether what is found may bear a pause, and how far has been gone already.
#[derive(Clone, Copy)]
struct Asking<'a> {
    as_of: &'a FactKey,
    may_pause: bool,
    links: usize,
    names: usize,
    starts: usize,
}

/// Who is behind an identity.
enum Behind {
    /// Nobody else, as far as is known for sure.
    Itself,
    /// Another: the key, and the IAM entity at the start of the chain.
    Other { key: String, origin: String },
    /// One of several: their keys.
    Several(BTreeSet<String>),
}

/// The actor of the event at a place, as of that place.
pub fn actor_of(store: &Store, key: &FactKey, event: &Event) -> Actor {
    actor_as(store, key, event, store.get(key).is_some_and(|fact| fact.may_pause))
}

/// The same, of an event of which it is known whether it may bear a pause.
pub(super) fn actor_as(store: &Store, key: &FactKey, event: &Event, may_pause: bool) -> Actor {
    let issuer = &event.identity.issuer_arn;
    // Most have one, and share its text.
    let entity: Arc<str> =
        if issuer.is_empty() { entity_of(&event.identity).into() } else { Arc::from(issuer.clone()) };
    let is_aws_service = event.identity.is_aws_service();
    let mut starters = Vec::new();
    let asking = Asking { as_of: key, may_pause, links: 0, names: 0, starts: 0 };
    let itself = || match event.identity.identity_center_user.as_str() {
        "" => Arc::clone(&entity),
        _ => own_key(&event.identity).into(),
    };
    let (key, origin) = match behind(store, asking, &event.identity) {
        Behind::Other { key, origin } => (key.into(), origin.into()),
        Behind::Itself => (itself(), Arc::clone(&entity)),
        Behind::Several(keys) => {
            starters = keys.into_iter().take(STARTERS_LISTED_MAX).map(Arc::from).collect();
            (itself(), Arc::clone(&entity))
        }
    };
    Actor { key, entity, origin, starters, is_aws_service }
}

/// The key of an identity that answers for itself: the Identity Center user behind it, else the entity.
fn own_key(identity: &Identity) -> String {
    match identity.identity_center_user.as_str() {
        "" => entity_of(identity).into_owned(),
        user => format!("identity-center:{user}"),
    }
}

/// The entity's ARN, or what comes closest where a record has none.
fn entity_of(identity: &Identity) -> Cow<'_, str> {
    let arn = identity.entity_arn();
    if !arn.is_empty() {
        return arn;
    }
    match identity.kind {
        IdentityKind::AwsService if !identity.invoked_by.is_empty() => format!("aws-service:{}", identity.invoked_by),
        _ if !identity.principal_id.is_empty() => format!("principal:{}", identity.principal_id),
        _ => format!("account:{}", identity.account),
    }
    .into()
}

/// Follows links and starts back to whoever began the chain.
fn behind(store: &Store, asking: Asking<'_>, identity: &Identity) -> Behind {
    if asking.links >= LINEAGE_DEPTH_MAX {
        return Behind::Itself;
    }
    match link_of(store, asking, identity) {
        Link::Unclear => Behind::Itself,
        Link::None => started(store, asking, identity, None),
        Link::At(link) => through(store, asking, &link, identity),
    }
}

/// Who is behind an identity that a known link let in.
fn through(store: &Store, asking: Asking<'_>, link: &FactKey, identity: &Identity) -> Behind {
    let Some(fact) = store.get(link) else { return Behind::Itself };
    let caller = &fact.event.identity;
    if caller.is_aws_service() {
        return started(store, asking, identity, Some(caller));
    }
    if caller.kind == IdentityKind::SamlUser && !caller.principal_id.is_empty() {
        // A person whom IAM does not know: pausing is up to the role that he came in by.
        return Behind::Other {
            key: format!("saml:{}", caller.principal_id),
            origin: entity_of(identity).into_owned(),
        };
    }
    if caller.entity_arn().is_empty() {
        return Behind::Itself;
    }
    let asking = Asking { as_of: link, links: asking.links + 1, ..asking };
    match behind(store, asking, caller) {
        Behind::Itself => Behind::Other { key: own_key(caller), origin: entity_of(caller).into_owned() },
        found => found,
    }
}

/// The starters of what AWS runs in a session.
fn started(store: &Store, asking: Asking<'_>, identity: &Identity, opened_by: Option<&Identity>) -> Behind {
    if !is_automated(identity, opened_by) {
        return Behind::Itself;
    }
    if let Some((as_of, event)) = start_of(store, identity, asking.as_of, asking.may_pause) {
        let asking = Asking { as_of, links: asking.links + 1, ..asking };
        return match behind(store, asking, &event.identity) {
            Behind::Itself if event.identity.is_aws_service() => Behind::Itself,
            Behind::Itself => {
                Behind::Other { key: own_key(&event.identity), origin: entity_of(&event.identity).into_owned() }
            }
            found => found,
        };
    }
    if asking.starts >= STARTS_DEPTH_MAX {
        return Behind::Itself;
    }
    let mut callers: BTreeMap<(&str, &str, &str), (&FactKey, &Identity)> = BTreeMap::new();
    for (key, event) in starts_of(store, identity, asking.as_of, asking.may_pause) {
        let caller = &event.identity;
        if !caller.is_aws_service() {
            let same = (caller.arn.as_str(), caller.principal_id.as_str(), caller.access_key.as_str());
            callers.entry(same).or_insert((key, caller));
        }
    }
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for (as_of, caller) in callers.into_values() {
        let asking = Asking { as_of, links: asking.links + 1, starts: asking.starts + 1, ..asking };
        match behind(store, asking, caller) {
            Behind::Itself => drop(found.insert(own_key(caller), entity_of(caller).into_owned())),
            Behind::Other { key, origin } => drop(found.insert(key, origin)),
            Behind::Several(keys) => found.extend(keys.into_iter().map(|key| (key, entity_of(caller).into_owned()))),
        }
    }
    match (found.len(), found.pop_first()) {
        (1, Some((key, origin))) => Behind::Other { key, origin },
        (_, Some((first, _))) => Behind::Several(found.into_keys().chain([first]).collect()),
        (_, None) => Behind::Itself,
    }
}

/// Whether a link is known that let an identity in.
enum Link {
    None,
    At(FactKey),
    /// Several, of different origins.
    Unclear,
}

/// The link that let this identity in: by its access key, which is unique, else by its session's name, which is not.
fn link_of(store: &Store, asking: Asking<'_>, identity: &Identity) -> Link {
    // A link that comes later than the call is not looked at: what happens after an instant never bears on it.
    let counts = |link: &&FactKey| *link < asking.as_of && store.is_heard(link, asking.may_pause);
    if !identity.access_key.is_empty()
        && let Some(link) = store.links_of_key(&identity.access_key).find(counts)
    {
        return Link::At(*link);
    }
    // A guess upon a guess upon a guess is none.
    if identity.session_name().is_empty() || asking.names >= NAMES_DEPTH_MAX {
        return Link::None;
    }
    let asking = Asking { names: asking.names + 1, ..asking };
    let since = asking.as_of.second.plus(-SHARED_SESSION_SECONDS);
    let links = store.links_of_session(&identity.principal_id).rev().take_while(|link| link.second >= since);
    let recent: Vec<&FactKey> = links.filter(counts).take(SHARED_LINKS_LOOKED_AT_MAX).collect();
    let origin = |link: &&FactKey| match store.get(link).map(|fact| &fact.event.identity) {
        // Whatever AWS runs in sessions of this name, no other origin can be told from it.
        Some(caller) if caller.is_aws_service() => String::new(),
        _ => match through(store, asking, link, identity) {
            Behind::Other { key, .. } => key,
            Behind::Itself => String::new(),
            Behind::Several(keys) => keys.into_iter().collect::<Vec<_>>().join("\n"),
        },
    };
    let origins: BTreeSet<String> = recent.iter().map(origin).collect();
    // Whoever picks another's session name must not be able to frame him.
    match recent.first() {
        Some(_) if origins.len() > 1 => Link::Unclear,
        Some(latest) => Link::At(*(*latest)),
        None => Link::None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::judged;

    /// The actor of the story's last delete and its origin.
    fn told(story: &str) -> String {
        let timeline = judged(story);
        let entries = timeline.ledgers().flat_map(|(_, ledger)| ledger.entries().iter());
        let destroying = entries.filter(|held| !held.entry.destroyed.is_empty());
        let last = &destroying.max_by_key(|held| &held.key).expect("one").entry;
        format!("{} < {}", last.actor.entity, last.actor.key).replace("arn:aws:iam::111111111111:", "")
    }

    #[test]
    fn the_chain_is_followed_to_its_origin() {
        for (story, expected) in [
            (
                // Three roles; the middle session is known by its key alone.
                "00:00:00 @alice assume one gives=K1 session=a
                 00:01:00 one assume two key=K1 session=a gives=K2
                 00:02:00 two assume three key=K2 session=elsewhere gives=K3
                 01:00:00 three delete db prod key=K3 session=c",
                "role/three < user/alice",
            ),
            (
                // The same, by session names alone.
                "00:00:00 @alice assume one session=a
                 00:01:00 one assume two session=a
                 00:02:00 two assume three session=a
                 01:00:00 three delete db prod session=a",
                "role/three < user/alice",
            ),
            // The links arrive after what they let in, the outer one last.
            (
                "01:00:00 three delete db prod key=K3 session=c
                 00:02:00 two assume three key=K2 session=b gives=K3
                 00:01:00 one assume two key=K1 session=a gives=K2
                 00:00:00 @alice assume one gives=K1 session=a",
                "role/three < user/alice",
            ),
            // A session that assumes its own role again is still the same person's.
            (
                "00:00:00 @alice assume ops gives=K1 session=a
                 00:01:00 ops assume ops key=K1 session=a gives=K2 
                 01:00:00 ops delete db prod key=K2 session=a",
                "role/ops < user/alice",
            ),
            (
                "00:00:00 admin assume ops center=u-1 gives=K1 session=a\n01:00:00 ops delete db prod key=K1 session=a",
                "role/ops < identity-center:u-1",
            ),
            (
                "00:00:00 +anna assume ops gives=K1 session=a\n01:00:00 ops delete db prod key=K1 session=a",
                "role/ops < saml:idp:anna",
            ),
            // Temporary keys of a user are the user's.
            (
                "00:00:00 @alice assume nobody gives=K1 session=a\n01:00:00 @alice delete db prod key=K1",
                "user/alice < user/alice",
            ),
            // What comes through a service with the caller's own credentials is the caller's.
            ("01:00:00 @alice delete db prod by=cloudformation", "user/alice < user/alice"),
        ] {
            assert_eq!(told(story), expected, "{story}");
        }
    }

    #[test]
    fn the_origin_of_a_saml_user_is_the_role_by_which_he_came_in() {
        let timeline = judged(
            "00:00:00 +anna assume one gives=K1 session=a
             00:01:00 one assume two key=K1 session=a gives=K2
             01:00:00 two delete db prod key=K2 session=b",
        );
        let ledger = timeline.ledger("saml:idp:anna").expect("a ledger");
        let entry = &ledger.entries().iter().last().expect("one").entry;
        assert!(entry.actor.origin.ends_with("role/one"), "{:?}", entry.actor);
        assert!(entry.actor.entity.ends_with("role/two"), "{:?}", entry.actor);
    }
}
