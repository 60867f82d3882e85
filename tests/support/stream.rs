//! Streams that the recorder writes to: Kinesis, by the AWS SDK, and Kafka, by librdkafka.

use std::time::Duration;

use aws_sdk_kinesis::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::StreamStatus;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde_json::Value;

use super::query::REGION;
use super::server::Server;
use super::{eventually, trail, web};

const SHARDS: i32 = 3;

/// A stream of audit records.
#[derive(Clone)]
pub(crate) enum Stream {
    Kinesis { client: aws_sdk_kinesis::Client, name: String, endpoint: String },
    Kafka { producer: FutureProducer, topic: String, brokers: String },
}

impl Stream {
    /// A new Kinesis stream of this name.
    pub(crate) async fn kinesis(server: &Server, name: &str) -> Self {
        web::client();
        let config = aws_sdk_kinesis::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .endpoint_url(server.url())
            .credentials_provider(Credentials::new("test", "test", None, None, "tests"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        let client = aws_sdk_kinesis::Client::from_conf(config);
        client.create_stream().stream_name(name).shard_count(SHARDS).send().await.expect("a stream");
        eventually("the stream is active", Duration::from_secs(10), async || {
            let summary = client.describe_stream_summary().stream_name(name).send().await.ok()?;
            let status = summary.stream_description_summary?.stream_status;
            (status == StreamStatus::Active).then_some(())
        })
        .await;
        Self::Kinesis { client, name: name.to_owned(), endpoint: server.url() }
    }

    /// A new Kafka topic of this name.
    pub(crate) async fn kafka(server: &Server, name: &str) -> Self {
        let brokers = format!("127.0.0.1:{}", server.port);
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &brokers).set("message.timeout.ms", "10000").set("linger.ms", "0");
        let admin: AdminClient<_> = config.create().expect("a Kafka client");
        let topic = NewTopic::new(name, SHARDS, TopicReplication::Fixed(1));
        let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(10)));
        for result in admin.create_topics([&topic], &options).await.expect("an answer from Kafka") {
            result.expect("a topic");
        }
        Self::Kafka { producer: config.create().expect("a producer"), topic: name.to_owned(), brokers }
    }

    /// Writes one record: to Kinesis in EventBridge's envelope, to Kafka bare, each by its principal.
    pub(crate) async fn put(&self, record: &Value) {
        let key = record["userIdentity"]["arn"].as_str().unwrap_or("none").to_owned();
        let payload = match self {
            Self::Kinesis { .. } => trail::enveloped(record).to_string(),
            Self::Kafka { .. } => record.to_string(),
        };
        self.put_bytes(&key, Some(payload.as_bytes())).await;
    }

    /// Writes bytes as they are. Nothing is a tombstone to Kafka, and an empty record to Kinesis.
    pub(crate) async fn put_bytes(&self, key: &str, payload: Option<&[u8]>) {
        match self {
            Self::Kinesis { client, name, .. } => {
                let data = Blob::new(payload.unwrap_or_default());
                client.put_record().stream_name(name).partition_key(key).data(data).send().await.expect("a put record");
            }
            Self::Kafka { producer, topic, .. } => {
                let message = FutureRecord { payload, ..FutureRecord::<str, [u8]>::to(topic).key(key) };
                producer.send(message, Duration::from_secs(10)).await.expect("a written message");
            }
        }
    }

    /// The source that reads it, as the configuration file says it.
    pub(crate) fn source(&self) -> String {
        match self {
            Self::Kinesis { name, endpoint, .. } => format!(
                "[sources.trail]\nmay_pause = true\n[sources.trail.kinesis]\nstream = \"{name}\"\nregion = \"{REGION}\"\n\
                 endpoint = \"{endpoint}\"\nstart = \"oldest\"\npoll_interval_milliseconds = 200\n"
            ),
            Self::Kafka { topic, brokers, .. } => format!(
                "[sources.trail]\nmay_pause = true\n[sources.trail.kafka]\nbrokers = [\"{brokers}\"]\ntopic = \"{topic}\"\n\
                 group = \"trailbrake-{topic}\"\nstart = \"oldest\"\n"
            ),
        }
    }
}
