//! What a restart finds in the journal, and what it does about it before anything new is read.

use std::collections::BTreeMap;
use std::sync::Arc;

use trailbrake_detectors::engine::{Desired, Engine, Mode, PauseKey, Settings};

use super::AppError;
use crate::clock::SharedClock;
use crate::config::Config;
use crate::journal::{Journal, JournalError, Loaded, Order, Positions};
use crate::metrics::Metrics;
use crate::pipeline::{Board, EngineStep, JournalStatus};

/// The state of a daemon before its first input.
pub(crate) struct Recovered {
    pub(crate) journal: Box<dyn Journal>,
    pub(crate) step: EngineStep,
    pub(crate) board: Arc<Board>,
    pub(crate) positions: Arc<Positions>,
    pub(crate) orders: Vec<Order>,
    pub(crate) open_pages: Vec<Order>,
    pub(crate) unsettled: Vec<(Desired, Mode)>,
}

/// Opens the journal and loads the engine from it.
pub(super) fn recover(config: &Config, clock: &SharedClock, metrics: &Arc<Metrics>) -> Result<Recovered, AppError> {
    let journal = crate::journal::open(&config.journal, clock.now())?;
    let sources: Vec<_> = config.sources.iter().map(|source| source.terms.name.as_ref()).collect();
    let receivers = config.receivers.iter().map(|receiver| receiver.name.clone()).collect();
    remember(journal, &config.settings, &sources, receivers, clock, metrics)
}

/// Loads the engine from a journal, for sources and receivers of these names.
pub(crate) fn remember(
    mut journal: Box<dyn Journal>,
    settings: &Settings,
    sources: &[&str],
    receivers: Vec<String>,
    clock: &SharedClock,
    metrics: &Arc<Metrics>,
) -> Result<Recovered, AppError> {
    let loaded = load(journal.as_mut(), clock)?;
    let set_aside = journal.set_aside().map(ToString::to_string);
    if let Some(set_aside) = &set_aside {
        metrics.count_journal_set_aside();
        tracing::error!(set_aside, "the journal begins anew, with what of it could be read");
    }
    let rows = loaded.rows.len();
    let engine =
        Engine::load(loaded.rows, settings.clone()).map_err(|error| AppError::Rows { reason: error.to_string() })?;
    let unsettled = unsettled(&engine, loaded.desired, clock);
    let board = Arc::new(Board::default());
    board.restore(sources.iter().copied(), &loaded.counts, engine.situations());
    board.journal(JournalStatus { ok: true, set_aside, ..JournalStatus::default() });
    tracing::info!(
        rows,
        positions = loaded.positions.len(),
        orders = loaded.orders.len(),
        unsettled = unsettled.len(),
        "journal loaded"
    );
    let step = EngineStep::new(engine, receivers, Arc::clone(&board), Arc::clone(metrics))
        .recalling(journal.recall(), loaded.forgotten_to);
    Ok(Recovered {
        journal,
        step,
        board,
        positions: Arc::new(loaded.positions),
        orders: loaded.orders,
        open_pages: loaded.open_pages,
        unsettled,
    })
}

/// What the journal holds. One whose content makes no sense is set aside as one that cannot be read.
fn load(journal: &mut dyn Journal, clock: &SharedClock) -> Result<Loaded, JournalError> {
    match journal.load() {
        Err(JournalError::Damaged { reason, .. }) => {
            journal.begin_anew(&reason, clock.now())?;
            journal.load()
        }
        loaded => loaded,
    }
}

/// The desired states that `act` has not settled, to be said again. What the engine still wants is decided anew by
/// this restart, so that `act` does not refuse it for its age; what it no longer wants keeps its age, except that a
/// pause to be lifted is lifted however old the word is.
fn unsettled(engine: &Engine, desired: Vec<(Desired, bool)>, clock: &SharedClock) -> Vec<(Desired, Mode)> {
    let wanted: BTreeMap<PauseKey, u64> =
        engine.wanted().into_iter().map(|desired| (desired.key, desired.generation)).collect();
    let say = |(mut desired, settled): (Desired, bool)| {
        if settled {
            return None;
        }
        if desired.rung.is_none() || wanted.get(&desired.key) == Some(&desired.generation) {
            desired.decided_at = clock.now();
        }
        let mode = EngineStep::mode_of(engine, &desired);
        Some((desired, mode))
    };
    desired.into_iter().filter_map(say).collect()
}
