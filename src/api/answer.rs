//! Errors as the API tells them: `{"error":"…","hint":"…"}`.

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

/// An answer that is no success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    #[serde(skip)]
    status: StatusCode,
    /// After how many seconds to come back.
    #[serde(skip)]
    after: Option<u64>,
    /// What is wrong.
    pub error: String,
    /// What to do about it.
    pub hint: String,
}

impl Refusal {
    /// An error without a hint.
    pub(super) fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self { status, after: None, error: error.into(), hint: String::new() }
    }

    /// Adds what to do about it.
    #[must_use]
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// So many requests are being answered that this one must come back.
    pub(super) fn busy() -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too many requests at once")
            .hint("send it again after a second")
            .after(1)
    }

    /// A sentence of the engine with its hint on the second line.
    pub(super) fn from_engine(status: StatusCode, said: &str) -> Self {
        let (error, hint) = said.split_once('\n').unwrap_or((said, ""));
        Self::new(status, error).hint(hint.strip_prefix("hint: ").unwrap_or(hint))
    }

    /// Adds after how many seconds to come back.
    #[must_use]
    pub(super) fn after(mut self, seconds: u64) -> Self {
        self.after = Some(seconds);
        self
    }

    /// The answer, with a header.
    pub(super) fn with_header(self, name: HeaderName, value: HeaderValue) -> Response {
        let mut response = self.into_response();
        response.headers_mut().insert(name, value);
        response
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let after = self.after;
        let mut response = (self.status, Json(self)).into_response();
        if let Some(seconds) = after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
