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

/// Ended orders that the journal remembers, so that a repeated one is known; the oldest go first.
pub const ENDED_ORDERS_KEPT_MAX: u64 = 10_000;
/// Pages, open or resolved, whose last announcement the journal remembers; the oldest go first.
pub const PAGES_KEPT_MAX: u64 = 20_000;
/// Desired states that want nothing and are settled, kept in the journal; the oldest go first.
pub const SETTLED_KEPT_MAX: u64 = 10_000;
/// Artefacts kept for one pause key until they are undone; the oldest go first.
pub const ARTEFACTS_PER_KEY_MAX: usize = 16;
/// How long opening the journal waits for another process to let go of it.
pub const JOURNAL_BUSY_WAIT: Duration = Duration::from_secs(5);
/// Pages of an entity's attached policies that are read; AWS allows 20 policies and gives up to 100 on a page.
pub const ATTACHED_PAGES_MAX: usize = 10;
/// How long one call of a hook may take.
pub const HOOK_TIMEOUT: Duration = Duration::from_secs(15);
/// The wait before the second attempt at something; it doubles with each further one, with jitter.
pub const BACKOFF_FIRST: Duration = Duration::from_millis(250);
/// The longest wait between two attempts.
pub const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// Entities that `act` remembers the latest generation of; when full, one that nothing is done for is forgotten.
pub const ACT_ENTITIES_MAX: usize = 10_000;
/// Lines between `run` and `act` that wait in memory, each way.
pub const ACT_LINES_QUEUED_MAX: usize = 64;
/// How long one line may take to be written to the other side.
pub const ACT_SAY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long `run` waits for the first line of `act` after connecting.
pub const ACT_HELLO_TIMEOUT: Duration = Duration::from_secs(5);
/// How long `act` waits for an artefact to be in the journal before it gives the change up.
pub const ACT_COMMIT_WAIT: Duration = DESIRED_AGE_MAX;
/// Incidents named to `act` with a desired state.
pub const ACT_INCIDENTS_SAID_MAX: usize = 100;
/// How often a child looks whether its parent is still there.
pub const PARENT_WATCH: Duration = Duration::from_millis(500);
/// Desired states that `run` keeps unsettled; more than the engine can want.
pub const PAUSES_UNSETTLED_MAX: usize =
    trailbrake_detectors::limits::INCIDENTS_MAX * trailbrake_detectors::limits::PAUSES_PER_INCIDENT_MAX;
/// What `act` said that waits for the stages of `run`.
pub const PAUSE_EVENTS_QUEUED_MAX: usize = 64;
/// A child that lived this long is started again without a wait.
pub const CHILD_SETTLED: Duration = Duration::from_secs(60);
