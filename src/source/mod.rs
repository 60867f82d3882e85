//! Where records come from. A source reads, numbers nothing, judges nothing: it hands over batches with positions and
//! hears back when a batch is durable.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};
use trailbrake_detectors::engine::{Partition, Watch};
use trailbrake_detectors::time::Millis;

use crate::clock::SharedClock;
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
    /// Once this batch is durable, everything up to and including this position of the partition is. Nothing for
    /// sources that cannot be read again.
    pub position: Option<String>,
    /// When it was complete.
    pub received_at: Millis,
    /// Told when the batch is durable, or why not.
    pub acknowledgement: Acknowledgement,
}

/// How a source hears that a batch is durable. Dropped unsent, it means that the batch was not committed.
pub type Acknowledgement = Option<oneshot::Sender<Committed>>;

/// The batch and its position are in the journal. Holds the counts of the batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// Records received.
    pub received: u64,
    /// Records rejected.
    pub rejected: u64,
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
