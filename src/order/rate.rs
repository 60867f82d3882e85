//! How many messages a receiver gets in a minute. Pure: time is an argument.

use trailbrake_detectors::time::Millis;

/// One message, in the unit in which a bucket fills up: each millisecond adds as many as messages are allowed a minute.
const MESSAGE: i64 = 60_000;

/// Holds the messages of one minute at most, and fills up evenly.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    per_minute: i64,
    level: i64,
    filled_at: Millis,
}

impl Bucket {
    pub(super) fn full(per_minute: u32, now: Millis) -> Self {
        let per_minute = i64::from(per_minute.max(1));
        Self { per_minute, level: per_minute * MESSAGE, filled_at: now }
    }

    /// Time passes; a clock that goes back takes nothing away.
    pub(super) fn fill(&mut self, now: Millis) {
        let passed = now.0.saturating_sub(self.filled_at.0).clamp(0, MESSAGE);
        self.level = (self.level + passed * self.per_minute).min(self.per_minute * MESSAGE);
        self.filled_at = now;
    }

    /// Whether there is room for a message.
    pub(super) fn has_room(&self) -> bool {
        self.level >= MESSAGE
    }

    /// Whether no message was sent for so long that all could be sent at once.
    pub(super) fn is_full(&self) -> bool {
        self.level >= self.per_minute * MESSAGE
    }

    /// One message is sent, whether there was room or not.
    pub(super) fn take(&mut self) {
        self.level = (self.level - MESSAGE).max(0);
    }

    /// When there is room again.
    pub(super) fn room_at(&self) -> Millis {
        let missing = (MESSAGE - self.level).max(0);
        self.filled_at.plus((missing + self.per_minute - 1) / self.per_minute)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_s_messages_go_at_once_and_then_one_at_a_time() {
        let mut bucket = Bucket::full(20, Millis(0));
        for _ in 0..20 {
            assert!(bucket.has_room());
            bucket.take();
        }
        assert!(!bucket.has_room());
        assert_eq!(bucket.room_at(), Millis(3_000));
        bucket.fill(Millis(2_999));
        assert!(!bucket.has_room());
        bucket.fill(Millis(3_000));
        assert!(bucket.has_room() && !bucket.is_full());
        bucket.fill(Millis(-1_000_000));
        assert!(bucket.has_room(), "a clock that goes back takes nothing away");
        bucket.fill(Millis(10_000_000));
        assert!(bucket.is_full());
        bucket.take();
        assert!(!bucket.is_full());
    }
}
