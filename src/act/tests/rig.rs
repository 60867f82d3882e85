//! `act` on a socket of its own, with a fake hook, and a client that speaks as `run` does.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use trailbrake_detectors::engine::{Desired, Mode, PauseKey, PauseResult, Rung};
use trailbrake_detectors::time::Millis;

use super::fake::FakeIam;
use crate::act::hook::Hook;
use crate::act::lines::{self, Ears, Mouth};
use crate::act::pace::Pace;
use crate::act::protocol::{FromAct, ToAct};
use crate::act::{ActError, serve_with};
use crate::clock::ManualClock;
use crate::config::{ActConfig, HookKind, Secret};
use crate::metrics::Metrics;

pub(crate) const NOW: Millis = Millis(1_700_000_000_000);
/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(10);
/// Long enough for what must not happen to happen.
const QUIET: Duration = Duration::from_millis(100);

/// A running `act`, and what stops it.
type Serving = (JoinHandle<Result<(), ActError>>, watch::Sender<bool>);

/// Everything around one `act`, which can be killed and started again.
pub(crate) struct Rig {
    directory: TempDir,
    pub(crate) hook: Arc<FakeIam>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) config: ActConfig,
    pub(crate) pace: Pace,
    serving: Option<Serving>,
}

impl Rig {
    /// Nothing runs yet.
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let config = ActConfig {
            socket: directory.path().join("act.sock"),
            spawn: false,
            hook: HookKind::Webhook { url: String::new(), secret: Secret::new(String::new()) },
            mode: Mode::Enforce,
            exceptions: Vec::new(),
            protected: ["arn:aws:iam::123456789012:role/admin".to_owned()].into(),
            budget_account: 3,
            budget_total: 10,
            state: directory.path().join("state.json"),
        };
        let pace = Pace { first: Duration::from_millis(1), longest: Duration::from_millis(5), attempts: 4 };
        let clock = Arc::new(ManualClock::at(NOW));
        Self { directory, hook: Arc::default(), clock, config, pace, serving: None }
    }

    pub(crate) async fn started() -> (Self, Client) {
        let mut rig = Self::new();
        rig.start();
        let client = rig.connect().await;
        (rig, client)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.path().join("act.sock")
    }

    pub(crate) fn start(&mut self) {
        let (stop, stopping) = watch::channel(false);
        let hook: Arc<dyn Hook> = Arc::<FakeIam>::clone(&self.hook);
        let clock = Arc::<ManualClock>::clone(&self.clock);
        let serving = serve_with(self.config.clone(), hook, self.pace, clock, Arc::new(Metrics::default()), stopping);
        self.serving = Some((tokio::spawn(serving), stop));
    }

    /// Ends it wherever it is, as a kill would.
    pub(crate) async fn kill(&mut self) {
        if let Some((task, _)) = self.serving.take() {
            task.abort();
            assert!(task.await.is_err_and(|error| error.is_cancelled()), "was running until now");
        }
    }

    pub(crate) async fn stop(&mut self) {
        if let Some((task, stop)) = self.serving.take() {
            stop.send(true).expect("it listens");
            timeout(PATIENCE, task).await.expect("in time").expect("no panic").expect("no error");
        }
    }

    pub(crate) async fn connect(&self) -> Client {
        for _ in 0..200 {
            if let Ok(stream) = UnixStream::connect(&self.config.socket).await {
                let (ears, mouth) = lines::open(stream);
                let mut client = Client(ears, mouth);
                let hello = client.hear().await;
                assert!(matches!(&hello, FromAct::Hello { hook, .. } if hook == "fake"), "{hello:?}");
                return client;
            }
            sleep(Duration::from_millis(10)).await;
        }
        panic!("nobody listens on {}", self.config.socket.display());
    }
}

/// What speaks as `run` does.
pub(crate) struct Client(Ears<FromAct>, Mouth);

impl Client {
    pub(crate) async fn say(&mut self, line: &ToAct) {
        self.1.say(line).await.expect("is taken");
    }

    pub(crate) async fn want(&mut self, desired: &Desired) {
        self.say(&ToAct::Desired { desired: desired.clone(), mode: Mode::Enforce }).await;
    }

    pub(crate) async fn commit(&mut self, desired: &Desired) {
        self.say(&ToAct::Committed { key: desired.key.clone(), generation: desired.generation }).await;
    }

    pub(crate) async fn hear(&mut self) -> FromAct {
        timeout(PATIENCE, self.0.hear()).await.expect("in time").expect("not closed")
    }

    pub(crate) async fn hear_artefact(&mut self, desired: &Desired) {
        match self.hear().await {
            FromAct::Artefact { key, generation, .. } => {
                assert_eq!((key, generation), (desired.key.clone(), desired.generation));
            }
            other => panic!("not an artefact: {other:?}"),
        }
    }

    /// The result for a state, and whether the hook was called for it.
    pub(crate) async fn hear_outcome(&mut self, desired: &Desired) -> (PauseResult, bool) {
        match self.hear().await {
            FromAct::Outcome { outcome, called_at } => {
                assert_eq!((outcome.key, outcome.generation), (desired.key.clone(), desired.generation));
                (outcome.result, called_at.is_some())
            }
            other => panic!("not an outcome: {other:?}"),
        }
    }

    /// Brings an entity to a state, with whatever `act` asks for on the way.
    pub(crate) async fn bring(&mut self, desired: &Desired, mode: Mode) -> (PauseResult, bool) {
        self.say(&ToAct::Desired { desired: desired.clone(), mode }).await;
        match self.hear().await {
            FromAct::Artefact { .. } => {
                self.commit(desired).await;
                self.hear_outcome(desired).await
            }
            FromAct::Outcome { outcome, called_at } => (outcome.result, called_at.is_some()),
            other @ FromAct::Hello { .. } => panic!("{other:?}"),
        }
    }

    pub(crate) async fn hear_nothing(&mut self) {
        let heard = timeout(QUIET, self.0.hear()).await;
        assert!(heard.is_err(), "{heard:?}");
    }

    pub(crate) async fn hear_end(&mut self) {
        assert_eq!(timeout(PATIENCE, self.0.hear()).await.expect("in time"), None);
    }
}

pub(crate) fn key(role: &str) -> PauseKey {
    PauseKey {
        account: "123456789012".to_owned(),
        entity: format!("arn:aws:iam::123456789012:role/{role}"),
        session: "*".to_owned(),
    }
}

pub(crate) fn desired(role: &str, generation: u64, rung: Option<Rung>) -> Desired {
    Desired {
        key: key(role),
        generation,
        rung,
        decided_at: NOW,
        received_at: NOW.plus(-20),
        incidents: vec!["tb-1".to_owned()],
    }
}
