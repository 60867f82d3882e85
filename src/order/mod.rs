//! Orders: one task per receiver brings what the journal holds to the receivers, in order, until they have it.

mod outbox;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use trailbrake_detectors::time::Millis;

pub use self::outbox::{Failure, Input, Outbox, Step};
use crate::alert::{DeliveryError, FailureReason, Receiver};
use crate::clock::SharedClock;
use crate::journal::{Order, OrderEnd};
use crate::limits::{DRAIN_DEADLINE, ENDS_QUEUED_MAX};
use crate::metrics::Metrics;

/// An order that ended, for the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The order's id.
    pub id: String,
    /// How it ended.
    pub end: OrderEnd,
    /// When.
    pub at: Millis,
}

/// Takes orders that are in the journal. Never waits: what a receiver cannot take in time is superseded or given up.
#[derive(Clone)]
pub struct OrderSender {
    mailboxes: Arc<BTreeMap<String, Arc<Mailbox>>>,
    clock: SharedClock,
}

impl OrderSender {
    /// Hands an order to the task of its receiver.
    pub fn send(&self, order: Order) {
        match self.mailboxes.get(&order.receiver) {
            Some(mailbox) => mailbox.put(order, self.clock.now()),
            None => tracing::error!(receiver = %order.receiver, order = %order.id, "an order names no known receiver"),
        }
    }
}

/// Starts one task per receiver. `orders` have not ended, `open_pages` were delivered last and are not resolved: both as
/// the journal held them at the start.
///
/// When `stop` becomes true, each task still sends what is due, at most for [`DRAIN_DEADLINE`], and ends; what is left
/// waits in the journal for the next start. When all have ended, the channel of ends is closed.
pub fn start(
    receivers: Vec<Arc<dyn Receiver>>,
    orders: Vec<Order>,
    open_pages: Vec<Order>,
    clock: SharedClock,
    metrics: Arc<Metrics>,
    stop: watch::Receiver<bool>,
) -> (OrderSender, mpsc::Receiver<Ended>) {
    let (ends, ended) = mpsc::channel(ENDS_QUEUED_MAX);
    let now = clock.now();
    let mut mailboxes = BTreeMap::new();
    for receiver in receivers {
        let pages = open_pages.iter().filter(|page| page.receiver == receiver.name()).cloned().collect();
        let outbox = Outbox::new(receiver.repeat_every(), pages, now);
        let mailbox = Arc::new(Mailbox { letters: Mutex::new(Letters::new(outbox)), rings: Notify::new() });
        mailboxes.insert(receiver.name().to_owned(), Arc::clone(&mailbox));
        let (clock, metrics) = (clock.clone(), Arc::clone(&metrics));
        let postman = Postman { receiver, mailbox, clock, metrics, ends: ends.clone(), failing: None };
        tokio::spawn(postman.run(stop.clone()));
    }
    let sender = OrderSender { mailboxes: Arc::new(mailboxes), clock };
    let (known, unknown): (Vec<_>, Vec<_>) =
        orders.into_iter().partition(|order| sender.mailboxes.contains_key(&order.receiver));
    known.into_iter().for_each(|order| sender.send(order));
    give_up_unknown(unknown, now, &metrics, ends);
    (sender, ended)
}

/// Orders for receivers that the configuration no longer names will never be delivered.
fn give_up_unknown(orders: Vec<Order>, at: Millis, metrics: &Metrics, ends: mpsc::Sender<Ended>) {
    for order in &orders {
        tracing::error!(receiver = %order.receiver, order = %order.id, "order given up: its receiver is not configured");
        metrics.count_order_end("unconfigured", end_word(OrderEnd::GivenUp));
    }
    tokio::spawn(async move {
        for order in orders {
            // A closed channel means that the journal is gone, and with it whoever would want to know.
            let _ = ends.send(Ended { id: order.id, end: OrderEnd::GivenUp, at }).await;
        }
    });
}

/// Where the journal's thread leaves orders and the receiver's task finds them.
struct Mailbox {
    letters: Mutex<Letters>,
    rings: Notify,
}

struct Letters {
    outbox: Outbox,
    /// What the last steps asked to send, until the task does.
    send: Vec<Order>,
    /// What ended, until the task has told the journal.
    ended: Vec<Ended>,
}

impl Letters {
    fn new(outbox: Outbox) -> Self {
        Self { outbox, send: Vec::new(), ended: Vec::new() }
    }

    fn step(&mut self, input: Input, now: Millis) {
        let step = self.outbox.step(input, now);
        self.send.extend(step.send);
        self.ended.extend(step.ended);
        if self.ended.len() > ENDS_QUEUED_MAX {
            // An order whose end the journal never hears of is sent once more after a restart: no page is lost.
            let lost = self.ended.len() - ENDS_QUEUED_MAX;
            self.ended.drain(..lost);
            tracing::error!(lost, "the journal does not take the ends of orders");
        }
    }
}

impl Mailbox {
    fn put(&self, order: Order, now: Millis) {
        self.letters().step(Input::Order(Box::new(order)), now);
        self.rings.notify_one();
    }

    fn letters(&self) -> MutexGuard<'_, Letters> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An attempt that ended.
struct Attempt {
    order: Order,
    result: Result<(), DeliveryError>,
}

/// The task of one receiver.
struct Postman {
    receiver: Arc<dyn Receiver>,
    mailbox: Arc<Mailbox>,
    clock: SharedClock,
    metrics: Arc<Metrics>,
    ends: mpsc::Sender<Ended>,
    /// Why the receiver failed last: it is logged when it changes, not with each attempt.
    failing: Option<FailureReason>,
}

impl Postman {
    async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut attempts = JoinSet::new();
        let mut deadline = None;
        loop {
            let quiet = self.work(&mut attempts).await;
            let now = self.clock.now();
            if *stop.borrow() {
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
            tracing::warn!(receiver = %self.receiver.name(), left, "orders wait in the journal for the next start");
        }
    }

    /// Starts what is to be sent and tells the journal what ended; says whether nothing more is due.
    async fn work(&self, attempts: &mut JoinSet<Attempt>) -> bool {
        let now = self.clock.now();
        let (send, ended, length, quiet) = {
            let mut letters = self.mailbox.letters();
            letters.step(Input::Tick, now);
            let (send, ended) = (std::mem::take(&mut letters.send), std::mem::take(&mut letters.ended));
            (send, ended, letters.outbox.unended(), letters.outbox.is_quiet(now))
        };
        for order in send {
            let receiver = Arc::clone(&self.receiver);
            attempts.spawn(attempt(receiver, order));
        }
        self.metrics.set_queue_length(&format!("orders-{}", self.receiver.name()), length);
        for end in ended {
            self.metrics.count_order_end(self.receiver.name(), end_word(end.end));
            if end.end == OrderEnd::GivenUp {
                tracing::error!(receiver = %self.receiver.name(), order = %end.id, "order given up: nobody was told by it");
            }
            let _ = self.ends.send(end).await;
        }
        quiet && attempts.is_empty()
    }

    fn finish(&mut self, attempt: Result<Attempt, tokio::task::JoinError>) {
        let Ok(Attempt { order, result }) = attempt else { return };
        let result = result.map_err(|error| {
            self.metrics.count_delivery_failure(self.receiver.name(), error.reason.as_str());
            if self.failing != Some(error.reason) {
                tracing::warn!(receiver = %self.receiver.name(), order = %order.id, %error, "delivery failed");
            }
            self.failing = Some(error.reason);
            Failure { reason: error.reason, retry_after: error.retry_after }
        });
        if result.is_ok() && self.failing.take().is_some() {
            tracing::info!(receiver = %self.receiver.name(), "the receiver takes messages again");
        }
        let page_key = order.announcement.page_key;
        let input = Input::Tried { page_key, result, random: fastrand::f64() };
        self.mailbox.letters().step(input, self.clock.now());
    }

    fn nap(&self, now: Millis) -> Duration {
        match self.mailbox.letters().outbox.wake_at() {
            Some(at) => Duration::from_millis(u64::try_from(at.0.saturating_sub(now.0)).unwrap_or(0)),
            None => NAP_MAX,
        }
    }
}

/// One attempt. A receiver that panics has failed, as any other that fails.
async fn attempt(receiver: Arc<dyn Receiver>, order: Order) -> Attempt {
    let (name, announcement) = (receiver.name().to_owned(), order.announcement.clone());
    let delivery = tokio::spawn(async move { receiver.deliver(&announcement).await }).await;
    let result = match delivery {
        Ok(delivery) => delivery.map(|_| ()),
        Err(error) => Err(DeliveryError {
            receiver: name,
            reason: FailureReason::Unreachable,
            detail: format!("the delivery broke off: {error}"),
            retry_after: None,
        }),
    };
    Attempt { order, result }
}

/// The clock may be moved, and not tell: no task sleeps for longer.
const NAP_MAX: Duration = Duration::from_secs(1);

fn end_word(end: OrderEnd) -> &'static str {
    match end {
        OrderEnd::Delivered => "delivered",
        OrderEnd::GivenUp => "given-up",
        OrderEnd::Superseded => "superseded",
    }
}
