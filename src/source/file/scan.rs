//! One look at a path: the file, or the files of the trail below it.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::fs::Metadata;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::limits::{FOLLOWED_ENTRIES_MAX, FOLLOWED_FILES_MAX, FOLLOWED_PATH_BYTES_MAX, FOLLOWED_UNSEEN_MAX};
use crate::source::retry::Failure;
use crate::trail::{Links, Met, Visited, walk};

/// What to do about what cannot be read.
pub(super) const HINT: &str = "check the path, and that this user may read it";

/// What tells one state of a file from the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) inode: u64,
    pub(super) size: u64,
    /// Nanoseconds since 1970.
    pub(super) modified: i64,
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        let modified = metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec());
        Self { inode: metadata.ino(), size: metadata.len(), modified }
    }
}

/// What a path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Directory,
}

/// What was found.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) kind: Kind,
    /// Files, by their path below the one looked at; empty for itself.
    pub(super) files: Vec<(PathBuf, Stamp)>,
    /// Files that there is no room for: the oldest.
    pub(super) left_out: usize,
    /// What cannot be looked at or into: how many, and the first of them with the reason.
    pub(super) unreadable: Option<(usize, String)>,
    /// Where it cannot, below the path looked at: what is there may be there still. What else is not among the files is gone.
    pub(super) unseen: BTreeSet<PathBuf>,
    /// Whether there is more than is looked at.
    pub(super) is_cut: bool,
}

impl Scan {
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, files: Vec::new(), left_out: 0, unreadable: None, unseen: BTreeSet::new(), is_cut: false }
    }

    /// Whether a file could be there, though it is not among those found.
    pub(super) fn may_hold(&self, path: &Path) -> bool {
        !self.unseen.is_empty() && path.ancestors().any(|above| self.unseen.contains(above))
    }

    fn note_unseen(&mut self, path: &Path) {
        if self.unseen.len() < FOLLOWED_UNSEEN_MAX {
            self.unseen.insert(path.to_owned());
        } else {
            // All that is known may be below one that there is no room for.
            self.unseen = BTreeSet::from([PathBuf::new()]);
        }
    }
}

/// How much of a directory is taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub(super) files: usize,
    pub(super) path_bytes: usize,
    pub(super) entries: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self { files: FOLLOWED_FILES_MAX, path_bytes: FOLLOWED_PATH_BYTES_MAX, entries: FOLLOWED_ENTRIES_MAX }
    }
}

/// Looks at a path. Breaks off when `stop` becomes true.
pub(super) fn scan(root: &Path, room: Room, stop: &AtomicBool) -> io::Result<Scan> {
    let metadata = std::fs::metadata(root)?;
    let mut found = Scan::new(Kind::File);
    if metadata.is_file() {
        found.files.push((PathBuf::new(), Stamp::of(&metadata)));
        return Ok(found);
    }
    if !metadata.is_dir() {
        return Err(not_a_file());
    }
    // Whether it can be listed at all is a matter of the path, and not of what is in it.
    std::fs::read_dir(root)?;
    found.kind = Kind::Directory;
    below(root, room, stop, &mut found);
    Ok(found)
}

fn below(root: &Path, room: Room, stop: &AtomicBool, found: &mut Scan) {
    let mut newest = Newest { room, heap: BinaryHeap::new(), path_bytes: 0, left_out: 0 };
    let mut entries = 0;
    walk(root, Links::Inside, &mut Visited::new(), &mut |met| {
        entries += 1;
        match met {
            Met::File(path, metadata) => {
                let path = path.strip_prefix(root).map_or_else(|_| path.clone(), Path::to_owned);
                newest.push(path, Stamp::of(&metadata));
            }
            Met::Unreadable(path, error) => {
                found.note_unseen(path.strip_prefix(root).unwrap_or(Path::new("")));
                let first = || (0, format!("{}: {}", path.display(), plain(&error)));
                found.unreadable.get_or_insert_with(first).0 += 1;
            }
            Met::Other(_) => {}
        }
        found.is_cut = entries > room.entries;
        let goes_on = !found.is_cut && !stop.load(Ordering::Relaxed);
        if !goes_on {
            found.note_unseen(Path::new(""));
        }
        goes_on
    });
    found.left_out = newest.left_out;
    found.files = newest.heap.into_iter().map(|Reverse(held)| (held.path, held.stamp)).collect();
}

/// A file that has no other name than the path given, and can only wait in line.
#[derive(PartialEq, Eq)]
struct Held {
    path: PathBuf,
    stamp: Stamp,
}

impl Ord for Held {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.stamp.modified, &self.path).cmp(&(other.stamp.modified, &other.path))
    }
}

impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// The newest files that there is room for.
struct Newest {
    room: Room,
    heap: BinaryHeap<Reverse<Held>>,
    path_bytes: usize,
    left_out: usize,
}

impl Newest {
    fn push(&mut self, path: PathBuf, stamp: Stamp) {
        self.path_bytes += path.as_os_str().len();
        self.heap.push(Reverse(Held { path, stamp }));
        while self.heap.len() > self.room.files || self.path_bytes > self.room.path_bytes {
            let Some(Reverse(oldest)) = self.heap.pop() else { return };
            self.path_bytes -= oldest.path.as_os_str().len();
            self.left_out += 1;
        }
    }
}

/// The error for what is neither a file nor a directory.
pub(super) fn not_a_file() -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, "it is no regular file")
}

/// An error without the number that the system gives it.
pub(super) fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

/// What failed, in a word fit to label a metric.
pub(super) fn failure(path: &Path, error: &io::Error) -> Failure {
    let reason = match error.kind() {
        ErrorKind::NotFound => "missing",
        ErrorKind::PermissionDenied => "denied",
        ErrorKind::InvalidInput | ErrorKind::IsADirectory => "not-a-file",
        _ => "unreadable",
    };
    Failure::new(reason, &format!("{}: {}", path.display(), plain(error)), HINT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn go() -> AtomicBool {
        AtomicBool::new(false)
    }

    #[test]
    fn of_too_many_files_the_newest_are_taken_and_the_others_counted() {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path();
        for (number, name) in ["new.json", "old.json", "older.json"].into_iter().enumerate() {
            std::fs::write(root.join(name), "{}").expect("writable");
            let written = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000 - number as u64);
            let file = std::fs::File::options().write(true).open(root.join(name)).expect("opened");
            file.set_modified(written).expect("can be set");
        }
        for (room, expected) in [
            (Room { files: 2, ..Room::default() }, ["new.json", "old.json"].as_slice()),
            (Room { path_bytes: 10, ..Room::default() }, &["new.json"]),
            (Room::default(), &["new.json", "old.json", "older.json"]),
        ] {
            let found = scan(root, room, &go()).expect("can be listed");
            let mut names: Vec<_> = found.files.iter().map(|(path, _)| path.to_str().expect("text")).collect();
            names.sort_unstable();
            assert_eq!(names, expected);
            assert_eq!(found.left_out, 3 - expected.len());
            assert!(found.unseen.is_empty() && !found.is_cut && found.kind == Kind::Directory);
        }
        let found = scan(root, Room { entries: 2, ..Room::default() }, &go()).expect("can be listed");
        assert!(found.is_cut && found.left_out == 0 && found.may_hold(Path::new("new.json")), "{found:?}");
        let found = scan(root, Room { entries: 4, ..Room::default() }, &go()).expect("can be listed");
        assert!(!found.is_cut && found.unseen.is_empty(), "four are all, with itself: {found:?}");
        let found = scan(root, Room::default(), &AtomicBool::new(true)).expect("can be listed");
        assert!(!found.is_cut && found.may_hold(Path::new("new.json")), "{found:?}");
    }

    #[test]
    fn what_cannot_be_looked_into_may_hold_what_it_held_and_nothing_else_may() {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path();
        std::fs::create_dir(root.join("day")).expect("writable");
        std::os::unix::fs::symlink("nowhere", root.join("day/link.json")).expect("a link");
        let found = scan(root, Room::default(), &go()).expect("can be listed");
        assert!(found.may_hold(Path::new("day/link.json")) && found.may_hold(Path::new("day/link.json/a.json")));
        assert!(!found.may_hold(Path::new("day/a.json")) && !found.may_hold(Path::new("a.json")), "{found:?}");

        let mut many = Scan::new(Kind::Directory);
        for number in 0..=FOLLOWED_UNSEEN_MAX {
            many.note_unseen(Path::new(&format!("{number}")));
        }
        assert!(many.unseen.len() <= FOLLOWED_UNSEEN_MAX && many.may_hold(Path::new("any.json")));
    }

    #[test]
    fn a_path_that_cannot_be_looked_at_says_why() {
        let directory = tempfile::tempdir().expect("a directory");
        let missing = directory.path().join("missing\u{1b}[2J");
        let error = scan(&missing, Room::default(), &go()).expect_err("is not there");
        assert_eq!(failure(&missing, &error).reason, "missing");
        let error = scan(Path::new("/dev/null"), Room::default(), &go()).expect_err("is a device");
        assert_eq!(failure(&missing, &error).reason, "not-a-file");
        let file = directory.path().join("a.json");
        std::fs::write(&file, "{}").expect("writable");
        let found = scan(&file, Room::default(), &go()).expect("a file");
        assert_eq!((found.kind, found.files.len(), found.files[0].0.as_os_str().len()), (Kind::File, 1, 0));
    }
}
