//! Reads one shard to its end, within Kinesis's limits.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::operation::get_records::GetRecordsOutput;
use aws_sdk_kinesis::primitives::DateTime;
use aws_sdk_kinesis::types::ShardIteratorType;
use bytes::Bytes;
use tokio::time::Instant;
use trailbrake_detectors::time::Millis;

use super::KinesisSource;
use super::lineage::From;
use crate::limits::SHARD_READ_INTERVAL_MIN;
use crate::source::aws::failure;
use crate::source::lag::Lag;
use crate::source::outlet::{Gathering, Outlet, Stopped};
use crate::source::retry::{Failure, Retry};
use crate::source::{Context, Terms};

/// How the reading of a shard ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ShardEnd {
    /// Everything in it has been handed over, and it takes no more.
    Finished,
    /// The source shall stop.
    Stopped,
}

/// Reads one shard.
pub(super) struct Reader {
    terms: Arc<Terms>,
    stream: String,
    shard: String,
    poll_interval: Duration,
    client: Client,
    outlet: Outlet,
    lag: Lag,
    iterator: Retry,
    records: Retry,
}

impl Reader {
    /// A reader of the shard of this id.
    pub(super) fn new(source: &KinesisSource, client: &Client, context: &Context, lag: &Lag, shard: &str) -> Self {
        Self {
            terms: Arc::clone(&source.terms),
            stream: source.stream.clone(),
            shard: shard.to_owned(),
            poll_interval: source.poll_interval.max(SHARD_READ_INTERVAL_MIN),
            client: client.clone(),
            outlet: Outlet::new(context, &source.terms, &format!("{}/{shard}", source.stream)),
            lag: lag.clone(),
            iterator: Retry::new(context, &source.terms, "GetShardIterator"),
            records: Retry::new(context, &source.terms, "GetRecords"),
        }
    }

    /// Reads until the shard ends or the source shall stop.
    pub(super) async fn run(mut self, from: From) -> ShardEnd {
        let end = match self.read(from).await {
            Ok(()) => ShardEnd::Finished,
            Err(Stopped) => ShardEnd::Stopped,
        };
        self.lag.remove(&self.shard);
        end
    }

    async fn read(&mut self, mut from: From) -> Result<(), Stopped> {
        if from == From::End {
            return Ok(());
        }
        if !matches!(from, From::After(_)) {
            // Kept at once: what arrives from here on is read even if the next start comes before its first record.
            let batch = self.outlet.batch(Vec::new(), Some(from.text()));
            self.outlet.send(batch).await?;
        }
        let mut iterator = self.iterator_at(&mut from).await?;
        loop {
            let polled = Instant::now();
            match self.client.get_records().shard_iterator(&iterator).send().await {
                Ok(answer) => {
                    self.records.worked();
                    self.outlet.heard();
                    let behind = answer.millis_behind_latest.unwrap_or(0);
                    self.lag.set_millis(&self.shard, behind);
                    let next = answer.next_shard_iterator.clone();
                    self.hand_over(answer, next.is_none(), &mut from).await?;
                    let Some(next) = next else { return Ok(()) };
                    iterator = next;
                    let interval = if behind > 0 { SHARD_READ_INTERVAL_MIN } else { self.poll_interval };
                    self.outlet.wait(interval.saturating_sub(polled.elapsed())).await?;
                }
                Err(error) => {
                    let failure = failure(&error);
                    // An iterator lasts five minutes, and some servers call a lost one invalid or fail on it.
                    let renew = matches!(failure.reason, "expired" | "invalid" | "other");
                    if failure.reason == "expired" {
                        self.records.note(&failure);
                    } else {
                        self.records.failed(&failure).await?;
                    }
                    if renew {
                        iterator = self.iterator_at(&mut from).await?;
                    }
                }
            }
        }
    }

    /// An iterator for the records from here on.
    async fn iterator_at(&mut self, from: &mut From) -> Result<String, Stopped> {
        loop {
            let request = self.client.get_shard_iterator().stream_name(&self.stream).shard_id(&self.shard);
            let request = match &*from {
                From::Oldest | From::End => request.shard_iterator_type(ShardIteratorType::TrimHorizon),
                From::At(Millis(at)) => {
                    request.shard_iterator_type(ShardIteratorType::AtTimestamp).timestamp(DateTime::from_millis(*at))
                }
                From::After(number) => {
                    request.shard_iterator_type(ShardIteratorType::AfterSequenceNumber).starting_sequence_number(number)
                }
            };
            match request.send().await.map(|answer| answer.shard_iterator) {
                Ok(Some(iterator)) => {
                    self.iterator.worked();
                    return Ok(iterator);
                }
                Ok(None) => {
                    let text = "the answer holds no iterator";
                    self.iterator.failed(&Failure::new("other", text, "")).await?;
                }
                Err(error) => {
                    let failure = failure(&error);
                    self.iterator.failed(&failure).await?;
                    if failure.reason == "invalid" && matches!(from, From::After(_)) {
                        // A stream that was deleted and made again knows nothing of numbers from before.
                        let position = from.text();
                        tracing::warn!(source = %self.terms.name, shard = ?self.shard, position,
                            "stream does not know the position any more: reading the shard from its beginning");
                        *from = From::Oldest;
                    }
                }
            }
        }
    }

    /// Hands the records of an answer over, in batches.
    async fn hand_over(&mut self, answer: GetRecordsOutput, ends: bool, from: &mut From) -> Result<(), Stopped> {
        let received_at = self.outlet.now();
        let mut gathering = Gathering::default();
        for record in answer.records {
            let payload = Bytes::from(record.data.into_inner());
            if !gathering.fits(payload.len()) {
                self.send(gathering.take(), from, received_at).await?;
            }
            gathering.push(payload);
            *from = From::After(record.sequence_number);
        }
        if ends {
            *from = From::End;
        }
        if ends || !gathering.is_empty() {
            self.send(gathering.take(), from, received_at).await?;
        }
        Ok(())
    }

    async fn send(&mut self, payloads: Vec<Bytes>, from: &From, received_at: Millis) -> Result<(), Stopped> {
        let mut batch = self.outlet.batch(payloads, Some(from.text()));
        batch.received_at = received_at;
        self.outlet.send(batch).await
    }
}
