//! The CloudTrail source against a server that behaves as CloudTrail does.

#![expect(clippy::print_stdout, reason = "a test tells its figures, or why it was skipped")]

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinHandle;
use trailbrake_detectors::engine::Watch;
use trailbrake_detectors::time::Second;

use self::fake::{CloudTrailFake, FakeEvent};
use super::*;
use crate::clock::{Clock, SystemClock};
use crate::source::aws;
use crate::source::testing::{Bench, place, position, terms};

#[path = "../../../tests/support/cloudtrail_fake.rs"]
#[allow(dead_code, unreachable_pub, missing_docs, clippy::cast_precision_loss, clippy::cast_possible_truncation)]
mod fake;

const LIMIT: Duration = Duration::from_secs(60);

async fn start(fake: &CloudTrailFake, bench: &mut Bench, trail: Option<&str>) -> JoinHandle<Result<(), SourceError>> {
    let remote = Remote { region: "us-east-1".to_owned(), endpoint: None };
    let lookups = Lookups { poll_interval: Duration::from_millis(100), overlap: Duration::from_secs(600) };
    let interval = Duration::from_millis(100);
    let watch = trail.map(|trail| TrailWatch { trail: trail.to_owned(), interval });
    let source = CloudTrailSource::new(terms("trail"), remote, lookups, watch);
    let client = Client::new(&aws::test_config(&fake.endpoint()).await);
    let context = bench.context.take().expect("a context");
    tokio::spawn(source.run_with(client, context))
}

/// Takes batches until so many records have come: their ids with how often each came, and the last position.
async fn take(bench: &mut Bench, records: usize) -> (BTreeMap<String, usize>, Vec<i64>, String) {
    let (mut ids, mut times, mut last) = (BTreeMap::new(), Vec::new(), String::new());
    while times.len() < records || last.is_empty() {
        let batch = tokio::time::timeout(LIMIT, bench.batches.recv()).await.expect("in time").expect("a batch");
        for payload in batch.payloads {
            let record: serde_json::Value = serde_json::from_slice(&payload).expect("a record");
            *ids.entry(record["eventID"].as_str().expect("an id").to_owned()).or_insert(0) += 1;
            times.push(Second::parse(record["eventTime"].as_str().expect("a time")).expect("a time").0);
        }
        last = place(&batch.position).expect("lookups have positions");
    }
    (ids, times, last)
}

/// Nothing but empty batches comes for a while.
async fn expect_nothing(bench: &mut Bench, span: Duration) {
    let end = tokio::time::Instant::now() + span;
    while let Ok(batch) = tokio::time::timeout_at(end, bench.batches.recv()).await {
        assert_eq!(batch.expect("a batch").payloads.len(), 0);
    }
}

async fn next_watch(bench: &mut Bench) -> Watch {
    tokio::time::timeout(LIMIT, bench.watches.recv()).await.expect("in time").expect("a watch")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lookups_lose_nothing_repeat_nothing_and_keep_within_two_requests_a_second() {
    let now = SystemClock.now().second().0;
    let fake = CloudTrailFake::start(now).await;
    // Three pages; twelve share each second, so that pages part in the middle of one.
    for number in 0..120 {
        fake.put(FakeEvent::write(format!("w{number:03}"), now - 300 + number / 12), Duration::ZERO);
    }
    fake.put(FakeEvent::read("assume", now - 200, "AssumeRole"), Duration::ZERO);
    fake.put(FakeEvent::read("describe", now - 200, "DescribeInstances"), Duration::ZERO);
    fake.put(FakeEvent::write("before the overlap", now - 700), Duration::ZERO);
    fake.put(FakeEvent::write("late", now - 250), Duration::from_secs(7));
    fake.fail_next("ThrottlingException");

    let mut bench = Bench::new(4);
    let running = start(&fake, &mut bench, None).await;
    let (ids, times, at) = take(&mut bench, 121).await;
    assert_eq!(ids.len(), 121, "{ids:?}");
    assert!(ids.contains_key("assume") && times.is_sorted());
    assert!(Second::parse(&at).expect("a time").0 >= now);

    let (ids, _, at) = take(&mut bench, 1).await;
    assert_eq!(ids.keys().collect::<Vec<_>>(), ["late"]);
    fake.put(FakeEvent::write("new", fake.now()), Duration::ZERO);
    assert!(take(&mut bench, 1).await.0.contains_key("new"));
    expect_nothing(&mut bench, Duration::from_secs(6)).await;
    bench.stop.send(true).expect("is listened to");
    running.await.expect("no panic").expect("a clean end");

    // A restart repeats the overlap, and nothing before it.
    let mut bench = Bench::resuming(4, [position("trail", "us-east-1", &at)].into());
    let running = start(&fake, &mut bench, None).await;
    let (ids, ..) = take(&mut bench, 123).await;
    assert!(ids.len() == 123 && !ids.contains_key("before the overlap"), "{ids:?}");
    running.abort();

    let (lookups, throttled) = (fake.lookups(), fake.throttled());
    let most = fake.most_lookups_within(Duration::from_secs(5));
    println!("{lookups} lookups, {throttled} throttled, at most {most} within 5 seconds");
    assert!(lookups > 20 && most <= 11 && throttled <= lookups / 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_or_narrowed_trail_is_trouble_until_it_is_well_again() {
    let fake = CloudTrailFake::start(SystemClock.now().second().0).await;
    let mut bench = Bench::new(1_024);
    let running = start(&fake, &mut bench, Some("main")).await;
    assert_eq!(next_watch(&mut bench).await.trouble, None, "it says at once that all is well");
    fake.stop_logging();
    let trouble = next_watch(&mut bench).await.trouble.expect("trouble");
    assert!(trouble.starts_with("trail main logs nothing since 20"), "{trouble}");
    fake.start_logging();
    assert_eq!(next_watch(&mut bench).await.trouble, None);
    fake.select(json!([{"ReadWriteType": "ReadOnly", "IncludeManagementEvents": true}]));
    let trouble = next_watch(&mut bench).await.trouble.expect("trouble");
    assert!(trouble.contains("no management events that write"), "{trouble}");
    fake.select(json!([{"ReadWriteType": "All", "IncludeManagementEvents": true}]));
    assert_eq!(next_watch(&mut bench).await.trouble, None);
    bench.stop.send(true).expect("is listened to");
    running.await.expect("no panic").expect("a clean end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trail_that_is_not_there_is_trouble_at_once() {
    let fake = CloudTrailFake::start(SystemClock.now().second().0).await;
    let mut bench = Bench::new(1_024);
    let running = start(&fake, &mut bench, Some("gone")).await;
    assert_eq!(next_watch(&mut bench).await.trouble.as_deref(), Some("trail gone does not exist"));
    running.abort();
}
