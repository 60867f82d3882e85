//! What records travel in: compression, lines, lists, wrappers.

use std::io::Read as _;

use flate2::read::MultiGzDecoder;
use memchr::memmem::find_iter;
use memchr::memchr;
use serde_json::Deserializer;
use serde_json::value::RawValue;

use super::fields::{Field, Fields, each_element};
use super::filter::{FIRST_KEY, surely_read};
use super::node::Node;
use super::parts::{Part, Parts};
use super::record::{self, Read};
use super::tape::{Tape, Unread};
use super::wrapper::{Opened, opened};
use super::{Decoded, Reject, RejectReason};
use crate::catalog::Catalog;
use crate::limits::{
    DECOMPRESSED_BYTES_MAX, ENVELOPES_MAX, PAYLOAD_BYTES_MAX, RECORD_BYTES_MAX, RECORDS_PER_PAYLOAD_MAX,
    REJECT_SAMPLE_BYTES_MAX, REJECTS_PER_PAYLOAD_MAX, RESOURCES_PER_PAYLOAD_MAX,
};
use crate::time::{Millis, Second};

const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Opens wrappers and keeps the accounts.
pub(super) struct Decoder<'c> {
    now: Millis,
    catalog: &'c Catalog,
    decoded: Decoded,
    resources: usize,
    is_full: bool,
    /// How many bytes decompression may still make of this payload, whatever is wrapped in what.
    inflated_left: usize,
    /// Where records are read to.
    tape: Tape,
}

/// Where the accounts stood.
struct Mark {
    counts: Decoded,
    events: usize,
    rejects: usize,
    resources: usize,
    is_full: bool,
}

impl<'c> Decoder<'c> {
    pub(super) fn new(now: Millis, catalog: &'c Catalog) -> Self {
        let (decoded, resources, is_full) = (Decoded::default(), 0, false);
        Self { now, catalog, decoded, resources, is_full, inflated_left: DECOMPRESSED_BYTES_MAX, tape: Tape::default() }
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
        while inner.starts_with(&GZIP) {
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
        self.text(inner, wrappers);
    }

    /// One JSON document, or lines of them. A first line that is a document by itself says which.
    fn text(&mut self, bytes: &[u8], wrappers: usize) {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii();
        if bytes.is_empty() {
            return self.reject(RejectReason::Empty, bytes);
        }
        let text = std::str::from_utf8(bytes).ok();
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
        let documents = self.lines(bytes, wrappers);
        // Many lines and no object in any: not lines, but one message that is broken.
        if documents == 0 {
            self.reset(before);
            self.reject(if is_json(bytes) { RejectReason::NotARecord } else { broken(bytes) }, bytes);
        }
    }

    /// Says how many lines held objects or lists.
    fn lines(&mut self, bytes: &[u8], wrappers: usize) -> usize {
        let mut documents = 0;
        let mut rest = bytes;
        while !rest.is_empty() {
            let end = memchr(b'\n', rest).unwrap_or(rest.len());
            let (line, after) = rest.split_at(end);
            rest = after.get(1..).unwrap_or_default();
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            if !self.has_room(line) {
                break;
            }
            documents += self.line(line, wrappers);
        }
        documents
    }

    /// The documents on one line, mostly one: some senders put no newline between them. Says how many were objects or
    /// lists, as a line of a message that goes over several lines is not.
    fn line(&mut self, line: &[u8], wrappers: usize) -> usize {
        if let Ok(text) = std::str::from_utf8(line)
            && (self.whole_record(text) || self.split_list(text))
        {
            return 1;
        }
        if let Ok(text) = std::str::from_utf8(line)
            && let Ok(fields) = serde_json::from_str::<Fields<'_>>(text)
        {
            self.object(&fields, text, wrappers, false);
            return 1;
        }
        self.documents(line, wrappers)
    }

    /// Documents with nothing, or blanks, between them.
    fn documents(&mut self, line: &[u8], wrappers: usize) -> usize {
        let mut documents = 0;
        let mut stream = Deserializer::from_slice(line).into_iter::<&RawValue>();
        loop {
            let at = stream.byte_offset();
            match stream.next() {
                None => return documents,
                Some(Ok(document)) => {
                    if !self.has_room(document.get().as_bytes()) {
                        return documents;
                    }
                    documents += usize::from(document.get().starts_with(['{', '[']));
                    self.document(document.get(), wrappers, false);
                }
                Some(Err(_)) => {
                    let rest = line.get(at..).unwrap_or(line);
                    if let Some(list) = std::str::from_utf8(rest).ok().and_then(opened_list) {
                        self.list(list, wrappers + 1);
                        return documents + 1;
                    }
                    self.reject(broken(rest), rest);
                    return documents;
                }
            }
        }
    }

    /// One document; an element of a list may wrap what the list was there for.
    fn document(&mut self, json: &str, wrappers: usize, is_element: bool) {
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

    fn list(&mut self, json: &str, wrappers: usize) {
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

    fn object(&mut self, fields: &Fields<'_>, json: &str, wrappers: usize, is_element: bool) {
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
    fn whole_record(&mut self, text: &str) -> bool {
        if !text.as_bytes().starts_with(FIRST_KEY) {
            return false;
        }
        if let Some(time) = surely_read(text).filter(|time| record::in_time(*time, self.now).is_ok()) {
            self.accept(time, Read::Ignored);
            return true;
        }
        text.len() <= RECORD_BYTES_MAX
            && self.with_parts(text, |decoder, parts| match parts {
                Ok(parts) if parts.is_record() => {
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
    fn with_parts<T>(
        &mut self,
        json: &str,
        take: impl FnOnce(&mut Self, Result<&Parts<'_>, RejectReason>) -> T,
    ) -> T {
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
        match record::read(parts, self.now, self.catalog) {
            Ok((time, read)) => self.accept(time, read),
            Err(reason) => self.reject(reason, json.as_bytes()),
        }
    }

    fn accept(&mut self, time: Second, read: Read) {
        self.decoded.received += 1;
        self.decoded.newest = self.decoded.newest.max(Some(time));
        match read {
            Read::Event(event) => {
                self.resources += event.resources.len();
                self.decoded.events.push(*event);
            }
            Read::Ignored => self.decoded.ignored += 1,
        }
    }

    /// `{"Records":[…]}` of nothing but records in AWS's own form, without parsing what surely is a read.
    ///
    /// In JSON the bytes of the first key of a record with its bracket can only be the start of an object: inside a
    /// string the quotes would be escaped. So the text is cut there, each part is dropped or must be one whole record,
    /// and if any is neither, all of it is read in the exact way. What is dropped names only reads.
    fn split_list(&mut self, text: &str) -> bool {
        let Some(list) = records_list(text) else { return false };
        let Some(list) = list.strip_suffix('}').map(str::trim_ascii_end).and_then(|list| list.strip_suffix(']')) else {
            return false;
        };
        let list = list.trim_ascii();
        if !list.as_bytes().starts_with(FIRST_KEY) {
            return false;
        }
        let before = self.mark();
        let is_split = self.split(list);
        if !is_split {
            self.reset(before);
        }
        is_split
    }

    fn split(&mut self, list: &str) -> bool {
        let mut starts = find_iter(list.as_bytes(), FIRST_KEY).skip(1);
        let mut start = 0;
        loop {
            let end = starts.next();
            let Some(part) = list.get(start..end.unwrap_or(list.len())) else { return false };
            let part = match end {
                None => part,
                Some(_) => match part.trim_ascii_end().strip_suffix(',') {
                    Some(part) => part.trim_ascii_end(),
                    None => return false,
                },
            };
            if !self.has_room(part.as_bytes()) {
                return true;
            }
            if !self.whole_record(part) {
                return false;
            }
            let Some(end) = end else { return true };
            start = end;
        }
    }

    fn mark(&self) -> Mark {
        let Decoded { events, rejects, .. } = &self.decoded;
        let counts = Decoded { events: Vec::new(), rejects: Vec::new(), ..self.decoded };
        Mark { counts, events: events.len(), rejects: rejects.len(), resources: self.resources, is_full: self.is_full }
    }

    /// Forgets what came since.
    fn reset(&mut self, mark: Mark) {
        let Decoded { mut events, mut rejects, .. } = std::mem::replace(&mut self.decoded, mark.counts);
        events.truncate(mark.events);
        rejects.truncate(mark.rejects);
        (self.decoded.events, self.decoded.rejects) = (events, rejects);
        (self.resources, self.is_full) = (mark.resources, mark.is_full);
    }

    /// Whether one more record fits. The first that does not is rejected in the name of all that follow.
    fn has_room(&mut self, next: &[u8]) -> bool {
        if self.decoded.received < RECORDS_PER_PAYLOAD_MAX as u64 && self.resources < RESOURCES_PER_PAYLOAD_MAX {
            return true;
        }
        if !self.is_full {
            self.is_full = true;
            self.reject(RejectReason::TooManyRecords, next);
        }
        false
    }

    fn reject(&mut self, reason: RejectReason, bytes: &[u8]) {
        let record = usize::try_from(self.decoded.received).unwrap_or(usize::MAX);
        self.decoded.received += 1;
        if self.decoded.rejects.len() >= REJECTS_PER_PAYLOAD_MAX {
            self.decoded.rejects_undescribed += 1;
            return;
        }
        self.decoded.rejects.push(Reject { reason, sample: sample(bytes), record });
    }
}

/// What follows `{"Records":`, if that is how the text begins and a list comes.
fn records_list(text: &str) -> Option<&str> {
    let rest = text.strip_prefix('{')?.trim_ascii_start().strip_prefix("\"Records\"")?.trim_ascii_start();
    rest.strip_prefix(':')?.trim_ascii_start().strip_prefix('[')
}

/// The list that a text begins with, by itself or as `Records`: of one that is cut off, what is whole is read.
fn opened_list(text: &str) -> Option<&str> {
    if text.starts_with('[') {
        return Some(text);
    }
    let elements = records_list(text)?;
    text.get(text.len() - elements.len() - 1..)
}

/// Whether a first line is no more than the beginning of a list that goes over many lines.
fn opened_list_only(line: &[u8]) -> bool {
    let line: Vec<u8> = line.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    b"{\"Records\":[".starts_with(&line) || line == b"["
}

fn is_json(bytes: &[u8]) -> bool {
    serde_json::from_slice::<&RawValue>(bytes).is_ok()
}

fn broken(bytes: &[u8]) -> RejectReason {
    if std::str::from_utf8(bytes).is_err() { RejectReason::NotUtf8 } else { RejectReason::NotJson }
}

fn inflate(bytes: &[u8], bytes_max: usize) -> Result<Vec<u8>, RejectReason> {
    let mut inflated = Vec::new();
    match MultiGzDecoder::new(bytes).take(bytes_max as u64 + 1).read_to_end(&mut inflated) {
        Err(_) => Err(RejectReason::BadCompression),
        Ok(_) if inflated.len() > bytes_max => Err(RejectReason::TooLarge),
        Ok(_) => Ok(inflated),
    }
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

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn what_grows_past_the_bound_is_given_up() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&[b' '; 1_000]).expect("memory takes all");
        let bytes = encoder.finish().expect("memory takes all");
        assert_eq!(inflate(&bytes, 1_000), Ok(vec![b' '; 1_000]));
        assert_eq!(inflate(&bytes, 999), Err(RejectReason::TooLarge));
    }
}
