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

use smol_str::format_smolstr;

use crate::engine::{Fact, Partition};
use crate::event::{
    Effect, Event, Identity, IdentityKind, Link, Mention, Outcome, Proof, Reach, RunsAs, Scope, Start, Text,
    WeightClass,
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
        id: words.get("id").map_or_else(|| format_smolstr!("e{number:04}"), |id| (*id).into()),
        shared_id: word("shared").into(),
        time,
        account: account.into(),
        region: region.into(),
        service: "test".into(),
        name: verb.into(),
        effect: effect(verb),
        outcome: if verb == "denied" { Outcome::Denied } else { Outcome::Ok },
        error_code: Text::default(),
        identity: identity(actor, &words).into(),
        request_id: format_smolstr!("r{number}"),
        user_agent: Text::default(),
        source_ip: Text::default(),
        resources: Vec::new(),
        link: None,
        subnet_zones: Vec::new(),
        resources_left_out: 0,
        start: None,
        reach: None,
    };
    if matches!(verb, "start" | "prepare") {
        event.start = Some(Box::new(start(plain[3], verb, &words)));
        event.service = if words.contains_key("automation") { "ssm" } else { "cloudformation" }.into();
    } else if verb == "assume" {
        let session_id = format_smolstr!("AROA{}:{}", plain[3], words.get("session").copied().unwrap_or("s"));
        event.link = Some(Box::new(Link { access_key: word("gives").into(), session_id }));
    } else {
        event.resources = plain[4].split(',').map(|id| mention(plain[3], id, verb, region, &words)).collect();
    }
    if let Some((subnet, zone)) = word("reveals").split_once(':') {
        event.subnet_zones.push((subnet.into(), format_smolstr!("{region}{zone}")));
    }
    event.reach = word("reaches").split_once(':').map(|(alias, zone)| {
        Box::new(Reach { kind: "lb".into(), alias: alias.into(), zone: format_smolstr!("{region}{zone}") })
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
        Some(role) => RunsAs::Role(self::role(role).into()),
        None if words.contains_key("fresh") => RunsAs::Caller,
        None => RunsAs::Remembered,
    };
    let target = words.get("automation").copied().unwrap_or(stack);
    Start { runs_as, targets: vec![target.into()], begins: verb == "start" }
}

fn identity(actor: &str, words: &BTreeMap<&str, &str>) -> Identity {
    let word = |name: &str| words.get(name).copied().unwrap_or_default();
    let session = words.get("session").copied().unwrap_or("s");
    let mut identity = Identity {
        kind: IdentityKind::AssumedRole,
        account: ACCOUNT.into(),
        arn: format_smolstr!("arn:aws:sts::{ACCOUNT}:assumed-role/{actor}/{session}"),
        principal_id: format_smolstr!("AROA{actor}:{session}"),
        access_key: word("key").into(),
        issuer_arn: format_smolstr!("arn:aws:iam::{ACCOUNT}:role/{actor}"),
        issuer_id: format_smolstr!("AROA{actor}"),
        source_identity: Text::default(),
        identity_center_user: word("center").into(),
        invoked_by: if word("by").is_empty() {
            Text::default()
        } else {
            format_smolstr!("{}.amazonaws.com", word("by"))
        },
        sign_in_session: Text::default(),
    };
    if let Some(user) = actor.strip_prefix('@') {
        identity.kind = IdentityKind::IamUser;
        identity.arn = format_smolstr!("arn:aws:iam::{ACCOUNT}:user/{user}");
        identity.principal_id = format_smolstr!("AIDA{user}");
        identity.issuer_arn = Text::default();
        identity.issuer_id = Text::default();
    }
    if let Some(user) = actor.strip_prefix('+') {
        identity.kind = IdentityKind::SamlUser;
        identity.principal_id = format_smolstr!("idp:{user}");
        identity.arn = Text::default();
        identity.issuer_arn = Text::default();
        identity.issuer_id = Text::default();
    }
    if actor == "service" {
        identity.kind = IdentityKind::AwsService;
        identity.issuer_arn =
            format_smolstr!("arn:aws:iam::{ACCOUNT}:role/aws-service-role/x.amazonaws.com/AWSServiceRoleForX");
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
    let zone = words.get("zone").map(|zone| format_smolstr!("{region}{zone}"));
    Mention {
        kind: kind.into(),
        class,
        scope,
        aliases: [id].into_iter().chain(words.get("also").copied()).map(Text::from).collect(),
        parents: words.get("in").map(|text| (*text).into()).into_iter().collect(),
        name: words.get("name").copied().unwrap_or_default().into(),
        proof,
        zones: zone.into_iter().collect(),
        subnets: words.get("subnet").map(|text| (*text).into()).into_iter().collect(),
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
