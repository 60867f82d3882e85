//! Bytes in, events and rejects out: total, bounded, whatever the bytes are.

mod aggregate;
mod changed;
mod compression;
mod dialect;
mod envelope;
mod fields;
mod filter;
mod identity;
mod lines;
mod marks;
mod node;
mod parts;
mod reach;
mod record;
mod resource;
mod split;
mod start;
mod tape;
mod wrapper;

#[cfg(test)]
mod tests;

pub use self::compression::is_sound;
use crate::catalog::Catalog;
use crate::event::Event;
use crate::time::{Millis, Second};

/// Why something was not decoded; each word labels a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RejectReason {
    /// Nothing there.
    Empty,
    /// Larger than [`crate::limits`] allows, before or after decompression.
    TooLarge,
    /// Not UTF-8.
    NotUtf8,
    /// Not JSON, or cut off.
    NotJson,
    /// JSON, but no record and no wrapper that we know.
    NotARecord,
    /// Wrapped or nested deeper than [`crate::limits`] allows.
    TooDeep,
    /// A compressed payload that does not decompress.
    BadCompression,
    /// More records in one payload than [`crate::limits`] allows.
    TooManyRecords,
    /// No `userIdentity`.
    NoIdentity,
    /// No `eventID`, `eventSource` or `eventName`.
    NoName,
    /// No `eventTime`, or none that can be read.
    BadTime,
    /// Later than five minutes after now.
    Future,
    /// Before CloudTrail began.
    BeforeCloudTrail,
    /// A field of a wrong type.
    BadField,
}

impl RejectReason {
    /// The word used in metrics and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLarge => "too-large",
            Self::NotUtf8 => "not-utf8",
            Self::NotJson => "not-json",
            Self::NotARecord => "not-a-record",
            Self::TooDeep => "too-deep",
            Self::BadCompression => "bad-compression",
            Self::TooManyRecords => "too-many-records",
            Self::NoIdentity => "no-identity",
            Self::NoName => "no-name",
            Self::BadTime => "bad-time",
            Self::Future => "future",
            Self::BeforeCloudTrail => "before-cloudtrail",
            Self::BadField => "bad-field",
        }
    }
}

impl RejectReason {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Empty,
        Self::TooLarge,
        Self::NotUtf8,
        Self::NotJson,
        Self::NotARecord,
        Self::TooDeep,
        Self::BadCompression,
        Self::TooManyRecords,
        Self::NoIdentity,
        Self::NoName,
        Self::BadTime,
        Self::Future,
        Self::BeforeCloudTrail,
        Self::BadField,
    ];

    /// What it means, for whoever reads the word for the first time.
    pub fn about(self) -> &'static str {
        match self {
            Self::Empty => "there is nothing in it",
            Self::TooLarge => "it is larger than is read, before or after decompression",
            Self::NotUtf8 => "it is no text in UTF-8",
            Self::NotJson => "it is no JSON, or was cut off",
            Self::NotARecord => "it is JSON, but no record of CloudTrail and no wrapper of one",
            Self::TooDeep => "it is wrapped or nested too deeply",
            Self::BadCompression => "it cannot be decompressed",
            Self::TooManyRecords => "one payload holds more records than are read",
            Self::NoIdentity => "it has no userIdentity",
            Self::NoName => "it has no eventID, eventSource or eventName",
            Self::BadTime => "it has no eventTime that can be read",
            Self::Future => "its eventTime is more than five minutes after now",
            Self::BeforeCloudTrail => "its eventTime is before CloudTrail began",
            Self::BadField => "one of its fields is of a wrong type",
        }
    }
}

/// Something that was not decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Why.
    pub reason: RejectReason,
    /// The first bytes of it, printable and bounded.
    pub sample: String,
    /// The number of the record within its payload, from 0.
    pub record: usize,
    /// The number of its line within the payload, from 1, where that holds lines.
    pub line: Option<usize>,
}

/// What one payload held. `received` equals `ignored`, the events and the rejects together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decoded {
    /// Events that may bear on judgement.
    pub events: Vec<Event>,
    /// What could not be decoded, at most [`crate::limits::REJECTS_PER_PAYLOAD_MAX`] described.
    pub rejects: Vec<Reject>,
    /// Rejects past that limit, counted only.
    pub rejects_undescribed: u64,
    /// Records received; a message that is no record is one.
    pub received: u64,
    /// Reads, and what bears on nothing.
    pub ignored: u64,
    /// How many of those ignored are digests of log files.
    pub digests: u64,
    /// Destructions whose record says that it was a read: the record is wrong, or what we know of the action.
    pub read_only_destructive: u64,
    /// The greatest event time seen among accepted records, ignored ones included.
    pub newest: Option<Second>,
}

/// Decodes one payload: a record, a wrapper around records, or lines of them, compressed or not. `now` bounds event
/// times.
pub fn decode(payload: &[u8], now: Millis, catalog: &Catalog) -> Decoded {
    let mut decoder = envelope::Decoder::new(now, catalog);
    decoder.payload(payload);
    decoder.finish()
}
