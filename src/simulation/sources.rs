//! Where records come from: shards that are read again from a position, and clients that send until they are answered.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;
use trailbrake_detectors::engine::Partition;
use trailbrake_detectors::scenario::{Options, generate};
use trailbrake_detectors::time::{Millis, Second};

use super::choices::Choices;
use crate::source::{Batch, Committed, Position, Terms};

/// When the first record happens.
pub(super) const START: Second = Second(1_767_603_600);
/// The source that keeps positions.
pub(super) const STREAM: &str = "stream";
/// The source that is posted to.
pub(super) const CLIENTS: &str = "clients";

/// Seconds of a trail that are judged, and how many records of it.
const TRAIL_SECONDS: i64 = 40 * 60;
const TRAIL_RECORDS_MAX: usize = 400;
const SHARDS: usize = 2;
/// No client gathers records for longer: what is later than lateness allows is judged as well as can be, and not exactly.
const REQUEST_MILLIS_MAX: i64 = 120_000;
const SCENARIOS: [&str; 6] =
    ["agent-rebuild", "session-rotation", "database-recreate", "multi-region-wipe", "role-chain", "stack-recreate"];

/// A part of the stream: its records in order, each with the time from which on it can be read.
pub(super) struct Shard {
    pub(super) name: String,
    pub(super) records: Vec<(Millis, Bytes)>,
    /// How far the process that runs has read.
    pub(super) read: usize,
    /// It gives nothing before.
    pub(super) silent_until: Millis,
}

/// What a client sends at once, until it is answered.
pub(super) struct Request {
    pub(super) payloads: Vec<Bytes>,
    pub(super) due_at: Millis,
    pub(super) waiting: Option<oneshot::Receiver<Committed>>,
    pub(super) is_answered: bool,
}

/// All sources, and what they sent of it.
pub(super) struct Sources {
    pub(super) shards: Vec<Shard>,
    pub(super) requests: Vec<Request>,
    pub(super) distinct: Vec<Bytes>,
    terms: [Arc<Terms>; 2],
}

impl Sources {
    /// A scenario's trail, dealt out to shards and clients, with some records twice, some garbage, and in disorder.
    pub(super) fn new(seed: u64) -> Self {
        let scenario = SCENARIOS[usize::try_from(seed).unwrap_or(0) % SCENARIOS.len()];
        let records = generate(scenario, &Options::new(seed, START)).expect("a scenario");
        let end = START.plus(TRAIL_SECONDS);
        let mut random = fastrand::Rng::with_seed(seed);
        let mut sources = Self {
            shards: (0..SHARDS).map(Shard::new).collect(),
            requests: Vec::new(),
            distinct: Vec::new(),
            terms: [terms(STREAM, true), terms(CLIENTS, (seed / 6) % 4 != 3)],
        };
        let (mut request, mut oldest) = (Vec::new(), START.millis());
        for record in records.into_iter().filter(|record| record.time < end).take(TRAIL_RECORDS_MAX) {
            let json = Bytes::from(record.json);
            sources.distinct.push(json.clone());
            for _ in 0..if random.u8(..) < 40 { 2 } else { 1 } {
                let arrives_at = record.time.millis().plus(random.i64(1_000..90_000));
                match random.usize(..SHARDS * 2) {
                    shard if shard < SHARDS * 2 - 1 => {
                        sources.shards[shard % SHARDS].records.push((arrives_at, json.clone()));
                    }
                    _ => request.push(json.clone()),
                }
                if random.u8(..) < 4 {
                    sources.shards[0].records.push((arrives_at, Bytes::from_static(b"{\"eventName\":")));
                }
                if request.len() > random.usize(1..20) || arrives_at.0 > oldest.0 + REQUEST_MILLIS_MAX {
                    sources.requests.push(Request::new(std::mem::take(&mut request), arrives_at));
                }
                if request.is_empty() {
                    oldest = arrives_at;
                }
            }
        }
        sources.requests.push(Request::new(request, oldest.plus(REQUEST_MILLIS_MAX)));
        sources.shards.iter_mut().for_each(|shard| shard.records.sort_by_key(|(at, _)| *at));
        sources
    }

    /// Whether all sources may cause pauses: what may not bends no judgement of what may.
    pub(super) fn are_trusted(&self) -> bool {
        self.terms.iter().all(|terms| terms.may_pause)
    }

    /// All records in the order of their time, each once, as one batch.
    pub(super) fn in_order(&self) -> Batch {
        let received_at = START.millis().plus(TRAIL_SECONDS * 1_000);
        batch(&self.terms[0], "", self.distinct.clone(), None, received_at)
    }

    /// The next records of a shard, if there are any by now.
    pub(super) fn read(&mut self, index: usize, now: Millis, choices: &mut Choices) -> Option<Batch> {
        let shard = &mut self.shards[index];
        let ready = shard.records[shard.read..].iter().take_while(|(at, _)| *at <= now).count();
        if ready == 0 || shard.silent_until > now {
            return None;
        }
        let count = ready.min(if choices.are_spent() { 100 } else { 1 + choices.below(30) });
        let payloads = shard.records[shard.read..shard.read + count].iter().map(|(_, json)| json.clone()).collect();
        shard.read += count;
        Some(batch(&self.terms[0], &shard.name, payloads, Some(shard.read.to_string()), now))
    }

    /// The request that is due, if there is one. It waits for its answer from then on.
    pub(super) fn send(&mut self, now: Millis) -> Option<Batch> {
        let is_due =
            |request: &&mut Request| !request.is_answered && request.waiting.is_none() && request.due_at <= now;
        let request = self.requests.iter_mut().find(is_due)?;
        let (sender, receiver) = oneshot::channel();
        request.waiting = Some(receiver);
        let batch = batch(&self.terms[1], "", request.payloads.clone(), None, now);
        Some(Batch { acknowledgement: Some(sender), ..batch })
    }

    /// Records of all requests that were answered.
    pub(super) fn answered(&self) -> u64 {
        self.requests.iter().filter(|request| request.is_answered).map(|request| request.payloads.len() as u64).sum()
    }

    /// When there is something to read or to send again.
    pub(super) fn next_at(&self) -> Option<Millis> {
        let shards = self.shards.iter().filter_map(|shard| {
            shard.records.get(shard.read).map(|(arrives_at, _)| (*arrives_at).max(shard.silent_until))
        });
        let idle = |request: &&Request| !request.is_answered && request.waiting.is_none();
        shards.chain(self.requests.iter().filter(idle).map(|request| request.due_at)).min()
    }

    /// Hears the answers. A client that hears nothing, or loses what it hears, sends again a little later.
    pub(super) fn hear(&mut self, now: Millis, choices: &mut Choices) {
        for request in &mut self.requests {
            let Some(waiting) = &mut request.waiting else { continue };
            match waiting.try_recv() {
                Ok(_) if !choices.are_spent() && choices.one_in(8) => {}
                Ok(_) => request.is_answered = true,
                Err(oneshot::error::TryRecvError::Empty) => continue,
                Err(oneshot::error::TryRecvError::Closed) => {}
            }
            (request.waiting, request.due_at) = (None, now.plus(2_000));
        }
    }
}

impl Shard {
    fn new(number: usize) -> Self {
        Self { name: format!("shard-{number}"), records: Vec::new(), read: 0, silent_until: Millis(0) }
    }
}

impl Request {
    fn new(payloads: Vec<Bytes>, due_at: Millis) -> Self {
        Self { is_answered: payloads.is_empty(), payloads, due_at, waiting: None }
    }
}

/// The name of a shard's position: that of what it is read from, which need not be the partition's.
pub(super) fn position_name(shard: &str) -> Arc<str> {
    format!("directory/{shard}").into()
}

fn terms(name: &str, may_pause: bool) -> Arc<Terms> {
    Arc::new(Terms { name: Arc::from(name), accounts: Vec::new(), may_pause, quiet_limit_seconds: 60 })
}

fn batch(terms: &Arc<Terms>, name: &str, payloads: Vec<Bytes>, position: Option<String>, received_at: Millis) -> Batch {
    let partition = Partition { source: Arc::clone(&terms.name), name: Arc::from(name) };
    let position = position.map(|at| Position { name: position_name(name), at: Some(at) });
    Batch { terms: Arc::clone(terms), partition, payloads, position, received_at, acknowledgement: None }
}
