//! Messages that are not about one incident: a test, and what stands for the incidents past a receiver's limit.

use trailbrake_detectors::engine::Announcement;
use trailbrake_detectors::incident::Severity;
use trailbrake_detectors::time::Millis;

use super::clean::clean;
use super::words::{is_ours, summary};
use crate::limits::{DETAIL_CHARS_MAX, LABEL_CHARS_MAX, SUMMARY_CHARS_MAX};

/// A message that is not about one incident. Its texts are clean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What it is.
    pub kind: NoticeKind,
    /// Unique; the same for each attempt at it.
    pub id: String,
    /// Groups the notices of one burst at a receiver.
    pub key: String,
    /// When it was made.
    pub at: Millis,
    /// How bad it is.
    pub severity: Severity,
    /// One line.
    pub headline: String,
    /// More lines.
    pub text: String,
    /// Ids of the incidents that it stands for, at most [`crate::limits::SUMMARY_INCIDENTS_MAX`].
    pub incidents: Vec<String>,
}

/// What a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoticeKind {
    /// Somebody tests the receiver.
    Test,
    /// It stands for the incidents past the receiver's limit.
    Summary,
}

impl NoticeKind {
    /// The word in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Summary => "summary",
        }
    }
}

/// The incidents past a receiver's limit, told together.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Unique; the same for each attempt at it.
    pub id: String,
    /// The same for all summaries of one burst.
    pub key: String,
    /// When it was made.
    pub at: Millis,
    /// How many incidents.
    pub incidents: usize,
    /// How many of them are over already.
    pub over: usize,
    /// The most severe, the oldest of these.
    pub worst: Announcement,
    /// The ids of the first, at most [`crate::limits::SUMMARY_INCIDENTS_MAX`].
    pub ids: Vec<String>,
}

impl Notice {
    /// A test of a receiver.
    pub fn test(receiver: &str, severity: Severity, at: Millis) -> Self {
        let receiver = clean(receiver, LABEL_CHARS_MAX);
        Self {
            kind: NoticeKind::Test,
            id: format!("test/{receiver}/{}", at.0),
            key: format!("trailbrake-test-{receiver}"),
            at,
            severity,
            headline: format!("TEST of Trailbrake's receiver {receiver}: nothing has happened"),
            text: format!(
                "Somebody ran `trailbrake alert test {receiver}` at {}. There is no incident, and nothing to do but to \
                 close this.",
                at.second()
            ),
            incidents: Vec::new(),
        }
    }

    /// What stands for the incidents past a receiver's limit; `public_url` is where people reach the listener.
    pub fn summary(summary: &Summary, public_url: Option<&str>) -> Self {
        let Summary { incidents, over, worst, .. } = summary;
        let plural = if *incidents == 1 { "" } else { "s" };
        let ended = if *over == 0 { String::new() } else { format!(" ({over} over already)") };
        let headline = format!("{incidents} more incident{plural}{ended}, the worst: {}", self::summary(worst));
        let see = match public_url {
            Some(url) => format!("trailbrake incidents list, or {}/v1/incidents", url.trim_end_matches('/')),
            None => "trailbrake incidents list".to_owned(),
        };
        let ids: Vec<&str> = summary.ids.iter().map(String::as_str).filter(|id| is_ours(id)).collect();
        let text = format!(
            "More incidents than this receiver's limit lets through one by one. See: {see}\nAmong them: {}",
            ids.join(" ")
        );
        Self {
            kind: NoticeKind::Summary,
            id: clean(&summary.id, DETAIL_CHARS_MAX),
            key: clean(&summary.key, LABEL_CHARS_MAX),
            at: summary.at,
            severity: worst.situation.incident.severity,
            headline: clean(&headline, SUMMARY_CHARS_MAX),
            text,
            incidents: ids.into_iter().map(str::to_owned).collect(),
        }
    }
}
