//! What goes wrong around the chain, all of it at once: bytes in the stream that are no record, a pager that fails, an IAM
//! that throttles. Each is counted, and the chain goes on.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use trailbrake_detectors::limits::DECOMPRESSED_BYTES_MAX;

use crate::support::agent::{self, Agent, Scene};
use crate::support::daemon::{Daemon, Surroundings, deny_policy, hook_policy};
use crate::support::emulator::{Emulator, Kind};
use crate::support::iam_proxy::IamProxy;
use crate::support::pager::{Answers, Pager};
use crate::support::recorder::Recorder;
use crate::support::server::{Server, in_place};
use crate::support::stream::Stream;
use crate::support::{eventually, namespace};

const PATIENCE: Duration = Duration::from_secs(40);
/// How many changes IAM throttles before it takes one.
const THROTTLED: usize = 3;

#[test]
fn the_chain_goes_on() {
    if !in_place("the_chain_goes_on", &["emulators", "kinesis", "kafka"]) {
        return;
    }
    namespace::alone("bad_input::the_chain_goes_on", || {
        tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
            let folder = tempfile::tempdir().expect("a folder");
            let place = |name: &str| {
                let directory = folder.path().join(name);
                std::fs::create_dir(&directory).expect("a folder");
                directory
            };
            let emulator = Emulator::start(Kind::MiniStack, &place("ministack")).await;
            agent::deny_policies(&emulator, &deny_policy("destructive"), &deny_policy("all")).await;
            let kinesis = Server::start("kinesis", &place("kinesis"));
            goes_on(Stream::kinesis(&kinesis, "bad").await, "kinesis", &emulator, &place("on-kinesis")).await;
            let kafka = Server::start("kafka", &place("kafka"));
            goes_on(Stream::kafka(&kafka, "bad").await, "kafka", &emulator, &place("on-kafka")).await;
        });
    });
}

async fn goes_on(stream: Stream, name: &str, emulator: &Emulator, directory: &Path) {
    let source = stream.source();
    let recorder = Recorder::start(&emulator.url(), stream.clone(), Duration::ZERO).await;
    let proxy = IamProxy::start(&emulator.url(), Duration::ZERO).await;
    let pager = Pager::start().await;
    let hook = agent::hook_user(emulator, &format!("hook-{name}"), &hook_policy(&emulator.account)).await;
    let scene = Arc::new(Scene::set(emulator, &recorder, &format!("agent-{name}"), 6).await);
    let surroundings = Surroundings { source, pager: &pager, alertmanager: None, iam: proxy.url(), hook: &hook };
    let daemon = Daemon::start(directory, &surroundings).await;

    let poison = poison();
    for (number, (_, payload)) in poison.iter().enumerate() {
        stream.put_bytes(&format!("poison-{number}"), payload.as_deref()).await;
    }
    pager.answers(Answers::Failing);
    proxy.throttle(THROTTLED);
    let agent = Agent::start(scene.clone(), Duration::from_millis(40), 3);
    eventually("the deny is in place", PATIENCE, async || (!proxy.changes().is_empty()).then_some(())).await;
    assert_eq!(proxy.throttling(), 0);
    agent.end(PATIENCE).await;
    assert!(scene.terminate(scene.instances.len() - 1).await.is_err(), "not stopped");
    eventually("the pager fails twice", PATIENCE, async || (pager.failures() >= 2).then_some(())).await;
    assert_eq!(pager.taken(), Vec::<Value>::new());
    pager.answers(Answers::AtOnce);
    eventually("a page", PATIENCE, async || (!pager.taken().is_empty()).then_some(())).await;
    assert_eq!(pager.pages().len(), 1);

    let metrics = daemon.metrics().await;
    for (reason, _) in &poison {
        let counted = sample(&metrics, &format!("trailbrake_rejects_total{{reason=\"{reason}\",source=\"trail\"}}"));
        assert!(counted >= 1.0, "{reason} is not counted:\n{metrics}");
    }
    let failures = "trailbrake_delivery_failures_total{reason=\"server-error\",receiver=\"pager\"}";
    assert!(sample(&metrics, failures) >= 2.0, "{metrics}");
    let rejected = sample(&metrics, "trailbrake_records_total{column=\"rejected\",source=\"trail\"}");
    assert_eq!(rejected, poison.len() as f64, "{metrics}");
    assert!(daemon.stop().await.success());
    namespace::note(&format!(
        "bad input on {name}: {rejected} rejects counted, {THROTTLED} throttled, the chain went on"
    ));
}

/// Bytes that are no record, with the reason that they are counted under.
fn poison() -> Vec<(&'static str, Option<Vec<u8>>)> {
    let record = |changes: &[(&str, Value)]| {
        let mut record = json!({
            "eventVersion": "1.11", "eventID": "11111111-2222-4333-a444-555555555555", "eventSource": "ec2.amazonaws.com",
            "eventName": "TerminateInstances", "eventTime": "2026-01-05T00:00:00Z", "awsRegion": "eu-west-1",
            "recipientAccountId": "123456789012", "userIdentity": { "type": "Root", "accountId": "123456789012" },
        });
        for (key, value) in changes {
            record[*key] = value.clone();
        }
        record.to_string().into_bytes()
    };
    let truncated = record(&[]);
    vec![
        ("not-json", Some(truncated[..truncated.len() / 2].to_vec())),
        ("not-utf8", Some(b"{\"eventName\":\"Delete\xff\xfe\"}".to_vec())),
        ("too-large", Some(bomb())),
        ("no-identity", Some(record(&[("userIdentity", Value::Null)]))),
        ("future", Some(record(&[("eventTime", json!("2999-01-01T00:00:00Z"))]))),
        ("empty", None),
    ]
}

/// A small payload that would decompress to more than is allowed.
fn bomb() -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let zeros = vec![b' '; 1 << 20];
    for _ in 0..=DECOMPRESSED_BYTES_MAX / zeros.len() {
        encoder.write_all(&zeros).expect("compresses");
    }
    encoder.finish().expect("compresses")
}

fn sample(metrics: &str, name: &str) -> f64 {
    let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    value.unwrap_or_else(|| panic!("{name} is not there:\n{metrics}"))
}
