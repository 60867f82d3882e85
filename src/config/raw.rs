//! The configuration as it is written: TOML sections, unknown keys refused, defaults for all but the sources.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::Deserialize;
use trailbrake_detectors::engine::{BrakeSettings, Mode};
use trailbrake_detectors::incident::Severity;

use super::{Role, Secret, Start};

/// The keys of the top level; each is a section of its own.
pub(super) const SECTIONS: &[&str] = &[
    "deployment",
    "state_directory",
    "journal",
    "http",
    "metrics",
    "log",
    "decode",
    "catalog",
    "inventory",
    "weights",
    "detectors",
    "brake",
    "tokens",
    "sources",
    "receivers",
    "routes",
    "act",
];

/// `journal = "memory"` or `journal = { sqlite = "trailbrake.sqlite" }`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Journal {
    Memory,
    Sqlite(PathBuf),
}

impl Default for Journal {
    fn default() -> Self {
        Self::Sqlite(PathBuf::from("trailbrake.sqlite"))
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Http {
    pub(super) listen: SocketAddr,
    pub(super) tls: Option<Tls>,
    pub(super) allow_plaintext: bool,
    pub(super) public_url: Option<String>,
    pub(super) token_file: PathBuf,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            tls: None,
            allow_plaintext: false,
            public_url: None,
            token_file: PathBuf::from("tokens.json"),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tls {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Metrics {
    pub(super) listen: SocketAddr,
}

impl Default for Metrics {
    fn default() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9464)) }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Log {
    pub(super) json: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Decode {
    /// Nothing: one thread for each core but one.
    pub(super) threads: Option<usize>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Catalog {
    /// A table of the user's own, which goes over the one that is built in.
    pub(super) file: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Inventory {
    /// Outputs of AWS Config or of `describe` commands.
    pub(super) files: Vec<PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Brake {
    pub(super) mode: Mode,
    pub(super) exceptions: Vec<Exception>,
    pub(super) protected: Vec<String>,
    pub(super) pauses_per_hour_account: u32,
    pub(super) pauses_per_hour_total: u32,
    pub(super) reviewers_to_resume_critical: u32,
}

impl Default for Brake {
    fn default() -> Self {
        let core = BrakeSettings::default();
        Self {
            mode: core.mode,
            exceptions: Vec::new(),
            protected: Vec::new(),
            pauses_per_hour_account: core.budget_account,
            pauses_per_hour_total: core.budget_total,
            reviewers_to_resume_critical: core.reviewers_to_resume_critical,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Exception {
    pub(super) detector: Option<String>,
    pub(super) account: Option<String>,
    pub(super) mode: Mode,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Token {
    pub(super) roles: BTreeSet<Role>,
    pub(super) secret: Secret,
    #[serde(default)]
    pub(super) principals: Vec<String>,
}

/// A source: what it declares, and exactly one kind.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Source {
    #[serde(default)]
    pub(super) accounts: Vec<String>,
    pub(super) may_pause: Option<bool>,
    pub(super) quiet_limit_seconds: Option<i64>,
    pub(super) kinesis: Option<Kinesis>,
    pub(super) kafka: Option<Kafka>,
    pub(super) cloudtrail: Option<CloudTrail>,
    pub(super) file: Option<File>,
    pub(super) stdin: Option<Nothing>,
    pub(super) http: Option<Nothing>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kinesis {
    pub(super) stream: String,
    pub(super) region: String,
    pub(super) endpoint: Option<String>,
    #[serde(default)]
    pub(super) start: Start,
    #[serde(default = "Kinesis::poll_interval")]
    pub(super) poll_interval_milliseconds: u64,
}

impl Kinesis {
    /// Kinesis allows five reads of a shard a second, shared by all its readers.
    fn poll_interval() -> u64 {
        500
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kafka {
    pub(super) brokers: Vec<String>,
    pub(super) topic: String,
    #[serde(default = "Kafka::group")]
    pub(super) group: String,
    #[serde(default)]
    pub(super) start: Start,
    #[serde(default)]
    pub(super) properties: BTreeMap<String, Property>,
}

impl Kafka {
    fn group() -> String {
        "trailbrake".to_owned()
    }
}

/// A librdkafka property, in the open or as a secret.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected a string, { file = \"…\" } or { env = \"…\" } that can be read")]
pub(super) enum Property {
    Open(String),
    Secret(Secret),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CloudTrail {
    pub(super) region: String,
    pub(super) endpoint: Option<String>,
    pub(super) trail: Option<String>,
    #[serde(default = "CloudTrail::poll_interval")]
    pub(super) poll_interval_seconds: u64,
    #[serde(default = "CloudTrail::overlap")]
    pub(super) overlap_seconds: u64,
    #[serde(default = "CloudTrail::watch_interval")]
    pub(super) watch_interval_seconds: u64,
}

impl CloudTrail {
    /// LookupEvents takes two requests a second, shared by everybody in the account and region.
    fn poll_interval() -> u64 {
        10
    }

    /// Events become visible to LookupEvents up to about a quarter of an hour late, and not in order.
    fn overlap() -> u64 {
        20 * 60
    }

    fn watch_interval() -> u64 {
        5 * 60
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) path: PathBuf,
    #[serde(default)]
    pub(super) follow: bool,
}

/// A kind without settings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// Which incidents go to which receivers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Route {
    #[serde(default = "Route::severity")]
    pub(super) severity: Severity,
    #[serde(default)]
    pub(super) accounts: Vec<String>,
    #[serde(default)]
    pub(super) detectors: Vec<String>,
    pub(super) receivers: Vec<String>,
}

impl Route {
    /// The least that pages.
    fn severity() -> Severity {
        Severity::High
    }
}

/// How pauses are carried out: exactly one hook.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Act {
    #[serde(default = "Act::spawn")]
    pub(super) spawn: bool,
    pub(super) socket: Option<PathBuf>,
    pub(super) aws_iam: Option<AwsIam>,
    pub(super) webhook: Option<Webhook>,
}

impl Act {
    fn spawn() -> bool {
        true
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AwsIam {
    #[serde(default = "AwsIam::region")]
    pub(super) region: String,
    pub(super) endpoint: Option<String>,
    #[serde(default = "AwsIam::destructive_policy")]
    pub(super) destructive_policy: String,
    #[serde(default = "AwsIam::all_policy")]
    pub(super) all_policy: String,
}

impl AwsIam {
    /// IAM is global and signs for this region in the commercial partition.
    fn region() -> String {
        "us-east-1".to_owned()
    }

    fn destructive_policy() -> String {
        "TrailbrakeDenyDestructive".to_owned()
    }

    fn all_policy() -> String {
        "TrailbrakeDenyAll".to_owned()
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Webhook {
    pub(super) url: String,
    pub(super) secret: Secret,
}
