//! A Kinesis data stream, polled: one task for each shard, begun and ended as the stream is split and merged.

mod lineage;
mod shard;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_kinesis::Client;
use tokio::task::{JoinError, JoinSet};

use self::lineage::{From, Lineage, Shard};
use self::shard::{Reader, ShardEnd};
use super::aws::{Remote, failure};
use super::lag::Lag;
use super::outlet::{Stopped, stopped};
use super::retry::{Failure, Retry};
use super::{Context, Running, Source, SourceError, Terms, settings};
use crate::config::Start;
use crate::limits::{SHARDS_LIST_INTERVAL, SHARDS_LISTED_MAX, SHARDS_READ_MAX};

/// How far our clock may be ahead of Kinesis's.
const CLOCK_DIFFERENCE_MILLIS: i64 = 5_000;

/// A source of the records of a Kinesis data stream.
pub struct KinesisSource {
    terms: Arc<Terms>,
    stream: String,
    remote: Remote,
    start: Start,
    poll_interval: Duration,
}

impl KinesisSource {
    /// A source of the stream of this name; its shards are polled at this interval.
    pub fn new(terms: Arc<Terms>, stream: String, remote: Remote, start: Start, poll_interval: Duration) -> Self {
        Self { terms, stream, remote, start, poll_interval }
    }

    async fn run_with(self, client: Client, context: Context) -> Result<(), SourceError> {
        let mut stop = context.stop.clone();
        let mut supervisor = Supervisor::new(self, client, context);
        tokio::select! {
            biased;
            () = stopped(&mut stop) => Ok(()),
            end = supervisor.run() => end.unwrap_or(Ok(())),
        }
    }
}

impl Source for KinesisSource {
    fn terms(&self) -> &Arc<Terms> {
        &self.terms
    }

    fn run(self: Box<Self>, context: Context) -> Running<'static> {
        Box::pin(async move {
            let client = Client::new(&self.remote.sdk_config().await);
            self.run_with(client, context).await
        })
    }
}

/// Lists the shards, and runs the readers of those whose turn it is.
struct Supervisor {
    source: KinesisSource,
    client: Client,
    context: Context,
    lag: Lag,
    lineage: Lineage,
    /// Dropped with the supervisor, which ends all readers.
    readers: JoinSet<(String, ShardEnd)>,
}

impl Supervisor {
    fn new(source: KinesisSource, client: Client, context: Context) -> Self {
        let prefix = format!("{}/", source.stream);
        let positions: BTreeMap<String, From> = context
            .positions
            .iter()
            .filter(|(partition, _)| partition.source == source.terms.name)
            .filter_map(|(partition, text)| {
                Some((partition.name.strip_prefix(&prefix)?.to_owned(), From::parse(text)?))
            })
            .collect();
        let lineage = Lineage::new(source.start, positions);
        let lag = Lag::new(&source.terms, &context.metrics);
        Self { source, client, context, lag, lineage, readers: JoinSet::new() }
    }

    async fn run(&mut self) -> Result<Result<(), SourceError>, Stopped> {
        let mut retry = Retry::new(&self.context, &self.source.terms, "ListShards");
        let mut listed_once = false;
        loop {
            match self.list().await {
                Ok(listed) => {
                    retry.worked();
                    listed_once = true;
                    if let Err(error) = self.begin(&listed) {
                        return Ok(Err(error));
                    }
                }
                Err(error) if error.reason == "not-found" && !listed_once => {
                    let reason =
                        format!("stream does not exist: {} in {}", self.source.stream, self.source.remote.region);
                    return Ok(Err(settings(&self.source.terms, reason, "check the stream's name and its region")));
                }
                Err(error) => {
                    retry.failed(&error).await?;
                    continue;
                }
            }
            if let Err(error) = self.wait_for_change().await? {
                return Ok(Err(error));
            }
        }
    }

    /// Lists all shards, page by page.
    async fn list(&self) -> Result<Vec<Shard>, Failure> {
        let mut listed = Vec::new();
        let mut token: Option<String> = None;
        loop {
            // A token stands for the stream that it was made for: naming both is refused.
            let stream = token.is_none().then(|| self.source.stream.clone());
            let request = self.client.list_shards().set_stream_name(stream).set_next_token(token.take());
            let answer = request.send().await.map_err(|error| failure(&error))?;
            listed.extend(answer.shards.unwrap_or_default().into_iter().map(|shard| Shard {
                parents: [shard.parent_shard_id, shard.adjacent_parent_shard_id].into_iter().flatten().collect(),
                closed: shard.sequence_number_range.is_some_and(|range| range.ending_sequence_number.is_some()),
                id: shard.shard_id,
            }));
            if listed.len() > SHARDS_LISTED_MAX {
                let text = format!("stream lists more than {SHARDS_LISTED_MAX} shards");
                return Err(Failure::new("too-many", &text, "split the records over several streams"));
            }
            token = answer.next_token;
            if token.is_none() {
                return Ok(listed);
            }
        }
    }

    /// Begins to read the shards whose turn has come.
    fn begin(&mut self, listed: &[Shard]) -> Result<(), SourceError> {
        // Kinesis refuses an instant that its own clock has not reached.
        let latest = self.context.clock.now().plus(-CLOCK_DIFFERENCE_MILLIS);
        for (id, from) in self.lineage.startable(listed, latest) {
            tracing::info!(source = %self.source.terms.name, shard = ?id, from = %from.text(), "reading a shard");
            let reader = Reader::new(&self.source, &self.client, &self.context, &self.lag, &id);
            self.readers.spawn(async move { (id, reader.run(from).await) });
        }
        if self.lineage.reading() > SHARDS_READ_MAX {
            let reason = format!("stream has more than {SHARDS_READ_MAX} open shards: {}", self.source.stream);
            return Err(settings(&self.source.terms, reason, "split the records over several streams"));
        }
        Ok(())
    }

    /// Waits until a shard ends, or it is time to list them again.
    async fn wait_for_change(&mut self) -> Result<Result<(), SourceError>, Stopped> {
        let wait = tokio::time::sleep(SHARDS_LIST_INTERVAL);
        let ended = tokio::select! {
            Some(ended) = self.readers.join_next() => ended,
            () = wait => return Ok(Ok(())),
        };
        self.note(ended)
    }

    fn note(&mut self, ended: Result<(String, ShardEnd), JoinError>) -> Result<Result<(), SourceError>, Stopped> {
        match ended {
            Ok((id, ShardEnd::Finished)) => {
                tracing::info!(source = %self.source.terms.name, shard = ?id, "shard has been read to its end");
                self.lineage.end(&id);
                Ok(Ok(()))
            }
            Ok((_, ShardEnd::Stopped)) => Err(Stopped),
            // A reader that panicked would leave its shard unread in silence.
            Err(error) => Ok(Err(SourceError::Unreachable {
                name: Arc::clone(&self.source.terms.name),
                reason: format!("a reader of a shard broke down: {error}"),
            })),
        }
    }
}
