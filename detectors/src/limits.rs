//! Every bound of the core, in one place. Where one bound depends on another, an assertion here relates them.

/// A record larger than this is rejected: CloudTrail's own limit is 256 KB, and addenda stay below a megabyte.
pub const RECORD_BYTES_MAX: usize = 1 << 20;
/// One payload (a message, a request body, a line of a file) larger than this is rejected before it is parsed.
pub const PAYLOAD_BYTES_MAX: usize = 32 << 20;
/// What a compressed payload may grow to.
pub const DECOMPRESSED_BYTES_MAX: usize = 128 << 20;
/// Records taken from one payload; the rest is rejected, counted as one.
pub const RECORDS_PER_PAYLOAD_MAX: usize = 100_000;
/// Nesting of JSON inside a record; the deepest real one had 11 levels.
pub const NESTING_MAX: usize = 64;
/// Wrappers around a record that are opened (an SNS message in an SQS message, and so on).
pub const ENVELOPES_MAX: usize = 4;
/// A string kept from a record is cut to this many bytes, at a character.
pub const STRING_BYTES_MAX: usize = 512;
/// Resources kept from one call; the rest is counted on the event.
pub const RESOURCES_PER_EVENT_MAX: usize = 1_000;
/// Resources kept from one payload; what follows is rejected like too many records, counted as one.
pub const RESOURCES_PER_PAYLOAD_MAX: usize = 200_000;
/// Aliases kept for one resource.
pub const ALIASES_PER_RESOURCE_MAX: usize = 16;
/// Bytes of a rejected record that are kept as a sample.
pub const REJECT_SAMPLE_BYTES_MAX: usize = 256;
/// Rejects described for one payload; further ones are only counted.
pub const REJECTS_PER_PAYLOAD_MAX: usize = 1_000;

/// Differences that a comparison of the catalog with a table of facts lists; of more, the first are listed.
pub const CATALOG_DIFFERENCES_MAX: usize = 10_000;

/// An event later than this after now is rejected and never moves time.
pub const FUTURE_SECONDS_MAX: i64 = 5 * 60;
/// CloudTrail began in November 2013: an earlier event is rejected (2013-11-01T00:00:00Z).
pub const EVENT_TIME_MIN: i64 = 1_383_264_000;

/// L: how late a fact may arrive and still be judged as if it had been in time.
pub const LATENESS_SECONDS: i64 = 10 * 60;
/// W: the longest window of a detector.
pub const WINDOW_SECONDS_MAX: i64 = 60 * 60;
/// R: how long after a destruction a create of the same thing is looked for.
pub const RECREATE_SECONDS_MAX: i64 = 6 * 60 * 60;
/// A: what its maker destroys younger than this is *own and young*.
pub const YOUNG_SECONDS_MAX: i64 = 6 * 60 * 60;
/// What its maker destroys within this time is the daily work of a controller; what it made longer ago is an environment.
pub const RETIRED_SECONDS_MAX: i64 = 7 * 24 * 60 * 60;
/// Findings whose destroying facts are at most this far apart are one episode.
pub const EPISODE_GAP_SECONDS: i64 = 30 * 60;
/// `low` and `medium` alone never keep an incident open for longer than this.
pub const QUIET_INCIDENT_SECONDS_MAX: i64 = 6 * 60 * 60;

/// Identities of one payload that are held to be shared by its events.
pub const IDENTITIES_HELD_MAX: usize = 1_000;
/// Facts held by the timeline. When full, the oldest go first, and that is counted.
pub const FACTS_MAX: usize = 200_000;
/// How many facts go at once when there are too many.
pub const FACTS_DROPPED_AT_ONCE: usize = FACTS_MAX / 64;
/// At least so many go, so that judging anew what they leave is worth it.
pub const FACTS_DROPPED_AT_LEAST: usize = FACTS_MAX / 1_024;
/// Incidents remembered by the engine, closed ones included. When full, the oldest closed one goes first.
pub const INCIDENTS_MAX: usize = 10_000;
/// Creates of one type by one actor that wait to stand for what is destroyed next; of more, the oldest go.
pub const PAIRING_CREATES_MAX: usize = 1_000;
/// Sets of torn-down types of one key that are watched for being built again; of more, the oldest goes.
pub const TEARDOWNS_MAX: usize = 8;
/// Facts of one key after which the state of its sums is kept, so that a late fact need not begin at the first.
pub const CHECKPOINT_STEPS: usize = 128;
/// Kept states of one key; of more, every other one of the older half goes.
pub const CHECKPOINTS_MAX: usize = 64;
/// Facts shown as evidence of an incident.
pub const EVIDENCE_MAX: usize = 100;
/// Recreated resources listed on an incident.
pub const RECREATED_LISTED_MAX: usize = 100;
/// Sessions listed on an incident.
pub const SESSIONS_LISTED_MAX: usize = 20;
/// Resources of an incident are counted one by one up to here; past it the incident says `"exact":false`.
pub const RESOURCES_COUNTED_MAX: usize = 10_000;
/// Links of AssumeRole that are followed back to an origin.
pub const LINEAGE_DEPTH_MAX: usize = 8;
/// If several origins assumed one session name within this time, the actor is the role.
pub const SHARED_SESSION_SECONDS: i64 = 12 * 60 * 60;
/// Of the links that made sessions of one name, the latest so many are looked at.
pub const SHARED_LINKS_LOOKED_AT_MAX: usize = 64;
/// Links found by a session's name alone are followed this far.
pub const NAMES_DEPTH_MAX: usize = 2;
/// What a stack's or an automation's role does is charged to those who set one going under it at most this long before.
pub const STARTED_SECONDS_MAX: i64 = 6 * 60 * 60;
/// Calls of one role that are looked through for starters; of more, the latest.
pub const STARTS_LOOKED_AT_MAX: usize = 512;
/// Starts that lead on to other starts are followed this far.
pub const STARTS_DEPTH_MAX: usize = 2;
/// Starters listed where several share a role.
pub const STARTERS_LISTED_MAX: usize = 20;
/// A destruction counts as unguarded if a protection of it went off at most this long before.
pub const UNGUARDED_SECONDS_MAX: i64 = 60 * 60;
/// Resources with unknown zones that are asked for each time an incident is told; of more, the latest come first.
pub const WANTED_MAX: usize = 100;
/// Resources that were asked for once and are not asked for again. When full, all are forgotten.
pub const WANTED_REMEMBERED_MAX: usize = 10_000;
/// Resources of an inventory.
pub const INVENTORY_RESOURCES_MAX: usize = 1_000_000;
/// Bytes of an inventory.
pub const INVENTORY_BYTES_MAX: usize = 512 << 20;
/// Entities (roles, users) that one incident may want paused.
pub const PAUSES_PER_INCIDENT_MAX: usize = 5;
/// Human acts remembered so that the same one changes nothing; of more, the oldest goes.
pub const HUMAN_ACTS_MAX: usize = 10_000;
/// Verdicts remembered of one incident; the oldest go first.
pub const VERDICTS_KEPT_MAX: usize = 20;
/// Incidents of which a tick shows what has changed, those that have waited for longest.
pub const STALE_SHOWN_PER_TICK: usize = 32;
/// Incidents of which a mark does: only those that ticks did not come to in [`STALE_MILLISECONDS`].
pub const STALE_SHOWN_PER_MARK: usize = 4;
/// An incident that has waited for so long to be shown does not wait for a tick.
pub const STALE_MILLISECONDS: i64 = 2_000;
/// Of how many resources incidents tell that are shown at once, about: a few wide ones take as long as many small ones.
pub const SHOWN_RESOURCES_AT_ONCE: u64 = 2_000;
/// Facts are forgotten in steps of at least this much event time.
pub const FACTS_FORGOTTEN_EVERY_SECONDS: i64 = 5 * 60;
/// A pause that failed is tried again when its principal goes on destroying, but not before this.
pub const FAILED_PAUSE_RETRY_MILLISECONDS: i64 = 60_000;
/// Partitions whose horizon is tracked. When full, the one longest unheard goes first.
pub const PARTITIONS_MAX: usize = 10_000;

const _: () = assert!(RECORD_BYTES_MAX <= PAYLOAD_BYTES_MAX && PAYLOAD_BYTES_MAX <= DECOMPRESSED_BYTES_MAX);
const _: () = assert!(RECORDS_PER_PAYLOAD_MAX <= RESOURCES_PER_PAYLOAD_MAX);
const _: () = assert!(LATENESS_SECONDS < WINDOW_SECONDS_MAX && WINDOW_SECONDS_MAX < RECREATE_SECONDS_MAX);
const _: () = assert!(STARTED_SECONDS_MAX <= RECREATE_SECONDS_MAX && UNGUARDED_SECONDS_MAX <= WINDOW_SECONDS_MAX);
const _: () = assert!(YOUNG_SECONDS_MAX >= WINDOW_SECONDS_MAX);
const _: () = assert!(FUTURE_SECONDS_MAX < LATENESS_SECONDS);
const _: () = assert!(WANTED_MAX <= WANTED_REMEMBERED_MAX);
const _: () = assert!(EVIDENCE_MAX < RESOURCES_COUNTED_MAX && RESOURCES_COUNTED_MAX < FACTS_MAX);
