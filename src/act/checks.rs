//! What `act` refuses by itself, whoever asks. Pure. Only pauses are checked: giving rights back is never held up.

use std::collections::BTreeSet;

use trailbrake_detectors::engine::{Desired, Mode, ModeException, PauseResult};
use trailbrake_detectors::time::Millis;

use super::entity;
use super::hook::Inspection;
use crate::limits::DESIRED_AGE_MAX;

/// Who must not be paused, told by what the key says.
pub(super) fn check_key(desired: &Desired, protected: &BTreeSet<String>) -> Result<(), PauseResult> {
    let Some(entity) = entity::parse(&desired.key) else { return Err(unpausable("not-a-role-or-user")) };
    if entity.is_service_linked() {
        return Err(unpausable("service-linked"));
    }
    let unique_id = desired.key.session.split(':').next().unwrap_or_default();
    if [desired.key.entity.as_str(), unique_id].iter().any(|name| protected.contains(*name)) {
        return Err(unpausable("protected"));
    }
    Ok(())
}

/// The modes as `act` reads them in its own configuration.
#[derive(Clone, Debug)]
pub(super) struct Modes {
    /// The mode where no exception matches.
    pub(super) mode: Mode,
    /// Exceptions, the first match counts.
    pub(super) exceptions: Vec<ModeException>,
}

impl Modes {
    /// Whether any detector may have something paused in an account. Which one it was only `run` can tell.
    fn may_enforce(&self, account: &str) -> bool {
        let of_account =
            |exception: &&ModeException| exception.account.as_deref().is_none_or(|wanted| wanted == account);
        for exception in self.exceptions.iter().filter(of_account) {
            if exception.mode == Mode::Enforce {
                return true;
            }
            if exception.detector.is_none() {
                return false;
            }
        }
        self.mode == Mode::Enforce
    }
}

/// Whether this was decided to be done, by what `run` says and by our own configuration, and lately.
pub(super) fn check_decision(desired: &Desired, mode: Mode, modes: &Modes, now: Millis) -> Result<(), PauseResult> {
    if mode != Mode::Enforce || !modes.may_enforce(&desired.key.account) {
        return Err(failed("not-enforced"));
    }
    // A decision of the future would never grow old.
    let age = now.0.abs_diff(desired.decided_at.0);
    if u128::from(age) > DESIRED_AGE_MAX.as_millis() {
        return Err(failed("too-old"));
    }
    Ok(())
}

/// Who must not be paused, and what must not be used to pause, told by what the hook found.
pub(super) fn check_inspection(inspection: &Inspection, protected: &BTreeSet<String>) -> Result<(), PauseResult> {
    if inspection.is_own {
        return Err(unpausable("own-identity"));
    }
    if inspection.names.iter().any(|name| protected.contains(name)) {
        return Err(unpausable("protected"));
    }
    inspection.refusal.map_or(Ok(()), |word| Err(failed(word)))
}

pub(super) fn failed(reason: &str) -> PauseResult {
    PauseResult::Failed { reason: reason.to_owned() }
}

pub(super) fn unpausable(reason: &str) -> PauseResult {
    PauseResult::Unpausable { reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use trailbrake_detectors::engine::{PauseKey, Rung};

    use super::*;

    const NOW: Millis = Millis(1_700_000_000_000);

    fn desired(entity: &str, session: &str) -> Desired {
        Desired {
            key: PauseKey {
                account: "123456789012".to_owned(),
                entity: format!("arn:aws:iam::123456789012:{entity}"),
                session: session.to_owned(),
            },
            generation: 1,
            rung: Some(Rung::Destructive),
            decided_at: NOW,
            received_at: NOW,
            incidents: Vec::new(),
        }
    }

    #[test]
    fn refuses_by_key() {
        let protected = ["arn:aws:iam::123456789012:role/admin", "AROAADMIN"].map(str::to_owned).into();
        let cases = [
            ("role/agent", "*", Ok(())),
            ("role/admin2", "*", Ok(())),
            ("role/agent", "AROAAGENT:admin", Ok(())),
            ("role/admin", "*", Err(unpausable("protected"))),
            ("role/x", "AROAADMIN:session", Err(unpausable("protected"))),
            ("role/aws-service-role/autoscaling.amazonaws.com/X", "*", Err(unpausable("service-linked"))),
            ("root", "*", Err(unpausable("not-a-role-or-user"))),
        ];
        for (entity, session, expected) in cases {
            assert_eq!(check_key(&desired(entity, session), &protected), expected, "{entity} {session}");
        }
    }

    #[test]
    fn refuses_by_decision() {
        let cases = [
            (Mode::Enforce, 0, Ok(())),
            (Mode::Enforce, 600_000, Ok(())),
            (Mode::Enforce, 600_001, Err(failed("too-old"))),
            (Mode::Enforce, -600_001, Err(failed("too-old"))),
            (Mode::Enforce, i64::MIN, Err(failed("too-old"))),
            (Mode::Observe, 0, Err(failed("not-enforced"))),
        ];
        let modes = Modes { mode: Mode::Enforce, exceptions: Vec::new() };
        for (mode, age, expected) in cases {
            assert_eq!(
                check_decision(&desired("role/agent", "*"), mode, &modes, NOW.plus(age)),
                expected,
                "{mode:?} {age}"
            );
        }
    }

    #[test]
    fn refuses_where_its_own_configuration_never_enforces() {
        let exception = |detector: Option<&str>, account: Option<&str>, mode| ModeException {
            detector: detector.map(str::to_owned),
            account: account.map(str::to_owned),
            mode,
        };
        let (ours, other) = (Some("123456789012"), Some("999999999999"));
        for (mode, exceptions, may_enforce) in [
            (Mode::Enforce, vec![], true),
            (Mode::Observe, vec![], false),
            (Mode::Observe, vec![exception(None, ours, Mode::Enforce)], true),
            (Mode::Observe, vec![exception(None, other, Mode::Enforce)], false),
            (Mode::Observe, vec![exception(Some("zone-spread"), None, Mode::Enforce)], true),
            (Mode::Enforce, vec![exception(None, ours, Mode::Observe)], false),
            (Mode::Enforce, vec![exception(None, other, Mode::Observe)], true),
            (Mode::Enforce, vec![exception(Some("zone-spread"), ours, Mode::Observe)], true),
        ] {
            let modes = Modes { mode, exceptions };
            let checked = check_decision(&desired("role/agent", "*"), Mode::Enforce, &modes, NOW);
            assert_eq!(checked.is_ok(), may_enforce, "{modes:?}");
        }
    }

    #[test]
    fn refuses_by_what_the_hook_found() {
        let protected = ["AROAADMIN".to_owned()].into();
        let found = |names: &[&str], is_own, refusal| Inspection {
            names: names.iter().map(ToString::to_string).collect(),
            is_own,
            refusal,
        };
        let cases = [
            (found(&["arn", "AROAAGENT"], false, None), Ok(())),
            (found(&["arn", "AROAADMIN"], false, None), Err(unpausable("protected"))),
            (found(&["arn", "AROAAGENT"], true, None), Err(unpausable("own-identity"))),
            (found(&["arn", "AROAAGENT"], false, Some("policy-differs")), Err(failed("policy-differs"))),
        ];
        for (inspection, expected) in cases {
            assert_eq!(check_inspection(&inspection, &protected), expected, "{inspection:?}");
        }
    }
}
