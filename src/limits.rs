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
