//! What was judged yesterday and comes again today, after its facts were forgotten, is known and pages nobody.

use std::time::Duration;

use rusqlite::Connection;
use trailbrake_detectors::scenario::{Options, generate};
use trailbrake_detectors::time::Second;

use crate::support::fast_clock::fast_clock;
use crate::support::pager::Pager;
use crate::support::plain::{Plain, Told, sample};
use crate::support::server::in_place;
use crate::support::{eventually, now};

const PATIENCE: Duration = Duration::from_secs(40);
/// How much faster the daemon's clock runs: a day in 12 s.
const SPEED: f64 = 7_200.0;
const HOUR: i64 = 60 * 60;
const DAY: i64 = 24 * HOUR;

#[test]
fn what_was_judged_yesterday_pages_nobody_today() {
    if !in_place("what_was_judged_yesterday_pages_nobody_today", &["faketime"]) {
        return;
    }
    tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let pager = Pager::start().await;
        let told = Told { pagerduty: Some(pager.endpoint()), ..Told::default() };
        let clock = fast_clock(now().second().plus(-3 * DAY), SPEED);
        let daemon = Plain::start_in(folder.path(), &told, clock);
        daemon.until_there().await;
        let yesterday = trail(1, time(&daemon).await.plus(-HOUR / 2));
        assert!(take(&daemon, &yesterday).await > 0);
        eventually("a page", PATIENCE, async || (!pager.pages().is_empty()).then_some(())).await;
        let (incidents, over) = (daemon.incidents().await, time(&daemon).await);
        assert_eq!(incidents.len(), 1, "{incidents:?}");
        eventually("a day is over", PATIENCE, async || (time(&daemon).await >= over.plus(DAY)).then_some(())).await;
        let memory = daemon.get("/v1/status").await["memory"].clone();
        let before = memory["forgotten_before"].as_str().and_then(Second::parse).expect("a time");
        assert!(before > over && forgotten(&daemon) > 0, "{memory}");

        let told = pager.taken();
        assert_eq!(take(&daemon, &yesterday).await, 0, "nothing is judged again");
        // What comes when nothing is left that it could be judged with: judged once, and known from then on.
        let belated = trail(2, time(&daemon).await.plus(-10 * HOUR));
        assert!(take(&daemon, &belated).await > 0);
        assert_eq!(take(&daemon, &belated).await, 0, "nothing is judged again");
        // An order that was made would be sent within this time.
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(pager.taken(), told, "nobody is paged");
        let after = daemon.incidents().await;
        assert!(after.keys().eq(incidents.keys()), "{after:?}");
    });
}

/// Posts records, and says how many of them went into the judgement. Each of the others is known.
async fn take(daemon: &Plain, records: &str) -> u64 {
    let before = daemon.accounts("post").await;
    assert_eq!(daemon.post(records.to_owned()).await, 202);
    let after = daemon.accounts("post").await;
    after.assert_add_up();
    let more = |column: &str| after.of(column) - before.of(column);
    let kept = after.kept() - before.kept();
    assert_eq!(more("received"), kept + more("duplicate") + more("ignored"), "{after:?}");
    assert_eq!(kept == 0, more("duplicate") > 0, "{before:?} {after:?}");
    kept
}

/// What the daemon's clock says.
async fn time(daemon: &Plain) -> Second {
    let seconds = sample(&daemon.metrics().await, "trailbrake_heartbeat_timestamp_seconds").expect("a time");
    #[expect(clippy::cast_possible_truncation, reason = "whole seconds of this century")]
    Second(seconds as i64)
}

/// How many facts are known as forgotten.
fn forgotten(daemon: &Plain) -> u64 {
    let connection = Connection::open(daemon.journal()).expect("opens");
    connection
        .query_row("SELECT count(*) FROM forgotten", [], |row| row.get::<_, i64>(0))
        .expect("a count")
        .unsigned_abs()
}

fn trail(seed: u64, start: Second) -> String {
    let records = generate("agent-rebuild", &Options::new(seed, start)).expect("a scenario");
    records.iter().map(|record| record.json.as_str()).collect::<Vec<_>>().join("\n")
}
