//! Text as payloads: a line each, or the whole of it where it is one JSON document over several lines, or compressed.

use bytes::Bytes;
use serde::de::IgnoredAny;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt};
use trailbrake_detectors::limits::PAYLOAD_BYTES_MAX;

/// A line that is longer is passed on as this many bytes: one more than decoding takes, so that it rejects the line.
const LINE_BYTES_MAX: usize = PAYLOAD_BYTES_MAX + 1;

/// The first bytes of what is compressed with gzip or Zstandard.
const MAGIC: [&[u8]; 2] = [&[0x1f, 0x8b], &[0x28, 0xb5, 0x2f, 0xfd]];

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Its bytes, without the line feed; cut if there were too many.
    pub(super) bytes: Bytes,
    /// Bytes of input that it took, the line feed included.
    pub(super) taken: u64,
    /// Whether it ended in a line feed, not at the end of the input.
    pub(super) ended: bool,
}

/// Reads lines of any length in bounded memory. What is read of a line before the input pauses is kept, so that a
/// call can be dropped and made again.
pub(super) struct Lines<R> {
    reader: R,
    partial: Vec<u8>,
    taken: u64,
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    /// Lines from where the reader stands.
    pub(super) fn new(reader: R) -> Self {
        Self { reader, partial: Vec::new(), taken: 0 }
    }

    /// The next line that ends in a line feed; nothing at the (present) end of the input.
    pub(super) async fn next(&mut self) -> std::io::Result<Option<Line>> {
        loop {
            let available = self.reader.fill_buf().await?;
            if available.is_empty() {
                return Ok(None);
            }
            let end = available.iter().position(|byte| *byte == b'\n');
            let part = &available[..end.unwrap_or(available.len())];
            let room = LINE_BYTES_MAX.saturating_sub(self.partial.len());
            self.partial.extend_from_slice(&part[..part.len().min(room)]);
            let used = part.len() + usize::from(end.is_some());
            self.taken = self.taken.saturating_add(u64::try_from(used).unwrap_or(u64::MAX));
            self.reader.consume(used);
            if end.is_some() {
                return Ok(Some(self.take(true)));
            }
        }
    }

    /// What is there of a line that has not ended; nothing if there is nothing.
    pub(super) fn rest(&mut self) -> Option<Line> {
        if self.taken == 0 { None } else { Some(self.take(false)) }
    }

    /// Bytes of input that were read of a line that has not ended.
    pub(super) fn pending(&self) -> u64 {
        self.taken
    }

    /// What was read of it, cut if it is too much.
    pub(super) fn partial(&self) -> &[u8] {
        &self.partial
    }

    /// Whether so much of it was read that it will be cut.
    pub(super) fn is_too_long(&self) -> bool {
        self.taken > LINE_BYTES_MAX as u64
    }

    /// What the lines are read from. What was read of a line is lost.
    pub(super) fn into_inner(self) -> R {
        self.reader
    }

    fn take(&mut self, ended: bool) -> Line {
        Line { bytes: Bytes::from(std::mem::take(&mut self.partial)), taken: std::mem::take(&mut self.taken), ended }
    }
}

impl<R: AsyncRead + AsyncBufRead + Unpin> Lines<R> {
    /// Everything from a first line to the end of the input; nothing if that is too much for one payload.
    pub(super) async fn whole(&mut self, first: &Line) -> std::io::Result<Option<Bytes>> {
        let mut all = first.bytes.to_vec();
        if first.ended {
            all.push(b'\n');
        }
        let room = (PAYLOAD_BYTES_MAX + 1).saturating_sub(all.len());
        let room = u64::try_from(room).unwrap_or(u64::MAX);
        (&mut self.reader).take(room).read_to_end(&mut all).await?;
        Ok((all.len() <= PAYLOAD_BYTES_MAX).then(|| Bytes::from(all)))
    }
}

/// Whether an input that begins with this line is one payload as a whole: compressed, or a `{"Records":…}` document or
/// an array that goes on after the line.
pub(super) fn begins_whole(first: &[u8]) -> bool {
    if MAGIC.iter().any(|magic| first.starts_with(magic)) {
        return true;
    }
    let text = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first).trim_ascii();
    let document = match text {
        [b'{'] => true,
        [b'[', rest @ ..] => matches!(rest.trim_ascii_start().first(), None | Some(b'{' | b'[' | b']')),
        [b'{', rest @ ..] => rest.trim_ascii_start().starts_with(b"\"Records\""),
        _ => false,
    };
    // A line that is a document by itself is one of many, or the only one: either way lines are right.
    document && serde_json::from_slice::<IgnoredAny>(text).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all_lines(text: &[u8]) -> Vec<(Vec<u8>, u64, bool)> {
        let mut lines = Lines::new(tokio::io::BufReader::with_capacity(3, text));
        let mut found = Vec::new();
        while let Some(line) = lines.next().await.expect("memory can be read") {
            found.push((line.bytes.to_vec(), line.taken, line.ended));
        }
        if let Some(line) = lines.rest() {
            found.push((line.bytes.to_vec(), line.taken, line.ended));
        }
        found
    }

    #[tokio::test]
    async fn lines_are_found_over_the_borders_of_buffers() {
        let found = all_lines(b"one\n\nthree and more\r\nlast").await;
        let expected: Vec<(Vec<u8>, u64, bool)> = vec![
            (b"one".to_vec(), 4, true),
            (b"".to_vec(), 1, true),
            (b"three and more\r".to_vec(), 16, true),
            (b"last".to_vec(), 4, false),
        ];
        assert_eq!(found, expected);
        assert_eq!(all_lines(b"").await, vec![]);
    }

    #[tokio::test]
    async fn a_line_that_is_too_long_is_cut_and_the_next_one_is_whole() {
        let mut text = vec![b'x'; LINE_BYTES_MAX + 100];
        text.extend_from_slice(b"\nnext\n");
        let mut lines = Lines::new(tokio::io::BufReader::with_capacity(1 << 20, text.as_slice()));
        let long = lines.next().await.expect("memory can be read").expect("a line");
        assert_eq!(long.bytes.len(), LINE_BYTES_MAX);
        assert_eq!(long.taken, u64::try_from(LINE_BYTES_MAX + 101).expect("fits"));
        let next = lines.next().await.expect("memory can be read").expect("a line");
        assert_eq!(next.bytes.as_ref(), b"next");
    }

    #[test]
    fn documents_over_several_lines_and_compressed_ones_are_taken_whole() {
        for (first, whole) in [
            (&b"{\"Records\":["[..], true),
            (b"{ \"Records\": [{\"a\":1},", true),
            (b"\xef\xbb\xbf[", true),
            (b"{", true),
            (b"[ {\"a\":1},", true),
            (b"[INFO] started", false),
            (b"\x1f\x8b\x08\x00", true),
            (b"\x28\xb5\x2f\xfd\x04", true),
            (b"{\"Records\":[]}", false),
            (b"[{\"a\":1}]", false),
            (b"{\"eventVersion\":\"1.09\"", false),
            (b"{\"eventVersion\":\"1.09\"}", false),
            (b"", false),
            (b"nonsense", false),
        ] {
            assert_eq!(begins_whole(first), whole, "{}", String::from_utf8_lossy(first));
        }
    }
}
