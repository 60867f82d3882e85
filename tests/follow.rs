//! A directory that files of a trail are copied into, followed by the built program that pages: kill -9 in the middle of an
//! incident, and the incident goes on.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use trailbrake_detectors::scenario::{Options, Record, generate};

use crate::support::pager::Pager;
use crate::support::plain::{Plain, Told, sample};
use crate::support::{eventually, now};

const PATIENCE: Duration = Duration::from_secs(60);
/// Records of one file.
const RECORDS: usize = 20;

#[test]
fn a_directory_is_followed_over_a_kill_and_its_incident_goes_on() {
    tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let trail = folder.path().join("AWSLogs");
        fs::create_dir(&trail).expect("a folder");
        let pager = Pager::start().await;
        let source = format!("[sources.files.file]\npath = \"{}\"\nfollow = true\n", trail.display());
        let told = Told { pagerduty: Some(pager.endpoint()), more: source, ..Told::default() };
        let mut daemon = Plain::start(folder.path(), &told).await;

        let start = now().second().plus(-20 * 60);
        let mut records = generate("agent-rebuild", &Options::new(7, start)).expect("a scenario");
        // What has yet to happen is in no file.
        records.retain(|record| record.time.millis() < now());
        let files: Vec<&[Record]> = records.chunks(RECORDS).collect();
        let mut written = 0;
        for file in &files {
            write(&trail, written, file);
            written += 1;
            judged(&daemon, records.len().min(written * RECORDS)).await;
            if !pager.pages().is_empty() {
                break;
            }
        }
        assert!(written + 2 < files.len(), "it paged at the end only");
        let open = incidents(&daemon).await;
        assert_eq!(open.len(), 1, "{open:?}");

        // One more file has arrived when it is killed, and others come while it is down.
        write(&trail, written, files[written]);
        daemon.kill();
        for (number, file) in files.iter().enumerate().skip(written + 1) {
            write(&trail, number, file);
        }
        // What is being copied has another name.
        fs::write(trail.join("half.json.gz.AbCd1234"), b"half").expect("a file");
        daemon.spawn();
        daemon.until_ready().await;
        judged(&daemon, records.len()).await;
        tokio::time::sleep(Duration::from_secs(3)).await;

        let accounts = daemon.accounts("files").await;
        accounts.assert_add_up();
        assert_eq!(accounts.of("received"), records.len() as u64, "nothing is read twice: {accounts:?}");
        assert_eq!(accounts.of("duplicate") + accounts.of("rejected"), 0, "{accounts:?}");
        assert_eq!(incidents(&daemon).await, open, "it is the same incident");
        assert_eq!(pager.pages().len(), 1, "one page: {:?}", pager.pages());
        assert_eq!(pager.refused(), Vec::<String>::new());

        // A directory that is away is told.
        let blind = "trailbrake_source_blind{source=\"files\"}";
        assert_eq!(sample(&daemon.metrics().await, blind), Some(0.0));
        fs::rename(&trail, folder.path().join("away")).expect("can be renamed");
        eventually("it is blind", PATIENCE, async || (pager.pages().len() == 2).then_some(())).await;
        assert_eq!(sample(&daemon.metrics().await, blind), Some(1.0));
        let status = daemon.get("/v1/status").await;
        let trouble = status["sources"]["files"]["trouble"].as_str().expect("trouble").to_owned();
        assert!(trouble.contains("AWSLogs: no such file"), "{trouble}");
        fs::rename(folder.path().join("away"), &trail).expect("can be renamed");
        eventually("it sees again", PATIENCE, async || {
            (sample(&daemon.metrics().await, blind) == Some(0.0)).then_some(())
        })
        .await;
        assert_eq!(daemon.accounts("files").await.of("received"), records.len() as u64, "nothing is read twice");
        daemon.stop().await;
    });
}

/// Writes a file as CloudTrail does, and gives it its name once it is whole.
fn write(trail: &Path, number: usize, records: &[Record]) {
    let records: Vec<&str> = records.iter().map(|record| record.json.as_str()).collect();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    write!(encoder, "{{\"Records\":[{}]}}", records.join(",")).expect("memory");
    let day = trail.join("123456789012/CloudTrail/eu-west-1/2026/01/05");
    fs::create_dir_all(&day).expect("folders");
    let name = day.join(format!("123456789012_CloudTrail_eu-west-1_{number:04}.json.gz"));
    let part = name.with_extension("gz.part");
    fs::write(&part, encoder.finish().expect("memory")).expect("a file");
    fs::rename(part, name).expect("its name");
}

/// Waits until so many records were received from the directory.
async fn judged(daemon: &Plain, records: usize) {
    eventually("all records are judged", PATIENCE, async || {
        (daemon.accounts("files").await.of("received") >= records as u64).then_some(())
    })
    .await;
}

async fn incidents(daemon: &Plain) -> Vec<String> {
    let answer = daemon.get("/v1/incidents").await;
    let all = answer["incidents"].as_array().expect("a list").clone();
    let mut ids: Vec<String> =
        all.iter().map(|one| one["incident"]["id"].as_str().expect("an id").to_owned()).collect();
    ids.sort();
    ids
}
