//! What came back from a receiver: that it took a message, or why it did not.

use std::fmt;
use std::time::Duration;

/// What came back from a receiver that took a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// The HTTP status; 0 where there is none.
    pub status: u16,
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
    /// No connection.
    Unreachable,
    /// The connection broke before there was an answer: the message may have been taken.
    Broken,
    /// No answer in time: the message may have been taken.
    Timeout,
    /// It asks us to slow down.
    RateLimited,
    /// It failed by itself (5xx).
    ServerError,
    /// It says that all is well, in words that are not its own: something else may have answered.
    BadAnswer,
    /// It sends us elsewhere (3xx). Nobody is followed: the next may not be who it says.
    Redirected,
    /// It refuses the message as it is (4xx, or an error in its own words); again will not help.
    Refused,
}

impl FailureReason {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Unreachable,
        Self::Broken,
        Self::Timeout,
        Self::RateLimited,
        Self::ServerError,
        Self::BadAnswer,
        Self::Redirected,
        Self::Refused,
    ];

    /// Whether the same message may be taken later.
    pub fn is_retryable(self) -> bool {
        !matches!(self, Self::Refused | Self::Redirected)
    }

    /// Whether the message may have been taken all the same.
    pub fn may_have_been_taken(self) -> bool {
        matches!(self, Self::Broken | Self::Timeout | Self::ServerError | Self::BadAnswer)
    }

    /// The word used in metrics and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Broken => "broken",
            Self::Timeout => "timeout",
            Self::RateLimited => "rate-limited",
            Self::ServerError => "server-error",
            Self::BadAnswer => "bad-answer",
            Self::Redirected => "redirected",
            Self::Refused => "refused",
        }
    }
}

impl fmt::Display for FailureReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reasons_are_those_that_the_metrics_declare() {
        let words = FailureReason::ALL.map(FailureReason::as_str);
        assert_eq!(words.as_slice(), crate::metrics::DELIVERY_FAILURES);
    }
}
