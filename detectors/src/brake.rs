//! What to do about a `critical` incident: whom to pause, whether the mode, protection and budgets let us.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::detector::Weights;
use crate::engine::{BrakeSettings, Mode, PauseKey, Reach};
use crate::event::{Identity, IdentityKind, Text, is_of_identity_center, is_service_linked};
use crate::incident::Episode;
use crate::limits::PAUSES_PER_INCIDENT_MAX;
use crate::time::Millis;
use crate::timeline::{FactKey, Ledger, Ownership, Store, Thousandths};

/// The span of a budget.
const BUDGET_MILLISECONDS: i64 = 60 * 60 * 1_000;
/// All sessions of an entity.
const ALL_SESSIONS: &str = "*";

/// Something that an incident may want paused, with the names under which it may be protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// What would be paused.
    pub key: PauseKey,
    /// Its ARNs and unique ids.
    pub names: BTreeSet<String>,
    /// Why nobody can pause it; nothing if somebody can.
    pub unpausable: Option<&'static str>,
}

/// What the brake says of one candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Pause it.
    Pause,
    /// It would be paused, were the mode `enforce`.
    WouldPause,
    /// It cannot or must not be paused.
    Unpausable(&'static str),
    /// The budget is spent: only page.
    BudgetSpent,
}

/// Pauses of the last hour, by account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    pauses: Vec<(String, Millis)>,
}

impl Spent {
    /// Takes one pause from the budgets, if they allow it.
    pub fn take(&mut self, account: &str, now: Millis, settings: &BrakeSettings) -> bool {
        self.pauses.retain(|(_, at)| at.0 > now.0.saturating_sub(BUDGET_MILLISECONDS));
        let of_account = self.pauses.iter().filter(|(other, _)| other == account).count();
        let is_left =
            of_account < settings.budget_account as usize && self.pauses.len() < settings.budget_total as usize;
        if is_left {
            self.pauses.push((account.to_owned(), now));
        }
        is_left
    }
}

/// The mode for some detectors in an account.
pub fn mode(settings: &BrakeSettings, detectors: &[String], account: &str) -> Mode {
    let fits = |wanted: &Option<String>, is_it: &dyn Fn(&String) -> bool| wanted.as_ref().is_none_or(is_it);
    settings
        .exceptions
        .iter()
        .find(|exception| {
            fits(&exception.detector, &|detector| detectors.contains(detector))
                && fits(&exception.account, &|wanted| wanted == account)
        })
        .map_or(settings.mode, |exception| exception.mode)
}

/// What to do about one candidate. Takes from the budget when the answer is to pause.
pub fn judge(candidate: &Candidate, mode: Mode, settings: &BrakeSettings, spent: &mut Spent, now: Millis) -> Verdict {
    if candidate.names.iter().any(|name| settings.protected.contains(name)) {
        return Verdict::Unpausable("protected");
    }
    if let Some(reason) = candidate.unpausable {
        return Verdict::Unpausable(reason);
    }
    if settings.reach == Reach::Policies && is_of_identity_center(&candidate.key.entity) {
        return Verdict::Unpausable("identity-center");
    }
    match mode {
        Mode::Observe => Verdict::WouldPause,
        Mode::Enforce if spent.take(&candidate.key.account, now, settings) => Verdict::Pause,
        Mode::Enforce => Verdict::BudgetSpent,
    }
}

/// Whom to pause for what a key destroyed in an episode from a fact on: the roles and users that carried it, the heaviest
/// first, and where they were assumed from elsewhere, the origin as well: it could assume the next role. Who only cleaned
/// up what was made just before carried nothing.
pub fn candidates(
    store: &Store,
    ledger: &Ledger,
    weights: &Weights,
    key: &str,
    (episode, from): (&Episode, &FactKey),
) -> Vec<Candidate> {
    let mut found: BTreeMap<String, (Thousandths, Candidate)> = BTreeMap::new();
    for (held, contribution) in ledger.destroyed(key, episode.is_whole, from, &episode.to) {
        let Some(fact) = store.get(&contribution.fact) else { continue };
        let entry = &held.entry;
        if !entry.may_pause || contribution.ownership == Ownership::OwnYoung || held.is_paired(contribution) {
            continue;
        }
        let identity = &fact.event.identity;
        let weight = held.weight(contribution, weights);
        let names = names_of(identity).chain([entry.actor.key.to_string()]);
        add(
            &mut found,
            &entry.actor.entity,
            &identity.account,
            names,
            weight,
            unpausable(identity, &entry.actor.entity),
        );
        if entry.actor.origin != entry.actor.entity {
            let names = [entry.actor.origin.to_string(), entry.actor.key.to_string()];
            let reason = is_service_linked(&entry.actor.origin).then_some("aws-service");
            add(&mut found, &entry.actor.origin, &identity.account, names, weight, reason);
        }
    }
    let mut all: Vec<(Thousandths, Candidate)> = found.into_values().collect();
    all.sort_by(|one, other| (other.0, &one.1.key).cmp(&(one.0, &other.1.key)));
    all.into_iter().take(PAUSES_PER_INCIDENT_MAX).map(|(_, candidate)| candidate).collect()
}

fn add(
    found: &mut BTreeMap<String, (Thousandths, Candidate)>,
    entity: &str,
    account: &str,
    names: impl IntoIterator<Item = String>,
    weight: Thousandths,
    unpausable: Option<&'static str>,
) {
    let account = entity.split(':').nth(4).filter(|account| !account.is_empty()).unwrap_or(account);
    let key = PauseKey { account: account.to_owned(), entity: entity.to_owned(), session: ALL_SESSIONS.to_owned() };
    let candidate = || Candidate { key, names: BTreeSet::from([entity.to_owned()]), unpausable };
    let (sum, candidate) = found.entry(entity.to_owned()).or_insert_with(|| (0, candidate()));
    *sum += weight;
    candidate.names.extend(names.into_iter().filter(|name| !name.is_empty()));
}

/// ARNs and unique ids of an identity: its own, its session's, its role's.
pub fn names_of(identity: &Identity) -> impl Iterator<Item = String> {
    let unique_id: Text = identity.principal_id.split(':').next().unwrap_or_default().into();
    [
        identity.arn.clone(),
        identity.principal_id.clone(),
        unique_id,
        identity.issuer_arn.clone(),
        identity.issuer_id.clone(),
        identity.source_identity.clone(),
        identity.identity_center_user.clone(),
    ]
    .into_iter()
    .filter(|name| !name.is_empty())
    .map(String::from)
}

fn unpausable(identity: &Identity, entity: &str) -> Option<&'static str> {
    match identity.kind {
        _ if identity.is_aws_service() => Some("aws-service"),
        IdentityKind::Root => Some("root"),
        _ if !(entity.contains(":role/") || entity.contains(":user/")) => Some("no-iam-entity"),
        _ => None,
    }
}
