//! Lines of documents, one on each or several.

use memchr::memchr_iter;
use serde_json::Deserializer;
use serde_json::value::RawValue;

use super::envelope::{Decoder, broken};
use super::fields::Fields;
use super::split::opened_list;

impl Decoder<'_> {
    /// Says how many lines held objects or lists.
    pub(super) fn lines(&mut self, text: &str, wrappers: usize) -> usize {
        let (mut documents, mut start) = (0, 0);
        for end in memchr_iter(b'\n', text.as_bytes()).chain([text.len()]) {
            let line = text.get(start..end).unwrap_or_default().trim_ascii();
            start = end + 1;
            self.next_line(wrappers);
            if line.is_empty() {
                continue;
            }
            if !self.has_room(line.as_bytes()) {
                break;
            }
            documents += self.line(line, wrappers);
        }
        documents
    }

    /// Lines are counted where the payload itself holds them.
    fn next_line(&mut self, wrappers: usize) {
        if wrappers == 0 {
            self.line = self.line.map(|line| line + 1);
        }
    }

    /// Lines of which not all are UTF-8.
    pub(super) fn lines_of_bytes(&mut self, bytes: &[u8], wrappers: usize) -> usize {
        let mut documents = 0;
        for line in bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii) {
            self.next_line(wrappers);
            if line.is_empty() {
                continue;
            }
            if !self.has_room(line) {
                break;
            }
            documents += match std::str::from_utf8(line) {
                Ok(line) => self.line(line, wrappers),
                Err(_) => self.documents(line, wrappers),
            };
        }
        documents
    }

    /// The documents on one line, mostly one: some senders put no newline between them. Says how many were objects or
    /// lists, as a line of a message that goes over several lines is not.
    fn line(&mut self, line: &str, wrappers: usize) -> usize {
        if self.whole_record(line) || self.split_list(line) {
            return 1;
        }
        if let Ok(fields) = serde_json::from_str::<Fields<'_>>(line) {
            self.object(&fields, line, wrappers, false);
            return 1;
        }
        self.documents(line.as_bytes(), wrappers)
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
}
