//! What records travel in: compression, lines, lists, wrappers.

use memchr::{memchr, memchr_iter};
use serde_json::value::RawValue;

use super::aggregate::{each_message, packed};
use super::compression::{inflate, is_compressed};
use super::fields::{Field, Fields, each_element};
use super::filter::{FIRST_KEY, surely_read};
use super::identity::Identities;
use super::node::Node;
use super::parts::{Part, Parts};
use super::record;
use super::split::{opened_list, opened_list_only};
use super::tape::{Tape, Unread};
use super::wrapper::{Opened, opened};
use super::{Decoded, Reject, RejectReason};
use crate::catalog::Catalog;
use crate::event::{Effect, Event};
use crate::limits::{
    DECOMPRESSED_BYTES_MAX, ENVELOPES_MAX, PAYLOAD_BYTES_MAX, RECORD_BYTES_MAX, RECORDS_PER_PAYLOAD_MAX,
    REJECT_SAMPLE_BYTES_MAX, REJECTS_PER_PAYLOAD_MAX, RESOURCES_PER_PAYLOAD_MAX,
};
use crate::time::{Millis, Second};

/// Opens wrappers and keeps the accounts.
pub(super) struct Decoder<'c> {
    now: Millis,
    catalog: &'c Catalog,
    pub(super) decoded: Decoded,
    pub(super) resources: usize,
    pub(super) is_full: bool,
    /// How many bytes decompression may still make of this payload, whatever is wrapped in what.
    inflated_left: usize,
    /// The line that is being read, if the payload itself holds lines.
    pub(super) line: Option<usize>,
    /// Where records are read to.
    tape: Tape,
    identities: Identities,
}

impl<'c> Decoder<'c> {
    pub(super) fn new(now: Millis, catalog: &'c Catalog) -> Self {
        let (decoded, resources, is_full) = (Decoded::default(), 0, false);
        let (inflated_left, line, tape) = (DECOMPRESSED_BYTES_MAX, None, Tape::default());
        let identities = Identities::default();
        Self { now, catalog, decoded, resources, is_full, inflated_left, line, tape, identities }
    }

    pub(super) fn finish(self) -> Decoded {
        self.decoded
    }

    pub(super) fn payload(&mut self, payload: &[u8]) {
        if payload.len() > PAYLOAD_BYTES_MAX {
            return self.reject(RejectReason::TooLarge, payload);
        }
        self.bytes(payload, 0);
    }

    /// Text, compressed or not.
    fn bytes(&mut self, bytes: &[u8], mut wrappers: usize) {
        let mut inflated;
        let mut inner = bytes;
        while is_compressed(inner) {
            wrappers += 1;
            if wrappers > ENVELOPES_MAX {
                return self.reject(RejectReason::TooDeep, bytes);
            }
            inflated = match inflate(inner, self.inflated_left) {
                Ok(inflated) => inflated,
                Err(reason) => return self.reject(reason, bytes),
            };
            self.inflated_left -= inflated.len();
            inner = &inflated;
        }
        match packed(inner) {
            Some(packed) => self.aggregate(packed, wrappers + 1),
            None => self.text(inner, wrappers),
        }
    }

    /// Messages packed into one record of a stream.
    fn aggregate(&mut self, packed: &[u8], wrappers: usize) {
        if wrappers > ENVELOPES_MAX {
            return self.reject(RejectReason::TooDeep, packed);
        }
        let received = self.decoded.received;
        let is_whole = each_message(packed, |message| {
            let has_room = self.has_room(message);
            if has_room {
                self.bytes(message, wrappers);
            }
            has_room
        });
        if !is_whole || self.decoded.received == received {
            self.reject(RejectReason::NotARecord, packed);
        }
    }

    /// One JSON document, or lines of them. A first line that is a document by itself says which.
    fn text(&mut self, bytes: &[u8], wrappers: usize) {
        let all = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let bytes = all.trim_ascii();
        if bytes.is_empty() {
            return self.reject(RejectReason::Empty, bytes);
        }
        let text = simdutf8::basic::from_utf8(bytes).ok();
        if text.is_some_and(|text| self.split_list(text)) {
            return;
        }
        let first_line = memchr(b'\n', bytes).and_then(|end| bytes.get(..end)).unwrap_or(bytes);
        if first_line.len() < bytes.len() && !is_json(first_line) {
            if let Ok(whole) = serde_json::from_slice::<&RawValue>(bytes) {
                return self.document(whole.get(), wrappers, false);
            }
            if let Some(list) = text.and_then(opened_list).filter(|_| opened_list_only(first_line)) {
                return self.list(list, wrappers + 1);
            }
        }
        let before = self.mark();
        if wrappers == 0 && memchr(b'\n', all.trim_ascii_end()).is_some() {
            let blank = all.get(..all.len() - all.trim_ascii_start().len()).unwrap_or_default();
            self.line = Some(memchr_iter(b'\n', blank).count());
        }
        let documents = match text {
            Some(text) => self.lines(text, wrappers),
            None => self.lines_of_bytes(bytes, wrappers),
        };
        if wrappers == 0 {
            self.line = None;
        }
        // Many lines and no object in any: not lines, but one message that is broken.
        if documents == 0 {
            self.reset(before);
            self.reject(if is_json(bytes) { RejectReason::NotARecord } else { broken(bytes) }, bytes);
        }
    }

    /// One document; an element of a list may wrap what the list was there for.
    pub(super) fn document(&mut self, json: &str, wrappers: usize, is_element: bool) {
        let json = json.trim();
        if wrappers > ENVELOPES_MAX {
            return self.reject(RejectReason::TooDeep, json.as_bytes());
        }
        if self.whole_record(json) {
            return;
        }
        match json.as_bytes().first() {
            Some(b'[') => self.list(json, wrappers + 1),
            Some(b'{') => match serde_json::from_str::<Fields<'_>>(json) {
                Ok(fields) => self.object(&fields, json, wrappers, is_element),
                Err(_) => self.reject(RejectReason::NotJson, json.as_bytes()),
            },
            _ => self.reject(RejectReason::NotARecord, json.as_bytes()),
        }
    }

    pub(super) fn list(&mut self, json: &str, wrappers: usize) {
        let outcome = each_element(json, |element| {
            let has_room = self.has_room(element.get().as_bytes());
            if has_room {
                self.document(element.get(), wrappers, true);
            }
            has_room
        });
        if outcome.is_err() {
            self.reject(RejectReason::NotJson, json.as_bytes());
        }
    }

    pub(super) fn object(&mut self, fields: &Fields<'_>, json: &str, wrappers: usize, is_element: bool) {
        // A list and the messages in it are one wrapper.
        let inner = wrappers + usize::from(!is_element);
        match opened(fields) {
            Opened::Record => self.record(json),
            Opened::EventBridge(detail) => self.event_bridge(fields, detail, json),
            Opened::List(list) => self.list(list, wrappers + 1),
            Opened::Lists(lists) => {
                for list in lists {
                    self.list(list, wrappers + 1);
                }
            }
            Opened::Object(object) => self.document(object, inner, true),
            Opened::Text(_) | Opened::Bytes(_) if inner > ENVELOPES_MAX => {
                self.reject(RejectReason::TooDeep, json.as_bytes());
            }
            Opened::Text(text) => self.text(text.as_bytes(), inner),
            Opened::Bytes(bytes) => self.bytes(&bytes, inner),
            Opened::Nothing => {
                self.decoded.received += 1;
                self.decoded.ignored += 1;
            }
            Opened::Digest => {
                self.decoded.received += 1;
                self.decoded.ignored += 1;
                self.decoded.digests += 1;
            }
            Opened::Unknown => self.reject(RejectReason::NotARecord, json.as_bytes()),
        }
    }

    /// Anybody may put events on a bus, but only AWS under a source that begins with `aws.`; and the account that AWS
    /// names there must be the record's.
    fn event_bridge(&mut self, envelope: &Fields<'_>, detail: &str, json: &str) {
        let is_from_aws = envelope.text(Field::Source).is_some_and(|source| source.starts_with("aws."));
        if !is_from_aws {
            return self.reject(RejectReason::NotARecord, json.as_bytes());
        }
        let account = envelope.text(Field::Account).unwrap_or_default();
        self.record_checked(detail, |parts| {
            if !parts.is_record() {
                return Err(RejectReason::NotARecord);
            }
            let recipient = parts.text(Part::RecipientAccountId)?;
            if recipient.is_empty() || *recipient == *account { Ok(()) } else { Err(RejectReason::BadField) }
        });
    }

    /// A record in AWS's own form, if the whole text is one: dropped unparsed if it is surely a read, else parsed once.
    pub(super) fn whole_record(&mut self, text: &str) -> bool {
        if !text.as_bytes().starts_with(FIRST_KEY) {
            return false;
        }
        if let Some(time) = surely_read(text).filter(|time| record::in_time(*time, self.now).is_ok()) {
            self.accept(time, None);
            return true;
        }
        text.len() <= RECORD_BYTES_MAX
            && self.with_parts(text, |decoder, parts| match parts {
                // What names another service's message is left to those who know its wrappers.
                Ok(parts) if parts.is_record() && !parts.is_message() => {
                    decoder.read(parts, text);
                    true
                }
                _ => false,
            })
    }

    /// A record, whatever its first field is.
    fn record(&mut self, json: &str) {
        self.record_checked(json, |_| Ok(()));
    }

    fn record_checked(&mut self, json: &str, check: impl FnOnce(&Parts<'_>) -> Result<(), RejectReason>) {
        if json.len() > RECORD_BYTES_MAX {
            return self.reject(RejectReason::TooLarge, json.as_bytes());
        }
        self.with_parts(json, |decoder, parts| match parts.and_then(|parts| check(parts).map(|()| parts)) {
            Ok(parts) => decoder.read(parts, json),
            Err(reason) => decoder.reject(reason, json.as_bytes()),
        });
    }

    /// Reads an object and hands over its fields.
    fn with_parts<T>(&mut self, json: &str, take: impl FnOnce(&mut Self, Result<&Parts<'_>, RejectReason>) -> T) -> T {
        let mut tape = std::mem::take(&mut self.tape);
        let taken = match tape.read(json) {
            Ok(document) => {
                let parts = Parts::of(Node::of(&document));
                take(self, parts.as_ref().ok_or(RejectReason::NotJson))
            }
            Err(Unread::NotJson) => take(self, Err(RejectReason::NotJson)),
            Err(Unread::TooDeep) => take(self, Err(RejectReason::TooDeep)),
        };
        self.tape = tape;
        taken
    }

    fn read(&mut self, parts: &Parts<'_>, json: &str) {
        match record::read(parts, self.now, self.catalog, &mut self.identities) {
            Ok((time, event)) => {
                let is_destruction = event.as_ref().is_some_and(|event| event.effect == Effect::Destroy);
                let is_contradiction = is_destruction && record::flag(parts, "true");
                self.decoded.read_only_destructive += u64::from(is_contradiction);
                self.accept(time, event);
            }
            Err(reason) => self.reject(reason, json.as_bytes()),
        }
    }

    fn accept(&mut self, time: Second, event: Option<Event>) {
        self.decoded.received += 1;
        self.decoded.newest = self.decoded.newest.max(Some(time));
        match event {
            Some(event) => {
                self.resources += event.resources.len();
                self.decoded.events.push(event);
            }
            None => self.decoded.ignored += 1,
        }
    }

    /// Whether one more record fits. The first that does not is rejected in the name of all that follow.
    pub(super) fn has_room(&mut self, next: &[u8]) -> bool {
        if self.decoded.received < RECORDS_PER_PAYLOAD_MAX as u64 && self.resources < RESOURCES_PER_PAYLOAD_MAX {
            return true;
        }
        if !self.is_full {
            self.is_full = true;
            self.reject(RejectReason::TooManyRecords, next);
        }
        false
    }

    pub(super) fn reject(&mut self, reason: RejectReason, bytes: &[u8]) {
        let record = usize::try_from(self.decoded.received).unwrap_or(usize::MAX);
        self.decoded.received += 1;
        if self.decoded.rejects.len() >= REJECTS_PER_PAYLOAD_MAX {
            self.decoded.rejects_undescribed += 1;
            return;
        }
        self.decoded.rejects.push(Reject { reason, sample: sample(bytes), record, line: self.line });
    }
}

fn is_json(bytes: &[u8]) -> bool {
    serde_json::from_slice::<&RawValue>(bytes).is_ok()
}

pub(super) fn broken(bytes: &[u8]) -> RejectReason {
    if std::str::from_utf8(bytes).is_err() { RejectReason::NotUtf8 } else { RejectReason::NotJson }
}

/// The first bytes, printable: what is rejected may hold anything, terminal sequences included.
fn sample(bytes: &[u8]) -> String {
    let start = bytes.get(..REJECT_SAMPLE_BYTES_MAX).unwrap_or(bytes);
    let mut sample = String::new();
    for character in String::from_utf8_lossy(start).chars() {
        let printable = if character.is_control() { '\u{fffd}' } else { character };
        if sample.len() + printable.len_utf8() > REJECT_SAMPLE_BYTES_MAX {
            break;
        }
        sample.push(printable);
    }
    sample
}
