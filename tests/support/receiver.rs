//! A receiver that takes whatever is posted to it, and remembers it with the time of its arrival.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use serde_json::Value;
use tokio::time::Instant;

use super::web::{self, Service};

type Taken = Arc<Mutex<Vec<(Instant, Value)>>>;

/// The receiver at work, at any path. It answers `ok`, as Slack does.
pub(crate) struct Receiver {
    service: Service,
    taken: Taken,
}

impl Receiver {
    /// Starts it.
    pub(crate) async fn start() -> Self {
        let taken = Taken::default();
        let router = Router::new().fallback(post(take)).with_state(taken.clone());
        Self { service: web::serve(router).await, taken }
    }

    /// Where messages are posted.
    pub(crate) fn url(&self) -> String {
        format!("{}/", self.service.url)
    }

    /// All that it took, in its order, with when.
    pub(crate) fn taken(&self) -> Vec<(Instant, Value)> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn take(State(taken): State<Taken>, body: Bytes) -> &'static str {
    let message = serde_json::from_slice(&body).unwrap_or_default();
    taken.lock().unwrap_or_else(PoisonError::into_inner).push((Instant::now(), message));
    "ok"
}
