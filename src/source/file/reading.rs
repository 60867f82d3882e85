//! Reads one file as far as there is something to read: by lines from an offset, or as a whole once it has settled.

use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use serde::de::IgnoredAny;
use trailbrake_detectors::decode::{RejectReason, is_sound};
use trailbrake_detectors::limits::PAYLOAD_BYTES_MAX;

use super::despatch::Despatch;
use super::progress::Progress;
use super::scan::{Stamp, failure, not_a_file, plain};
use super::tail::Tail;
use crate::limits::{FOLLOWED_OPEN_MAX, FOLLOWED_PARTIAL_BYTES_MAX, FOLLOWED_TURN_BYTES_MAX};
use crate::source::lines::{Line, begins_whole};
use crate::source::outlet::Stopped;
use crate::source::retry::Failure;
use crate::trail::is_archive;

/// A file to be read.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub(super) path: PathBuf,
    pub(super) name: Arc<str>,
    pub(super) progress: Progress,
    pub(super) end: End,
}

/// What the end of a file means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// More may come at any moment.
    Open,
    /// More may come, but has not for a while.
    Settled,
    /// Nothing will.
    Final,
}

/// How far a file was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reached {
    pub(super) progress: Progress,
    /// Whether there is more to read at once.
    pub(super) has_more: bool,
    /// Whether it is still being written, so that nothing can be said of it.
    pub(super) is_early: bool,
}

/// Why a file was not read.
#[derive(Debug)]
pub(super) enum Halt {
    /// The source shall stop.
    Stopped,
    /// It cannot be.
    Failed(Failure),
}

impl From<Stopped> for Halt {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

/// Reads files, of which some are kept open.
pub(super) struct Reading {
    pub(super) despatch: Despatch,
    /// Those read last are at the end.
    tails: Vec<(Arc<str>, Tail)>,
}

impl Reading {
    pub(super) fn new(despatch: Despatch) -> Self {
        Self { despatch, tails: Vec::new() }
    }

    /// Reads on in a file.
    pub(super) async fn read(&mut self, subject: &Subject) -> Result<Reached, Halt> {
        let path = subject.path.clone();
        let opened = tokio::task::spawn_blocking(move || open(&path)).await;
        let opened = opened.map_err(std::io::Error::other).and_then(|opened| opened);
        let (file, stamp) = opened.map_err(|error| Halt::Failed(failure(&subject.path, &error)))?;
        if is_archive(&subject.path) {
            return self.whole(subject, file, stamp).await;
        }
        let mut file = tokio::fs::File::from_std(file);
        let mut at = subject.progress;
        if let Some(tail) = self.take_tail(&subject.name) {
            if tail.inode() != stamp.inode {
                self.finish(&subject.name, tail).await?;
            } else if tail.is_of(&mut file, stamp.size).await.map_err(|error| broken(subject, &error))? {
                return self.lines(subject, tail, stamp).await;
            }
            at = Progress::Nothing;
        }
        if !matches!(at, Progress::Lines { inode, offset, .. } if inode == stamp.inode && offset <= stamp.size) {
            at = Progress::Nothing;
        }
        let tail = Tail::open(file, stamp.inode, at).await.map_err(|error| broken(subject, &error))?;
        if tail.is_at_start() && matches!(subject.progress, Progress::Lines { offset: 1.., .. }) {
            tracing::info!(file = ?subject.name, "another file than was read before: reading it from the start");
        }
        self.lines(subject, tail, stamp).await
    }

    /// Reads what is still to be read of a file that is gone, if it was kept open.
    pub(super) async fn gone(&mut self, name: &Arc<str>) -> Result<(), Stopped> {
        match self.take_tail(name) {
            Some(tail) => self.finish(name, tail).await,
            None => Ok(()),
        }
    }

    async fn lines(&mut self, subject: &Subject, mut tail: Tail, stamp: Stamp) -> Result<Reached, Halt> {
        let mut bytes = 0;
        while subject.end == End::Final || bytes < FOLLOWED_TURN_BYTES_MAX {
            let next = tail.lines.next().await.map_err(|error| broken(subject, &error))?;
            let Some(line) = next.or_else(|| rest(&mut tail, subject.end)) else {
                let reached = Reached { progress: tail.progress(), has_more: false, is_early: false };
                self.keep_tail(&subject.name, tail);
                return Ok(reached);
            };
            // What begins in an unended line says little: whether it is all that there is shows when it has settled.
            if tail.is_at_start() && begins_whole(&line.bytes) {
                let file = tail.into_file().await;
                return self.whole(subject, file, stamp).await;
            }
            bytes = bytes.saturating_add(line.taken);
            self.push(&subject.name, &mut tail, line).await?;
        }
        let reached = Reached { progress: tail.progress(), has_more: true, is_early: false };
        self.keep_tail(&subject.name, tail);
        Ok(reached)
    }

    async fn push(&mut self, name: &Arc<str>, tail: &mut Tail, line: Line) -> Result<(), Stopped> {
        tail.advance(&line);
        let is_blank = line.bytes.trim_ascii().is_empty();
        self.despatch.push(name, (!is_blank).then_some(line.bytes), tail.progress()).await
    }

    async fn finish(&mut self, name: &Arc<str>, mut tail: Tail) -> Result<(), Stopped> {
        while let Ok(Some(line)) = tail.lines.next().await.map(|line| line.or_else(|| tail.lines.rest())) {
            self.push(name, &mut tail, line).await?;
        }
        self.despatch.send().await
    }

    async fn whole(&mut self, subject: &Subject, file: std::fs::File, stamp: Stamp) -> Result<Reached, Halt> {
        let nothing_yet = Reached { progress: subject.progress, has_more: false, is_early: true };
        if subject.end == End::Open {
            return Ok(nothing_yet);
        }
        let read = tokio::task::spawn_blocking(move || read_whole(file, stamp)).await;
        let read = read.map_err(std::io::Error::other).and_then(|read| read);
        let (bytes, is_same) = read.map_err(|error| broken(subject, &error))?;
        if !is_same && subject.end != End::Final {
            return Ok(nothing_yet);
        }
        let failed = |reason, text: &str, hint| {
            Halt::Failed(Failure::new(reason, &format!("{}: {text}", subject.path.display()), hint))
        };
        if bytes.is_empty() && is_archive(&subject.path) {
            return Err(failed("incomplete", "it is empty, and an archive is not", INCOMPLETE_HINT));
        }
        if bytes.len() > PAYLOAD_BYTES_MAX {
            let text = format!(
                "a compressed file, or a JSON document over several lines, is larger than {PAYLOAD_BYTES_MAX} bytes"
            );
            return Err(failed("too-large", &text, LARGE_HINT));
        }
        let checked = bytes.clone();
        match tokio::task::spawn_blocking(move || is_sound(&checked)).await {
            Ok(Ok(())) => {}
            Ok(Err(RejectReason::TooLarge)) => {
                return Err(failed("too-large", "what is compressed in it is too large", LARGE_HINT));
            }
            Ok(Err(_)) => return Err(failed("incomplete", "it is compressed, and not to its end", INCOMPLETE_HINT)),
            Err(error) => return Err(broken(subject, &std::io::Error::other(error))),
        }
        let progress = Progress::Whole { size: stamp.size, modified: stamp.modified };
        self.despatch.push(&subject.name, Some(bytes), progress).await?;
        Ok(Reached { progress, has_more: false, is_early: false })
    }

    fn take_tail(&mut self, name: &Arc<str>) -> Option<Tail> {
        let index = self.tails.iter().position(|(known, _)| known == name)?;
        Some(self.tails.remove(index).1)
    }

    fn keep_tail(&mut self, name: &Arc<str>, tail: Tail) {
        if tail.lines.pending() > FOLLOWED_PARTIAL_BYTES_MAX {
            return;
        }
        self.tails.push((Arc::clone(name), tail));
        if self.tails.len() > FOLLOWED_OPEN_MAX {
            self.tails.remove(0);
        }
    }
}

const INCOMPLETE_HINT: &str = "copy it again, or move it away; it is read when it changes";
const LARGE_HINT: &str =
    "give it uncompressed with one record on each line, for instance: `zcat FILE | jq -c '.Records[]'`";

/// What is taken of a line that has not ended: what will not, what is complete by itself, and what is too long anyway.
fn rest(tail: &mut Tail, end: End) -> Option<Line> {
    let partial = tail.lines.partial();
    let is_taken = match end {
        _ if tail.lines.is_too_long() => true,
        End::Final => true,
        End::Settled => is_complete(partial) || (tail.is_at_start() && begins_whole(partial)),
        End::Open => false,
    };
    if is_taken { tail.lines.rest() } else { None }
}

/// Whether nothing that could follow would make another thing of it.
fn is_complete(partial: &[u8]) -> bool {
    let text = partial.trim_ascii_start();
    matches!(text.first(), Some(b'{' | b'[')) && serde_json::from_slice::<IgnoredAny>(text).is_ok()
}

/// Opens a file, and nothing that waits for somebody at its other end.
pub(super) fn open(path: &Path) -> std::io::Result<(std::fs::File, Stamp)> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(std::io::Error::from(std::io::ErrorKind::IsADirectory));
    }
    if metadata.is_file() { Ok((file, Stamp::of(&metadata))) } else { Err(not_a_file()) }
}

/// All of a file, or one byte more than is taken; and whether it was the same before and after.
fn read_whole(mut file: std::fs::File, stamp: Stamp) -> std::io::Result<(Bytes, bool)> {
    std::io::Seek::rewind(&mut file)?;
    let mut bytes = Vec::new();
    Read::by_ref(&mut file).take(PAYLOAD_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok((Bytes::from(bytes), Stamp::of(&file.metadata()?) == stamp))
}

fn broken(subject: &Subject, error: &std::io::Error) -> Halt {
    Halt::Failed(Failure::new(
        "unreadable",
        &format!("{}: {}", subject.path.display(), plain(error)),
        super::scan::HINT,
    ))
}
