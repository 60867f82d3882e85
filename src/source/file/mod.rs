//! Records from a file, or from all files of a directory: read once from the start, or followed.

mod despatch;
mod follow;
mod health;
mod progress;
mod reading;
mod scan;
mod table;
mod tail;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use self::despatch::Despatch;
use self::follow::Follower;
use self::health::{Health, shown};
use self::progress::Progress;
use self::reading::{End, Halt, Reading, Subject};
use self::scan::{HINT, Kind, Room, Scan, plain, scan};
use self::table::{Spans, Table};
use super::outlet::{Outlet, Stopped, stopped};
use super::retry::Retry;
use super::{Context, Running, Source, SourceError, Terms, settings};
use crate::limits::{DIRECTORY_FILE_TROUBLE_AFTER, DIRECTORY_POLL, FILE_POLL, FILE_TROUBLE_AFTER};
use crate::trail::is_archive;

/// A source of what a file holds, or the files of a directory.
pub struct FileSource {
    terms: Arc<Terms>,
    path: PathBuf,
    follow: bool,
    manner: Manner,
}

/// How often is looked, and how much is taken.
#[derive(Clone, Copy, Debug)]
struct Manner {
    file_poll: Duration,
    directory_poll: Duration,
    /// A path that cannot be looked at, or read, for so long is trouble.
    trouble_after: Duration,
    /// A file of a directory is.
    file_trouble_after: Duration,
    spans: Spans,
    room: Room,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            file_poll: FILE_POLL,
            directory_poll: DIRECTORY_POLL,
            trouble_after: FILE_TROUBLE_AFTER,
            file_trouble_after: DIRECTORY_FILE_TROUBLE_AFTER,
            spans: Spans::default(),
            room: Room::default(),
        }
    }
}

impl FileSource {
    /// A source of what is at `path`; with `follow`, it goes on as lines and files are added.
    pub fn new(terms: Arc<Terms>, path: PathBuf, follow: bool) -> Result<Self, SourceError> {
        if follow && is_archive(&path) && !path.is_dir() {
            return Err(settings(
                &terms,
                format!("a compressed file cannot be followed: {}", path.display()),
                "follow the uncompressed file, or the directory that compressed ones are put into, or read this one once",
            ));
        }
        Ok(Self { terms, path, follow, manner: Manner::default() })
    }
}

impl Source for FileSource {
    fn terms(&self) -> &Arc<Terms> {
        &self.terms
    }

    fn run(self: Box<Self>, context: Context) -> Running<'static> {
        Box::pin(async move {
            let now = Instant::now();
            let name = table::name_of(&self.path);
            let of_us = |partition: &&trailbrake_detectors::engine::Partition| partition.source == self.terms.name;
            let remembered = context
                .positions
                .iter()
                .filter(|(partition, _)| of_us(partition))
                .map(|(partition, text)| (Arc::clone(&partition.name), Progress::parse(text).unwrap_or_default()));
            let remembered = remembered.collect();
            let outlet = Outlet::new(&context, &self.terms, &name);
            let files = Files {
                table: Table::new(&self.path, self.manner.spans, remembered, now),
                reading: Reading::new(Despatch::new(outlet)),
                health: Health::new(&context, &self.terms, now),
                path: self.path,
                manner: self.manner,
            };
            let retry = Retry::new(&context, &self.terms, "open");
            let (terms, clock) = (self.terms, Arc::clone(&context.clock));
            let mut stop = context.stop.clone();
            // The channel is to close when this source ends: nothing but the outlet may hold its other end.
            drop(context);
            let work = async {
                if self.follow {
                    let Stopped = Follower::new(files, retry, clock).run().await;
                    return Ok(());
                }
                files.once(&terms).await.unwrap_or(Ok(()))
            };
            // A file system may hang for as long as it likes.
            tokio::select! {
                biased;
                () = stopped(&mut stop) => Ok(()),
                end = work => end,
            }
        })
    }
}

/// What there is to say of a path before anything is read, and what to do about it: that it is not there, or of no use.
pub fn remark(path: &Path, follow: bool) -> Option<(String, &'static str)> {
    let shown = path.display();
    match std::fs::metadata(path) {
        Err(error) => {
            let later = "it is read as soon as it can be";
            Some((format!("{shown}: {}", plain(&error)), if follow { later } else { HINT }))
        }
        Ok(found) if found.is_dir() => {
            std::fs::read_dir(path).err().map(|error| (format!("{shown}: {}", plain(&error)), HINT))
        }
        Ok(found) if !found.is_file() => Some((
            format!("{shown}: it is neither a file nor a directory"),
            "read a pipe through a source of standard input",
        )),
        Ok(_) => std::fs::File::open(path).err().map(|error| (format!("{shown}: {}", plain(&error)), HINT)),
    }
}

/// The files of one source.
struct Files {
    path: PathBuf,
    manner: Manner,
    table: Table,
    reading: Reading,
    health: Health,
}

impl Files {
    /// Looks at the path.
    async fn look(&self) -> std::io::Result<Scan> {
        let (path, room, stop) = (self.path.clone(), self.manner.room, Arc::new(AtomicBool::new(false)));
        let _stop_with_us = StopOnDrop(Arc::clone(&stop));
        let found = tokio::task::spawn_blocking(move || scan(&path, room, &stop)).await;
        found.map_err(std::io::Error::other).and_then(|found| found)
    }

    fn subject(&self, due: &table::Due, end: End) -> Subject {
        let path = self.table.full(&due.path);
        Subject { name: table::name_of(&path), path, progress: due.progress, end }
    }

    /// Reads all that there is to its end, and waits until it is durable. What cannot be read is told after all else.
    async fn once(mut self, terms: &Arc<Terms>) -> Result<Result<(), SourceError>, Stopped> {
        let found = match self.look().await {
            Ok(found) => found,
            Err(error) => {
                let reason = format!("file cannot be read: {}: {}", self.path.display(), plain(&error));
                return Ok(Err(settings(terms, reason, HINT)));
            }
        };
        let now = Instant::now();
        self.health.tell(None, now).await?;
        self.table.merge(&found, now);
        let mut failures = found.unreadable.map_or(0, |(count, _)| count) + found.left_out + usize::from(found.is_cut);
        let mut first = None;
        // In the distant future all have settled.
        for due in self.table.due(now, trailbrake_detectors::time::Millis(i64::MAX)) {
            match self.reading.read(&self.subject(&due, End::Final)).await {
                Ok(_) => {}
                Err(Halt::Stopped) => return Err(Stopped),
                Err(Halt::Failed(failure)) => {
                    self.health.note(&failure, true, Instant::now());
                    failures += 1;
                    first.get_or_insert(failure);
                }
            }
        }
        if !self.reading.despatch.committed().await? {
            let reason = "the file ended before all of it was committed".to_owned();
            return Ok(Err(SourceError::Unreachable { name: Arc::clone(&terms.name), reason }));
        }
        Ok(match (first, found.kind) {
            (None, _) if failures == 0 => Ok(()),
            (Some(first), Kind::File) => {
                Err(settings(terms, format!("file cannot be read: {}", first.text), first.hint))
            }
            (_, _) => {
                let reason = format!("{failures} files of a directory cannot be read: {}", shown(&self.path));
                Err(settings(terms, reason, "the log above names them; move them away, or make them readable"))
            }
        })
    }
}

/// Tells what runs on a thread of its own that nobody waits for it any more.
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, std::sync::atomic::Ordering::Relaxed);
    }
}

/// What is wrong with a path, as one sentence.
fn sentence(path: &Path, what: &str) -> String {
    format!("{}: {what}", shown(path))
}
