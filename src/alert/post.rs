//! One attempt to post JSON to a receiver: bounded in time and size, with a reason when it fails.

use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};

use super::words::clean;
use super::{AlertError, Common, Delivery, DeliveryError, FailureReason};
use crate::config::{Plaintext, web_address};
use crate::limits::{ANSWER_BYTES_MAX, ANSWER_CHARS_MAX, RETRY_AFTER_MAX};

/// Posts to one address.
#[derive(Debug)]
pub(super) struct Post {
    receiver: String,
    url: Url,
    client: Client,
}

impl Post {
    pub(super) fn new(common: &Common<'_>, address: &str, plaintext: Plaintext) -> Result<Self, AlertError> {
        let receiver = common.name;
        let url = web_address(address, plaintext).map_err(|reason| AlertError::Address {
            receiver: receiver.to_owned(),
            address: address.to_owned(),
            reason,
        })?;
        // Whoever installed a provider before has the same one: it is the only one that is built in.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Client::builder()
            .timeout(common.timeout)
            .redirect(Policy::none())
            .user_agent(concat!("trailbrake/", env!("CARGO_PKG_VERSION")));
        if url.scheme() == "http" {
            // A machine without CA certificates can still reach what needs none.
            builder = builder.tls_certs_only([]);
        }
        let client = builder
            .build()
            .map_err(|error| AlertError::Tls { receiver: receiver.to_owned(), reason: causes(&error) })?;
        Ok(Self { receiver: receiver.to_owned(), url, client })
    }

    /// The address without its path, which may hold a secret.
    pub(super) fn host(&self) -> String {
        self.url.host_str().unwrap_or_default().to_owned()
    }

    pub(super) async fn send(&self, body: Vec<u8>) -> Result<Delivery, DeliveryError> {
        let request =
            self.client.post(self.url.clone()).header(reqwest::header::CONTENT_TYPE, "application/json").body(body);
        match request.send().await {
            Ok(response) => self.judge(response).await,
            Err(error) => {
                let reason = if error.is_timeout() { FailureReason::Timeout } else { FailureReason::Unreachable };
                Err(self.error(reason, &causes(&error.without_url()), None))
            }
        }
    }

    async fn judge(&self, response: Response) -> Result<Delivery, DeliveryError> {
        let status = response.status();
        let retry_after = retry_after(response.headers());
        let answer = clean(&String::from_utf8_lossy(&start_of(response).await), ANSWER_CHARS_MAX);
        if status.is_success() {
            return Ok(Delivery { answer });
        }
        let reason = match status {
            StatusCode::TOO_MANY_REQUESTS => FailureReason::RateLimited,
            StatusCode::REQUEST_TIMEOUT => FailureReason::Timeout,
            _ if status.is_server_error() => FailureReason::ServerError,
            _ => FailureReason::Refused,
        };
        Err(self.error(reason, &format!("{}: {answer}", status.as_u16()), retry_after))
    }

    pub(super) fn error(&self, reason: FailureReason, detail: &str, retry_after: Option<Duration>) -> DeliveryError {
        let detail = clean(&format!("{}: {detail}", self.host()), ANSWER_CHARS_MAX);
        DeliveryError { receiver: self.receiver.clone(), reason, detail, retry_after }
    }
}

/// The first bytes of an answer. An answer that breaks off was still an answer: its status counts.
async fn start_of(mut response: Response) -> Vec<u8> {
    let mut start = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = ANSWER_BYTES_MAX - start.len();
        start.extend(chunk.iter().take(room));
        if start.len() == ANSWER_BYTES_MAX {
            break;
        }
    }
    start
}

/// The seconds that a receiver asks us to wait; its other form, a date, is not read: our own backoff serves.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

/// An error with all its causes: the outermost of an HTTP client says little.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
