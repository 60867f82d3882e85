//! Reads the configuration again when asked to, and takes up what can change while the daemon runs.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::notify;
use crate::alert::{self, LiveRoutes};
use crate::clock::SharedClock;
use crate::config::{Config, ConfigError, Problem, ReceiverConfig};
use crate::limits::CONFIG_PROBLEMS_SHOWN_MAX;
use crate::logs::parted;
use crate::metrics::Metrics;
use crate::order::Desk;
use crate::pipeline::{Board, ConfigStatus, Work};
use crate::token::Tokens;

/// How the configuration is read again.
pub struct Reload {
    /// Somebody asks for it.
    pub asked: mpsc::Receiver<()>,
    /// Reads it.
    pub read: Arc<dyn Fn() -> Result<Config, ConfigError> + Send + Sync>,
}

/// What follows the configuration while the daemon runs.
pub(super) struct Reloader {
    pub(super) reload: Reload,
    /// What holds.
    pub(super) config: Config,
    pub(super) tokens: Arc<Tokens>,
    pub(super) routes: LiveRoutes,
    pub(super) desk: Arc<Desk>,
    pub(super) work: mpsc::WeakSender<Work>,
    pub(super) board: Arc<Board>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) clock: SharedClock,
}

impl Reloader {
    /// Reads it again each time that somebody asks.
    pub(super) async fn run(mut self) {
        while self.reload.asked.recv().await.is_some() {
            notify::reloading();
            let read = Arc::clone(&self.reload.read);
            let taken_up = match tokio::task::spawn_blocking(move || read()).await {
                Ok(Ok(config)) => self.take_up(config).await,
                Ok(Err(ConfigError::Invalid { problems })) => Err(problems.iter().map(ToString::to_string).collect()),
                Ok(Err(error)) => Err(vec![error.to_string()]),
                Err(error) => Err(vec![format!("reading broke off: {error}")]),
            };
            if let Err(problems) = taken_up {
                self.keep(&problems);
            }
            notify::ready();
        }
    }

    /// Takes up another configuration as a whole, or nothing of it.
    async fn take_up(&mut self, new: Config) -> Result<(), Vec<String>> {
        let names: Vec<String> = new.receivers.iter().map(|receiver| receiver.name.clone()).collect();
        let built = alert::build(self.changed(&new), new.public_url.as_deref(), &self.routes)
            .map_err(|error| vec![error.to_string()])?;
        let tokens = self.tokens.redeclare(&new.tokens).map_err(|error| vec![error.to_string()])?;
        // From here on nothing can fail.
        self.metrics.declare(&[], &names.iter().map(String::as_str).collect::<Vec<_>>());
        let rebuilt = built.len();
        self.routes.set(Arc::clone(&new.routes));
        self.desk.take_up(built, &[]);
        let needs_restart = self.config.needs_restart(&new);
        self.config.settings.limits = new.settings.limits;
        let receivers = new.receivers.len();
        (self.config.receivers, self.config.routes, self.config.tokens) = (new.receivers, new.routes, new.tokens);
        self.config.public_url = new.public_url;
        self.judge(names).await;
        new.warnings.iter().for_each(Problem::warn);
        if !needs_restart.is_empty() {
            let keys = needs_restart.join(", ");
            tracing::warn!(keys, "configuration: this is taken up by a restart only");
        }
        tracing::info!(receivers, rebuilt, tokens, "configuration read again");
        let now = self.clock.now();
        self.metrics.count_config_reload(now, Some(needs_restart.len()));
        self.board.config(ConfigStatus {
            read_at: now.second().to_string(),
            needs_restart: needs_restart.into_iter().map(str::to_owned).collect(),
            ..ConfigStatus::default()
        });
        Ok(())
    }

    /// Receivers that are new or not as they were. All others keep what they know.
    fn changed<'new>(&self, new: &'new Config) -> impl Iterator<Item = &'new ReceiverConfig> + use<'new, '_> {
        let is_linked_otherwise = new.public_url != self.config.public_url;
        new.receivers.iter().filter(move |receiver| is_linked_otherwise || !self.config.receivers.contains(receiver))
    }

    /// Tells the engine. Receivers that are gone go once all that was decided before is on its way.
    async fn judge(&self, receivers: Vec<String>) {
        let Some(work) = self.work.upgrade() else { return };
        let (done, decided) = oneshot::channel();
        let (settings, sha256) = (Box::new(self.config.settings.clone()), self.config.sha256());
        let (receivers_now, at) = (receivers.clone(), self.clock.now());
        let configure = Work::Configure { settings, sha256, receivers: receivers_now, at, done };
        if work.send(configure).await.is_err() {
            return;
        }
        let desk = Arc::downgrade(&self.desk);
        tokio::spawn(async move {
            // While the journal fails this waits; should the daemon end, nothing is left to let go of.
            if decided.await.is_ok()
                && let Some(desk) = desk.upgrade()
            {
                desk.keep_only(&receivers);
            }
        });
    }

    /// Says what is wrong; what was read before stays.
    fn keep(&self, problems: &[String]) {
        for problem in problems {
            let (what, hint) = parted(problem);
            tracing::error!(hint, "configuration: {what}");
        }
        tracing::error!(problems = problems.len(), "configuration not taken up: the one read before holds");
        let now = self.clock.now();
        self.metrics.count_config_reload(now, None);
        self.board.config(ConfigStatus {
            failed_at: Some(now.second().to_string()),
            problems: problems.iter().take(CONFIG_PROBLEMS_SHOWN_MAX).cloned().collect(),
            ..self.board.config_status()
        });
    }
}
