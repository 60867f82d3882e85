//! Who is told. Each receiver turns an announcement into its own words; retries and order are the caller's.
//!
//! A receiver is one file with its settings, their check and its [`Receiver`], and one line in each table of
//! [`ReceiverKind`] below. `tests` holds what every receiver must pass.

mod alertmanager;
mod clean;
mod failure;
mod notice;
mod pagerduty;
mod post;
mod routes;
mod slack;
#[cfg(test)]
mod tests;
mod webhook;
mod words;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use trailbrake_detectors::engine::{Announcement, Situation};

use crate::config::{ReceiverConfig, Section};
use crate::journal::OnRecord;
use crate::limits::RECEIVER_TIMEOUT;

pub use self::failure::{Delivery, DeliveryError, FailureReason};
pub use self::notice::{Notice, NoticeKind, Summary};
use self::routes::Routed;
pub use self::routes::{LiveRoutes, Route, Routes};
#[cfg(test)]
pub(crate) use self::tests::announcement as example;
pub(crate) use self::words::brake_state;

/// The registry of receivers: the name of each in the configuration, with its settings.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReceiverKind {
    /// Alertmanager, API v2; every instance of a cluster is told.
    Alertmanager(alertmanager::Settings),
    /// PagerDuty, Events API v2.
    PagerDuty(pagerduty::Settings),
    /// A Slack incoming webhook.
    Slack(slack::Settings),
    /// A program of yours that takes CloudEvents.
    Webhook(webhook::Settings),
}

impl ReceiverKind {
    /// The word in the configuration.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Alertmanager(_) => "alertmanager",
            Self::PagerDuty(_) => "pagerduty",
            Self::Slack(_) => "slack",
            Self::Webhook(_) => "webhook",
        }
    }

    /// Checks the settings.
    pub fn check(&self, section: &mut Section<'_, '_>) {
        match self {
            Self::Alertmanager(settings) => settings.check(&mut section.below("alertmanager")),
            Self::PagerDuty(settings) => settings.check(&mut section.below("pagerduty")),
            Self::Slack(settings) => settings.check(&mut section.below("slack")),
            Self::Webhook(settings) => settings.check(&mut section.below("webhook")),
        }
    }

    fn build(&self, common: &Common<'_>) -> Result<Arc<dyn Receiver>, AlertError> {
        Ok(match self {
            Self::Alertmanager(settings) => Arc::new(alertmanager::Alertmanager::new(settings, common)?),
            Self::PagerDuty(settings) => Arc::new(pagerduty::PagerDuty::new(settings, common)?),
            Self::Slack(settings) => Arc::new(slack::Slack::new(settings, common)?),
            Self::Webhook(settings) => Arc::new(webhook::Webhook::new(settings, common)?),
        })
    }
}

/// What every receiver is given besides its settings.
struct Common<'a> {
    /// Its name in the configuration.
    name: &'a str,
    /// Where people reach the listener, for links.
    public_url: Option<&'a str>,
    /// How long one attempt may take.
    timeout: Duration,
}

/// Builds receivers behind routes; `public_url` is where people reach the listener, for links.
pub fn build<'a>(
    receivers: impl IntoIterator<Item = &'a ReceiverConfig>,
    public_url: Option<&str>,
    routes: &LiveRoutes,
) -> Result<Vec<Arc<dyn Receiver>>, AlertError> {
    let build = |receiver: &ReceiverConfig| {
        let common = Common { name: &receiver.name, public_url, timeout: RECEIVER_TIMEOUT };
        let routed = Routed { receiver: receiver.kind.build(&common)?, routes: routes.clone() };
        Ok(Arc::new(routed) as Arc<dyn Receiver>)
    };
    receivers.into_iter().map(build).collect()
}

/// Why a receiver cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum AlertError {
    /// An address does not work.
    #[error("receiver {receiver}: {reason}: {address}\nhint: write it as https://host/path")]
    Address {
        /// The receiver's name.
        receiver: String,
        /// The address.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A secret does not work.
    #[error("receiver {receiver}: {reason}")]
    Secret {
        /// The receiver's name.
        receiver: String,
        /// What is wrong with it, with a hint.
        reason: String,
    },
    /// There can be no TLS.
    #[error(
        "receiver {receiver}: no https: {reason}\nhint: install the system's CA certificates (package ca-certificates)"
    )]
    Tls {
        /// The receiver's name.
        receiver: String,
        /// Why.
        reason: String,
    },
}

/// The future of one delivery.
pub type Delivering<'a> = Pin<Box<dyn Future<Output = Result<Delivery, DeliveryError>> + Send + 'a>>;

/// Somewhere humans are told.
pub trait Receiver: Send + Sync {
    /// The receiver's name in the configuration.
    fn name(&self) -> &str;

    /// Delivers one announcement, once: one attempt, bounded in time. The page says what the journal has of it.
    fn deliver<'a>(&'a self, announcement: &'a Announcement, record: &'a OnRecord) -> Delivering<'a>;

    /// Delivers what may have been taken before. Receivers that tell repeats by a key need nothing else; others mark it.
    fn deliver_again<'a>(&'a self, announcement: &'a Announcement, record: &'a OnRecord) -> Delivering<'a> {
        self.deliver(announcement, record)
    }

    /// Delivers what is not about one incident, once.
    fn tell<'a>(&'a self, notice: &'a Notice) -> Delivering<'a>;

    /// Where people reach the listener, for links in notices.
    fn public_url(&self) -> Option<&str> {
        None
    }

    /// How often the last announcement of an open incident is delivered again; nothing for receivers that remember.
    fn repeat_every(&self) -> Option<Duration> {
        None
    }

    /// Whether a later message of an incident takes the place of the one before. Where each is a message of its own,
    /// people are told only what is worse than what they know.
    fn edits(&self) -> bool {
        true
    }

    /// How many messages it wants in a minute; past it incidents are told together. Nothing: as many as there are.
    fn messages_per_minute(&self) -> Option<u32> {
        None
    }

    /// Whether it is told of an incident at all.
    fn is_told_of(&self, _situation: &Situation) -> bool {
        true
    }
}
