//! Records from one file, read once from the start, or followed as lines are added to it.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::fs::File;
use tokio::io::{AsyncSeekExt, BufReader};
use tokio::sync::oneshot;

use super::lines::{Line, Lines, begins_whole};
use super::outlet::{Gathering, Outlet, Stopped};
use super::retry::{Failure, Retry};
use super::stdin::too_large;
use super::{Committed, Context, Running, Source, SourceError, Terms, settings};
use crate::limits::FILE_POLL;

/// Bytes read at once.
const BUFFER_BYTES: usize = 1 << 20;

/// A source of the lines of a file.
pub struct FileSource {
    terms: Arc<Terms>,
    path: PathBuf,
    follow: bool,
}

impl FileSource {
    /// A source of the lines of the file at `path`; with `follow`, it goes on as lines are added.
    pub fn new(terms: Arc<Terms>, path: PathBuf, follow: bool) -> Result<Self, SourceError> {
        if follow && is_archive(&path) {
            return Err(settings(
                &terms,
                format!("a compressed file cannot be followed: {}", path.display()),
                "follow the uncompressed file, or read this one once",
            ));
        }
        Ok(Self { terms, path, follow })
    }
}

impl Source for FileSource {
    fn terms(&self) -> &Arc<Terms> {
        &self.terms
    }

    fn run(self: Box<Self>, context: Context) -> Running<'static> {
        Box::pin(async move {
            let outlet = Outlet::new(&context, &self.terms, &self.path.to_string_lossy());
            let mut reading = Reading {
                at: outlet.position().and_then(Position::parse).unwrap_or_default(),
                outlet,
                retry: Retry::new(&context, &self.terms, "open"),
                terms: self.terms,
                path: self.path,
                gathering: Gathering::default(),
                last: None,
            };
            // The channel is to close when this source ends: nothing but the outlet may hold its other end.
            drop(context);
            let end = if self.follow { reading.follow().await } else { reading.once().await };
            end.unwrap_or(Ok(()))
        })
    }
}

/// How far a file is read: which file, and how many of its bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Position {
    inode: u64,
    offset: u64,
}

impl Position {
    fn parse(text: &str) -> Option<Self> {
        let (inode, offset) = text.split_once(':')?;
        Some(Self { inode: inode.parse().ok()?, offset: offset.parse().ok()? })
    }

    fn text(self) -> String {
        format!("{}:{}", self.inode, self.offset)
    }
}

/// What ends reading: nothing, or an error; or the source was told to stop.
type End = Result<Result<(), SourceError>, Stopped>;

struct Reading {
    terms: Arc<Terms>,
    path: PathBuf,
    outlet: Outlet,
    retry: Retry,
    gathering: Gathering,
    at: Position,
    last: Option<oneshot::Receiver<Committed>>,
}

impl Reading {
    /// Reads the file to its end, and waits until all of it is durable.
    async fn once(&mut self) -> End {
        let mut lines = match self.open().await {
            Ok(lines) => lines,
            Err(error) => {
                let reason = format!("file cannot be read: {}: {error}", self.path.display());
                let hint = "check the path, and that this user may read it";
                return Ok(Err(settings(&self.terms, reason, hint)));
            }
        };
        let mut first = self.at.offset == 0;
        loop {
            let line = match lines.next().await.map(|line| line.or_else(|| lines.rest())) {
                Ok(Some(line)) => line,
                Ok(None) => break,
                Err(error) => return Ok(Err(self.unreadable(&error))),
            };
            if std::mem::take(&mut first) && begins_whole(&line.bytes) {
                match lines.whole(&line).await {
                    Ok(Some(payload)) => {
                        self.at.offset = u64::try_from(payload.len()).unwrap_or(u64::MAX);
                        self.gathering.push(payload);
                    }
                    Ok(None) => return Ok(Err(too_large(&self.terms))),
                    Err(error) => return Ok(Err(self.unreadable(&error))),
                }
                break;
            }
            self.push(line).await?;
        }
        self.send().await?;
        let committed = self.outlet.committed(self.last.take()).await?;
        Ok(if committed { Ok(()) } else { Err(self.failed("the file ended before all of it was committed")) })
    }

    /// Reads lines as they are added, and goes on with the next file when this one is replaced or begun anew.
    async fn follow(&mut self) -> End {
        loop {
            match self.open().await {
                Ok(mut lines) => {
                    self.retry.worked();
                    self.follow_one(&mut lines).await?;
                }
                Err(error) => self.wait_for_file(&error).await?,
            }
        }
    }

    async fn wait_for_file(&mut self, error: &std::io::Error) -> Result<(), Stopped> {
        let text = format!("{}: {error}", self.path.display());
        self.retry.note(&Failure::new("unreadable", &text, "check the path, and that this user may read it"));
        self.outlet.wait(FILE_POLL).await
    }

    /// Reads one file until another takes its place, or it is begun anew.
    async fn follow_one(&mut self, lines: &mut Lines<BufReader<File>>) -> Result<(), Stopped> {
        loop {
            match lines.next().await {
                Ok(Some(line)) => {
                    self.push(line).await?;
                    continue;
                }
                Ok(None) => self.send().await?,
                Err(error) => {
                    self.send().await?;
                    return self.wait_for_file(&error).await;
                }
            }
            self.outlet.heard();
            match self.succession().await {
                Succession::Same => self.outlet.wait(FILE_POLL).await?,
                Succession::Shorter => {
                    tracing::info!(source = %self.terms.name, "file was cut short: reading it from the start");
                    self.at.offset = 0;
                    return Ok(());
                }
                Succession::Replaced => return self.finish(lines).await,
            }
        }
    }

    /// Reads what was still added to a file before another took its place.
    async fn finish(&mut self, lines: &mut Lines<BufReader<File>>) -> Result<(), Stopped> {
        while let Ok(Some(line)) = lines.next().await.map(|line| line.or_else(|| lines.rest())) {
            self.push(line).await?;
        }
        self.send().await?;
        tracing::info!(source = %self.terms.name, "file was replaced: going on with the new one");
        self.at = Position::default();
        Ok(())
    }

    /// What is found under the path, compared with what is being read.
    async fn succession(&self) -> Succession {
        match tokio::fs::metadata(&self.path).await {
            Ok(metadata) if metadata.ino() != self.at.inode => Succession::Replaced,
            Ok(metadata) if metadata.len() < self.at.offset => Succession::Shorter,
            // While a file is being replaced there is a moment without any.
            Ok(_) | Err(_) => Succession::Same,
        }
    }

    /// Opens the file where reading goes on: at the position, if it is still of this file, else at the start.
    async fn open(&mut self) -> std::io::Result<Lines<BufReader<File>>> {
        let (mut file, inode, length) = open(&self.path).await?;
        let part_of_archive = is_archive(&self.path) && self.at.offset != length;
        if self.at.inode != inode || self.at.offset > length || part_of_archive {
            if self.at.offset > 0 {
                let (path, offset) = (self.path.display(), self.at.offset);
                tracing::warn!(source = %self.terms.name, %path, offset, "file was replaced: it is read from its start");
            }
            self.at = Position { inode, offset: 0 };
        }
        file.seek(std::io::SeekFrom::Start(self.at.offset)).await?;
        Ok(Lines::new(BufReader::with_capacity(BUFFER_BYTES, file)))
    }

    async fn push(&mut self, line: Line) -> Result<(), Stopped> {
        let blank = line.bytes.trim_ascii().is_empty();
        if !blank && !self.gathering.fits(line.bytes.len()) {
            self.send().await?;
        }
        self.at.offset = self.at.offset.saturating_add(line.taken);
        if !blank {
            self.gathering.push(line.bytes);
        }
        Ok(())
    }

    async fn send(&mut self) -> Result<(), Stopped> {
        if self.gathering.is_empty() {
            return Ok(());
        }
        self.outlet.heard();
        let batch = self.outlet.batch(self.gathering.take(), Some(self.at.text()));
        self.last = Some(self.outlet.send_acknowledged(batch).await?);
        Ok(())
    }

    fn unreadable(&self, error: &std::io::Error) -> SourceError {
        self.failed(format!("file cannot be read: {}: {error}", self.path.display()))
    }

    fn failed(&self, reason: impl Into<String>) -> SourceError {
        SourceError::Unreachable { name: Arc::clone(&self.terms.name), reason: reason.into() }
    }
}

/// What has become of a followed file.
enum Succession {
    Same,
    Shorter,
    Replaced,
}

/// Whether a file is compressed, by its name.
fn is_archive(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "gz")
}

/// A file, its inode and its length.
async fn open(path: &Path) -> std::io::Result<(File, u64, u64)> {
    let file = File::open(path).await?;
    let metadata = file.metadata().await?;
    if metadata.is_dir() {
        return Err(std::io::Error::from(std::io::ErrorKind::IsADirectory));
    }
    Ok((file, metadata.ino(), metadata.len()))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::source::Batch;
    use crate::source::testing::{Bench, position, terms};

    fn start(path: &Path, follow: bool, bench: &mut Bench) -> tokio::task::JoinHandle<Result<(), SourceError>> {
        let source = FileSource::new(terms("file"), path.to_path_buf(), follow).expect("settings that work");
        tokio::spawn(Box::new(source).run(bench.context.take().expect("a context")))
    }

    async fn next(bench: &mut Bench) -> Batch {
        let limit = std::time::Duration::from_secs(20);
        tokio::time::timeout(limit, bench.batches.recv()).await.expect("in time").expect("a batch")
    }

    fn commit(batch: Batch) -> String {
        let _ = batch.acknowledgement.expect("is asked for").send(Committed::default());
        crate::source::testing::place(&batch.position).expect("files have positions")
    }

    fn append(path: &Path, text: &str) {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).expect("can be opened");
        file.write_all(text.as_bytes()).expect("can be written");
    }

    #[tokio::test]
    async fn goes_on_from_its_position_and_has_nothing_more_at_the_end() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("trail.ndjson");
        append(&path, "{\"a\":1}\n{\"b\":2}\n");
        let mut bench = Bench::new(4);
        let running = start(&path, false, &mut bench);
        let batch = next(&mut bench).await;
        assert_eq!(batch.payloads, ["{\"a\":1}", "{\"b\":2}"]);
        let at = commit(batch);
        running.await.expect("no panic").expect("a clean end");

        append(&path, "{\"c\":3}");
        let name = path.to_string_lossy().into_owned();
        let mut bench = Bench::resuming(4, [position("file", &name, &at)].into());
        let running = start(&path, false, &mut bench);
        let batch = next(&mut bench).await;
        assert_eq!(batch.payloads, ["{\"c\":3}"]);
        let at = commit(batch);
        running.await.expect("no panic").expect("a clean end");

        let mut bench = Bench::resuming(4, [position("file", &name, &at)].into());
        start(&path, false, &mut bench).await.expect("no panic").expect("a clean end");
        assert!(bench.batches.recv().await.is_none());
    }

    #[tokio::test]
    async fn follows_over_additions_truncation_and_rotation() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("trail.ndjson");
        let mut bench = Bench::new(4);
        let running = start(&path, true, &mut bench);
        append(&path, "{\"a\":1}\n{\"half\"");
        assert_eq!(next(&mut bench).await.payloads, ["{\"a\":1}"]);
        append(&path, ":2}\n");
        assert_eq!(next(&mut bench).await.payloads, ["{\"half\":2}"]);

        std::fs::write(&path, "{\"cut\":1}\n").expect("can be written");
        assert_eq!(next(&mut bench).await.payloads, ["{\"cut\":1}"]);

        append(&path, "{\"last\"");
        std::fs::rename(&path, directory.path().join("trail.1")).expect("can be renamed");
        append(&directory.path().join("trail.1"), ":1}");
        append(&path, "{\"new\":1}\n");
        assert_eq!(next(&mut bench).await.payloads, ["{\"last\":1}"]);
        assert_eq!(next(&mut bench).await.payloads, ["{\"new\":1}"]);
        bench.stop.send(true).expect("is listened to");
        running.await.expect("no panic").expect("a clean end");
    }

    #[tokio::test]
    async fn documents_and_archives_are_one_payload_and_too_large_ones_a_clear_error() {
        let directory = tempfile::tempdir().expect("a directory");
        let most = trailbrake_detectors::limits::PAYLOAD_BYTES_MAX;
        let archive = [&[0x1f, 0x8b, 8, b'\n'][..], b"not lines\n"].concat();
        for (name, content) in [("a.json", b"{\"Records\":[\n{}]}\n".to_vec()), ("a.json.gz", archive)] {
            let path = directory.path().join(name);
            std::fs::write(&path, &content).expect("can be written");
            let mut bench = Bench::new(4);
            let running = start(&path, false, &mut bench);
            let batch = next(&mut bench).await;
            assert_eq!(batch.payloads, [content]);
            assert!(commit(batch).ends_with(&format!(":{}", std::fs::metadata(&path).expect("is there").len())));
            running.await.expect("no panic").expect("a clean end");
        }
        let path = directory.path().join("large.json");
        std::fs::write(&path, [b"[\n".to_vec(), vec![b' '; most]].concat()).expect("can be written");
        let end = start(&path, false, &mut Bench::new(4)).await.expect("no panic");
        let text = end.expect_err("is too large").to_string();
        assert!(text.contains("larger than") && text.contains("hint: "), "{text}");
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_a_clear_error() {
        let directory = tempfile::tempdir().expect("a directory");
        for path in [directory.path().join("missing"), directory.path().to_path_buf()] {
            let end = start(&path, false, &mut Bench::new(4)).await.expect("no panic");
            let text = end.expect_err("cannot be read").to_string();
            assert!(text.contains("file cannot be read") && text.contains("hint: "), "{text}");
        }
        assert!(FileSource::new(terms("file"), PathBuf::from("a.json.gz"), true).is_err());
        assert_eq!(Position::parse("7:12").map(Position::text), Some("7:12".to_owned()));
        assert_eq!(Position::parse("nonsense"), None);
    }
}
