//! Our place in the consumer group: what librdkafka calls back when partitions come and go, and when something fails.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::base_consumer::BaseConsumer;
use rdkafka::consumer::{CommitMode, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::statistics::Statistics;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaRespErr;

use super::assignment::Assignment;
use crate::clock::SharedClock;
use crate::config::Start;
use crate::limits::KAFKA_CALL_TIMEOUT;
use crate::metrics::Metrics;
use crate::source::Terms;
use crate::source::lag::Lag;
use crate::source::retry::{Failure, Retry};

/// What the callbacks and the reading loop share. Both run on the same thread; a lock is never held while polling.
pub(super) struct Group {
    pub(super) terms: Arc<Terms>,
    pub(super) topic: String,
    pub(super) start: Start,
    pub(super) clock: SharedClock,
    pub(super) metrics: Arc<Metrics>,
    pub(super) lag: Lag,
    pub(super) retry: Mutex<Retry>,
    pub(super) assignment: Mutex<Assignment>,
}

impl Group {
    /// The partitions.
    pub(super) fn assignment(&self) -> MutexGuard<'_, Assignment> {
        // Every change leaves it whole, so one that panicked elsewhere does no harm.
        self.assignment.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a failure, and logs it if it is another than the last.
    pub(super) fn note(&self, error: &KafkaError) {
        self.retry().note(&failure(error));
    }

    /// The brokers were heard.
    pub(super) fn heard(&self) {
        self.metrics.source_heard(&self.terms.name, self.clock.now());
    }

    /// Messages come again.
    pub(super) fn works(&self) {
        self.retry().worked();
    }

    /// Tells the group what has become durable.
    pub(super) fn commit(&self, consumer: &BaseConsumer<Self>, mode: CommitMode) {
        let offsets = {
            let mut assignment = self.assignment();
            assignment.settle();
            assignment.untold()
        };
        if offsets.is_empty() {
            return;
        }
        match self.list(&offsets).and_then(|list| consumer.commit(&list, mode)) {
            // What is sent without waiting is answered in `commit_callback`.
            Ok(()) if matches!(mode, CommitMode::Async) => {}
            Ok(()) => offsets.into_iter().for_each(|(partition, to)| self.assignment().tell(partition, to)),
            Err(error) => self.note(&error),
        }
    }

    fn retry(&self) -> MutexGuard<'_, Retry> {
        self.retry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The offsets at which the group goes on, from the last ones that are done.
    fn list(&self, offsets: &BTreeMap<i32, i64>) -> KafkaResult<TopicPartitionList> {
        let mut list = TopicPartitionList::new();
        for (partition, to) in offsets {
            list.add_partition_offset(&self.topic, *partition, Offset::Offset(to.saturating_add(1)))?;
        }
        Ok(list)
    }

    /// Says of each new partition where reading begins: after the last offset handed over, as far as there is one.
    fn begin(&self, consumer: &BaseConsumer<Self>, list: &mut TopicPartitionList) -> KafkaResult<()> {
        let partitions: Vec<i32> = list.elements_for_topic(&self.topic).iter().map(|part| part.partition()).collect();
        for partition in partitions {
            let handed_over = self.assignment().handed_over(partition);
            let (from, begins_after) = match handed_over {
                Some(to) => (Offset::Offset(to.saturating_add(1)), None),
                None => self.first(consumer, partition),
            };
            list.set_partition_offset(&self.topic, partition, from)?;
            self.assignment().add(partition, begins_after);
        }
        Ok(())
    }

    /// Where a partition that the journal does not know begins, and the position to keep for that.
    fn first(&self, consumer: &BaseConsumer<Self>, partition: i32) -> (Offset, Option<i64>) {
        match self.first_offset(consumer, partition) {
            Ok(Some(offset)) => (Offset::Offset(offset), Some(offset - 1)),
            Ok(None) => (Offset::Beginning, None),
            Err(error) => {
                // Rather too much than too little: the group's offset if there is one, else the beginning.
                self.note(&error);
                (Offset::Stored, None)
            }
        }
    }

    fn first_offset(&self, consumer: &BaseConsumer<Self>, partition: i32) -> KafkaResult<Option<i64>> {
        let mut list = TopicPartitionList::new();
        list.add_partition(&self.topic, partition);
        let committed = consumer.committed_offsets(list, KAFKA_CALL_TIMEOUT)?;
        if let Some(Offset::Offset(offset)) = committed.elements().first().map(|part| part.offset()) {
            return Ok(Some(offset));
        }
        match self.start {
            Start::Oldest => Ok(None),
            Start::Latest => {
                let (_, end) = consumer.fetch_watermarks(&self.topic, partition, KAFKA_CALL_TIMEOUT)?;
                Ok(Some(end))
            }
        }
    }

    fn assigned(&self, consumer: &BaseConsumer<Self>, list: &mut TopicPartitionList) -> KafkaResult<()> {
        self.begin(consumer, list)?;
        match consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => consumer.incremental_assign(list),
            RebalanceProtocol::Eager | RebalanceProtocol::None => consumer.assign(list),
        }
    }

    fn revoked(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) -> KafkaResult<()> {
        if !consumer.assignment_lost() {
            self.commit(consumer, CommitMode::Sync);
        }
        for part in list.elements_for_topic(&self.topic) {
            self.assignment().remove(part.partition());
            self.lag.remove(&part.partition().to_string());
        }
        match consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => consumer.incremental_unassign(list),
            RebalanceProtocol::Eager | RebalanceProtocol::None => consumer.unassign(),
        }
    }
}

impl ClientContext for Group {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical | RDKafkaLogLevel::Error => {
                tracing::warn!(source = %self.terms.name, facility, ?message, "librdkafka");
            }
            RDKafkaLogLevel::Warning | RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
                tracing::info!(source = %self.terms.name, facility, ?message, "librdkafka");
            }
            RDKafkaLogLevel::Debug => tracing::debug!(source = %self.terms.name, facility, ?message, "librdkafka"),
        }
    }

    fn stats(&self, statistics: Statistics) {
        // A topic without messages is told apart from brokers that cannot be reached, and from one that we may not read:
        // only then is none of its partitions being fetched.
        let is_up = statistics.brokers.values().any(|broker| broker.state == "UP" && broker.nodeid >= 0);
        let partitions = statistics.topics.get(&self.topic).map(|topic| &topic.partitions);
        let is_fetching = partitions.is_some_and(|all| all.values().any(|partition| partition.fetch_state == "active"));
        if is_up && is_fetching {
            self.heard();
        }
    }

    fn error(&self, error: KafkaError, _reason: &str) {
        self.note(&error);
    }
}

impl ConsumerContext for Group {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, kind: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let (change, done) = match kind {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => ("assigned", self.assigned(consumer, list)),
            _ => ("revoked", self.revoked(consumer, list)),
        };
        tracing::info!(source = %self.terms.name, change, partitions = list.count(), "group was rebalanced");
        if let Err(error) = done {
            self.note(&error);
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, offsets: &TopicPartitionList) {
        if let Err(error) = result {
            return self.note(&error);
        }
        for part in offsets.elements_for_topic(&self.topic) {
            if let (Offset::Offset(next), Ok(())) = (part.offset(), part.error()) {
                self.assignment().tell(part.partition(), next - 1);
            }
        }
    }
}

/// What an error of librdkafka means.
fn failure(error: &KafkaError) -> Failure {
    use RDKafkaErrorCode as Code;
    let (reason, hint) = match error.rdkafka_error_code() {
        Some(Code::AllBrokersDown | Code::BrokerTransportFailure | Code::Resolve) => {
            ("unreachable", "check the brokers' addresses, also those that they advertise")
        }
        Some(Code::OperationTimedOut | Code::RequestTimedOut) => ("timeout", ""),
        Some(Code::Authentication | Code::SaslAuthenticationFailed | Code::SSL) => {
            ("credentials", "check the properties for TLS and SASL")
        }
        Some(Code::TopicAuthorizationFailed | Code::GroupAuthorizationFailed | Code::ClusterAuthorizationFailed) => {
            ("denied", "allow Read and Describe on the topic, and Read on the group")
        }
        Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition) => {
            ("not-found", "check the topic's name")
        }
        _ => ("other", ""),
    };
    Failure::new(reason, &error.to_string(), hint)
}
