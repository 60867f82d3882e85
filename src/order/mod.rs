//! Orders: one task per receiver brings what the journal holds to the receivers, in order, until they have it.

mod burst;
mod manner;
mod outbox;
mod rate;
mod step;
#[cfg(test)]
mod tests;
pub mod word;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use trailbrake_detectors::time::Millis;

pub use self::manner::Manner;
pub use self::outbox::Outbox;
pub use self::step::{Failure, Input, Step};
use crate::alert::{Delivery, DeliveryError, FailureReason, Notice, Receiver, Summary};
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
    /// How it is counted: see [`word`].
    pub word: &'static str,
}

/// The mailboxes of all receivers, by name.
type Mailboxes = Arc<RwLock<BTreeMap<String, Arc<Mailbox>>>>;

/// Takes orders that are in the journal. Never waits: what a receiver cannot take in time is superseded or given up.
#[derive(Clone)]
pub struct OrderSender {
    mailboxes: Mailboxes,
    clock: SharedClock,
}

impl OrderSender {
    fn mailbox(&self, receiver: &str) -> Option<Arc<Mailbox>> {
        self.mailboxes.read().unwrap_or_else(PoisonError::into_inner).get(receiver).cloned()
    }

    /// Hands an order to the task of its receiver.
    pub fn send(&self, order: Order) {
        match self.mailbox(&order.receiver) {
            Some(mailbox) => {
                let is_routed = mailbox.receiver().is_told_of(&order.announcement.situation);
                let input = if is_routed { Input::Order } else { Input::Unrouted };
                mailbox.put(input(Box::new(order)), self.clock.now());
            }
            None => tracing::error!(receiver = %order.receiver, order = %order.id, "an order names no known receiver"),
        }
    }

    /// Hands an order on that the journal held at the start. What the routes led to a receiver then is not taken back.
    fn recover(&self, order: Order) {
        if let Some(mailbox) = self.mailbox(&order.receiver) {
            mailbox.put(Input::Recovered(Box::new(order)), self.clock.now());
        }
    }
}

/// Starts one task per receiver. `orders` have not ended, `open_pages` were delivered last and are not resolved: both as
/// the journal held them at the start.
///
/// When `stop` becomes true, each task still sends what is due, at most for [`DRAIN_DEADLINE`], and ends; what is left
/// waits in the journal for the next start. When all have ended and the desk is gone, the channel of ends is closed.
pub fn start(
    receivers: Vec<Arc<dyn Receiver>>,
    orders: Vec<Order>,
    open_pages: &[Order],
    clock: SharedClock,
    metrics: Arc<Metrics>,
    stop: watch::Receiver<bool>,
) -> (OrderSender, Desk, mpsc::Receiver<Ended>) {
    let (ends, ended) = mpsc::channel(ENDS_QUEUED_MAX);
    let now = clock.now();
    let sender = OrderSender { mailboxes: Mailboxes::default(), clock };
    let desk = Desk { sender: sender.clone(), metrics, ends, stop };
    desk.take_up(receivers, open_pages);
    let (known, unknown): (Vec<_>, Vec<_>) =
        orders.into_iter().partition(|order| sender.mailbox(&order.receiver).is_some());
    known.into_iter().for_each(|order| sender.recover(order));
    give_up_unknown(unknown, now, &desk.metrics, desk.ends.clone());
    (sender, desk, ended)
}

/// Where receivers come and go while orders are under way.
pub struct Desk {
    sender: OrderSender,
    metrics: Arc<Metrics>,
    ends: mpsc::Sender<Ended>,
    stop: watch::Receiver<bool>,
}

impl Desk {
    /// Each of these receivers takes the place of the one of its name, with whatever that one is still to be told: no
    /// order is lost, and none is sent again that was taken. Others get a task of their own. `open_pages` were delivered
    /// to them last.
    pub fn take_up(&self, receivers: Vec<Arc<dyn Receiver>>, open_pages: &[Order]) {
        let now = self.sender.clock.now();
        let mut mailboxes = self.sender.mailboxes.write().unwrap_or_else(PoisonError::into_inner);
        for receiver in receivers {
            let name = receiver.name().to_owned();
            if let Some(mailbox) = mailboxes.get(&name) {
                mailbox.replace(receiver, now);
                continue;
            }
            let pages = open_pages.iter().filter(|page| page.receiver == name).cloned().collect();
            let mailbox = Arc::new(Mailbox::new(receiver, pages, now));
            let postman = Postman {
                name: name.clone(),
                mailbox: Arc::clone(&mailbox),
                clock: Arc::clone(&self.sender.clock),
                metrics: Arc::clone(&self.metrics),
                ends: self.ends.clone(),
                failing: None,
            };
            mailboxes.insert(name, mailbox);
            tokio::spawn(postman.run(self.stop.clone()));
        }
    }

    /// Lets go of all receivers but those with one of these names: what they are still to be told is given up.
    pub fn keep_only(&self, names: &[String]) {
        let now = self.sender.clock.now();
        let mut mailboxes = self.sender.mailboxes.write().unwrap_or_else(PoisonError::into_inner);
        mailboxes.retain(|name, mailbox| {
            let is_kept = names.contains(name);
            if !is_kept {
                tracing::info!(receiver = %name, "the receiver is not configured any more");
                mailbox.retire(now);
            }
            is_kept
        });
    }

    /// What each receiver is still to be told, and whether it fails.
    pub fn waiting(&self) -> Waiting {
        Waiting(Arc::clone(&self.sender.mailboxes))
    }
}

/// Tells what receivers are still to be told.
#[derive(Clone, Default)]
pub struct Waiting(Mailboxes);

impl Waiting {
    /// The number of orders that have not ended, by receiver.
    pub fn orders(&self) -> BTreeMap<String, usize> {
        let mailboxes = self.0.read().unwrap_or_else(PoisonError::into_inner);
        mailboxes.iter().map(|(name, mailbox)| (name.clone(), mailbox.letters().outbox.unended())).collect()
    }
}

/// Orders for receivers that the configuration no longer names will never be delivered.
fn give_up_unknown(orders: Vec<Order>, at: Millis, metrics: &Metrics, ends: mpsc::Sender<Ended>) {
    for order in &orders {
        tracing::error!(receiver = %order.receiver, order = %order.id, "order given up: its receiver is not configured");
        metrics.count_order_end("unconfigured", word::GIVEN_UP);
    }
    tokio::spawn(async move {
        for order in orders {
            // A closed channel means that the journal is gone, and with it whoever would want to know.
            let _ = ends.send(Ended { id: order.id, end: OrderEnd::GivenUp, at, word: word::GIVEN_UP }).await;
        }
    });
}

/// Where the journal's thread leaves orders and the receiver's task finds them.
struct Mailbox {
    receiver: RwLock<Arc<dyn Receiver>>,
    letters: Mutex<Letters>,
    rings: Notify,
    retired: AtomicBool,
}

struct Letters {
    outbox: Outbox,
    /// What the last steps asked to send, until the task does.
    send: Vec<Order>,
    /// The same for orders that are told together.
    summary: Option<Box<Summary>>,
    /// What ended, until the task has told the journal.
    ended: Vec<Ended>,
}

impl Letters {
    fn new(outbox: Outbox) -> Self {
        Self { outbox, send: Vec::new(), summary: None, ended: Vec::new() }
    }

    fn step(&mut self, input: Input, now: Millis) {
        let step = self.outbox.step(input, now);
        self.send.extend(step.send);
        // The outbox asks for one at a time.
        self.summary = step.summary.or(self.summary.take());
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
    fn new(receiver: Arc<dyn Receiver>, open_pages: Vec<Order>, now: Millis) -> Self {
        let outbox = Outbox::new(receiver.repeat_every(), open_pages, now).in_manner(manner_of(&*receiver), now);
        Self {
            receiver: RwLock::new(receiver),
            letters: Mutex::new(Letters::new(outbox)),
            rings: Notify::new(),
            retired: AtomicBool::new(false),
        }
    }

    fn receiver(&self) -> Arc<dyn Receiver> {
        Arc::clone(&self.receiver.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn replace(&self, receiver: Arc<dyn Receiver>, now: Millis) {
        self.letters().outbox.change_manner(receiver.repeat_every(), manner_of(&*receiver), now);
        *self.receiver.write().unwrap_or_else(PoisonError::into_inner) = receiver;
        self.rings.notify_one();
    }

    fn retire(&self, now: Millis) {
        self.retired.store(true, Ordering::Release);
        self.put(Input::Retire, now);
    }

    fn put(&self, input: Input, now: Millis) {
        self.letters().step(input, now);
        self.rings.notify_one();
    }

    fn letters(&self) -> MutexGuard<'_, Letters> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn manner_of(receiver: &dyn Receiver) -> Manner {
    Manner { edits: receiver.edits(), messages_per_minute: receiver.messages_per_minute() }
}

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
struct Postman {
    name: String,
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
            let is_retired = self.mailbox.retired.load(Ordering::Acquire);
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
        self.metrics.set_queue_length(&format!("orders-{}", self.name), length);
        for end in ended {
            self.metrics.count_order_end(&self.name, end.word);
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
            self.metrics.count_delivery_failure(&self.name, error.reason.as_str());
            if self.failing != Some(error.reason) {
                tracing::warn!(receiver = %self.name, order = %id, %error, "delivery failed");
            }
            self.failing = Some(error.reason);
            Failure { reason: error.reason, retry_after: error.retry_after }
        });
        if result.is_ok() && self.failing.take().is_some() {
            tracing::info!(receiver = %self.name, "the receiver takes messages again");
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
    let (name, announcement) = (receiver.name().to_owned(), order.announcement.clone());
    let delivery = tokio::spawn(async move {
        if is_again { receiver.deliver_again(&announcement).await } else { receiver.deliver(&announcement).await }
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
