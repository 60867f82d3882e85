//! What the audit trail keeps of what goes through the stages. No entry holds a secret, or an event's content as it came.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use trailbrake_detectors::engine::{Announcement, Desired, Human, Mode, Outcome, PauseKey, Settings};
use trailbrake_detectors::time::Millis;

use super::Answer;
use crate::journal::{Artefact, Cut, Note, OrderEnd, hexadecimal};

/// The kind of entry that tells by what is judged, and by which version.
pub(crate) const CONFIGURATION_NOTE: &str = "configuration";

/// An incident was announced; `receivers` are those that orders were made for. The situation is there as its digest: it is
/// what the page was made from, and what the orders hold.
pub(super) fn announced(announcement: &Announcement, receivers: &[String]) -> Note {
    let incident = &announcement.situation.incident;
    let situation = serde_json::to_vec(&announcement.situation).unwrap_or_default();
    let body = json!({
        "id": announcement.id,
        "change": announcement.change,
        "incident": incident.id,
        "state": incident.state,
        "severity": incident.severity,
        "mode": incident.mode,
        "detectors": incident.detectors,
        "principal": incident.principal.as_ref().map(|principal| &principal.arn),
        "destroyed": incident.destroyed.resources,
        "reason": incident.reason,
        "page_key": announcement.page_key,
        "receivers": receivers,
        "situation_sha256": hexadecimal(&Sha256::digest(&situation)),
    });
    Note::new(announcement.at, "announcement", &body)
}

/// An entity is to be brought to a state.
pub(super) fn desired(desired: &Desired, mode: Mode) -> Note {
    let body = json!({
        "entity": key(&desired.key),
        "generation": desired.generation,
        "rung": desired.rung,
        "mode": mode,
        "incidents": desired.incidents,
    });
    Note::new(desired.decided_at, "desired-state", &body)
}

/// What came of it.
pub(super) fn outcome(outcome: &Outcome) -> Note {
    let body = json!({
        "entity": key(&outcome.key),
        "generation": outcome.generation,
        "outcome": outcome.result,
    });
    Note::new(outcome.at, "outcome", &body)
}

/// A human acted, and was heard or refused.
pub(super) fn human(human: &Human, answer: &Answer) -> Note {
    let Human { id, at, who, act, .. } = human;
    let (is_taken, said) = match answer {
        Ok(said) => (true, said),
        Err(said) => (false, said),
    };
    let body = json!({ "id": id, "who": who, "act": act, "taken": is_taken, "answer": said });
    Note::new(*at, "human", &body)
}

/// The daemon judges by these settings from here on; `sha256` is that of its whole configuration.
pub(super) fn configuration(settings: &Settings, sha256: &str, at: Millis) -> Note {
    let brake = &settings.brake;
    let body = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "deployment": settings.deployment,
        "mode": brake.mode,
        "exceptions": brake.exceptions.len(),
        "protected": brake.protected.len(),
        "configuration_sha256": sha256,
    });
    Note::new(at, CONFIGURATION_NOTE, &body)
}

/// What of a cut came from outside the engine: ends of orders, and what `act` makes.
pub(super) fn returned(cut: &Cut) -> Vec<Note> {
    let ended = cut.ended.iter().map(|(order, end, at)| order_end(order, *end, *at));
    ended.chain(cut.artefacts.iter().map(artefact)).collect()
}

fn order_end(order: &str, end: OrderEnd, at: Millis) -> Note {
    Note::new(at, "order-end", &json!({ "order": order, "end": end }))
}

fn artefact(artefact: &Artefact) -> Note {
    let body = json!({
        "entity": key(&artefact.key),
        "generation": artefact.generation,
        "hook": artefact.hook,
        "change": artefact.change,
        "undo": artefact.undo,
    });
    Note::new(artefact.at, "artefact", &body)
}

fn key(key: &PauseKey) -> Value {
    json!({ "account": key.account, "arn": key.entity, "session": key.session })
}
