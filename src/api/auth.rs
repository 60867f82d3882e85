//! Bearer tokens: who asks, and whether they may.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::Refusal;
use crate::config::{Role, Token};

/// Whoever holds a token.
#[derive(Debug)]
pub(super) struct Holder {
    /// The name in the configuration.
    pub(super) name: String,
    /// ARNs and unique ids of AWS principals that are this person.
    pub(super) principals: Vec<String>,
    roles: BTreeSet<Role>,
    digest: [u8; 32],
}

/// All who hold tokens.
#[derive(Debug)]
pub(super) struct Holders(Vec<Arc<Holder>>);

impl Holders {
    pub(super) fn new(tokens: &[Token]) -> Self {
        let holder = |token: &Token| {
            Arc::new(Holder {
                name: token.name.clone(),
                principals: token.principals.clone(),
                roles: token.roles.clone(),
                digest: digest(token.secret.expose().as_bytes()),
            })
        };
        Self(tokens.iter().map(holder).collect())
    }

    /// Who holds this token. All are compared, by digest and to the end, so that time tells nothing about any.
    fn find(&self, token: &[u8]) -> Option<&Arc<Holder>> {
        let presented = digest(token);
        let mut found = None;
        for holder in &self.0 {
            let difference = holder.digest.iter().zip(presented).fold(0, |sum, (known, byte)| sum | (known ^ byte));
            if difference == 0 {
                found = Some(holder);
            }
        }
        found
    }
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Lets a request pass whose token has the role, and tells the handler who sent it.
pub(super) async fn require(
    State((holders, role)): State<(Arc<Holders>, Role)>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(holder) = bearer(request.headers()).and_then(|token| holders.find(token)) else {
        let hint = "send a token of the configuration: `Authorization: Bearer TOKEN`";
        return Refusal::new(StatusCode::UNAUTHORIZED, "no valid token")
            .hint(hint)
            .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    };
    if !holder.roles.contains(&role) {
        let role = match role {
            Role::Ingest => "ingest",
            Role::Read => "read",
            Role::Review => "review",
        };
        return Refusal::new(StatusCode::FORBIDDEN, format!("this token lacks the role: {role}"))
            .hint("add the role to the token in the configuration, or use another token")
            .into_response();
    }
    let holder = Arc::clone(holder);
    request.extensions_mut().insert(holder);
    next.run(request).await
}

/// The token of the `Authorization` header.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}
