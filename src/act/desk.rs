//! Where all meets: the client's lines go to the entities' tasks, and what these say goes to the client.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;
use trailbrake_detectors::engine::{Desired, Mode, Outcome, PauseKey};

use super::checks::failed;
use super::door::Door;
use super::lines::{self, Ears, Mouth};
use super::protocol::{FromAct, ToAct};
use super::reconcile::{self, Said, Tools};
use super::stopped;
use crate::limits::ACT_ENTITIES_MAX;
use crate::metrics::Metrics;

/// After a connection could not be taken (no file descriptors left), how long until the next is.
const ACCEPT_WAIT: Duration = Duration::from_millis(100);

/// The state of the loop.
pub(super) struct Desk {
    tools: Tools,
    metrics: Arc<Metrics>,
    client: Option<(Ears<ToAct>, Mouth)>,
    entities: HashMap<PauseKey, Entity>,
    tasks: JoinSet<()>,
    entities_max: usize,
}

/// An entity's task, as the desk sees it.
struct Entity {
    said: watch::Sender<Said>,
    is_answered: bool,
}

impl Desk {
    /// A desk without client and entities.
    pub(super) fn new(tools: Tools, metrics: Arc<Metrics>) -> Self {
        Self {
            tools,
            metrics,
            client: None,
            entities: HashMap::new(),
            tasks: JoinSet::new(),
            entities_max: ACT_ENTITIES_MAX,
        }
    }

    /// Serves until it is told to stop. What is under way then is dropped: whoever comes next begins anew from what is
    /// in the world.
    pub(super) async fn serve(
        mut self,
        door: &Door,
        mut out: mpsc::Receiver<FromAct>,
        mut stop: watch::Receiver<bool>,
    ) {
        loop {
            tokio::select! {
                () = stopped(&mut stop) => return,
                stream = door.accept() => match stream {
                    Ok(Some(stream)) => self.greet(stream).await,
                    Ok(None) => tracing::warn!("a connection of another user was refused"),
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be taken");
                        sleep(ACCEPT_WAIT).await;
                    }
                },
                line = hear(&mut self.client) => match line {
                    Some(line) => self.take(line).await,
                    None => self.client = None,
                },
                Some(line) = out.recv() => self.hand_on(line).await,
                Some(_) = self.tasks.join_next() => {}
            }
            let busy = self.entities.values().filter(|entity| !entity.is_answered).count();
            self.metrics.set_queue_length("act", busy);
        }
    }

    /// A new client replaces the one before: that one may be dead without our knowing.
    async fn greet(&mut self, stream: UnixStream) {
        // Its journal may be another one, in which generations begin anew: what is answered is forgotten.
        self.entities.retain(|_, entity| !entity.is_answered);
        self.client = Some(lines::open(stream));
        let hook = self.tools.hook.name().to_owned();
        self.say(&FromAct::Hello { version: env!("CARGO_PKG_VERSION").to_owned(), hook }).await;
    }

    async fn take(&mut self, line: ToAct) {
        match line {
            ToAct::Desired { desired, mode } => self.want(desired, mode).await,
            ToAct::Committed { key, generation } => {
                if let Some(entity) = self.entities.get(&key) {
                    entity.said.send_if_modified(|said| {
                        let is_latest = said.desired.generation == generation;
                        said.commits += u64::from(is_latest);
                        is_latest
                    });
                }
            }
        }
    }

    async fn want(&mut self, desired: Desired, mode: Mode) {
        if let Some(entity) = self.entities.get_mut(&desired.key) {
            let is_stale = entity.said.borrow().desired.generation > desired.generation;
            if is_stale {
                tracing::debug!(entity = ?desired.key.entity, generation = desired.generation, "a stale state was dropped");
                return;
            }
            entity.is_answered = false;
            entity.said.send_modify(|said| {
                let is_repeated = said.desired.generation == desired.generation;
                let commits = if is_repeated { said.commits } else { 0 };
                *said = Said { desired, mode, times: said.times + 1, commits };
            });
            return;
        }
        if !self.make_room() {
            let outcome = Outcome {
                key: desired.key,
                generation: desired.generation,
                at: self.tools.clock.now(),
                result: failed("too-many-entities"),
            };
            return self.say(&FromAct::Outcome { outcome, called_at: None }).await;
        }
        let key = desired.key.clone();
        let (sender, said) = watch::channel(Said { desired, mode, times: 1, commits: 0 });
        self.tasks.spawn(reconcile::keep(self.tools.clone(), said));
        self.entities.insert(key, Entity { said: sender, is_answered: false });
    }

    /// Forgets an entity for which nothing is left to do, if there are too many. Says whether there is room.
    fn make_room(&mut self) -> bool {
        if self.entities.len() < self.entities_max {
            return true;
        }
        let answered = self.entities.iter().find(|(_, entity)| entity.is_answered).map(|(key, _)| key.clone());
        answered.is_some_and(|key| self.entities.remove(&key).is_some())
    }

    async fn hand_on(&mut self, line: FromAct) {
        if let FromAct::Outcome { outcome, .. } = &line
            && let Some(entity) = self.entities.get_mut(&outcome.key)
            && entity.said.borrow().desired.generation == outcome.generation
        {
            entity.is_answered = true;
        }
        self.say(&line).await;
    }

    /// Says a line to the client. Without one it is lost, and nothing with it: the next client says again what it wants.
    async fn say(&mut self, line: &FromAct) {
        let Some((_, mouth)) = &self.client else { return };
        if let Err(error) = mouth.say(line).await {
            tracing::warn!(%error, "the client could not be told");
            self.client = None;
        }
    }
}

/// The client's next line; never, without a client.
async fn hear(client: &mut Option<(Ears<ToAct>, Mouth)>) -> Option<ToAct> {
    match client {
        Some((ears, _)) => ears.hear().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use trailbrake_detectors::engine::PauseResult;

    use super::*;
    use crate::act::budget::Budget;
    use crate::act::checks::Modes;
    use crate::act::pace::Pace;
    use crate::act::tests::fake::FakeIam;
    use crate::act::tests::rig::{NOW, desired};
    use crate::clock::ManualClock;

    #[tokio::test]
    async fn forgets_answered_entities_first_and_refuses_when_none_is() {
        let directory = tempfile::tempdir().expect("a directory");
        let budget = Budget::open(&directory.path().join("state.json"), 1, 1).expect("opens");
        let (sender, mut out) = mpsc::channel(10);
        let tools = Tools {
            hook: Arc::new(FakeIam::default()),
            modes: Arc::new(Modes { mode: Mode::Enforce, exceptions: Vec::new() }),
            protected: Arc::default(),
            budget: Arc::new(Mutex::new(budget)),
            clock: Arc::new(ManualClock::at(NOW)),
            pace: Pace::default(),
            out: sender,
        };
        let mut desk = Desk::new(tools, Arc::new(Metrics::default()));
        desk.entities_max = 2;
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        let (mut ears, _mouth) = lines::open::<FromAct>(theirs);
        desk.greet(ours).await;
        ears.hear().await.expect("a greeting");

        for role in ["a", "b"] {
            desk.want(desired(role, 1, None), Mode::Enforce).await;
        }
        desk.want(desired("c", 1, None), Mode::Enforce).await;
        let refusal = ears.hear().await;
        assert!(
            matches!(&refusal, Some(FromAct::Outcome { outcome, .. })
                if outcome.key == desired("c", 1, None).key && outcome.result == failed("too-many-entities")),
            "{refusal:?}"
        );
        let answer = out.recv().await.expect("an answer");
        desk.hand_on(answer).await;
        desk.want(desired("c", 1, None), Mode::Enforce).await;
        assert_eq!(desk.entities.len(), 2);
        let mut resumed = 0;
        while resumed < 2 {
            if let Some(FromAct::Outcome { outcome, .. }) = out.recv().await {
                assert_eq!(outcome.result, PauseResult::Resumed);
                resumed += 1;
            }
        }
    }
}
