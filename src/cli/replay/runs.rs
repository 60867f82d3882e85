//! Sorted runs of events in a temporary file, and how they become one order again.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use anyhow::Context;
use trailbrake_detectors::event::Event;
use trailbrake_detectors::timeline::FactKey;

use super::size::fit;
use crate::limits::REPLAY_RUN_BUFFER_BYTES;

/// Runs in a file that has no name, so that it goes with the process, however that ends.
pub(super) struct Runs {
    file: BufWriter<File>,
    ended: Vec<Run>,
    /// Where the run that is being written starts.
    start: u64,
    written: u64,
    line: Vec<u8>,
}

/// Where a run lies in the file.
struct Run {
    start: u64,
    end: u64,
}

impl Runs {
    pub(super) fn new() -> io::Result<Self> {
        let file = BufWriter::with_capacity(REPLAY_RUN_BUFFER_BYTES, tempfile::tempfile()?);
        Ok(Self { file, ended: Vec::new(), start: 0, written: 0, line: Vec::new() })
    }

    /// How many runs there are, without the one that is being written.
    pub(super) fn len(&self) -> usize {
        self.ended.len()
    }

    /// Adds an event to the run that is being written.
    pub(super) fn write(&mut self, event: &Event) -> io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, event)?;
        self.line.push(b'\n');
        self.file.write_all(&self.line)?;
        self.written += self.line.len() as u64;
        Ok(())
    }

    /// The next event begins another run.
    pub(super) fn end_run(&mut self) {
        if self.start < self.written {
            self.ended.push(Run { start: self.start, end: self.written });
            self.start = self.written;
        }
    }

    /// All events of all runs in one order, with those of a last run that stayed in memory. Of two at one place, the one of
    /// the earlier run comes first.
    pub(super) fn merge(mut self, last: Vec<Event>) -> anyhow::Result<Merged> {
        self.end_run();
        let file = Arc::new(self.file.into_inner().map_err(io::IntoInnerError::into_error)?);
        let of_run = |Run { start, end }| {
            let part = FilePart { file: Arc::clone(&file), at: start, end };
            Source::File(BufReader::with_capacity(REPLAY_RUN_BUFFER_BYTES, part))
        };
        let mut sources: Vec<Source> = self.ended.into_iter().map(of_run).collect();
        sources.push(Source::Memory(last.into_iter()));
        let next = sources.iter().map(|_| None).collect();
        let mut merged = Merged { next, heap: BinaryHeap::with_capacity(sources.len()), sources, line: self.line };
        for source in 0..merged.sources.len() {
            merged.fill(source)?;
        }
        Ok(merged)
    }
}

/// A part of a file, from its start to its end.
struct FilePart {
    file: Arc<File>,
    at: u64,
    end: u64,
}

impl Read for FilePart {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.file.read_at(buffer.get_mut(..left).unwrap_or_default(), self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// A sorted run.
enum Source {
    Memory(std::vec::IntoIter<Event>),
    File(BufReader<FilePart>),
}

/// All events in their order.
pub(super) struct Merged {
    sources: Vec<Source>,
    /// The next event of each.
    next: Vec<Option<Box<Event>>>,
    heap: BinaryHeap<Reverse<(FactKey, usize)>>,
    line: Vec<u8>,
}

impl Merged {
    /// Reads the next event of a run.
    fn fill(&mut self, source: usize) -> anyhow::Result<()> {
        let next = match self.sources.get_mut(source) {
            Some(Source::Memory(events)) => events.next().map(Box::new),
            Some(Source::File(reader)) => {
                self.line.clear();
                let length = reader
                    .read_until(b'\n', &mut self.line)
                    .context("events that were put into order cannot be read")?;
                if length == 0 { None } else { Some(read(&self.line)?) }
            }
            None => None,
        };
        if let (Some(event), Some(place)) = (next, self.next.get_mut(source)) {
            self.heap.push(Reverse((FactKey::of(&event), source)));
            *place = Some(event);
        }
        Ok(())
    }
}

fn read(line: &[u8]) -> anyhow::Result<Box<Event>> {
    let mut event: Box<Event> =
        serde_json::from_slice(line).context("events that were put into order cannot be read")?;
    fit(&mut event);
    Ok(event)
}

impl Iterator for Merged {
    type Item = anyhow::Result<Box<Event>>;

    fn next(&mut self) -> Option<Self::Item> {
        let Reverse((_, source)) = self.heap.pop()?;
        let event = self.next.get_mut(source)?.take()?;
        Some(self.fill(source).map(|()| event))
    }
}
