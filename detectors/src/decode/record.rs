//! One record: an event, something that bears on nothing, or a reject.

use std::collections::BTreeSet;

use serde_json::Value;

use super::RejectReason;
use super::dialect::{cut, subnet_zones, texts, unwrapped};
use super::fields::{Field, Fields, NotPlain, parse};
use super::identity::identity;
use super::reach::{add_groups, reach};
use super::resource::{Call, unnamed};
use super::start::{may_start, start};
use crate::catalog::{Catalog, Kind, Known, is_surely_a_read, unversioned};
use crate::event::{Effect, Event, Identity, Link, Mention, Outcome};
use crate::limits::{EVENT_TIME_MIN, FUTURE_SECONDS_MAX, NESTING_MAX};
use crate::time::{Millis, Second};

/// What a record came to.
pub(super) enum Read {
    /// It may bear on judgement.
    Event(Box<Event>),
    /// It was accepted and bears on nothing.
    Ignored,
}

impl From<NotPlain> for RejectReason {
    fn from(_: NotPlain) -> Self {
        Self::BadField
    }
}

/// Reads a record. `raw` is all of it. The time is known of every record that is accepted.
pub(super) fn read(
    fields: &Fields<'_>,
    raw: &str,
    now: Millis,
    catalog: &Catalog,
) -> Result<(Second, Read), RejectReason> {
    let source = fields.text(Field::EventSource)?;
    // Notifications of S3 and messages of SNS, SQS, Kinesis have fields of the same names.
    if source.starts_with("aws:") {
        return Err(RejectReason::NotARecord);
    }
    let time = time(fields, now)?;
    let event_type = fields.text(Field::EventType)?;
    let id = fields.kept(Field::EventId)?;
    // Insights are no calls, and an endpoint's events repeat a call that has its own record.
    if matches!(&*event_type, "AwsCloudTrailInsight" | "AwsVpceEvent") && !id.is_empty() {
        return Ok((time, Read::Ignored));
    }
    let name = fields.text(Field::EventName)?;
    if id.is_empty() || source.is_empty() || name.is_empty() {
        return Err(RejectReason::NoName);
    }
    match fields.raw(Field::UserIdentity) {
        None => return Err(RejectReason::NoIdentity),
        Some(raw) if !raw.starts_with('{') => return Err(RejectReason::BadField),
        Some(_) => {}
    }
    if is_surely_a_read(&name) {
        return Ok((time, Read::Ignored));
    }
    if is_nested_too_deep(raw) {
        return Err(RejectReason::TooDeep);
    }
    let identity = identity(&parse(fields.raw(Field::UserIdentity))).ok_or(RejectReason::NoIdentity)?;
    let head = Head { id, time, source: source.into_owned(), name: cut(unversioned(&name)), identity };
    let read = event(fields, head, catalog)?;
    Ok((time, read.map_or(Read::Ignored, |event| Read::Event(Box::new(event)))))
}

/// What is known of a record before its nested parts are parsed.
struct Head {
    id: String,
    time: Second,
    source: String,
    name: String,
    identity: Identity,
}

fn time(fields: &Fields<'_>, now: Millis) -> Result<Second, RejectReason> {
    let text = fields.text(Field::EventTime)?;
    let time = Second::parse(&text).ok_or(RejectReason::BadTime)?;
    if time > now.second().plus(FUTURE_SECONDS_MAX) {
        return Err(RejectReason::Future);
    }
    if time < Second(EVENT_TIME_MIN) { Err(RejectReason::BeforeCloudTrail) } else { Ok(time) }
}

/// The event, if it bears on judgement.
fn event(fields: &Fields<'_>, head: Head, catalog: &Catalog) -> Result<Option<Event>, RejectReason> {
    let source = head.source.to_ascii_lowercase();
    let service = cut(source.strip_suffix(".amazonaws.com").unwrap_or(&source));
    let known = catalog.lookup(&service, &head.name);
    let is_link = service == "sts" && LINKS.contains(&&*head.name);
    let is_idle = matches!(&known, Known::Guessed(guess) if matches!(guess.effect, Effect::Observe | Effect::Other));
    if is_idle && !is_link && !may_start(&service, &head.name) {
        return Ok(None);
    }
    let mut event = without_resources(fields, head, service)?;
    let took_effect = event.outcome == Outcome::Ok;
    let (request, response) = (parse(fields.raw(Field::RequestParameters)), parse(fields.raw(Field::ResponseElements)));
    if is_link {
        event.link = link(&response).filter(|_| took_effect);
        return Ok(event.link.is_some().then_some(event));
    }
    let (request, response) = (unwrapped(&request, &event.name), unwrapped(&response, &event.name));
    let call = Call { request, response, region: &event.region, time: event.time };
    let (effect, kind, mut resources) = apply(&call, &known);
    // The flag is believed of what the verb calls a create, never of a destruction.
    if effect == Effect::Create && fields.text(Field::ReadOnly)?.eq_ignore_ascii_case("true") {
        return Ok(None);
    }
    if took_effect {
        without_failed(&mut resources, call.response);
        event.subnet_zones = subnet_zones(call.response, call.region);
    }
    if let Some(kind) = kind.filter(|_| effect == Effect::Destroy && took_effect && resources.is_none()) {
        resources = Some(vec![unnamed(kind, &event.id)]);
    }
    event.effect = effect;
    event.resources = if is_idle { Vec::new() } else { resources.unwrap_or_default() };
    if took_effect {
        add_groups(&mut event, request, response);
        event.start = start(&event, request, response);
        event.reach = reach(&event, request, response);
    }
    Ok((event.start.is_some() || bears_on_judgement(&event)).then_some(event))
}

/// What an event says apart from what it did, and to what.
fn without_resources(fields: &Fields<'_>, head: Head, service: String) -> Result<Event, NotPlain> {
    let error_code = fields.kept(Field::ErrorCode)?;
    let recipient = fields.kept(Field::RecipientAccountId)?;
    Ok(Event {
        id: head.id,
        shared_id: fields.kept(Field::SharedEventId)?,
        time: head.time,
        account: if recipient.is_empty() { head.identity.account.clone() } else { recipient },
        region: fields.kept(Field::AwsRegion)?,
        service,
        name: head.name,
        effect: Effect::Other,
        outcome: outcome(&error_code),
        error_code,
        identity: head.identity,
        request_id: fields.kept(Field::RequestId)?,
        user_agent: fields.kept(Field::UserAgent)?,
        source_ip: fields.kept(Field::SourceIpAddress)?,
        resources: Vec::new(),
        link: None,
        subnet_zones: Vec::new(),
        start: None,
        reach: None,
    })
}

/// The effect, the kind, and the resources found; no resources if none were found.
fn apply<'k>(call: &Call<'_>, known: &'k Known<'_>) -> (Effect, Option<&'k Kind>, Option<Vec<Mention>>) {
    let (effect, kind, resources) = match known {
        Known::Listed(rules) => match call.applicable(rules) {
            Some(rule) => (rule.effect, rule.kind.as_deref(), call.mentions(rule)),
            None => return (Effect::Other, None, None),
        },
        Known::Guessed(guess) => (guess.effect, Some(&guess.kind), call.guessed(guess)),
    };
    (effect, kind, (!resources.is_empty()).then_some(resources))
}

/// Takes out what a response without an error code lists as not done. If that is everything, nothing was destroyed.
fn without_failed(resources: &mut Option<Vec<Mention>>, response: &Value) {
    const LISTS: [&str; 7] =
        ["unsuccessful", "failures", "errors", "failedentries", "unprocesseditems", "unprocessed", "failedresources"];
    let Some(found) = resources else { return };
    let Some(object) = response.as_object() else { return };
    let lists = object.iter().filter(|(key, value)| {
        LISTS.contains(&&*key.to_ascii_lowercase()) && matches!(value, Value::Array(_) | Value::Object(_))
    });
    let mut failed = BTreeSet::new();
    for (_, list) in lists {
        for key in ["resourceid", "id", "arn", "imageid", "name", "targetid", "identifier"] {
            failed.extend(texts(list, &[key.to_owned()]));
        }
    }
    found.retain(|mention| !mention.aliases.iter().any(|alias| failed.contains(alias)));
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

fn link(response: &Value) -> Option<Link> {
    let text = |outer: &str, inner: &str| {
        let value = response.get(outer)?.get(inner)?.as_str().map(cut)?;
        (!value.is_empty()).then_some(value)
    };
    let session_id = text("assumedRoleUser", "assumedRoleId")
        .or_else(|| text("federatedUser", "federatedUserId"))
        .unwrap_or_default();
    Some(Link { access_key: text("credentials", "accessKeyId")?, session_id })
}

fn outcome(error_code: &str) -> Outcome {
    let code = error_code.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    match &*code {
        "" if error_code.is_empty() => Outcome::Ok,
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

/// Whether brackets are nested deeper than is read. Looks at bytes only, so it can come before any parsing.
fn is_nested_too_deep(raw: &str) -> bool {
    // Few brackets cannot nest deep; nearly always that is all there is to see.
    if raw.bytes().filter(|byte| matches!(byte, b'{' | b'[')).count() <= NESTING_MAX {
        return false;
    }
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in raw.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                if depth > NESTING_MAX {
                    return true;
                }
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}
