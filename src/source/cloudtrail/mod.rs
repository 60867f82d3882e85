//! CloudTrail itself: LookupEvents in rounds, and a look at the trail that feeds us. Slow (minutes), and needs no stream.

mod lookup;
mod pace;
mod rounds;
#[cfg(test)]
mod tests;
mod trail;

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_cloudtrail::Client;

use self::lookup::Lookup;
use self::pace::Pace;
use self::trail::Watcher;
use super::aws::Remote;
use super::outlet::{Stopped, stopped};
use super::{Context, Running, Source, SourceError, Terms};
use crate::limits::LOOKUP_INTERVAL_MIN;

/// How events are looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lookups {
    /// Time between two rounds.
    pub poll_interval: Duration,
    /// How far each round reaches back before the last: events can be listed minutes late.
    pub overlap: Duration,
}

/// How a trail is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrailWatch {
    /// The trail's name or ARN.
    pub trail: String,
    /// Time between two looks.
    pub interval: Duration,
}

/// A source of the events that CloudTrail lists.
pub struct CloudTrailSource {
    terms: Arc<Terms>,
    remote: Remote,
    lookups: Lookups,
    watch: Option<TrailWatch>,
}

impl CloudTrailSource {
    /// A source of the events of an account and region.
    pub fn new(terms: Arc<Terms>, remote: Remote, lookups: Lookups, watch: Option<TrailWatch>) -> Self {
        Self { terms, remote, lookups, watch }
    }

    async fn run_with(self, client: Client, context: Context) -> Result<(), SourceError> {
        let mut stop = context.stop.clone();
        let pace = Pace::new(LOOKUP_INTERVAL_MIN);
        let lookups = async {
            let mut lookup = Lookup::new(&self.terms, &self.remote.region, self.lookups, &client, &pace, &context);
            lookup.run().await
        };
        let watch = async {
            match &self.watch {
                Some(watch) => Watcher::new(&self.terms, watch, &client, &pace, &context).run().await,
                // Without a trail there is nothing to watch, and lookups go on.
                None => std::future::pending::<Stopped>().await,
            }
        };
        tokio::select! {
            biased;
            () = stopped(&mut stop) => {}
            Stopped = lookups => {}
            Stopped = watch => {}
        }
        Ok(())
    }
}

impl Source for CloudTrailSource {
    fn terms(&self) -> &Arc<Terms> {
        &self.terms
    }

    fn run(self: Box<Self>, context: Context) -> Running<'static> {
        Box::pin(async move {
            let client = Client::new(&self.remote.sdk_config().await);
            self.run_with(client, context).await
        })
    }
}
