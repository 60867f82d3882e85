//! Goes on: looks at the path again and again, and reads what is new.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::health::shown;
use super::reading::{End, Halt};
use super::scan::{HINT, Kind, Scan, failure, plain};
use super::table::Due;
use super::{Files, sentence};
use crate::clock::SharedClock;
use crate::source::outlet::Stopped;
use crate::source::retry::{Failure, Retry};

/// Looking takes at most this part of the time.
const LOOKS_PART: u32 = 10;

/// Follows a file, or a directory.
pub(super) struct Follower {
    files: Files,
    retry: Retry,
    clock: SharedClock,
    /// What the path was at the first look.
    kind: Option<Kind>,
    /// Since when it cannot be looked at.
    failing_since: Option<Instant>,
    /// Since when something below it cannot be looked into.
    unreadable_since: Option<Instant>,
    has_left_out: bool,
    /// Whether each file has been read, or tried, once.
    has_tried_all: bool,
    next_look: Instant,
}

impl Follower {
    pub(super) fn new(files: Files, retry: Retry, clock: SharedClock) -> Self {
        Self {
            files,
            retry,
            clock,
            kind: None,
            failing_since: None,
            unreadable_since: None,
            has_left_out: false,
            has_tried_all: false,
            next_look: Instant::now(),
        }
    }

    /// Follows until the source shall stop.
    pub(super) async fn run(mut self) -> Stopped {
        loop {
            if let Err(stopped) = self.turn().await {
                return stopped;
            }
        }
    }

    async fn turn(&mut self) -> Result<(), Stopped> {
        if Instant::now() >= self.next_look
            && let Some(trouble) = self.look().await?
        {
            self.files.health.tell(trouble, Instant::now()).await?;
        }
        self.read().await?;
        let now = Instant::now();
        let due = self.files.table.due(now, self.clock.now());
        self.has_tried_all |= self.kind.is_some() && due.iter().all(|due| due.is_tried);
        let rest = if due.is_empty() { self.next_look.saturating_duration_since(now) } else { Duration::ZERO };
        self.files.reading.despatch.outlet().wait(rest).await
    }

    /// Looks at the path. Gives the trouble with it, or that there is none; nothing while that is not clear: an incident of
    /// before a restart is not to end for a moment.
    async fn look(&mut self) -> Result<Option<Option<String>>, Stopped> {
        let began = Instant::now();
        let found = self.files.look().await;
        let manner = &self.files.manner;
        let poll = if self.kind == Some(Kind::Directory) { manner.directory_poll } else { manner.file_poll };
        self.next_look = began + poll.max(began.elapsed() * LOOKS_PART);
        let found = match found {
            Ok(found) if self.kind.is_none_or(|kind| kind == found.kind) => found,
            Ok(found) => {
                let was = if found.kind == Kind::File { "a directory" } else { "a file" };
                let what = format!("it was {was} and is another thing");
                let text = sentence(&self.files.path, &what);
                let hint = "put back what was there, or restart to follow what is there";
                return self.fails(Failure::new("replaced", &text, hint), &what).await;
            }
            Err(error) => {
                let what = plain(&error);
                return self.fails(failure(&self.files.path, &error), &what).await;
            }
        };
        self.kind = Some(found.kind);
        self.failing_since = None;
        self.retry.worked();
        self.files.reading.despatch.outlet().heard();
        let now = Instant::now();
        for path in self.files.table.merge(&found, now) {
            let name = self.files.table.name(&path);
            self.files.reading.gone(&name).await?;
        }
        for name in self.files.table.forgotten(now) {
            self.files.reading.despatch.forget(name).await?;
        }
        self.leave_out(&found);
        self.note_unreadable(&found, now);
        let trouble = self.trouble(&found, now);
        let is_clear =
            self.has_tried_all && found.unreadable.is_none() && self.files.table.failing(Duration::ZERO, now).is_none();
        Ok((trouble.is_some() || is_clear).then_some(trouble))
    }

    /// The path cannot be looked at: after a while that is trouble.
    async fn fails(&mut self, failure: Failure, what: &str) -> Result<Option<Option<String>>, Stopped> {
        self.retry.note(&failure);
        let now = Instant::now();
        let since = *self.failing_since.get_or_insert(now);
        let is_trouble = now.saturating_duration_since(since) >= self.files.manner.trouble_after;
        Ok(is_trouble.then(|| Some(sentence(&self.files.path, what))))
    }

    fn leave_out(&mut self, found: &Scan) {
        let has_left_out = found.left_out > 0 || found.is_cut;
        if has_left_out {
            let what =
                if found.is_cut { self.cut() } else { format!("{} files, the oldest, are left out", found.left_out) };
            let text = format!("{}: {what}", self.files.path.display());
            let hint = "move away files that are over, or follow a directory further down";
            let failure = Failure::new("too-many-files", &text, hint);
            self.files.health.note(&failure, !self.has_left_out, Instant::now());
        }
        self.has_left_out = has_left_out;
    }

    /// What is said of a directory that is too large to be looked through.
    fn cut(&self) -> String {
        let most = self.files.manner.room.entries;
        format!("it holds more than {most} files and directories, and of the others nothing is read, however new")
    }

    /// What is in the middle of being changed cannot be looked into for a moment.
    fn note_unreadable(&mut self, found: &Scan, now: Instant) {
        let Some((_, first)) = &found.unreadable else {
            self.unreadable_since = None;
            return;
        };
        self.files.health.note(&Failure::new("unreadable", first, HINT), self.unreadable_since.is_none(), now);
        self.unreadable_since.get_or_insert(now);
    }

    fn trouble(&self, found: &Scan, now: Instant) -> Option<String> {
        if found.is_cut {
            return Some(sentence(&self.files.path, &self.cut()));
        }
        let unreadable = self.unreadable_since.map(|since| now.saturating_duration_since(since));
        if let Some((count, first)) = &found.unreadable
            && unreadable >= Some(self.files.manner.trouble_after)
        {
            return Some(format!("{}: {count} cannot be looked into, such as {first}", shown(&self.files.path)));
        }
        let manner = &self.files.manner;
        let failing = |after| self.files.table.failing(after, now);
        Some(match found.kind {
            Kind::File => {
                let (_, file, reason) = failing(manner.trouble_after)?;
                sentence(&file, reason)
            }
            Kind::Directory => {
                let (count, first, reason) = failing(manner.file_trouble_after)?;
                format!("{count} files cannot be read, such as {}", sentence(&first, reason))
            }
        })
    }

    /// Reads the files whose turn it is, in turns, until it is time to look again.
    async fn read(&mut self) -> Result<(), Stopped> {
        let mut queue = VecDeque::from(self.files.table.due(Instant::now(), self.clock.now()));
        while let Some(due) = queue.pop_front() {
            let subject = self.files.subject(&due, if due.is_settled { End::Settled } else { End::Open });
            match self.files.reading.read(&subject).await {
                Ok(reached) if reached.is_early => self.files.table.put_off(&due, Instant::now()),
                Ok(reached) => {
                    self.files.table.read(&due, reached.progress, reached.has_more);
                    queue.extend(reached.has_more.then_some(Due { progress: reached.progress, ..due }));
                }
                Err(Halt::Stopped) => return Err(Stopped),
                // It is gone, or was another thing for a moment: the next look shows.
                Err(Halt::Failed(failure)) if failure.reason == "missing" => {
                    self.files.table.put_off(&due, Instant::now());
                }
                Err(Halt::Failed(failure)) => {
                    let now = Instant::now();
                    let is_new = self.files.table.failed(&due, failure.reason, now);
                    self.files.health.note(&failure, is_new, now);
                }
            }
            if Instant::now() >= self.next_look {
                break;
            }
        }
        self.files.reading.despatch.send().await
    }
}
