//! One record: an event, something that bears on nothing, or a reject.

use std::sync::Arc;

use super::RejectReason;
use super::changed;
use super::dialect::{cut, each, subnet_zones, unwrapped};
use super::identity::Identities;
use super::node::{NULL, Node};
use super::parts::{NotPlain, Part, Parts};
use super::reach::{add_groups, reach};
use super::resource::{Call, Found, unnamed};
use super::start::{may_start, start};
use crate::catalog::{Catalog, Kind, Known, is_surely_a_read, unversioned};
use crate::event::{Effect, Event, Identity, Link, Mention, Outcome, Text};
use crate::limits::{EVENT_TIME_MIN, FUTURE_SECONDS_MAX};
use crate::time::{Millis, Second};

impl From<NotPlain> for RejectReason {
    fn from(_: NotPlain) -> Self {
        Self::BadField
    }
}

/// Reads a record that is accepted: its time, and the event if it may bear on judgement.
pub(super) fn read(
    parts: &Parts<'_>,
    now: Millis,
    catalog: &Catalog,
    identities: &mut Identities,
) -> Result<(Second, Option<Event>), RejectReason> {
    let source = parts.text(Part::EventSource)?;
    // Notifications of S3 and messages of SNS, SQS, Kinesis have fields of the same names.
    if source.starts_with("aws:") {
        return Err(RejectReason::NotARecord);
    }
    let time = Second::parse(parts.text(Part::EventTime)?).ok_or(RejectReason::BadTime)?;
    in_time(time, now)?;
    let event_type = parts.text(Part::EventType)?;
    let id = parts.kept(Part::EventId)?;
    // Insights are no calls, and an endpoint's events repeat a call that has its own record.
    if matches!(event_type, "AwsCloudTrailInsight" | "AwsVpceEvent") && !id.is_empty() {
        return Ok((time, None));
    }
    let name = parts.text(Part::EventName)?;
    if id.is_empty() || source.is_empty() || name.is_empty() {
        return Err(RejectReason::NoName);
    }
    let who = parts.get(Part::UserIdentity).ok_or(RejectReason::NoIdentity)?;
    if !who.is_object() {
        return Err(RejectReason::BadField);
    }
    if is_surely_a_read(name) && !flag(parts, "false") {
        return Ok((time, None));
    }
    let identity = identities.read(who).ok_or(RejectReason::NoIdentity)?;
    let head = Head { id, time, source, name: unversioned(name), identity };
    event(parts, head, catalog).map(|event| (time, event))
}

/// Whether a time is one that a record can have.
pub(super) fn in_time(time: Second, now: Millis) -> Result<(), RejectReason> {
    if time > now.second().plus(FUTURE_SECONDS_MAX) {
        return Err(RejectReason::Future);
    }
    if time < Second(EVENT_TIME_MIN) { Err(RejectReason::BeforeCloudTrail) } else { Ok(()) }
}

/// Whether the flag `readOnly` is there and says this, as a truth value or as text.
pub(super) fn flag(parts: &Parts<'_>, truth: &str) -> bool {
    parts.get(Part::ReadOnly).and_then(Node::plain).is_some_and(|text| text.eq_ignore_ascii_case(truth))
}

/// What is known of a record before it is known what the call does.
struct Head<'v> {
    id: Text,
    time: Second,
    source: &'v str,
    name: &'v str,
    identity: Arc<Identity>,
}

/// The event, if it bears on judgement.
fn event(parts: &Parts<'_>, head: Head<'_>, catalog: &Catalog) -> Result<Option<Event>, RejectReason> {
    let service = lower_case(cut(head.source.strip_suffix(".amazonaws.com").unwrap_or(head.source)));
    let request = parts.get(Part::RequestParameters).unwrap_or(NULL);
    let response = parts.get(Part::ResponseElements).unwrap_or(NULL);
    if service == "sts" && LINKS.contains(&head.name) {
        let mut event = without_resources(parts, head, service)?;
        event.link = link(response).filter(|_| event.outcome == Outcome::Ok).map(Box::new);
        return Ok(event.link.is_some().then_some(event));
    }
    let known = catalog.lookup(&service, head.name);
    let is_idle = matches!(&known, Known::Guessed(guess) if matches!(guess.effect, Effect::Observe | Effect::Other));
    if is_idle && !may_start(&service, head.name) {
        return Ok(None);
    }
    let mut event = without_resources(parts, head, service)?;
    let took_effect = event.outcome == Outcome::Ok;
    let (request, response) = (unwrapped(request, &event.name), unwrapped(response, &event.name));
    let call = Call { request, response, region: &event.region, time: event.time };
    let (effect, kind, mut resources) = apply(&call, &known);
    // The flag is believed of what the verb calls a create, never of a destruction.
    if effect == Effect::Create && flag(parts, "true") {
        return Ok(None);
    }
    if took_effect {
        if let Some(found) = &mut resources {
            without_failed(&mut found.mentions, call.response);
        }
        event.subnet_zones = subnet_zones(call.response, call.region);
    }
    if let Some(kind) = kind.filter(|_| effect == Effect::Destroy && took_effect && resources.is_none()) {
        resources = Some(Found { mentions: vec![unnamed(kind, &event.id)], left_out: 0 });
    }
    event.effect = effect;
    if !is_idle {
        let found = resources.unwrap_or_default();
        (event.resources, event.resources_left_out) = (found.mentions, found.left_out);
    }
    if took_effect {
        add_groups(&mut event, request, response);
        event.start = start(&event, request, response).map(Box::new);
        event.reach = reach(&event, request, response).map(Box::new);
    }
    Ok((event.start.is_some() || bears_on_judgement(&event)).then_some(event))
}

fn lower_case(text: Text) -> Text {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) { text.to_ascii_lowercase().into() } else { text }
}

/// What an event says apart from what it did, and to what.
fn without_resources(parts: &Parts<'_>, head: Head<'_>, service: Text) -> Result<Event, NotPlain> {
    let error_code = parts.kept(Part::ErrorCode)?;
    let recipient = parts.kept(Part::RecipientAccountId)?;
    Ok(Event {
        id: head.id,
        shared_id: parts.kept(Part::SharedEventId)?,
        time: head.time,
        account: if recipient.is_empty() { head.identity.account.clone() } else { recipient },
        region: parts.kept(Part::AwsRegion)?,
        service,
        name: cut(head.name),
        effect: Effect::Other,
        outcome: outcome(&error_code),
        error_code,
        identity: head.identity,
        request_id: parts.kept(Part::RequestId)?,
        user_agent: parts.kept(Part::UserAgent)?,
        source_ip: parts.kept(Part::SourceIpAddress)?,
        resources: Vec::new(),
        resources_left_out: 0,
        link: None,
        subnet_zones: Vec::new(),
        start: None,
        reach: None,
    })
}

/// The effect, the kind, and the resources found; no resources if none were found.
fn apply<'k>(call: &Call<'_>, known: &'k Known<'_>) -> (Effect, Option<&'k Kind>, Option<Found>) {
    let (effect, kind, resources) = match known {
        Known::Listed(rules) => match changed::found(call, rules) {
            Some((rule, found)) => (rule.effect, rule.kind.as_deref(), found),
            None => return (Effect::Other, None, None),
        },
        Known::Guessed(guess) => (guess.effect, Some(&guess.kind), call.guessed(guess)),
    };
    (effect, kind, (!resources.mentions.is_empty()).then_some(resources))
}

/// Takes out what a response without an error code lists as not done. If that is everything, nothing was destroyed.
fn without_failed(found: &mut Vec<Mention>, response: Node<'_>) {
    // `unsuccessfulFleetDeletionSet`, `failedEntries`, `unprocessedItems`, `errors`: how the names of such lists begin.
    const LISTS: [&str; 6] = ["unsuccessful", "failed", "failure", "error", "unprocessed", "notdeleted"];
    const KEYS: [&str; 14] = [
        "resourceid",
        "id",
        "arn",
        "imageid",
        "name",
        "targetid",
        "identifier",
        "fleetid",
        "reservedinstancesid",
        "tablename",
        "connectionname",
        "triggername",
        "jobname",
        "resourcearn",
    ];
    let mut failed = Vec::new();
    for (key, list) in response.entries() {
        let begins = |name: &&str| key.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
        let is_list = LISTS.iter().any(begins);
        if is_list && (list.is_array() || list.is_object()) {
            KEYS.iter().for_each(|key| each(list, &[key], |value| failed.extend(value.plain())));
        }
    }
    if failed.is_empty() {
        return;
    }
    failed.sort_unstable();
    let has_failed = |alias: &Text| failed.binary_search(&alias.as_str()).is_ok();
    found.retain(|mention| !mention.aliases.iter().any(has_failed));
}

/// Calls of STS that hand out credentials.
const LINKS: [&str; 6] = [
    "AssumeRole",
    "AssumeRoot",
    "AssumeRoleWithSAML",
    "AssumeRoleWithWebIdentity",
    "GetFederationToken",
    "GetSessionToken",
];

fn link(response: Node<'_>) -> Option<Link> {
    let text =
        |outer: &str, inner: &str| cut(response.get(outer).map(|value| value.text_at(inner)).unwrap_or_default());
    let session_id = match text("assumedRoleUser", "assumedRoleId") {
        none if none.is_empty() => text("federatedUser", "federatedUserId"),
        assumed => assumed,
    };
    let access_key = text("credentials", "accessKeyId");
    (!access_key.is_empty()).then_some(Link { access_key, session_id })
}

fn outcome(error_code: &str) -> Outcome {
    if error_code.is_empty() {
        return Outcome::Ok;
    }
    let code = error_code.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    match &*code {
        code if code.contains("accessdenied") || code.contains("unauthorized") => Outcome::Denied,
        "authorizationerror" | "authorizationerrorexception" | "forbidden" | "forbiddenexception" | "notauthorized" => {
            Outcome::Denied
        }
        _ => Outcome::Failed,
    }
}

/// Whether the service itself broke: the call may have taken effect all the same.
fn is_uncertain(error_code: &str) -> bool {
    let code = error_code.to_ascii_lowercase();
    code.starts_with("server.") || code.contains("internal") || code.starts_with("serviceunavailable")
}

fn bears_on_judgement(event: &Event) -> bool {
    let took_effect = event.outcome == Outcome::Ok;
    match event.effect {
        // A destruction whose every part was reported as failed destroyed nothing.
        Effect::Destroy if took_effect => !event.resources.is_empty(),
        Effect::Create => took_effect && (!event.resources.is_empty() || !event.subnet_zones.is_empty()),
        Effect::Destroy | Effect::Disrupt | Effect::Unguard | Effect::Escalate => {
            took_effect || event.outcome == Outcome::Denied || is_uncertain(&event.error_code)
        }
        Effect::Observe | Effect::Other => false,
    }
}
