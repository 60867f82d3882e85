//! A trail that was stopped, as the daemon sees it through CloudTrail's own API: an incident without a principal that
//! pages, and ends when the trail runs again. What LookupEvents tells meanwhile is neither lost nor repeated.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::support::cloudtrail_fake::{CloudTrailFake, FakeEvent};
use crate::support::daemon::{Daemon, Surroundings};
use crate::support::emulator::credentials;
use crate::support::eventually;
use crate::support::pager::Pager;
use crate::support::query::Query;

const PATIENCE: Duration = Duration::from_secs(60);
/// Two full pages and a little.
const EVENTS: usize = 120;

#[test]
fn a_stopped_trail_is_an_incident() {
    tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
        let now = crate::support::now().0 / 1_000;
        let fake = CloudTrailFake::start(now).await;
        for number in 0..EVENTS {
            fake.put(FakeEvent::write(format!("early-{number}"), now - 60 - number as i64 / 10), Duration::ZERO);
        }
        // Events become visible late, and out of their order.
        fake.put(FakeEvent::write("late", now - 30), Duration::from_secs(6));
        let source = format!(
            "[sources.lookup.cloudtrail]\nregion = \"us-east-1\"\nendpoint = \"{}\"\ntrail = \"main\"\n\
             poll_interval_seconds = 1\nwatch_interval_seconds = 10\n",
            fake.endpoint()
        );
        let folder = tempfile::tempdir().expect("a folder");
        let pager = Pager::start().await;
        let hook = Query::new("http://127.0.0.1:9", credentials("test", "test", None));
        let iam = "http://127.0.0.1:9";
        let daemon =
            Daemon::start(folder.path(), &Surroundings { source, pager: &pager, alertmanager: None, iam, hook: &hook })
                .await;
        eventually("all events are judged", PATIENCE, async || {
            (columns(&daemon.metrics().await)["judged"] == EVENTS as f64 + 1.0).then_some(())
        })
        .await;
        assert!(blind(&daemon).is_none(), "the trail is well");

        fake.stop_logging();
        let incident = eventually("a blind incident", PATIENCE, async || blind(&daemon)).await;
        assert_eq!(incident["incident"]["severity"], "high", "{incident}");
        assert_eq!(incident["incident"]["principal"], Value::Null, "{incident}");
        assert_eq!(incident["pauses"], serde_json::json!([]), "{incident}");
        eventually("a page about it", PATIENCE, async || about_blind(&pager, "trigger")).await;
        fake.start_logging();
        eventually("the page is resolved", PATIENCE, async || about_blind(&pager, "resolve")).await;

        let columns = columns(&daemon.metrics().await);
        assert_eq!(columns["judged"], EVENTS as f64 + 1.0, "nothing is lost: {columns:?}");
        assert_eq!(columns["duplicate"], 0.0, "nothing is repeated: {columns:?}");
        let most = fake.most_lookups_within(Duration::from_secs(5));
        assert!(most <= 11, "{most} lookups within 5 seconds");
        assert!(daemon.stop().await.success());
    });
}

fn blind(daemon: &Daemon) -> Option<Value> {
    let is_blind = |incident: &Value| incident["incident"]["detectors"] == serde_json::json!(["blind"]);
    daemon.incidents().into_iter().find(is_blind)
}

fn about_blind(pager: &Pager, action: &str) -> Option<()> {
    let taken = pager.taken();
    let triggers = taken.iter().filter(|event| event["event_action"] == "trigger");
    let key =
        triggers.filter(|event| event.to_string().contains("\"blind\"")).map(|event| &event["dedup_key"]).next()?;
    taken.iter().any(|event| event["event_action"] == action && event["dedup_key"] == *key).then_some(())
}

/// Records by the column that they ended in.
fn columns(metrics: &str) -> BTreeMap<String, f64> {
    let samples = metrics.lines().filter_map(|line| line.strip_prefix("trailbrake_records_total{column=\""));
    let parts = samples.filter_map(|rest| Some((rest.split_once('"')?.0.to_owned(), rest.rsplit_once(' ')?.1)));
    let known = ["judged", "duplicate"].map(|column| (column.to_owned(), 0.0));
    known.into_iter().chain(parts.map(|(column, value)| (column, value.parse().expect("a number")))).collect()
}
