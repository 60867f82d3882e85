//! A file of lines that is open and read as it grows.

use std::io::SeekFrom;

use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, BufReader};

use super::progress::{MARK_BYTES, Progress, mark};
use crate::source::lines::{Line, Lines};

/// Bytes read at once.
const BUFFER_BYTES: usize = 256 << 10;

/// A file of lines.
pub(super) struct Tail {
    pub(super) lines: Lines<BufReader<File>>,
    inode: u64,
    offset: u64,
    /// The last bytes before the offset, as far as they are known.
    last: Vec<u8>,
}

impl Tail {
    /// A file that is read on from where it was left, or from its start.
    pub(super) async fn open(mut file: File, inode: u64, at: Progress) -> std::io::Result<Self> {
        file.set_max_buf_size(BUFFER_BYTES);
        let (offset, last) = match at {
            Progress::Lines { offset, mark: known, .. } => {
                let last = last_bytes(&mut file, offset).await?;
                if known.is_none_or(|known| known == mark(&last)) { (offset, last) } else { (0, Vec::new()) }
            }
            Progress::Nothing | Progress::Whole { .. } => (0, Vec::new()),
        };
        file.seek(SeekFrom::Start(offset)).await?;
        let lines = Lines::new(BufReader::with_capacity(BUFFER_BYTES, file));
        Ok(Self { lines, inode, offset, last })
    }

    /// Which file it is.
    pub(super) fn inode(&self) -> u64 {
        self.inode
    }

    /// Whether a file of this size still holds what was read of it: it may have been cut short, and have grown again.
    pub(super) async fn is_of(&self, file: &mut File, size: u64) -> std::io::Result<bool> {
        if self.offset.saturating_add(self.lines.pending()) > size {
            return Ok(false);
        }
        if !last_bytes(file, self.offset).await?.ends_with(&self.last) {
            return Ok(false);
        }
        let partial = self.lines.partial();
        let mut found = Vec::with_capacity(partial.len());
        // It stands at the offset.
        file.take(partial.len() as u64).read_to_end(&mut found).await?;
        Ok(found == partial)
    }

    /// Whether nothing of the file is read yet.
    pub(super) fn is_at_start(&self) -> bool {
        self.offset == 0
    }

    /// A line is handed over.
    pub(super) fn advance(&mut self, line: &Line) {
        self.offset = self.offset.saturating_add(line.taken);
        // Of a line that was cut, the last bytes are not known.
        if line.taken != line.bytes.len() as u64 + u64::from(line.ended) {
            self.last.clear();
            return;
        }
        self.last.extend_from_slice(&line.bytes[line.bytes.len().saturating_sub(MARK_BYTES)..]);
        self.last.extend(line.ended.then_some(b'\n'));
        self.last.drain(..self.last.len().saturating_sub(MARK_BYTES));
    }

    /// How far it is read.
    pub(super) fn progress(&self) -> Progress {
        let complete = u64::try_from(MARK_BYTES).unwrap_or(u64::MAX).min(self.offset);
        let is_known = self.last.len() as u64 == complete;
        Progress::Lines { inode: self.inode, offset: self.offset, mark: is_known.then(|| mark(&self.last)) }
    }

    /// The file itself, to be read in another way.
    pub(super) async fn into_file(self) -> std::fs::File {
        self.lines.into_inner().into_inner().into_std().await
    }
}

async fn last_bytes(file: &mut File, offset: u64) -> std::io::Result<Vec<u8>> {
    let length = offset.min(MARK_BYTES as u64);
    file.seek(SeekFrom::Start(offset - length)).await?;
    let mut last = Vec::with_capacity(MARK_BYTES);
    file.take(length).read_to_end(&mut last).await?;
    Ok(last)
}
