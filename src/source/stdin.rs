//! Records from standard input, until it ends. Nothing can be read again, so its end waits until all is durable.

use std::sync::Arc;

use tokio::io::{AsyncRead, BufReader};
use tokio::sync::oneshot;

use super::lines::{Line, Lines, begins_whole};
use super::outlet::{Gathering, Outlet, Stopped, stopped};
use super::{Committed, Context, Running, Source, SourceError, Terms, settings};
use crate::limits::BATCH_LINGER;

/// Bytes read at once.
const BUFFER_BYTES: usize = 1 << 20;

/// A source of lines that cannot be read again.
pub struct StdinSource<R> {
    terms: Arc<Terms>,
    input: R,
}

impl<R: AsyncRead + Send + Unpin + 'static> StdinSource<R> {
    /// A source of the lines of an input.
    pub fn new(terms: Arc<Terms>, input: R) -> Self {
        Self { terms, input }
    }
}

impl<R: AsyncRead + Send + Unpin + 'static> Source for StdinSource<R> {
    fn terms(&self) -> &Arc<Terms> {
        &self.terms
    }

    fn run(self: Box<Self>, context: Context) -> Running<'static> {
        Box::pin(async move {
            let mut reading = Reading {
                lines: Lines::new(BufReader::with_capacity(BUFFER_BYTES, self.input)),
                outlet: Outlet::new(&context, &self.terms, ""),
                gathering: Gathering::default(),
                last: None,
            };
            let terms = self.terms;
            let mut stop = context.stop.clone();
            // The channel is to close when this source ends: nothing but the outlet may hold its other end.
            drop(context);
            tokio::select! {
                end = reading.run(&terms) => end,
                () = stopped(&mut stop) => Ok(()),
            }
        })
    }
}

struct Reading<R> {
    lines: Lines<BufReader<R>>,
    outlet: Outlet,
    gathering: Gathering,
    last: Option<oneshot::Receiver<Committed>>,
}

impl<R: AsyncRead + Unpin> Reading<R> {
    async fn run(&mut self, terms: &Terms) -> Result<(), SourceError> {
        match self.read(terms).await {
            Ok(end) => end?,
            Err(Stopped) => return Ok(()),
        }
        match self.outlet.committed(self.last.take()).await {
            Ok(true) | Err(Stopped) => Ok(()),
            Ok(false) => Err(SourceError::Unreachable {
                name: Arc::clone(&terms.name),
                reason: "the input ended before all of it was committed".to_owned(),
            }),
        }
    }

    /// Reads until the input ends.
    async fn read(&mut self, terms: &Terms) -> Result<Result<(), SourceError>, Stopped> {
        let mut first = true;
        loop {
            let line = match self.next().await? {
                Ok(Some(line)) => line,
                Ok(None) => break,
                Err(error) => {
                    self.send().await?;
                    let reason = format!("input cannot be read: {error}");
                    return Ok(Err(SourceError::Unreachable { name: Arc::clone(&terms.name), reason }));
                }
            };
            if std::mem::take(&mut first) && begins_whole(&line.bytes) {
                return self.whole(terms, &line).await;
            }
            self.push(line).await?;
        }
        self.send().await?;
        Ok(Ok(()))
    }

    /// The next line, the last one also without a line feed. What is gathered goes out when the input pauses.
    async fn next(&mut self) -> Result<std::io::Result<Option<Line>>, Stopped> {
        let next = if self.gathering.is_empty() {
            self.lines.next().await
        } else {
            match tokio::time::timeout(BATCH_LINGER, self.lines.next()).await {
                Ok(next) => next,
                Err(_) => {
                    self.send().await?;
                    self.lines.next().await
                }
            }
        };
        self.outlet.heard();
        Ok(next.map(|line| line.or_else(|| self.lines.rest())))
    }

    async fn push(&mut self, line: Line) -> Result<(), Stopped> {
        if line.bytes.trim_ascii().is_empty() {
            return Ok(());
        }
        if !self.gathering.fits(line.bytes.len()) {
            self.send().await?;
        }
        self.gathering.push(line.bytes);
        Ok(())
    }

    async fn send(&mut self) -> Result<(), Stopped> {
        if self.gathering.is_empty() {
            return Ok(());
        }
        let batch = self.outlet.batch(self.gathering.take(), None);
        self.last = Some(self.outlet.send_acknowledged(batch).await?);
        Ok(())
    }

    async fn whole(&mut self, terms: &Terms, first: &Line) -> Result<Result<(), SourceError>, Stopped> {
        match self.lines.whole(first).await {
            Ok(Some(payload)) => {
                self.gathering.push(payload);
                self.send().await?;
                Ok(Ok(()))
            }
            Ok(None) => Ok(Err(too_large(terms))),
            Err(error) => {
                let reason = format!("input cannot be read: {error}");
                Ok(Err(SourceError::Unreachable { name: Arc::clone(&terms.name), reason }))
            }
        }
    }
}

/// The error for an input that can only be judged as a whole, and is too large for that.
pub(super) fn too_large(terms: &Terms) -> SourceError {
    let most = trailbrake_detectors::limits::PAYLOAD_BYTES_MAX;
    settings(
        terms,
        format!("a compressed input, or a JSON document over several lines, is larger than {most} bytes"),
        "give it uncompressed with one record on each line, for instance: `zcat FILE | jq -c '.Records[]'`",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::testing::{Bench, terms};

    #[tokio::test]
    async fn lines_arrive_in_order_and_the_end_waits_for_the_last_acknowledgement() {
        let input: &[u8] = b"{\"a\":1}\n\n{\"b\":2}\n{\"c\":3}";
        let mut bench = Bench::new(4);
        let source = StdinSource::new(terms("stdin"), input);
        let running = tokio::spawn(Box::new(source).run(bench.context.take().expect("a context")));
        let batch = bench.batches.recv().await.expect("a batch");
        assert_eq!(batch.payloads, ["{\"a\":1}", "{\"b\":2}", "{\"c\":3}"]);
        assert_eq!(batch.position, None);
        tokio::task::yield_now().await;
        assert!(!running.is_finished());
        batch.acknowledgement.expect("is asked for").send(Committed::default()).expect("is waited for");
        running.await.expect("no panic").expect("a clean end");
        assert!(bench.batches.recv().await.is_none());
    }

    #[tokio::test]
    async fn an_end_that_was_not_committed_is_an_error() {
        let mut bench = Bench::new(4);
        let source = StdinSource::new(terms("stdin"), &b"{}\n"[..]);
        let running = tokio::spawn(Box::new(source).run(bench.context.take().expect("a context")));
        drop(bench.batches.recv().await.expect("a batch"));
        let end = running.await.expect("no panic");
        assert!(matches!(end, Err(SourceError::Unreachable { .. })), "{end:?}");
    }

    #[tokio::test]
    async fn what_is_gathered_goes_out_when_the_input_pauses() {
        let (mut writer, input) = tokio::io::duplex(1024);
        let mut bench = Bench::new(4);
        let source = StdinSource::new(terms("stdin"), input);
        let running = tokio::spawn(Box::new(source).run(bench.context.take().expect("a context")));
        tokio::io::AsyncWriteExt::write_all(&mut writer, b"{\"a\":1}\n{\"b\"").await.expect("room");
        let batch = bench.batches.recv().await.expect("a batch");
        assert_eq!(batch.payloads, ["{\"a\":1}"]);
        tokio::io::AsyncWriteExt::write_all(&mut writer, b":2}\n").await.expect("room");
        assert_eq!(bench.batches.recv().await.expect("a batch").payloads, ["{\"b\":2}"]);
        bench.stop.send(true).expect("is listened to");
        running.await.expect("no panic").expect("a clean end");
    }

    #[tokio::test]
    async fn a_document_over_several_lines_is_one_payload() {
        let input: &[u8] = b"{\n  \"Records\": [\n    {\"a\":1}\n  ]\n}\n";
        let mut bench = Bench::new(4);
        let source = StdinSource::new(terms("stdin"), input);
        let _running = tokio::spawn(Box::new(source).run(bench.context.take().expect("a context")));
        let batch = bench.batches.recv().await.expect("a batch");
        assert_eq!(batch.payloads, [input]);
    }
}
