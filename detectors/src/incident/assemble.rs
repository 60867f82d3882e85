//! An episode told as an incident: counts, evidence, the principal, the sentence.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::episode::Episode;
use super::sentence::{Told, sentence};
use super::switched_off::{SwitchedOff, named, watchers};
use super::{Denied, Destroyed, Evidence, EvidenceResource, Principal, Recreated, Report, Severity, State, tool_of};
use crate::detector::Weights;
use crate::engine::Mode;
use crate::event::IdentityKind;
use crate::limits::{
    EPISODE_GAP_SECONDS, EVIDENCE_MAX, RECREATED_LISTED_MAX, RESOURCES_COUNTED_MAX, SESSIONS_LISTED_MAX,
    STARTERS_LISTED_MAX,
};
use crate::time::Second;
use crate::timeline::{Contribution, Entry, FactKey, Held, Ledger, Ownership, Store, Thousandths};

/// What an incident is, apart from its facts.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Its id.
    pub id: String,
    /// Where it stands.
    pub state: State,
    /// The mode it was judged in.
    pub mode: Mode,
    /// The highest severity so far.
    pub severity_peak: Severity,
    /// When it eased.
    pub eased: Option<Second>,
    /// Whether counts and judgement are exact.
    pub exact: bool,
}

/// Whom and what an incident is about.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// All facts.
    pub store: &'a Store,
    /// What the key did.
    pub ledger: &'a Ledger,
    /// What things weigh.
    pub weights: &'a Weights,
    /// The key.
    pub key: &'a str,
}

/// One destroyed resource, with its weight as judged.
type Share<'a> = (&'a Held, &'a Contribution, Thousandths);

/// Everything destroyed in the episode, with its weight as judged.
struct Shares<'a> {
    all: Vec<Share<'a>>,
    /// Facts that refused, or took a protection away: who did them, where nothing was destroyed.
    others: Vec<&'a Held>,
}

/// What was switched off in the episode.
struct Off {
    /// Protections of what was destroyed after.
    protections: Vec<SwitchedOff>,
    /// What watches others.
    watchers: Vec<SwitchedOff>,
}

/// Tells an episode of a key.
pub fn assemble(subject: &Subject<'_>, episode: &Episode, standing: &Standing) -> Report {
    let Subject { store, ledger, weights, key } = *subject;
    let all: Vec<_> = ledger
        .destroyed(key, episode.is_whole, &episode.from, &episode.to)
        .map(|(held, contribution)| (held, contribution, held.weight(contribution, weights)))
        .collect();
    let others = ledger.between(key, episode.is_whole, &episode.from, &episode.to);
    let shares = Shares { others: others.filter(|_| all.is_empty()).collect(), all };
    let severity = episode.level();
    let trigger = episode.reached(severity).unwrap_or(&episode.from);
    let principal = principal(store, key, &shares);
    let destroyed = destroyed(&shares, episode);
    let recreated = recreated(store, &shares, episode);
    let set = |values: BTreeSet<String>| values.into_iter().collect::<Vec<String>>();
    let zones = set(shares.all.iter().flat_map(|(_, one, _)| one.zones.iter().map(ToString::to_string)).collect());
    let regions = set(shares.all.iter().map(|(_, one, _)| one.region.to_string()).collect());
    let accounts = set(shares
        .all
        .iter()
        .filter_map(|(_, one, _)| store.get(&one.fact))
        .map(|fact| fact.event.account.to_string())
        .collect());
    let denied = denied(ledger, key, episode);
    let watchers = watchers(store, ledger, key, episode);
    let off = Off { protections: protections_off(store, &shares, &watchers), watchers };
    let reason = sentence(&Told {
        who: &principal.arn,
        tool: &principal.tool,
        protections_off: named(&off.protections),
        watchers_off: named(&off.watchers),
        starters: &starters(&shares),
        destroyed: &destroyed,
        denied: denied.calls,
        recreated: &recreated,
        zones: &zones,
        regions: &regions,
        first: episode.from.second,
        last: episode.to.second,
    });
    Report {
        schema: 1,
        id: standing.id.clone(),
        state: standing.state,
        mode: standing.mode,
        severity,
        severity_peak: standing.severity_peak.max(severity),
        eased: standing.eased.map(|second| second.to_string()),
        exact: standing.exact && shares.all.len() <= RESOURCES_COUNTED_MAX,
        detectors: episode.detectors(Severity::Info),
        principal: Some(principal),
        accounts,
        regions,
        zones,
        first_event_time: episode.from.second.to_string(),
        triggered_event_time: trigger.second.to_string(),
        triggered_event_id: store.get(trigger).map_or_else(|| trigger.id.to_string(), |fact| fact.event.id.to_string()),
        last_event_time: episode.to.second.to_string(),
        denied,
        recreated: recreated.into_iter().take(RECREATED_LISTED_MAX).collect(),
        reason,
        evidence: evidence(store, ledger, episode, &shares, &off),
        destroyed,
    }
}

/// An incident that rests on no facts: no principal, no destruction.
pub fn blind(standing: &Standing, at: Second, sentence: &str) -> Report {
    Report {
        schema: 1,
        id: standing.id.clone(),
        state: standing.state,
        mode: standing.mode,
        severity: standing.severity_peak,
        severity_peak: standing.severity_peak,
        eased: None,
        exact: true,
        detectors: vec![crate::detector::BLIND.to_owned()],
        principal: None,
        accounts: Vec::new(),
        regions: Vec::new(),
        zones: Vec::new(),
        first_event_time: at.to_string(),
        triggered_event_time: at.to_string(),
        triggered_event_id: String::new(),
        last_event_time: at.to_string(),
        destroyed: Destroyed::default(),
        denied: Denied::default(),
        recreated: Vec::new(),
        reason: sentence.to_owned(),
        evidence: Vec::new(),
    }
}

fn destroyed(shares: &Shares<'_>, episode: &Episode) -> Destroyed {
    let gone_by = |fact: &FactKey| shares.all.iter().filter(|(_, one, _)| one.fact <= *fact).count() as u64;
    let own = |one: &Contribution| matches!(one.ownership, Ownership::OwnYoung | Ownership::OwnOld);
    let mut by_type = BTreeMap::new();
    for (_, one, _) in &shares.all {
        *by_type.entry(one.kind.to_string()).or_default() += 1;
    }
    let calls: BTreeSet<&FactKey> = shares.all.iter().map(|(_, one, _)| &one.fact).collect();
    Destroyed {
        calls: calls.len() as u64,
        resources: shares.all.len() as u64,
        at_page: episode.reached(Severity::High).map(gone_by),
        at_pause: episode.reached(Severity::Critical).map(gone_by),
        own: shares.all.iter().filter(|(_, one, _)| own(one)).count() as u64,
        weight: shares.all.iter().map(|(_, _, weight)| weight).sum::<u64>() as f64 / 1_000.0,
        by_type,
    }
}

fn denied(ledger: &Ledger, key: &str, episode: &Episode) -> Denied {
    let until = FactKey::first_of(episode.to.second.plus(EPISODE_GAP_SECONDS));
    let calls =
        ledger.between(key, episode.is_whole, &episode.from, &until).filter(|held| held.entry.is_denied_destruction);
    Denied { calls: calls.count() as u64 }
}

fn recreated(store: &Store, shares: &Shares<'_>, episode: &Episode) -> Vec<Recreated> {
    let mut all: Vec<Recreated> = shares
        .all
        .iter()
        .filter(|(_, one, _)| one.ownership != Ownership::OwnYoung)
        .filter_map(|(_, one, _)| one.back_by().map(|by| (one, by)))
        .filter(|(_, by)| **by <= episode.last_at && store.get(by).is_some())
        .map(|(one, by)| Recreated {
            kind: one.kind.to_string(),
            id: one.id.to_string(),
            deleted_at: one.fact.second.to_string(),
            created_at: by.second.to_string(),
        })
        .collect();
    all.sort();
    all
}

/// The calls that took protections off, of what weighs most first; those told of as `watchers` left out.
fn protections_off(store: &Store, shares: &Shares<'_>, watchers: &[SwitchedOff]) -> Vec<SwitchedOff> {
    let told: BTreeSet<&FactKey> = watchers.iter().map(|one| &one.fact).collect();
    let mut unguarded: Vec<&Share<'_>> = shares.all.iter().filter(|(_, one, _)| one.unguarded_at.is_some()).collect();
    unguarded.sort_by(heaviest_first);
    let by = |one: &Contribution| {
        let fact = one.unguarded_at.as_ref().filter(|fact| !told.contains(fact))?;
        SwitchedOff::by(store, fact, &one.id)
    };
    unguarded.into_iter().filter_map(|(_, one, _)| by(one)).collect()
}

fn heaviest_first(one: &&Share<'_>, other: &&Share<'_>) -> Ordering {
    (other.2, &one.1.fact).cmp(&(one.2, &other.1.fact))
}

/// Of each detector the first fact, the trigger and the last; then those that switched something off; then what weighs
/// most; told in fact order.
fn evidence(store: &Store, ledger: &Ledger, episode: &Episode, shares: &Shares<'_>, off: &Off) -> Vec<Evidence> {
    let mut chosen: BTreeSet<FactKey> = BTreeSet::new();
    for spoken in episode.spoken.values() {
        chosen.extend([&spoken.first.1, &spoken.worst.1.at, &spoken.last.1].map(Clone::clone));
    }
    let mut add = |facts: &mut dyn Iterator<Item = FactKey>, most: usize| {
        for fact in facts {
            if chosen.len() >= most {
                break;
            }
            chosen.insert(fact);
        }
    };
    // However many there are, there is room for what was destroyed.
    for (off, most) in [(&off.watchers, EVIDENCE_MAX / 3), (&off.protections, EVIDENCE_MAX / 3 * 2)] {
        add(&mut off.iter().map(|one| one.fact), most);
    }
    let mut heaviest: Vec<&Share<'_>> = shares.all.iter().collect();
    heaviest.sort_by(heaviest_first);
    add(&mut heaviest.into_iter().map(|(_, one, _)| one.fact), EVIDENCE_MAX);
    chosen.iter().filter_map(|key| told(store, ledger, key)).collect()
}

fn told(store: &Store, ledger: &Ledger, key: &FactKey) -> Option<Evidence> {
    let event = &store.get(key)?.event;
    let zones_of = |index: usize| {
        let entry = &ledger.entries().get(key)?.entry;
        let found = entry.destroyed.iter().find(|one| one.index == index)?;
        Some(found.zones.iter().map(ToString::to_string).collect())
    };
    let resources = event.resources.iter().enumerate().take(EVIDENCE_MAX).map(|(index, mention)| EvidenceResource {
        kind: mention.kind.to_string(),
        id: mention.aliases.first().map(ToString::to_string).unwrap_or_default(),
        zones: zones_of(index).unwrap_or_else(|| mention.zones.iter().map(ToString::to_string).collect()),
    });
    Some(Evidence {
        event_id: event.id.to_string(),
        time: event.time.to_string(),
        action: event.action(),
        effect: event.effect,
        outcome: event.outcome,
        resources: resources.collect(),
    })
}

/// The heaviest of some words, and all of them, heaviest first.
fn by_weight(shares: impl Iterator<Item = (String, Thousandths)>) -> Vec<String> {
    let mut sums: BTreeMap<String, Thousandths> = BTreeMap::new();
    for (word, weight) in shares.filter(|(word, _)| !word.is_empty()) {
        // What weighs nothing still counts a little, so that it is listed.
        *sums.entry(word).or_default() += weight * 1_000 + 1;
    }
    let mut words: Vec<(String, Thousandths)> = sums.into_iter().collect();
    words.sort_by(|one, other| (other.1, &one.0).cmp(&(one.1, &other.0)));
    words.into_iter().map(|(word, _)| word).collect()
}

fn principal(store: &Store, key: &str, shares: &Shares<'_>) -> Principal {
    let told = |tell: &dyn Fn(&Entry, &crate::event::Event) -> String| {
        let destroyers = shares.all.iter().map(|(held, _, weight)| (*held, *weight));
        let all = destroyers.chain(shares.others.iter().map(|held| (*held, 0)));
        by_weight(
            all.filter_map(|(held, weight)| store.get(&held.key).map(|fact| (tell(&held.entry, &fact.event), weight))),
        )
    };
    let first = |words: Vec<String>| words.into_iter().next().unwrap_or_default();
    let mut sessions = told(&|_, event| event.identity.session_name().to_owned());
    let session = sessions.first().cloned().unwrap_or_default();
    sessions.truncate(SESSIONS_LISTED_MAX);
    sessions.sort();
    let origin = first(told(&|entry, _| entry.actor.origin.to_string()));
    // A person whom IAM does not know is shown by the role that he came in by.
    let arn = if key.starts_with("arn:") { key.to_owned() } else { origin.clone() };
    let issuer = first(told(&|_, event| event.identity.issuer_arn.to_string()));
    Principal {
        account: arn.split(':').nth(4).unwrap_or_default().to_owned(),
        kind: first(told(&|_, event| kind_word(event.identity.kind).to_owned())),
        origin: if origin == arn { String::new() } else { origin },
        tool: first(told(&|_, event| tool_of(&event.user_agent).to_owned())),
        key: key.to_owned(),
        arn,
        session,
        sessions,
        issuer,
    }
}

/// Those of whom one set going what was done here, where nobody can tell which; sorted.
fn starters(shares: &Shares<'_>) -> Vec<String> {
    let all = shares.all.iter().map(|(held, ..)| *held).chain(shares.others.iter().copied());
    let starters: BTreeSet<&Arc<str>> = all.flat_map(|held| &held.entry.actor.starters).collect();
    starters.into_iter().take(STARTERS_LISTED_MAX).map(ToString::to_string).collect()
}

/// The type of identity in CloudTrail's words.
fn kind_word(kind: IdentityKind) -> &'static str {
    match kind {
        IdentityKind::Root => "Root",
        IdentityKind::IamUser => "IAMUser",
        IdentityKind::AssumedRole => "AssumedRole",
        IdentityKind::FederatedUser => "FederatedUser",
        IdentityKind::AwsService => "AWSService",
        IdentityKind::AwsAccount => "AWSAccount",
        IdentityKind::IdentityCenterUser => "IdentityCenterUser",
        IdentityKind::SamlUser => "SAMLUser",
        IdentityKind::WebIdentityUser => "WebIdentityUser",
        IdentityKind::Unknown => "Unknown",
    }
}
