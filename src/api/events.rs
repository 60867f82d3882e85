//! `POST /v1/events`: records in any form that decoding knows, answered once they are durable.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::{Api, Refusal};
use crate::limits::HTTP_BODY_BYTES_MAX;
use crate::source::http::IntakeError;

/// What came of the events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Accepted {
    received: u64,
    rejected: u64,
}

/// Takes events, and answers once they are in the journal.
pub(super) async fn accept(State(api): State<Arc<Api>>, body: Result<Bytes, BytesRejection>) -> Response {
    let Some(intake) = &api.intake else {
        return Refusal::new(StatusCode::NOT_FOUND, "no source takes events over http")
            .hint("add a section [sources.NAME.http] to the configuration")
            .into_response();
    };
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return unreadable(&rejection).into_response(),
    };
    match intake.submit(body).await {
        Ok(committed) => {
            let accepted = Accepted { received: committed.received, rejected: committed.rejected };
            (StatusCode::ACCEPTED, Json(accepted)).into_response()
        }
        Err(IntakeError::Busy) => Refusal::busy().into_response_after(1),
        Err(IntakeError::NotCommitted) => {
            Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "the journal cannot be written")
                .hint("send it again; repeats are recognised")
                .into_response_after(5)
        }
        Err(IntakeError::Closed) => Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "shutting down")
            .hint("send it again after the restart; repeats are recognised")
            .into_response_after(5),
    }
}

/// The answer to a body that is too large or broke off.
pub(super) fn unreadable(rejection: &BytesRejection) -> Refusal {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large")
            .hint(format!("send events in parts of at most {HTTP_BODY_BYTES_MAX} bytes"));
    }
    Refusal::new(StatusCode::BAD_REQUEST, "the body cannot be read").hint("send it again")
}
