//! Alertmanager, API v2: an open incident is an alert that is posted again and again, to every instance of a cluster.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use trailbrake_detectors::engine::{Announcement, Change};
use trailbrake_detectors::time::{Millis, Second};

use super::clean::clean;
use super::post::{Address, Post};
use super::words::{account, description, link, marked, on_record, summary};
use super::{AlertError, Common, Delivering, Delivery, DeliveryError, Notice, NoticeKind, Receiver};
use crate::clock::{SharedClock, SystemClock};
use crate::config::{Plaintext, Section};
use crate::journal::OnRecord;
use crate::limits::{ALERT_LIFE, ALERT_REPEAT, ALERTMANAGERS_MAX, ALERTS_REMEMBERED_MAX, LABEL_CHARS_MAX};

/// `[receivers.NAME.alertmanager]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Base URLs of all instances of the cluster, `http://127.0.0.1:9093`: never a load balancer's.
    pub urls: Vec<String>,
    /// A page that tells the reader of an alert what to do.
    pub runbook_url: Option<String>,
}

impl Settings {
    pub(super) fn check(&self, section: &mut Section<'_, '_>) {
        section.number("urls", self.urls.len(), 1..=ALERTMANAGERS_MAX);
        for (index, url) in self.urls.iter().enumerate() {
            section.web_address(&format!("urls[{index}]"), url, Plaintext::Anywhere);
        }
        if let Some(url) = &self.runbook_url {
            section.web_address("runbook_url", url, Plaintext::Anywhere);
        }
    }
}

/// The labels of an alert: they are its identity.
type Labels = BTreeMap<&'static str, String>;

/// A cluster of Alertmanagers.
pub(super) struct Alertmanager {
    name: String,
    public_url: Option<String>,
    runbook_url: Option<String>,
    instances: Vec<Arc<Post>>,
    clock: SharedClock,
    told: Mutex<Told>,
}

impl Alertmanager {
    pub(super) fn new(settings: &Settings, common: &Common<'_>) -> Result<Self, AlertError> {
        let instance = |url: &String| {
            let address = format!("{}/api/v2/alerts", url.trim_end_matches('/'));
            Post::new(common, Address::Open(&address), Plaintext::Anywhere).map(Arc::new)
        };
        Ok(Self {
            name: common.name.to_owned(),
            public_url: common.public_url.map(str::to_owned),
            runbook_url: settings.runbook_url.clone(),
            instances: settings.urls.iter().map(instance).collect::<Result<_, _>>()?,
            clock: Arc::new(SystemClock),
            told: Mutex::default(),
        })
    }

    /// The alert as it is, and the one that it replaces if its labels have changed.
    fn alerts(&self, announcement: &Announcement, record: &OnRecord) -> Vec<u8> {
        let now = self.clock.now();
        let labels = labels(announcement);
        let replaced = self
            .told
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .last(&announcement.page_key)
            .filter(|told| **told != labels)
            .cloned();
        let ends_at = match announcement.change {
            Change::Resolved => announcement.at.min(now),
            Change::Opened | Change::Updated => now.plus(milliseconds(ALERT_LIFE)),
        };
        let mut alerts = vec![self.alert(announcement, &labels, ends_at, record)];
        alerts.extend(replaced.map(|labels| self.alert(announcement, &labels, announcement.at.min(now), record)));
        Value::Array(alerts).to_string().into_bytes()
    }

    /// Annotations go along with every post: one without them would take them away.
    fn alert(&self, announcement: &Announcement, labels: &Labels, ends_at: Millis, record: &OnRecord) -> Value {
        let situation = &announcement.situation;
        let ends_at = ends_at.second();
        let began = Second::parse(&situation.incident.triggered_event_time).unwrap_or(announcement.at.second());
        let headline = marked(&summary(announcement), record);
        let mut annotations = json!({ "summary": headline, "description": description(announcement) });
        if let Some((field, text)) = on_record(record) {
            annotations[field] = json!(text);
        }
        if let Some(url) = &self.runbook_url {
            annotations["runbook_url"] = json!(url);
        }
        let mut alert = json!({
            "labels": labels,
            "annotations": annotations,
            "startsAt": began.min(ends_at).to_string(),
            "endsAt": ends_at.to_string(),
        });
        if let Some(link) = link(self.public_url.as_deref(), &situation.incident.id) {
            alert["generatorURL"] = json!(link);
        }
        alert
    }

    /// An alert of its own, which ends by itself.
    fn notice(&self, notice: &Notice) -> Vec<u8> {
        let name = match notice.kind {
            NoticeKind::Test => "TrailbrakeTest",
            NoticeKind::Summary => "TrailbrakeIncidents",
        };
        let alert = json!([{
            "labels": {
                "alertname": name,
                "severity": notice.severity.as_str(),
                "receiver": clean(&self.name, LABEL_CHARS_MAX),
            },
            "annotations": { "summary": notice.headline, "description": notice.text },
            "startsAt": notice.at.second().to_string(),
            "endsAt": self.clock.now().plus(milliseconds(ALERT_LIFE)).second().to_string(),
        }]);
        alert.to_string().into_bytes()
    }

    /// Tells all instances at once. One that took the alert hands it on to the others: it is enough.
    async fn tell_all(&self, body: Vec<u8>) -> Result<Delivery, DeliveryError> {
        let mut telling = JoinSet::new();
        for instance in &self.instances {
            let (instance, body) = (Arc::clone(instance), body.clone());
            telling.spawn(async move { instance.json(body).await.map(|answer| answer.taken()) });
        }
        let (mut taken, mut failed) = (None, None);
        while let Some(told) = telling.join_next().await {
            match told {
                Ok(Ok(delivery)) => taken = Some(delivery),
                Ok(Err(error)) => {
                    tracing::warn!(receiver = %self.name, %error, "an alertmanager instance did not take an alert");
                    failed = Some(worse(failed, error));
                }
                Err(error) => {
                    tracing::error!(receiver = %self.name, %error, "telling an alertmanager instance broke off")
                }
            }
        }
        match (taken, failed) {
            (Some(delivery), _) => Ok(delivery),
            (None, Some(error)) => Err(error),
            (None, None) => Err(DeliveryError {
                receiver: self.name.clone(),
                reason: super::FailureReason::Unreachable,
                detail: "no instance answered".to_owned(),
                retry_after: None,
            }),
        }
    }
}

impl Receiver for Alertmanager {
    fn name(&self) -> &str {
        &self.name
    }

    fn deliver<'a>(&'a self, announcement: &'a Announcement, record: &'a OnRecord) -> Delivering<'a> {
        Box::pin(async move {
            let delivery = self.tell_all(self.alerts(announcement, record)).await?;
            self.told.lock().unwrap_or_else(PoisonError::into_inner).remember(announcement);
            Ok(delivery)
        })
    }

    fn tell<'a>(&'a self, notice: &'a Notice) -> Delivering<'a> {
        Box::pin(self.tell_all(self.notice(notice)))
    }

    fn public_url(&self) -> Option<&str> {
        self.public_url.as_deref()
    }

    fn repeat_every(&self) -> Option<Duration> {
        Some(ALERT_REPEAT)
    }
}

/// Of two failures the one that may go away, so that a cluster is given up only if all of it refuses.
fn worse(one: Option<DeliveryError>, other: DeliveryError) -> DeliveryError {
    match one {
        Some(one) if one.reason.is_retryable() => one,
        _ => other,
    }
}

fn labels(announcement: &Announcement) -> Labels {
    let situation = &announcement.situation;
    let mut labels = Labels::from([
        ("alertname", "TrailbrakeIncident".to_owned()),
        ("severity", situation.incident.severity.as_str().to_owned()),
        ("incident", clean(&situation.incident.id, LABEL_CHARS_MAX)),
    ]);
    let account = clean(account(situation), LABEL_CHARS_MAX);
    if !account.is_empty() {
        labels.insert("account", account);
    }
    labels
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// The labels of each open page as they were told last: an alert whose severity changed is another alert, and the one
/// before has to end. What a restart or the bound forgets ends by itself.
#[derive(Debug, Default)]
struct Told {
    labels: BTreeMap<String, Labels>,
    oldest_first: VecDeque<String>,
}

impl Told {
    fn last(&self, page_key: &str) -> Option<&Labels> {
        self.labels.get(page_key)
    }

    fn remember(&mut self, announcement: &Announcement) {
        let page_key = &announcement.page_key;
        self.oldest_first.retain(|key| key != page_key);
        if announcement.change == Change::Resolved {
            self.labels.remove(page_key);
            return;
        }
        self.labels.insert(page_key.clone(), labels(announcement));
        self.oldest_first.push_back(page_key.clone());
        if self.oldest_first.len() > ALERTS_REMEMBERED_MAX
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.labels.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::announcement;
    use super::*;
    use crate::clock::ManualClock;
    use trailbrake_detectors::incident::Severity;

    fn alertmanager(now: Millis) -> Alertmanager {
        let settings = Settings { urls: vec!["http://127.0.0.1:1".to_owned()], runbook_url: None };
        let common = Common { name: "alerts", public_url: None, timeout: Duration::from_secs(1) };
        let alertmanager = Alertmanager::new(&settings, &common).expect("built");
        Alertmanager { clock: Arc::new(ManualClock::at(now)), ..alertmanager }
    }

    fn posted(alertmanager: &Alertmanager, announcement: &Announcement) -> Vec<(String, String, String)> {
        let alerts: Vec<Value> =
            serde_json::from_slice(&alertmanager.alerts(announcement, &OnRecord::Unknown)).expect("alerts");
        alerts
            .iter()
            .map(|alert| {
                let text = |pointer: &str| alert.pointer(pointer).and_then(Value::as_str).expect("a text").to_owned();
                (text("/labels/severity"), text("/startsAt"), text("/endsAt"))
            })
            .collect()
    }

    #[test]
    fn an_alert_that_changes_its_severity_ends_the_one_before() {
        let mut announcement = announcement(Change::Opened);
        announcement.situation.incident.severity = Severity::High;
        let alertmanager = alertmanager(announcement.at.plus(10_000));
        let text = str::to_owned;
        let triggered = text("2026-01-02T03:04:05Z");
        let high = (text("high"), triggered.clone(), text("2026-01-02T03:09:18Z"));
        assert_eq!(posted(&alertmanager, &announcement), std::slice::from_ref(&high));
        alertmanager.told.lock().expect("whole").remember(&announcement);
        assert_eq!(posted(&alertmanager, &announcement), [high]);

        announcement.change = Change::Updated;
        announcement.situation.incident.severity = Severity::Critical;
        let critical = (text("critical"), triggered.clone(), text("2026-01-02T03:09:18Z"));
        let ended = (text("high"), triggered.clone(), text("2026-01-02T03:04:08Z"));
        assert_eq!(posted(&alertmanager, &announcement), [critical, ended]);
        alertmanager.told.lock().expect("whole").remember(&announcement);

        announcement.change = Change::Resolved;
        let ended = (text("critical"), triggered, text("2026-01-02T03:04:08Z"));
        assert_eq!(posted(&alertmanager, &announcement), [ended]);
        alertmanager.told.lock().expect("whole").remember(&announcement);
        assert_eq!(alertmanager.told.lock().expect("whole").labels.len(), 0);
    }

    #[test]
    fn what_was_told_is_bounded() {
        let mut told = Told::default();
        for index in 0..=ALERTS_REMEMBERED_MAX {
            let mut announcement = announcement(Change::Opened);
            announcement.page_key = format!("page-{index}");
            told.remember(&announcement);
        }
        assert_eq!(told.labels.len(), ALERTS_REMEMBERED_MAX);
        assert_eq!(told.last("page-0"), None);
    }
}
