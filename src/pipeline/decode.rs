//! Decoding: a batch of messages becomes facts, a mark, rejects and counts. Any number of these run side by side.

use std::sync::Arc;

use trailbrake_detectors::catalog::Catalog;
use trailbrake_detectors::decode::{RejectReason, decode};
use trailbrake_detectors::engine::Partition;
use trailbrake_detectors::event::Event;
use trailbrake_detectors::time::{Millis, Second};

use super::Accounts;
use crate::limits::REJECT_NOTES_MAX;
use crate::source::{Acknowledgement, Batch, Position, Terms};

/// One reject, as it is logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectNote {
    /// One of a fixed few words.
    pub reason: &'static str,
    /// The first bytes of it, printable and bounded.
    pub sample: String,
    /// The number of the message within its batch, from 0.
    pub payload: usize,
    /// The number of the record within its message, from 0.
    pub record: usize,
}

/// What a batch held.
#[derive(Debug)]
pub struct DecodedBatch {
    /// The terms of the source.
    pub terms: Arc<Terms>,
    /// The partition.
    pub partition: Partition,
    /// The position that the batch covers.
    pub position: Option<Position>,
    /// When it was complete.
    pub received_at: Millis,
    /// Told when the batch is durable.
    pub acknowledgement: Acknowledgement,
    /// Events that may bear on judgement.
    pub events: Vec<Event>,
    /// The greatest event time seen among accepted records.
    pub newest: Option<Second>,
    /// Received, rejected and ignored; the events are still to be counted.
    pub accounts: Accounts,
    /// Rejects by reason.
    pub rejected: Vec<(&'static str, u64)>,
    /// Records that say of a destruction that it was a read; they are judged all the same.
    pub read_only_destructive: u64,
    /// Resources that calls named past what is kept of one call.
    pub resources_left_out: u64,
    /// The first few rejects, to be logged.
    pub reject_notes: Vec<RejectNote>,
}

/// The stage that decodes.
#[derive(Clone, Debug, Default)]
pub struct DecodeStep {
    catalog: Option<Arc<Catalog>>,
}

impl DecodeStep {
    /// A stage with a catalog of the user's own; without one, that which is built in.
    pub fn new(catalog: Option<Arc<Catalog>>) -> Self {
        Self { catalog }
    }

    /// The word for records of accounts that their source may not speak for.
    pub const FOREIGN_ACCOUNT: &'static str = "foreign-account";

    /// What a reason to reject a record means; empty where the word says it all.
    pub fn about(reason: &str) -> &'static str {
        let known = RejectReason::ALL.into_iter().find(|known| known.as_str() == reason);
        match known {
            Some(known) => known.about(),
            None if reason == Self::FOREIGN_ACCOUNT => "it is of an account that the source may not speak for",
            None => "",
        }
    }

    /// Decodes a batch. Total: whatever the messages hold, each record of them is counted.
    pub fn step(&self, batch: Batch) -> DecodedBatch {
        let mut decoded = DecodedBatch {
            terms: batch.terms,
            partition: batch.partition,
            position: batch.position,
            received_at: batch.received_at,
            acknowledgement: batch.acknowledgement,
            events: Vec::new(),
            newest: None,
            accounts: Accounts::default(),
            rejected: Vec::new(),
            read_only_destructive: 0,
            resources_left_out: 0,
            reject_notes: Vec::new(),
        };
        let catalog = self.catalog.as_deref().unwrap_or(Catalog::built_in());
        for (index, payload) in batch.payloads.iter().enumerate() {
            let result = decode(payload, decoded.received_at, catalog);
            decoded.accounts.receive(result.received);
            decoded.accounts.count(Accounts::IGNORED, result.ignored);
            decoded.read_only_destructive = decoded.read_only_destructive.saturating_add(result.read_only_destructive);
            if decoded.terms.accounts.is_empty() {
                decoded.newest = decoded.newest.max(result.newest);
            }
            for reject in result.rejects {
                decoded.reject(reject.reason.as_str(), 1);
                decoded.note(reject.reason.as_str(), reject.sample, index, reject.record);
            }
            if result.rejects_undescribed > 0 {
                decoded.reject("not-described", result.rejects_undescribed);
            }
            decoded.take(result.events, index);
        }
        decoded
    }
}

impl DecodedBatch {
    /// Takes the events of accounts that the source may speak for, and rejects the others.
    fn take(&mut self, events: Vec<Event>, payload: usize) {
        let terms = Arc::clone(&self.terms);
        for (index, event) in events.into_iter().enumerate() {
            if terms.accounts.is_empty() || terms.accounts.iter().any(|one| event.account == *one) {
                // What others send does not move time.
                self.newest = self.newest.max(Some(event.time));
                self.resources_left_out = self.resources_left_out.saturating_add(event.resources_left_out.into());
                self.events.push(event);
            } else {
                let sample = format!("account {} in event {}", event.account, event.id);
                self.reject(DecodeStep::FOREIGN_ACCOUNT, 1);
                self.note(DecodeStep::FOREIGN_ACCOUNT, sample, payload, index);
            }
        }
    }

    fn reject(&mut self, reason: &'static str, records: u64) {
        self.accounts.count(Accounts::REJECTED, records);
        match self.rejected.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, count)) => *count = count.saturating_add(records),
            None => self.rejected.push((reason, records)),
        }
    }

    fn note(&mut self, reason: &'static str, sample: String, payload: usize, record: usize) {
        if self.reject_notes.len() < REJECT_NOTES_MAX {
            self.reject_notes.push(RejectNote { reason, sample, payload, record });
        }
    }
}
