//! The thread that reads a topic: polls, hands batches over, pauses while there is no room, commits what is durable.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rdkafka::Message;
use rdkafka::consumer::base_consumer::BaseConsumer;
use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::BorrowedMessage;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot, watch};
use trailbrake_detectors::engine::Partition;

use super::assignment::{Assignment, Ready};
use super::group::Group;
use super::{KafkaSource, refused};
use crate::limits::{ACKNOWLEDGEMENT_WAIT, BATCH_LINGER, KAFKA_COMMIT_INTERVAL};
use crate::source::lag::Lag;
use crate::source::retry::{Backoff, Retry};
use crate::source::{Batch, Committed, Context, Position, SourceError};

/// The longest wait for a message: within it, a stop is seen.
const POLL_MAX: Duration = Duration::from_millis(100);
/// The wait for a message while acknowledgements or room are waited for.
const POLL_SOON: Duration = Duration::from_millis(10);

/// Reads until the source shall stop, and tells how that ended.
pub(super) fn run(source: KafkaSource, context: Context, result: oneshot::Sender<Result<(), SourceError>>) {
    let mut handed_over = kept(&source, &context);
    let mut backoff = Backoff::default();
    let end = loop {
        match Reader::new(&source, &context, handed_over) {
            Err(error) => break Err(error),
            Ok(mut reader) => {
                let end = reader.read(&result);
                match end {
                    End::Stopped => {
                        drop(context);
                        reader.finish();
                        break Ok(());
                    }
                    End::Broken => handed_over = reader.into_handed_over(),
                }
            }
        }
        std::thread::sleep(backoff.next());
    };
    // Nobody listens if the future was dropped, which is why we stopped then.
    let _ = result.send(end);
}

/// The offsets that the journal holds for this topic.
fn kept(source: &KafkaSource, context: &Context) -> BTreeMap<i32, i64> {
    let of_source = context.positions.iter().filter(|(partition, _)| partition.source == source.terms.name);
    of_source
        .filter_map(|(partition, text)| {
            let (topic, number) = partition.name.rsplit_once('/')?;
            let known = topic == source.topic;
            known.then_some((number.parse().ok()?, text.parse().ok()?))
        })
        .collect()
}

/// How reading ended.
enum End {
    /// The source shall stop.
    Stopped,
    /// The consumer is of no more use, and another may be.
    Broken,
}

struct Reader {
    consumer: BaseConsumer<Group>,
    batches: Option<mpsc::Sender<Batch>>,
    stop: watch::Receiver<bool>,
    names: BTreeMap<i32, Partition>,
    paused: bool,
    committed_at: Instant,
}

impl Reader {
    fn new(source: &KafkaSource, context: &Context, handed_over: BTreeMap<i32, i64>) -> Result<Self, SourceError> {
        let group = Group {
            terms: Arc::clone(&source.terms),
            topic: source.topic.clone(),
            start: source.start,
            clock: Arc::clone(&context.clock),
            metrics: Arc::clone(&context.metrics),
            lag: Lag::new(&source.terms, &context.metrics),
            retry: Mutex::new(Retry::new(context, &source.terms, "poll")),
            assignment: Mutex::new(Assignment::new(handed_over)),
        };
        let consumer: BaseConsumer<Group> =
            source.client.create_with_context(group).map_err(|error| refused(&source.terms, &error))?;
        consumer.subscribe(&[&source.topic]).map_err(|error| refused(&source.terms, &error))?;
        Ok(Self {
            consumer,
            batches: Some(context.batches.clone()),
            stop: context.stop.clone(),
            names: BTreeMap::new(),
            paused: false,
            committed_at: Instant::now(),
        })
    }

    fn group(&self) -> &Group {
        self.consumer.context()
    }

    fn read(&mut self, result: &oneshot::Sender<Result<(), SourceError>>) -> End {
        loop {
            // The sender of `stop` is gone, or nobody waits for our end any more: both mean that we shall stop.
            if *self.stop.borrow() || self.stop.has_changed().is_err() || result.is_closed() {
                return End::Stopped;
            }
            let now = Instant::now();
            let Some(room) = self.hand_over(now) else { return End::Stopped };
            self.pause(!room);
            self.commit(now);
            match self.consumer.poll(self.poll_time(now)) {
                None => {}
                Some(Ok(message)) => self.take(&message),
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    self.group().works();
                    self.group().heard();
                    self.group().lag.set_millis(&partition.to_string(), 0);
                }
                Some(Err(error)) => {
                    self.group().note(&error);
                    if matches!(error, KafkaError::MessageConsumptionFatal(_)) {
                        return End::Broken;
                    }
                }
            }
        }
    }

    /// Takes a message in.
    fn take(&self, message: &BorrowedMessage<'_>) {
        let group = self.group();
        group.works();
        let payload = Bytes::copy_from_slice(message.payload().unwrap_or_default());
        let closed = group.assignment().push(message.partition(), message.offset(), payload, Instant::now());
        if closed || message.offset() % 64 == 0 {
            group.heard();
            if let Some(at) = message.timestamp().to_millis() {
                group.lag.set_millis(&message.partition().to_string(), group.clock.now().0.saturating_sub(at));
            }
        }
    }

    /// Hands over what is complete. False if there was no room for all of it, nothing if nobody takes batches.
    fn hand_over(&mut self, now: Instant) -> Option<bool> {
        loop {
            if self.group().assignment().is_full() {
                return Some(false);
            }
            let Some((number, ready)) = self.group().assignment().take(now) else { return Some(true) };
            let to = ready.to;
            let (sender, receiver) = oneshot::channel();
            let batch = self.batch(number, ready, sender);
            match self.batches.as_ref()?.try_send(batch) {
                Ok(()) => self.group().assignment().sent(number, to, receiver),
                Err(TrySendError::Full(batch)) => {
                    self.group().assignment().put_back(number, Ready { payloads: batch.payloads, to });
                    return Some(false);
                }
                Err(TrySendError::Closed(_)) => return None,
            }
        }
    }

    fn batch(&mut self, number: i32, ready: Ready, sender: oneshot::Sender<Committed>) -> Batch {
        let group = self.consumer.context();
        let partition = self.names.entry(number).or_insert_with(|| Partition {
            source: Arc::clone(&group.terms.name),
            name: Arc::from(format!("{}/{number}", group.topic)),
        });
        let position = Position { name: Arc::clone(&partition.name), at: Some(ready.to.to_string()) };
        Batch {
            terms: Arc::clone(&group.terms),
            partition: partition.clone(),
            payloads: ready.payloads,
            position: Some(position),
            received_at: group.clock.now(),
            acknowledgement: Some(sender),
        }
    }

    /// Stops the flow of messages while there is no room, and lets it go on after. Polling goes on either way: who does
    /// not poll is put out of the group.
    fn pause(&mut self, pause: bool) {
        let changed = self.group().assignment().take_changed();
        if pause == self.paused && !(pause && changed) {
            return;
        }
        let done = self.consumer.assignment().and_then(|list| match (list.count(), pause) {
            (0, _) => Ok(()),
            (_, true) => self.consumer.pause(&list),
            (_, false) => self.consumer.resume(&list),
        });
        match done {
            Ok(()) => self.paused = pause,
            Err(error) => self.group().note(&error),
        }
    }

    fn commit(&mut self, now: Instant) {
        if now.duration_since(self.committed_at) >= KAFKA_COMMIT_INTERVAL {
            self.committed_at = now;
            self.group().commit(&self.consumer, CommitMode::Async);
        }
    }

    fn poll_time(&self, now: Instant) -> Duration {
        if self.paused {
            return POLL_SOON;
        }
        match self.group().assignment().due() {
            Some(due) => due.saturating_duration_since(now).min(BATCH_LINGER),
            None => POLL_MAX,
        }
    }

    /// Waits a while for what was handed over to become durable, and tells the group.
    fn finish(mut self) {
        // The channel is to close: nothing more will come.
        self.batches = None;
        self.pause(true);
        let deadline = Instant::now() + ACKNOWLEDGEMENT_WAIT;
        while Instant::now() < deadline {
            self.group().assignment().settle();
            if self.group().assignment().unacknowledged() == 0 {
                break;
            }
            // Paused, so that nothing comes but what keeps us in the group.
            let _ = self.consumer.poll(POLL_SOON);
        }
        self.group().commit(&self.consumer, CommitMode::Sync);
    }

    fn into_handed_over(self) -> BTreeMap<i32, i64> {
        std::mem::take(&mut *self.group().assignment()).into_handed_over()
    }
}
