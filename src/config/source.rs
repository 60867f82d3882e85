//! The sources of a configuration: exactly one kind each, with the trust that its kind deserves.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::document::Document;
use super::section::{Plaintext, Section};
use super::{SourceConfig, SourceKind, raw};
use crate::limits::SOURCES_MAX;
use crate::source::Terms;

/// Properties of librdkafka that hold a secret: they may not stand in the configuration.
const SECRET_PROPERTIES: &[&str] = &["password", "secret", "key.pem"];

/// Without a source there is nothing to run on.
pub(super) fn demand(document: &mut Document<'_>) {
    if document.is_absent_or_empty("sources") {
        let hint = "write one, such as [sources.trail.kinesis] with stream and region";
        document.problem("sources", "there is no source", hint);
    }
}

pub(super) fn check(document: &mut Document<'_>, state_directory: &Path) -> Vec<SourceConfig> {
    let mut sources: Vec<SourceConfig> = Vec::new();
    let entries = document.entries::<raw::Source>("sources");
    if entries.len() > SOURCES_MAX {
        let what = format!("more than {SOURCES_MAX} sources");
        document.problem("sources", what, "let one stream carry the trails of many accounts");
    }
    for (name, source) in entries {
        let mut section = Section::new(document, format!("sources.{name}"));
        for (index, account) in source.accounts.iter().enumerate() {
            section.account(&format!("accounts[{index}]"), account);
        }
        let (may_pause, quiet_limit) = (source.may_pause, source.quiet_limit_seconds);
        let accounts = source.accounts.clone();
        let Some(kind) = check_kind(&mut section, source, state_directory) else { continue };
        let once = matches!(kind, SourceKind::Http | SourceKind::Stdin);
        if once && sources.iter().any(|other| std::mem::discriminant(&other.kind) == std::mem::discriminant(&kind)) {
            section.problem("", "there can be only one source of this kind", "remove one of them");
        }
        let may_pause = may_pause.unwrap_or(is_authentic(&kind));
        if may_pause && !is_authentic(&kind) {
            let hint = "leave may_pause out unless only AWS can write there";
            section.warning("may_pause", "whoever writes to this source can have principals paused", hint);
        }
        let quiet_limit_seconds = quiet_limit.unwrap_or(quiet_limit_seconds(&kind));
        section.number("quiet_limit_seconds", quiet_limit_seconds, 1..=3_600);
        let terms = Arc::new(Terms { name: name.into(), accounts, may_pause, quiet_limit_seconds });
        sources.push(SourceConfig { terms, kind });
    }
    sources
}

/// Whether only AWS, or whoever it lets, can write there.
fn is_authentic(kind: &SourceKind) -> bool {
    matches!(kind, SourceKind::Kinesis { .. } | SourceKind::CloudTrail { .. })
}

/// LookupEvents shows events minutes late; the rest are streams.
fn quiet_limit_seconds(kind: &SourceKind) -> i64 {
    if matches!(kind, SourceKind::CloudTrail { .. }) { 600 } else { 60 }
}

fn check_kind(section: &mut Section<'_, '_>, source: raw::Source, state_directory: &Path) -> Option<SourceKind> {
    let mut kinds = Vec::new();
    kinds.extend(source.kinesis.map(|kinesis| check_kinesis(&mut section.below("kinesis"), kinesis)));
    kinds.extend(source.kafka.map(|kafka| check_kafka(&mut section.below("kafka"), kafka)));
    kinds.extend(source.cloudtrail.map(|cloudtrail| check_cloudtrail(&mut section.below("cloudtrail"), cloudtrail)));
    kinds.extend(source.file.map(|file| {
        section.below("file").filled("path", &file.path.to_string_lossy());
        SourceKind::File { path: state_directory.join(file.path), follow: file.follow }
    }));
    kinds.extend(source.stdin.map(|_| SourceKind::Stdin));
    kinds.extend(source.http.map(|_| SourceKind::Http));
    match (kinds.pop(), kinds.len()) {
        (Some(kind), 0) => Some(kind),
        (last, _) => {
            let found = kinds.len() + usize::from(last.is_some());
            let hint = "name one of kinesis, kafka, cloudtrail, file, stdin, http";
            section.problem("", format!("expected exactly one kind of source, found {found}"), hint);
            None
        }
    }
}

fn check_kinesis(section: &mut Section<'_, '_>, kinesis: raw::Kinesis) -> SourceKind {
    section.filled("stream", &kinesis.stream);
    section.filled("region", &kinesis.region);
    section.number("poll_interval_milliseconds", kinesis.poll_interval_milliseconds, 200..=60_000);
    if let Some(endpoint) = &kinesis.endpoint {
        section.web_address("endpoint", endpoint, Plaintext::Loopback);
    }
    SourceKind::Kinesis {
        stream: kinesis.stream,
        region: kinesis.region,
        endpoint: kinesis.endpoint,
        start: kinesis.start,
        poll_interval: Duration::from_millis(kinesis.poll_interval_milliseconds),
    }
}

fn check_kafka(section: &mut Section<'_, '_>, kafka: raw::Kafka) -> SourceKind {
    section.filled("topic", &kafka.topic);
    section.filled("group", &kafka.group);
    if kafka.brokers.is_empty() {
        section.problem("brokers", "expected at least one broker", "write [\"host:9092\"]");
    }
    for (index, broker) in kafka.brokers.iter().enumerate() {
        section.filled(&format!("brokers[{index}]"), broker);
    }
    let mut properties = std::collections::BTreeMap::new();
    let mut below = section.below("properties");
    for (name, property) in kafka.properties {
        let value = match property {
            raw::Property::Secret(secret) => {
                below.secret(&name, &secret);
                secret.expose().to_owned()
            }
            raw::Property::Open(_) if SECRET_PROPERTIES.iter().any(|end| name.ends_with(end)) => {
                let hint = "write { file = \"…\" } or { env = \"…\" }";
                below.problem("", format!("`{name}` is a secret and must not stand here"), hint);
                continue;
            }
            raw::Property::Open(value) => value,
        };
        properties.insert(name, value);
    }
    SourceKind::Kafka {
        brokers: kafka.brokers.join(","),
        topic: kafka.topic,
        group: kafka.group,
        start: kafka.start,
        properties,
    }
}

fn check_cloudtrail(section: &mut Section<'_, '_>, cloudtrail: raw::CloudTrail) -> SourceKind {
    section.filled("region", &cloudtrail.region);
    if let Some(endpoint) = &cloudtrail.endpoint {
        section.web_address("endpoint", endpoint, Plaintext::Loopback);
    }
    if let Some(trail) = &cloudtrail.trail {
        section.filled("trail", trail);
    }
    SourceKind::CloudTrail {
        region: cloudtrail.region,
        endpoint: cloudtrail.endpoint,
        trail: cloudtrail.trail,
        poll_interval: section.seconds("poll_interval_seconds", cloudtrail.poll_interval_seconds, 1..=600),
        overlap: section.seconds("overlap_seconds", cloudtrail.overlap_seconds, 60..=3_600),
        watch_interval: section.seconds("watch_interval_seconds", cloudtrail.watch_interval_seconds, 10..=3_600),
    }
}
