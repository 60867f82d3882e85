//! What all sources do with what they read: gather it into bounded batches, and hand these over unless told to stop.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{oneshot, watch};
use trailbrake_detectors::engine::Partition;
use trailbrake_detectors::time::Millis;

use super::{Batch, Committed, Context, Position, Terms};
use crate::limits::{BATCH_BYTES_MAX, BATCH_PAYLOADS_MAX};

/// The source shall stop, or nobody takes batches any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stopped;

/// Payloads that will be one batch.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    payloads: Vec<Bytes>,
    bytes: usize,
}

impl Gathering {
    /// Whether a payload of this size can be added. One that is larger than a batch may be goes alone.
    pub(super) fn fits(&self, bytes: usize) -> bool {
        self.payloads.is_empty()
            || (self.payloads.len() < BATCH_PAYLOADS_MAX && self.bytes.saturating_add(bytes) <= BATCH_BYTES_MAX)
    }

    /// Adds a payload.
    pub(super) fn push(&mut self, payload: Bytes) {
        self.bytes = self.bytes.saturating_add(payload.len());
        self.payloads.push(payload);
    }

    /// Whether there is nothing to send.
    pub(super) fn is_empty(&self) -> bool {
        self.payloads.is_empty()
    }

    /// Takes the payloads out; what follows is the next batch.
    pub(super) fn take(&mut self) -> Vec<Bytes> {
        self.bytes = 0;
        std::mem::take(&mut self.payloads)
    }
}

/// Hands over the batches of one partition.
pub(super) struct Outlet {
    terms: Arc<Terms>,
    partition: Partition,
    context: Context,
}

impl Outlet {
    /// An outlet for the partition of this name.
    pub(super) fn new(context: &Context, terms: &Arc<Terms>, name: &str) -> Self {
        let partition = Partition { source: Arc::clone(&terms.name), name: Arc::from(name) };
        Self { terms: Arc::clone(terms), partition, context: context.clone() }
    }

    /// The position that the journal held for this partition at the start.
    pub(super) fn position(&self) -> Option<&str> {
        self.context.positions.get(&self.partition).map(String::as_str)
    }

    /// Wall time now.
    pub(super) fn now(&self) -> Millis {
        self.context.clock.now()
    }

    /// A batch that is complete at this moment.
    pub(super) fn batch(&self, payloads: Vec<Bytes>, position: Option<String>) -> Batch {
        self.batch_of(payloads, position.map(|at| Position { name: Arc::clone(&self.partition.name), at: Some(at) }))
    }

    /// The same with a position that need not be the partition's.
    pub(super) fn batch_of(&self, payloads: Vec<Bytes>, position: Option<Position>) -> Batch {
        Batch {
            terms: Arc::clone(&self.terms),
            partition: self.partition.clone(),
            payloads,
            position,
            received_at: self.context.clock.now(),
            acknowledgement: None,
        }
    }

    /// Hands a batch over; waits while there is no room.
    pub(super) async fn send(&mut self, batch: Batch) -> Result<(), Stopped> {
        tokio::select! {
            biased;
            () = stopped(&mut self.context.stop) => Err(Stopped),
            sent = self.context.batches.send(batch) => sent.map_err(|_| Stopped),
        }
    }

    /// Hands a batch over if there is room at once; gives it back otherwise.
    #[expect(clippy::result_large_err, reason = "the batch is given back, and not passed on as an error")]
    pub(super) fn try_send(&self, batch: Batch) -> Result<(), TrySendError<Batch>> {
        self.context.batches.try_send(batch)
    }

    /// Hands a batch over, and gives what will tell that it is durable.
    pub(super) async fn send_acknowledged(
        &mut self,
        mut batch: Batch,
    ) -> Result<oneshot::Receiver<Committed>, Stopped> {
        let (sender, receiver) = oneshot::channel();
        batch.acknowledgement = Some(sender);
        self.send(batch).await?;
        Ok(receiver)
    }

    /// Waits for the last batch of an input to become durable; false if it will not.
    pub(super) async fn committed(&mut self, last: Option<oneshot::Receiver<Committed>>) -> Result<bool, Stopped> {
        let Some(last) = last else { return Ok(true) };
        tokio::select! {
            committed = last => Ok(committed.is_ok()),
            () = stopped(&mut self.context.stop) => Err(Stopped),
        }
    }

    /// Waits, unless the source shall stop.
    pub(super) async fn wait(&mut self, duration: Duration) -> Result<(), Stopped> {
        wait(duration, &mut self.context.stop).await
    }

    /// Notes that the other side was heard.
    pub(super) fn heard(&self) {
        self.context.metrics.source_heard(&self.terms.name, self.context.clock.now());
    }
}

/// Completes when the source shall stop.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that whoever could tell us to stop is gone, which is a reason to stop as well.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Waits, unless the source shall stop.
pub(super) async fn wait(duration: Duration, stop: &mut watch::Receiver<bool>) -> Result<(), Stopped> {
    tokio::select! {
        biased;
        () = stopped(stop) => Err(Stopped),
        () = tokio::time::sleep(duration) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_closes_at_its_bytes_and_at_its_payloads() {
        let mut gathering = Gathering::default();
        assert!(gathering.fits(BATCH_BYTES_MAX * 8), "a payload larger than a batch goes alone");
        gathering.push(Bytes::from(vec![0; BATCH_BYTES_MAX - 10]));
        assert!(gathering.fits(10));
        assert!(!gathering.fits(11));
        assert_eq!(gathering.take().len(), 1);

        for _ in 0..BATCH_PAYLOADS_MAX {
            assert!(gathering.fits(1));
            gathering.push(Bytes::from_static(b"x"));
        }
        assert!(!gathering.fits(1));
        assert_eq!(gathering.take().len(), BATCH_PAYLOADS_MAX);
        assert!(gathering.is_empty() && gathering.fits(1));
    }
}
