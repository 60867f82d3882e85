//! Where records come from. A source reads, numbers nothing, judges nothing: it hands over batches with positions and
//! hears back when a batch is durable.

#[cfg(any(feature = "kinesis", feature = "cloudtrail"))]
mod aws;
#[cfg(feature = "cloudtrail")]
pub mod cloudtrail;
pub mod file;
pub mod http;
#[cfg(feature = "kafka")]
pub mod kafka;
#[cfg(feature = "kinesis")]
pub mod kinesis;
mod lag;
mod lines;
mod outlet;
mod retry;
pub mod stdin;
#[cfg(test)]
mod testing;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};
use trailbrake_detectors::engine::{Partition, Watch};
use trailbrake_detectors::time::Millis;

use crate::clock::SharedClock;
use crate::config::{SourceConfig, SourceKind};
use crate::journal::Positions;

/// What a source declares about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The source's name in the configuration.
    pub name: Arc<str>,
    /// Accounts (12 digits) that it may speak for; empty: any. Records of others are rejected.
    pub accounts: Vec<String>,
    /// Whether its events may cause pauses.
    pub may_pause: bool,
    /// How long it may be silent before the horizon stops waiting for it, in seconds.
    pub quiet_limit_seconds: i64,
}

/// Messages of one partition, in its order.
#[derive(Debug)]
pub struct Batch {
    /// The terms of the source.
    pub terms: Arc<Terms>,
    /// The partition.
    pub partition: Partition,
    /// The messages, each as it arrived. May be empty: then only the position moves.
    pub payloads: Vec<Bytes>,
    /// Once this batch is durable, everything up to and including this position is. Nothing for sources that cannot be
    /// read again.
    pub position: Option<Position>,
    /// When it was complete.
    pub received_at: Millis,
    /// Told when the batch is durable, or why not.
    pub acknowledgement: Acknowledgement,
}

/// How far a source has read something that it can read again: a partition, or one file of a partition that is a
/// directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The name of what is read, as the journal keeps it for the source.
    pub name: Arc<str>,
    /// How far; nothing: it is gone, and so is its position.
    pub at: Option<String>,
}

/// How a source hears that a batch is durable. Dropped unsent, it means that the batch was not committed.
pub type Acknowledgement = Option<oneshot::Sender<Committed>>;

/// The batch and its position are in the journal. Holds the counts of the batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// Records received.
    pub received: u64,
    /// Records rejected.
    pub rejected: u64,
    /// Of these how many for which reason.
    pub reasons: Vec<(&'static str, u64)>,
}

/// What a source is given to run with.
#[derive(Clone)]
pub struct Context {
    /// Tells the time.
    pub clock: SharedClock,
    /// Positions that the journal held at the start.
    pub positions: Arc<Positions>,
    /// Takes batches; full means wait.
    pub batches: mpsc::Sender<Batch>,
    /// Takes what the source sees of the health of its trail.
    pub watches: mpsc::Sender<Watch>,
    /// Becomes true when the source shall stop.
    pub stop: watch::Receiver<bool>,
    /// Counts what the source did.
    pub metrics: Arc<crate::metrics::Metrics>,
}

/// What ended a source.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The settings do not work; trying again will not help.
    #[error("source {name}: {reason}\nhint: {hint}")]
    Settings {
        /// The source.
        name: Arc<str>,
        /// What is wrong.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// The other side failed for longer than the source was willing to try.
    #[error("source {name}: {reason}")]
    Unreachable {
        /// The source.
        name: Arc<str>,
        /// What is wrong.
        reason: String,
    },
}

/// A future that a trait object can return.
pub type Running<'a> = Pin<Box<dyn Future<Output = Result<(), SourceError>> + Send + 'a>>;

/// Somewhere records come from.
pub trait Source: Send {
    /// What it declares about itself.
    fn terms(&self) -> &Arc<Terms>;

    /// Reads until it is told to stop or its input ends. Retries what can be retried by itself, with backoff, for ever:
    /// an error is final. Never holds more than one unsent batch for a partition.
    fn run(self: Box<Self>, context: Context) -> Running<'static>;
}

/// Makes the source that a configuration names. The HTTP source is made by [`http::channel`], since its other end is
/// the listener.
pub fn build(config: &SourceConfig) -> Result<Box<dyn Source>, SourceError> {
    let terms = Arc::clone(&config.terms);
    match &config.kind {
        #[cfg(feature = "kinesis")]
        SourceKind::Kinesis { stream, region, endpoint, start, poll_interval } => {
            let remote = aws::Remote { region: region.clone(), endpoint: endpoint.clone() };
            Ok(Box::new(kinesis::KinesisSource::new(terms, stream.clone(), remote, *start, *poll_interval)))
        }
        #[cfg(not(feature = "kinesis"))]
        SourceKind::Kinesis { .. } => Err(not_built_in(&terms, "kinesis")),
        #[cfg(feature = "kafka")]
        SourceKind::Kafka { brokers, topic, group, start, properties } => {
            Ok(Box::new(kafka::KafkaSource::new(terms, brokers, topic, group, *start, properties)?))
        }
        #[cfg(not(feature = "kafka"))]
        SourceKind::Kafka { .. } => Err(not_built_in(&terms, "kafka")),
        #[cfg(feature = "cloudtrail")]
        SourceKind::CloudTrail { region, endpoint, trail, poll_interval, overlap, watch_interval } => {
            let remote = aws::Remote { region: region.clone(), endpoint: endpoint.clone() };
            let lookups = cloudtrail::Lookups { poll_interval: *poll_interval, overlap: *overlap };
            let watch = trail.clone().map(|trail| cloudtrail::TrailWatch { trail, interval: *watch_interval });
            Ok(Box::new(cloudtrail::CloudTrailSource::new(terms, remote, lookups, watch)))
        }
        #[cfg(not(feature = "cloudtrail"))]
        SourceKind::CloudTrail { .. } => Err(not_built_in(&terms, "cloudtrail")),
        SourceKind::File { path, follow } => Ok(Box::new(file::FileSource::new(terms, path.clone(), *follow)?)),
        SourceKind::Stdin => Ok(Box::new(stdin::StdinSource::new(terms, tokio::io::stdin()))),
        SourceKind::Http => Err(settings(
            &terms,
            "an HTTP source is fed by the listener and cannot run by itself",
            "use it with the daemon, whose listener feeds it",
        )),
    }
}

/// The error for a source whose client is not in this program.
#[cfg(not(all(feature = "kinesis", feature = "kafka", feature = "cloudtrail")))]
fn not_built_in(terms: &Terms, feature: &str) -> SourceError {
    settings(
        terms,
        format!("this build has no support for sources of this kind: {feature}"),
        format!("build with `--features {feature}`, or use another kind of source"),
    )
}

/// The error for settings that cannot work.
fn settings(terms: &Terms, reason: impl Into<String>, hint: impl Into<String>) -> SourceError {
    SourceError::Settings { name: Arc::clone(&terms.name), reason: reason.into(), hint: hint.into() }
}
