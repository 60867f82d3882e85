//! Orders: one task per receiver brings what the journal holds to the receivers, in order, until they have it.

mod burst;
mod mailbox;
mod manner;
mod outbox;
mod postman;
mod rate;
mod step;
#[cfg(test)]
mod tests;
pub mod word;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::{mpsc, watch};
use trailbrake_detectors::time::Millis;

use self::mailbox::Mailbox;
pub use self::manner::Manner;
pub use self::outbox::Outbox;
use self::postman::Postman;
pub use self::step::{Failure, Input, Step};
use crate::alert::{FailureReason, Receiver};
use crate::clock::SharedClock;
use crate::health::Health;
use crate::journal::{Order, OrderEnd};
use crate::limits::ENDS_QUEUED_MAX;
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

/// Where it is shown how receivers are.
#[derive(Clone, Default)]
pub struct Shown {
    /// Counts what ends and what fails.
    pub metrics: Arc<Metrics>,
    /// Says which receivers take no messages.
    pub health: Arc<Health>,
}

impl Shown {
    /// The last attempt at a receiver failed, for this reason; or none has since it was taken up.
    fn trouble(&self, receiver: &str, why: Option<FailureReason>) {
        self.health.set_receiver_trouble(receiver, why.map(FailureReason::as_str));
        self.metrics.set_receiver_failing(receiver, why.is_some());
    }
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
/// When `stop` becomes true, each task still sends what is due, at most for [`crate::limits::DRAIN_DEADLINE`], and ends; what is left
/// waits in the journal for the next start. When all have ended and the desk is gone, the channel of ends is closed.
pub fn start(
    receivers: Vec<Arc<dyn Receiver>>,
    orders: Vec<Order>,
    open_pages: &[Order],
    clock: SharedClock,
    shown: Shown,
    stop: watch::Receiver<bool>,
) -> (OrderSender, Desk, mpsc::Receiver<Ended>) {
    let (ends, ended) = mpsc::channel(ENDS_QUEUED_MAX);
    let now = clock.now();
    let sender = OrderSender { mailboxes: Mailboxes::default(), clock };
    let desk = Desk { sender: sender.clone(), shown, ends, stop };
    desk.take_up(receivers, open_pages);
    let (known, unknown): (Vec<_>, Vec<_>) =
        orders.into_iter().partition(|order| sender.mailbox(&order.receiver).is_some());
    known.into_iter().for_each(|order| sender.recover(order));
    give_up_unknown(unknown, now, &desk.shown.metrics, desk.ends.clone());
    (sender, desk, ended)
}

/// Where receivers come and go while orders are under way.
pub struct Desk {
    sender: OrderSender,
    shown: Shown,
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
                // What is wrong with it, if anything, nobody has tried.
                self.shown.trouble(&name, None);
                continue;
            }
            let pages = open_pages.iter().filter(|page| page.receiver == name).cloned().collect();
            let mailbox = Arc::new(Mailbox::new(receiver, pages, now));
            let postman = Postman {
                name: name.clone(),
                mailbox: Arc::clone(&mailbox),
                clock: Arc::clone(&self.sender.clock),
                shown: self.shown.clone(),
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
