//! The partitions that the group gave us: what is gathered, handed over and acknowledged of each. Knows no broker.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

use crate::limits::{BATCH_LINGER, KAFKA_UNACKNOWLEDGED_MAX};
use crate::source::Committed;
use crate::source::outlet::Gathering;

/// Payloads of one partition, up to and including an offset.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ready {
    pub(super) payloads: Vec<Bytes>,
    /// The last offset that they cover; −1 before the first one.
    pub(super) to: i64,
}

/// One partition while it is ours.
#[derive(Debug, Default)]
struct Part {
    gathering: Gathering,
    /// The last offset gathered.
    to: i64,
    /// When the first payload was gathered.
    since: Option<Instant>,
    /// Closed, and not handed over.
    ready: Option<Ready>,
}

impl Part {
    fn close(&mut self) {
        self.since = None;
        self.ready = Some(Ready { payloads: self.gathering.take(), to: self.to });
    }

    fn due(&self) -> Option<Instant> {
        self.since.map(|since| since + BATCH_LINGER)
    }
}

/// The partitions that are ours, and how far every one that ever was is handed over.
#[derive(Debug, Default)]
pub(super) struct Assignment {
    parts: BTreeMap<i32, Part>,
    /// The last offset handed over, in this run or, as the journal tells, in an earlier one.
    handed_over: BTreeMap<i32, i64>,
    unacknowledged: VecDeque<(i32, i64, oneshot::Receiver<Committed>)>,
    /// The last offset that is durable.
    durable: BTreeMap<i32, i64>,
    /// The last offset that the group has taken.
    told: BTreeMap<i32, i64>,
    changed: bool,
}

impl Assignment {
    /// Nothing is ours; the journal holds these offsets.
    pub(super) fn new(handed_over: BTreeMap<i32, i64>) -> Self {
        Self { handed_over, ..Self::default() }
    }

    /// The last offset of a partition that was handed over.
    pub(super) fn handed_over(&self, partition: i32) -> Option<i64> {
        self.handed_over.get(&partition).copied()
    }

    /// A partition becomes ours. With `begins_after`, that offset becomes its first position.
    pub(super) fn add(&mut self, partition: i32, begins_after: Option<i64>) {
        let ready = begins_after.map(|to| Ready { payloads: Vec::new(), to });
        self.changed = true;
        self.parts.insert(partition, Part { ready, ..Part::default() });
    }

    /// A partition is ours no more: what was not handed over will be read again by whoever gets it.
    pub(super) fn remove(&mut self, partition: i32) {
        self.parts.remove(&partition);
        self.durable.remove(&partition);
        self.told.remove(&partition);
        self.unacknowledged.retain(|(of, _, _)| *of != partition);
    }

    /// Whether partitions have become ours since the last look.
    pub(super) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Takes a message in. True if a batch is closed by it.
    pub(super) fn push(&mut self, partition: i32, offset: i64, payload: Bytes, now: Instant) -> bool {
        // A message of a partition that is not ours any more is read by its new owner.
        let Some(part) = self.parts.get_mut(&partition) else { return false };
        let full = !part.gathering.fits(payload.len()) && part.ready.is_none();
        if full {
            part.close();
        }
        part.gathering.push(payload);
        part.to = offset;
        part.since.get_or_insert(now);
        full
    }

    /// When the next batch is to be closed; nothing if none is open.
    pub(super) fn due(&self) -> Option<Instant> {
        self.parts.values().filter_map(Part::due).min()
    }

    /// A batch to hand over, and its partition; nothing if none is complete.
    pub(super) fn take(&mut self, now: Instant) -> Option<(i32, Ready)> {
        for (partition, part) in &mut self.parts {
            if part.ready.is_none() && part.due().is_some_and(|due| due <= now) {
                part.close();
            }
            if let Some(ready) = part.ready.take() {
                return Some((*partition, ready));
            }
        }
        None
    }

    /// A batch could not be handed over: it stays complete.
    pub(super) fn put_back(&mut self, partition: i32, ready: Ready) {
        if let Some(part) = self.parts.get_mut(&partition) {
            part.ready = Some(ready);
        }
    }

    /// A batch was handed over.
    pub(super) fn sent(&mut self, partition: i32, to: i64, acknowledgement: oneshot::Receiver<Committed>) {
        self.handed_over.insert(partition, to);
        self.unacknowledged.push_back((partition, to, acknowledgement));
    }

    /// Whether as much waits to become durable as may.
    pub(super) fn is_full(&self) -> bool {
        self.unacknowledged.len() >= KAFKA_UNACKNOWLEDGED_MAX
    }

    /// How many batches wait to become durable.
    pub(super) fn unacknowledged(&self) -> usize {
        self.unacknowledged.len()
    }

    /// Takes in what has become durable.
    pub(super) fn settle(&mut self) {
        let Self { unacknowledged, durable, .. } = self;
        unacknowledged.retain_mut(|(partition, to, acknowledgement)| match acknowledgement.try_recv() {
            Ok(_) => {
                durable.insert(*partition, *to);
                false
            }
            Err(TryRecvError::Empty) => true,
            // A later batch that is committed covers this one too; until then the group keeps the older offset.
            Err(TryRecvError::Closed) => false,
        });
    }

    /// What is to be told to the group: partitions and their last durable offsets.
    pub(super) fn untold(&self) -> BTreeMap<i32, i64> {
        let untold =
            self.durable.iter().filter(|(partition, to)| self.told.get(partition).is_none_or(|told| told < to));
        untold.map(|(partition, to)| (*partition, *to)).collect()
    }

    /// The group has taken an offset as the last one that is done.
    pub(super) fn tell(&mut self, partition: i32, to: i64) {
        if self.parts.contains_key(&partition) {
            self.told.insert(partition, to);
        }
    }

    /// How far everything is handed over, for the next consumer.
    pub(super) fn into_handed_over(self) -> BTreeMap<i32, i64> {
        self.handed_over
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::BATCH_PAYLOADS_MAX;

    fn payload() -> Bytes {
        Bytes::from_static(b"{}")
    }

    #[test]
    fn a_batch_closes_after_its_linger_or_when_it_is_full() {
        let start = Instant::now();
        let mut assignment = Assignment::default();
        assignment.add(0, None);
        assignment.add(1, None);
        assert!(!assignment.push(0, 5, payload(), start));
        assert_eq!(assignment.take(start), None);
        assert_eq!(assignment.due(), Some(start + BATCH_LINGER));
        let (partition, ready) = assignment.take(start + BATCH_LINGER).expect("is due");
        assert_eq!((partition, ready.payloads.len(), ready.to), (0, 1, 5));

        for offset in 0..BATCH_PAYLOADS_MAX {
            assert!(!assignment.push(1, i64::try_from(offset).expect("fits"), payload(), start));
        }
        assert!(assignment.push(1, 9_999, payload(), start));
        let (_, ready) = assignment.take(start).expect("is full");
        assert_eq!((ready.payloads.len(), ready.to), (1_000, 999));
        assert!(assignment.take(start).is_none());
        assert_eq!(assignment.take(start + BATCH_LINGER).expect("is due").1.to, 9_999);
    }

    #[test]
    fn what_was_not_handed_over_is_dropped_with_its_partition_and_read_again() {
        let start = Instant::now();
        let mut assignment = Assignment::new(BTreeMap::from([(0, 3)]));
        assignment.add(0, None);
        assignment.push(0, 4, payload(), start);
        let (partition, ready) = assignment.take(start + BATCH_LINGER).expect("is due");
        assignment.put_back(partition, ready);
        assignment.push(0, 5, payload(), start);
        assignment.remove(0);
        assignment.add(0, None);
        assert_eq!(assignment.handed_over(0), Some(3));
        assert_eq!(assignment.take(start + BATCH_LINGER), None);
        assert!(!assignment.push(7, 0, payload(), start), "not ours");
    }

    #[test]
    fn only_what_is_durable_is_told_to_the_group() {
        let mut assignment = Assignment::default();
        assignment.add(0, Some(-1));
        assert_eq!(assignment.take(Instant::now()), Some((0, Ready { payloads: Vec::new(), to: -1 })));
        let mut senders = Vec::new();
        for to in [10, 20, 30] {
            let (sender, receiver) = oneshot::channel();
            assignment.sent(0, to, receiver);
            senders.push(sender);
        }
        assert_eq!(assignment.handed_over(0), Some(30));
        assignment.settle();
        assert!(assignment.untold().is_empty());
        let mut senders = senders.into_iter();
        senders.next().expect("three").send(Committed::default()).expect("is waited for");
        drop(senders.next());
        assignment.settle();
        assert_eq!(assignment.untold(), BTreeMap::from([(0, 10)]));
        assert_eq!(assignment.untold(), BTreeMap::from([(0, 10)]), "until the group has taken it");
        assignment.tell(0, 10);
        assert!(assignment.untold().is_empty());
        assert_eq!(assignment.unacknowledged(), 1);
        senders.next().expect("three").send(Committed::default()).expect("is waited for");
        assignment.settle();
        assert_eq!(assignment.untold(), BTreeMap::from([(0, 30)]));
        assignment.remove(0);
        assignment.tell(0, 30);
        assert!(assignment.untold().is_empty(), "its new owner tells");
    }
}
