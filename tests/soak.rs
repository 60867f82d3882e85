//! Twelve hours of an organisation, squeezed into a minute: memory stays flat, queues empty, the journal within its bound.
//! The daemon's wall clock is made to run as fast, by libfaketime; what it waits for it waits for in real time.
//!
//! It needs the machine for itself: `cargo test --profile ci --locked --test it -- --ignored --nocapture soak`.
//! `TRAILBRAKE_LOAD=full` has five times as many principals, in ten minutes.

use std::time::Duration;

use rusqlite::Connection;
use tokio::time::Instant;
use trailbrake_detectors::scenario::{Options, stream};
use trailbrake_detectors::time::Second;

use crate::support::fast_clock::fast_clock;
use crate::support::namespace::note;
use crate::support::pager::Pager;
use crate::support::plain::{Plain, Told};
use crate::support::server::in_place;
use crate::support::{eventually, now, web};

/// How long the organisation is watched.
const SPAN_SECONDS: i64 = 12 * 60 * 60;
/// Records of one request.
const PER_REQUEST: usize = 100;
/// How often is looked at the daemon, at most.
const LOOK: Duration = Duration::from_millis(500);
/// How much more memory the last third may take than the middle one: allocators do not give all back.
const GROWTH_BYTES: u64 = 32 << 20;
/// A record comes so long after it happened, as the daemon's clock has it.
const DELIVERY_SECONDS: i64 = 120;
/// How long the queues take to be empty, at most.
const PATIENCE: Duration = Duration::from_secs(20);

/// What was seen at one moment.
#[derive(Clone, Copy, Debug)]
struct Seen {
    /// Of the time, from 0 to 1.
    at: f64,
    resident_bytes: u64,
    waiting: f64,
    journal_bytes: u64,
}

#[test]
#[ignore = "needs the machine for itself: see .ci/run"]
fn twelve_hours_in_a_minute() {
    if !in_place("twelve_hours_in_a_minute", &["faketime"]) {
        return;
    }
    let is_full = std::env::var("TRAILBRAKE_LOAD").is_ok_and(|form| form == "full");
    let (principals, takes) = if is_full { (250, Duration::from_secs(600)) } else { (50, Duration::from_secs(60)) };
    tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let pager = Pager::start().await;
        let told = Told { pagerduty: Some(pager.endpoint()), ..Told::default() };
        let begin = now().second().plus(-SPAN_SECONDS);
        let mut daemon =
            Plain::start_in(folder.path(), &told, fast_clock(begin, SPAN_SECONDS as f64 / takes.as_secs_f64()));
        let start = Instant::now();
        daemon.until_there().await;
        let (sent, seen) = squeeze(&daemon, principals, begin, start, takes).await;
        let took = start.elapsed();
        let empty = async || (waiting(&daemon.metrics().await) < 1.0).then_some(());
        eventually("the queues are empty", PATIENCE, empty).await;
        let accounts = daemon.accounts("post").await;
        accounts.assert_add_up();
        assert_eq!(accounts.of("received"), sent, "{accounts:?}");
        assert_eq!(accounts.of("rejected"), 0, "{accounts:?}");
        note(&format!(
            "soak: {principals} principals, 12 h in {:.0} s: {sent} records, {} kept facts, {} pages",
            took.as_secs_f64(),
            accounts.kept(),
            pager.pages().len()
        ));
        daemon.stop().await;
        assert_flat(&seen);
        assert_bounded(&daemon, accounts.kept());
    });
}

/// Posts all that happens, each record at its time's part of the whole; looks at the daemon meanwhile.
async fn squeeze(daemon: &Plain, principals: u32, begin: Second, start: Instant, takes: Duration) -> (u64, Vec<Seen>) {
    let options = Options { principals, rate: 5.0, duration_seconds: SPAN_SECONDS, ..Options::new(1, begin) };
    let mut records = stream("organisation", &options).expect("a scenario").peekable();
    let (client, url) = (web::client(), daemon.events());
    let mut looked = None;
    let (mut sent, mut seen) = (0, Vec::new());
    while let Some(first) = records.peek() {
        #[expect(clippy::cast_precision_loss, reason = "a few hours in seconds")]
        let part = (first.time.0 + DELIVERY_SECONDS - begin.0) as f64 / SPAN_SECONDS as f64;
        tokio::time::sleep_until(start + takes.mul_f64(part.max(0.0))).await;
        let mut body = String::new();
        for record in records.by_ref().take(PER_REQUEST) {
            body.push_str(&record.json);
            body.push('\n');
            sent += 1;
        }
        let answer = client.post(&url).bearer_auth(&daemon.token).body(body).send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), 202);
        if looked.is_none_or(|at: Instant| at.elapsed() >= LOOK) {
            looked = Some(Instant::now());
            seen.push(look(daemon, part).await);
        }
    }
    (sent, seen)
}

async fn look(daemon: &Plain, at: f64) -> Seen {
    let journal = daemon.journal();
    let bytes = |path: &std::path::Path| std::fs::metadata(path).map_or(0, |found| found.len());
    Seen {
        at,
        resident_bytes: daemon.resident_bytes(),
        waiting: waiting(&daemon.metrics().await),
        journal_bytes: bytes(&journal) + bytes(&journal.with_extension("sqlite-wal")),
    }
}

/// What waits in all queues together.
fn waiting(metrics: &str) -> f64 {
    let samples = metrics.lines().filter(|line| line.starts_with("trailbrake_queue_length{"));
    samples.filter_map(|sample| sample.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
}

/// The last third takes no more than the one before it.
fn assert_flat(seen: &[Seen]) {
    let thirds = [0.0, 1.0, 2.0].map(|third| {
        let of = seen.iter().filter(|seen| (seen.at * 3.0).floor().clamp(0.0, 2.0) == third);
        of.copied().collect::<Vec<Seen>>()
    });
    let most = |third: &[Seen]| {
        let resident = third.iter().map(|seen| seen.resident_bytes).max().expect("something was seen");
        let journal = third.iter().map(|seen| seen.journal_bytes).max().expect("something was seen");
        let waiting = third.iter().map(|seen| seen.waiting).fold(0.0, f64::max);
        (resident, journal, waiting)
    };
    let [first, middle, last] = thirds.map(|third| most(&third));
    note(&format!(
        "soak: at most (bytes resident, bytes of journal, waiting) by thirds: {first:?} {middle:?} {last:?}"
    ));
    assert!(last.0 <= middle.0 + middle.0 / 4 + GROWTH_BYTES, "memory grows: {seen:#?}");
    assert!(last.2 <= middle.2 + 64.0, "queues grow: {seen:#?}");
}

/// Each fact is held or known as forgotten, and takes no more than its part of the file.
fn assert_bounded(daemon: &Plain, kept: u64) {
    let connection = Connection::open(daemon.journal()).expect("opens");
    let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("a count").unsigned_abs();
    let held = count("SELECT count(*) FROM rows WHERE name = 'fact'");
    let forgotten = count("SELECT count(*) FROM forgotten");
    let bytes = count("PRAGMA page_count") * count("PRAGMA page_size");
    let audit = count("SELECT count(*) FROM audit");
    note(&format!(
        "soak: journal of {bytes} bytes: {held} facts held, {forgotten} known as forgotten, {audit} audit entries"
    ));
    assert_eq!(held + forgotten, kept, "each fact is held, or known");
    assert!(forgotten > kept / 4, "most are forgotten: {forgotten} of {kept}");
    let bound = held * 4_096 + forgotten * 64 + audit * (8 << 10) + (1 << 20);
    assert!(bytes < bound, "{bytes} bytes of at most {bound}");
}
