//! A small language for events, so that a test reads as the story that it tells.
//!
//! Each line is one event: `HH:MM:SS ACTOR VERB KIND ID,ID… [word=value …]`. Verbs: `create` (the service assigns the id),
//! `put` (proves nothing), `new` (fails if the name exists), `delete`, `denied`, `unguard`, `disrupt`, `assume ROLE`
//! (hands out `gives=`), and `start STACK` or `prepare STACK` (`role=` if it gives one, `fresh=yes` if it makes the stack).
//! Words: `zone=`, `subnet=`, `name=`, `session=`, `key=` (the caller's access key), `id=` (event id), `region=`,
//! `account=`, `shared=`, `trust=no`, `reveals=SUBNET:ZONE`, `reaches=ALIAS:ZONE` (of a load balancer `lb`),
//! `by=SERVICE` (invokedBy), `center=` (Identity Center user), `spared=yes`, `automation=ID` (of a start), `also=ALIAS`,
//! `in=PARENT`. An actor `@name` is a user, `+name` a SAML user, any other a role.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::{Fact, Partition};
use crate::event::{
    Effect, Event, Identity, IdentityKind, Link, Mention, Outcome, Proof, Reach, RunsAs, Scope, Start, WeightClass,
};
use crate::time::Second;

/// 2026-01-05T00:00:00Z.
pub(crate) const START: i64 = 1_767_571_200;
const ACCOUNT: &str = "111111111111";

/// The partition that all facts of the language come from.
pub(crate) fn partition() -> Partition {
    Partition { source: "test".into(), name: "".into() }
}

/// The second of a time of day, `HH:MM:SS`.
pub(crate) fn second(time: &str) -> Second {
    let parts: Vec<i64> = time.split(':').map(|part| part.parse().expect("a number")).collect();
    Second(START + parts[0] * 3_600 + parts[1] * 60 + parts[2])
}

/// Reads a story.
pub(crate) fn facts(story: &str) -> Vec<Fact> {
    let lines = story.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.enumerate().map(|(number, line)| fact(number, line)).collect()
}

fn fact(number: usize, line: &str) -> Fact {
    let mut words: BTreeMap<&str, &str> = BTreeMap::new();
    let mut plain = Vec::new();
    for part in line.split_whitespace() {
        match part.split_once('=') {
            Some((word, value)) => drop(words.insert(word, value)),
            None => plain.push(part),
        }
    }
    let word = |name: &str| words.get(name).copied().unwrap_or_default();
    let (time, actor, verb) = (second(plain[0]), plain[1], plain[2]);
    let account = words.get("account").copied().unwrap_or(ACCOUNT);
    let region = words.get("region").copied().unwrap_or("eu-west-1");
    let mut event = Event {
        id: words.get("id").map_or_else(|| format!("e{number:04}"), ToString::to_string),
        shared_id: word("shared").to_owned(),
        time,
        account: account.to_owned(),
        region: region.to_owned(),
        service: "test".to_owned(),
        name: verb.to_owned(),
        effect: effect(verb),
        outcome: if verb == "denied" { Outcome::Denied } else { Outcome::Ok },
        error_code: String::new(),
        identity: identity(actor, words.get("session").copied().unwrap_or("s"), word("key")),
        request_id: format!("r{number}"),
        user_agent: String::new(),
        source_ip: String::new(),
        resources: Vec::new(),
        link: None,
        subnet_zones: Vec::new(),
        resources_left_out: 0,
        start: None,
        reach: None,
    };
    if !word("by").is_empty() {
        event.identity.invoked_by = format!("{}.amazonaws.com", word("by"));
    }
    event.identity.identity_center_user = word("center").to_owned();
    if matches!(verb, "start" | "prepare") {
        event.start = Some(start(plain[3], verb, &words));
        event.service = if words.contains_key("automation") { "ssm" } else { "cloudformation" }.to_owned();
    } else if verb == "assume" {
        let session_id = format!("AROA{}:{}", plain[3], words.get("session").copied().unwrap_or("s"));
        event.link = Some(Link { access_key: word("gives").to_owned(), session_id });
    } else {
        event.resources = plain[4].split(',').map(|id| mention(plain[3], id, verb, region, &words)).collect();
    }
    if let Some((subnet, zone)) = word("reveals").split_once(':') {
        event.subnet_zones.push((subnet.to_owned(), format!("{region}{zone}")));
    }
    event.reach = word("reaches").split_once(':').map(|(alias, zone)| Reach {
        kind: "lb".to_owned(),
        alias: alias.to_owned(),
        zone: format!("{region}{zone}"),
    });
    Fact { received_at: time.millis(), event, partition: partition(), may_pause: word("trust") != "no" }
}

fn effect(verb: &str) -> Effect {
    match verb {
        "create" | "put" | "new" => Effect::Create,
        "delete" | "denied" => Effect::Destroy,
        "unguard" => Effect::Unguard,
        "disrupt" => Effect::Disrupt,
        _ => Effect::Other,
    }
}

fn start(stack: &str, verb: &str, words: &BTreeMap<&str, &str>) -> Start {
    let runs_as = match words.get("role") {
        Some(role) => RunsAs::Role(self::role(role).to_string()),
        None if words.contains_key("fresh") => RunsAs::Caller,
        None => RunsAs::Remembered,
    };
    let target = words.get("automation").copied().unwrap_or(stack);
    Start { runs_as, targets: vec![target.to_owned()], begins: verb == "start" }
}

fn identity(actor: &str, session: &str, key: &str) -> Identity {
    let mut identity = Identity {
        kind: IdentityKind::AssumedRole,
        account: ACCOUNT.to_owned(),
        arn: format!("arn:aws:sts::{ACCOUNT}:assumed-role/{actor}/{session}"),
        principal_id: format!("AROA{actor}:{session}"),
        access_key: key.to_owned(),
        issuer_arn: format!("arn:aws:iam::{ACCOUNT}:role/{actor}"),
        issuer_id: format!("AROA{actor}"),
        source_identity: String::new(),
        identity_center_user: String::new(),
        invoked_by: String::new(),
        sign_in_session: String::new(),
    };
    if let Some(user) = actor.strip_prefix('@') {
        identity.kind = IdentityKind::IamUser;
        identity.arn = format!("arn:aws:iam::{ACCOUNT}:user/{user}");
        identity.principal_id = format!("AIDA{user}");
        identity.issuer_arn = String::new();
        identity.issuer_id = String::new();
    }
    if let Some(user) = actor.strip_prefix('+') {
        identity.kind = IdentityKind::SamlUser;
        identity.principal_id = format!("idp:{user}");
        identity.arn = String::new();
        identity.issuer_arn = String::new();
        identity.issuer_id = String::new();
    }
    if actor == "service" {
        identity.kind = IdentityKind::AwsService;
        identity.issuer_arn =
            format!("arn:aws:iam::{ACCOUNT}:role/aws-service-role/x.amazonaws.com/AWSServiceRoleForX");
    }
    identity
}

fn mention(kind: &str, id: &str, verb: &str, region: &str, words: &BTreeMap<&str, &str>) -> Mention {
    let (class, scope) = match kind {
        "instance" => (WeightClass::ServesTraffic, Scope::Zonal),
        "db" => (WeightClass::HoldsState, Scope::Subnets),
        "table" => (WeightClass::HoldsState, Scope::Regional),
        "service" => (WeightClass::ServesTraffic, Scope::Regional),
        "volume" => (WeightClass::Small, Scope::Zonal),
        "group" => (WeightClass::UsuallyUnused, Scope::Regional),
        "lb" => (WeightClass::ServesTraffic, Scope::Subnets),
        "trail" => (WeightClass::Small, Scope::Regional),
        "stack" => (WeightClass::Stack, Scope::Regional),
        _ => (WeightClass::Small, Scope::Regional),
    };
    let proof = match verb {
        "create" => Proof::ServerAssigned,
        "new" => Proof::FailsIfExists,
        _ => Proof::None,
    };
    let zone = words.get("zone").map(|zone| format!("{region}{zone}"));
    Mention {
        kind: kind.to_owned(),
        class,
        scope,
        aliases: [id].into_iter().chain(words.get("also").copied()).map(ToOwned::to_owned).collect(),
        parents: words.get("in").map(ToString::to_string).into_iter().collect(),
        name: words.get("name").copied().unwrap_or_default().to_owned(),
        proof,
        zones: zone.into_iter().collect(),
        subnets: words.get("subnet").map(ToString::to_string).into_iter().collect(),
        is_spared: words.contains_key("spared"),
        is_forced: false,
        is_guard: kind == "trail",
    }
}

/// A role's key.
pub(crate) fn role(name: &str) -> Arc<str> {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}").into()
}

/// The events in a record, received at a second.
pub(crate) fn decoded(json: &str, received: Second) -> Vec<Event> {
    crate::decode::decode(json.as_bytes(), received.millis(), crate::catalog::Catalog::built_in()).events
}
