//! From the receipt of what opens an incident to its page at the receiver, over incidents of a thousand actors.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;
use trailbrake_detectors::scenario::{Options, stream};

use super::mix::dated;
use super::{TARGET, histogram, quantiles, runtime};
use crate::support::namespace::note;
use crate::support::plain::{Plain, Told};
use crate::support::receiver::Receiver;
use crate::support::{now, web};

/// Actors, each with an incident of its own.
const ACTORS: u64 = 1_000;
/// Incidents a second.
const RATE: u32 = 50;
const PATIENCE: Duration = Duration::from_secs(60);

/// One call that terminates thirty instances: who makes it, and its record.
pub(super) fn call(seed: u64) -> Option<(String, String)> {
    let options = Options::new(seed, now().second());
    let mut records = stream("batch-terminate", &options).expect("a scenario");
    let terminates = |json: &str| json.contains("\"TerminateInstances\"") && !json.contains("\"errorCode\"");
    let record = records.find(|record| record.destructive && terminates(&record.json))?;
    Some((record.entity, record.json))
}

/// Such a call of each of the actors.
fn calls() -> BTreeMap<String, String> {
    let mut calls = BTreeMap::new();
    for (entity, json) in (0..ACTORS * 2).filter_map(call) {
        calls.entry(entity).or_insert(json);
        if calls.len() as u64 == ACTORS {
            return calls;
        }
    }
    panic!("only {} actors", calls.len());
}

#[test]
#[ignore = "needs the machine for itself: see .ci/run"]
fn a_thousand_actors_are_told_of_one_by_one() {
    let calls = calls();
    runtime().block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let receiver = Receiver::start().await;
        let told = Told { webhook: Some(receiver.url()), ..Told::default() };
        let daemon = Plain::start(folder.path(), &told).await;
        let (client, url, token) = (web::client(), daemon.events(), daemon.token.clone());
        let start = Instant::now() + Duration::from_millis(100);
        let (mut intended, mut requests) = (BTreeMap::new(), JoinSet::new());
        for (number, (entity, json)) in (0..).zip(calls) {
            let at = start + Duration::from_secs(1) / RATE * number;
            tokio::time::sleep_until(at).await;
            intended.insert(entity, at);
            let request = client.post(&url).bearer_auth(&token).body(dated(&json, Duration::from_secs(1)));
            requests.spawn(async move { request.send().await.expect("an answer").status().as_u16() });
        }
        while let Some(status) = requests.join_next().await {
            assert_eq!(status.expect("is answered"), 202);
        }
        let opened = || {
            let taken = receiver.taken().into_iter();
            let opened = taken.filter(|(_, event)| event["type"] == "dev.trailbrake.incident.opened");
            opened.map(|(at, event)| (event["data"]["incident"]["principal"]["key"].as_str().map(str::to_owned), at))
        };
        let all = async || (opened().count() as u64 >= ACTORS).then_some(());
        let what = || {
            let kinds = receiver.taken().into_iter().map(|(_, event)| event["type"].to_string());
            kinds.fold(BTreeMap::<String, u64>::new(), |mut counts, kind| {
                *counts.entry(kind).or_default() += 1;
                counts
            })
        };
        let deadline = Instant::now() + PATIENCE;
        while all().await.is_none() {
            assert!(Instant::now() < deadline, "not all are told: {:?}", what());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let mut latencies = histogram();
        for (key, at) in opened() {
            let since = intended.remove(&key.expect("a principal")).expect("one incident of each actor");
            latencies.saturating_record(u64::try_from((at - since).as_micros()).unwrap_or(u64::MAX));
        }
        note(&format!(
            "load: orders: {ACTORS} incidents of as many actors, {RATE} a second: from the intended time of the request to the \
             receiver having the page: {} (target of commit and release: p99 {TARGET:?})",
            quantiles(&latencies)
        ));
        let accounts = daemon.accounts("post").await;
        accounts.assert_add_up();
        assert_eq!(accounts.kept(), ACTORS, "{accounts:?}");
    });
}
