//! What happens to an outbox, and what is to be done about it.

use std::time::Duration;

use trailbrake_detectors::time::Millis;

use super::{Ended, word};
use crate::alert::{FailureReason, Summary};
use crate::journal::{Order, OrderEnd};
use crate::limits::BAD_ANSWERS_MAX;

/// How an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Why.
    pub reason: FailureReason,
    /// How long the receiver asks us to wait.
    pub retry_after: Option<Duration>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// An order was made.
    Order(Box<Order>),
    /// The journal held an order at the start: it may have been delivered before.
    Recovered(Box<Order>),
    /// An order was made that no route leads here: it is sent only if this receiver was told of its incident before.
    Unrouted(Box<Order>),
    /// An attempt ended.
    Tried {
        /// The page key of what was sent.
        page_key: String,
        /// How it went.
        result: Result<(), Failure>,
        /// Between 0 and 1, spreads the retries.
        random: f64,
    },
    /// The attempt to tell incidents together ended.
    Summarised {
        /// How it went.
        result: Result<(), Failure>,
        /// Between 0 and 1, spreads the retries.
        random: f64,
    },
    /// The receiver is not configured any more: nothing more is sent.
    Retire,
    /// Time passed.
    Tick,
}

/// What is to be done about it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// To be sent, each an attempt of its own.
    pub send: Vec<Order>,
    /// To be sent, in place of all orders past the receiver's limit.
    pub summary: Option<Box<Summary>>,
    /// To be told to the journal.
    pub ended: Vec<Ended>,
}

impl Failure {
    /// Whether it is worth another attempt. One that may have been taken each time is not, for long.
    pub(super) fn may_try_again(self, attempts: u32) -> bool {
        self.reason.is_retryable() && (self.reason != FailureReason::BadAnswer || attempts < BAD_ANSWERS_MAX)
    }
}

impl Step {
    pub(super) fn end(&mut self, order: Order, end: OrderEnd, word: &'static str, at: Millis) {
        self.ended.push(Ended { id: order.id, end, at, word });
    }

    pub(super) fn give_up(&mut self, order: Order, at: Millis) {
        self.end(order, OrderEnd::GivenUp, word::GIVEN_UP, at);
    }
}
