//! Brings one entity to its desired state: read, plan, have the plan made durable, make it, read back. One task for each
//! entity, one state at a time; it can be killed anywhere and begun anew.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use trailbrake_detectors::engine::{Desired, Mode, Outcome, PauseResult};
use trailbrake_detectors::time::Millis;

use super::budget::{Budget, BudgetError};
use super::checks::{self, Modes, failed, unpausable};
use super::hook::{Calling, Change, Hook, HookError, HookFailure, Inspection, Observed};
use super::pace::Pace;
use super::protocol::FromAct;
use crate::clock::SharedClock;
use crate::limits::{ACT_COMMIT_WAIT, HOOK_TIMEOUT};

/// What all entities share.
#[derive(Clone)]
pub(super) struct Tools {
    pub(super) hook: Arc<dyn Hook>,
    pub(super) modes: Arc<Modes>,
    pub(super) protected: Arc<BTreeSet<String>>,
    pub(super) budget: Arc<Mutex<Budget>>,
    pub(super) clock: SharedClock,
    pub(super) pace: Pace,
    pub(super) out: mpsc::Sender<FromAct>,
}

/// The latest that was said of one entity.
#[derive(Clone, Debug)]
pub(super) struct Said {
    /// The desired state.
    pub(super) desired: Desired,
    /// The mode that it was decided in.
    pub(super) mode: Mode,
    /// How often desired states were said.
    pub(super) times: u64,
    /// How often `committed` was said for this generation.
    pub(super) commits: u64,
}

/// Why a reconciliation ends early.
enum Stop {
    /// A newer state is desired, or nobody wants any more: this one needs no answer.
    Superseded,
    /// It was refused or failed.
    Ended(PauseResult),
}

impl From<PauseResult> for Stop {
    fn from(result: PauseResult) -> Self {
        Self::Ended(result)
    }
}

/// Answers each state that is said with an outcome, until the sender of `said` is gone.
pub(super) async fn keep(tools: Tools, mut said: watch::Receiver<Said>) {
    loop {
        let wanted = said.borrow_and_update().clone();
        let mut work = Reconciliation { tools: &tools, said: said.clone(), wanted: &wanted, called_at: None };
        let result = match work.run().await {
            Ok(result) => Some(result),
            Err(Stop::Ended(result)) => Some(result),
            Err(Stop::Superseded) => None,
        };
        let called_at = work.called_at;
        if let Some(result) = result {
            let (key, generation) = (wanted.desired.key.clone(), wanted.desired.generation);
            tracing::info!(entity = ?key.entity, generation, ?result, "a desired state was answered");
            let outcome = Outcome { key, generation, at: tools.clock.now(), result };
            if tools.out.send(FromAct::Outcome { outcome, called_at }).await.is_err() {
                return;
            }
        }
        if said.wait_for(|said| said.times > wanted.times).await.is_err() {
            return;
        }
    }
}

struct Reconciliation<'a> {
    tools: &'a Tools,
    said: watch::Receiver<Said>,
    wanted: &'a Said,
    called_at: Option<Millis>,
}

impl Reconciliation<'_> {
    async fn run(&mut self) -> Result<PauseResult, Stop> {
        let desired = &self.wanted.desired;
        if desired.rung.is_some() {
            checks::check_key(desired, &self.tools.protected)?;
        }
        let Some((observed, inspection)) = self.look().await? else { return Ok(self.reached()) };
        let planned = self.tools.hook.plan(desired, observed).map_err(ended)?;
        let Some(change) = planned else { return Ok(self.reached()) };
        if let Some(inspection) = inspection {
            self.check_decision()?;
            checks::check_inspection(&inspection?, &self.tools.protected)?;
            self.spend().await?;
        }
        self.have_committed(&change).await?;
        if desired.rung.is_some() {
            self.check_decision()?;
        }
        self.called_at = Some(self.tools.clock.now());
        self.attempt(|hook| hook.make(&change)).await?.map_err(ended)?;
        self.read_back().await
    }

    /// How the entity stands, and, before a pause, what the hook finds out about it. Nothing: the entity is gone, and is
    /// not to be paused.
    async fn look(&self) -> Result<Option<(Observed, Option<Result<Inspection, Stop>>)>, Stop> {
        let desired = &self.wanted.desired;
        let Some(rung) = desired.rung else {
            return match self.attempt(|hook| hook.read(&desired.key)).await? {
                Ok(observed) => Ok(Some((observed, None))),
                Err(error) if error.reason == HookFailure::NotFound => Ok(None),
                Err(error) => Err(ended(error)),
            };
        };
        let read = self.attempt(|hook| hook.read(&desired.key));
        let inspect = self.attempt(|hook| hook.inspect(&desired.key, rung));
        let (read, inspection) = tokio::try_join!(read, inspect)?;
        Ok(Some((read.map_err(ended)?, Some(inspection.map_err(ended)))))
    }

    fn check_decision(&self) -> Result<(), PauseResult> {
        checks::check_decision(&self.wanted.desired, self.wanted.mode, &self.tools.modes, self.tools.clock.now())
    }

    async fn spend(&self) -> Result<(), Stop> {
        let (budget, key, now) =
            (Arc::clone(&self.tools.budget), self.wanted.desired.key.clone(), self.tools.clock.now());
        let spend = move || budget.lock().unwrap_or_else(PoisonError::into_inner).spend(&key, now);
        match tokio::task::spawn_blocking(spend).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(BudgetError::Spent)) => Err(failed("budget-spent").into()),
            Ok(Err(BudgetError::State(error))) => {
                tracing::error!(%error, "what the budget has spent cannot be written");
                Err(failed("state-not-written").into())
            }
            // Only a runtime that shuts down ends such a task.
            Err(_) => Err(Stop::Superseded),
        }
    }

    /// Tells what will change, again each time the state is said again, until it is in the journal.
    async fn have_committed(&self, change: &Change) -> Result<(), Stop> {
        let (generation, mut said) = (self.wanted.desired.generation, self.said.clone());
        let deadline = Instant::now() + ACT_COMMIT_WAIT;
        let (commits, mut times) = {
            let now = said.borrow();
            (now.commits, now.times)
        };
        loop {
            let artefact = FromAct::Artefact {
                key: change.key.clone(),
                generation,
                change: change.change.clone(),
                undo: change.undo.clone(),
            };
            self.tools.out.send(artefact).await.map_err(|_| Stop::Superseded)?;
            let is_news =
                |said: &Said| said.desired.generation != generation || said.commits > commits || said.times > times;
            let Ok(news) = timeout_at(deadline, said.wait_for(is_news)).await else {
                return Err(failed("not-committed").into());
            };
            let news = news.map_err(|_| Stop::Superseded)?;
            if news.desired.generation != generation {
                return Err(Stop::Superseded);
            }
            if news.commits > commits {
                return Ok(());
            }
            times = news.times;
        }
    }

    /// Reads until what was made is seen: IAM is eventually consistent.
    async fn read_back(&self) -> Result<PauseResult, Stop> {
        let desired = &self.wanted.desired;
        let expected = desired.rung.map_or(Observed::Free, Observed::Paused);
        for failures in 1..=self.tools.pace.attempts {
            match self.attempt(|hook| hook.read(&desired.key)).await? {
                Ok(observed) if observed == expected || observed == Observed::Unknown => return Ok(self.reached()),
                Err(error) if error.reason == HookFailure::NotFound && desired.rung.is_none() => {
                    return Ok(self.reached());
                }
                Ok(_) => self.wait(failures).await?,
                Err(error) => return Err(ended(error)),
            }
        }
        Err(failed("not-seen").into())
    }

    fn reached(&self) -> PauseResult {
        if self.wanted.desired.rung.is_some() { PauseResult::Paused } else { PauseResult::Resumed }
    }

    /// Calls the hook until it answers, fails for good, or has failed too often.
    async fn attempt<'h, T>(
        &'h self,
        call: impl Fn(&'h dyn Hook) -> Calling<'h, T>,
    ) -> Result<Result<T, HookError>, Stop> {
        let mut failures = 0;
        loop {
            let no_answer = || HookError::new(HookFailure::Unreachable, "no answer in time");
            let answer =
                timeout(HOOK_TIMEOUT, call(self.tools.hook.as_ref())).await.unwrap_or_else(|_| Err(no_answer()));
            let Err(error) = answer else { return Ok(answer) };
            failures += 1;
            if !error.reason.is_retryable() || failures >= self.tools.pace.attempts {
                return Ok(Err(error));
            }
            tracing::warn!(entity = ?self.wanted.desired.key.entity, failures, %error, "a hook's call failed, to be tried again");
            self.wait(failures).await?;
        }
    }

    /// Waits before the next attempt, unless something newer is desired.
    async fn wait(&self, failures: u32) -> Result<(), Stop> {
        let (generation, mut said) = (self.wanted.desired.generation, self.said.clone());
        tokio::select! {
            () = sleep(self.tools.pace.wait(failures)) => Ok(()),
            _ = said.wait_for(|said| said.desired.generation != generation) => Err(Stop::Superseded),
        }
    }
}

/// The end that a hook's last error leads to.
fn ended(error: HookError) -> Stop {
    Stop::Ended(match error.reason {
        HookFailure::Unmodifiable => unpausable(&error.to_string()),
        _ => failed(&error.to_string()),
    })
}
