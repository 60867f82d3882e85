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
/// Findings whose destroying facts are at most this far apart are one episode.
pub const EPISODE_GAP_SECONDS: i64 = 30 * 60;
/// `low` and `medium` alone never keep an incident open for longer than this.
pub const QUIET_INCIDENT_SECONDS_MAX: i64 = 6 * 60 * 60;

/// Facts held by the timeline. When full, the oldest goes first, and that is counted.
pub const FACTS_MAX: usize = 200_000;
/// Incidents remembered by the engine, closed ones included. When full, the oldest closed one goes first.
pub const INCIDENTS_MAX: usize = 10_000;
/// Destroyed resources of one key that one window holds; of more, the latest are judged.
pub const WINDOW_FACTS_MAX: usize = 4_096;
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
/// Entities (roles, users) that one incident may want paused.
pub const PAUSES_PER_INCIDENT_MAX: usize = 5;
/// Human acts remembered so that the same one changes nothing; of more, the oldest goes.
pub const HUMAN_ACTS_MAX: usize = 10_000;
/// Facts are forgotten in steps of at least this much event time.
pub const FACTS_FORGOTTEN_EVERY_SECONDS: i64 = 60;
/// A pause that failed is tried again when its principal goes on destroying, but not before this.
pub const FAILED_PAUSE_RETRY_MILLISECONDS: i64 = 60_000;
/// Partitions whose horizon is tracked. When full, the one longest unheard goes first.
pub const PARTITIONS_MAX: usize = 10_000;

const _: () = assert!(RECORD_BYTES_MAX <= PAYLOAD_BYTES_MAX && PAYLOAD_BYTES_MAX <= DECOMPRESSED_BYTES_MAX);
const _: () = assert!(RECORDS_PER_PAYLOAD_MAX <= RESOURCES_PER_PAYLOAD_MAX);
const _: () = assert!(LATENESS_SECONDS < WINDOW_SECONDS_MAX && WINDOW_SECONDS_MAX < RECREATE_SECONDS_MAX);
const _: () = assert!(YOUNG_SECONDS_MAX >= WINDOW_SECONDS_MAX);
const _: () = assert!(FUTURE_SECONDS_MAX < LATENESS_SECONDS);
const _: () = assert!(EVIDENCE_MAX < RESOURCES_COUNTED_MAX && RESOURCES_COUNTED_MAX < FACTS_MAX);
