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
        if let Some(second) = Self::parse_usual(text) {
            return Some(second);
        }
        let timestamp: Timestamp = text.parse().ok()?;
        Some(Self(timestamp.as_second()))
    }

    /// The one form that AWS writes, read without the machinery for all others: every record has a time.
    fn parse_usual(text: &str) -> Option<Self> {
        let bytes: &[u8; 20] = text.as_bytes().try_into().ok()?;
        let [y3, y2, y1, y0, b'-', m1, m0, b'-', d1, d0, b'T', h1, h0, b':', n1, n0, b':', s1, s0, b'Z'] = *bytes
        else {
            return None;
        };
        let digit = |byte: u8| char::from(byte).to_digit(10).map(i64::from);
        let pair = |tens: u8, ones: u8| Some(digit(tens)? * 10 + digit(ones)?);
        let (year, month, day) = (pair(y3, y2)? * 100 + pair(y1, y0)?, pair(m1, m0)?, pair(d1, d0)?);
        let (hour, minute, second) = (pair(h1, h0)?, pair(n1, n0)?, pair(s1, s0)?);
        // The 29th of February and the like, and leap seconds, are left to the calendar.
        if !(1..=12).contains(&month) || !(1..=28).contains(&day) || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        // Days of a year that begins in March, so that a leap day is its last.
        let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
        let days = 365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
        let days = days + (153 * month + 2) / 5 + day - 719_469;
        Some(Self(days * 86_400 + hour * 3_600 + minute * 60 + second))
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
    fn the_usual_form_is_read_like_any_other() {
        for day in 0..200_000 {
            let second = Second(-62_000_000_000 + day * 86_400 * 3 + day % 86_400);
            let text = second.to_string();
            assert_eq!(Second::parse(&text), Some(second), "{text}");
            let usual = Second::parse_usual(&text);
            assert!(usual.is_none_or(|usual| usual == second), "{text}: {usual:?}");
        }
        for text in ["2023-02-29T00:00:00Z", "2023-13-01T00:00:00Z", "2023-01-01T24:00:00Z", "2023-01-01 00:00:0Z"] {
            assert_eq!(Second::parse(text), None, "{text}");
        }
    }

    #[test]
    fn milliseconds_before_the_epoch_fall_in_the_second_before() {
        assert_eq!(Millis(-1).second(), Second(-1));
        assert_eq!(Millis(1_999).second(), Second(1));
    }
}
