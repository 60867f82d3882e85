//! What is known of each file: what it was at the last look, how far it is read, and when it is its turn.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use trailbrake_detectors::time::Millis;

use super::progress::Progress;
use super::scan::{Scan, Stamp};
use crate::limits::{
    FILE_GONE_KEPT, FILE_OLD_SECONDS, FILE_SETTLED, FOLLOWED_FILES_MAX, FOLLOWED_PATH_BYTES_MAX, SOURCE_BACKOFF_FIRST,
    SOURCE_BACKOFF_MAX,
};
use crate::trail::is_archive;

/// How long things take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spans {
    /// Unchanged for so long, a file is settled.
    pub(super) settled: Duration,
    /// Gone for so long, a file is forgotten.
    pub(super) gone_kept: Duration,
}

impl Default for Spans {
    fn default() -> Self {
        Self { settled: FILE_SETTLED, gone_kept: FILE_GONE_KEPT }
    }
}

/// A file.
#[derive(Clone, Copy, Debug)]
struct Entry {
    stamp: Stamp,
    /// Since when it is like that.
    since: Instant,
    progress: Progress,
    /// What it was when it was read last, and whether it was settled then.
    looked: Option<(Stamp, bool)>,
    /// Whether there is more to read at once.
    has_more: bool,
    /// Of a file with more, when its last turn was, among all turns.
    turn: u64,
    failing: Option<Failing>,
}

#[derive(Clone, Copy, Debug)]
struct Failing {
    reason: &'static str,
    since: Instant,
    wait: Duration,
    retry_at: Instant,
}

/// A file whose turn it is.
#[derive(Clone, Debug)]
pub(super) struct Due {
    /// Its path below the one followed.
    pub(super) path: PathBuf,
    pub(super) stamp: Stamp,
    pub(super) progress: Progress,
    pub(super) is_settled: bool,
    /// Whether it was its turn before.
    pub(super) is_tried: bool,
    /// When its last turn was, if it had more after that.
    pub(super) turn: u64,
}

/// All files.
#[derive(Debug)]
pub(super) struct Table {
    root: PathBuf,
    spans: Spans,
    entries: BTreeMap<PathBuf, Entry>,
    /// Turns that files had, and had more after these.
    turns: u64,
    /// Files that are not there: how far they were read, and since when they are gone.
    gone: BTreeMap<Arc<str>, (Progress, Instant)>,
}

impl Table {
    /// Knows how far files were read, and has seen none of them.
    pub(super) fn new(root: &Path, spans: Spans, remembered: Vec<(Arc<str>, Progress)>, now: Instant) -> Self {
        let gone = remembered.into_iter().map(|(name, progress)| (name, (progress, now))).collect();
        Self { root: root.to_owned(), spans, entries: BTreeMap::new(), turns: 0, gone }
    }

    /// Where a file is.
    pub(super) fn full(&self, path: &Path) -> PathBuf {
        if path.as_os_str().is_empty() { self.root.clone() } else { self.root.join(path) }
    }

    /// The name that a file's position is kept under.
    pub(super) fn name(&self, path: &Path) -> Arc<str> {
        name_of(&self.full(path))
    }

    /// Takes what was found; gives the paths of the files that are gone.
    pub(super) fn merge(&mut self, scan: &Scan, now: Instant) -> Vec<PathBuf> {
        let mut before = std::mem::take(&mut self.entries);
        for (path, stamp) in &scan.files {
            let known = before.remove(path);
            let entry = known.unwrap_or_else(|| Entry {
                stamp: *stamp,
                since: now,
                progress: self.gone.remove(&self.name(path)).map_or(Progress::Nothing, |(progress, _)| progress),
                looked: None,
                has_more: false,
                turn: 0,
                failing: None,
            });
            let entry = if entry.stamp == *stamp { entry } else { Entry { stamp: *stamp, since: now, ..entry } };
            self.entries.insert(path.clone(), entry);
        }
        self.keep_unseen(scan, &mut before);
        for (path, entry) in &before {
            if entry.progress != Progress::Nothing {
                self.gone.insert(self.name(path), (entry.progress, now));
            }
        }
        before.into_keys().collect()
    }

    /// Keeps what may be there still, the newest first, as far as there is room.
    fn keep_unseen(&mut self, scan: &Scan, before: &mut BTreeMap<PathBuf, Entry>) {
        let mut unseen: Vec<(PathBuf, i64)> = before
            .iter()
            .filter(|(path, _)| scan.may_hold(path))
            .map(|(path, entry)| (path.clone(), entry.stamp.modified))
            .collect();
        unseen.sort_by_key(|(_, modified)| Reverse(*modified));
        let mut bytes: usize = self.entries.keys().map(|path| path.as_os_str().len()).sum();
        for (path, _) in unseen {
            bytes += path.as_os_str().len();
            if self.entries.len() >= FOLLOWED_FILES_MAX || bytes > FOLLOWED_PATH_BYTES_MAX {
                return;
            }
            if let Some(entry) = before.remove(&path) {
                self.entries.insert(path, entry);
            }
        }
    }

    /// The files whose turn it is: those that had none before those that had, and those written first before the others.
    pub(super) fn due(&self, now: Instant, wall: Millis) -> Vec<Due> {
        let mut due: Vec<Due> = self
            .entries
            .iter()
            .map(|(path, entry)| (path, entry, self.is_settled(entry, now, wall)))
            .filter(|(path, entry, is_settled)| {
                let path = if path.as_os_str().is_empty() { &self.root } else { path };
                entry.is_due(path, *is_settled, now)
            })
            .map(|(path, entry, is_settled)| Due {
                path: path.clone(),
                stamp: entry.stamp,
                progress: entry.progress,
                is_settled,
                is_tried: entry.looked.is_some(),
                turn: entry.turn,
            })
            .collect();
        due.sort_by(|a, b| (a.turn, a.stamp.modified, &a.path).cmp(&(b.turn, b.stamp.modified, &b.path)));
        due
    }

    fn is_settled(&self, entry: &Entry, now: Instant, wall: Millis) -> bool {
        let age = wall.0.saturating_sub(entry.stamp.modified / 1_000_000);
        age >= FILE_OLD_SECONDS * 1_000 || now.saturating_duration_since(entry.since) >= self.spans.settled
    }

    /// A file was read so far.
    pub(super) fn read(&mut self, due: &Due, progress: Progress, has_more: bool) {
        if let Some(entry) = self.entries.get_mut(&due.path) {
            entry.progress = progress;
            entry.looked = Some((due.stamp, due.is_settled));
            entry.has_more = has_more;
            entry.failing = None;
            self.turns += u64::from(has_more);
            entry.turn = if has_more { self.turns } else { 0 };
        }
    }

    /// Nothing can be said of a file at this moment: what was said before stands.
    pub(super) fn put_off(&mut self, due: &Due, now: Instant) {
        if let Some(entry) = self.entries.get_mut(&due.path) {
            entry.looked = Some((due.stamp, due.is_settled));
            entry.has_more = false;
            if let Some(failing) = &mut entry.failing {
                failing.retry_at = now + failing.wait;
            }
        }
    }

    /// A file cannot be read; whether that is another reason than the last time.
    pub(super) fn failed(&mut self, due: &Due, reason: &'static str, now: Instant) -> bool {
        let Some(entry) = self.entries.get_mut(&due.path) else { return false };
        let before = entry.failing.filter(|failing| failing.reason == reason);
        let is_new = before.is_none();
        let wait = before.map_or(SOURCE_BACKOFF_FIRST, |failing| (failing.wait * 2).min(SOURCE_BACKOFF_MAX));
        // While it changes somebody is at it.
        let since = before.map_or(now, |failing| failing.since).max(entry.since);
        entry.looked = Some((due.stamp, due.is_settled));
        entry.failing = Some(Failing { reason, since, wait, retry_at: now + wait });
        is_new
    }

    /// How many files have not been readable for so long, and the first of them with the reason.
    pub(super) fn failing(&self, after: Duration, now: Instant) -> Option<(usize, PathBuf, &'static str)> {
        let is_trouble = |failing: &Failing| now.saturating_duration_since(failing.since) >= after;
        let mut failing =
            self.entries.iter().filter_map(|(path, entry)| Some((path, entry.failing.filter(is_trouble)?)));
        let (path, first) = failing.next()?;
        Some((1 + failing.count(), self.full(path), first.reason))
    }

    /// Names of files that are gone for so long that their positions need not be kept, or of which there are too many.
    pub(super) fn forgotten(&mut self, now: Instant) -> Vec<Arc<str>> {
        let is_over = |since: &Instant| now.saturating_duration_since(*since) >= self.spans.gone_kept;
        let mut over: Vec<Arc<str>> =
            self.gone.iter().filter(|(_, (_, since))| is_over(since)).map(|(name, _)| Arc::clone(name)).collect();
        if self.gone.len() - over.len() > FOLLOWED_FILES_MAX {
            let mut left: Vec<_> = self.gone.iter().filter(|(_, (_, since))| !is_over(since)).collect();
            left.sort_by_key(|(_, (_, since))| *since);
            over.extend(left.iter().take(left.len() - FOLLOWED_FILES_MAX).map(|(name, _)| Arc::clone(name)));
        }
        for name in &over {
            self.gone.remove(name);
        }
        over
    }
}

impl Entry {
    fn is_due(&self, path: &Path, is_settled: bool, now: Instant) -> bool {
        let is_same = self.looked.is_some_and(|(stamp, _)| stamp == self.stamp);
        let has_settled = is_settled && self.looked.is_some_and(|(_, was_settled)| !was_settled);
        if let Some(failing) = self.failing
            && is_same
            && !has_settled
        {
            // What is incomplete or too large is so until it changes.
            return !matches!(failing.reason, "incomplete" | "too-large") && now >= failing.retry_at;
        }
        match self.progress {
            Progress::Whole { size, modified } if (size, modified) == (self.stamp.size, self.stamp.modified) => false,
            Progress::Nothing if self.stamp.size == 0 && !is_archive(path) => false,
            _ if self.has_more || !is_same => true,
            _ => has_settled,
        }
    }
}

/// The name that the position of a file is kept under: its path, and where that is no plain text, one that no other has.
pub(super) fn name_of(path: &Path) -> Arc<str> {
    match path.to_str().filter(|text| !text.contains('\\')) {
        Some(text) => text.into(),
        None => path.as_os_str().as_encoded_bytes().escape_ascii().to_string().into(),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::super::scan::Kind;
    use super::*;

    const WALL: Millis = Millis(1_800_000_000_000);

    fn scan(files: &[(&str, u64, i64)]) -> Scan {
        let file = |(path, size, age): &(&str, u64, i64)| {
            let modified = (WALL.0 - age * 1_000) * 1_000_000;
            (PathBuf::from(path), Stamp { inode: 1, size: *size, modified })
        };
        let files = files.iter().map(file).collect();
        Scan { files, ..Scan::new(Kind::Directory) }
    }

    fn paths(table: &Table, now: Instant) -> Vec<String> {
        table.due(now, WALL).into_iter().map(|due| due.path.display().to_string()).collect()
    }

    fn table(remembered: Vec<(Arc<str>, Progress)>, now: Instant) -> Table {
        Table::new(Path::new("/trail"), Spans::default(), remembered, now)
    }

    #[test]
    fn the_oldest_come_first_and_each_once_until_it_changes() {
        let now = Instant::now();
        let mut table = table(Vec::new(), now);
        table.merge(&scan(&[("b", 1, 100), ("a", 1, 100), ("c", 1, 200), ("empty", 0, 300), ("empty.gz", 0, 90)]), now);
        assert_eq!(paths(&table, now), ["c", "a", "b", "empty.gz"]);
        for due in table.due(now, WALL) {
            let Stamp { size, modified, .. } = due.stamp;
            table.read(&due, Progress::Whole { size, modified }, false);
        }
        assert_eq!(paths(&table, now), Vec::<String>::new());
        table.merge(&scan(&[("a", 1, 100), ("b", 2, 100), ("c", 1, 50)]), now);
        assert_eq!(paths(&table, now), ["b", "c"]);
    }

    #[test]
    fn what_was_not_settled_is_looked_at_again_when_it_is() {
        let now = Instant::now();
        let mut table = table(Vec::new(), now);
        table.merge(&scan(&[("a.gz", 1, 0)]), now);
        let due = table.due(now, WALL).remove(0);
        assert!(!due.is_settled);
        table.read(&due, Progress::Nothing, false);
        assert!(paths(&table, now + FILE_SETTLED / 2).is_empty());
        let due = table.due(now + FILE_SETTLED, WALL).remove(0);
        assert!(due.is_settled);
        table.read(&due, Progress::Nothing, true);
        assert_eq!(paths(&table, now), ["a.gz"], "there is more");
    }

    #[test]
    fn positions_come_back_with_their_files_and_are_forgotten_without() {
        let now = Instant::now();
        let whole = Progress::Whole { size: 1, modified: (WALL.0 - 100_000) * 1_000_000 };
        let mut table = table(vec![("/trail/a".into(), whole), ("/trail/b".into(), whole)], now);
        table.merge(&scan(&[("a", 1, 100)]), now);
        assert!(paths(&table, now).is_empty(), "it is read");
        assert_eq!(table.merge(&scan(&[]), now), [PathBuf::from("a")]);
        let later = now + FILE_GONE_KEPT / 2;
        table.merge(&scan(&[("a", 1, 100)]), later);
        assert!(paths(&table, later).is_empty(), "it was away");
        assert!(table.forgotten(later).is_empty());
        assert_eq!(table.forgotten(now + FILE_GONE_KEPT), ["/trail/b".into()]);
        assert!(table.forgotten(now + FILE_GONE_KEPT).is_empty());
        let unseen = Scan { unseen: [PathBuf::new()].into(), ..scan(&[]) };
        assert!(table.merge(&unseen, later).is_empty(), "it may be there");
        assert_eq!(table.merge(&scan(&[]), later), [PathBuf::from("a")]);
    }

    #[test]
    fn of_too_many_that_are_gone_the_first_are_forgotten() {
        let now = Instant::now();
        let whole = Progress::Whole { size: 1, modified: 1 };
        let mut table = table(vec![("/trail/z".into(), whole)], now);
        let many =
            (0..FOLLOWED_FILES_MAX).map(|number| (Arc::from(format!("/trail/{number}")), (whole, now + FILE_SETTLED)));
        table.gone.extend(many);
        assert_eq!(table.forgotten(now + FILE_SETTLED), ["/trail/z".into()]);
    }

    #[test]
    fn what_fails_is_tried_again_later_and_is_trouble_after_a_while() {
        let now = Instant::now();
        let mut table = table(Vec::new(), now);
        table.merge(&scan(&[("a", 1, 100), ("b.gz", 1, 100)]), now);
        for (due, reason) in table.due(now, WALL).iter().zip(["denied", "incomplete"]) {
            assert!(table.failed(due, reason, now));
        }
        assert!(paths(&table, now).is_empty());
        let after = Duration::from_secs(60);
        let later = now + after;
        assert_eq!(paths(&table, later), ["a"], "what is incomplete stays so");
        assert_eq!(table.failing(after, now), None);
        assert_eq!(table.failing(after, later), Some((2, "/trail/a".into(), "denied")));
        assert!(!table.failed(&table.due(later, WALL)[0].clone(), "denied", later));
        assert!(paths(&table, later + SOURCE_BACKOFF_FIRST).is_empty(), "waits grow");
        table.merge(&scan(&[("a", 1, 100), ("b.gz", 2, 100)]), later);
        let due = table.due(later, WALL).remove(0);
        table.read(&due, Progress::Whole { size: 2, modified: due.stamp.modified }, false);
        assert_eq!(table.failing(after, later), Some((1, "/trail/a".into(), "denied")));
    }

    #[test]
    fn no_two_paths_share_a_name() {
        let paths = [b"/a/b\xff".as_slice(), b"/a/b\\xff", b"/a/b\\\\xff", b"/a/\xc3\xa4", b"/a/\\xc3\\xa4", b"/a/\n"];
        let names: std::collections::BTreeSet<_> =
            paths.iter().map(|path| name_of(Path::new(OsStr::from_bytes(path)))).collect();
        assert_eq!(names.len(), paths.len(), "{names:?}");
        assert_eq!(&*name_of(Path::new("/trail/ä.json")), "/trail/ä.json");
    }
}
