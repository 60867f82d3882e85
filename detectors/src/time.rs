//! The only types for time: event time in whole seconds, wall time in milliseconds.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Event time in whole seconds since the Unix epoch: CloudTrail's `eventTime` has no finer grain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Second(pub i64);

/// Wall time in milliseconds since the Unix epoch: when something was received, decided or done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub i64);

impl Second {
    /// Reads CloudTrail's own form, `2023-07-10T12:07:49Z`; fractions of a second are cut off.
    pub fn parse(text: &str) -> Option<Self> {
        let timestamp: Timestamp = text.parse().ok()?;
        Some(Self(timestamp.as_second()))
    }

    /// This instant plus (or minus) a number of seconds, held within the range of the type.
    #[must_use]
    pub fn plus(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// The first millisecond of this second.
    pub fn millis(self) -> Millis {
        Millis(self.0.saturating_mul(1000))
    }
}

impl Millis {
    /// The second that this instant falls in.
    pub fn second(self) -> Second {
        Second(self.0.div_euclid(1000))
    }

    /// This instant plus (or minus) a number of milliseconds, held within the range of the type.
    #[must_use]
    pub fn plus(self, milliseconds: i64) -> Self {
        Self(self.0.saturating_add(milliseconds))
    }
}

impl fmt::Display for Second {
    /// CloudTrail's own form; an instant outside what that form can hold is shown as a number of seconds.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_second(self.0) {
            Ok(timestamp) => write!(formatter, "{timestamp}"),
            Err(_) => write!(formatter, "{}s", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_cloudtrails_own_form() {
        let second = Second::parse("2023-07-10T12:07:49Z").expect("a valid time");
        assert_eq!(second, Second(1_688_990_869));
        assert_eq!(second.to_string(), "2023-07-10T12:07:49Z");
        assert_eq!(Second::parse("yesterday"), None);
        assert_eq!(Second::parse("2023-07-10T12:07:49.9Z"), Some(second));
    }

    #[test]
    fn milliseconds_before_the_epoch_fall_in_the_second_before() {
        assert_eq!(Millis(-1).second(), Second(-1));
        assert_eq!(Millis(1_999).second(), Second(1));
    }
}
