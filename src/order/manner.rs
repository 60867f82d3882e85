//! What a receiver knows already, and whether an order is worth a message of its own there.

use std::collections::BTreeMap;

use trailbrake_detectors::engine::{Change, PauseState, Situation};
use trailbrake_detectors::incident::Severity;
use trailbrake_detectors::time::Millis;

use super::outbox::{Outbox, Waiting, severity};
use super::rate::Bucket;
use super::word;
use crate::alert::brake_state;
use crate::journal::Order;
use crate::limits::PAGES_TOLD_MAX;

/// How a receiver wants its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manner {
    /// A later message of an incident takes the place of the one before. If not, it is told only what is worse than what
    /// it knows, what the brake has come to, and the end.
    pub edits: bool,
    /// So many messages in a minute; past it, incidents that it does not know are told together.
    pub messages_per_minute: Option<u32>,
}

impl Default for Manner {
    fn default() -> Self {
        Self { edits: true, messages_per_minute: None }
    }
}

/// What comes of an order that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It is sent.
    Now,
    /// It is sent when there is room again.
    Later,
    /// It is told together with others.
    Together,
    /// It says nothing that the receiver does not know; how that is counted.
    Never(&'static str),
}

/// What a receiver knows of one page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Page {
    severity: Severity,
    brake: Option<PauseState>,
    in_summary: bool,
    at: Millis,
}

/// What an order says, in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct News {
    pub(super) is_over: bool,
    severity: Severity,
    brake: Option<PauseState>,
}

impl News {
    pub(super) fn of(order: &Order) -> Self {
        let Order { announcement, .. } = order;
        let is_over = announcement.change == Change::Resolved;
        Self { is_over, severity: severity(order), brake: brake_state(&announcement.situation) }
    }
}

/// What a receiver knows of each page that is not over. Bounded: the oldest is forgotten, and told again if it changes.
#[derive(Clone, Debug, Default)]
pub(super) struct Told(BTreeMap<String, Page>);

impl Told {
    pub(super) fn get(&self, page_key: &str) -> Option<&Page> {
        self.0.get(page_key)
    }

    pub(super) fn forget(&mut self, page_key: &str) {
        self.0.remove(page_key);
    }

    /// The receiver took an order.
    pub(super) fn individually(&mut self, order: &Order, at: Millis) {
        self.remember(&order.announcement.page_key, &News::of(order), false, at);
    }

    /// The receiver took a message that stands for this news and others.
    pub(super) fn in_summary(&mut self, page_key: &str, news: &News, at: Millis) {
        self.remember(page_key, news, true, at);
    }

    fn remember(&mut self, page_key: &str, news: &News, in_summary: bool, at: Millis) {
        if news.is_over {
            self.0.remove(page_key);
            return;
        }
        let before = self.0.get(page_key).map(|page| page.severity);
        let severity = before.map_or(news.severity, |before| before.max(news.severity));
        self.0.insert(page_key.to_owned(), Page { severity, brake: news.brake, in_summary, at });
        if self.0.len() > PAGES_TOLD_MAX
            && let Some(oldest) = self.0.iter().min_by_key(|(_, page)| page.at).map(|(key, _)| key.clone())
        {
            self.0.remove(&oldest);
        }
    }
}

impl Page {
    fn is_old_news(&self, situation: &Situation) -> bool {
        situation.incident.severity <= self.severity && brake_state(situation) == self.brake
    }
}

impl Outbox {
    /// What comes of an order that is due. What was tried before has had its place in the limit.
    pub(super) fn turn(&self, page_key: &str, waiting: &Waiting) -> Turn {
        let Waiting { order, attempts, .. } = waiting;
        if *attempts > 0 {
            return Turn::Now;
        }
        let (change, situation) = (order.announcement.change, &order.announcement.situation);
        let page = self.told.get(page_key);
        let may_be_old = !self.manner.edits && change == Change::Updated;
        match page {
            Some(page) if page.in_summary && change == Change::Resolved => return Turn::Never(word::SUMMARISED),
            Some(page) if !page.in_summary && may_be_old && page.is_old_news(situation) => {
                return Turn::Never(word::SUPERSEDED);
            }
            _ => {}
        }
        let severity = severity(order);
        let is_first_of_critical = change != Change::Resolved
            && severity == Severity::Critical
            && page.is_none_or(|page| page.in_summary || page.severity < Severity::Critical);
        if is_first_of_critical || self.bucket.as_ref().is_none_or(Bucket::has_room) {
            return Turn::Now;
        }
        match page {
            None => Turn::Together,
            Some(page) if page.in_summary && severity > page.severity => Turn::Together,
            Some(page) if page.in_summary => Turn::Never(word::SUMMARISED),
            Some(_) => Turn::Later,
        }
    }
}
