//! Who set a stack's operation or an automation going: what these do under a role is charged to their starters.

use std::collections::BTreeSet;

use super::index::{Index, Word};
use super::order::FactKey;
use super::store::Store;
use crate::event::{Event, Identity, IdentityKind, RunsAs, Start, Text};
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
            self.automated.change(Word::of(&[&event.identity.issuer_arn]), key, add);
            if let Some(id) = automation(&event.identity) {
                self.automated.change(Word::of(&[id]), key, add);
            }
        }
        let Some(start) = &event.start else { return };
        for target in &start.targets {
            self.by_target.change(target_word(event, target), key, add);
        }
        match &start.runs_as {
            RunsAs::Role(role) => self.by_role.change(Word::of(&[role]), key, add),
            RunsAs::Remembered => self.remembering.change(Word::of(&[&event.account]), key, add),
            RunsAs::Caller => {}
        }
    }

    /// Calls that a start may bear on: those after it of every role that it, or another start for its targets, names.
    pub(super) fn borne_on(&self, store: &Store, at: &FactKey, event: &Event) -> BTreeSet<FactKey> {
        let Some(start) = &event.start else { return BTreeSet::new() };
        let others = self.sharing_target(event, start).filter_map(|key| store.get(key)?.event.start.as_ref());
        let roles: BTreeSet<&Text> = others
            .chain([start])
            .filter_map(|start| match &start.runs_as {
                RunsAs::Role(role) => Some(role),
                RunsAs::Remembered | RunsAs::Caller => None,
            })
            .collect();
        let calls = roles.into_iter().chain(&start.targets).flat_map(|word| self.automated.get(Word::of(&[word])));
        calls.filter(|call| *call > at).copied().collect()
    }

    fn sharing_target<'a>(&'a self, event: &'a Event, start: &'a Start) -> impl Iterator<Item = &'a FactKey> {
        start.targets.iter().flat_map(|target| self.by_target.get(target_word(event, target)))
    }
}

/// A stack is known by its name within its account and region; the id of an automation is one of its own.
fn target_word(event: &Event, target: &str) -> Word {
    match event.service.as_str() {
        "ssm" => Word::of(&["ssm", target]),
        service => Word::of(&[service, &event.account, &event.region, target]),
    }
}

/// Whether two calls are about a target of this name in the same place.
fn share_target(one: &Event, other: &Event, target: &Text) -> bool {
    let is_same_place = one.service == "ssm" || (one.account == other.account && one.region == other.region);
    one.service == other.service
        && is_same_place
        && [one, other].iter().all(|event| event.start.as_ref().is_some_and(|start| start.targets.contains(target)))
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
    let id = automation(identity)?;
    let keys = store.starts().by_target.before(Word::of(&["ssm", id]), as_of);
    let starts = keys.iter().rev().filter_map(|key| began(store, key, may_pause));
    let is_of_it = |event: &Event| {
        event.service == "ssm" && event.start.as_ref().is_some_and(|start| start.targets.iter().any(|one| one == id))
    };
    starts.filter(|(_, event)| is_of_it(event)).find(|(_, event)| {
        match event.start.as_ref().map(|start| &start.runs_as) {
            Some(RunsAs::Role(role)) => *role == identity.issuer_arn,
            _ => event.account == account_of(&identity.issuer_arn),
        }
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
    let gives = |event: &Event| event.start.as_ref().is_some_and(|start| start.runs_as == RunsAs::Role(role.clone()));
    let given = recent(starts.by_role.between(Word::of(&[role]), &since, as_of)).filter(|(_, event)| gives(event));
    let account = account_of(role);
    let remembering = recent(starts.remembering.between(Word::of(&[account]), &since, as_of));
    let remembered = remembering
        .filter(|(key, event)| event.account == account && remembered_role(store, key, event, may_pause) == Some(role));
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
fn remembered_role<'a>(store: &'a Store, key: &FactKey, event: &Event, may_pause: bool) -> Option<&'a Text> {
    let start = event.start.as_ref()?;
    let sets = |earlier: &FactKey, target: &Text| {
        let earlier_event = &store.get(earlier)?.event;
        let runs_as = &earlier_event.start.as_ref().filter(|_| share_target(event, earlier_event, target))?.runs_as;
        (*runs_as != RunsAs::Remembered && store.is_heard(earlier, may_pause)).then_some(runs_as)
    };
    let latest_for = |target: &Text| {
        let keys = store.starts().by_target.before(target_word(event, target), key);
        keys.iter().rev().find_map(|earlier| Some((earlier, sets(earlier, target)?)))
    };
    match start.targets.iter().filter_map(latest_for).max_by_key(|(earlier, _)| *earlier)? {
        (_, RunsAs::Role(role)) => Some(role),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::judged;
    use crate::testing::role;

    /// The actor of the last line's delete, its origin, and the starters listed.
    fn told(story: &str) -> String {
        let timeline = judged(story);
        let entries = timeline.ledgers().flat_map(|(_, ledger)| ledger.entries().iter());
        let destroying = entries.filter(|held| !held.entry.destroyed.is_empty());
        let last = &destroying.max_by_key(|held| &held.key).expect("one").entry;
        let short = |arn: &str| arn.rsplit([':']).next().unwrap_or_default().to_owned();
        let actor = &last.actor;
        assert_eq!(actor.entity, role("cfn"), "the role that is paused");
        let starters: Vec<String> = actor.starters.iter().map(|key| short(key)).collect();
        format!("{} {} [{}]", short(&actor.key), short(&actor.origin), starters.join(" "))
    }

    const DELETE: &str = "10:00:00 cfn delete db prod session=AWSCloudFormation by=cloudformation";
    const ALICE: &str = "user/alice user/alice []";
    const ITSELF: &str = "role/cfn role/cfn []";

    #[test]
    fn what_a_stacks_role_destroys_is_charged_to_whoever_started_it() {
        for (starts, expected) in [
            ("09:59:00 @alice start shop role=cfn", ALICE),
            // The role is remembered from the stack's create, or from a change set; the latest counts.
            ("01:00:00 @bob start shop role=cfn fresh=yes\n09:59:00 @alice start shop", ALICE),
            (
                "01:00:00 @bob start shop role=other\n09:58:00 @bob prepare shop role=cfn\n09:59:00 @alice start shop",
                ALICE,
            ),
            (
                "01:00:00 @bob start shop role=cfn\n09:58:00 @bob prepare shop role=other\n09:59:00 @alice start shop",
                ITSELF,
            ),
            // A stack that is made anew remembers nothing of one before it.
            (
                "01:00:00 @bob start shop role=cfn\n03:00:00 @bob start shop fresh=yes\n09:59:00 @alice start shop",
                ITSELF,
            ),
            // Whoever only prepares starts nothing; nor does a start of another stack, of another role, or too long ago.
            ("09:59:00 @alice prepare shop role=cfn", ITSELF),
            ("01:00:00 @bob start shop role=cfn\n09:59:00 @alice start other", ITSELF),
            ("09:59:00 @alice start shop role=other", ITSELF),
            ("03:59:59 @alice start shop role=cfn", ITSELF),
            ("10:00:01 @alice start shop role=cfn", ITSELF),
            // The same second is soon enough.
            ("10:00:00 @alice start shop role=cfn id=zzz", ALICE),
            // Several: the role answers, and they are listed.
            (
                "09:00:00 @bob start a role=cfn\n09:59:00 @alice start b role=cfn",
                "role/cfn role/cfn [user/alice user/bob]",
            ),
            ("09:00:00 @alice start a role=cfn\n09:59:00 @alice start b role=cfn", ALICE),
            // A stack within a stack has the outer one's starter.
            (
                "09:58:00 @alice start outer role=cfn
                 09:59:00 cfn start inner role=cfn session=AWSCloudFormation by=cloudformation",
                ALICE,
            ),
            // A pipeline's role starts it; who is behind that one answers.
            ("09:50:00 @alice assume deploy gives=K1\n09:59:00 deploy start shop role=cfn key=K1", ALICE),
            (
                "09:58:00 @alice start outer role=mid\n09:59:00 mid start shop role=cfn session=AWSCloudFormation by=cloudformation",
                ALICE,
            ),
            ("09:59:00 service start shop role=cfn", ITSELF),
            // Another account's stack of the same name.
            ("01:00:00 @bob start shop role=cfn account=222222222222\n09:59:00 @alice start shop", ITSELF),
            // What could be forged charges nobody whose pause it would be.
            ("09:59:00 @alice start shop role=cfn trust=no", ITSELF),
        ] {
            assert_eq!(told(&format!("{starts}\n{DELETE}")), expected, "{starts}");
        }
    }

    /// Sessions of the role that others opened, or that only have the name, are nobody's but their own.
    #[test]
    fn only_sessions_that_aws_runs_have_starters() {
        let start = "09:00:00 @alice start shop role=cfn";
        for (rest, expected) in [
            ("10:00:00 cfn delete db prod session=AWSCloudFormation", ITSELF),
            ("10:00:00 cfn delete db prod session=mine by=cloudformation", ITSELF),
            ("10:00:00 cfn delete db prod session=AWSCloudFormation by=ssm", ITSELF),
            // AWS opened the session, though the call does not say who made it.
            (
                "09:59:00 service assume cfn gives=K1 session=AWSCloudFormation
                 10:00:00 cfn delete db prod session=AWSCloudFormation key=K1",
                ALICE,
            ),
            (
                "09:59:00 @mallory assume cfn gives=K1 session=AWSCloudFormation
                 10:00:00 cfn delete db prod session=AWSCloudFormation key=K1 by=cloudformation",
                "user/mallory user/mallory []",
            ),
            // He may have been it, or not: then the role answers.
            (
                "09:58:00 service assume cfn gives=K1 session=AWSCloudFormation
                 09:59:00 @mallory assume cfn gives=K2 session=AWSCloudFormation
                 10:00:00 cfn delete db prod session=AWSCloudFormation by=cloudformation",
                ITSELF,
            ),
        ] {
            assert_eq!(told(&format!("{start}\n{rest}")), expected, "{rest}");
        }
    }

    #[test]
    fn an_automation_is_charged_to_whoever_started_that_one() {
        let start = "09:00:00 @bob start x role=cfn automation=2\n09:01:00 @alice start x role=cfn automation=1";
        for (session, expected) in [
            ("Automation-1", ALICE),
            ("Automation-2", "user/bob user/bob []"),
            ("Automation-3", "role/cfn role/cfn [user/alice user/bob]"),
        ] {
            let delete = format!("10:00:00 cfn delete db prod session={session} by=ssm");
            assert_eq!(told(&format!("{start}\n{delete}")), expected, "{session}");
        }
        let child = "09:02:00 cfn start x automation=4 session=Automation-1 by=ssm";
        let delete = "10:00:00 cfn delete db prod session=Automation-4 by=ssm";
        assert_eq!(told(&format!("{start}\n{child}\n{delete}")), ALICE, "an automation within an automation");
    }
}
