//! Tests of file sources over real files.

mod directory;
mod looks;
mod single;

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use tokio::task::JoinHandle;
use trailbrake_detectors::engine::Watch;

use super::*;
use crate::journal::Positions;
use crate::source::testing::{Bench, position, terms};
use crate::source::{Batch, Committed};

/// As it is, only faster.
fn fast() -> Manner {
    let spans = Spans { settled: Duration::from_millis(200), gone_kept: Duration::from_millis(300) };
    Manner {
        file_poll: Duration::from_millis(20),
        directory_poll: Duration::from_millis(20),
        trouble_after: Duration::from_millis(300),
        file_trouble_after: Duration::from_millis(300),
        spans,
        room: Room::default(),
    }
}

/// A source that runs, and what it said.
struct Run {
    bench: Bench,
    task: JoinHandle<Result<(), SourceError>>,
    positions: Positions,
}

impl Run {
    fn start(path: &Path, follow: bool, positions: Positions) -> Self {
        Self::with(path, follow, positions, fast())
    }

    fn with(path: &Path, follow: bool, positions: Positions, manner: Manner) -> Self {
        let mut bench = Bench::resuming(16, positions.clone());
        let source = FileSource::new(terms("file"), path.to_path_buf(), follow).expect("settings that work");
        let source = FileSource { manner, ..source };
        let task = tokio::spawn(Box::new(source).run(bench.context.take().expect("a context")));
        Self { bench, task, positions }
    }

    /// The next batch, which is durable from then on.
    async fn batch(&mut self) -> Batch {
        let limit = Duration::from_secs(20);
        let mut batch =
            tokio::time::timeout(limit, self.bench.batches.recv()).await.expect("in time").expect("a batch");
        let _ = batch.acknowledgement.take().expect("is asked for").send(Committed::default());
        let given = batch.position.clone().expect("files have positions");
        let (partition, at) = position("file", &given.name, given.at.as_deref().unwrap_or(""));
        match given.at {
            Some(_) => self.positions.insert(partition, at),
            None => self.positions.remove(&partition),
        };
        batch
    }

    /// The payloads of the next batch that has some.
    async fn payloads(&mut self) -> Vec<String> {
        loop {
            let batch = self.batch().await;
            if !batch.payloads.is_empty() {
                return batch.payloads.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect();
            }
        }
    }

    /// Nothing more comes for a while.
    async fn is_quiet(&mut self) {
        let more = tokio::time::timeout(Duration::from_millis(500), self.bench.batches.recv()).await;
        assert!(more.is_err(), "{more:?}");
    }

    /// What is said next of the source's health.
    async fn trouble(&mut self) -> Option<String> {
        let limit = Duration::from_secs(20);
        let watch: Watch =
            tokio::time::timeout(limit, self.bench.watches.recv()).await.expect("in time").expect("said");
        watch.trouble
    }

    /// Stops it, and gives the positions that are durable.
    async fn stop(self) -> Positions {
        self.bench.stop.send(true).expect("is listened to");
        self.task.await.expect("no panic").expect("a clean end");
        self.positions
    }
}

fn append(path: &Path, text: &str) {
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).expect("can be opened");
    file.write_all(text.as_bytes()).expect("can be written");
}

fn packed(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).expect("memory");
    encoder.finish().expect("memory")
}

/// Writes a file that was written so many seconds ago.
fn write_old(path: &Path, bytes: &[u8], seconds_ago: u64) {
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("can be made");
    std::fs::write(path, bytes).expect("can be written");
    let now = std::fs::metadata(path).expect("is there").modified().expect("a time");
    let file = std::fs::File::options().write(true).open(path).expect("opened");
    file.set_modified(now - Duration::from_secs(seconds_ago)).expect("can be set");
}

fn make_fifo(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status().expect("mkfifo");
    assert!(made.success());
}
