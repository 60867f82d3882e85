//! Lists of records, cut up without being parsed.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::Decoded;
use super::envelope::Decoder;
use super::filter::FIRST_KEY;

static FIRST_KEYS: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(FIRST_KEY));

/// Where the accounts stood.
pub(super) struct Mark {
    counts: Decoded,
    events: usize,
    rejects: usize,
    resources: usize,
    is_full: bool,
}

impl Decoder<'_> {
    /// `{"Records":[…]}` of nothing but records in AWS's own form, without parsing what surely is a read.
    ///
    /// In JSON the bytes of the first key of a record with its bracket can only be the start of an object: inside a
    /// string the quotes would be escaped. So the text is cut there, each part is dropped or must be one whole record,
    /// and if any is neither, all of it is read in the exact way. What is dropped names only reads.
    pub(super) fn split_list(&mut self, text: &str) -> bool {
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
        let mut starts = FIRST_KEYS.find_iter(list.as_bytes()).skip(1);
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

    pub(super) fn mark(&self) -> Mark {
        let Decoded { events, rejects, .. } = &self.decoded;
        let counts = Decoded { events: Vec::new(), rejects: Vec::new(), ..self.decoded };
        Mark { counts, events: events.len(), rejects: rejects.len(), resources: self.resources, is_full: self.is_full }
    }

    /// Forgets what came since.
    pub(super) fn reset(&mut self, mark: Mark) {
        let Decoded { mut events, mut rejects, .. } = std::mem::replace(&mut self.decoded, mark.counts);
        events.truncate(mark.events);
        rejects.truncate(mark.rejects);
        (self.decoded.events, self.decoded.rejects) = (events, rejects);
        (self.resources, self.is_full) = (mark.resources, mark.is_full);
    }
}

/// What follows `{"Records":`, if that is how the text begins and a list comes.
fn records_list(text: &str) -> Option<&str> {
    let rest = text.strip_prefix('{')?.trim_ascii_start().strip_prefix("\"Records\"")?.trim_ascii_start();
    rest.strip_prefix(':')?.trim_ascii_start().strip_prefix('[')
}

/// The list that a text begins with, by itself or as `Records`: of one that is cut off, what is whole is read.
pub(super) fn opened_list(text: &str) -> Option<&str> {
    if text.starts_with('[') {
        return Some(text);
    }
    let elements = records_list(text)?;
    text.get(text.len() - elements.len() - 1..)
}

/// Whether a first line is no more than the beginning of a list that goes over many lines.
pub(super) fn opened_list_only(line: &[u8]) -> bool {
    let line: Vec<u8> = line.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    b"{\"Records\":[".starts_with(&line) || line == b"["
}
