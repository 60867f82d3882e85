//! The task of one receiver: tries what is to be sent, and tells the journal what ended.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use trailbrake_detectors::time::Millis;

use super::mailbox::Mailbox;
use super::{Ended, Failure, Input, Shown};
use crate::alert::{Delivery, DeliveryError, FailureReason, Notice, Receiver, Summary};
use crate::clock::SharedClock;
use crate::journal::{Order, OrderEnd};
use crate::limits::DRAIN_DEADLINE;

/// What was tried.
enum Tried {
    /// An order.
    Order(Box<Order>),
    /// Several, told together.
    Summary {
        /// The summary's id, for the log.
        id: String,
    },
}

/// An attempt that ended.
struct Attempt {
    tried: Tried,
    result: Result<(), DeliveryError>,
}

/// The task of one receiver.
pub(super) struct Postman {
    pub(super) name: String,
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) clock: SharedClock,
    pub(super) shown: Shown,
    pub(super) ends: mpsc::Sender<Ended>,
    /// Why the receiver failed last: it is logged when it changes, not with each attempt.
    pub(super) failing: Option<FailureReason>,
}

impl Postman {
    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut attempts = JoinSet::new();
        let mut deadline = None;
        loop {
            let quiet = self.work(&mut attempts).await;
            let now = self.clock.now();
            let is_retired = self.mailbox.is_retired();
            if is_retired || *stop.borrow() {
                let deadline = *deadline.get_or_insert_with(|| tokio::time::Instant::now() + DRAIN_DEADLINE);
                if quiet || tokio::time::Instant::now() >= deadline {
                    break;
                }
            }
            let nap = self.nap(now).min(if deadline.is_some() { Duration::from_millis(50) } else { NAP_MAX });
            tokio::select! {
                Some(attempt) = attempts.join_next() => self.finish(attempt),
                () = self.mailbox.rings.notified() => {}
                () = tokio::time::sleep(nap) => {}
                changed = stop.changed(), if deadline.is_none() && !*stop.borrow() => {
                    if changed.is_err() {
                        // Whoever could say stop is gone: so is the daemon.
                        break;
                    }
                }
            }
        }
        let left = self.mailbox.letters().outbox.unended();
        if left > 0 {
            tracing::warn!(receiver = %self.name, left, "orders wait in the journal for the next start");
        }
        self.shown.trouble(&self.name, None);
    }

    /// Starts what is to be sent and tells the journal what ended; says whether nothing more is due.
    async fn work(&self, attempts: &mut JoinSet<Attempt>) -> bool {
        let now = self.clock.now();
        let (send, summary, ended, length, quiet) = {
            let mut letters = self.mailbox.letters();
            letters.step(Input::Tick, now);
            let (send, ended) = (std::mem::take(&mut letters.send), std::mem::take(&mut letters.ended));
            let outbox = &letters.outbox;
            let again = |order: Order| (outbox.may_repeat(&order.announcement.page_key), order);
            let send: Vec<(bool, Order)> = send.into_iter().map(again).collect();
            let (length, quiet) = (outbox.unended(), outbox.is_quiet(now));
            (send, letters.summary.take(), ended, length, quiet)
        };
        for (is_again, order) in send {
            attempts.spawn(attempt(self.mailbox.receiver(), order, is_again));
        }
        if let Some(summary) = summary {
            let (receiver, incidents) = (&self.name, summary.incidents);
            tracing::warn!(%receiver, incidents, "past the receiver's limit: incidents are told together");
            attempts.spawn(attempt_together(self.mailbox.receiver(), summary));
        }
        self.shown.metrics.set_queue_length(&format!("orders-{}", self.name), length);
        for end in ended {
            self.shown.metrics.count_order_end(&self.name, end.word);
            if end.end == OrderEnd::GivenUp {
                tracing::error!(receiver = %self.name, order = %end.id, "order given up: nobody was told by it");
            }
            let _ = self.ends.send(end).await;
        }
        quiet && attempts.is_empty()
    }

    fn finish(&mut self, attempt: Result<Attempt, tokio::task::JoinError>) {
        let Ok(Attempt { tried, result }) = attempt else { return };
        let id = match &tried {
            Tried::Order(order) => &order.id,
            Tried::Summary { id } => id,
        };
        let result = result.map_err(|error| {
            self.shown.metrics.count_delivery_failure(&self.name, error.reason.as_str());
            if self.failing != Some(error.reason) {
                tracing::warn!(receiver = %self.name, order = %id, %error, "delivery failed");
            }
            self.failing = Some(error.reason);
            self.shown.trouble(&self.name, self.failing);
            Failure { reason: error.reason, retry_after: error.retry_after }
        });
        if result.is_ok() && self.failing.take().is_some() {
            tracing::info!(receiver = %self.name, "the receiver takes messages again");
            self.shown.trouble(&self.name, None);
        }
        let random = fastrand::f64();
        let input = match tried {
            Tried::Order(order) => Input::Tried { page_key: order.announcement.page_key, result, random },
            Tried::Summary { .. } => Input::Summarised { result, random },
        };
        self.mailbox.letters().step(input, self.clock.now());
    }

    fn nap(&self, now: Millis) -> Duration {
        match self.mailbox.letters().outbox.wake_at() {
            Some(at) => Duration::from_millis(u64::try_from(at.0.saturating_sub(now.0)).unwrap_or(0)),
            None => NAP_MAX,
        }
    }
}

/// One attempt.
async fn attempt(receiver: Arc<dyn Receiver>, order: Order, is_again: bool) -> Attempt {
    let (name, announcement, record) = (receiver.name().to_owned(), order.announcement.clone(), order.record);
    let delivery = tokio::spawn(async move {
        if is_again {
            receiver.deliver_again(&announcement, &record).await
        } else {
            receiver.deliver(&announcement, &record).await
        }
    });
    Attempt { tried: Tried::Order(Box::new(order)), result: outcome(name, delivery.await) }
}

/// One attempt at several orders.
async fn attempt_together(receiver: Arc<dyn Receiver>, summary: Box<Summary>) -> Attempt {
    let (name, notice) = (receiver.name().to_owned(), Notice::summary(&summary, receiver.public_url()));
    let delivery = tokio::spawn(async move { receiver.tell(&notice).await });
    Attempt { tried: Tried::Summary { id: summary.id }, result: outcome(name, delivery.await) }
}

/// A receiver that panics has failed, as any other that fails.
fn outcome(
    receiver: String,
    delivery: Result<Result<Delivery, DeliveryError>, tokio::task::JoinError>,
) -> Result<(), DeliveryError> {
    match delivery {
        Ok(delivery) => delivery.map(|_| ()),
        Err(error) => Err(DeliveryError {
            receiver,
            reason: FailureReason::Broken,
            detail: format!("the delivery broke off: {error}"),
            retry_after: None,
        }),
    }
}

/// The clock may be moved, and not tell: no task sleeps for longer.
const NAP_MAX: Duration = Duration::from_secs(1);
