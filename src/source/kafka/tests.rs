//! Settings of the Kafka source, and its ways with librdkafka's own cluster for tests.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
use rdkafka::{Offset, TopicPartitionList};
use tokio::task::JoinHandle;

use super::*;
use crate::journal::Positions;
use crate::limits::KAFKA_COMMIT_INTERVAL;
use crate::source::testing::{Bench, place, position, terms};
use crate::source::{Batch, Committed};

const LIMIT: Duration = Duration::from_secs(60);

type Cluster = MockCluster<'static, DefaultProducerContext>;

fn cluster(partitions: i32) -> (Cluster, String) {
    let cluster = MockCluster::new(1).expect("starts");
    cluster.create_topic("trail", partitions, 1).expect("can be made");
    let brokers = cluster.bootstrap_servers();
    (cluster, brokers)
}

fn produce(brokers: &str, partition: i32, payloads: &[Option<&str>]) {
    let producer: BaseProducer = ClientConfig::new().set("bootstrap.servers", brokers).create().expect("a producer");
    for payload in payloads {
        let record = BaseRecord::<(), str>::to("trail").partition(partition);
        let record = payload.iter().fold(record, |record, payload| record.payload(payload));
        producer.send(record).map_err(|(error, _)| error).expect("room");
    }
    producer.flush(LIMIT).expect("is written");
}

fn start(brokers: &str, start: Start, bench: &mut Bench) -> JoinHandle<Result<(), SourceError>> {
    // The cluster for tests keeps a member that left for as long as this.
    let properties = BTreeMap::from([("session.timeout.ms".to_owned(), "6000".to_owned())]);
    let source = KafkaSource::new(terms("events"), brokers, "trail", "trailbrake", start, &properties);
    let source = Box::new(source.expect("settings that work"));
    tokio::spawn(source.run(bench.context.take().expect("a context")))
}

async fn next(bench: &mut Bench) -> Batch {
    tokio::time::timeout(LIMIT, bench.batches.recv()).await.expect("in time").expect("a batch")
}

/// Takes so many payloads of one partition, acknowledges them, and gives them with the last position.
async fn take(bench: &mut Bench, count: usize) -> (Vec<String>, String) {
    let (mut payloads, mut last) = (Vec::new(), String::new());
    while payloads.len() < count {
        let batch = next(bench).await;
        payloads.extend(batch.payloads.iter().map(|payload| String::from_utf8_lossy(payload).into_owned()));
        last = place(&batch.position).expect("partitions have positions");
        let _ = batch.acknowledgement.expect("is asked for").send(Committed::default());
    }
    (payloads, last)
}

async fn stop(bench: Bench, running: JoinHandle<Result<(), SourceError>>) {
    bench.stop.send(true).expect("is listened to");
    running.await.expect("no panic").expect("a clean end");
}

fn committed(brokers: &str) -> Offset {
    let mut client = ClientConfig::new();
    let consumer: BaseConsumer =
        client.set("bootstrap.servers", brokers).set("group.id", "trailbrake").create().expect("a consumer");
    let mut list = TopicPartitionList::new();
    list.add_partition("trail", 0);
    consumer.committed_offsets(list, LIMIT).expect("an answer").elements()[0].offset()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn goes_on_from_the_journal_and_the_group_follows_what_is_durable() {
    let (_cluster, brokers) = cluster(1);
    produce(&brokers, 0, &[Some("a"), None, Some(""), Some("d")]);
    let mut bench = Bench::new(8);
    let running = start(&brokers, Start::Oldest, &mut bench);
    let (payloads, at) = take(&mut bench, 4).await;
    assert_eq!((payloads, at.as_str()), (["a", "", "", "d"].map(str::to_owned).to_vec(), "3"));
    produce(&brokers, 0, &[Some("unacknowledged")]);
    let kept_back = next(&mut bench).await;
    assert_eq!(kept_back.payloads, ["unacknowledged"]);
    drop(kept_back);
    stop(bench, running).await;
    assert_eq!(committed(&brokers), Offset::Offset(4));

    // The journal knows less than the group: it counts.
    let mut bench = Bench::resuming(8, [position("events", "trail/0", "2")].into());
    let running = start(&brokers, Start::Latest, &mut bench);
    assert_eq!(take(&mut bench, 2).await, (vec!["d".to_owned(), "unacknowledged".to_owned()], "4".to_owned()));
    stop(bench, running).await;
    assert_eq!(committed(&brokers), Offset::Offset(5));

    // The journal knows nothing: the group's offset counts, and is kept before anything comes.
    let mut bench = Bench::new(8);
    let running = start(&brokers, Start::Oldest, &mut bench);
    let batch = next(&mut bench).await;
    assert_eq!((batch.payloads.len(), place(&batch.position).as_deref()), (0, Some("4")));
    stop(bench, running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn latest_leaves_out_what_was_there_and_keeps_where_it_began() {
    let (_cluster, brokers) = cluster(1);
    produce(&brokers, 0, &[Some("old"), Some("old")]);
    let mut bench = Bench::new(8);
    let running = start(&brokers, Start::Latest, &mut bench);
    let batch = next(&mut bench).await;
    assert_eq!((batch.payloads.len(), place(&batch.position).as_deref()), (0, Some("1")));
    produce(&brokers, 0, &[Some("new")]);
    assert_eq!(take(&mut bench, 1).await, (vec!["new".to_owned()], "2".to_owned()));
    stop(bench, running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_way_pauses_and_loses_nothing() {
    let (_cluster, brokers) = cluster(1);
    let payloads: Vec<String> = (0..5_000).map(|number| number.to_string()).collect();
    produce(&brokers, 0, &payloads.iter().map(|payload| Some(payload.as_str())).collect::<Vec<_>>());
    let mut bench = Bench::new(1);
    let running = start(&brokers, Start::Oldest, &mut bench);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(take(&mut bench, 5_000).await, (payloads, "4999".to_owned()));
    stop(bench, running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partitions_that_move_between_two_members_lose_nothing() {
    let (_cluster, brokers) = cluster(4);
    let mut first = Bench::new(8);
    let one = start(&brokers, Start::Oldest, &mut first);
    for partition in 0..4 {
        produce(&brokers, partition, &[Some("before")]);
    }
    assert_eq!(take(&mut first, 4).await.0.len(), 4);
    // The cluster for tests takes no offsets while its group is being rebalanced.
    tokio::time::sleep(KAFKA_COMMIT_INTERVAL * 2).await;
    let mut second = Bench::new(8);
    let two = start(&brokers, Start::Oldest, &mut second);
    // Its first positions tell that it has partitions of its own.
    let batch = next(&mut second).await;
    assert_eq!((batch.payloads.len(), place(&batch.position).as_deref()), (0, Some("0")));
    for partition in 0..4 {
        produce(&brokers, partition, &[Some("after")]);
    }
    assert_eq!(take(&mut first, 2).await.0, ["after", "after"]);
    assert_eq!(take(&mut second, 2).await.0, ["after", "after"]);
    stop(second, two).await;
    for partition in 0..4 {
        produce(&brokers, partition, &[Some("last")]);
    }
    // What it handed over before is not read again; what the other one handed over is not in its journal.
    let (payloads, _) = take(&mut first, 6).await;
    assert_eq!(payloads.iter().filter(|payload| *payload == "last").count(), 4, "{payloads:?}");
    stop(first, one).await;
}

#[test]
fn settings_that_do_not_work_are_refused_with_a_hint_and_without_their_values() {
    for (name, value, words) in [
        ("no.such.property", "x", "property is not known: no.such.property"),
        ("security.protocol", "hunter2", "property has a value that is not allowed: security.protocol"),
        ("enable.auto.commit", "true", "property is not free to choose: enable.auto.commit"),
        ("group.id", "other", "property is not free to choose: group.id"),
    ] {
        let properties = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        let source = KafkaSource::new(terms("events"), "127.0.0.1:1", "trail", "group", Start::Latest, &properties);
        let text = source.err().expect("does not work").to_string();
        assert!(text.contains(words) && text.contains("\nhint: ") && !text.contains("hunter2"), "{text}");
    }
}

#[tokio::test]
async fn brokers_that_are_not_there_are_tried_until_the_source_shall_stop() {
    let mut bench = Bench::resuming(1, Positions::new());
    let running = start("127.0.0.1:1", Start::Latest, &mut bench);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!running.is_finished());
    stop(bench, running).await;
}
