//! `POST /v1/events`: records in any form that decoding knows, answered once they are durable.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use serde::{Deserialize, Serialize};

use super::{Api, Refusal};
use crate::limits::{HTTP_BODY_BYTES_MAX, HTTP_JOURNAL_LOOK};
use crate::pipeline::{Board, DecodeStep};
use crate::source::Committed;
use crate::source::http::{Filling, HttpIntake, IntakeError};

/// What decoding opens by itself, whether or not the header says it.
const ENCODINGS: &[&str] = &["gzip", "x-gzip", "zstd", "identity", ""];

/// What came of the events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Accepted {
    received: u64,
    rejected: u64,
    /// Why, if any were; the word labels a metric.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<Rejected>,
}

/// Records that were rejected for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Rejected {
    reason: String,
    records: u64,
    means: String,
}

/// Nothing of the body could be taken.
#[derive(Clone, Debug, Serialize)]
struct Unusable {
    #[serde(flatten)]
    refusal: Refusal,
    #[serde(flatten)]
    counts: Accepted,
}

/// Takes events, and answers once they are in the journal.
pub(super) async fn accept(State(api): State<Arc<Api>>, request: Request) -> Response {
    let Some(intake) = &api.intake else {
        return Refusal::new(StatusCode::NOT_FOUND, "no source takes events over http")
            .hint("add a section [sources.NAME.http] to the configuration")
            .into_response();
    };
    if let Err(refused) = check_head(request.headers()) {
        return refused.into_response();
    }
    let read = tokio::time::timeout(api.bounds.body, read(intake, request.into_body())).await;
    let body = match read {
        Ok(Ok(body)) => body,
        Ok(Err(refused)) => return refused.into_response(),
        Err(_) => return late(api.bounds.body).into_response(),
    };
    let committed = tokio::select! {
        biased;
        committed = body.submit() => committed,
        () = journal_fails(&api.board) => Err(IntakeError::NotCommitted),
    };
    match committed {
        Ok(committed) => answer(committed),
        Err(error) => not_taken(error).into_response(),
    }
}

/// What the head says of the body must be something that can be read.
fn check_head(headers: &HeaderMap) -> Result<(), Refusal> {
    let encoding = headers.get(header::CONTENT_ENCODING).map_or(b"".as_slice(), HeaderValue::as_bytes);
    if !ENCODINGS.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(encoding)) {
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the content encoding is not known")
            .hint("compress with gzip or zstd, once, or not at all"));
    }
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > HTTP_BODY_BYTES_MAX as u64) {
        return Err(too_large());
    }
    Ok(())
}

/// Reads a body, part by part, each within what there is room for.
async fn read(intake: &HttpIntake, mut body: Body) -> Result<Filling, Refusal> {
    let mut filling = intake.begin().map_err(not_taken)?;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| broken_off())?;
        let Ok(part) = frame.into_data() else { continue };
        if filling.bytes() + part.len() > HTTP_BODY_BYTES_MAX {
            return Err(too_large());
        }
        filling.add(&part).map_err(not_taken)?;
    }
    Ok(filling)
}

/// Completes when the journal is seen to fail. What was handed over is judged all the same, and written when the journal
/// works again; but its sender must not be kept waiting for that.
async fn journal_fails(board: &Board) {
    loop {
        tokio::time::sleep(HTTP_JOURNAL_LOOK).await;
        if board.journal_status().failing_since.is_some() {
            return;
        }
    }
}

fn answer(committed: Committed) -> Response {
    let of_reason = |(reason, records): (&str, u64)| Rejected {
        reason: reason.to_owned(),
        records,
        means: DecodeStep::about(reason).to_owned(),
    };
    let reasons = committed.reasons.iter().copied().map(of_reason).collect();
    let counts = Accepted { received: committed.received, rejected: committed.rejected, reasons };
    if committed.rejected < committed.received {
        return (StatusCode::ACCEPTED, Json(counts)).into_response();
    }
    let refusal = Refusal::new(StatusCode::BAD_REQUEST, "the body holds no record that can be taken")
        .hint("reasons says why; `trailbrake replay FILE` says of the same bytes in a file where");
    (StatusCode::BAD_REQUEST, Json(Unusable { refusal, counts })).into_response()
}

fn not_taken(error: IntakeError) -> Refusal {
    match error {
        IntakeError::Busy => Refusal::busy(),
        IntakeError::NotCommitted => Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "the journal cannot be written")
            .hint("send it again; repeats are recognised")
            .after(5),
        IntakeError::Closed => Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "shutting down")
            .hint("send it again after the restart; repeats are recognised")
            .after(5),
    }
}

fn too_large() -> Refusal {
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large")
        .hint(format!("send events in parts of at most {HTTP_BODY_BYTES_MAX} bytes"))
}

fn broken_off() -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "the body cannot be read").hint("send it again")
}

fn late(timeout: Duration) -> Refusal {
    let seconds = timeout.as_secs();
    Refusal::new(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time")
        .hint(format!("send a body within {seconds} seconds, in smaller parts if need be"))
}

/// The answer to a body of another route that is too large or broke off.
pub(super) fn unreadable(rejection: &BytesRejection) -> Refusal {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large").hint("send less")
        }
        _ => broken_off(),
    }
}
