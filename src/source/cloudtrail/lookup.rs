//! LookupEvents: rounds of windows, all pages of each, handed over oldest first.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_cloudtrail::Client;
use aws_sdk_cloudtrail::primitives::DateTime;
use aws_sdk_cloudtrail::types::{Event, LookupAttribute, LookupAttributeKey};
use bytes::Bytes;
use trailbrake_detectors::time::{Millis, Second};

use super::Lookups;
use super::pace::Pace;
use super::rounds::{Rounds, Seen, Window};
use crate::limits::{LOOKUP_BYTES_MAX, LOOKUP_PAGES_MAX};
use crate::source::aws::failure;
use crate::source::lag::Lag;
use crate::source::outlet::{Gathering, Outlet, Stopped};
use crate::source::retry::Retry;
use crate::source::{Context, Terms};

/// What is looked up in each window. A trail is mostly reads, and two requests a second would not keep up with them;
/// the reads that hand out sessions tell who is behind whom.
const PASSES: [(LookupAttributeKey, &str); 6] = [
    (LookupAttributeKey::ReadOnly, "false"),
    (LookupAttributeKey::EventName, "AssumeRole"),
    (LookupAttributeKey::EventName, "AssumeRoleWithSAML"),
    (LookupAttributeKey::EventName, "AssumeRoleWithWebIdentity"),
    (LookupAttributeKey::EventName, "GetFederationToken"),
    (LookupAttributeKey::EventName, "GetSessionToken"),
];

/// Events that LookupEvents gives in one page at most.
const PAGE_EVENTS: i32 = 50;

/// An event, and what is needed to order it and to know it again.
struct Found {
    at: Second,
    id: String,
    payload: Bytes,
}

/// What looking up a window came to.
enum Fetched {
    /// All of it, oldest first.
    All(Vec<Found>),
    /// It holds more than can be held.
    TooMuch,
    /// A page could not be reached any more.
    Again,
}

/// What asking for a page came to.
enum Page {
    /// Its events, newest first, and the token of the next page.
    Events(Vec<Event>, Option<String>),
    /// Its token was not taken.
    Expired,
}

/// Looks up events, round after round.
pub(super) struct Lookup<'a> {
    client: &'a Client,
    pace: &'a Pace,
    poll_interval: Duration,
    overlap_seconds: i64,
    outlet: Outlet,
    retry: Retry,
    lag: Lag,
    rounds: Rounds,
    seen: Seen,
}

impl<'a> Lookup<'a> {
    /// Lookups that go on from the journal's position.
    pub(super) fn new(
        terms: &Arc<Terms>,
        region: &str,
        lookups: Lookups,
        client: &'a Client,
        pace: &'a Pace,
        context: &Context,
    ) -> Self {
        let outlet = Outlet::new(context, terms, region);
        let overlap_seconds = i64::try_from(lookups.overlap.as_secs()).unwrap_or(i64::MAX);
        Self {
            client,
            pace,
            poll_interval: lookups.poll_interval,
            overlap_seconds,
            rounds: Rounds::new(outlet.position(), overlap_seconds, outlet.now().second()),
            outlet,
            retry: Retry::new(context, terms, "LookupEvents"),
            lag: Lag::new(terms, &context.metrics),
            seen: Seen::default(),
        }
    }

    /// Runs rounds until the source shall stop.
    pub(super) async fn run(&mut self) -> Stopped {
        loop {
            if let Err(stopped) = self.round().await {
                return stopped;
            }
        }
    }

    async fn round(&mut self) -> Result<(), Stopped> {
        self.rounds.begin(self.outlet.now().second());
        while let Some(window) = self.rounds.window() {
            match self.fetch(window).await? {
                Fetched::All(found) => self.hand_over_window(window, found).await?,
                Fetched::TooMuch => self.rounds.shorten(window),
                Fetched::Again => {}
            }
        }
        self.seen.forget_before(self.rounds.covered().plus(-self.overlap_seconds));
        let behind = self.outlet.now().0.saturating_sub(self.rounds.covered().millis().0);
        self.lag.set_millis("", behind);
        self.outlet.wait(self.poll_interval).await
    }

    /// All events of a window that have not been handed over.
    async fn fetch(&mut self, window: Window) -> Result<Fetched, Stopped> {
        let mut found = Vec::new();
        for (key, value) in &PASSES {
            let attribute = LookupAttribute::builder().attribute_key(key.clone()).attribute_value(*value).build();
            let Ok(attribute) = attribute else { continue };
            let (mut token, mut pages) = (None, 0);
            loop {
                let Page::Events(events, next) = self.page(window, &attribute, token).await? else {
                    return Ok(Fetched::Again);
                };
                found
                    .extend(events.into_iter().map(|event| found_in(event, window)).filter(|event| !self.knows(event)));
                pages += 1;
                let bytes: usize = found.iter().map(|event| event.payload.len()).sum();
                if bytes > LOOKUP_BYTES_MAX || pages > LOOKUP_PAGES_MAX {
                    if window.from < window.to {
                        return Ok(Fetched::TooMuch);
                    }
                    // Within one second, order means nothing.
                    self.hand_over(std::mem::take(&mut found), self.rounds.position()).await?;
                }
                token = next;
                if token.is_none() {
                    break;
                }
            }
        }
        found.reverse();
        found.sort_by_key(|event| event.at);
        Ok(Fetched::All(found))
    }

    fn knows(&self, event: &Found) -> bool {
        self.seen.contains(event.at, &event.id)
    }

    /// A page of the events of a window.
    async fn page(
        &mut self,
        window: Window,
        attribute: &LookupAttribute,
        token: Option<String>,
    ) -> Result<Page, Stopped> {
        loop {
            self.pace.turn().await;
            let request = self.client.lookup_events().lookup_attributes(attribute.clone()).max_results(PAGE_EVENTS);
            let request = request
                .start_time(DateTime::from_secs(window.from.0))
                .end_time(DateTime::from_secs(window.to.0))
                .set_next_token(token.clone());
            match request.send().await {
                Ok(answer) => {
                    self.retry.worked();
                    self.outlet.heard();
                    return Ok(Page::Events(answer.events.unwrap_or_default(), answer.next_token));
                }
                Err(error) => {
                    let failure = failure(&error);
                    self.retry.failed(&failure).await?;
                    if token.is_some() && matches!(failure.reason, "expired" | "invalid") {
                        return Ok(Page::Expired);
                    }
                }
            }
        }
    }

    async fn hand_over_window(&mut self, window: Window, found: Vec<Found>) -> Result<(), Stopped> {
        let after = self.rounds.position_after(window);
        if !found.is_empty() || after != self.rounds.position() {
            self.hand_over(found, after).await?;
        }
        self.rounds.done(window);
        Ok(())
    }

    /// Hands events over; when all are durable, so is the position `after`.
    async fn hand_over(&mut self, found: Vec<Found>, after: String) -> Result<(), Stopped> {
        let received_at = self.outlet.now();
        let mut gathering = Gathering::default();
        for event in found {
            if !self.seen.insert(event.at, &event.id) {
                continue;
            }
            if !gathering.fits(event.payload.len()) {
                self.send(gathering.take(), self.rounds.position(), received_at).await?;
            }
            gathering.push(event.payload);
        }
        self.send(gathering.take(), after, received_at).await
    }

    async fn send(&mut self, payloads: Vec<Bytes>, position: String, received_at: Millis) -> Result<(), Stopped> {
        let mut batch = self.outlet.batch(payloads, Some(position));
        batch.received_at = received_at;
        self.outlet.send(batch).await
    }
}

/// What is kept of an event: the record, as CloudTrail would have delivered it.
fn found_in(event: Event, window: Window) -> Found {
    Found {
        at: event.event_time.map_or(window.to, |at| Second(at.secs())),
        id: event.event_id.unwrap_or_default(),
        payload: Bytes::from(event.cloud_trail_event.unwrap_or_default()),
    }
}
