//! PagerDuty, Events API v2: one event for each announcement, grouped by the page key.

use serde::Deserialize;
use serde_json::{Value, json};
use trailbrake_detectors::engine::{Announcement, Change};
use trailbrake_detectors::incident::Severity;

use super::post::Post;
use super::words::{account, clean, clean_value, description, link, next_step, summary};
use super::{AlertError, Common, Delivering, Receiver};
use crate::config::{Plaintext, Secret, Section};
use crate::limits::{DETAIL_CHARS_MAX, LABEL_CHARS_MAX, PAGERDUTY_EVENT_BYTES_MAX};

/// `[receivers.NAME.pagerduty]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The integration's key.
    pub routing_key: Secret,
    /// Where events are posted.
    #[serde(default = "Settings::endpoint")]
    pub endpoint: String,
}

impl Settings {
    fn endpoint() -> String {
        "https://events.pagerduty.com/v2/enqueue".to_owned()
    }

    pub(super) fn check(&self, section: &mut Section<'_, '_>) {
        section.secret("routing_key", &self.routing_key);
        section.web_address("endpoint", &self.endpoint, Plaintext::Loopback);
    }
}

/// PagerDuty.
#[derive(Debug)]
pub(super) struct PagerDuty {
    name: String,
    routing_key: Secret,
    public_url: Option<String>,
    post: Post,
}

impl PagerDuty {
    pub(super) fn new(settings: &Settings, common: &Common<'_>) -> Result<Self, AlertError> {
        Ok(Self {
            name: common.name.to_owned(),
            routing_key: settings.routing_key.clone(),
            public_url: common.public_url.map(str::to_owned),
            post: Post::new(common, &settings.endpoint, Plaintext::Loopback)?,
        })
    }

    fn event(&self, announcement: &Announcement) -> Vec<u8> {
        if announcement.change == Change::Resolved {
            return self.body(announcement, "resolve", None).to_string().into_bytes();
        }
        let mut details = details(announcement);
        loop {
            let payload = payload(announcement, &details);
            let body = self.body(announcement, "trigger", Some(payload)).to_string().into_bytes();
            if body.len() <= PAGERDUTY_EVENT_BYTES_MAX || !shorten(&mut details) {
                return body;
            }
        }
    }

    fn body(&self, announcement: &Announcement, action: &str, payload: Option<Value>) -> Value {
        let mut body = json!({
            "routing_key": self.routing_key.expose(),
            "event_action": action,
            "dedup_key": clean(&announcement.page_key, DEDUP_KEY_CHARS_MAX),
            "client": "Trailbrake",
        });
        if let Some(link) = link(self.public_url.as_deref(), &announcement.situation.incident.id) {
            body["client_url"] = json!(link);
            body["links"] = json!([{ "href": link, "text": "The incident in Trailbrake" }]);
        }
        if let Some(payload) = payload {
            body["payload"] = payload;
        }
        body
    }
}

impl Receiver for PagerDuty {
    fn name(&self) -> &str {
        &self.name
    }

    fn deliver<'a>(&'a self, announcement: &'a Announcement) -> Delivering<'a> {
        Box::pin(self.post.send(self.event(announcement)))
    }
}

/// PagerDuty takes keys of up to 255 characters.
const DEDUP_KEY_CHARS_MAX: usize = 255;

fn payload(announcement: &Announcement, details: &Value) -> Value {
    let situation = &announcement.situation;
    let arn = situation.incident.principal.as_ref().map_or("", |principal| principal.arn.as_str());
    let account = clean(account(situation), LABEL_CHARS_MAX);
    json!({
        "summary": summary(situation),
        "source": if account.is_empty() { "aws".to_owned() } else { format!("aws:{account}") },
        "severity": severity(situation.incident.severity),
        "timestamp": announcement.at.second().to_string(),
        "component": clean(arn, DETAIL_CHARS_MAX),
        "group": account,
        "class": clean(&situation.incident.detectors.join(","), LABEL_CHARS_MAX),
        "custom_details": details,
    })
}

/// PagerDuty has four words.
fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "info",
    }
}

/// The whole situation, cleaned, with what to do next.
fn details(announcement: &Announcement) -> Value {
    // A situation has only string keys and finite numbers or `null`: that it has a JSON form is not in doubt.
    let mut details = clean_value(serde_json::to_value(&announcement.situation).unwrap_or_default());
    details["description"] = json!(description(announcement));
    details["next_step"] = json!(clean(&next_step(announcement), DETAIL_CHARS_MAX));
    details
}

/// Takes half of the evidence away, the lighter half, which comes last; without evidence, everything but the texts.
fn shorten(details: &mut Value) -> bool {
    if let Some(evidence) = details.pointer_mut("/incident/evidence").and_then(Value::as_array_mut)
        && !evidence.is_empty()
    {
        evidence.truncate(evidence.len() / 2);
        details["evidence_cut"] = json!(true);
        return true;
    }
    let Some(fields) = details.as_object_mut() else { return false };
    let before = fields.len();
    fields.retain(|key, _| ["description", "next_step", "evidence_cut"].contains(&key.as_str()));
    fields.len() < before
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severities_are_pagerdutys_own() {
        let words: Vec<&str> =
            [Severity::Info, Severity::Low, Severity::Medium, Severity::High, Severity::Critical].map(severity).into();
        assert_eq!(words, ["info", "info", "warning", "error", "critical"]);
    }

    #[test]
    fn a_page_is_shortened_until_only_its_texts_are_left() {
        let mut details =
            json!({"incident": {"evidence": [1, 2, 3]}, "pauses": [], "description": "d", "next_step": "n"});
        let mut steps = 0;
        while shorten(&mut details) {
            steps += 1;
        }
        assert_eq!(steps, 3);
        assert_eq!(details, json!({"description": "d", "next_step": "n", "evidence_cut": true}));
    }
}
