//! The same load while a directory of old files is caught up and a receiver is dead: what is slow or gone holds up nothing else.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use trailbrake_detectors::scenario::{Options, stream};

use super::mix::{Mix, dated};
use super::open_loop::Plan;
use super::orders::call;
use super::{PER_REQUEST, RATE, is_full, measure, runtime};
use crate::support::namespace::note;
use crate::support::plain::{Plain, Told};
use crate::support::server::free_port;
use crate::support::{eventually, now};

/// Old files, and the records of each.
const FILES: usize = 100;
const RECORDS_PER_FILE: usize = 2_500;
/// How long ago the oldest record happened.
const AGO_SECONDS: i64 = 3 * 60 * 60;
const PATIENCE: Duration = Duration::from_secs(120);

#[test]
#[ignore = "needs the machine for itself: see .ci/run"]
fn while_old_files_are_caught_up_and_a_receiver_is_dead() {
    let plan = Plan { records_per_second: RATE, per_request: PER_REQUEST, seconds: if is_full() { 60 } else { 20 } };
    let mut mix = Mix::of(plan.records(), 2);
    runtime().block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let (staged, old) = (folder.path().join("staged"), folder.path().join("old"));
        for path in [&staged, &old] {
            fs::create_dir(path).expect("a folder");
        }
        write(&staged);
        let told = Told {
            webhook: Some(format!("http://127.0.0.1:{}/", free_port())),
            more: format!("[sources.old.file]\npath = \"{}\"\nfollow = true\n", old.display()),
            ..Told::default()
        };
        let daemon = Plain::start(folder.path(), &told).await;
        // What the receiver is to be told of.
        let (_, json) = call(3).expect("a call");
        assert_eq!(daemon.post(dated(&json, Duration::from_secs(1))).await, 202);
        let mut sent = daemon.accounts("post").await.of("received");

        fs::rename(&staged, old.join("day")).expect("in one file system");
        let begin = Instant::now();
        let caught_up = async {
            let all = (FILES * RECORDS_PER_FILE) as u64;
            let is_read = async || (daemon.accounts("old").await.of("received") >= all).then_some(());
            eventually("the old files are read", PATIENCE, is_read).await;
            begin.elapsed()
        };
        let (took, _) = tokio::join!(caught_up, measure(&daemon, &mut mix, "catching up", plan, &mut sent));
        let accounts = daemon.accounts("old").await;
        accounts.assert_add_up();
        assert_eq!(accounts.of("rejected"), 0, "{accounts:?}");
        let receiver = daemon.get("/v1/status").await["receivers"]["program"].clone();
        assert!(receiver["waiting"].as_u64() > Some(0), "nothing waits for the dead receiver: {receiver}");
        note(&format!(
            "load: meanwhile {} records of {FILES} old files were caught up in {:.1} s ({} kept facts); {} orders wait for the \
             dead receiver",
            accounts.of("received"),
            took.as_secs_f64(),
            accounts.kept(),
            receiver["waiting"],
        ));
    });
}

/// Writes what an organisation did hours ago.
fn write(directory: &Path) {
    let begin = now().second().plus(-AGO_SECONDS);
    let options = Options { principals: 4_000, rate: 5.0, duration_seconds: AGO_SECONDS / 2, ..Options::new(9, begin) };
    let mut records = stream("organisation", &options).expect("a scenario");
    for number in 0..FILES {
        let file = File::create(directory.join(format!("trail-{number:03}.json.gz"))).expect("a file");
        let mut file = GzEncoder::new(file, Compression::fast());
        let mut written = 0;
        for record in records.by_ref().take(RECORDS_PER_FILE) {
            file.write_all(record.json.as_bytes()).and_then(|()| file.write_all(b"\n")).expect("written");
            written += 1;
        }
        assert_eq!(written, RECORDS_PER_FILE, "the organisation does too little");
        file.finish().expect("written");
    }
}
