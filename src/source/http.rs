//! Records that are posted to us. The listener hands bodies to the intake and hears when they are durable.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::outlet::{Outlet, stopped};
use super::{Committed, Context, Running, Source, Terms};
use crate::limits::{INTAKE_BYTES_MAX, LISTENING_BEAT};

/// Why a body was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IntakeError {
    /// There is no room at the moment: the sender shall try again.
    #[error("too many events are waiting")]
    Busy,
    /// The body was read, and is not in the journal: the sender must send it again.
    #[error("events were not committed")]
    NotCommitted,
    /// The source does not run, or has stopped.
    #[error("events are not taken at the moment")]
    Closed,
}

/// A source and the intake that feeds it.
pub fn channel(terms: Arc<Terms>) -> (HttpSource, HttpIntake) {
    let intake = HttpIntake { open: Arc::default(), bytes: Arc::new(Semaphore::new(INTAKE_BYTES_MAX)) };
    (HttpSource { terms, intake: intake.clone() }, intake)
}

/// The source that posted bodies come from.
pub struct HttpSource {
    terms: Arc<Terms>,
    intake: HttpIntake,
}

/// Takes bodies. Clones feed the same source.
#[derive(Clone)]
pub struct HttpIntake {
    /// There while the source runs, so that a stopped source leaves no sender of batches behind.
    open: Arc<Mutex<Option<Outlet>>>,
    bytes: Arc<Semaphore>,
}

/// A body that is being read, and the room that it takes until it is durable.
pub struct Filling {
    intake: HttpIntake,
    body: BytesMut,
    room: OwnedSemaphorePermit,
}

impl Filling {
    /// Adds a part of the body, if there is room for it.
    pub fn add(&mut self, part: &[u8]) -> Result<(), IntakeError> {
        let room = self.intake.room(part.len())?;
        self.room.merge(room);
        self.body.extend_from_slice(part);
        Ok(())
    }

    /// How many bytes there are.
    pub fn bytes(&self) -> usize {
        self.body.len()
    }

    /// Hands the body over, and answers once its records are durable. Whether or not the answer is waited for, the body
    /// goes its way, and takes its room until its end.
    pub async fn submit(self) -> Result<Committed, IntakeError> {
        let committed = self.intake.send(self.body.freeze())?;
        let room = self.room;
        let waiting = tokio::spawn(async move {
            let _room = room;
            committed.await
        });
        waiting.await.ok().and_then(Result::ok).ok_or(IntakeError::NotCommitted)
    }
}

impl HttpIntake {
    /// Begins a body, unless none can be taken.
    pub fn begin(&self) -> Result<Filling, IntakeError> {
        if self.open().is_none() {
            return Err(IntakeError::Closed);
        }
        // A body without a byte is one, too: it must not be free.
        let room = self.room(1)?;
        Ok(Filling { intake: self.clone(), body: BytesMut::new(), room })
    }

    fn room(&self, bytes: usize) -> Result<OwnedSemaphorePermit, IntakeError> {
        let permits = u32::try_from(bytes).map_err(|_| IntakeError::Busy)?;
        Arc::clone(&self.bytes).try_acquire_many_owned(permits).map_err(|_| IntakeError::Busy)
    }

    fn send(&self, body: Bytes) -> Result<oneshot::Receiver<Committed>, IntakeError> {
        let open = self.open();
        let Some(outlet) = &*open else { return Err(IntakeError::Closed) };
        outlet.heard();
        let (sender, committed) = oneshot::channel();
        let mut batch = outlet.batch(vec![body], None);
        batch.acknowledgement = Some(sender);
        outlet.try_send(batch).map_err(|error| match error {
            TrySendError::Full(_) => IntakeError::Busy,
            TrySendError::Closed(_) => IntakeError::Closed,
        })?;
        Ok(committed)
    }

    fn open(&self) -> MutexGuard<'_, Option<Outlet>> {
        // What is guarded is only ever replaced whole.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes the intake however the source ends.
struct CloseAtEnd(HttpIntake);

impl Drop for CloseAtEnd {
    fn drop(&mut self) {
        *self.0.open() = None;
    }
}

impl Source for HttpSource {
    fn terms(&self) -> &Arc<Terms> {
        &self.terms
    }

    fn run(self: Box<Self>, mut context: Context) -> Running<'static> {
        Box::pin(async move {
            *self.intake.open() = Some(Outlet::new(&context, &self.terms, ""));
            let _close = CloseAtEnd(self.intake);
            // Nobody need post anything: that we listen is all that can be heard.
            loop {
                context.metrics.source_heard(&self.terms.name, context.clock.now());
                tokio::select! {
                    () = stopped(&mut context.stop) => return Ok(()),
                    () = tokio::time::sleep(LISTENING_BEAT) => {}
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::testing;

    async fn submit(intake: &HttpIntake, body: Bytes) -> Result<Committed, IntakeError> {
        let mut filling = intake.begin()?;
        let (first, rest) = body.split_at(body.len() / 2);
        filling.add(first)?;
        filling.add(rest)?;
        assert_eq!(filling.bytes(), body.len());
        filling.submit().await
    }

    #[tokio::test]
    async fn a_body_is_answered_when_it_is_durable_and_not_before() {
        let (source, intake) = channel(testing::terms("http"));
        assert_eq!(submit(&intake, Bytes::from_static(b"{}")).await, Err(IntakeError::Closed));
        let mut bench = testing::Bench::new(1);
        let running = tokio::spawn(Box::new(source).run(bench.context.take().expect("a context")));
        tokio::task::yield_now().await;

        let waiting = tokio::spawn({
            let intake = intake.clone();
            async move { submit(&intake, Bytes::from_static(b"one")).await }
        });
        let batch = bench.batches.recv().await.expect("a batch");
        assert_eq!((batch.payloads.len(), batch.position.is_none()), (1, true));
        assert!(!waiting.is_finished());
        let done = Committed { received: 1, ..Committed::default() };
        batch.acknowledgement.expect("is asked for").send(done.clone()).expect("is waited for");
        assert_eq!(waiting.await.expect("no panic"), Ok(done));

        let waiting = tokio::spawn({
            let intake = intake.clone();
            async move { submit(&intake, Bytes::from_static(b"two")).await }
        });
        drop(bench.batches.recv().await.expect("a batch"));
        assert_eq!(waiting.await.expect("no panic"), Err(IntakeError::NotCommitted));

        bench.stop.send(true).expect("is listened to");
        running.await.expect("no panic").expect("a clean end");
        assert_eq!(submit(&intake, Bytes::from_static(b"{}")).await, Err(IntakeError::Closed));
        assert!(bench.batches.recv().await.is_none(), "the intake must not keep the way of the data open");
    }

    #[tokio::test]
    async fn a_full_way_and_too_many_bytes_are_busy() {
        let (source, intake) = channel(testing::terms("http"));
        let mut bench = testing::Bench::new(2);
        let _running = tokio::spawn(Box::new(source).run(bench.context.take().expect("a context")));
        tokio::task::yield_now().await;

        let large = Bytes::from(vec![0; INTAKE_BYTES_MAX - 3]);
        let first = tokio::spawn({
            let (intake, large) = (intake.clone(), large.clone());
            async move { submit(&intake, large).await }
        });
        tokio::task::yield_now().await;
        assert_eq!(submit(&intake, Bytes::from_static(b"xx")).await, Err(IntakeError::Busy), "bytes");
        let second = tokio::spawn({
            let intake = intake.clone();
            async move { submit(&intake, Bytes::from_static(b"x")).await }
        });
        tokio::task::yield_now().await;
        drop(bench.batches.recv().await);
        assert_eq!(first.await.expect("no panic"), Err(IntakeError::NotCommitted));
        let third = tokio::spawn({
            let intake = intake.clone();
            async move { submit(&intake, Bytes::from_static(b"x")).await }
        });
        tokio::task::yield_now().await;
        assert_eq!(submit(&intake, Bytes::from_static(b"x")).await, Err(IntakeError::Busy), "batches");
        drop(bench);
        assert_eq!(second.await.expect("no panic"), Err(IntakeError::NotCommitted));
        assert_eq!(third.await.expect("no panic"), Err(IntakeError::NotCommitted));
    }
}
