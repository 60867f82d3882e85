//! Whom somebody asks for: by a principal's key or ARN, a session's ARN, a name, any part of these, or an incident's id.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use trailbrake_detectors::engine::Engine;
use trailbrake_detectors::incident::{Principal, Report};

use super::super::UsageError;
use super::super::terminal::escape_to;

/// Of those that match, how many are named when it has to be more exact.
const MATCHES_NAMED_MAX: usize = 10;
/// Of the incidents of one that matches, how many are named.
const INCIDENTS_NAMED_MAX: usize = 3;
/// How arguments are given.
const USAGE: &str = "trailbrake explain PRINCIPAL PATH…";

/// How well something fits what was asked for, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// It is what was asked for, in full.
    Whole,
    /// It is the role of the session whose ARN was asked for.
    OfSession,
    /// It has the name that was asked for.
    Named,
    /// What was asked for is a part of it.
    Part,
}

/// Whom somebody asks for.
pub(super) struct Wanted {
    /// What was asked for, in small letters.
    text: String,
    /// Of a session's ARN, the account, the role and the session.
    session: Option<(String, String, String)>,
}

/// Who was chosen.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chosen {
    /// The principal's key.
    pub(super) key: Arc<str>,
    /// The incident that was asked for, if one was.
    pub(super) incident: Option<String>,
}

impl Wanted {
    /// Understands what was asked for; `paths` are those of the trail.
    pub(super) fn of(text: &str, paths: &[String]) -> Result<Self, UsageError> {
        if text.trim().is_empty() {
            return Err(UsageError(format!("no principal is named\nhint: {USAGE}")));
        }
        let are_none = !paths.is_empty() && !paths.iter().any(|path| is_given(path));
        if are_none && is_path(text) {
            let shown = escape_to(text, 200);
            return Err(UsageError(format!("a path where a principal is expected: {shown}\nhint: {USAGE}")));
        }
        if let Some(absent) = paths.iter().find(|path| !is_given(path)) {
            let shown = escape_to(absent, 200);
            let what = if is_name(absent) { "one at a time, and this is another" } else { "no such file or directory" };
            return Err(UsageError(format!("{what}: {shown}\nhint: {USAGE}")));
        }
        let mut parts = text.splitn(6, ':');
        let (account, resource) = (parts.nth(4), parts.next());
        let session = account.zip(resource).and_then(|(account, resource)| {
            let mut parts = resource.strip_prefix("assumed-role/")?.splitn(2, '/');
            let (role, session) = (parts.next()?, parts.next().unwrap_or_default());
            Some((format!(":{account}:"), format!("/{role}").to_lowercase(), session.to_lowercase()))
        });
        Ok(Self { text: text.trim().to_lowercase(), session })
    }

    /// How well a key or an ARN fits.
    fn fit_of_name(&self, name: &str) -> Option<Fit> {
        let name = name.to_lowercase();
        match &self.session {
            _ if name == self.text => Some(Fit::Whole),
            Some((account, role, _)) => (name.contains(account) && name.ends_with(role)).then_some(Fit::OfSession),
            None if name.rsplit(['/', ':']).next() == Some(&self.text) => Some(Fit::Named),
            None => name.contains(&self.text).then_some(Fit::Part),
        }
    }

    /// How well an incident's principal fits: by all that is shown of it.
    fn fit_of_principal(&self, principal: &Principal) -> Option<Fit> {
        let by_name = [&principal.key, &principal.arn, &principal.origin].into_iter().filter_map(|name| {
            let is_told = !name.is_empty();
            self.fit_of_name(name).filter(|_| is_told)
        });
        let by_session = match &self.session {
            // The very session, whichever role of a chain it is of.
            Some((_, _, session)) => {
                let is_of_role = self.fit_of_name(&principal.issuer).is_some();
                principal.sessions.iter().any(|one| is_of_role && one.to_lowercase() == *session).then_some(Fit::Whole)
            }
            None => principal.sessions.iter().filter_map(|one| self.fit_of_name(one)).min(),
        };
        by_name.chain(by_session).min()
    }

    /// The principals that fit, as far as the engine knows them.
    pub(super) fn all_of(&self, engine: &Engine) -> BTreeSet<Arc<str>> {
        let by_name = engine.principals().filter(|key| self.fit_of_name(key).is_some()).cloned();
        let situations = engine.situations();
        let told = situations.iter().map(|situation| &situation.incident);
        let by_incident = told.filter_map(|report| {
            let principal = report.principal.as_ref()?;
            let fits = report.id == self.text || self.fit_of_principal(principal).is_some();
            fits.then(|| Arc::from(principal.key.as_str()))
        });
        by_name.chain(by_incident).collect()
    }

    /// The one who is meant.
    pub(super) fn choose<'a>(
        &self,
        principals: impl Iterator<Item = &'a Arc<str>>,
        reports: &[&Report],
    ) -> Result<Chosen, UsageError> {
        let of_id = reports.iter().find(|report| report.id == self.text);
        if let Some((report, principal)) = of_id.and_then(|report| Some((report, report.principal.as_ref()?))) {
            return Ok(Chosen { key: principal.key.as_str().into(), incident: Some(report.id.clone()) });
        }
        let mut fits: BTreeMap<Arc<str>, Fit> = BTreeMap::new();
        let mut add = |key: Arc<str>, fit: Option<Fit>| {
            if let Some(fit) = fit {
                fits.entry(key).and_modify(|held| *held = fit.min(*held)).or_insert(fit);
            }
        };
        principals.for_each(|key| add(Arc::clone(key), self.fit_of_name(key)));
        let told: Vec<&Principal> = reports.iter().filter_map(|report| report.principal.as_ref()).collect();
        told.iter().for_each(|one| add(one.key.as_str().into(), self.fit_of_principal(one)));
        let best = fits.values().min().copied();
        let mut keys: Vec<Arc<str>> =
            fits.into_iter().filter(|(_, fit)| Some(*fit) == best).map(|(key, _)| key).collect();
        // A role through which people came in, and which has no incident itself, stands for them.
        let of_key = |key: &str| told.iter().any(|one| one.key == key);
        let is_door = |key: &str| !of_key(key) && told.iter().any(|one| one.arn == key);
        if keys.iter().any(|key| of_key(key)) {
            keys.retain(|key| !is_door(key));
        }
        match keys.as_slice() {
            [only] => Ok(Chosen { key: Arc::clone(only), incident: None }),
            [] => Err(self.nobody(reports)),
            several => Err(self.several(several, reports)),
        }
    }

    fn nobody(&self, reports: &[&Report]) -> UsageError {
        let asked = escape_to(&self.text, 200);
        if self.text.starts_with("tb-") {
            let hint = if reports.is_empty() { "this trail has no incident" } else { "`trailbrake replay` names them" };
            return UsageError(format!("no incident of this trail has this id: {asked}\nhint: {hint}"));
        }
        let hint = format!("{USAGE} takes one that created or destroyed something, or was refused to");
        UsageError(format!("no principal of this trail matches: {asked}\nhint: {hint}"))
    }

    fn several(&self, keys: &[Arc<str>], reports: &[&Report]) -> UsageError {
        let mut text = format!("{} principals of this trail match: {}", keys.len(), escape_to(&self.text, 200));
        text.push_str("\nhint: name one of them, or its incident:");
        for key in keys.iter().take(MATCHES_NAMED_MAX) {
            let is_of_key = |report: &&&Report| report.principal.as_ref().is_some_and(|one| *one.key == **key);
            let ids = reports.iter().filter(is_of_key).take(INCIDENTS_NAMED_MAX).map(|one| escape_to(&one.id, 30));
            let ids: String = ids.map(|id| format!("  {id}")).collect();
            text.push_str(&format!("\n  {}{ids}", escape_to(key, 200)));
        }
        if keys.len() > MATCHES_NAMED_MAX {
            text.push_str(&format!("\n  and {} more", keys.len() - MATCHES_NAMED_MAX));
        }
        UsageError(text)
    }
}

fn is_path(text: &str) -> bool {
    // What is a link is there, though it may lead nowhere: reading it says so.
    std::path::Path::new(text).symlink_metadata().is_ok()
}

/// Whether something can be read, or may stand for something that can.
fn is_given(path: &str) -> bool {
    path == "-" || path.contains(['*', '?', '[']) || is_path(path)
}

/// Whether it is an incident's id or an ARN.
fn is_name(text: &str) -> bool {
    let is_id = |id: &str| id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    text.strip_prefix("tb-").is_some_and(is_id) || text.starts_with("arn:")
}

#[cfg(test)]
mod tests {
    use trailbrake_detectors::engine::Mode;
    use trailbrake_detectors::incident::{Severity, Standing, State, blind};
    use trailbrake_detectors::time::Second;

    use super::*;

    const ROLE: &str = "arn:aws:iam::111111111111:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Ops_1";

    /// An incident of a principal.
    fn report(id: &str, key: &str, arn: &str, sessions: &[&str]) -> Report {
        let standing = Standing {
            id: id.to_owned(),
            state: State::Open,
            mode: Mode::Observe,
            severity_peak: Severity::High,
            eased: None,
            exact: true,
        };
        let text = |text: &str| text.to_owned();
        let principal = Principal {
            key: text(key),
            arn: text(arn),
            kind: text("AssumedRole"),
            account: text("111111111111"),
            session: sessions.first().map(|one| text(one)).unwrap_or_default(),
            sessions: sessions.iter().map(|one| text(one)).collect(),
            issuer: text(arn),
            origin: String::new(),
            tool: String::new(),
        };
        Report { principal: Some(principal), ..blind(&standing, Second(0), "") }
    }

    fn chosen(text: &str, keys: &[&str], reports: &[Report]) -> Result<(String, Option<String>), String> {
        let keys: Vec<Arc<str>> = keys.iter().map(|key| Arc::from(*key)).collect();
        let reports: Vec<&Report> = reports.iter().collect();
        let wanted = Wanted::of(text, &[]).map_err(|error| error.to_string())?;
        let chosen = wanted.choose(keys.iter(), &reports).map_err(|error| error.to_string())?;
        Ok((chosen.key.to_string(), chosen.incident))
    }

    #[test]
    fn a_principal_is_found_by_arn_session_name_or_part() {
        let keys =
            ["arn:aws:iam::111111111111:role/ops/deploy", "arn:aws:iam::111111111111:role/deploy-old", "saml:a@b"];
        for (text, expected) in [
            (keys[0], keys[0]),
            ("deploy", keys[0]),
            ("DEPLOY-OLD", keys[1]),
            ("old", keys[1]),
            ("@b", keys[2]),
            ("arn:aws:sts::111111111111:assumed-role/deploy/session", keys[0]),
        ] {
            assert_eq!(chosen(text, &keys, &[]), Ok((expected.to_owned(), None)), "{text}");
        }
        assert!(
            chosen("nobody", &keys, &[])
                .is_err_and(|error| error.starts_with("no principal of this trail matches: nobody"))
        );
        assert!(
            chosen("tb-x", &keys, &[])
                .is_err_and(|error| error.starts_with("no incident of this trail has this id: tb-x"))
        );
        assert!(chosen("arn:aws:sts::222222222222:assumed-role/deploy/session", &keys, &[]).is_err());
        for text in ["", " "] {
            let error = chosen(text, &keys, &[]).expect_err("nobody");
            assert_eq!(error, "no principal is named\nhint: trailbrake explain PRINCIPAL PATH…");
        }
    }

    #[test]
    fn several_are_listed_one_per_line_with_their_incidents() {
        let keys = ["arn:aws:iam::111111111111:role/deploy", "arn:aws:iam::222222222222:role/deploy"];
        let reports = [report("tb-1", keys[1], keys[1], &["s"])];
        assert_eq!(
            chosen("deploy", &keys, &reports),
            Err("2 principals of this trail match: deploy\nhint: name one of them, or its incident:\n  \
                 arn:aws:iam::111111111111:role/deploy\n  arn:aws:iam::222222222222:role/deploy  tb-1"
                .to_owned())
        );
    }

    #[test]
    fn people_are_found_by_the_role_that_they_came_in_by_and_by_their_incidents() {
        let (priya, oskar) = ("identity-center:u-1", "identity-center:u-2");
        let reports = [report("tb-1", priya, ROLE, &["priya@example.com"]), report("tb-2", oskar, ROLE, &["oskar"])];
        let keys = [ROLE, priya, oskar];
        let session = ROLE.replace(":iam:", ":sts:").replace("role/aws-reserved/sso.amazonaws.com", "assumed-role");
        let found = |text: &str, reports: &[Report]| chosen(text, &keys, reports);
        let is = |key: &str| Ok((key.to_owned(), None));
        assert_eq!(found(ROLE, &reports[..1]), is(priya));
        assert_eq!(found("AWSReservedSSO_Ops_1", &reports[..1]), is(priya));
        assert_eq!(found(&format!("{session}/oskar"), &reports), is(oskar));
        assert_eq!(found("oskar", &reports), is(oskar));
        assert_eq!(found("priya@", &reports), is(priya));
        assert_eq!(found("tb-2", &reports), Ok((oskar.to_owned(), Some("tb-2".to_owned()))));
        let error = found(ROLE, &reports).expect_err("two of them");
        assert!(error.contains("\n  identity-center:u-1  tb-1\n  identity-center:u-2  tb-2"), "{error}");
        // Without incidents, the role is all that is known.
        assert_eq!(found(ROLE, &[]), is(ROLE));
        // The role's own incident is meant before those of people.
        assert_eq!(found(&format!("{session}/nobody"), &[report("tb-3", ROLE, ROLE, &[])]), is(ROLE));
    }

    #[test]
    fn arguments_the_wrong_way_round_are_told() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().display().to_string();
        let error = Wanted::of(&path, &["oskar".to_owned()]).err().expect("wrong").to_string();
        assert!(error.ends_with("\nhint: trailbrake explain PRINCIPAL PATH…"), "{error}");
        assert!(Wanted::of(&path, &["-".to_owned()]).is_ok());
        assert!(Wanted::of("oskar", std::slice::from_ref(&path)).is_ok());
        for (others, expected) in [
            (vec!["*.gz", "-"], None),
            (vec!["tb-grs5z6dilikm5ftz"], Some("one at a time, and this is another: tb-grs5z6dilikm5ftz")),
            (vec!["arn:aws:iam::1:role/b"], Some("one at a time, and this is another: arn:aws:iam::1:role/b")),
            (vec!["priya"], Some("no such file or directory: priya")),
            (vec!["tb-x\u{1b}"], Some("no such file or directory: tb-x\\u{1b}")),
        ] {
            let paths: Vec<String> = others.into_iter().chain([path.as_str()]).map(str::to_owned).collect();
            let said = Wanted::of("tb-aaaaaaaaaaaaaaaa", &paths).err().map(|error| error.to_string());
            let expected = expected.map(|what| format!("{what}\nhint: trailbrake explain PRINCIPAL PATH…"));
            assert_eq!(said, expected);
        }
    }
}
