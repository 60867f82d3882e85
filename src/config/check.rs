//! From what is written to what is valid: finds everything that is wrong, not only the first thing.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use trailbrake_detectors::catalog::Catalog;
use trailbrake_detectors::detector;
use trailbrake_detectors::engine::{BrakeSettings, Mode, ModeException, Reach, Settings};

use super::document::Document;
use super::section::{Plaintext, Section};
use super::{
    ActConfig, Config, ConfigError, HookKind, JournalKind, Problem, Role, TlsConfig, Token, limits, raw, receiver,
    source,
};
use crate::limits::{CATALOG_BYTES_MAX, CONFIG_BYTES_MAX, INVENTORY_FILES_MAX, SOCKET_PATH_BYTES_MAX, TOKEN_BYTES_MIN};

/// Reads a configuration file, and the secrets that it names.
pub fn load(path: &Path) -> Result<Config, ConfigError> {
    parse(&text_of(path)?, &path.display().to_string())
}

/// Reads a configuration file of which only the judgement is wanted: it may name no source.
pub fn load_for_judging(path: &Path) -> Result<Config, ConfigError> {
    let origin = path.display().to_string();
    finish(Document::parse(&text_of(path)?, &origin), &origin)
}

fn text_of(path: &Path) -> Result<String, ConfigError> {
    read(path, CONFIG_BYTES_MAX).map_err(|reason| ConfigError::Read { path: path.display().to_string(), reason })
}

/// Reads a text of at most so many bytes.
fn read(path: &Path, bytes_max: usize) -> Result<String, String> {
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let mut text = String::new();
    file.take(bytes_max as u64 + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    if text.len() > bytes_max { Err(format!("longer than {bytes_max} bytes")) } else { Ok(text) }
}

/// Makes a configuration from its text; `origin` names the text in messages.
pub fn parse(text: &str, origin: &str) -> Result<Config, ConfigError> {
    let mut document = Document::parse(text, origin);
    source::demand(&mut document);
    finish(document, origin)
}

fn finish(mut document: Document<'_>, origin: &str) -> Result<Config, ConfigError> {
    document.refuse_unknown(raw::SECTIONS);
    let config = check(&mut document, directory_of(origin));
    let (problems, warnings) = document.into_notes();
    if problems.is_empty() { Ok(Config { warnings, ..config }) } else { Err(ConfigError::Invalid { problems }) }
}

/// Where tokens are kept, by a configuration of which no more is read: whoever makes tokens need not have its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenPlaces {
    /// The token file.
    pub file: PathBuf,
    /// The names of those whose tokens the configuration itself says.
    pub declared: Vec<String>,
}

/// Reads from a configuration file where tokens are kept.
pub fn token_places(path: &Path) -> Result<TokenPlaces, ConfigError> {
    let origin = path.display().to_string();
    let text = text_of(path)?;
    let mut document = Document::parse(&text, &origin);
    let http: raw::Http = document.section("http");
    let places =
        TokenPlaces { file: directory_of(&origin).join(http.token_file), declared: document.keys_of("tokens") };
    let (problems, _) = document.into_notes();
    if problems.is_empty() { Ok(places) } else { Err(ConfigError::Invalid { problems }) }
}

/// The directory of the configuration: what stands beside it is named relative to it.
fn directory_of(origin: &str) -> &Path {
    Path::new(origin).parent().unwrap_or(Path::new(""))
}

fn check(document: &mut Document<'_>, directory: &Path) -> Config {
    let state_directory: PathBuf = document.section::<Option<PathBuf>>("state_directory").unwrap_or_else(|| ".".into());
    let http: raw::Http = document.section("http");
    let metrics: raw::Metrics = document.section("metrics");
    check_listeners(document, &http, &metrics);
    let sources = source::check(document, &state_directory);
    let tokens = check_tokens(document);
    let mut brake = check_brake(document);
    let act = check_act(document, &state_directory, &brake);
    brake.reach = match act.as_ref().map(|act| &act.hook) {
        Some(HookKind::Webhook { .. }) => Reach::Program,
        Some(HookKind::AwsIam { .. }) | None => Reach::Policies,
    };
    let token_file = directory.join(http.token_file);
    let reviewers = count_reviewers(&tokens, &token_file);
    check_enforce(document, &brake, act.is_some(), reviewers);
    let quiet_limits: BTreeMap<String, i64> =
        sources.iter().map(|source| (source.terms.name.to_string(), source.terms.quiet_limit_seconds)).collect();
    let deployment = document.section::<Option<String>>("deployment").unwrap_or_else(|| Settings::default().deployment);
    Section::new(document, "").filled("deployment", &deployment);
    let threads = document.section::<raw::Decode>("decode").threads;
    if let Some(threads) = threads {
        Section::new(document, "decode").number("threads", threads, 1..=256);
    }
    let (receivers, routes) = receiver::check(document);
    Config {
        settings: Settings { deployment, quiet_limits, limits: limits::check(document), brake },
        catalog: check_catalog(document, &state_directory),
        inventory_files: check_inventory(document, &state_directory),
        journal: match document.section("journal") {
            raw::Journal::Memory => JournalKind::Memory,
            raw::Journal::Sqlite(path) => JournalKind::Sqlite(state_directory.join(path)),
        },
        http: http.listen,
        tls: http
            .tls
            .map(|tls| TlsConfig { certificate: directory.join(tls.certificate), key: directory.join(tls.key) }),
        metrics: metrics.listen,
        public_url: http.public_url.map(|url| url.trim_end_matches('/').to_owned()),
        tokens,
        token_file,
        sources,
        receivers,
        routes,
        act,
        decode_threads: threads.unwrap_or_else(decode_threads),
        log_json: document.section::<raw::Log>("log").json,
        warnings: Vec::new(),
    }
}

/// Reads the user's own table of actions.
fn check_catalog(document: &mut Document<'_>, state_directory: &Path) -> Option<Arc<Catalog>> {
    let path = state_directory.join(document.section::<raw::Catalog>("catalog").file?);
    let origin = path.display().to_string();
    let table = match read(&path, CATALOG_BYTES_MAX) {
        Ok(table) => table,
        Err(reason) => {
            let hint = "detectors/catalog/README.md says how one is written";
            document.problem("catalog.file", format!("catalog cannot be read: {origin}: {reason}"), hint);
            return None;
        }
    };
    let (catalog, mistakes) = Catalog::built_in().with(&table);
    for mistake in mistakes {
        document.problem_elsewhere(Problem {
            origin: origin.clone(),
            line: Some(mistake.line),
            path: String::new(),
            what: mistake.mistake.to_string(),
            hint: "detectors/catalog/README.md has the words that a line is made of".to_owned(),
        });
    }
    Some(Arc::new(catalog))
}

fn check_inventory(document: &mut Document<'_>, state_directory: &Path) -> Vec<PathBuf> {
    let files = document.section::<raw::Inventory>("inventory").files;
    Section::new(document, "inventory").number("files", files.len(), 0..=INVENTORY_FILES_MAX);
    files.into_iter().map(|file| state_directory.join(file)).collect()
}

/// One core is left to the engine; where that cannot be told, one thread is enough to work.
fn decode_threads() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1).clamp(1, 16))
}

fn check_listeners(document: &mut Document<'_>, http: &raw::Http, metrics: &raw::Metrics) {
    if http.listen == metrics.listen && http.listen.port() != 0 {
        let hint = "give metrics and health a port of their own";
        document.problem("metrics.listen", format!("{} is taken by http.listen", http.listen), hint);
    }
    if !http.listen.ip().is_loopback() && http.tls.is_none() {
        let what = format!("tokens would cross the network in the open: {}", http.listen);
        let hint = "set http.tls = { certificate = \"…\", key = \"…\" }, listen on loopback behind a proxy that speaks \
                    TLS, or say http.allow_plaintext = true where the network itself is encrypted";
        match http.allow_plaintext {
            true => document.warning("http.allow_plaintext", what, hint),
            false => document.problem("http.listen", what, hint),
        }
    }
    if let Some(url) = &http.public_url {
        Section::new(document, "http").web_address("public_url", url, Plaintext::Anywhere);
    }
}

/// How many can decide on incidents; nothing if the token file cannot be used. That is for the listener to say: `act`,
/// which reads the same configuration, need not be able to read the file, and must start although it is broken.
fn count_reviewers(tokens: &[Token], file: &Path) -> Option<usize> {
    let declared = tokens.iter().filter(|token| token.roles.contains(&Role::Review)).count();
    let holders = crate::token::read(file).ok()?;
    Some(declared + holders.iter().filter(|holder| holder.roles.contains(&Role::Review)).count())
}

fn check_tokens(document: &mut Document<'_>) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    for (name, token) in document.entries::<raw::Token>("tokens") {
        let mut section = Section::new(document, format!("tokens.{name}"));
        section.secret("secret", &token.secret);
        section.principals("principals", &token.principals);
        if token.roles.is_empty() {
            section.problem(
                "roles",
                "a token without a role is of no use",
                "name some of ingest, read, review, gate, admin",
            );
        }
        if token.secret.expose().len() < TOKEN_BYTES_MIN {
            let what = format!("token is shorter than {TOKEN_BYTES_MIN} characters");
            section.problem("secret", what, "make one with: openssl rand -hex 32");
        }
        if let Some(twin) = tokens.iter().find(|other| other.secret == token.secret) {
            let what = format!("the same token as that of {}", twin.name);
            section.problem("secret", what, "give each holder a token of their own");
        }
        tokens.push(Token { name, roles: token.roles, secret: token.secret, principals: token.principals });
    }
    tokens
}

fn check_brake(document: &mut Document<'_>) -> BrakeSettings {
    let brake: raw::Brake = document.section("brake");
    let mut section = Section::new(document, "brake");
    section.principals("protected", &brake.protected);
    section.number("pauses_per_hour_account", brake.pauses_per_hour_account, 1..=1_000);
    section.number("pauses_per_hour_total", brake.pauses_per_hour_total, 1..=1_000);
    section.number("reviewers_to_resume_critical", brake.reviewers_to_resume_critical, 1..=10);
    for (index, exception) in brake.exceptions.iter().enumerate() {
        let mut section = section.below(&format!("exceptions[{index}]"));
        if let Some(account) = &exception.account {
            section.account("account", account);
        }
        if let Some(detector) = exception.detector.as_deref().filter(|name| !known_detectors().contains(name)) {
            section.problem(
                "detector",
                format!("no detector: {detector}"),
                format!("known are {}", known_detectors().join(", ")),
            );
        }
        if exception.account.is_none() && exception.detector.is_none() {
            section.problem(
                "",
                "an exception without a condition hides `brake.mode`",
                "name an account, a detector or both",
            );
        }
    }
    BrakeSettings {
        mode: brake.mode,
        exceptions: brake
            .exceptions
            .into_iter()
            .map(|exception| ModeException {
                detector: exception.detector,
                account: exception.account,
                mode: exception.mode,
            })
            .collect(),
        protected: brake.protected.into_iter().collect(),
        budget_account: brake.pauses_per_hour_account,
        budget_total: brake.pauses_per_hour_total,
        reviewers_to_resume_critical: brake.reviewers_to_resume_critical,
        reach: Reach::default(),
    }
}

fn check_act(document: &mut Document<'_>, state_directory: &Path, brake: &BrakeSettings) -> Option<ActConfig> {
    let act: raw::Act = document.section::<Option<raw::Act>>("act")?;
    let mut section = Section::new(document, "act");
    let hook = match (act.aws_iam, act.webhook) {
        (Some(iam), None) => {
            let mut section = section.below("aws_iam");
            section.filled("region", &iam.region);
            section.filled("destructive_policy", &iam.destructive_policy);
            section.filled("all_policy", &iam.all_policy);
            if let Some(endpoint) = &iam.endpoint {
                section.web_address("endpoint", endpoint, Plaintext::Loopback);
            }
            HookKind::AwsIam {
                region: iam.region,
                endpoint: iam.endpoint,
                destructive_policy: iam.destructive_policy,
                all_policy: iam.all_policy,
            }
        }
        (None, Some(webhook)) => {
            let mut section = section.below("webhook");
            section.web_address("url", &webhook.url, Plaintext::Loopback);
            section.secret("secret", &webhook.secret);
            HookKind::Webhook { url: webhook.url, secret: webhook.secret }
        }
        _ => {
            section.problem("", "expected exactly one hook", "write [act.aws_iam] or [act.webhook]");
            return None;
        }
    };
    let socket = state_directory.join(act.socket.unwrap_or_else(|| "act.sock".into()));
    if socket.as_os_str().len() > SOCKET_PATH_BYTES_MAX {
        let what = format!("socket path is longer than {SOCKET_PATH_BYTES_MAX} bytes: {}", socket.display());
        section.problem("socket", what, "name a shorter path, in a directory that only this user can enter");
    }
    Some(ActConfig {
        socket,
        spawn: act.spawn,
        hook,
        mode: brake.mode,
        exceptions: brake.exceptions.clone(),
        protected: brake.protected.clone(),
        budget_account: brake.budget_account,
        budget_total: brake.budget_total,
        state: state_directory.join("act-budget.json"),
    })
}

/// Enforcing without a hand to pause, or without a human to resume, is a mistake that shows only when it is too late.
fn check_enforce(document: &mut Document<'_>, brake: &BrakeSettings, can_act: bool, reviewers: Option<usize>) {
    let modes = std::iter::once(brake.mode).chain(brake.exceptions.iter().map(|exception| exception.mode));
    if !modes.into_iter().any(|mode| mode == Mode::Enforce) {
        return;
    }
    if !can_act {
        document.problem(
            "brake",
            "enforce needs a way to pause",
            "write [act.aws_iam] or [act.webhook], or stay in observe",
        );
    }
    let Some(reviewers) = reviewers else { return };
    let needed = brake.reviewers_to_resume_critical as usize;
    if reviewers == 0 {
        let hint =
            "make a token for each reviewer: trailbrake token create NAME --role read --role review --config FILE";
        document.problem("brake", "enforce needs a reviewer who can resume", hint);
    } else if reviewers < needed {
        let what = format!("{needed} reviewers must agree to resume a critical incident, {reviewers} can");
        document.warning("brake.reviewers_to_resume_critical", what, "a resume will need to break the glass");
    }
}

/// The names of detectors, sorted.
pub(super) fn known_detectors() -> Vec<&'static str> {
    let mut names: Vec<&str> = detector::names().collect();
    names.sort_unstable();
    names
}
