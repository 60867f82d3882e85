//! A program of yours: CloudEvents 1.0 in structured JSON, signed as Standard Webhooks 1.0.0 says. The README documents both.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use trailbrake_detectors::engine::{Announcement, Change};

use super::clean::{clean, clean_value, shorten};
use super::post::{Address, Post};
use super::words::{description, link, marked, next_step, on_record, summary};
use super::{AlertError, Common, Delivering, Delivery, DeliveryError, Notice, NoticeKind, Receiver};
use crate::clock::{SharedClock, SystemClock};
use crate::config::{Plaintext, Secret, Section};
use crate::journal::OnRecord;
use crate::limits::{
    CLOUD_EVENT_BYTES_MAX, DETAIL_CHARS_MAX, LABEL_CHARS_MAX, MESSAGES_PER_MINUTE_MAX, MESSAGES_PER_MINUTE_PROGRAM,
};
use crate::signed::Signer;

/// What all types of our events begin with.
const TYPE_PREFIX: &str = "dev.trailbrake";
/// The source of our events where the configuration names none.
const SOURCE: &str = "urn:trailbrake";

/// `[receivers.NAME.webhook]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where events are posted.
    pub url: String,
    /// The secret that they are signed with, `whsec_…`.
    pub secret: Secret,
    /// The `source` of the events; nothing: the public URL, else `urn:trailbrake`.
    pub source: Option<String>,
    /// Past so many messages in a minute, incidents are told together.
    #[serde(default = "Settings::messages_per_minute")]
    pub messages_per_minute: u32,
}

impl Settings {
    fn messages_per_minute() -> u32 {
        MESSAGES_PER_MINUTE_PROGRAM
    }

    pub(super) fn check(&self, section: &mut Section<'_, '_>) {
        section.web_address("url", &self.url, Plaintext::Loopback);
        section.secret("secret", &self.secret);
        if let Err(error) = Signer::new(&self.secret) {
            section.problem("secret", error.what, error.hint);
        }
        if let Some(source) = &self.source {
            let is_plain = source.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"\\^`{|}".contains(&byte));
            if source.is_empty() || source.len() > LABEL_CHARS_MAX || !is_plain {
                section.problem(
                    "source",
                    "no URI reference",
                    "write it as urn:example:production or https://host/path",
                );
            }
        }
        section.number("messages_per_minute", self.messages_per_minute, 1..=MESSAGES_PER_MINUTE_MAX);
    }
}

/// A program behind a URL.
pub(super) struct Webhook {
    name: String,
    source: String,
    public_url: Option<String>,
    messages_per_minute: u32,
    signer: Signer,
    clock: SharedClock,
    post: Post,
}

impl Webhook {
    pub(super) fn new(settings: &Settings, common: &Common<'_>) -> Result<Self, AlertError> {
        let signer = Signer::new(&settings.secret)
            .map_err(|error| AlertError::Secret { receiver: common.name.to_owned(), reason: error.to_string() })?;
        Ok(Self {
            name: common.name.to_owned(),
            source: settings.source.as_deref().or(common.public_url).unwrap_or(SOURCE).to_owned(),
            public_url: common.public_url.map(str::to_owned),
            messages_per_minute: settings.messages_per_minute,
            signer,
            clock: Arc::new(SystemClock),
            post: Post::new(common, Address::Open(&settings.url), Plaintext::Loopback)?,
        })
    }

    /// The order's idempotency key: the same for each attempt at one announcement, and for no other.
    fn id(&self, announcement: &Announcement) -> String {
        clean(&format!("{}/{}", announcement.id, self.name), DETAIL_CHARS_MAX)
    }

    fn event(&self, announcement: &Announcement, record: &OnRecord) -> Vec<u8> {
        let situation = &announcement.situation;
        let change = match announcement.change {
            Change::Opened => "opened",
            Change::Updated => "updated",
            Change::Resolved => "resolved",
        };
        // A situation has only string keys and finite numbers or `null`: that it has a JSON form is not in doubt.
        let mut data = clean_value(serde_json::to_value(situation).unwrap_or_default());
        data["page"] = json!({
            "key": clean(&announcement.page_key, LABEL_CHARS_MAX),
            "summary": marked(&summary(announcement), record),
            "description": description(announcement),
            "next_step": next_step(announcement),
            "link": link(self.public_url.as_deref(), &situation.incident.id),
        });
        if let Some((field, text)) = on_record(record) {
            data["page"][field] = json!(text);
        }
        let id = self.id(announcement);
        let subject = clean(&situation.incident.id, LABEL_CHARS_MAX);
        loop {
            let time = announcement.at.second().to_string();
            let event = self.envelope(&id, &format!("incident.{change}"), &subject, &time, &data);
            let body = event.to_string().into_bytes();
            if body.len() <= CLOUD_EVENT_BYTES_MAX || !shorten_data(&mut data) {
                return body;
            }
        }
    }

    fn notice(&self, notice: &Notice) -> Vec<u8> {
        let data = json!({
            "summary": notice.headline,
            "description": notice.text,
            "severity": notice.severity.as_str(),
            "incidents": notice.incidents,
        });
        let kind = match notice.kind {
            NoticeKind::Test => "test",
            NoticeKind::Summary => "incidents.summary",
        };
        let time = notice.at.second().to_string();
        self.envelope(&notice.id, kind, &notice.key, &time, &data).to_string().into_bytes()
    }

    fn envelope(&self, id: &str, kind: &str, subject: &str, time: &str, data: &Value) -> Value {
        json!({
            "specversion": "1.0",
            "id": id,
            "source": self.source,
            "type": format!("{TYPE_PREFIX}.{kind}"),
            "subject": subject,
            "time": time,
            "datacontenttype": "application/json",
            "data": data,
        })
    }

    /// The time in the headers is that of the attempt, so that a receiver can refuse what was recorded and sent again.
    async fn send(&self, id: String, body: Vec<u8>) -> Result<Delivery, DeliveryError> {
        let timestamp = self.clock.now().second().0;
        // What is no ASCII cannot stand in a header; names of receivers may hold it.
        let id: String = id.chars().map(|one| if one.is_ascii_graphic() { one } else { '-' }).collect();
        let headers = [
            ("content-type", "application/cloudevents+json; charset=utf-8".to_owned()),
            ("webhook-signature", self.signer.sign(&id, timestamp, &body)),
            ("webhook-timestamp", timestamp.to_string()),
            ("webhook-id", id),
        ];
        self.post.with_headers(&headers, body).await.map(|answer| answer.taken())
    }
}

/// First the evidence goes; then the lists that can be long, one after the other; what they hold is at the API.
fn shorten_data(data: &mut Value) -> bool {
    if data.pointer("/incident/evidence").and_then(Value::as_array).is_some_and(|evidence| !evidence.is_empty()) {
        return shorten(data, &[]);
    }
    let lists = ["/incident/recreated", "/incident/principal/sessions", "/incident/destroyed/by_type"];
    for list in lists.into_iter().chain(["/pauses", "/approvals", "/verdicts"]) {
        match data.pointer_mut(list) {
            Some(Value::Array(elements)) if !elements.is_empty() => elements.truncate(elements.len() / 2),
            Some(Value::Object(fields)) if !fields.is_empty() => {
                let half = fields.len() / 2;
                let kept: Vec<String> = fields.keys().take(half).cloned().collect();
                fields.retain(|key, _| kept.contains(key));
            }
            _ => continue,
        }
        data["evidence_cut"] = json!(true);
        return true;
    }
    shorten(data, &["page"])
}

impl Receiver for Webhook {
    fn name(&self) -> &str {
        &self.name
    }

    fn deliver<'a>(&'a self, announcement: &'a Announcement, record: &'a OnRecord) -> Delivering<'a> {
        Box::pin(self.send(self.id(announcement), self.event(announcement, record)))
    }

    fn tell<'a>(&'a self, notice: &'a Notice) -> Delivering<'a> {
        Box::pin(self.send(notice.id.clone(), self.notice(notice)))
    }

    fn public_url(&self) -> Option<&str> {
        self.public_url.as_deref()
    }

    fn messages_per_minute(&self) -> Option<u32> {
        Some(self.messages_per_minute)
    }
}
