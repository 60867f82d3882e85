//! PagerDuty, Events API v2: one event for each announcement; all of one page key are one alert there.

use serde::Deserialize;
use serde_json::{Value, json};
use trailbrake_detectors::engine::{Announcement, Change};
use trailbrake_detectors::incident::Severity;

use super::clean::{clean, clean_value, shorten};
use super::post::{Address, Answer, Post};
use super::words::{account, description, link, marked, next_step, on_record, summary};
use super::{AlertError, Common, Delivering, Delivery, DeliveryError, FailureReason, Notice, Receiver};
use crate::config::{Plaintext, Secret, Section};
use crate::journal::OnRecord;
use crate::limits::{
    DETAIL_CHARS_MAX, LABEL_CHARS_MAX, MESSAGES_PER_MINUTE, MESSAGES_PER_MINUTE_MAX, PAGERDUTY_EVENT_BYTES_MAX,
};

/// `[receivers.NAME.pagerduty]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The integration's key.
    pub routing_key: Secret,
    /// Where events are posted.
    #[serde(default = "Settings::endpoint")]
    pub endpoint: String,
    /// Past so many messages in a minute, incidents are told together.
    #[serde(default = "Settings::messages_per_minute")]
    pub messages_per_minute: u32,
}

impl Settings {
    fn endpoint() -> String {
        "https://events.pagerduty.com/v2/enqueue".to_owned()
    }

    fn messages_per_minute() -> u32 {
        MESSAGES_PER_MINUTE
    }

    pub(super) fn check(&self, section: &mut Section<'_, '_>) {
        section.secret("routing_key", &self.routing_key);
        if !(1..=ROUTING_KEY_CHARS_MAX).contains(&self.routing_key.expose().chars().count()) {
            let hint = "it is the integration key of an Events API v2 integration, 32 characters";
            section.problem("routing_key", format!("longer than {ROUTING_KEY_CHARS_MAX} characters"), hint);
        }
        section.web_address("endpoint", &self.endpoint, Plaintext::Loopback);
        section.number("messages_per_minute", self.messages_per_minute, 1..=MESSAGES_PER_MINUTE_MAX);
    }
}

/// PagerDuty.
pub(super) struct PagerDuty {
    name: String,
    routing_key: Secret,
    public_url: Option<String>,
    messages_per_minute: u32,
    post: Post,
}

/// What PagerDuty says of an event.
#[derive(Deserialize)]
struct Said {
    status: String,
}

impl PagerDuty {
    pub(super) fn new(settings: &Settings, common: &Common<'_>) -> Result<Self, AlertError> {
        Ok(Self {
            name: common.name.to_owned(),
            routing_key: settings.routing_key.clone(),
            public_url: common.public_url.map(str::to_owned),
            messages_per_minute: settings.messages_per_minute,
            post: Post::new(common, Address::Open(&settings.endpoint), Plaintext::Loopback)?,
        })
    }

    fn event(&self, announcement: &Announcement, record: &OnRecord) -> Vec<u8> {
        if announcement.change == Change::Resolved {
            return self.body(announcement, "resolve", None).to_string().into_bytes();
        }
        let mut details = details(announcement, record);
        loop {
            let payload = payload(announcement, &details, record);
            let body = self.body(announcement, "trigger", Some(payload)).to_string().into_bytes();
            if body.len() <= PAGERDUTY_EVENT_BYTES_MAX
                || !shorten(&mut details, &["description", "next_step", "audit_head", "journal"])
            {
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

impl PagerDuty {
    fn notice(&self, notice: &Notice) -> Vec<u8> {
        let body = json!({
            "routing_key": self.routing_key.expose(),
            "event_action": "trigger",
            "dedup_key": clean(&notice.key, DEDUP_KEY_CHARS_MAX),
            "client": "Trailbrake",
            "payload": {
                "summary": notice.headline,
                "source": "trailbrake",
                "severity": severity(notice.severity),
                "timestamp": notice.at.second().to_string(),
                "class": notice.kind.as_str(),
                "custom_details": { "description": notice.text, "incidents": notice.incidents },
            },
        });
        body.to_string().into_bytes()
    }

    async fn send(&self, body: Vec<u8>) -> Result<Delivery, DeliveryError> {
        self.post.json_understood(body, understood).await
    }
}

/// A status of success is not enough: whatever stands between may have answered, or the event was found wrong.
fn understood(answer: &Answer) -> Result<(), FailureReason> {
    match serde_json::from_slice::<Said>(answer.body()) {
        Ok(Said { status }) if status == "success" => Ok(()),
        Ok(_) => Err(FailureReason::Refused),
        Err(_) => Err(FailureReason::BadAnswer),
    }
}

impl Receiver for PagerDuty {
    fn name(&self) -> &str {
        &self.name
    }

    fn deliver<'a>(&'a self, announcement: &'a Announcement, record: &'a OnRecord) -> Delivering<'a> {
        Box::pin(self.send(self.event(announcement, record)))
    }

    fn tell<'a>(&'a self, notice: &'a Notice) -> Delivering<'a> {
        Box::pin(self.send(self.notice(notice)))
    }

    fn public_url(&self) -> Option<&str> {
        self.public_url.as_deref()
    }

    fn messages_per_minute(&self) -> Option<u32> {
        Some(self.messages_per_minute)
    }
}

/// PagerDuty takes keys of up to 255 characters.
const DEDUP_KEY_CHARS_MAX: usize = 255;
/// Integration keys have 32 characters; a longer secret is something else, and must not be sent.
const ROUTING_KEY_CHARS_MAX: usize = 64;

fn payload(announcement: &Announcement, details: &Value, record: &OnRecord) -> Value {
    let situation = &announcement.situation;
    let arn = situation.incident.principal.as_ref().map_or("", |principal| principal.arn.as_str());
    let account = clean(account(situation), LABEL_CHARS_MAX);
    json!({
        "summary": marked(&summary(announcement), record),
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
fn details(announcement: &Announcement, record: &OnRecord) -> Value {
    // A situation has only string keys and finite numbers or `null`: that it has a JSON form is not in doubt.
    let mut details = clean_value(serde_json::to_value(&announcement.situation).unwrap_or_default());
    details["description"] = json!(description(announcement));
    details["next_step"] = json!(clean(&next_step(announcement), DETAIL_CHARS_MAX));
    if let Some((field, text)) = on_record(record) {
        details[field] = json!(text);
    }
    details
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
}
