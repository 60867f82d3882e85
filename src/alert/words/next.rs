//! What to do next: the exact commands, and the link.

use trailbrake_detectors::engine::{Announcement, Change, PauseState, Situation};
use trailbrake_detectors::incident::Report;

use super::super::clean::clean;
use crate::limits::DETAIL_CHARS_MAX;

/// What the reader can do about it, as a sentence with the exact command.
pub(in crate::alert) fn next_step(announcement: &Announcement) -> String {
    let steps = next_steps(announcement);
    let steps: Vec<String> = steps.into_iter().map(|(word, text)| format!("{word}: {text}")).collect();
    clean(&steps.join(" "), DETAIL_CHARS_MAX)
}

/// What to do, in the order in which to do it.
pub(super) fn next_steps(announcement: &Announcement) -> Vec<(&'static str, String)> {
    let situation = &announcement.situation;
    let incident = &situation.incident;
    if announcement.change == Change::Resolved {
        return vec![("Next", "nothing is left to do".to_owned())];
    }
    let mut steps = vec![("Next", show_command(incident))];
    let stands = |state: PauseState| situation.pauses.iter().any(|pause| pause.state == state);
    if stands(PauseState::Paused) || stands(PauseState::Pausing) {
        steps.push(("Let it go on", format!("trailbrake incidents resume {} --reason '…'", id(incident))));
    } else if let Some((stop, undo)) = stop_by_hand(situation) {
        steps.push(("Stop it by hand", stop));
        steps.push(("Undo that", undo));
    }
    steps
}

/// Shows the incident.
pub(super) fn show_command(incident: &Report) -> String {
    format!("trailbrake incidents show {}", id(incident))
}

/// An id that a command can be given. One that is not of our own making is not shown.
fn id(incident: &Report) -> &str {
    if is_ours(&incident.id) { &incident.id } else { "ID" }
}

/// What a human with rights on that account types to stop the principal, and to undo it. Nothing for one that no policy
/// can be put on, or whose name might say more to a shell than a name.
pub(super) fn stop_by_hand(situation: &Situation) -> Option<(String, String)> {
    let unpausable = |state: PauseState| state == PauseState::Unpausable;
    if situation.pauses.iter().any(|pause| unpausable(pause.state)) {
        return None;
    }
    let principal = situation.incident.principal.as_ref()?;
    let entity = situation.pauses.first().map_or(&principal.arn, |pause| &pause.key.entity);
    let resource = entity.splitn(6, ':').nth(5)?;
    if resource.starts_with("role/aws-reserved/") || resource.starts_with("role/aws-service-role/") {
        return None;
    }
    let (kind, name) = (resource.split('/').next()?, resource.rsplit('/').next()?);
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte);
    if name.is_empty() || name.len() > 128 || name.starts_with('-') || !name.bytes().all(is_plain) {
        return None;
    }
    // A user's own policies hold 2,048 characters at most: only the short one fits.
    let deny = match kind {
        "role" => "destructive",
        "user" => "all",
        _ => return None,
    };
    let target = format!("--{kind}-name {name} --policy-name TrailbrakeStop");
    let stop =
        format!("aws iam put-{kind}-policy {target} --policy-document \"$(trailbrake iam-policy --deny {deny})\"");
    Some((stop, format!("aws iam delete-{kind}-policy {target}")))
}

/// Where people see the incident. An id that is not of our own making gets no link.
pub(in crate::alert) fn link(public_url: Option<&str>, incident: &str) -> Option<String> {
    let public_url = public_url?.trim_end_matches('/');
    is_ours(incident).then(|| format!("{public_url}/v1/incidents/{incident}"))
}

/// Whether an id is of our own making.
pub(in crate::alert) fn is_ours(id: &str) -> bool {
    !id.is_empty() && id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}
