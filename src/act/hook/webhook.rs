//! Tells a program of yours, signed as Standard Webhooks 1.0.0 says.

use reqwest::{Client, Response, StatusCode, Url, redirect};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use trailbrake_detectors::engine::{Desired, PauseKey, Rung};

use super::{Calling, Change, Hook, HookError, HookFailure, Inspection, Observed};
use crate::clock::SharedClock;
use crate::config::Secret;
use crate::limits::{ANSWER_BYTES_MAX, HOOK_TIMEOUT};
use crate::signed::Signer;

/// The hook's name in the configuration.
pub(super) const NAME: &str = "webhook";

/// A program that pauses, somewhere behind a URL.
pub(super) struct Webhook {
    client: Client,
    url: Url,
    signer: Signer,
    clock: SharedClock,
}

impl Webhook {
    /// Checks the settings; the error is a sentence, with a hint on its second line.
    pub(super) fn new(url: &str, secret: &Secret, clock: SharedClock) -> Result<Self, String> {
        let url = Url::parse(url).map_err(|error| format!("url cannot be read: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("url must be http or https: {}", url.scheme()));
        }
        // Whoever comes first in the process decides; all of ours decide alike.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Client::builder();
        if url.scheme() == "http" {
            // What is sent in the open is read by no proxy.
            builder = builder.no_proxy();
        }
        let client = builder
            .timeout(HOOK_TIMEOUT)
            .redirect(redirect::Policy::none())
            .user_agent(concat!("trailbrake/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| format!("client cannot be made: {error}"))?;
        let signer = Signer::new(secret).map_err(|error| error.to_string())?;
        Ok(Self { client, url, signer, clock })
    }

    async fn send(&self, change: &Change) -> Result<(), HookError> {
        let body = change.change.to_string();
        let id = message_id(&change.key, change.generation);
        let timestamp = self.clock.now().second().0;
        let request = self
            .client
            .post(self.url.clone())
            .header("content-type", "application/json")
            .header("webhook-signature", self.signer.sign(&id, timestamp, body.as_bytes()))
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp.to_string())
            .body(body);
        let answer = request
            .send()
            .await
            .map_err(|error| HookError::new(HookFailure::Unreachable, &error.without_url().to_string()))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        Err(HookError::new(reason(status), &format!("{status}: {}", read_answer(answer).await)))
    }
}

impl Hook for Webhook {
    fn name(&self) -> &'static str {
        NAME
    }

    fn read<'a>(&'a self, _key: &'a PauseKey) -> Calling<'a, Observed> {
        Box::pin(async { Ok(Observed::Unknown) })
    }

    fn inspect<'a>(&'a self, _key: &'a PauseKey, _rung: Rung) -> Calling<'a, Inspection> {
        Box::pin(async { Ok(Inspection::default()) })
    }

    /// Always a message: the receiver tells a repeat by its id.
    fn plan(&self, desired: &Desired, _observed: Observed) -> Result<Option<Change>, HookError> {
        Ok(Some(Change {
            key: desired.key.clone(),
            generation: desired.generation,
            to: desired.rung,
            change: message(desired, desired.rung),
            undo: message(desired, None),
        }))
    }

    fn make<'a>(&'a self, change: &'a Change) -> Calling<'a, ()> {
        Box::pin(self.send(change))
    }
}

/// The body: what is wanted of which entity. `type`, `timestamp` and `data` are Standard Webhooks' own.
fn message(desired: &Desired, rung: Option<Rung>) -> Value {
    json!({
        "type": if rung.is_some() { "pause" } else { "resume" },
        "timestamp": desired.decided_at.second().to_string(),
        "data": {
            "account": desired.key.account,
            "entity": desired.key.entity,
            "session": desired.key.session,
            "generation": desired.generation,
            "rung": rung,
            "incidents": desired.incidents,
        },
    })
}

/// The same for each attempt at one change, and for no other change.
fn message_id(key: &PauseKey, generation: u64) -> String {
    let named = json!([key.account, key.entity, key.session, generation]).to_string();
    let digest = Sha256::digest(named.as_bytes());
    let hex = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("msg_{hex}")
}

fn reason(status: StatusCode) -> HookFailure {
    match status.as_u16() {
        429 | 503 => HookFailure::Throttled,
        401 | 403 => HookFailure::Denied,
        // Not `NotFound`: the address is wrong, which says nothing of the entity.
        500..=599 | 408 => HookFailure::ServerError,
        _ => HookFailure::Other,
    }
}

/// The beginning of an answer; what cannot be read of it is left out.
async fn read_answer(mut answer: Response) -> String {
    let mut bytes = Vec::new();
    while bytes.len() < ANSWER_BYTES_MAX
        && let Ok(Some(chunk)) = answer.chunk().await
    {
        bytes.extend_from_slice(chunk.get(..ANSWER_BYTES_MAX - bytes.len()).unwrap_or(&chunk));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests;
