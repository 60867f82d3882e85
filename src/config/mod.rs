//! The configuration, valid: everything that can be wrong with it has been found. [`load`] reads it, `raw` is its written
//! form, `check` makes one from the other.

mod check;
mod digest;
mod document;
mod limits;
mod problem;
mod raw;
mod receiver;
mod restart;
mod secret;
mod section;
mod source;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use trailbrake_detectors::catalog::Catalog;
use trailbrake_detectors::engine::{Mode, ModeException, Settings};

use crate::alert::{ReceiverKind, Routes};
use crate::source::Terms;

pub use self::check::{TokenPlaces, load, load_for_judging, parse, token_places};
pub use self::limits::plain;
pub use self::problem::{ConfigError, Problem};
pub use self::secret::Secret;
pub use self::section::{Plaintext, Section, is_exact_principal, web_address};
pub use crate::token::Role;

/// A bearer token and the person or program that holds it.
#[derive(Clone, Debug)]
pub struct Token {
    /// Who holds it.
    pub name: String,
    /// What it allows.
    pub roles: BTreeSet<Role>,
    /// The token.
    pub secret: Secret,
    /// ARNs and unique ids of AWS principals that are this person.
    pub principals: Vec<String>,
}

/// What TLS is spoken with, as PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsConfig {
    /// The certificate, with those between it and the authority after it.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Where records come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceConfig {
    /// What the source declares.
    pub terms: Arc<Terms>,
    /// Where it reads.
    pub kind: SourceKind,
}

/// Where a stream is read from when the journal holds no position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// What comes from now on.
    #[default]
    Latest,
    /// Everything that is still there.
    Oldest,
}

/// The kinds of source, with their settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// A Kinesis data stream, polled.
    Kinesis {
        /// The stream's name.
        stream: String,
        /// Its region.
        region: String,
        /// Another endpoint than AWS's own.
        endpoint: Option<String>,
        /// Where to start.
        start: Start,
        /// Time between two polls of a shard.
        poll_interval: Duration,
    },
    /// A Kafka topic, read by a consumer group.
    Kafka {
        /// `host:port`, comma-separated.
        brokers: String,
        /// The topic.
        topic: String,
        /// The consumer group.
        group: String,
        /// Where to start.
        start: Start,
        /// Further librdkafka properties (TLS, SASL).
        properties: std::collections::BTreeMap<String, String>,
    },
    /// CloudTrail's LookupEvents, with a look at the trail's health.
    CloudTrail {
        /// The region.
        region: String,
        /// Another endpoint than AWS's own.
        endpoint: Option<String>,
        /// The trail whose health is watched (a name or an ARN); nothing: none.
        trail: Option<String>,
        /// Time between two rounds of LookupEvents.
        poll_interval: Duration,
        /// How far each round reaches back before the last.
        overlap: Duration,
        /// Time between two looks at the trail.
        watch_interval: Duration,
    },
    /// One file, or all of a directory: read once from the start, or followed.
    File {
        /// The file or directory.
        path: PathBuf,
        /// Goes on as lines and files are added.
        follow: bool,
    },
    /// Standard input, by lines, until it ends.
    Stdin,
    /// `POST /v1/events` on the listener for people and agents.
    Http,
}

/// Who is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiverConfig {
    /// The receiver's name.
    pub name: String,
    /// What it is, from the registry of [`crate::alert`].
    pub kind: ReceiverKind,
}

/// How pauses are carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActConfig {
    /// The Unix socket on which `act` listens.
    pub socket: PathBuf,
    /// Whether `run` starts `act` as its child.
    pub spawn: bool,
    /// The way to pause.
    pub hook: HookKind,
    /// The mode where no exception matches: `act` checks by itself.
    pub mode: Mode,
    /// Exceptions from it, the first match counts.
    pub exceptions: Vec<ModeException>,
    /// Exact ARNs and unique ids that are never paused: `act` checks by itself.
    pub protected: BTreeSet<String>,
    /// Pauses per account and hour that `act` makes at most.
    pub budget_account: u32,
    /// Pauses per hour over all accounts that `act` makes at most.
    pub budget_total: u32,
    /// Where `act` keeps what its budget has spent.
    pub state: PathBuf,
}

/// The kinds of hook, with their settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookKind {
    /// Attaches one of our two managed deny policies to the role or user.
    AwsIam {
        /// The region for signing; IAM itself is global.
        region: String,
        /// Another endpoint than AWS's own.
        endpoint: Option<String>,
        /// The name of the managed policy that denies destruction, in each account.
        destructive_policy: String,
        /// The name of the managed policy that denies everything, in each account.
        all_policy: String,
    },
    /// Tells a program of yours, signed.
    Webhook {
        /// Where.
        url: String,
        /// The signing secret (`whsec_…`).
        secret: Secret,
    },
}

/// Where the memory is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JournalKind {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// Nowhere: a restart forgets everything.
    Memory,
}

/// All of it.
#[derive(Clone, Debug)]
pub struct Config {
    /// What the engine is told.
    pub settings: Settings,
    /// What actions do, where the built-in catalog is not all.
    pub catalog: Option<Arc<Catalog>>,
    /// Files that tell what existed before the trail.
    pub inventory_files: Vec<PathBuf>,
    /// Where the memory is.
    pub journal: JournalKind,
    /// The listener for people and agents.
    pub http: SocketAddr,
    /// The certificate and key that it speaks TLS with; nothing: it speaks in the open.
    pub tls: Option<TlsConfig>,
    /// The listener for metrics and health.
    pub metrics: SocketAddr,
    /// The address at which people reach the listener, for links in pages; nothing: no links.
    pub public_url: Option<String>,
    /// Who may do what, as far as the configuration says it.
    pub tokens: Vec<Token>,
    /// Where `trailbrake token` keeps the digests of all other tokens.
    pub token_file: PathBuf,
    /// Where records come from.
    pub sources: Vec<SourceConfig>,
    /// Who is told.
    pub receivers: Vec<ReceiverConfig>,
    /// Who is told of what.
    pub routes: Arc<Routes>,
    /// How pauses are carried out; nothing: never.
    pub act: Option<ActConfig>,
    /// Threads that decode.
    pub decode_threads: usize,
    /// Logs as JSON lines instead of text.
    pub log_json: bool,
    /// What is allowed and unwise, to be logged at the start.
    pub warnings: Vec<Problem>,
}
