//! Slack, incoming webhooks: each message stands for itself, since a webhook cannot edit what it wrote.

use serde::Deserialize;
use serde_json::json;
use trailbrake_detectors::engine::{Announcement, Change};

use super::clean::clean;
use super::post::{Address, Answer, Post};
use super::words::{description, link, marked, on_record, summary};
use super::{AlertError, Common, Delivering, Delivery, DeliveryError, FailureReason, Notice, Receiver};
use crate::config::{Plaintext, Secret, Section, web_address};
use crate::journal::OnRecord;
use crate::limits::{
    GLANCE_CHARS_MAX, MESSAGES_PER_MINUTE, MESSAGES_PER_MINUTE_MAX, SLACK_BLOCKS_MAX, SLACK_HEADER_CHARS_MAX,
    SLACK_SECTION_CHARS_MAX,
};

/// `[receivers.NAME.slack]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The webhook's URL: whoever knows it can write to the channel.
    pub url: Secret,
    /// Past so many messages in a minute, incidents are told together.
    #[serde(default = "Settings::messages_per_minute")]
    pub messages_per_minute: u32,
}

impl Settings {
    fn messages_per_minute() -> u32 {
        MESSAGES_PER_MINUTE
    }

    pub(super) fn check(&self, section: &mut Section<'_, '_>) {
        section.secret("url", &self.url);
        if let Err(what) = web_address(self.url.expose(), Plaintext::Loopback) {
            section.problem(
                "url",
                what,
                "it is the whole URL of an incoming webhook, https://hooks.slack.com/services/…",
            );
        }
        section.number("messages_per_minute", self.messages_per_minute, 1..=MESSAGES_PER_MINUTE_MAX);
    }
}

/// A channel of Slack.
pub(super) struct Slack {
    name: String,
    public_url: Option<String>,
    messages_per_minute: u32,
    post: Post,
}

/// A message before it is put into Slack's form.
struct Words<'a> {
    /// A few words before the headline.
    mark: &'a str,
    headline: String,
    text: String,
    link: Option<String>,
    id: &'a str,
    record: Option<(&'static str, String)>,
}

impl Slack {
    pub(super) fn new(settings: &Settings, common: &Common<'_>) -> Result<Self, AlertError> {
        Ok(Self {
            name: common.name.to_owned(),
            public_url: common.public_url.map(str::to_owned),
            messages_per_minute: settings.messages_per_minute,
            post: Post::new(common, Address::Secret(&settings.url), Plaintext::Loopback)?,
        })
    }

    fn message(&self, announcement: &Announcement, record: &OnRecord, is_repeat: bool) -> Vec<u8> {
        let incident = &announcement.situation.incident;
        let severity = incident.severity.as_str();
        let repeat = if is_repeat { "[may be a repeat] " } else { "" };
        let mark = match announcement.change {
            Change::Opened => format!("{repeat}{severity}"),
            Change::Updated => format!("{repeat}update, {severity}"),
            Change::Resolved => repeat.trim_end().to_owned(),
        };
        let link = link(self.public_url.as_deref(), &incident.id);
        let words = Words {
            mark: &mark,
            headline: marked(&summary(announcement), record),
            text: description(announcement),
            link,
            id: &announcement.id,
            record: on_record(record),
        };
        form(&words)
    }

    async fn send(&self, body: Vec<u8>) -> Result<Delivery, DeliveryError> {
        self.post.json_understood(body, understood).await
    }
}

/// Slack says `ok`. Its errors are words such as `invalid_payload` or `no_service`, which will be the same again.
fn understood(answer: &Answer) -> Result<(), FailureReason> {
    let said = answer.body().trim_ascii();
    match said {
        b"ok" => Ok(()),
        word if !word.is_empty() && word.iter().all(|byte| byte.is_ascii_lowercase() || *byte == b'_') => {
            Err(FailureReason::Refused)
        }
        _ => Err(FailureReason::BadAnswer),
    }
}

/// A message of Block Kit. Everything that others wrote is plain text, in which nothing is a link or a mention.
fn form(words: &Words<'_>) -> Vec<u8> {
    let mark = if words.mark.is_empty() { String::new() } else { format!("{}: ", words.mark.trim_end()) };
    let headline = format!("{mark}{}", words.headline);
    let glance = format!("{mark}{}", clean(&words.headline, GLANCE_CHARS_MAX));
    let plain = |text: &str, chars_max: usize| json!({ "type": "plain_text", "text": escaped(text, chars_max), "emoji": false });
    let mut blocks = vec![
        json!({ "type": "header", "text": plain(&headline, SLACK_HEADER_CHARS_MAX) }),
        json!({ "type": "section", "text": plain(&words.headline, SLACK_SECTION_CHARS_MAX) }),
        json!({ "type": "section", "text": plain(&words.text, SLACK_SECTION_CHARS_MAX) }),
    ];
    if let Some(link) = words.link.as_deref().filter(|link| !link.contains(['|', '<', '>'])) {
        let link = format!("<{}|The incident in Trailbrake>", link.replace('&', "&amp;"));
        blocks.push(json!({ "type": "section", "text": { "type": "mrkdwn", "text": link, "verbatim": true } }));
    }
    blocks.push(json!({ "type": "context", "elements": [plain(words.id, SLACK_HEADER_CHARS_MAX)] }));
    if let Some((field, text)) = &words.record {
        let line = format!("{}: {text}", field.replace('_', " "));
        blocks.push(json!({ "type": "context", "elements": [plain(&line, SLACK_HEADER_CHARS_MAX)] }));
    }
    blocks.truncate(SLACK_BLOCKS_MAX);
    let message = json!({
        "text": escaped(&glance, SLACK_SECTION_CHARS_MAX),
        "mrkdwn": false,
        "link_names": false,
        "unfurl_links": false,
        "unfurl_media": false,
        "blocks": blocks,
    });
    message.to_string().into_bytes()
}

/// What Slack reads as its own signs is written as it asks for; the result is cut, never within such a sign.
fn escaped(text: &str, chars_max: usize) -> String {
    let (mut escaped, mut length) = (String::new(), 0);
    for character in text.chars() {
        let mut own = [0; 4];
        let sign: &str = match character {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            other => other.encode_utf8(&mut own),
        };
        // One place is kept for the sign that something is missing.
        if length + sign.chars().count() >= chars_max {
            escaped.push('…');
            break;
        }
        length += sign.chars().count();
        escaped.push_str(sign);
    }
    escaped
}

impl Receiver for Slack {
    fn name(&self) -> &str {
        &self.name
    }

    fn deliver<'a>(&'a self, announcement: &'a Announcement, record: &'a OnRecord) -> Delivering<'a> {
        Box::pin(self.send(self.message(announcement, record, false)))
    }

    fn deliver_again<'a>(&'a self, announcement: &'a Announcement, record: &'a OnRecord) -> Delivering<'a> {
        Box::pin(self.send(self.message(announcement, record, true)))
    }

    fn tell<'a>(&'a self, notice: &'a Notice) -> Delivering<'a> {
        let (headline, text) = (notice.headline.clone(), notice.text.clone());
        let words = Words { mark: "", headline, text, link: None, id: &notice.id, record: None };
        Box::pin(self.send(form(&words)))
    }

    fn public_url(&self) -> Option<&str> {
        self.public_url.as_deref()
    }

    fn edits(&self) -> bool {
        false
    }

    fn messages_per_minute(&self) -> Option<u32> {
        Some(self.messages_per_minute)
    }
}

/// The form that Slack takes, from its documentation of incoming webhooks and Block Kit.
#[cfg(test)]
pub(super) fn takes(body: &serde_json::Value) -> Result<(), String> {
    let object = body.as_object().ok_or("no object")?;
    let known = ["text", "mrkdwn", "link_names", "unfurl_links", "unfurl_media", "blocks"];
    if let Some(key) = object.keys().find(|key| !known.contains(&key.as_str())) {
        return Err(format!("unknown key {key}"));
    }
    let fallback = body["text"].as_str().filter(|text| !text.is_empty()).ok_or("no fallback")?;
    let blocks = body["blocks"].as_array().filter(|blocks| (1..=50).contains(&blocks.len())).ok_or("blocks")?;
    let mut texts = vec![(fallback, 3_000)];
    for block in blocks {
        let (text, chars_max) = match block["type"].as_str() {
            Some("header") => (&block["text"], 150),
            Some("section") => (&block["text"], 3_000),
            Some("context") => (&block["elements"][0], 3_000),
            other => return Err(format!("block {other:?}")),
        };
        let kind = text["type"].as_str().ok_or("no type of text")?;
        let words = text["text"].as_str().filter(|words| !words.is_empty()).ok_or("no text")?;
        match kind {
            "plain_text" => texts.push((words, chars_max)),
            // The only text of this kind is our own link.
            "mrkdwn" if words.starts_with("<https://") && words.matches(['<', '>']).count() == 2 => {}
            other => return Err(format!("text {other}: {words}")),
        }
    }
    let all: usize = texts.iter().map(|(text, _)| text.chars().count()).sum();
    for (text, chars_max) in texts {
        if text.chars().count() > chars_max || text.contains(['<', '>']) {
            return Err(format!("too long or not escaped: {text}"));
        }
        if text.split('&').skip(1).any(|rest| !["amp;", "lt;", "gt;"].iter().any(|sign| rest.starts_with(sign))) {
            return Err(format!("a bare ampersand: {text}"));
        }
    }
    if all > 13_000 { Err(format!("{all} characters")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_slack_reads_as_its_own_is_escaped_and_cut_between_signs() {
        for (text, chars_max, expected) in [
            ("plain", 10, "plain"),
            ("<!channel> & <https://x|y>", 100, "&lt;!channel&gt; &amp; &lt;https://x|y&gt;"),
            ("a<b", 5, "a…"),
            ("a<b", 7, "a&lt;b"),
            ("&amp;", 100, "&amp;amp;"),
        ] {
            assert_eq!(escaped(text, chars_max), expected);
        }
    }
}
