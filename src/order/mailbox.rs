//! Where orders wait for the task of their receiver, and what the receiver is at this moment.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use tokio::sync::Notify;
use trailbrake_detectors::time::Millis;

use super::{Ended, Input, Manner, Outbox};
use crate::alert::{Receiver, Summary};
use crate::journal::Order;
use crate::limits::ENDS_QUEUED_MAX;

/// Where the journal's thread leaves orders and the receiver's task finds them.
pub(super) struct Mailbox {
    receiver: RwLock<Arc<dyn Receiver>>,
    letters: Mutex<Letters>,
    pub(super) rings: Notify,
    retired: AtomicBool,
}

pub(super) struct Letters {
    pub(super) outbox: Outbox,
    /// What the last steps asked to send, until the task does.
    pub(super) send: Vec<Order>,
    /// The same for orders that are told together.
    pub(super) summary: Option<Box<Summary>>,
    /// What ended, until the task has told the journal.
    pub(super) ended: Vec<Ended>,
}

impl Letters {
    fn new(outbox: Outbox) -> Self {
        Self { outbox, send: Vec::new(), summary: None, ended: Vec::new() }
    }

    pub(super) fn step(&mut self, input: Input, now: Millis) {
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
    pub(super) fn new(receiver: Arc<dyn Receiver>, open_pages: Vec<Order>, now: Millis) -> Self {
        let outbox = Outbox::new(receiver.repeat_every(), open_pages, now).in_manner(manner_of(&*receiver), now);
        Self {
            receiver: RwLock::new(receiver),
            letters: Mutex::new(Letters::new(outbox)),
            rings: Notify::new(),
            retired: AtomicBool::new(false),
        }
    }

    pub(super) fn receiver(&self) -> Arc<dyn Receiver> {
        Arc::clone(&self.receiver.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn replace(&self, receiver: Arc<dyn Receiver>, now: Millis) {
        self.letters().outbox.change_manner(receiver.repeat_every(), manner_of(&*receiver), now);
        *self.receiver.write().unwrap_or_else(PoisonError::into_inner) = receiver;
        self.rings.notify_one();
    }

    pub(super) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Acquire)
    }

    pub(super) fn retire(&self, now: Millis) {
        self.retired.store(true, Ordering::Release);
        self.put(Input::Retire, now);
    }

    pub(super) fn put(&self, input: Input, now: Millis) {
        self.letters().step(input, now);
        self.rings.notify_one();
    }

    pub(super) fn letters(&self) -> MutexGuard<'_, Letters> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn manner_of(receiver: &dyn Receiver) -> Manner {
    Manner { edits: receiver.edits(), messages_per_minute: receiver.messages_per_minute() }
}
