//! More incidents than a receiver wants to hear of one by one: they are told together, so that the channel stays open.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use trailbrake_detectors::time::Millis;

use super::manner::{News, Turn};
use super::outbox::{Outbox, Waiting, milliseconds, retry_wait, severity};
use super::rate::Bucket;
use super::step::{Failure, Step};
use super::word;
use crate::alert::Summary;
use crate::journal::{Order, OrderEnd};
use crate::limits::{SUMMARY_INCIDENTS_MAX, SUMMARY_INTERVAL, SUMMARY_WAIT};

/// The messages that stand for others.
#[derive(Clone, Debug, Default)]
pub(super) struct Burst {
    /// Names the burst while it lasts.
    key: Option<String>,
    /// When the next one is due.
    due_at: Option<Millis>,
    /// No other before.
    not_before: Millis,
    attempts: u32,
    /// The one that is under way: the orders that it stands for, by page key, with their ids.
    sending: Option<BTreeMap<String, (String, News)>>,
}

impl Burst {
    pub(super) fn is_sending(&self) -> bool {
        self.sending.is_some()
    }

    pub(super) fn covers(&self, page_key: &str) -> bool {
        self.sending.as_ref().is_some_and(|orders| orders.contains_key(page_key))
    }

    pub(super) fn due_at(&self) -> Option<Millis> {
        self.due_at.filter(|_| self.sending.is_none())
    }

    pub(super) fn mend_clock(&mut self, now: Millis, latest: Millis) {
        self.due_at = self.due_at.map(|due_at| due_at.min(latest));
        self.not_before = self.not_before.min(now.plus(milliseconds(SUMMARY_INTERVAL))).min(latest);
    }
}

impl Outbox {
    /// Sends one message in place of all orders that are past the limit, once they had time to gather.
    pub(super) fn tell_together(&mut self, now: Millis, step: &mut Step) {
        if self.bucket.is_none() || self.burst.is_sending() {
            return;
        }
        let mut held: Vec<(&String, &Waiting)> = self.waiting.iter().collect();
        held.retain(|(key, waiting)| self.may_be_sent(key) && self.turn(key, waiting) == Turn::Together);
        let orders = held.iter().map(|(_, waiting)| &waiting.order);
        let Some(worst) = orders.max_by_key(|order| (severity(order), Reverse(order.created_at))) else {
            self.burst.due_at = None;
            if self.bucket.as_ref().is_some_and(Bucket::is_full) {
                self.burst.key = None;
            }
            return;
        };
        let gathered_at = now.plus(milliseconds(SUMMARY_WAIT)).max(self.burst.not_before);
        if now < *self.burst.due_at.get_or_insert(gathered_at) {
            return;
        }
        let key = self.burst.key.get_or_insert_with(|| format!("trailbrake-burst-{}", worst.announcement.page_key));
        let told: BTreeMap<String, (String, News)> = held
            .iter()
            .map(|(key, Waiting { order, .. })| ((*key).clone(), (order.id.clone(), News::of(order))))
            .collect();
        step.summary = Some(Box::new(Summary {
            id: format!("{}+{}", worst.id, held.len()),
            key: key.clone(),
            at: now,
            incidents: held.len(),
            over: told.values().filter(|(_, news)| news.is_over).count(),
            worst: worst.announcement.clone(),
            ids: held.iter().take(SUMMARY_INCIDENTS_MAX).map(|(_, waiting)| incident_of(&waiting.order)).collect(),
        }));
        self.burst.due_at = None;
        self.burst.attempts = self.burst.attempts.saturating_add(1);
        self.burst.sending = Some(told);
    }

    /// The message that stands for others was tried.
    pub(super) fn summarised(&mut self, result: Result<(), Failure>, random: f64, now: Millis, step: &mut Step) {
        let Some(orders) = self.burst.sending.take() else { return };
        let attempts = self.burst.attempts;
        match result {
            Err(failure) if failure.may_try_again(attempts) => {
                self.wait_as_asked(failure, now);
                self.burst.due_at = Some(now.plus(milliseconds(retry_wait(attempts, random))));
                return;
            }
            Err(failure) => {
                self.wait_as_asked(failure, now);
                self.end_together(&orders, |order| step.give_up(order, now));
            }
            Ok(()) => {
                orders.iter().for_each(|(key, (_, news))| self.told.in_summary(key, news, now));
                let end = |order| step.end(order, OrderEnd::Superseded, word::SUMMARISED, now);
                self.end_together(&orders, end);
            }
        }
        self.burst.attempts = 0;
        self.burst.not_before = now.plus(milliseconds(SUMMARY_INTERVAL));
    }

    /// Ends those that no later one took the place of meanwhile.
    fn end_together(&mut self, orders: &BTreeMap<String, (String, News)>, mut end: impl FnMut(Order)) {
        for (page_key, (id, _)) in orders {
            if self.waiting.get(page_key).is_some_and(|waiting| waiting.order.id == *id)
                && let Some(waiting) = self.waiting.remove(page_key)
            {
                end(waiting.order);
            }
        }
    }
}

fn incident_of(order: &Order) -> String {
    order.announcement.situation.incident.id.clone()
}
