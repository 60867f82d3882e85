//! Bearer tokens: who asks, and whether they may.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Refusal;
use super::failures::{Failure, Failures, Who};
use crate::clock::SharedClock;
use crate::metrics::Metrics;
use crate::token::{Holder, Role, Tokens};

/// Where a request comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) IpAddr);

/// Marks an answer to somebody who was recognised.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recognised;

/// Recognises holders of tokens.
pub(super) struct Authentication {
    pub(super) tokens: Arc<Tokens>,
    pub(super) failures: Failures,
    pub(super) clock: SharedClock,
    pub(super) metrics: Arc<Metrics>,
}

impl Authentication {
    fn unrecognised(&self, peer: IpAddr, sent_one: bool) -> Response {
        let reason = if sent_one { "unknown-token" } else { "no-token" };
        let Failure { limited_seconds, is_logged } = self.note(reason, Who::peer(peer));
        if is_logged {
            // Nothing of the request is logged but where it came from: the rest may hold a secret.
            tracing::warn!(%peer, reason, limited = limited_seconds.is_some(), "a request without a valid token");
        }
        if let Some(seconds) = limited_seconds {
            return limited(seconds);
        }
        Refusal::new(StatusCode::UNAUTHORIZED, "no valid token")
            .hint("send one that `trailbrake token create` made: `Authorization: Bearer TOKEN`")
            .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    fn not_allowed(&self, holder: &Holder, role: Role) -> Response {
        let (role, name) = (role.as_str(), &holder.name);
        let Failure { limited_seconds, is_logged } = self.note("role", Who::Holder(name.clone()));
        if is_logged {
            tracing::warn!(holder = %name, role, limited = limited_seconds.is_some(), "a token lacks the role");
        }
        if let Some(seconds) = limited_seconds {
            return limited(seconds);
        }
        Refusal::new(StatusCode::FORBIDDEN, format!("this token lacks the role: {role}"))
            .hint(format!("use another token, or make one with it: trailbrake token create NAME --role {role}"))
            .into_response()
    }

    fn note(&self, reason: &str, who: Who) -> Failure {
        self.metrics.count_authentication_failure(reason);
        self.failures.note(who, self.clock.now())
    }
}

fn limited(seconds: u64) -> Response {
    Refusal::new(StatusCode::TOO_MANY_REQUESTS, "too many requests that were not allowed")
        .hint("wait, and send a valid token")
        .after(seconds)
        .into_response()
}

/// Lets a request pass whose token has the role, and tells the handler who sent it.
pub(super) async fn require(
    State((authentication, role)): State<(Arc<Authentication>, Role)>,
    Extension(Peer(peer)): Extension<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    let presented = bearer(request.headers());
    let Some(holder) = presented.and_then(|token| authentication.tokens.find(token)) else {
        return authentication.unrecognised(peer, presented.is_some());
    };
    let mut response = if holder.roles.contains(&role) {
        request.extensions_mut().insert(holder);
        next.run(request).await
    } else {
        authentication.not_allowed(&holder, role)
    };
    response.extensions_mut().insert(Recognised);
    response
}

/// The token of the `Authorization` header.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}
