//! Tells systemd how it goes. Outside systemd all of this does nothing.

use std::sync::Arc;

use sd_notify::NotifyState;

use crate::health::Health;

/// The daemon is ready.
pub(super) fn ready() {
    notify(&[NotifyState::Ready]);
}

/// The daemon reads its configuration again. [`ready`] ends that.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(since) => notify(&[NotifyState::Reloading, since]),
        Err(error) => tracing::warn!(%error, "systemd cannot be told"),
    }
}

/// The daemon is stopping.
pub(super) fn stopping() {
    notify(&[NotifyState::Stopping]);
}

/// Feeds systemd's watchdog, if it is on, for as long as the stages are alive.
pub(super) async fn watchdog(health: Arc<Health>) {
    let Some(limit) = sd_notify::watchdog_enabled() else { return };
    let mut ticks = tokio::time::interval(limit / 3);
    loop {
        ticks.tick().await;
        if health.silent_stages().is_empty() {
            notify(&[NotifyState::Watchdog]);
        }
    }
}

fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "systemd cannot be told");
    }
}
