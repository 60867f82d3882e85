//! One attempt to post JSON to a receiver: bounded in time and size, never redirected, with a reason when it fails.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};

use super::clean::clean;
use super::{AlertError, Common, Delivery, DeliveryError, FailureReason};
use crate::config::{Plaintext, Secret, web_address};
use crate::limits::{ANSWER_BYTES_MAX, ANSWER_CHARS_MAX, RETRY_AFTER_MAX};

/// Posts to one address, which may be a secret.
pub(super) struct Post {
    receiver: String,
    url: Url,
    client: Client,
}

/// An address in the configuration.
#[derive(Clone, Copy)]
pub(super) enum Address<'a> {
    /// It stands there.
    Open(&'a str),
    /// Whoever knows it can write there: it is not shown.
    Secret(&'a Secret),
}

/// An answer that says that all is well, as far as its status goes.
pub(super) struct Answer {
    status: StatusCode,
    body: Vec<u8>,
    /// Whether the body did not break off.
    is_whole: bool,
}

impl Answer {
    /// The beginning of the body.
    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }

    fn text(&self) -> String {
        clean(&String::from_utf8_lossy(&self.body), ANSWER_CHARS_MAX)
    }

    /// It is what the receiver says when it takes a message.
    pub(super) fn taken(&self) -> Delivery {
        Delivery { status: self.status.as_u16(), answer: self.text() }
    }
}

impl Post {
    pub(super) fn new(common: &Common<'_>, address: Address<'_>, plaintext: Plaintext) -> Result<Self, AlertError> {
        let receiver = common.name;
        let (text, shown) = match address {
            Address::Open(text) => (text, text),
            Address::Secret(secret) => (secret.expose(), "<secret>"),
        };
        let url = web_address(text, plaintext).map_err(|reason| AlertError::Address {
            receiver: receiver.to_owned(),
            address: shown.to_owned(),
            reason,
        })?;
        // Whoever installed a provider before has the same one: it is the only one that is built in.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Client::builder()
            .timeout(common.timeout)
            .redirect(Policy::none())
            .user_agent(concat!("trailbrake/", env!("CARGO_PKG_VERSION")));
        if url.scheme() == "http" {
            // A machine without CA certificates can still reach what needs none; and no proxy reads what is sent in the open.
            builder = builder.tls_certs_only([]).no_proxy();
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

    /// Posts JSON. The answer's status says that all is well; whether its body does is up to each receiver.
    pub(super) async fn json(&self, body: Vec<u8>) -> Result<Answer, DeliveryError> {
        self.send(self.client.post(self.url.clone()).header(CONTENT_TYPE, "application/json").body(body)).await
    }

    /// Posts JSON, and takes the answer as the receiver does: a status of success is not enough, since whatever stands
    /// between may have answered.
    pub(super) async fn json_understood(
        &self,
        body: Vec<u8>,
        understood: fn(&Answer) -> Result<(), FailureReason>,
    ) -> Result<Delivery, DeliveryError> {
        let answer = self.json(body).await?;
        match understood(&answer) {
            Ok(()) => Ok(answer.taken()),
            Err(reason) => {
                // Half a word is not the receiver's own: whatever it was about to say, it says it again.
                let reason = if answer.is_whole { reason } else { FailureReason::Broken };
                let detail = format!("{}: {}", answer.status.as_u16(), answer.text());
                Err(self.error(reason, &detail, None))
            }
        }
    }

    /// Posts with headers of the receiver's own.
    pub(super) async fn with_headers(
        &self,
        headers: &[(&'static str, String)],
        body: Vec<u8>,
    ) -> Result<Answer, DeliveryError> {
        let request = self.client.post(self.url.clone()).body(body);
        self.send(headers.iter().fold(request, |request, (name, value)| request.header(*name, value))).await
    }

    async fn send(&self, request: RequestBuilder) -> Result<Answer, DeliveryError> {
        match request.send().await {
            Ok(response) => self.judge(response).await,
            Err(error) => {
                let reason = match () {
                    () if error.is_timeout() => FailureReason::Timeout,
                    () if error.is_connect() => FailureReason::Unreachable,
                    () => FailureReason::Broken,
                };
                Err(self.error(reason, &causes(&error.without_url()), None))
            }
        }
    }

    async fn judge(&self, response: Response) -> Result<Answer, DeliveryError> {
        let status = response.status();
        let retry_after = retry_after(response.headers());
        let (body, is_whole) = start_of(response).await;
        let answer = Answer { status, body, is_whole };
        let reason = match status.as_u16() {
            200..=299 => return Ok(answer),
            300..=399 => FailureReason::Redirected,
            408 | 425 => FailureReason::Timeout,
            429 => FailureReason::RateLimited,
            500..=599 => FailureReason::ServerError,
            _ => FailureReason::Refused,
        };
        Err(self.error(reason, &format!("{}: {}", status.as_u16(), answer.text()), retry_after))
    }

    pub(super) fn error(&self, reason: FailureReason, detail: &str, retry_after: Option<Duration>) -> DeliveryError {
        let detail = clean(&format!("{}: {detail}", self.host()), ANSWER_CHARS_MAX);
        DeliveryError { receiver: self.receiver.clone(), reason, detail, retry_after }
    }
}

/// The first bytes of an answer, and whether it did not break off. One that did was still an answer: its status counts.
async fn start_of(mut response: Response) -> (Vec<u8>, bool) {
    let mut start = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                let room = ANSWER_BYTES_MAX - start.len();
                start.extend(chunk.iter().take(room));
                if start.len() == ANSWER_BYTES_MAX {
                    return (start, true);
                }
            }
            Ok(None) => return (start, true),
            Err(_) => return (start, false),
        }
    }
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
