//! A Kafka topic, read by a consumer group. The journal tells where reading goes on; the group's offsets follow it.

mod assignment;
mod group;
mod reader;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use tokio::sync::oneshot;

use super::outlet::stopped;
use super::{Context, Running, Source, SourceError, Terms, settings};
use crate::config::Start;
use crate::limits::DRAIN_DEADLINE;

/// Properties that make the promises of this source: they cannot be changed.
const OURS: [(&str, &str); 4] = [
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    // What was lost to retention is lost; everything that is left is read.
    ("auto.offset.reset", "earliest"),
    ("enable.partition.eof", "true"),
];

/// Properties with better values than librdkafka's, which may be changed.
const DEFAULTS: [(&str, &str); 3] =
    [("client.id", "trailbrake"), ("queued.max.messages.kbytes", "32768"), ("statistics.interval.ms", "5000")];

/// A source of the messages of a Kafka topic.
pub struct KafkaSource {
    terms: Arc<Terms>,
    topic: String,
    start: Start,
    client: ClientConfig,
}

impl KafkaSource {
    /// A source of the topic of this name, read as this group. Properties are librdkafka's.
    pub fn new(
        terms: Arc<Terms>,
        brokers: &str,
        topic: &str,
        group: &str,
        start: Start,
        properties: &BTreeMap<String, String>,
    ) -> Result<Self, SourceError> {
        let mut client = ClientConfig::new();
        for (name, value) in DEFAULTS {
            client.set(name, value);
        }
        for (name, value) in properties {
            let fixed =
                OURS.iter().any(|(ours, _)| ours == name) || ["bootstrap.servers", "group.id"].contains(&&**name);
            if fixed {
                let reason = format!("property is not free to choose: {name}");
                let hint = "leave it out; `brokers` and `group` are settings of their own";
                return Err(settings(&terms, reason, hint));
            }
            client.set(name, value);
        }
        client.set("bootstrap.servers", brokers).set("group.id", group);
        for (name, value) in OURS {
            client.set(name, value);
        }
        client.create_native_config().map_err(|error| refused(&terms, &error))?;
        Ok(Self { terms, topic: topic.to_owned(), start, client })
    }
}

/// The error for properties that librdkafka does not take. Never shows a value: it may be a secret.
fn refused(terms: &Terms, error: &KafkaError) -> SourceError {
    let reason = match error {
        KafkaError::ClientConfig(_, description, name, _) if description.contains("No such") => {
            format!("property is not known: {name}")
        }
        KafkaError::ClientConfig(_, _, name, _) => format!("property has a value that is not allowed: {name}"),
        KafkaError::ClientCreation(description) => format!("properties do not go together: {description}"),
        other => format!("properties are refused: {other}"),
    };
    settings(terms, reason, "librdkafka's CONFIGURATION.md lists the properties of a consumer and their values")
}

impl Source for KafkaSource {
    fn terms(&self) -> &Arc<Terms> {
        &self.terms
    }

    fn run(self: Box<Self>, context: Context) -> Running<'static> {
        Box::pin(async move {
            let mut stop = context.stop.clone();
            let name = Arc::clone(&self.terms.name);
            let (result, mut end) = oneshot::channel();
            // Callbacks of librdkafka block, and a consumer must be polled to stay in its group: it has its own thread.
            let thread = std::thread::Builder::new().name("kafka".to_owned());
            thread.spawn(move || reader::run(*self, context, result)).map_err(|error| SourceError::Unreachable {
                name: Arc::clone(&name),
                reason: format!("thread cannot be started: {error}"),
            })?;
            let ended = tokio::select! {
                ended = &mut end => ended,
                () = stopped(&mut stop) => match tokio::time::timeout(DRAIN_DEADLINE, end).await {
                    Ok(ended) => ended,
                    Err(_) => return Ok(()),
                },
            };
            ended.unwrap_or_else(|_| {
                Err(SourceError::Unreachable { name, reason: "the reading thread broke down".to_owned() })
            })
        })
    }
}
