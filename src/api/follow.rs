//! Follows the token file, certificate and key: what changes is taken up, what is broken leaves what was there before.

use std::sync::Arc;
use std::time::Duration;

use super::Files;
use crate::logs::parted;
use crate::metrics::Metrics;
use crate::token::Look;

/// Looks again and again.
pub(super) async fn follow(files: Files, every: Duration, metrics: Arc<Metrics>) {
    let files = Arc::new(files);
    loop {
        tokio::time::sleep(every).await;
        let (files, metrics) = (Arc::clone(&files), Arc::clone(&metrics));
        let looked = tokio::task::spawn_blocking(move || look(&files, &metrics)).await;
        if let Err(error) = looked {
            tracing::error!(%error, "files of the listener cannot be looked at: what was read before stays");
        }
    }
}

/// One look at all of them. What is wrong is logged once for each change.
fn look(files: &Files, metrics: &Metrics) {
    match files.tokens.look() {
        Look::Same => {}
        Look::Taken { tokens } => {
            metrics.set_file_current("tokens", true);
            tracing::info!(tokens, "tokens read again");
        }
        Look::Kept(error) => {
            metrics.set_file_current("tokens", false);
            let said = error.to_string();
            let (error, hint) = parted(&said);
            tracing::error!(error, hint, "tokens not read: those read before stay, revoked ones too");
        }
    }
    let Some(tls) = &files.tls else { return };
    match tls.look() {
        Ok(false) => {}
        Ok(true) => {
            metrics.set_file_current("tls", true);
            tracing::info!("certificate and key read again");
        }
        Err(error) => {
            metrics.set_file_current("tls", false);
            let said = error.to_string();
            let (error, hint) = parted(&said);
            tracing::error!(error, hint, "certificate and key not read: those read before stay");
        }
    }
}
