//! Every bound of the shell, in one place. The core has its own in `trailbrake_detectors::limits`.

use std::time::Duration;

/// Batches between sources and decoding; a full channel stops polling, and HTTP answers 429.
pub const BATCHES_QUEUED_MAX: usize = 64;
/// Bytes of payload in one batch: a source closes a batch before it passes this.
pub const BATCH_BYTES_MAX: usize = 4 << 20;
/// Payloads in one batch.
pub const BATCH_PAYLOADS_MAX: usize = 1_000;
/// Cuts between the engine and the journal.
pub const CUTS_QUEUED_MAX: usize = 64;
/// The journal closes a group at this many rows, after this long, or at the first decision.
pub const GROUP_ROWS_MAX: usize = 1_000;
/// See [`GROUP_ROWS_MAX`].
pub const GROUP_WAIT: Duration = Duration::from_millis(10);
/// Pages waiting for one receiver; past it the oldest that is not the only one of its incident goes, counted.
pub const ORDERS_QUEUED_MAX: usize = 1_000;
/// An order is given up, loudly, after this long.
pub const ORDER_AGE_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// How long one attempt at a receiver may take.
pub const RECEIVER_TIMEOUT: Duration = Duration::from_secs(15);
/// The body of a request or an answer that we read.
pub const HTTP_BODY_BYTES_MAX: usize = trailbrake_detectors::limits::PAYLOAD_BYTES_MAX;
/// The body of an answer of a receiver or a hook that we read.
pub const ANSWER_BYTES_MAX: usize = 64 << 10;
/// One line between `run` and `act`.
pub const ACT_LINE_BYTES_MAX: usize = 64 << 10;
/// A change whose decision is older than this is refused by `act`: `run` must renew it.
pub const DESIRED_AGE_MAX: Duration = Duration::from_secs(10 * 60);
/// Attempts at one IAM change before it is given up (with backoff between them, about two minutes in all).
pub const HOOK_ATTEMPTS_MAX: u32 = 10;
/// How long shutdown waits for queues to drain.
pub const DRAIN_DEADLINE: Duration = Duration::from_secs(10);
/// An open alert is posted again at Alertmanager this often.
pub const ALERT_REPEAT: Duration = Duration::from_secs(60);
/// Ticks of the engine.
pub const TICK: Duration = Duration::from_millis(500);

/// The first wait after a source's call failed; it doubles up to [`SOURCE_BACKOFF_MAX`].
pub const SOURCE_BACKOFF_FIRST: Duration = Duration::from_millis(250);
/// The longest wait between two attempts of a source.
pub const SOURCE_BACKOFF_MAX: Duration = Duration::from_secs(30);
/// How long a source waits for a connection.
pub const SOURCE_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a source waits for one answer: LookupEvents has been seen to take 35 seconds.
pub const SOURCE_CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// Characters of a remote error that are logged.
pub const SOURCE_ERROR_CHARACTERS_MAX: usize = 512;
/// How long an open batch waits for more payloads.
pub const BATCH_LINGER: Duration = Duration::from_millis(5);
/// How long a source that stops waits for its last batches to become durable.
pub const ACKNOWLEDGEMENT_WAIT: Duration = Duration::from_secs(5);
/// Bytes of request bodies that are accepted and not yet durable.
pub const INTAKE_BYTES_MAX: usize = 2 * HTTP_BODY_BYTES_MAX;
/// How often a followed file is looked at when it had nothing new.
pub const FILE_POLL: Duration = Duration::from_millis(250);
/// Shards of one stream that are read at the same time.
pub const SHARDS_READ_MAX: usize = 1_000;
/// Shards of one stream that are listed, closed ones included.
pub const SHARDS_LISTED_MAX: usize = 10_000;
/// How often the shards of a stream are listed when none has ended.
pub const SHARDS_LIST_INTERVAL: Duration = Duration::from_secs(30);
/// The least time between two reads of a shard: Kinesis allows five a second.
pub const SHARD_READ_INTERVAL_MIN: Duration = Duration::from_millis(210);
/// The least time between two calls of CloudTrail: it allows two LookupEvents a second.
pub const LOOKUP_INTERVAL_MIN: Duration = Duration::from_millis(520);
/// The longest span of one window of LookupEvents, in seconds.
pub const LOOKUP_WINDOW_SECONDS_MAX: i64 = 60 * 60;
/// Bytes of events that one window of LookupEvents holds before they are sent oldest first; past it the window is halved.
pub const LOOKUP_BYTES_MAX: usize = 64 << 20;
/// Pages of one window of LookupEvents; past it the window is halved.
pub const LOOKUP_PAGES_MAX: usize = 1_000;
/// Events of LookupEvents that are remembered, so that the overlap of two rounds repeats nothing.
pub const LOOKUP_SEEN_MAX: usize = 200_000;
/// How far LookupEvents reaches back, in seconds: 90 days, less an hour.
pub const LOOKUP_AGE_SECONDS_MAX: i64 = 90 * 24 * 60 * 60 - 60 * 60;
/// Characters of a sentence about a trail.
pub const TROUBLE_CHARACTERS_MAX: usize = 400;
/// Looks at a trail that may fail in a row before that itself is trouble.
pub const WATCH_FAILURES_MAX: u32 = 3;
/// Batches of a topic that are sent and not yet durable; past it reading pauses.
pub const KAFKA_UNACKNOWLEDGED_MAX: usize = 1_024;
/// How often acknowledged offsets are committed to the group.
pub const KAFKA_COMMIT_INTERVAL: Duration = Duration::from_secs(1);
/// How long a call to the brokers may take while partitions are being assigned.
pub const KAFKA_CALL_TIMEOUT: Duration = Duration::from_secs(5);

const _: () = assert!(INTAKE_BYTES_MAX >= HTTP_BODY_BYTES_MAX);
const _: () = assert!(BATCH_BYTES_MAX < LOOKUP_BYTES_MAX);
