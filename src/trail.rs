//! The files of a trail: which of the files in a directory they are, and how they are found.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use crate::limits::TRAIL_DIRECTORY_DEPTH_MAX;

/// What the names of files with records end in.
const EXTENSIONS: [&str; 6] = ["gz", "json", "jsonl", "log", "ndjson", "zst"];
/// Of these, what the names of compressed ones end in.
const ARCHIVES: [&str; 2] = ["gz", "zst"];

/// What to say where a directory holds none.
pub(crate) const NAMES: &str = ".json, .json.gz, .gz, .zst, .ndjson, .jsonl, .log";

/// Whether a file in a directory belongs to the trail, by its name: what is hidden does not, and neither does what is
/// still being written under another name (`a.json.gz.AbCd1234`).
pub(crate) fn is_trail_file(name: &OsStr) -> bool {
    !is_hidden(name) && ends_in(Path::new(name), &EXTENSIONS)
}

/// Whether a file is compressed, by its name.
pub(crate) fn is_archive(path: &Path) -> bool {
    ends_in(path, &ARCHIVES)
}

fn ends_in(path: &Path, known: &[&str]) -> bool {
    path.extension().is_some_and(|found| known.iter().any(|one| found.eq_ignore_ascii_case(one)))
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// What file systems keep at their root for themselves, and let nobody else look into.
fn is_of_file_system(name: &OsStr) -> bool {
    name == "lost+found"
}

/// What is met below a directory.
#[derive(Debug)]
pub(crate) enum Met {
    /// A regular file of the trail.
    File(PathBuf, Metadata),
    /// What cannot be looked at or into.
    Unreadable(PathBuf, io::Error),
    /// Anything else; whether it is a file.
    Other(bool),
}

/// Directories, by file system and number. Each is looked into once: links may lead back, or twice to the same place.
pub(crate) type Visited = HashSet<(u64, u64)>;

/// What becomes of symbolic links below the path given. That itself may be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Links {
    /// They lead on: a user names what shall be read.
    Followed,
    /// They lead on within the directory, and what leads out of it cannot be looked into: whoever may write to a directory
    /// shall not have other files read.
    Inside,
}

/// Goes through a directory and all below, in no order, until `take` says that it is enough.
pub(crate) fn walk(root: &Path, links: Links, visited: &mut Visited, take: &mut dyn FnMut(Met) -> bool) {
    let mut is_new = |entry: &DirEntry| {
        let name = entry.file_name();
        if entry.depth() > 0 && (is_hidden(name) || is_of_file_system(name)) {
            return false;
        }
        // Files are looked at later, and only those of the trail.
        if !entry.file_type().is_dir() {
            return true;
        }
        entry.metadata().map_or(true, |metadata| visited.insert((metadata.dev(), metadata.ino())))
    };
    let inside = if links == Links::Inside { std::fs::canonicalize(root).ok() } else { None };
    let entries = WalkDir::new(root).follow_links(true).max_depth(TRAIL_DIRECTORY_DEPTH_MAX).into_iter();
    let mut entries = entries.filter_entry(|entry| is_new(entry));
    while let Some(entry) = entries.next() {
        let is_outside = matches!((&entry, &inside), (Ok(entry), Some(inside)) if leads_out(entry, inside));
        if is_outside && entry.as_ref().is_ok_and(|entry| entry.file_type().is_dir()) {
            entries.skip_current_dir();
        }
        let met = match entry {
            Ok(entry) if is_outside => {
                Met::Unreadable(entry.into_path(), io::Error::other("a link that leads out of the directory"))
            }
            entry => met(entry),
        };
        if !take(met) {
            return;
        }
    }
}

/// Whether an entry is a link to what is not below a directory.
fn leads_out(entry: &DirEntry, directory: &Path) -> bool {
    entry.depth() > 0
        && entry.path_is_symlink()
        && std::fs::canonicalize(entry.path()).is_ok_and(|target| !target.starts_with(directory))
}

fn met(entry: walkdir::Result<DirEntry>) -> Met {
    let is_named = |path: &Path| path.file_name().is_some_and(is_trail_file);
    let entry = match entry {
        Ok(entry) => entry,
        Err(error) => {
            let path = error.path().unwrap_or(Path::new("")).to_owned();
            let is_loop = error.loop_ancestor().is_some();
            let error = error.into_io_error().unwrap_or_else(|| io::Error::other("cannot be looked at"));
            // A link to nothing is no file of the trail, unless it says so.
            let is_nothing = error.kind() == io::ErrorKind::NotFound && !is_named(&path);
            return if is_loop || is_nothing { Met::Other(false) } else { Met::Unreadable(path, error) };
        }
    };
    if entry.file_type().is_dir() && entry.depth() == TRAIL_DIRECTORY_DEPTH_MAX {
        return Met::Unreadable(entry.into_path(), io::Error::other("too deep below the path given"));
    }
    if !entry.file_type().is_file() || !is_trail_file(entry.file_name()) {
        return Met::Other(entry.file_type().is_file());
    }
    match entry.metadata() {
        Ok(metadata) => Met::File(entry.into_path(), metadata),
        // It went away in this moment.
        Err(error) if error.io_error().is_some_and(|error| error.kind() == io::ErrorKind::NotFound) => Met::Other(true),
        Err(error) => {
            let path = entry.into_path();
            Met::Unreadable(path, error.into_io_error().unwrap_or_else(|| io::Error::other("cannot be looked at")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_trail_are_known_by_their_names() {
        for name in ["a.json", "a.json.gz", "a.gz", "a.zst", "a.ndjson", "a.jsonl", "a.log", "A.JSON.GZ"] {
            assert!(is_trail_file(OsStr::new(name)), "{name}");
        }
        for name in [".a.json", ".json", "a.json.gz.AbCd1234", "a.json.part", "json", "a.txt", "a.log.1", ""] {
            assert!(!is_trail_file(OsStr::new(name)), "{name}");
        }
        assert!(is_archive(Path::new("x.d/a.json.gz")) && is_archive(Path::new("a.ZST")));
        assert!(!is_archive(Path::new("x.gz/a.json")));
    }

    #[test]
    fn loops_hidden_directories_and_what_is_no_file_are_passed_over() {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path();
        std::fs::create_dir_all(root.join("AWSLogs/1/CloudTrail")).expect("writable");
        std::fs::create_dir(root.join(".snapshot")).expect("writable");
        std::fs::create_dir(root.join("lost+found")).expect("writable");
        std::fs::create_dir(root.join("folder.json")).expect("writable");
        for name in ["AWSLogs/1/CloudTrail/a.json.gz", "b.json", ".snapshot/c.json", "lost+found/e.json", "d.txt"] {
            std::fs::write(root.join(name), "{}").expect("writable");
        }
        std::os::unix::fs::symlink(root, root.join("AWSLogs/back")).expect("a link");
        std::os::unix::fs::symlink(root.join("AWSLogs"), root.join("again")).expect("a link");
        std::os::unix::fs::symlink("nowhere", root.join("nothing")).expect("a link");
        std::os::unix::fs::symlink("nowhere", root.join("nothing.json")).expect("a link");
        let (mut files, mut unreadable) = (Vec::new(), Vec::new());
        walk(root, Links::Followed, &mut Visited::new(), &mut |met| {
            match met {
                Met::File(path, _) => files.push(path.file_name().expect("a name").to_owned()),
                Met::Unreadable(path, _) => unreadable.push(path),
                Met::Other(_) => {}
            }
            true
        });
        files.sort();
        assert_eq!(files, ["a.json.gz", "b.json"]);
        assert_eq!(unreadable, [root.join("nothing.json")]);
    }

    #[test]
    fn links_that_lead_out_of_a_followed_directory_are_not_followed() {
        let directory = tempfile::tempdir().expect("a directory");
        let (root, other) = (directory.path().join("trail"), directory.path().join("other"));
        for path in [&root, &other] {
            std::fs::create_dir(path).expect("writable");
        }
        for path in [root.join("a.json"), other.join("b.json"), other.join("secret")] {
            std::fs::write(path, "{}").expect("writable");
        }
        std::os::unix::fs::symlink(&other, root.join("out")).expect("a link");
        std::os::unix::fs::symlink(other.join("secret"), root.join("c.json")).expect("a link");
        std::os::unix::fs::symlink(root.join("a.json"), root.join("again.json")).expect("a link");
        let walked = |links| {
            let (mut files, mut unreadable) = (Vec::new(), Vec::new());
            walk(&root, links, &mut Visited::new(), &mut |met| {
                let name = |path: PathBuf| path.file_name().expect("a name").to_string_lossy().into_owned();
                match met {
                    Met::File(path, _) => files.push(name(path)),
                    Met::Unreadable(path, _) => unreadable.push(name(path)),
                    Met::Other(_) => {}
                }
                true
            });
            files.sort();
            unreadable.sort();
            (files.join(" "), unreadable.join(" "))
        };
        assert_eq!(walked(Links::Inside), ("a.json again.json".to_owned(), "c.json out".to_owned()));
        assert_eq!(walked(Links::Followed), ("a.json again.json b.json c.json".to_owned(), String::new()));
    }
}
