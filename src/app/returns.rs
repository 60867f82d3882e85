//! What flows back: ends of orders, artefacts and outcomes of pauses, what sources see; and how long the queues are.

use std::sync::Arc;

use tokio::sync::mpsc;
use trailbrake_detectors::engine::Watch;

use crate::limits::TICK;
use crate::metrics::Metrics;
use crate::order::Ended;
use crate::pause::PauseEvent;
use crate::pipeline::{Piece, Work};
use crate::source::Batch;

/// Brings the ends of orders into the journal.
pub(super) async fn bring_ends(mut ended: mpsc::Receiver<Ended>, pieces: mpsc::Sender<Piece>) {
    while let Some(end) = ended.recv().await {
        let mut piece = Piece::default();
        piece.cut.ended.push((end.id, end.end, end.at));
        if pieces.send(piece).await.is_err() {
            return;
        }
    }
}

/// Brings artefacts into the journal, and outcomes to the engine.
pub(super) async fn bring_pause_events(
    mut events: mpsc::Receiver<PauseEvent>,
    acts: mpsc::Sender<Work>,
    pieces: mpsc::Sender<Piece>,
) {
    while let Some(event) = events.recv().await {
        match event {
            PauseEvent::Artefact { artefact, committed } => {
                let mut piece = Piece { decision: true, ..Piece::default() };
                piece.cut.artefacts.push(artefact);
                piece.after.committed.push(committed);
                // Without a journal the artefact is not committed, and `act` changes nothing.
                let _ = pieces.send(piece).await;
            }
            PauseEvent::Outcome { outcome, .. } => {
                // Without an engine the outcome is unsettled, and is asked for again after the restart.
                let _ = acts.send(Work::Outcome(outcome)).await;
            }
        }
    }
}

/// Brings what sources see of their trails to the engine.
pub(super) async fn bring_watches(mut seen: mpsc::Receiver<Watch>, acts: mpsc::Sender<Work>) {
    while let Some(watch) = seen.recv().await {
        if acts.send(Work::Watch(watch)).await.is_err() {
            return;
        }
    }
}

/// Measures the queues, without keeping any of them open.
pub(super) async fn measure_queues(
    batches: mpsc::WeakSender<Batch>,
    acts: mpsc::WeakSender<Work>,
    pieces: mpsc::WeakSender<Piece>,
    metrics: Arc<Metrics>,
) {
    fn waiting<T>(queue: &mpsc::WeakSender<T>) -> usize {
        queue.upgrade().map_or(0, |sender| sender.max_capacity() - sender.capacity())
    }
    let mut ticks = tokio::time::interval(TICK);
    loop {
        ticks.tick().await;
        metrics.set_queue_length("batches", waiting(&batches));
        metrics.set_queue_length("acts", waiting(&acts));
        metrics.set_queue_length("cuts", waiting(&pieces));
    }
}
