//! What records travel in: compression, lines, lists, wrappers.

use std::io::Read as _;

use flate2::read::MultiGzDecoder;
use serde_json::Deserializer;
use serde_json::value::RawValue;

use super::fields::{Field, Fields, each_element};
use super::record::{self, Read};
use super::{Decoded, Reject, RejectReason};
use crate::catalog::Catalog;
use crate::limits::{
    DECOMPRESSED_BYTES_MAX, ENVELOPES_MAX, PAYLOAD_BYTES_MAX, RECORD_BYTES_MAX, RECORDS_PER_PAYLOAD_MAX,
    REJECT_SAMPLE_BYTES_MAX, REJECTS_PER_PAYLOAD_MAX, RESOURCES_PER_PAYLOAD_MAX,
};
use crate::time::Millis;

const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Opens wrappers and keeps the accounts.
pub(super) struct Decoder<'c> {
    now: Millis,
    catalog: &'c Catalog,
    decoded: Decoded,
    resources: usize,
    is_full: bool,
}

impl<'c> Decoder<'c> {
    pub(super) fn new(now: Millis, catalog: &'c Catalog) -> Self {
        Self { now, catalog, decoded: Decoded::default(), resources: 0, is_full: false }
    }

    pub(super) fn finish(self) -> Decoded {
        self.decoded
    }

    pub(super) fn payload(&mut self, payload: &[u8]) {
        if payload.len() > PAYLOAD_BYTES_MAX {
            return self.reject(RejectReason::TooLarge, payload);
        }
        let mut inflated;
        let mut bytes = payload;
        let mut wrappers = 0;
        while bytes.starts_with(&GZIP) {
            wrappers += 1;
            if wrappers > ENVELOPES_MAX {
                return self.reject(RejectReason::TooDeep, payload);
            }
            inflated = match inflate(bytes, DECOMPRESSED_BYTES_MAX) {
                Ok(inflated) => inflated,
                Err(reason) => return self.reject(reason, payload),
            };
            bytes = &inflated;
        }
        self.text(bytes, wrappers);
    }

    /// One JSON document, or lines of them. A first line that is a document by itself says which.
    fn text(&mut self, bytes: &[u8], wrappers: usize) {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii();
        if bytes.is_empty() {
            return self.reject(RejectReason::Empty, bytes);
        }
        let first_line = bytes.split(|byte| *byte == b'\n').next().unwrap_or(bytes);
        if first_line.len() < bytes.len()
            && !is_json(first_line)
            && let Ok(whole) = serde_json::from_slice::<&RawValue>(bytes)
        {
            return self.document(whole.get(), wrappers);
        }
        let mut documents = 0;
        for line in bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()) {
            if !self.has_room(line) {
                break;
            }
            documents += self.line(line, wrappers);
        }
        // Many lines and no object in any: not lines, but one message that is broken.
        if documents == 0 {
            self.decoded = Decoded::default();
            self.reject(if is_json(bytes) { RejectReason::NotARecord } else { broken(bytes) }, bytes);
        }
    }

    /// The documents on one line, mostly one: some senders put no newline between them. Says how many were objects or
    /// lists, as a line of a message that goes over several lines is not.
    fn line(&mut self, line: &[u8], wrappers: usize) -> usize {
        // Nearly always the line is one object: then it is read once.
        if let Ok(text) = std::str::from_utf8(line)
            && let Ok(fields) = serde_json::from_str::<Fields<'_>>(text)
        {
            self.object(&fields, text, wrappers);
            return 1;
        }
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
                    self.document(document.get(), wrappers);
                }
                Some(Err(_)) => {
                    let rest = line.get(at..).unwrap_or(line);
                    self.reject(broken(rest), rest);
                    return documents;
                }
            }
        }
    }

    fn document(&mut self, json: &str, wrappers: usize) {
        let json = json.trim();
        if wrappers > ENVELOPES_MAX {
            return self.reject(RejectReason::TooDeep, json.as_bytes());
        }
        match json.as_bytes().first() {
            Some(b'[') => self.list(json, wrappers + 1),
            Some(b'{') => match serde_json::from_str::<Fields<'_>>(json) {
                Ok(fields) => self.object(&fields, json, wrappers),
                Err(_) => self.reject(RejectReason::NotJson, json.as_bytes()),
            },
            _ => self.reject(RejectReason::NotARecord, json.as_bytes()),
        }
    }

    fn list(&mut self, json: &str, wrappers: usize) {
        let outcome = each_element(json, |element| {
            let has_room = self.has_room(element.get().as_bytes());
            if has_room {
                self.document(element.get(), wrappers);
            }
            has_room
        });
        if outcome.is_err() {
            self.reject(RejectReason::NotJson, json.as_bytes());
        }
    }

    fn object(&mut self, fields: &Fields<'_>, json: &str, wrappers: usize) {
        if fields.is_record() {
            return self.record(fields, json);
        }
        for list in [Field::Records, Field::Events] {
            if let Some(records) = fields.raw(list).filter(|raw| raw.starts_with('[')) {
                return self.list(records, wrappers + 1);
            }
        }
        if let Some(text) = fields.raw(Field::CloudTrailEvent).and_then(|raw| serde_json::from_str::<String>(raw).ok())
        {
            return match is_json(text.as_bytes()) {
                true => self.document(&text, wrappers + 1),
                false => self.reject(RejectReason::NotJson, json.as_bytes()),
            };
        }
        match fields.raw(Field::Detail) {
            Some(detail) => self.event_bridge(fields, detail, json),
            None => self.reject(RejectReason::NotARecord, json.as_bytes()),
        }
    }

    /// Anybody may put events on a bus, but only AWS under a source that begins with `aws.`; and the account that AWS
    /// names there must be the record's.
    fn event_bridge(&mut self, envelope: &Fields<'_>, detail: &str, json: &str) {
        let Ok(fields) = serde_json::from_str::<Fields<'_>>(detail) else {
            return self.reject(RejectReason::NotARecord, json.as_bytes());
        };
        let is_from_aws = envelope.text(Field::Source).is_ok_and(|source| source.starts_with("aws."));
        if !is_from_aws || !fields.is_record() {
            return self.reject(RejectReason::NotARecord, json.as_bytes());
        }
        let recipient = fields.text(Field::RecipientAccountId).unwrap_or_default();
        if !recipient.is_empty() && envelope.text(Field::Account).as_deref() != Ok(&*recipient) {
            return self.reject(RejectReason::BadField, json.as_bytes());
        }
        self.record(&fields, detail);
    }

    fn record(&mut self, fields: &Fields<'_>, json: &str) {
        if json.len() > RECORD_BYTES_MAX {
            return self.reject(RejectReason::TooLarge, json.as_bytes());
        }
        let (time, read) = match record::read(fields, json, self.now, self.catalog) {
            Ok(read) => read,
            Err(reason) => return self.reject(reason, json.as_bytes()),
        };
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
