//! What one receiver is still to be told, in which order and when. Pure: time and randomness are arguments.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use trailbrake_detectors::engine::Change;
use trailbrake_detectors::incident::Severity;
use trailbrake_detectors::time::Millis;

use super::burst::Burst;
use super::manner::{Manner, Told, Turn};
use super::rate::Bucket;
use super::step::{Failure, Input, Step};
use super::word;
use crate::journal::{Order, OrderEnd};
use crate::limits::{
    DELIVERIES_MAX, ORDER_AGE_MAX, ORDERS_QUEUED_MAX, RETRY_AFTER_MAX, RETRY_WAIT_MAX, RETRY_WAIT_MIN,
};

/// An order that waits, alone of its page key.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) order: Order,
    pub(super) attempts: u32,
    due_at: Millis,
    /// An attempt before may have been taken.
    maybe_told: bool,
}

/// An order that is being sent.
#[derive(Clone, Debug)]
struct Sending {
    order: Order,
    attempts: u32,
    /// Delivered before, and sent again because the receiver forgets.
    is_repeat: bool,
    /// Its incident was said to be over while it was under way: it is neither tried nor repeated again.
    is_over: bool,
    /// An attempt before may have been taken.
    maybe_told: bool,
}

/// The last page of an open incident, for a receiver that forgets.
#[derive(Clone, Debug)]
struct OpenPage {
    order: Order,
    due_at: Millis,
}

/// What one receiver is still to be told.
///
/// Of each page key at most one order waits and at most one is being sent; a later order takes the place of the one that
/// waits. So whatever was said last is what the receiver hears last. Past the receiver's limit, incidents that it does not
/// know yet are told together; only the first page of a `critical` one always goes out by itself.
#[derive(Clone, Debug, Default)]
pub struct Outbox {
    repeat_every: Option<Duration>,
    pub(super) manner: Manner,
    pub(super) bucket: Option<Bucket>,
    pub(super) waiting: BTreeMap<String, Waiting>,
    sending: BTreeMap<String, Sending>,
    open: BTreeMap<String, OpenPage>,
    pub(super) told: Told,
    pub(super) burst: Burst,
    /// The receiver asked for a pause: nothing is sent before.
    held_until: Millis,
}

impl Outbox {
    /// An outbox for a receiver that hears open pages again this often, or never; `open_pages` were delivered before.
    pub fn new(repeat_every: Option<Duration>, open_pages: Vec<Order>, now: Millis) -> Self {
        let mut outbox = Self { repeat_every, ..Self::default() };
        for order in open_pages {
            outbox.told.individually(&order, now);
            outbox.remember_open(order, now);
        }
        outbox
    }

    /// The same, for a receiver with wishes of its own.
    #[must_use]
    pub fn in_manner(self, manner: Manner, now: Millis) -> Self {
        Self { manner, bucket: manner.messages_per_minute.map(|limit| Bucket::full(limit, now)), ..self }
    }

    /// The receiver was replaced by one with other wishes. What it is still to be told stays.
    pub fn change_manner(&mut self, repeat_every: Option<Duration>, manner: Manner, now: Millis) {
        if self.manner.messages_per_minute != manner.messages_per_minute {
            self.bucket = manner.messages_per_minute.map(|limit| Bucket::full(limit, now));
        }
        (self.repeat_every, self.manner) = (repeat_every, manner);
        if repeat_every.is_none() {
            self.open.clear();
        }
        // Whatever the one before asked for.
        self.held_until = now;
    }

    /// Gives up what waits, and tries nothing again that is under way.
    fn retire(&mut self, now: Millis, step: &mut Step) {
        self.open.clear();
        self.sending.values_mut().for_each(|sending| sending.is_over = true);
        std::mem::take(&mut self.waiting).into_values().for_each(|waiting| step.give_up(waiting.order, now));
    }

    /// Whether what is being sent for a page key may have been taken before.
    pub fn may_repeat(&self, page_key: &str) -> bool {
        self.sending.get(page_key).is_some_and(|sending| sending.maybe_told)
    }

    /// Orders that wait or are being sent.
    pub fn unended(&self) -> usize {
        self.waiting.len() + self.sending.values().filter(|sending| !sending.is_repeat).count()
    }

    /// Whether nothing is being sent and nothing could be sent by now.
    pub fn is_quiet(&self, now: Millis) -> bool {
        let sends_nothing = self.sending.is_empty() && !self.burst.is_sending();
        sends_nothing && (self.is_held(now) || self.waiting.values().all(|waiting| waiting.due_at > now))
    }

    /// Takes in what happened, and says what to do by `now`.
    pub fn step(&mut self, input: Input, now: Millis) -> Step {
        let mut step = Step::default();
        self.mend_clock(now);
        match input {
            Input::Order(order) => self.take(*order, false, now, &mut step),
            Input::Recovered(order) => self.take(*order, true, now, &mut step),
            Input::Unrouted(order) if self.knows(&order.announcement.page_key) => {
                self.take(*order, false, now, &mut step);
            }
            Input::Unrouted(order) => step.end(*order, OrderEnd::Superseded, word::UNROUTED, now),
            Input::Summarised { result, random } => self.summarised(result, random, now, &mut step),
            Input::Tried { page_key, result, random } => self.tried(&page_key, result, random, now, &mut step),
            Input::Retire => self.retire(now, &mut step),
            Input::Tick => {}
        }
        self.give_up_old(now, &mut step);
        self.send_due(now, &mut step);
        step
    }

    /// When there is something to do if nothing happens before.
    pub fn wake_at(&self) -> Option<Millis> {
        if self.sending.len() >= DELIVERIES_MAX {
            return None;
        }
        let waiting = self.waiting.iter().filter(|(key, _)| self.may_be_sent(key));
        let open = self.open.iter().filter(|(key, _)| !self.is_busy(key));
        let due = waiting.map(|(_, waiting)| waiting.due_at).chain(open.map(|(_, page)| page.due_at));
        let due = due.chain(self.burst.due_at()).min()?;
        Some(due.max(self.held_until))
    }

    /// Whether this receiver is being told of a page, or was.
    fn knows(&self, page_key: &str) -> bool {
        self.told.get(page_key).is_some() || self.is_busy(page_key)
    }

    fn take(&mut self, order: Order, maybe_told: bool, now: Millis, step: &mut Step) {
        let page_key = order.announcement.page_key.clone();
        if order.announcement.change == Change::Resolved {
            // What is over must not be said to be open again, even if the word that it is over is lost.
            self.open.remove(&page_key);
            if let Some(sending) = self.sending.get_mut(&page_key) {
                sending.is_over = true;
            }
        }
        let waiting = Waiting { order, attempts: 0, due_at: now, maybe_told };
        if let Some(older) = self.waiting.insert(page_key.clone(), waiting) {
            step.end(older.order, OrderEnd::Superseded, word::SUPERSEDED, now);
        } else if self.waiting.len() > ORDERS_QUEUED_MAX {
            let least = least(self.waiting.iter().map(|(key, waiting)| (key, &waiting.order)));
            if let Some(given_up) = least.and_then(|key| self.waiting.remove(&key)) {
                step.give_up(given_up.order, now);
            }
        }
    }

    fn tried(&mut self, page_key: &str, result: Result<(), Failure>, random: f64, now: Millis, step: &mut Step) {
        let Some(sent) = self.sending.remove(page_key) else { return };
        let Sending { order, attempts, is_repeat, is_over, maybe_told } = sent;
        if let Err(failure) = result {
            self.wait_as_asked(failure, now);
        }
        match result {
            Ok(()) if is_repeat => {}
            Ok(()) => {
                step.end(order.clone(), OrderEnd::Delivered, word::DELIVERED, now);
                self.told.individually(&order, now);
                if !is_over {
                    self.remember_open(order, now.plus(self.repeat_every.map_or(0, milliseconds)));
                }
            }
            Err(_) if is_repeat => {}
            Err(failure) if !failure.may_try_again(attempts) => step.give_up(order, now),
            Err(_) if is_over || self.waiting.contains_key(page_key) => {
                step.end(order, OrderEnd::Superseded, word::SUPERSEDED, now);
            }
            Err(failure) => {
                let due_at = now.plus(milliseconds(retry_wait(attempts, random)));
                let maybe_told = maybe_told || failure.reason.may_have_been_taken();
                self.waiting.insert(page_key.to_owned(), Waiting { order, attempts, due_at, maybe_told });
            }
        }
    }

    /// A receiver that asks for a pause gets it.
    pub(super) fn wait_as_asked(&mut self, failure: Failure, now: Millis) {
        if let Some(wait) = failure.retry_after {
            self.held_until = self.held_until.max(now.plus(milliseconds(wait.min(RETRY_AFTER_MAX))));
        }
    }

    fn remember_open(&mut self, order: Order, due_at: Millis) {
        let page_key = &order.announcement.page_key;
        if order.announcement.change == Change::Resolved || self.repeat_every.is_none() {
            self.open.remove(page_key);
            return;
        }
        self.open.insert(page_key.clone(), OpenPage { due_at, order });
        if self.open.len() > ORDERS_QUEUED_MAX {
            let least = least(self.open.iter().map(|(key, page)| (key, &page.order)));
            least.and_then(|key| self.open.remove(&key));
        }
    }

    fn give_up_old(&mut self, now: Millis, step: &mut Step) {
        let oldest = now.plus(-milliseconds(ORDER_AGE_MAX));
        for (_, old) in self.waiting.extract_if(.., |_, waiting| waiting.order.created_at < oldest) {
            step.give_up(old.order, now);
        }
    }

    /// Sends what is due: the most severe first, then the oldest.
    fn send_due(&mut self, now: Millis, step: &mut Step) {
        if self.is_held(now) {
            return;
        }
        if let Some(bucket) = &mut self.bucket {
            bucket.fill(now);
        }
        let mut due: Vec<_> = self
            .waiting
            .iter()
            .filter(|(key, waiting)| waiting.due_at <= now && self.may_be_sent(key))
            .map(|(key, waiting)| (Reverse(severity(&waiting.order)), waiting.order.created_at, key.clone()))
            .collect();
        due.sort();
        for (_, _, page_key) in due {
            if self.sending.len() >= DELIVERIES_MAX {
                break;
            }
            self.have_turn(page_key, now, step);
        }
        self.repeat_due(now, step);
        self.tell_together(now, step);
    }

    fn have_turn(&mut self, page_key: String, now: Millis, step: &mut Step) {
        let Some(waiting) = self.waiting.remove(&page_key) else { return };
        match self.turn(&page_key, &waiting) {
            Turn::Now => {
                if let Some(bucket) = self.bucket.as_mut().filter(|_| waiting.attempts == 0) {
                    bucket.take();
                }
                let Waiting { order, attempts, maybe_told, .. } = waiting;
                step.send.push(order.clone());
                let attempts = attempts.saturating_add(1);
                let sending = Sending { order, attempts, is_repeat: false, is_over: false, maybe_told };
                self.sending.insert(page_key, sending);
            }
            Turn::Never(word) => {
                if waiting.order.announcement.change == Change::Resolved {
                    self.told.forget(&page_key);
                }
                step.end(waiting.order, OrderEnd::Superseded, word, now);
            }
            Turn::Later | Turn::Together => {
                let due_at = self.bucket.as_ref().map_or(now, Bucket::room_at);
                self.waiting.insert(page_key, Waiting { due_at, ..waiting });
            }
        }
    }

    fn repeat_due(&mut self, now: Millis, step: &mut Step) {
        let room = DELIVERIES_MAX.saturating_sub(self.sending.len());
        let due = self.open.iter().filter(|(key, page)| page.due_at <= now && !self.is_busy(key));
        let due: Vec<String> = due.map(|(key, _)| key.clone()).take(room).collect();
        for page_key in due {
            if let Some(page) = self.open.get_mut(&page_key) {
                page.due_at = now.plus(self.repeat_every.map_or(0, milliseconds));
                step.send.push(page.order.clone());
                let order = page.order.clone();
                let sending = Sending { order, attempts: 1, is_repeat: true, is_over: false, maybe_told: true };
                self.sending.insert(page_key, sending);
            }
        }
    }

    fn is_busy(&self, page_key: &str) -> bool {
        self.waiting.contains_key(page_key) || self.sending.contains_key(page_key)
    }

    /// Whether an order of this page key could be sent by itself: none is under way, alone or with others.
    pub(super) fn may_be_sent(&self, page_key: &str) -> bool {
        !self.sending.contains_key(page_key) && !self.burst.covers(page_key)
    }

    fn is_held(&self, now: Millis) -> bool {
        self.held_until > now
    }

    /// A wall clock that went back must not leave orders waiting for a time that is far off again.
    fn mend_clock(&mut self, now: Millis) {
        let latest = now.plus(milliseconds(RETRY_AFTER_MAX));
        self.held_until = self.held_until.min(latest);
        self.burst.mend_clock(now, latest);
        self.waiting.values_mut().for_each(|waiting| waiting.due_at = waiting.due_at.min(latest));
        self.open.values_mut().for_each(|page| page.due_at = page.due_at.min(latest));
    }
}

pub(super) fn severity(order: &Order) -> Severity {
    order.announcement.situation.incident.severity
}

/// What goes when something has to: the oldest of the least severe.
fn least<'a>(orders: impl Iterator<Item = (&'a String, &'a Order)>) -> Option<String> {
    orders.min_by_key(|(_, order)| (severity(order), order.created_at)).map(|(page_key, _)| page_key.clone())
}

/// Twice as long after each attempt, up to a bound, and between half and all of that.
pub(super) fn retry_wait(attempts: u32, random: f64) -> Duration {
    let doubled = RETRY_WAIT_MIN.saturating_mul(1_u32 << attempts.saturating_sub(1).min(16)).min(RETRY_WAIT_MAX);
    doubled.mul_f64(0.5 + 0.5 * random.clamp(0.0, 1.0))
}

pub(super) fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
