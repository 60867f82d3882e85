//! The accounts of records received: each ends in exactly one column, and the columns add up.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use trailbrake_detectors::engine::Column;
use trailbrake_detectors::time::Millis;

use super::DecodedBatch;
use crate::limits::{REJECTS_LOGGED_MAX, REJECTS_LOGGED_PERIOD};

/// Records by column, and how many were received. The words are those of the journal, the metrics and the API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    received: u64,
    columns: BTreeMap<&'static str, u64>,
}

impl Accounts {
    /// The column of records that could not be read or may not be believed.
    pub const REJECTED: &'static str = "rejected";
    /// The column of reads, and of what bears on nothing.
    pub const IGNORED: &'static str = "ignored";
    /// The number of records received, which is no column: the columns add up to it.
    pub const RECEIVED: &'static str = "received";

    /// The word for a column that the engine counts in.
    pub fn word(column: Column) -> &'static str {
        match column {
            Column::Judged => "judged",
            Column::Duplicate => "duplicate",
            Column::Twin => "twin",
            Column::Conflicting => "conflicting",
        }
    }

    /// Counts records as received.
    pub fn receive(&mut self, records: u64) {
        self.received = self.received.saturating_add(records);
    }

    /// Counts records in a column.
    pub fn count(&mut self, column: &'static str, records: u64) {
        if records > 0 {
            let count = self.columns.entry(column).or_default();
            *count = count.saturating_add(records);
        }
    }

    /// Adds other accounts to these.
    pub fn add(&mut self, other: &Self) {
        self.receive(other.received);
        for (column, records) in &other.columns {
            self.count(column, *records);
        }
    }

    /// How many records were received.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// How many records ended in a column.
    pub fn column(&self, column: &str) -> u64 {
        self.columns.get(column).copied().unwrap_or(0)
    }

    /// Records that went into the judgement.
    pub fn facts(&self) -> u64 {
        [Column::Judged, Column::Conflicting, Column::Twin].map(|column| self.column(Self::word(column))).iter().sum()
    }

    /// The columns that hold something.
    pub fn columns(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.columns.iter().map(|(column, records)| (*column, *records))
    }

    /// How many records the columns miss (or have too many): nothing, or a defect of ours.
    pub fn unaccounted(&self) -> u64 {
        self.received.abs_diff(self.columns.values().fold(0, |sum, records| sum.saturating_add(*records)))
    }
}

impl std::fmt::Display for Accounts {
    /// `12 received = 3 judged + 1 rejected + 8 ignored`.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} received =", self.received)?;
        let words = ["judged", "duplicate", "twin", "conflicting", Self::IGNORED, Self::REJECTED];
        for (index, word) in words.iter().enumerate() {
            let plus = if index == 0 { "" } else { " +" };
            write!(formatter, "{plus} {} {word}", self.column(word))?;
        }
        match self.unaccounted() {
            0 => Ok(()),
            missing => write!(formatter, " (off by {missing}: please report this)"),
        }
    }
}

/// Logs rejects with a sample and their position, so many in a period and no more.
#[derive(Debug, Default)]
pub struct RejectLog {
    period: Mutex<Period>,
}

#[derive(Debug, Default)]
struct Period {
    began_at: Millis,
    logged: u32,
    silent: u64,
}

impl RejectLog {
    /// Logs what of a batch's rejects the period still has room for.
    pub fn note(&self, batch: &DecodedBatch) {
        let position = batch.position.as_ref().map_or(String::new(), |position| {
            let at = position.at.as_deref().unwrap_or("gone");
            if position.name == batch.partition.name { at.to_owned() } else { format!("{}: {at}", position.name) }
        });
        let mut left_out: u64 = batch.rejected.iter().map(|(_, records)| records).sum();
        for reject in &batch.reject_notes {
            let Some(silent) = self.room(batch.received_at) else { break };
            left_out = left_out.saturating_sub(1);
            tracing::warn!(
                source = %batch.terms.name,
                partition = ?batch.partition.name,
                position = ?position,
                message = reject.payload,
                record = reject.record,
                reason = reject.reason,
                sample = ?reject.sample,
                not_logged_before = silent,
                "record rejected"
            );
        }
        self.leave_out(left_out);
    }

    fn leave_out(&self, rejects: u64) {
        let mut period = self.period.lock().unwrap_or_else(PoisonError::into_inner);
        period.silent = period.silent.saturating_add(rejects);
    }

    /// Whether one more may be logged, and how many were kept silent since the last one that was.
    fn room(&self, now: Millis) -> Option<u64> {
        let mut period = self.period.lock().unwrap_or_else(PoisonError::into_inner);
        let length = i64::try_from(REJECTS_LOGGED_PERIOD.as_millis()).unwrap_or(i64::MAX);
        if now.0.saturating_sub(period.began_at.0) >= length {
            period.began_at = now;
            period.logged = 0;
        }
        if period.logged >= REJECTS_LOGGED_MAX {
            return None;
        }
        period.logged += 1;
        Some(std::mem::take(&mut period.silent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_say_when_they_do_not_add_up() {
        let mut accounts = Accounts::default();
        accounts.receive(3);
        accounts.count(Accounts::IGNORED, 2);
        accounts.count(Accounts::word(Column::Judged), 1);
        assert_eq!(accounts.unaccounted(), 0);
        assert_eq!(
            accounts.to_string(),
            "3 received = 1 judged + 0 duplicate + 0 twin + 0 conflicting + 2 ignored + 0 rejected"
        );
        accounts.count(Accounts::REJECTED, 2);
        assert_eq!(accounts.unaccounted(), 2);
        assert!(accounts.to_string().ends_with("(off by 2: please report this)"));
    }

    #[test]
    fn the_log_of_rejects_has_a_bound_and_says_what_it_left_out() {
        let log = RejectLog::default();
        let start = Millis(1_000_000);
        let logged = (0..REJECTS_LOGGED_MAX + 5).filter(|_| log.room(start).is_some()).count();
        assert_eq!(logged, REJECTS_LOGGED_MAX as usize);
        log.leave_out(5);
        let later = start.plus(i64::try_from(REJECTS_LOGGED_PERIOD.as_millis()).expect("small"));
        assert_eq!(log.room(later), Some(5));
        assert_eq!(log.room(later), Some(0));
    }
}
