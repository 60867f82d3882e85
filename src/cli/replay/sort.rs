//! Puts any number of events into their order: sorted runs go to a temporary file, and are merged again.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use anyhow::Context;
use trailbrake_detectors::event::Event;
use trailbrake_detectors::timeline::FactKey;

/// Events held in memory; of more, a sorted run goes to the file.
const HELD_MAX: usize = 16 << 10;
/// What is read of a run at once.
const BUFFER_BYTES: usize = 32 << 10;

/// Takes events in any order.
pub(super) struct Sorter {
    held_max: usize,
    held: Vec<(FactKey, Box<Event>)>,
    runs: Vec<Run>,
    file: Option<BufWriter<File>>,
    written: u64,
    events: u64,
}

/// Where a sorted run lies in the file.
struct Run {
    start: u64,
    end: u64,
}

impl Sorter {
    pub(super) fn new() -> Self {
        Self::holding(HELD_MAX)
    }

    fn holding(held_max: usize) -> Self {
        Self { held_max, held: Vec::new(), runs: Vec::new(), file: None, written: 0, events: 0 }
    }

    /// Takes one event.
    pub(super) fn push(&mut self, event: Event) -> anyhow::Result<()> {
        self.events += 1;
        self.held.push((FactKey::of(&event), Box::new(event)));
        if self.held.len() >= self.held_max {
            self.spill()
                .context("events cannot be put into order\nhint: TMPDIR names a directory with room for them")?;
        }
        Ok(())
    }

    fn spill(&mut self) -> io::Result<()> {
        // Two copies of an event that differ keep the order in which they were read: the sort is stable.
        self.held.sort_by(|one, other| one.0.cmp(&other.0));
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(BufWriter::new(tempfile::tempfile()?)),
        };
        let start = self.written;
        let mut line = Vec::new();
        for (_, event) in self.held.drain(..) {
            line.clear();
            serde_json::to_writer(&mut line, &event)?;
            line.push(b'\n');
            file.write_all(&line)?;
            self.written += line.len() as u64;
        }
        self.runs.push(Run { start, end: self.written });
        Ok(())
    }

    /// How many events were taken, and all of them in their order.
    pub(super) fn finish(mut self) -> anyhow::Result<(u64, Sorted)> {
        self.held.sort_by(|one, other| one.0.cmp(&other.0));
        let mut sorted = Sorted { runs: Vec::new(), next: Vec::new(), heap: BinaryHeap::new() };
        if let Some(file) = self.file.take() {
            let file = Arc::new(file.into_inner().map_err(io::IntoInnerError::into_error)?);
            for Run { start, end } in self.runs.drain(..) {
                let part = FilePart { file: Arc::clone(&file), at: start, end };
                sorted.runs.push(Source::File(BufReader::with_capacity(BUFFER_BYTES, part), Vec::new()));
            }
        }
        sorted.runs.push(Source::Memory(std::mem::take(&mut self.held).into_iter()));
        for run in 0..sorted.runs.len() {
            sorted.next.push(None);
            sorted.fill(run)?;
        }
        Ok((self.events, sorted))
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
    Memory(std::vec::IntoIter<(FactKey, Box<Event>)>),
    File(BufReader<FilePart>, Vec<u8>),
}

/// All events in their order.
pub(super) struct Sorted {
    runs: Vec<Source>,
    next: Vec<Option<Box<Event>>>,
    heap: BinaryHeap<Reverse<(FactKey, usize)>>,
}

impl Sorted {
    /// Reads the next event of a run.
    fn fill(&mut self, run: usize) -> anyhow::Result<()> {
        let next = match self.runs.get_mut(run) {
            Some(Source::Memory(events)) => events.next(),
            Some(Source::File(reader, line)) => {
                line.clear();
                let length =
                    reader.read_until(b'\n', line).context("events that were put into order cannot be read")?;
                let event = if length == 0 { None } else { Some(serde_json::from_slice::<Box<Event>>(line)?) };
                event.map(|event| (FactKey::of(&event), event))
            }
            None => None,
        };
        if let (Some((key, event)), Some(place)) = (next, self.next.get_mut(run)) {
            *place = Some(event);
            self.heap.push(Reverse((key, run)));
        }
        Ok(())
    }
}

impl Iterator for Sorted {
    type Item = anyhow::Result<Event>;

    fn next(&mut self) -> Option<Self::Item> {
        let Reverse((_, run)) = self.heap.pop()?;
        let event = self.next.get_mut(run)?.take()?;
        Some(self.fill(run).map(|()| *event))
    }
}

#[cfg(test)]
mod tests {
    use trailbrake_detectors::catalog::Catalog;
    use trailbrake_detectors::decode::decode;
    use trailbrake_detectors::scenario::{self, Options};
    use trailbrake_detectors::time::Second;

    use super::*;

    #[test]
    fn runs_in_a_file_come_out_as_they_would_from_memory() {
        let start = Second::parse("2026-01-05T09:00:00Z").expect("a time");
        let options = Options { shuffle_seconds: Some(600), duplicates: 0.3, ..Options::new(3, start) };
        let records = scenario::generate("agent-rebuild", &options).expect("a scenario");
        let now = start.plus(7 * 24 * 60 * 60).millis();
        let events: Vec<Event> =
            records.iter().flat_map(|record| decode(record.json.as_bytes(), now, Catalog::built_in()).events).collect();
        assert!(events.len() > 50, "{}", events.len());
        let mut expected = events.clone();
        expected.sort_by_cached_key(FactKey::of);
        for held_max in [1, 7, 50, 1_000_000] {
            let mut sorter = Sorter::holding(held_max);
            for event in &events {
                sorter.push(event.clone()).expect("room");
            }
            let (count, sorted) = sorter.finish().expect("readable");
            assert_eq!(count, events.len() as u64);
            let sorted: Vec<Event> = sorted.map(|event| event.expect("readable")).collect();
            assert_eq!(sorted, expected, "{held_max} in memory");
        }
    }
}
