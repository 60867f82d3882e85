//! Who is told, and of what: the receivers of a configuration and the routes to them.

use std::sync::Arc;

use trailbrake_detectors::incident::Severity;

use super::check::known_detectors;
use super::document::Document;
use super::problem::did_you_mean;
use super::section::Section;
use super::{ReceiverConfig, raw};
use crate::alert::{ReceiverKind, Route, Routes};
use crate::limits::{LABEL_CHARS_MAX, ROUTES_MAX};

pub(super) fn check(document: &mut Document<'_>) -> (Vec<ReceiverConfig>, Arc<Routes>) {
    let entries = document.entries::<ReceiverKind>("receivers");
    for (name, kind) in &entries {
        let mut section = Section::new(document, format!("receivers.{name}"));
        kind.check(&mut section);
        if name.is_empty() || name.chars().count() > LABEL_CHARS_MAX || name.chars().any(char::is_control) {
            section.problem("", "no name for a receiver", format!("a few words, at most {LABEL_CHARS_MAX} characters"));
        }
    }
    if entries.is_empty() {
        let hint = "name a receiver: [receivers.oncall.pagerduty] or [receivers.alerts.alertmanager]";
        document.warning("receivers", "nobody is told about incidents", hint);
    }
    // A receiver that is written and wrong is still one that a route may name.
    let names = document.keys_of("receivers");
    let routes = Arc::new(Routes::new(check_routes(document, &names)));
    let receivers = entries.into_iter().map(|(name, kind)| ReceiverConfig { name, kind }).collect();
    (receivers, routes)
}

fn check_routes(document: &mut Document<'_>, receivers: &[String]) -> Vec<Route> {
    let routes = document.section::<Vec<raw::Route>>("routes");
    if routes.len() > ROUTES_MAX {
        document.problem("routes", format!("more than {ROUTES_MAX} routes"), "name several accounts in one route");
    }
    for (index, route) in routes.iter().enumerate() {
        let mut section = Section::new(document, format!("routes[{index}]"));
        if route.severity < Severity::High {
            let what = format!("nobody is told of what is only {}", route.severity.as_str());
            section.problem("severity", what, "write high or critical");
        }
        for (index, account) in route.accounts.iter().enumerate() {
            section.account(&format!("accounts[{index}]"), account);
        }
        let known = known_detectors();
        for (index, detector) in route.detectors.iter().enumerate() {
            if !known.contains(&detector.as_str()) {
                let hint = format!("{}known are {}", did_you_mean(detector, &known), known.join(", "));
                section.problem(&format!("detectors[{index}]"), format!("no detector: {detector}"), hint);
            }
        }
        if route.receivers.is_empty() {
            let hint = "name one; who is paged too often raises the detector's limit";
            section.problem("receivers", "a route without receivers would silence what pages", hint);
        }
        for (index, receiver) in route.receivers.iter().enumerate() {
            if !receivers.contains(receiver) {
                let known: Vec<&str> = receivers.iter().map(String::as_str).collect();
                let hint = match receivers {
                    [] => "write it, as [receivers.NAME.pagerduty]".to_owned(),
                    _ => format!("{}known are {}", did_you_mean(receiver, &known), known.join(", ")),
                };
                section.problem(&format!("receivers[{index}]"), format!("no receiver: {receiver}"), hint);
            }
        }
    }
    for name in receivers.iter().filter(|_| !routes.is_empty()) {
        if !routes.iter().any(|route| route.receivers.contains(name)) {
            let what = "no route names this receiver: it is told only of what no route takes";
            document.warning(&format!("receivers.{name}"), what, "name it in a route, or remove it");
        }
    }
    let route = |route: raw::Route| Route {
        severity: route.severity,
        accounts: route.accounts,
        detectors: route.detectors,
        receivers: route.receivers,
    };
    routes.into_iter().map(route).collect()
}
