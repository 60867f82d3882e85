//! What the tests of sources share: a context whose other ends the test holds.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use trailbrake_detectors::engine::{Partition, Watch};

use super::{Batch, Context, Position, Terms};
use crate::clock::SystemClock;
use crate::journal::Positions;
use crate::metrics::Metrics;

/// Terms of a source of this name.
pub(super) fn terms(name: &str) -> Arc<Terms> {
    Arc::new(Terms { name: Arc::from(name), accounts: Vec::new(), may_pause: true, quiet_limit_seconds: 60 })
}

/// A context and the other ends of its channels.
pub(super) struct Bench {
    pub(super) context: Option<Context>,
    pub(super) batches: mpsc::Receiver<Batch>,
    pub(super) watches: mpsc::Receiver<Watch>,
    pub(super) stop: watch::Sender<bool>,
}

impl Bench {
    /// A bench with room for so many batches, and no positions.
    pub(super) fn new(room: usize) -> Self {
        Self::resuming(room, Positions::new())
    }

    /// A bench with room for so many batches that goes on from positions.
    pub(super) fn resuming(room: usize, positions: Positions) -> Self {
        let (batches_in, batches) = mpsc::channel(room);
        let (watches_in, watches) = mpsc::channel(64);
        let (stop, stop_seen) = watch::channel(false);
        let context = Context {
            clock: Arc::new(SystemClock),
            positions: Arc::new(positions),
            batches: batches_in,
            watches: watches_in,
            stop: stop_seen,
            metrics: Arc::new(Metrics::default()),
        };
        Self { context: Some(context), batches, watches, stop }
    }
}

/// What a batch's position says.
pub(super) fn place(position: &Option<Position>) -> Option<String> {
    position.as_ref()?.at.clone()
}

/// The position of one partition, as a journal would hold it.
pub(super) fn position(source: &str, name: &str, position: &str) -> (Partition, String) {
    (Partition { source: Arc::from(source), name: Arc::from(name) }, position.to_owned())
}
