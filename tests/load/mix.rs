//! Records as an organisation causes them: four that only read, then one that changes something, each of them new. Who
//! assumes a role does so once: that is no read that could be told again.

use std::time::Duration;

use trailbrake_detectors::scenario::{Options, stream};

use crate::support::{now, trail::time, uuid};

/// Of so many records, one changes something.
const PERIOD: u64 = 5;
/// What one principal changes in the first minute, at least.
const CHANGES_PER_PRINCIPAL: u64 = 10;
/// Reads that are written again and again, with another time and id.
const READS: usize = 2_000;
const ID: &str = "\"eventID\":\"";
const TIME: &str = "\"eventTime\":\"";

/// A source of records.
pub(super) struct Mix {
    /// One after the other in one piece, so that nothing is given back to the allocator while time is measured.
    changes: String,
    /// Where each ends that is yet to come.
    ends: std::vec::IntoIter<usize>,
    begin: usize,
    reads: Vec<String>,
    number: u64,
    bytes: usize,
}

impl Mix {
    /// A mix that gives so many records. Its changes are of the minute before; they are not told apart from real ones by
    /// anything.
    pub(super) fn of(records: u64, seed: u64) -> Self {
        let wanted = usize::try_from(records.div_ceil(PERIOD)).expect("not too many");
        let principals = u32::try_from(records / PERIOD / CHANGES_PER_PRINCIPAL + 50).expect("not too many");
        let start = now().second().plus(-90);
        let options = Options { principals, rate: 0.01, duration_seconds: 60, ..Options::new(seed, start) };
        let (mut changes, mut ends, mut reads) = (String::new(), Vec::with_capacity(wanted), Vec::new());
        for record in stream("organisation", &options).expect("a scenario") {
            if record.json.contains("\"readOnly\":false") {
                changes.push_str(&record.json);
                ends.push(changes.len());
            } else if reads.len() < READS && !record.json.contains("\"AssumeRole") {
                reads.push(record.json);
            }
            if ends.len() == wanted {
                break;
            }
        }
        assert_eq!(ends.len(), wanted, "{principals} principals change too little");
        assert!(!reads.is_empty());
        let bytes = (changes.len() + reads.iter().map(String::len).sum::<usize>()) / (ends.len() + reads.len());
        Self { changes, ends: ends.into_iter(), begin: 0, reads, number: 0, bytes }
    }

    /// What it is made of.
    pub(super) fn sentence(&self) -> String {
        format!("{} changes of an organisation, one record of {PERIOD}; {} bytes a record", self.ends.len(), self.bytes)
    }

    /// The next records, one a line.
    pub(super) fn next(&mut self, records: u32) -> Vec<u8> {
        let mut body = Vec::with_capacity(records as usize * self.bytes * 5 / 4);
        let at = time(now());
        for _ in 0..records {
            if self.number.is_multiple_of(PERIOD) {
                let end = self.ends.next().expect("enough changes");
                body.extend_from_slice(&self.changes.as_bytes()[std::mem::replace(&mut self.begin, end)..end]);
            } else {
                let read = &self.reads[usize::try_from(self.number).expect("not too many") % self.reads.len()];
                let begin = body.len();
                body.extend_from_slice(read.as_bytes());
                replace(&mut body[begin..], read, ID, &uuid());
                replace(&mut body[begin..], read, TIME, &at);
            }
            body.push(b'\n');
            self.number += 1;
        }
        body
    }
}

/// Writes a value of the same length over the one after `key`.
pub(super) fn replace(record: &mut [u8], json: &str, key: &str, value: &str) {
    let begin = json.find(key).expect("the key") + key.len();
    record[begin..begin + value.len()].copy_from_slice(value.as_bytes());
}

/// A record with the time that it is now.
pub(super) fn dated(json: &str, ago: Duration) -> String {
    let at = trailbrake_detectors::time::Millis(now().0 - i64::try_from(ago.as_millis()).expect("not too long"));
    let mut record = json.as_bytes().to_vec();
    replace(&mut record, json, TIME, &time(at));
    String::from_utf8(record).expect("still text")
}
