//! What the services behind receivers take, and what they refuse.

use super::*;

/// Checks what the service of a kind was sent.
pub(super) fn takes(kind: &ReceiverKind, taken: &Taken, change: Change) {
    let body: Value = serde_json::from_slice(&taken.body).expect("JSON");
    match kind {
        ReceiverKind::PagerDuty(_) => pagerduty_takes(&body, change),
        ReceiverKind::Alertmanager(_) => alertmanager_takes(&body, change),
        ReceiverKind::Slack(_) => slack::takes(&body).unwrap_or_else(|error| panic!("{error}")),
        ReceiverKind::Webhook(_) => webhook_takes(taken, &body, change),
    }
}

/// What PagerDuty refuses: see its schema of the Events API v2.
pub(super) fn pagerduty_takes(body: &Value, change: Change) {
    assert_eq!(body["routing_key"], SECRET);
    assert_eq!(body["dedup_key"], "page");
    assert_eq!(body["client_url"], "https://brake.example/v1/incidents/tb-abcdefghijklmnop");
    if change == Change::Resolved {
        assert_eq!(body["event_action"], "resolve");
        return;
    }
    assert_eq!(body["event_action"], "trigger");
    let payload = &body["payload"];
    let summary = payload["summary"].as_str().expect("a summary");
    assert!(
        summary.contains(" paused. Next: trailbrake incidents show tb-")
            && summary.chars().count() <= SUMMARY_CHARS_MAX
    );
    assert_eq!(payload["source"], "aws:123456789012");
    assert!(["critical", "error", "warning", "info"].contains(&payload["severity"].as_str().expect("a severity")));
    assert_eq!(payload["timestamp"], "2026-01-02T03:04:08Z");
    assert!(payload["custom_details"]["next_step"].as_str().is_some_and(|step| step.contains("incidents resume")));
}

/// What Alertmanager refuses: see its OpenAPI of version 2.
pub(super) fn alertmanager_takes(body: &Value, change: Change) {
    let alerts = body.as_array().expect("an array");
    assert_eq!(alerts.len(), 1);
    for alert in alerts {
        let labels = alert["labels"].as_object().expect("labels");
        let names: Vec<&str> = labels.keys().map(String::as_str).collect();
        assert_eq!(names, ["account", "alertname", "incident", "severity"]);
        assert_eq!(labels["alertname"], "TrailbrakeIncident");
        let time = |name: &str| Second::parse(alert[name].as_str().expect("a time")).expect("a time");
        assert!(time("startsAt") <= time("endsAt"));
        let decided = Second::parse("2026-01-02T03:04:08Z").expect("a time");
        assert_eq!(time("endsAt") <= decided, change == Change::Resolved);
        let annotations = alert["annotations"].as_object().expect("annotations");
        let of_record = |name: &&str| !matches!(*name, "audit_head" | "journal");
        let names: Vec<&str> = annotations.keys().map(String::as_str).filter(of_record).collect();
        assert_eq!(names, ["description", "runbook_url", "summary"]);
        assert_eq!(alert["generatorURL"], "https://brake.example/v1/incidents/tb-abcdefghijklmnop");
    }
}

/// Verifies as a receiver does: see the README.
pub(super) fn webhook_takes(taken: &Taken, body: &Value, change: Change) {
    let header =
        |name: &str| taken.headers.get(name).and_then(|value| value.to_str().ok()).expect("a header").to_owned();
    assert_eq!(header("content-type"), "application/cloudevents+json; charset=utf-8");
    let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp"));
    let signer = crate::signed::Signer::new(&crate::config::Secret::new(WEBHOOK_SECRET.to_owned())).expect("a secret");
    let signature = signer.sign(&id, timestamp.parse().expect("seconds"), &taken.body);
    assert_eq!(header("webhook-signature"), signature);
    assert_eq!(id, "tb-abcdefghijklmnop.3/oncall");
    let names: Vec<&str> = body.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(names, ["data", "datacontenttype", "id", "source", "specversion", "subject", "time", "type"]);
    let word = match change {
        Change::Opened => "opened",
        Change::Updated => "updated",
        Change::Resolved => "resolved",
    };
    for (name, value) in [
        ("specversion", "1.0"),
        ("id", &id),
        ("source", "https://brake.example"),
        ("type", &format!("dev.trailbrake.incident.{word}")),
        ("subject", "tb-abcdefghijklmnop"),
        ("time", "2026-01-02T03:04:08Z"),
        ("datacontenttype", "application/json"),
    ] {
        assert_eq!(body[name], value, "{name}");
    }
    let data = &body["data"];
    assert_eq!((&data["incident"]["schema"], &data["incident"]["id"]), (&Value::from(1), &body["subject"]));
    assert_eq!(data["page"]["link"], "https://brake.example/v1/incidents/tb-abcdefghijklmnop");
    assert!(data["page"]["summary"].as_str().is_some_and(|text| !text.is_empty()));
    assert!(taken.body.len() <= CLOUD_EVENT_BYTES_MAX, "{} bytes", taken.body.len());
}

pub(super) fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(elements) => elements.iter().flat_map(texts).collect(),
        Value::Object(fields) => {
            fields.iter().flat_map(|(key, value)| std::iter::once(key.as_str()).chain(texts(value))).collect()
        }
        _ => Vec::new(),
    }
}
