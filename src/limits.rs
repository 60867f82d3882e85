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
/// Page keys with an order waiting for one receiver; past it the oldest order of the least severe is given up, counted.
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
/// Batches decoded ahead of the oldest one that is still being decoded.
pub const REORDER_MAX: usize = 64;
/// Rejects of one batch that are described for the log; the rest is counted only.
pub const REJECT_NOTES_MAX: usize = 20;
/// Rejects logged in one [`REJECTS_LOGGED_PERIOD`].
pub const REJECTS_LOGGED_MAX: u32 = 10;
/// See [`REJECTS_LOGGED_MAX`].
pub const REJECTS_LOGGED_PERIOD: Duration = Duration::from_secs(10);
/// While the journal fails, judging goes on until so many rows wait for it; then everything before it waits too.
pub const UNWRITTEN_ROWS_MAX: usize = 100_000;
/// See [`UNWRITTEN_ROWS_MAX`]; so many batches, acts and outcomes.
pub const UNWRITTEN_PIECES_MAX: usize = 10_000;
/// The first wait before a failed commit is tried again; it doubles each time.
pub const COMMIT_RETRY_FIRST: Duration = Duration::from_millis(100);
/// The longest wait before a failed commit is tried again.
pub const COMMIT_RETRY_MAX: Duration = Duration::from_secs(5);
/// Acts, outcomes and watches waiting for the engine.
pub const ACTS_QUEUED_MAX: usize = 256;
/// Connections to the listener for people and agents; further ones are closed at once, counted.
pub const HTTP_CONNECTIONS_MAX: usize = 512;
/// Connections that one peer may hold, unless it is this machine: a proxy's users all come from there.
pub const HTTP_CONNECTIONS_PER_PEER_MAX: usize = 256;
/// Requests other than events that are answered at once on that listener; further ones are told to come back.
pub const HTTP_REQUESTS_MAX: usize = 64;
/// How long one request may take.
pub const HTTP_REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// A connection on which nothing arrives for so long is closed; also how long a kept-alive one waits for its next
/// request's head to be there.
pub const HTTP_IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a new connection has until the first request's head is there, its TLS handshake included.
pub const HTTP_HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the body of a request may take to arrive.
pub const HTTP_BODY_TIMEOUT: Duration = Duration::from_secs(20);
/// The head of a request: its line and all headers.
pub const HTTP_HEAD_BYTES_MAX: usize = 16 << 10;
/// Headers of one request.
pub const HTTP_HEADERS_MAX: usize = 64;
/// What is read from one connection before it is looked at.
pub const HTTP_BUFFER_BYTES_MAX: usize = 128 << 10;
/// How long requests that are being answered may go on when the listener stops.
pub const HTTP_DRAIN: Duration = Duration::from_secs(5);
/// How often a request whose events are not yet durable looks whether the journal fails.
pub const HTTP_JOURNAL_LOOK: Duration = Duration::from_millis(250);
/// Requests without a valid token, or without its role, that one peer or holder is told about in one
/// [`FAILURES_PERIOD`]; further ones are told to come back.
pub const FAILURES_MAX: u32 = 20;
/// See [`FAILURES_MAX`].
pub const FAILURES_PERIOD: Duration = Duration::from_secs(60);
/// Peers and holders whose failures are remembered; while there are more, the others are told to come back.
pub const FAILURES_REMEMBERED_MAX: usize = 4_096;
/// Failures logged in one [`FAILURES_PERIOD`].
pub const FAILURES_LOGGED_MAX: u32 = 20;
/// Incidents in one answer of the API.
pub const INCIDENTS_ANSWERED_MAX: usize = 1_000;
/// The body of a verdict.
pub const VERDICT_BODY_BYTES_MAX: usize = 16 << 10;
/// A reviewer's reason is refused when it is longer.
pub const VERDICT_REASON_BYTES_MAX: usize = 1_000;

const _: () = assert!(GROUP_ROWS_MAX < UNWRITTEN_ROWS_MAX && CUTS_QUEUED_MAX < UNWRITTEN_PIECES_MAX);
const _: () = assert!(HTTP_REQUEST_TIMEOUT.as_secs() < HTTP_IDLE_TIMEOUT.as_secs());
const _: () = assert!(HTTP_BODY_TIMEOUT.as_secs() < HTTP_REQUEST_TIMEOUT.as_secs());
const _: () = assert!(HTTP_DRAIN.as_secs() < DRAIN_DEADLINE.as_secs());
const _: () =
    assert!(HTTP_HEAD_BYTES_MAX < HTTP_BUFFER_BYTES_MAX && HTTP_CONNECTIONS_PER_PEER_MAX < HTTP_CONNECTIONS_MAX);

/// A configuration file larger than this is refused.
pub const CONFIG_BYTES_MAX: usize = 1 << 20;
/// Problems of a configuration that are shown in the status; all are logged.
pub const CONFIG_PROBLEMS_SHOWN_MAX: usize = 20;
/// A user's own catalog larger than this is refused.
pub const CATALOG_BYTES_MAX: usize = 4 << 20;
/// Inventory files of one configuration.
pub const INVENTORY_FILES_MAX: usize = 64;
/// How often inventory files are looked at for a change.
pub const INVENTORY_POLL: Duration = Duration::from_secs(10);
/// A secret longer than this is refused.
pub const SECRET_BYTES_MAX: usize = 16 << 10;
/// A token shorter than this can be guessed.
pub const TOKEN_BYTES_MIN: usize = 16;
/// The random bytes of a token that we make.
pub const TOKEN_RANDOM_BYTES: usize = 32;
/// Characters of the name of a token's holder.
pub const TOKEN_HOLDER_CHARS_MAX: usize = 64;
/// Tokens in a token file.
pub const TOKENS_MAX: usize = 1_000;
/// A token file larger than this is refused.
pub const TOKEN_FILE_BYTES_MAX: usize = 4 << 20;
/// How long `trailbrake token` waits for another process that changes the file.
pub const TOKEN_FILE_LOCK_WAIT: Duration = Duration::from_secs(5);
/// How often the token file, certificate and key are looked at for a change.
pub const LISTENER_FILES_POLL: Duration = Duration::from_secs(1);
/// A certificate chain or key larger than this is refused.
pub const TLS_FILE_BYTES_MAX: usize = 1 << 20;
/// Sources in one configuration.
pub const SOURCES_MAX: usize = 64;
/// The path of a Unix socket: what `sockaddr_un` holds on Linux, without its final zero.
pub const SOCKET_PATH_BYTES_MAX: usize = 107;

/// What PagerDuty takes as one event.
pub const PAGERDUTY_EVENT_BYTES_MAX: usize = 512_000;
/// Characters of a page's headline: PagerDuty cuts at 1,024.
pub const SUMMARY_CHARS_MAX: usize = 1_024;
/// Characters of a headline that a watch shows: they say everything but the command.
pub const GLANCE_CHARS_MAX: usize = 200;
/// Characters of one line of a page's longer text.
pub const DESCRIPTION_LINE_CHARS_MAX: usize = 512;
/// Kinds of resources that a page names.
pub const KINDS_NAMED_MAX: usize = 6;
/// Accounts, regions and zones that a page names of each.
pub const ACCOUNTS_NAMED_MAX: usize = 6;
/// Pauses that a page names.
pub const PAUSES_NAMED_MAX: usize = 3;
/// Characters of one text in a page's details.
pub const DETAIL_CHARS_MAX: usize = 512;
/// Elements of one list in a page's details.
pub const DETAIL_ELEMENTS_MAX: usize = 100;
/// Characters of a label's value.
pub const LABEL_CHARS_MAX: usize = 128;
/// Characters of a receiver's answer, or of an error, that are kept for the log.
pub const ANSWER_CHARS_MAX: usize = 256;
/// Messages a minute that a receiver of people gets before incidents are told together.
pub const MESSAGES_PER_MINUTE: u32 = 20;
/// The same for a program.
pub const MESSAGES_PER_MINUTE_PROGRAM: u32 = 600;
/// The highest limit that can be set.
pub const MESSAGES_PER_MINUTE_MAX: u32 = 6_000;
/// How long incidents past the limit are gathered before they are told together.
pub const SUMMARY_WAIT: Duration = Duration::from_secs(10);
/// The least time between two messages that tell incidents together.
pub const SUMMARY_INTERVAL: Duration = Duration::from_secs(60);
/// Incidents that such a message names.
pub const SUMMARY_INCIDENTS_MAX: usize = 20;
/// Pages of which an outbox remembers what was told last; the oldest go first.
pub const PAGES_TOLD_MAX: usize = 10_000;
/// Attempts at a receiver whose answer is not its own before an order is given up: each may have been taken.
pub const BAD_ANSWERS_MAX: u32 = 3;
/// Routes in one configuration.
pub const ROUTES_MAX: usize = 100;
/// Characters of the text of one section of a Slack message.
pub const SLACK_SECTION_CHARS_MAX: usize = 3_000;
/// Characters of the header of a Slack message.
pub const SLACK_HEADER_CHARS_MAX: usize = 150;
/// Blocks of one Slack message.
pub const SLACK_BLOCKS_MAX: usize = 50;
/// One CloudEvent: what everything on the way has to take.
pub const CLOUD_EVENT_BYTES_MAX: usize = 64 << 10;
/// Instances of one Alertmanager cluster.
pub const ALERTMANAGERS_MAX: usize = 16;
/// Alerts whose last labels are remembered by a receiver that has to end them.
pub const ALERTS_REMEMBERED_MAX: usize = ORDERS_QUEUED_MAX;
/// An open alert ends by itself this long after it was posted last.
pub const ALERT_LIFE: Duration = Duration::from_secs(5 * 60);
/// Deliveries to one receiver at the same time.
pub const DELIVERIES_MAX: usize = 4;
/// The first wait before an order is tried again; each further one is twice as long.
pub const RETRY_WAIT_MIN: Duration = Duration::from_secs(1);
/// The longest wait of our own choice before an order is tried again.
pub const RETRY_WAIT_MAX: Duration = Duration::from_secs(5 * 60);
/// The longest wait that a receiver can ask for: one that asks for more is asked again after this.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(15 * 60);
/// Ends of orders on their way to the journal.
pub const ENDS_QUEUED_MAX: usize = 1_000;

const _: () = assert!(ALERT_REPEAT.as_secs() * 3 < ALERT_LIFE.as_secs());
const _: () = assert!(RETRY_WAIT_MIN.as_secs() < RETRY_WAIT_MAX.as_secs());
const _: () = assert!(RETRY_WAIT_MAX.as_secs() <= RETRY_AFTER_MAX.as_secs());
const _: () = assert!(RETRY_AFTER_MAX.as_secs() < ORDER_AGE_MAX.as_secs());
const _: () = assert!(ANSWER_CHARS_MAX < ANSWER_BYTES_MAX);
/// A stage that shows no life for this long hangs.
pub const STAGE_SILENCE_MAX: Duration = Duration::from_secs(30);
/// Stages whose life is watched.
pub const STAGES_MAX: usize = 64;

const _: () = assert!(RECEIVER_TIMEOUT.as_secs() < STAGE_SILENCE_MAX.as_secs());

/// Ended orders that the journal remembers, so that a repeated one is known; the oldest go first.
pub const ENDED_ORDERS_KEPT_MAX: u64 = 10_000;
/// Pages, open or resolved, whose last announcement the journal remembers; the oldest go first.
pub const PAGES_KEPT_MAX: u64 = 20_000;
/// Desired states that want nothing and are settled, kept in the journal; the oldest go first.
pub const SETTLED_KEPT_MAX: u64 = 10_000;
/// Artefacts kept for one pause key until they are undone; the oldest go first.
pub const ARTEFACTS_PER_KEY_MAX: usize = 16;
/// Facts that the engine forgot and whose copies are still known; the oldest go first. Each takes about 30 bytes.
pub const FORGOTTEN_MAX: u64 = 4_000_000;
/// For how long copies of forgotten facts are known, counted back from the newest, in seconds.
pub const FORGOTTEN_SECONDS: i64 = 2 * 24 * 60 * 60;
/// Of these, at least so many are removed with one cut if they are too many or too old.
pub const FORGOTTEN_REMOVED_AT_ONCE: u64 = 1_000;
/// Facts that were forgotten last and are known without a look into the journal, where they may not be yet.
pub const FORGOTTEN_UNWRITTEN_MAX: usize = trailbrake_detectors::limits::FACTS_MAX;
/// Entries of the audit trail; the oldest go first, and the chain begins after them.
pub const AUDIT_ENTRIES_MAX: u64 = 100_000;
/// Of these, at most so many are removed with one cut.
pub const AUDIT_REMOVED_AT_ONCE: u64 = 100;
/// Of what an entry of the audit trail says beyond this, only the digest is kept.
pub const AUDIT_BODY_BYTES_MAX: usize = 8 << 10;
/// Copies of the journal, made before it was brought to a newer schema, that are kept beside it.
pub const JOURNAL_COPIES_MAX: usize = 3;
/// Damaged journals that were set aside and are kept; the oldest go first.
pub const JOURNAL_SET_ASIDE_MAX: usize = 3;
/// Rows of a damaged journal that make no sense and are left out; with more, the daemon does not start.
pub const BAD_ROWS_MAX: usize = 100;
/// The journal fails this long, or is locked by another process, before pages go out that are not written down.
pub const JOURNAL_DOWN_AFTER: Duration = Duration::from_secs(1);
/// Of one incident, a page that is not written down goes out at most this often.
pub const UNWRITTEN_PAGE_INTERVAL: Duration = Duration::from_secs(60);
/// How long opening the journal waits for another process to let go of it, and reading it for one that writes.
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
/// How often a followed directory is looked through, at most; and never more than a tenth of the time.
pub const DIRECTORY_POLL: Duration = Duration::from_secs(1);
/// Directories within directories that are looked into.
pub const TRAIL_DIRECTORY_DEPTH_MAX: usize = 64;
/// Files of a followed directory; of more, the oldest are left out.
pub const FOLLOWED_FILES_MAX: usize = 100_000;
/// Bytes of their paths, below the directory.
pub const FOLLOWED_PATH_BYTES_MAX: usize = 32 << 20;
/// What is looked at in a directory each time, files or not; past it the rest is not seen.
pub const FOLLOWED_ENTRIES_MAX: usize = 20 * FOLLOWED_FILES_MAX;
/// Places in it that cannot be looked into and are known each; of more, all that is known may be still there.
pub const FOLLOWED_UNSEEN_MAX: usize = 1_000;
/// Files of lines that are kept open, so that the last lines of one that is replaced are read.
pub const FOLLOWED_OPEN_MAX: usize = 16;
/// A file with a longer line that has not ended is not kept open.
pub const FOLLOWED_PARTIAL_BYTES_MAX: u64 = 1 << 20;
/// Bytes that are read of one file before others have their turn.
pub const FOLLOWED_TURN_BYTES_MAX: u64 = 1 << 20;
/// Bytes of followed files that are handed over and not yet durable: what other sources bring waits behind these.
pub const FOLLOWED_UNWRITTEN_BYTES_MAX: usize = 4 << 20;
/// A byte of a compressed file counts as so many.
pub const ARCHIVE_BYTES_WEIGHT: usize = 12;
/// A file that is read as a whole is read once it has not changed for so long.
pub const FILE_SETTLED: Duration = Duration::from_secs(2);
/// Or at once if it was written so long ago, in seconds.
pub const FILE_OLD_SECONDS: i64 = 60;
/// A path that cannot be read for so long is trouble: while a file is replaced there is a moment without any.
pub const FILE_TROUBLE_AFTER: Duration = Duration::from_secs(5);
/// A file of a directory that cannot be read for so long is.
pub const DIRECTORY_FILE_TROUBLE_AFTER: Duration = Duration::from_secs(60);
/// The least time between two sentences about trouble that goes on.
pub const TROUBLE_INTERVAL: Duration = Duration::from_secs(60);
/// The position of a file that is gone is kept for so long: what held it may come back.
pub const FILE_GONE_KEPT: Duration = Duration::from_secs(60 * 60);
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
/// How often a source that only listens says that it does.
pub const LISTENING_BEAT: Duration = Duration::from_secs(10);
/// Facts that are judged between two signs of life.
pub const FACTS_BETWEEN_BEATS: usize = 64;

/// Threads that read and decode a trail for `replay`.
pub const REPLAY_THREADS_MAX: usize = 16;
/// Jobs of `replay` per such thread that are begun, or done and not yet handed on.
pub const REPLAY_JOBS_PER_THREAD_MAX: usize = 3;
/// Payloads of one input that are decoded before it is its turn.
pub const REPLAY_PIECES_QUEUED_MAX: usize = 4;
/// `replay` cuts lines into payloads of about this size, so that threads share the work of one large file.
pub const REPLAY_CHUNK_BYTES: usize = 512 << 10;
/// Up to this size on the disk, an input of `replay` is read, unpacked and decoded by one thread.
pub const REPLAY_SMALL_INPUT_BYTES_MAX: u64 = 4 << 20;
/// Bytes of events that `replay` holds to put them into order; of more, the first go to a temporary file.
pub const REPLAY_SORT_BYTES_MAX: usize = 8 << 20;
/// Sorted runs in that file; of more, all are merged into one.
pub const REPLAY_RUNS_MAX: usize = 256;
/// Bytes that are read or written of a run at once.
pub const REPLAY_RUN_BUFFER_BYTES: usize = 16 << 10;
/// Events that `replay` hands from sorting to judging at once.
pub const REPLAY_PORTION_EVENTS_MAX: usize = 128;
/// Such portions that wait.
pub const REPLAY_PORTIONS_QUEUED_MAX: usize = 8;
/// With more resources in its inventory than this, `replay` keeps no copy of it, and judges only after it has read all.
pub const REPLAY_INVENTORY_COPIED_MAX: usize = 10_000;

/// Inputs named for each reason for which records were rejected; of more, the first are.
pub const REPLAY_REJECTS_NAMED_MAX: usize = 3;
const _: () = assert!(REPLAY_CHUNK_BYTES < trailbrake_detectors::limits::PAYLOAD_BYTES_MAX);
const _: () = assert!(REPLAY_RUNS_MAX * REPLAY_RUN_BUFFER_BYTES <= REPLAY_SORT_BYTES_MAX);
