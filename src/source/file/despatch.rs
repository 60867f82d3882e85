//! Hands over what is read of files: batches of one file each, with how far it is read, and only so much at once.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::progress::Progress;
use crate::limits::{ARCHIVE_BYTES_WEIGHT, FOLLOWED_UNWRITTEN_BYTES_MAX, JOURNAL_DOWN_AFTER};
use crate::source::outlet::{Gathering, Outlet, Stopped};
use crate::source::{Committed, Position};
use crate::trail::is_archive;

/// What is read, on its way.
pub(super) struct Despatch {
    outlet: Outlet,
    gathering: Gathering,
    bytes: usize,
    /// How far the file is read that the payloads are of.
    position: Option<Position>,
    unwritten: VecDeque<(usize, oneshot::Receiver<Committed>)>,
    unwritten_bytes: usize,
    /// Nothing has become durable for a while: what the journal cannot take is judged all the same.
    is_journal_down: bool,
}

impl Despatch {
    pub(super) fn new(outlet: Outlet) -> Self {
        Self {
            outlet,
            gathering: Gathering::default(),
            bytes: 0,
            position: None,
            unwritten: VecDeque::new(),
            unwritten_bytes: 0,
            is_journal_down: false,
        }
    }

    /// Takes a payload of a file; nothing if only the progress is to be known.
    pub(super) async fn push(
        &mut self,
        name: &Arc<str>,
        payload: Option<Bytes>,
        progress: Progress,
    ) -> Result<(), Stopped> {
        let is_other = self.position.as_ref().is_some_and(|position| position.name != *name);
        if is_other || payload.as_ref().is_some_and(|payload| !self.gathering.fits(payload.len())) {
            self.send().await?;
        }
        self.position = Some(Position { name: Arc::clone(name), at: progress.text() });
        if let Some(payload) = payload {
            let weight = if is_archive(Path::new(&**name)) { ARCHIVE_BYTES_WEIGHT } else { 1 };
            self.bytes = self.bytes.saturating_add(payload.len().saturating_mul(weight));
            self.gathering.push(payload);
        }
        Ok(())
    }

    /// Hands over what there is. Waits while too much is not yet durable, unless nothing becomes so.
    pub(super) async fn send(&mut self) -> Result<(), Stopped> {
        let Some(position) = self.position.take() else { return Ok(()) };
        let bytes = std::mem::take(&mut self.bytes);
        self.forget_written();
        while !self.is_journal_down
            && self.unwritten_bytes > 0
            && self.unwritten_bytes.saturating_add(bytes) > FOLLOWED_UNWRITTEN_BYTES_MAX
        {
            self.wait_for_first().await?;
        }
        self.outlet.heard();
        let batch = self.outlet.batch_of(self.gathering.take(), Some(position));
        let receiver = self.outlet.send_acknowledged(batch).await?;
        self.unwritten.push_back((bytes, receiver));
        self.unwritten_bytes = self.unwritten_bytes.saturating_add(bytes);
        self.forget_written();
        Ok(())
    }

    /// The position of a file that is gone goes as well.
    pub(super) async fn forget(&mut self, name: Arc<str>) -> Result<(), Stopped> {
        self.push(&name, None, Progress::Nothing).await?;
        self.send().await
    }

    /// Waits for all that was handed over to become durable; false if something will not.
    pub(super) async fn committed(&mut self) -> Result<bool, Stopped> {
        self.send().await?;
        let mut all = true;
        while !self.unwritten.is_empty() {
            all &= self.first_written().await?;
        }
        Ok(all)
    }

    pub(super) fn outlet(&mut self) -> &mut Outlet {
        &mut self.outlet
    }

    async fn first_written(&mut self) -> Result<bool, Stopped> {
        let Some((bytes, receiver)) = self.unwritten.pop_front() else { return Ok(true) };
        self.unwritten_bytes = self.unwritten_bytes.saturating_sub(bytes);
        self.outlet.committed(Some(receiver)).await
    }

    /// The same, but gives up when the journal seems to be down.
    async fn wait_for_first(&mut self) -> Result<(), Stopped> {
        let Some((_, first)) = self.unwritten.front_mut() else { return Ok(()) };
        let is_answered = tokio::select! {
            _ = first => true,
            waited = self.outlet.wait(JOURNAL_DOWN_AFTER) => waited.map(|()| false)?,
        };
        self.is_journal_down = !is_answered;
        if is_answered {
            self.forget_first();
        }
        Ok(())
    }

    /// Forgets what has become durable, and what will not.
    fn forget_written(&mut self) {
        while let Some((_, first)) = self.unwritten.front_mut() {
            let answer = first.try_recv();
            if answer == Err(WAITING) {
                return;
            }
            self.is_journal_down &= answer.is_err();
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        if let Some((bytes, _)) = self.unwritten.pop_front() {
            self.unwritten_bytes = self.unwritten_bytes.saturating_sub(bytes);
        }
    }
}

const WAITING: oneshot::error::TryRecvError = oneshot::error::TryRecvError::Empty;
