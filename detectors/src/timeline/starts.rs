//! Who set a stack's operation or an automation going: what these do under a role is charged to their starters.

use std::collections::BTreeSet;

use super::order::FactKey;
use super::index::Index;
use super::store::Store;
use crate::event::{Event, Identity, IdentityKind, RunsAs, Start};
use crate::limits::{STARTED_SECONDS_MAX, STARTS_LOOKED_AT_MAX};

/// How AWS names the sessions in which it runs a stack's operation.
const STACK_SESSION: &str = "AWSCloudFormation";
/// How it names those of an automation, before the automation's id.
const AUTOMATION_SESSION: &str = "Automation-";

/// Where starts are found, and the calls that may be charged to them.
#[derive(Debug, Default)]
pub(super) struct Starts {
    by_role: Index,
    by_target: Index,
    /// Starts that name no role, by account.
    remembering: Index,
    /// Calls of sessions that are named like AWS's own, by role, and by the automation that the session is named after.
    automated: Index,
}

impl Starts {
    /// Adds a fact, or takes it out.
    pub(super) fn index(&mut self, key: &FactKey, event: &Event, add: bool) {
        if is_named_like_automation(&event.identity) {
            self.automated.change(&event.identity.issuer_arn, key, add);
            if let Some(id) = automation(&event.identity) {
                self.automated.change(id, key, add);
            }
        }
        let Some(start) = &event.start else { return };
        for target in &start.targets {
            self.by_target.change(&target_word(event, target), key, add);
        }
        match &start.runs_as {
            RunsAs::Role(role) => self.by_role.change(role, key, add),
            RunsAs::Remembered => self.remembering.change(&event.account, key, add),
            RunsAs::Caller => {}
        }
    }

    /// Calls that a start may bear on: those after it of every role that it, or another start for its targets, names.
    pub(super) fn borne_on(&self, store: &Store, at: &FactKey, event: &Event) -> BTreeSet<FactKey> {
        let Some(start) = &event.start else { return BTreeSet::new() };
        let others = self.sharing_target(event, start).filter_map(|key| store.get(key)?.event.start.as_ref());
        let roles: BTreeSet<&String> = others
            .chain([start])
            .filter_map(|start| match &start.runs_as {
                RunsAs::Role(role) => Some(role),
                RunsAs::Remembered | RunsAs::Caller => None,
            })
            .collect();
        let calls = roles.into_iter().chain(&start.targets).flat_map(|word| self.automated.get(word));
        calls.filter(|call| *call > at).cloned().collect()
    }

    fn sharing_target<'a>(&'a self, event: &'a Event, start: &'a Start) -> impl Iterator<Item = &'a FactKey> {
        start.targets.iter().flat_map(|target| self.by_target.get(&target_word(event, target)))
    }
}

/// A stack is known by its name within its account and region; the id of an automation is one of its own.
fn target_word(event: &Event, target: &str) -> String {
    match event.service.as_str() {
        "ssm" => format!("ssm\n{target}"),
        service => format!("{service}\n{}\n{}\n{target}", event.account, event.region),
    }
}

/// The id of the automation that a session is named after.
fn automation(identity: &Identity) -> Option<&str> {
    identity.session_name().strip_prefix(AUTOMATION_SESSION)
}

/// Whether a session has a name that AWS gives to those in which it runs stacks and automations. Anybody may pick such a
/// name, so it proves nothing by itself.
fn is_named_like_automation(identity: &Identity) -> bool {
    let name = identity.session_name();
    identity.kind == IdentityKind::AssumedRole
        && !identity.issuer_arn.is_empty()
        && (name == STACK_SESSION || name.starts_with(AUTOMATION_SESSION))
}

/// Whether AWS itself runs a session: by its name, and by the service that calls, or that opened it.
pub(super) fn is_automated(identity: &Identity, opened_by: Option<&Identity>) -> bool {
    let service = if identity.session_name() == STACK_SESSION { "cloudformation" } else { "ssm" };
    let is_service = |invoked_by: &str| invoked_by.strip_suffix(".amazonaws.com") == Some(service);
    is_named_like_automation(identity)
        && match opened_by {
            Some(opener) => opener.is_aws_service() && (opener.invoked_by.is_empty() || is_service(&opener.invoked_by)),
            None => is_service(&identity.invoked_by),
        }
}

/// The call that started the very automation that a session is named after, as of a place. AWS chose that name.
pub(super) fn start_of<'a>(
    store: &'a Store,
    identity: &Identity,
    as_of: &FactKey,
    may_pause: bool,
) -> Option<(&'a FactKey, &'a Event)> {
    let keys = store.starts().by_target.before(&format!("ssm\n{}", automation(identity)?), as_of);
    let mut starts = keys.iter().rev().filter_map(|key| began(store, key, may_pause));
    starts.find(|(_, event)| match event.start.as_ref().map(|start| &start.runs_as) {
        Some(RunsAs::Role(role)) => *role == identity.issuer_arn,
        _ => event.account == account_of(&identity.issuer_arn),
    })
}

/// The calls that set going what runs in an automated session as of a place: the latest, and at most so many.
pub(super) fn starts_of<'a>(
    store: &'a Store,
    identity: &Identity,
    as_of: &FactKey,
    may_pause: bool,
) -> Vec<(&'a FactKey, &'a Event)> {
    let starts = store.starts();
    let role = &identity.issuer_arn;
    let since = FactKey::first_of(as_of.second.plus(-STARTED_SECONDS_MAX));
    // A nested stack is begun by the session of the stack around it, which has the same starters.
    let is_own = |event: &Event| event.identity.issuer_arn == *role && is_named_like_automation(&event.identity);
    let recent = |keys: &'a [FactKey]| {
        let latest = keys.iter().rev().take(STARTS_LOOKED_AT_MAX);
        latest.filter_map(|key| began(store, key, may_pause)).filter(|(_, event)| !is_own(event))
    };
    let given = recent(starts.by_role.between(role, &since, as_of));
    let remembering = recent(starts.remembering.between(account_of(role), &since, as_of));
    let remembered = remembering.filter(|(key, event)| remembered_role(store, key, event, may_pause) == Some(role));
    given.chain(remembered).collect()
}

/// A call that set something going, if it is heard.
fn began<'a>(store: &'a Store, key: &'a FactKey, may_pause: bool) -> Option<(&'a FactKey, &'a Event)> {
    let event = &store.get(key)?.event;
    let begins = event.start.as_ref().is_some_and(|start| start.begins);
    (begins && store.is_heard(key, may_pause)).then_some((key, event))
}

fn account_of(role: &str) -> &str {
    role.split(':').nth(4).unwrap_or_default()
}

/// The role that the latest earlier call for the same target gave.
fn remembered_role<'a>(store: &'a Store, key: &FactKey, event: &Event, may_pause: bool) -> Option<&'a String> {
    let start = event.start.as_ref()?;
    let sets = |earlier: &FactKey| {
        let runs_as = &store.get(earlier)?.event.start.as_ref()?.runs_as;
        (*runs_as != RunsAs::Remembered && store.is_heard(earlier, may_pause)).then_some(runs_as)
    };
    let latest_for = |target: &String| {
        let keys = store.starts().by_target.before(&target_word(event, target), key);
        keys.iter().rev().find_map(|earlier| Some((earlier, sets(earlier)?)))
    };
    match start.targets.iter().filter_map(latest_for).max_by_key(|(earlier, _)| *earlier)? {
        (_, RunsAs::Role(role)) => Some(role),
        _ => None,
    }
}
