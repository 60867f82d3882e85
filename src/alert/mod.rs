//! Who is told. Each receiver turns an announcement into its own words; retries and order are the caller's.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use trailbrake_detectors::engine::Announcement;

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
