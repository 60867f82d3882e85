//! The Kinesis source against a server that splits, throttles and forgets iterators as the real one does.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use bytes::Bytes;
use serde_json::{Value, json};

use super::*;
use crate::journal::Positions;
use crate::source::aws::test_config;
use crate::source::testing::{Bench, place, position, terms};

const LIMIT: Duration = Duration::from_secs(30);

/// A stream whose shard `p` was split into `l` and `r`. A record's number is its place in its shard, from 1.
#[derive(Default)]
struct Stream {
    records: BTreeMap<&'static str, Vec<Vec<u8>>>,
    closed: Vec<&'static str>,
    failing: Vec<&'static str>,
    reads: usize,
    iterators: usize,
    missing: bool,
}

type Server = Arc<Mutex<Stream>>;

async fn serve(stream: Stream) -> (Server, String) {
    let server = Arc::new(Mutex::new(stream));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let endpoint = format!("http://{}", listener.local_addr().expect("is bound"));
    let router = Router::new().fallback(answer).with_state(Arc::clone(&server));
    tokio::spawn(async move { axum::serve(listener, router).await.expect("serves") });
    (server, endpoint)
}

async fn answer(State(server): State<Server>, headers: HeaderMap, body: axum::body::Bytes) -> Response {
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut stream = server.lock().expect("no panic");
    let (status, answer) = match target.rsplit('.').next().unwrap_or_default() {
        _ if stream.missing => refuse("ResourceNotFoundException"),
        "ListShards" => (StatusCode::OK, list(&stream, request["NextToken"].as_str())),
        "GetShardIterator" => {
            stream.iterators += 1;
            iterator(&stream, &request)
        }
        "GetRecords" => {
            stream.reads += 1;
            records(&mut stream, request["ShardIterator"].as_str().unwrap_or_default())
        }
        _ => refuse("UnknownOperationException"),
    };
    (status, [(header::CONTENT_TYPE, "application/x-amz-json-1.1")], answer.to_string()).into_response()
}

fn refuse(code: &str) -> (StatusCode, Value) {
    (StatusCode::BAD_REQUEST, json!({"__type": code, "message": "refused"}))
}

/// One shard on each page.
fn list(stream: &Stream, token: Option<&str>) -> Value {
    let page: usize = token.and_then(|token| token.parse().ok()).unwrap_or(0);
    let ids: Vec<_> = stream.records.keys().collect();
    let shard = |id: &str| {
        let closed = stream.closed.contains(&id);
        json!({"ShardId": id, "ParentShardId": (id != "p").then_some("p"),
            "HashKeyRange": {"StartingHashKey": "0", "EndingHashKey": "1"},
            "SequenceNumberRange": {"StartingSequenceNumber": "0", "EndingSequenceNumber": closed.then_some("9")}})
    };
    let next = (page + 1 < ids.len()).then(|| (page + 1).to_string());
    json!({"Shards": ids.get(page).map(|id| shard(id)).into_iter().collect::<Vec<_>>(), "NextToken": next})
}

fn iterator(stream: &Stream, request: &Value) -> (StatusCode, Value) {
    let id = request["ShardId"].as_str().unwrap_or_default();
    let known = stream.records[id].len();
    let next = match request["ShardIteratorType"].as_str() {
        Some("TRIM_HORIZON") => Some(0),
        Some("AT_TIMESTAMP") => Some(known),
        Some("AFTER_SEQUENCE_NUMBER") => {
            request["StartingSequenceNumber"].as_str().and_then(|number| number.parse().ok()).filter(|at| *at <= known)
        }
        _ => None,
    };
    match next {
        Some(next) => (StatusCode::OK, json!({"ShardIterator": format!("{id}:{next}")})),
        None => refuse("InvalidArgumentException"),
    }
}

/// Two records at a time.
fn records(stream: &mut Stream, iterator: &str) -> (StatusCode, Value) {
    if let Some(code) = stream.failing.pop() {
        return refuse(code);
    }
    let (id, next) = iterator.split_once(':').expect("one of ours");
    let next: usize = next.parse().expect("one of ours");
    let all = &stream.records[id];
    let end = (next + 2).min(all.len());
    let records: Vec<Value> = (next..end)
        .map(|at| {
            let data = base64::engine::general_purpose::STANDARD.encode(&all[at]);
            json!({"SequenceNumber": (at + 1).to_string(), "Data": data, "PartitionKey": "k"})
        })
        .collect();
    let over = end == all.len() && stream.closed.contains(&id);
    let behind = if end == all.len() { 0 } else { 1_500 };
    let next = (!over).then(|| format!("{id}:{end}"));
    (StatusCode::OK, json!({"Records": records, "NextShardIterator": next, "MillisBehindLatest": behind}))
}

fn text(payloads: &[&str]) -> Vec<Vec<u8>> {
    payloads.iter().map(|payload| payload.as_bytes().to_vec()).collect()
}

/// Reads until so many payloads have come, or the source ended; what came of each shard, and the last positions.
async fn read(
    endpoint: &str,
    start: Start,
    kept: Positions,
    payloads: usize,
) -> (BTreeMap<String, Vec<Bytes>>, Positions) {
    let mut bench = Bench::resuming(8, kept.clone());
    let remote = Remote { region: "us-east-1".to_owned(), endpoint: None };
    let interval = Duration::from_millis(50);
    let source = KinesisSource::new(terms("events"), "trail".to_owned(), remote, start, interval);
    let client = Client::new(&test_config(endpoint).await);
    let running = tokio::spawn(source.run_with(client, bench.context.take().expect("a context")));
    let (mut found, mut kept, mut count) = (BTreeMap::<String, Vec<Bytes>>::new(), kept, 0);
    while count < payloads {
        let batch = tokio::time::timeout(LIMIT, bench.batches.recv()).await.expect("in time").expect("a batch");
        count += batch.payloads.len();
        kept.insert(batch.partition.clone(), place(&batch.position).expect("shards have positions"));
        found.entry(batch.partition.name.to_string()).or_default().extend(batch.payloads);
    }
    // What says that a shard has ended may come after its last record.
    while let Ok(Some(batch)) = tokio::time::timeout(Duration::from_millis(600), bench.batches.recv()).await {
        assert!(batch.payloads.is_empty(), "{batch:?}");
        kept.insert(batch.partition.clone(), place(&batch.position).expect("shards have positions"));
    }
    bench.stop.send(true).expect("is listened to");
    running.await.expect("no panic").expect("a clean end");
    (found, kept)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_split_is_followed_through_throttling_and_lost_iterators_and_a_restart_repeats_nothing() {
    let stream = Stream {
        records: BTreeMap::from([
            ("p", text(&["p1", "p2", "p3", "", "p5"])),
            ("l", text(&["l1"])),
            ("r", text(&["r1", "r2", "r3"])),
        ]),
        closed: vec!["p"],
        failing: vec!["ExpiredIteratorException", "ProvisionedThroughputExceededException", "InternalFailure"],
        ..Stream::default()
    };
    let (server, endpoint) = serve(stream).await;
    let (found, kept) = read(&endpoint, Start::Oldest, Positions::new(), 9).await;
    assert_eq!(found["trail/p"], ["p1", "p2", "p3", "", "p5"]);
    assert_eq!(found["trail/l"], ["l1"]);
    assert_eq!(found["trail/r"], ["r1", "r2", "r3"]);
    let expected = [("trail/l", "1"), ("trail/p", "end"), ("trail/r", "3")];
    assert_eq!(kept, expected.map(|(name, at)| position("events", name, at)).into());
    assert!(server.lock().expect("no panic").iterators > 3, "a lost iterator is renewed");

    server.lock().expect("no panic").records.get_mut("l").expect("is there").push(b"l2".to_vec());
    let (found, kept) = read(&endpoint, Start::Oldest, kept, 1).await;
    assert_eq!(found, BTreeMap::from([("trail/l".to_owned(), vec![Bytes::from("l2")])]));
    assert_eq!(kept.get(&position("events", "trail/l", "2").0).map(String::as_str), Some("2"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn latest_is_kept_at_once_and_a_number_that_is_not_known_begins_anew() {
    let records = BTreeMap::from([("p", text(&["old"])), ("l", text(&["x", "y"]))]);
    let (_server, endpoint) = serve(Stream { records, closed: vec!["p"], ..Stream::default() }).await;
    let (found, kept) = read(&endpoint, Start::Latest, Positions::new(), 0).await;
    assert!(found.is_empty());
    let at = kept.values().next().expect("the open shard");
    assert!(kept.len() == 1 && at.starts_with("at:"), "{kept:?}");

    let kept = [position("events", "trail/l", "77")].into();
    let (found, kept) = read(&endpoint, Start::Latest, kept, 2).await;
    assert_eq!(found, BTreeMap::from([("trail/l".to_owned(), vec![Bytes::from("x"), Bytes::from("y")])]));
    assert_eq!(kept.get(&position("events", "trail/l", "2").0).map(String::as_str), Some("2"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_does_not_exist_is_a_clear_error() {
    let (_server, endpoint) = serve(Stream { missing: true, ..Stream::default() }).await;
    let remote = Remote { region: "us-east-1".to_owned(), endpoint: None };
    let source = KinesisSource::new(terms("events"), "trail".to_owned(), remote, Start::Oldest, LIMIT);
    let mut bench = Bench::new(1);
    let client = Client::new(&test_config(&endpoint).await);
    let end = source.run_with(client, bench.context.take().expect("a context")).await;
    let text = end.expect_err("there is no stream").to_string();
    assert_eq!(
        text,
        "source events: stream does not exist: trail in us-east-1\nhint: check the stream's name and its region"
    );
}
