//! Who is told. Each receiver turns an announcement into its own words; retries and order are the caller's.
//!
//! A receiver is one file with its settings, their check and its [`Receiver`], and one line in each table of
//! [`ReceiverKind`] below. `tests` holds what every receiver must pass.

mod alertmanager;
mod pagerduty;
mod post;
#[cfg(test)]
mod tests;
mod words;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use trailbrake_detectors::engine::Announcement;

use crate::config::{ReceiverConfig, Section};
use crate::limits::RECEIVER_TIMEOUT;

#[cfg(test)]
pub(crate) use self::tests::announcement as example;

/// The registry of receivers: the name of each in the configuration, with its settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReceiverKind {
    /// Alertmanager, API v2; every instance of a cluster is told.
    Alertmanager(alertmanager::Settings),
    /// PagerDuty, Events API v2.
    PagerDuty(pagerduty::Settings),
}

impl ReceiverKind {
    /// The word in the configuration.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Alertmanager(_) => "alertmanager",
            Self::PagerDuty(_) => "pagerduty",
        }
    }

    /// Checks the settings.
    pub fn check(&self, section: &mut Section<'_, '_>) {
        match self {
            Self::Alertmanager(settings) => settings.check(&mut section.below("alertmanager")),
            Self::PagerDuty(settings) => settings.check(&mut section.below("pagerduty")),
        }
    }

    fn build(&self, common: &Common<'_>) -> Result<Arc<dyn Receiver>, AlertError> {
        Ok(match self {
            Self::Alertmanager(settings) => Arc::new(alertmanager::Alertmanager::new(settings, common)?),
            Self::PagerDuty(settings) => Arc::new(pagerduty::PagerDuty::new(settings, common)?),
        })
    }
}

/// What every receiver is given besides its settings.
struct Common<'a> {
    /// Its name in the configuration.
    name: &'a str,
    /// Where people reach the listener, for links.
    public_url: Option<&'a str>,
    /// How long one attempt may take.
    timeout: Duration,
}

/// Builds all receivers; `public_url` is where people reach the listener, for links.
pub fn build(receivers: &[ReceiverConfig], public_url: Option<&str>) -> Result<Vec<Arc<dyn Receiver>>, AlertError> {
    let build = |receiver: &ReceiverConfig| {
        receiver.kind.build(&Common { name: &receiver.name, public_url, timeout: RECEIVER_TIMEOUT })
    };
    receivers.iter().map(build).collect()
}

/// Why a receiver cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum AlertError {
    /// An address does not work.
    #[error("receiver {receiver}: {reason}: {address}\nhint: write it as https://host/path")]
    Address {
        /// The receiver's name.
        receiver: String,
        /// The address.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There can be no TLS.
    #[error(
        "receiver {receiver}: no https: {reason}\nhint: install the system's CA certificates (package ca-certificates)"
    )]
    Tls {
        /// The receiver's name.
        receiver: String,
        /// Why.
        reason: String,
    },
}

/// What came back from a receiver that took a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// What it said, bounded, for the log.
    pub answer: String,
}

/// Why a receiver did not take a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{receiver}: {reason}: {detail}")]
pub struct DeliveryError {
    /// The receiver's name.
    pub receiver: String,
    /// One of a fixed few words, fit to label a metric.
    pub reason: FailureReason,
    /// What happened, bounded, without secrets.
    pub detail: String,
    /// How long the receiver asks us to wait, if it said so.
    pub retry_after: Option<Duration>,
}

/// Why a delivery failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FailureReason {
    /// No connection, or it broke.
    Unreachable,
    /// No answer in time.
    Timeout,
    /// It asks us to slow down.
    RateLimited,
    /// It failed by itself (5xx).
    ServerError,
    /// It refuses the message as it is (4xx); again will not help.
    Refused,
}

impl FailureReason {
    /// Whether the same message may be taken later.
    pub fn is_retryable(self) -> bool {
        self != Self::Refused
    }

    /// The word used in metrics and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::RateLimited => "rate-limited",
            Self::ServerError => "server-error",
            Self::Refused => "refused",
        }
    }
}

impl std::fmt::Display for FailureReason {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The future of one delivery.
pub type Delivering<'a> = Pin<Box<dyn Future<Output = Result<Delivery, DeliveryError>> + Send + 'a>>;

/// Somewhere humans are told.
pub trait Receiver: Send + Sync {
    /// The receiver's name in the configuration.
    fn name(&self) -> &str;

    /// Delivers one announcement, once: one attempt, bounded in time.
    fn deliver<'a>(&'a self, announcement: &'a Announcement) -> Delivering<'a>;

    /// How often the last announcement of an open incident is delivered again; nothing for receivers that remember.
    fn repeat_every(&self) -> Option<Duration> {
        None
    }
}
