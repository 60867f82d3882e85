//! Who is paged: receivers that take, refuse, are slow, lie and never answer, and remember all they took.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use trailbrake_detectors::time::Millis;

use super::choices::Choices;
use crate::alert::{FailureReason, Summary};
use crate::journal::Order;
use crate::limits::ALERT_REPEAT;
use crate::order::{Failure, Manner, Outbox};

/// Takes a key: a later message of an incident replaces the one before.
pub(super) const PAGER: &str = "pager";
/// Takes none, and not much at once.
pub(super) const CHAT: &str = "chat";
/// Forgets, and is told again and again.
pub(super) const FORGETFUL: &str = "forgetful";
/// All of them.
pub(super) const RECEIVERS: [&str; 3] = [PAGER, CHAT, FORGETFUL];

/// A message under way.
pub(super) enum Letter {
    /// An order, and whether it is marked as one that may have come before.
    Order(Box<Order>, bool),
    /// Several orders, told together, with their page keys.
    Together(Box<Summary>),
}

/// How an attempt ends: whether the message was taken, and what its sender hears.
pub(super) struct Answer {
    pub(super) is_taken: bool,
    pub(super) result: Result<(), Failure>,
}

/// What one receiver took.
#[derive(Default)]
pub(super) struct Receiver {
    /// Of each order, how often.
    pub(super) taken: BTreeMap<String, u32>,
    /// Of each page, the last order.
    pub(super) last: BTreeMap<String, String>,
    /// Pages that messages stood for which told of several.
    pub(super) together: BTreeSet<String>,
    /// Attempts of each order whose sender could not know what became of them.
    pub(super) unclear: BTreeMap<String, u32>,
    /// Nothing is taken before.
    pub(super) is_dead: bool,
}

/// An outbox as the daemon makes it for this receiver.
pub(super) fn outbox(name: &str, open_pages: &[Order], now: Millis) -> Outbox {
    let repeat_every: Option<Duration> = (name == FORGETFUL).then_some(ALERT_REPEAT);
    let pages = open_pages.iter().filter(|page| page.receiver == name).cloned().collect();
    let manner = match name {
        CHAT => Manner { edits: false, messages_per_minute: Some(3) },
        _ => Manner::default(),
    };
    Outbox::new(repeat_every, pages, now).in_manner(manner, now)
}

impl Receiver {
    /// Answers a message: well once the choices are spent.
    pub(super) fn answer(&self, choices: &mut Choices) -> Answer {
        let failed = |is_taken, reason, retry_after| Answer { is_taken, result: Err(Failure { reason, retry_after }) };
        if self.is_dead {
            return failed(false, FailureReason::Unreachable, None);
        }
        match choices.below(12) {
            6 => failed(true, FailureReason::Timeout, None),
            7 => failed(false, FailureReason::Timeout, None),
            8 => failed(true, FailureReason::ServerError, None),
            9 => failed(false, FailureReason::RateLimited, Some(Duration::from_secs(20))),
            10 => failed(false, FailureReason::Broken, None),
            11 => failed(true, FailureReason::Broken, None),
            _ => Answer { is_taken: true, result: Ok(()) },
        }
    }

    /// Takes a message. An order that comes again without saying so is an error.
    pub(super) fn take(&mut self, letter: &Letter) -> Result<(), String> {
        match letter {
            Letter::Order(order, is_marked) => {
                let times = self.taken.entry(order.id.clone()).or_default();
                *times += 1;
                if *times > 1 && !is_marked {
                    return Err(format!("{} was told of {} again, unmarked", order.receiver, order.id));
                }
                self.last.insert(order.announcement.page_key.clone(), order.id.clone());
            }
            Letter::Together(summary) => {
                self.together.insert(summary.worst.page_key.clone());
                self.together.extend(summary.ids.iter().cloned());
            }
        }
        Ok(())
    }
}
