//! Which receiver is told of which incidents. An incident that no route names is told to all: silence is never a default.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use trailbrake_detectors::engine::{Announcement, Situation};
use trailbrake_detectors::incident::Severity;

use super::{Delivering, Notice, Receiver};
use crate::journal::OnRecord;

/// One route: the incidents that it takes, and who is told of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// From this severity on.
    pub severity: Severity,
    /// Incidents that touch one of these accounts; none: any.
    pub accounts: Vec<String>,
    /// Incidents that one of these detectors speaks of; none: any.
    pub detectors: Vec<String>,
    /// The receivers.
    pub receivers: Vec<String>,
}

impl Route {
    fn takes(&self, situation: &Situation) -> bool {
        let incident = &situation.incident;
        let touches = |account: &String| {
            incident.accounts.contains(account)
                || incident.principal.as_ref().is_some_and(|principal| principal.account == *account)
        };
        incident.severity_peak.max(incident.severity) >= self.severity
            && (self.accounts.is_empty() || self.accounts.iter().any(touches))
            && (self.detectors.is_empty() || self.detectors.iter().any(|one| incident.detectors.contains(one)))
    }
}

/// All routes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routes(Vec<Route>);

impl Routes {
    /// All routes of a configuration.
    pub fn new(routes: Vec<Route>) -> Self {
        Self(routes)
    }

    /// Whether a receiver is told of an incident: a route that takes it names the receiver, or none takes it.
    pub fn lead_to(&self, receiver: &str, situation: &Situation) -> bool {
        let mut taking = self.0.iter().filter(|route| route.takes(situation)).peekable();
        taking.peek().is_none() || taking.any(|route| route.receivers.iter().any(|name| name == receiver))
    }
}

/// The routes that hold now. All receivers built with one of these follow its changes.
#[derive(Clone, Debug, Default)]
pub struct LiveRoutes(Arc<RwLock<Arc<Routes>>>);

impl LiveRoutes {
    /// Routes that hold until others are set.
    pub fn new(routes: Arc<Routes>) -> Self {
        Self(Arc::new(RwLock::new(routes)))
    }

    /// Others hold from here on.
    pub fn set(&self, routes: Arc<Routes>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = routes;
    }

    fn lead_to(&self, receiver: &str, situation: &Situation) -> bool {
        let routes = Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner));
        routes.lead_to(receiver, situation)
    }
}

/// A receiver behind the routes of the configuration.
pub(super) struct Routed {
    pub(super) receiver: Arc<dyn Receiver>,
    pub(super) routes: LiveRoutes,
}

impl Receiver for Routed {
    fn name(&self) -> &str {
        self.receiver.name()
    }

    fn deliver<'a>(&'a self, announcement: &'a Announcement, record: &'a OnRecord) -> Delivering<'a> {
        self.receiver.deliver(announcement, record)
    }

    fn deliver_again<'a>(&'a self, announcement: &'a Announcement, record: &'a OnRecord) -> Delivering<'a> {
        self.receiver.deliver_again(announcement, record)
    }

    fn tell<'a>(&'a self, notice: &'a Notice) -> Delivering<'a> {
        self.receiver.tell(notice)
    }

    fn public_url(&self) -> Option<&str> {
        self.receiver.public_url()
    }

    fn repeat_every(&self) -> Option<Duration> {
        self.receiver.repeat_every()
    }

    fn edits(&self) -> bool {
        self.receiver.edits()
    }

    fn messages_per_minute(&self) -> Option<u32> {
        self.receiver.messages_per_minute()
    }

    fn is_told_of(&self, situation: &Situation) -> bool {
        self.routes.lead_to(self.name(), situation)
    }
}

#[cfg(test)]
mod tests {
    use trailbrake_detectors::engine::Change;

    use super::super::tests::announcement;
    use super::*;

    fn route(severity: Severity, accounts: &[&str], detectors: &[&str], receivers: &[&str]) -> Route {
        let owned = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect();
        Route { severity, accounts: owned(accounts), detectors: owned(detectors), receivers: owned(receivers) }
    }

    /// An incident of deletion-burst in account 123456789012, with this severity.
    fn told(routes: &[Route], severity: Severity, peak: Severity) -> Vec<&'static str> {
        let mut situation = announcement(Change::Opened).situation;
        (situation.incident.severity, situation.incident.severity_peak) = (severity, peak);
        let routes = Routes::new(routes.to_vec());
        ["oncall", "chat"].into_iter().filter(|name| routes.lead_to(name, &situation)).collect()
    }

    #[test]
    fn each_route_that_takes_an_incident_adds_its_receivers_and_none_means_all() {
        use Severity::{Critical, High, Medium};
        let cases: &[(&[Route], &[&str])] = &[
            (&[], &["oncall", "chat"]),
            (&[route(High, &[], &[], &["chat"])], &["chat"]),
            (&[route(Critical, &[], &[], &["oncall"])], &["oncall", "chat"]),
            (&[route(Critical, &[], &[], &["oncall"]), route(High, &[], &[], &["chat"])], &["chat"]),
            (&[route(High, &["123456789012"], &[], &["oncall"])], &["oncall"]),
            (&[route(High, &["210987654321"], &[], &["oncall"])], &["oncall", "chat"]),
            (
                &[route(High, &["210987654321", "123456789012"], &["zone-spread", "deletion-burst"], &["oncall"])],
                &["oncall"],
            ),
            (&[route(High, &[], &["zone-spread"], &["oncall"]), route(High, &[], &[], &["chat"])], &["chat"]),
            (
                &[route(High, &[], &["deletion-burst"], &["oncall"]), route(High, &[], &[], &["chat"])],
                &["oncall", "chat"],
            ),
        ];
        for (routes, receivers) in cases {
            assert_eq!(told(routes, High, High), *receivers, "{routes:?}");
        }
        // What has been critical goes on to whoever was told, also when it eases.
        let paging = [route(Critical, &[], &[], &["oncall"]), route(High, &[], &[], &["chat"])];
        assert_eq!(told(&paging, Medium, Critical), ["oncall", "chat"]);
        assert_eq!(told(&paging, Critical, High), ["oncall", "chat"]);
    }
}
