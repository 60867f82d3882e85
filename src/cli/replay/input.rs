//! Finds the inputs, and cuts each into payloads that decoding takes.

use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use indicatif::ProgressBar;
use serde::de::IgnoredAny;
use trailbrake_detectors::limits::PAYLOAD_BYTES_MAX;

use crate::limits::{REPLAY_CHUNK_BYTES, REPLAY_SMALL_INPUT_BYTES_MAX};
use crate::trail::{self, Links, Met, Visited};

/// The first bytes of a gzip file.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// One input.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Input {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
}

/// What the paths given led to.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// What is to be read.
    pub(crate) inputs: Vec<Input>,
    /// What cannot be, and why.
    pub(crate) unreadable: Vec<String>,
}

/// Follows the paths: files, directories, globs, `-`, in the order given, and by name within a directory, of which only
/// the files of the trail are taken. A file reached twice is read once.
pub(super) fn find(paths: &[String]) -> Found {
    let mut found = Found::default();
    let mut visited = Visited::new();
    for path in paths {
        if path == "-" {
            found.inputs.push(Input::Stdin);
        } else if Path::new(path).exists() {
            walk(Path::new(path), &mut visited, &mut found);
        } else {
            expand(path, &mut found);
        }
    }
    let mut seen = HashSet::new();
    found.inputs.retain(|input| seen.insert(input.clone()));
    found
}

fn expand(pattern: &str, found: &mut Found) {
    let paths = match glob::glob(pattern) {
        Ok(paths) => paths,
        Err(error) => return found.unreadable.push(format!("{pattern}: {error}")),
    };
    let mut any = false;
    for path in paths {
        any = true;
        match path {
            Ok(path) if path.is_dir() => {}
            Ok(path) => found.inputs.push(Input::File(path)),
            Err(error) => found.unreadable.push(format!("{}: {}", error.path().display(), error.error())),
        }
    }
    if !any {
        found.unreadable.push(format!("{pattern}: no such file or directory"));
    }
}

/// Takes a file as it is, and of a directory the files of the trail, by name.
fn walk(path: &Path, visited: &mut Visited, found: &mut Found) {
    if !path.is_dir() {
        return found.inputs.push(Input::File(path.to_owned()));
    }
    let (mut files, unreadable) = (Vec::new(), found.unreadable.len());
    let mut others = 0;
    trail::walk(path, Links::Followed, visited, &mut |met| {
        match met {
            Met::File(file, _) => files.push(file),
            Met::Unreadable(path, error) => found.unreadable.push(format!("{}: {error}", path.display())),
            Met::Other(is_file) => others += usize::from(is_file),
        }
        true
    });
    if files.is_empty() && others > 0 && found.unreadable.len() == unreadable {
        found.unreadable.push(format!("{}: none of its files is named {}", path.display(), trail::NAMES));
    }
    files.sort();
    found.inputs.extend(files.into_iter().map(Input::File));
}

impl fmt::Display for Input {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => formatter.write_str("standard input"),
            Self::File(path) => write!(formatter, "{}", path.display()),
        }
    }
}

impl Input {
    /// Reads all of it, and hands out its payloads in order, until nobody takes them any more.
    pub(super) fn read(&self, bar: &ProgressBar, mut take: impl FnMut(Vec<u8>) -> bool) -> Result<(), String> {
        let result = match self {
            Self::Stdin => cut(BufReader::new(io::stdin().lock()), &mut take),
            Self::File(path) => {
                let file = open(path).map_err(|error| format!("{self}: {error}"))?;
                cut(BufReader::new(bar.wrap_read(file)), &mut take)
            }
        };
        result.map_err(|error| format!("{self}: breaks off, only what comes before is read: {error}"))
    }

    /// Whether one thread reads and decodes it, while others do so with other inputs.
    pub(super) fn is_small(&self) -> bool {
        match self {
            Self::Stdin => false,
            // What is no file on the disk can go on for long.
            Self::File(path) => std::fs::metadata(path)
                .is_ok_and(|metadata| metadata.is_file() && metadata.len() <= REPLAY_SMALL_INPUT_BYTES_MAX),
        }
    }

    /// How large it is on the disk, as far as that can be told.
    pub(super) fn size(&self) -> u64 {
        match self {
            Self::Stdin => 0,
            Self::File(path) => std::fs::metadata(path).map_or(0, |metadata| metadata.len()),
        }
    }
}

/// A file. An archive without a byte is no archive: it was not written to its end.
fn open(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_file() && metadata.len() == 0 && trail::is_archive(path) {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it is empty, and an archive is not"));
    }
    Ok(file)
}

fn cut(mut reader: impl BufRead, take: &mut impl FnMut(Vec<u8>) -> bool) -> io::Result<()> {
    if reader.fill_buf()?.starts_with(&GZIP_MAGIC) {
        return cut_plain(MultiGzDecoder::new(reader), take);
    }
    cut_plain(reader, take)
}

/// Cuts lines of JSON into chunks at line ends; anything else is one payload. Of an input that breaks off, what was read
/// before still counts: decoding takes the whole records and rejects the rest.
fn cut_plain(mut reader: impl Read, take: &mut impl FnMut(Vec<u8>) -> bool) -> io::Result<()> {
    let mut chunk = Vec::new();
    let filled = fill(&mut reader, &mut chunk, REPLAY_CHUNK_BYTES);
    if let Ok(ended) = filled
        && (ended || holds_lines(&chunk))
    {
        return cut_lines(&mut reader, chunk, ended, take);
    }
    // One byte more than decoding takes: then it says itself that this is too large.
    let filled = filled.and_then(|_| fill(&mut reader, &mut chunk, PAYLOAD_BYTES_MAX + 1));
    if filled.is_ok() || !chunk.is_empty() {
        take(chunk);
    }
    filled.map(|_| ())
}

fn cut_lines(
    reader: &mut impl Read,
    mut chunk: Vec<u8>,
    mut ended: bool,
    take: &mut impl FnMut(Vec<u8>) -> bool,
) -> io::Result<()> {
    while !ended {
        let result = match chunk.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => {
                let rest = chunk.split_off(end + 1);
                if !take(std::mem::replace(&mut chunk, rest)) {
                    return Ok(());
                }
                fill(reader, &mut chunk, REPLAY_CHUNK_BYTES)
            }
            None if chunk.len() > PAYLOAD_BYTES_MAX => {
                // A line that is never decoded: its first bytes are enough to say so.
                chunk.truncate(PAYLOAD_BYTES_MAX + 1);
                if !take(std::mem::take(&mut chunk)) {
                    return Ok(());
                }
                skip_line(reader, &mut chunk)
            }
            None => {
                let longer = chunk.len() + REPLAY_CHUNK_BYTES;
                fill(reader, &mut chunk, longer)
            }
        };
        ended = match result {
            Ok(ended) => ended,
            Err(error) => {
                if !chunk.is_empty() {
                    take(chunk);
                }
                return Err(error);
            }
        };
    }
    if !chunk.is_empty() {
        take(chunk);
    }
    Ok(())
}

/// Reads on to the next line, and leaves in the chunk what was read of it; whether the input ended before.
fn skip_line(reader: &mut impl Read, chunk: &mut Vec<u8>) -> io::Result<bool> {
    loop {
        chunk.clear();
        let ended = fill(reader, chunk, REPLAY_CHUNK_BYTES)?;
        let end = chunk.iter().position(|byte| *byte == b'\n');
        chunk.drain(..end.map_or(chunk.len(), |end| end + 1));
        if ended || end.is_some() {
            return Ok(ended);
        }
    }
}

/// Fills the chunk up to a length; whether the input ended before that.
fn fill(reader: &mut impl Read, chunk: &mut Vec<u8>, length: usize) -> io::Result<bool> {
    let missing = length.saturating_sub(chunk.len()).max(1);
    chunk.reserve(missing.min(REPLAY_CHUNK_BYTES));
    let read = reader.by_ref().take(missing as u64).read_to_end(chunk)?;
    Ok(read < missing)
}

/// Whether the first line with something on it is JSON by itself.
fn holds_lines(chunk: &[u8]) -> bool {
    let mut lines = chunk.split_inclusive(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    lines
        .next()
        .is_some_and(|line| line.ends_with(b"\n") && serde_json::from_slice::<IgnoredAny>(line.trim_ascii()).is_ok())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn payloads(bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut payloads = Vec::new();
        let mut take = |payload| {
            payloads.push(payload);
            true
        };
        cut(bytes, &mut take).expect("memory can be read");
        payloads
    }

    #[test]
    fn a_line_that_is_too_long_is_one_payload_and_the_others_are_not_lost() {
        let long = "x".repeat(3 * REPLAY_CHUNK_BYTES);
        let text = format!("{{\"a\":1}}\n{{\"a\":\"{long}\"}}\n{{\"a\":2}}\n");
        assert_eq!(payloads(text.as_bytes()).concat(), text.as_bytes());
        assert!(payloads(text.as_bytes()).iter().all(|part| part.ends_with(b"}\n")));
        let longer = "x".repeat(PAYLOAD_BYTES_MAX + 3 * REPLAY_CHUNK_BYTES);
        let text = format!("{{\"a\":1}}\n{{\"a\":\"{longer}\"}}\n{{\"a\":2}}\n");
        let parts = payloads(text.as_bytes());
        assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), [8, PAYLOAD_BYTES_MAX + 1, 8]);
    }

    #[test]
    fn what_was_read_before_an_error_still_counts() {
        let line = format!("{{\"a\":\"{}\"}}\n", "x".repeat(1_000));
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
        encoder.write_all(line.repeat(3 * REPLAY_CHUNK_BYTES / line.len()).as_bytes()).expect("memory");
        let packed = encoder.finish().expect("memory");
        let mut read = Vec::new();
        let mut take = |payload: Vec<u8>| {
            read.extend(payload);
            true
        };
        assert!(cut(&packed[..packed.len() * 9 / 10], &mut take).is_err());
        assert!(read.starts_with(line.as_bytes()) && read.len() > 2 * REPLAY_CHUNK_BYTES, "{}", read.len());
    }

    #[test]
    fn lines_are_cut_at_line_ends_and_nothing_is_lost() {
        let line = format!("{{\"a\":\"{}\"}}\n", "x".repeat(1_000));
        let text = line.repeat(3 * REPLAY_CHUNK_BYTES / line.len());
        let parts = payloads(text.as_bytes());
        assert!(parts.len() >= 3, "{} parts", parts.len());
        assert!(parts.iter().all(|part| part.starts_with(b"{") && part.ends_with(b"}\n")));
        assert_eq!(parts.concat(), text.as_bytes());
    }

    #[test]
    fn what_is_not_lines_stays_whole() {
        let pretty = format!("{{\n\"Records\": [\n{}\n]}}", "1,\n".repeat(2 * REPLAY_CHUNK_BYTES / 3));
        assert_eq!(payloads(pretty.as_bytes()), [pretty.as_bytes()]);
        assert!(payloads(b"").is_empty());
        let endless = vec![b'x'; PAYLOAD_BYTES_MAX + 10];
        assert_eq!(payloads(&endless).iter().map(Vec::len).collect::<Vec<_>>(), [PAYLOAD_BYTES_MAX + 1]);
    }

    #[test]
    fn gzip_is_read_through_and_a_truncated_one_is_an_error() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(b"{\"a\":1}\n{\"a\":2}\n").expect("memory");
        let packed = encoder.finish().expect("memory");
        assert_eq!(payloads(&packed), [b"{\"a\":1}\n{\"a\":2}\n"]);
        let mut read = Vec::new();
        let mut take = |payload| {
            read.push(payload);
            true
        };
        assert!(cut(&packed[..packed.len() - 4], &mut take).is_err());
        assert_eq!(read, [b"{\"a\":1}\n{\"a\":2}\n"], "what could be unpacked still counts");
    }

    /// Log files of CloudTrail hold one list.
    #[test]
    fn of_a_truncated_list_the_whole_records_are_read_and_the_rest_is_one_reject() {
        let now = trailbrake_detectors::time::Millis(1_767_225_600_000);
        let none = format!("{{\"a\":\"{}\"}},", "a record that is none".repeat(100));
        let list = format!("{{\"Records\":[{}{{}}]}}", none.repeat(40));
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
        encoder.write_all(list.as_bytes()).expect("memory");
        let packed = encoder.finish().expect("memory");
        let mut decoded = Vec::new();
        let catalog = trailbrake_detectors::catalog::Catalog::built_in();
        let mut take = |payload: Vec<u8>| {
            decoded.push(trailbrake_detectors::decode::decode(&payload, now, catalog));
            true
        };
        assert!(cut(&packed[..packed.len() / 2], &mut take).is_err());
        let [part] = decoded.as_slice() else { panic!("one payload") };
        assert!((19..=22).contains(&part.received), "{}", part.received);
        assert_eq!(part.rejects.iter().filter(|one| one.reason.as_str() == "not-json").count() as u64, 1);
    }

    #[test]
    fn paths_globs_and_directories_lead_to_each_file_once() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let root = directory.path();
        std::fs::create_dir(root.join("deep")).expect("writable");
        for name in ["one.json", "two.json", "deep/three.json"] {
            std::fs::write(root.join(name), "{}").expect("writable");
        }
        let text = |path: &str| root.join(path).display().to_string();
        std::os::unix::fs::symlink(root, root.join("deep/back")).expect("a link");
        std::os::unix::fs::symlink(root.join("deep"), root.join("same")).expect("a link");
        let found = find(&[text(""), text("*.json"), text("one.json"), text("absent"), text("*.gz")]);
        assert_eq!(found.inputs.len(), 3, "{found:?}");
        assert_eq!(found.unreadable.len(), 2, "{found:?}");
        std::fs::create_dir(root.join("other")).expect("writable");
        assert_eq!(find(&[text("other")]).unreadable, Vec::<String>::new());
        std::fs::write(root.join("other/notes.txt"), "{}").expect("writable");
        let found = find(&[text("other")]);
        assert!(
            found.inputs.is_empty() && found.unreadable[0].contains("none of its files is named .json"),
            "{found:?}"
        );
    }

    #[test]
    fn an_archive_without_a_byte_cannot_be_read() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        for (name, is_read) in [("a.json.gz", false), ("a.zst", false), ("a.json", true)] {
            let path = directory.path().join(name);
            std::fs::write(&path, "").expect("writable");
            let read = Input::File(path).read(&ProgressBar::hidden(), |_| true);
            assert_eq!(read.is_ok(), is_read, "{name}: {read:?}");
        }
    }
}
