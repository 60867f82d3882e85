//! Ways to pause. A hook can say how an entity stands, plan one change with its undo, and make it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use trailbrake_detectors::engine::{Desired, PauseKey, Rung};

use crate::act::ActError;
use crate::clock::SharedClock;
use crate::config::HookKind;

#[cfg(feature = "aws-iam")]
mod aws_iam;
pub mod policy;
mod webhook;

/// What a hook sees of our pause on an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observed {
    /// Nothing of ours is there.
    Free,
    /// Our deny is there, on this rung.
    Paused(Rung),
    /// The hook cannot look; only what it was told last counts.
    Unknown,
}

/// What a hook finds out for `act`'s own checks before something is paused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// Every exact name of the entity that the hook knows: its ARN, its unique id.
    pub names: Vec<String>,
    /// Whether the hook itself acts as this entity.
    pub is_own: bool,
    /// Why what would be put there must not be: one bounded word, `policy-differs` or `policy-missing`.
    pub refusal: Option<&'static str>,
}

/// One change, planned before it is made. Holds all that is needed to make it, and what undoes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What it is about.
    pub key: PauseKey,
    /// Which generation of the desired state it serves: with the key, it names the change.
    pub generation: u64,
    /// Where it leads: a rung, or nothing of ours.
    pub to: Option<Rung>,
    /// What will change, in the hook's own terms.
    pub change: serde_json::Value,
    /// What undoes it, in the hook's own terms.
    pub undo: serde_json::Value,
}

/// Why a hook did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {detail}")]
pub struct HookError {
    /// One of a fixed few words, fit to label a metric.
    pub reason: HookFailure,
    /// What happened, bounded, without secrets.
    pub detail: String,
}

impl HookError {
    /// An error whose detail is cut to a bounded, printable line.
    pub fn new(reason: HookFailure, detail: &str) -> Self {
        let printable = detail.chars().map(|character| if character.is_control() { ' ' } else { character });
        Self { reason, detail: printable.take(DETAIL_CHARACTERS_MAX).collect() }
    }
}

/// Characters kept of what went wrong.
const DETAIL_CHARACTERS_MAX: usize = 300;

/// Why a hook failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HookFailure {
    /// No connection, or it broke, or no answer in time.
    Unreachable,
    /// Asked to slow down.
    Throttled,
    /// Our own rights do not suffice.
    Denied,
    /// The entity is not there.
    NotFound,
    /// This entity cannot be changed by anybody (a service-linked role).
    Unmodifiable,
    /// Something else holds the place that we need (a quota).
    LimitExceeded,
    /// It failed by itself.
    ServerError,
    /// Anything else.
    Other,
}

impl HookFailure {
    /// Whether the same call may work later.
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::Unreachable | Self::Throttled | Self::ServerError)
    }

    /// The word used in metrics and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Throttled => "throttled",
            Self::Denied => "denied",
            Self::NotFound => "not-found",
            Self::Unmodifiable => "unmodifiable",
            Self::LimitExceeded => "limit-exceeded",
            Self::ServerError => "server-error",
            Self::Other => "other",
        }
    }
}

impl std::fmt::Display for HookFailure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The future of one call of a hook.
pub type Calling<'a, T> = Pin<Box<dyn Future<Output = Result<T, HookError>> + Send + 'a>>;

/// A way to pause.
pub trait Hook: Send + Sync {
    /// The hook's name in the configuration.
    fn name(&self) -> &'static str;

    /// How the entity stands. `NotFound`: it is not there, and with it nothing of ours.
    fn read<'a>(&'a self, key: &'a PauseKey) -> Calling<'a, Observed>;

    /// What must be known before this entity is paused on this rung.
    fn inspect<'a>(&'a self, key: &'a PauseKey, rung: Rung) -> Calling<'a, Inspection>;

    /// The change that leads from what was observed to what is wanted; nothing if there is nothing to do. Pure.
    fn plan(&self, desired: &Desired, observed: Observed) -> Result<Option<Change>, HookError>;

    /// Makes the change. Idempotent: made twice, it is as if made once.
    fn make<'a>(&'a self, change: &'a Change) -> Calling<'a, ()>;
}

/// Builds the hook that the configuration names.
pub async fn build(kind: &HookKind, clock: SharedClock) -> Result<Arc<dyn Hook>, ActError> {
    match kind {
        #[cfg(feature = "aws-iam")]
        HookKind::AwsIam { region, endpoint, destructive_policy, all_policy } => {
            Ok(Arc::new(aws_iam::AwsIam::connect(region, endpoint.as_deref(), [destructive_policy, all_policy]).await))
        }
        #[cfg(not(feature = "aws-iam"))]
        HookKind::AwsIam { .. } => Err(ActError::Hook {
            hook: "aws-iam",
            reason: "not built in\nhint: build with the feature aws-iam".to_owned(),
        }),
        HookKind::Webhook { url, secret } => Ok(Arc::new(
            webhook::Webhook::new(url, secret, clock)
                .map_err(|reason| ActError::Hook { hook: webhook::NAME, reason })?,
        )),
    }
}
