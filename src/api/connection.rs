//! A connection that ends when nothing moves on it.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

/// A connection that ends when nothing has been read or written for a while.
pub(super) struct Connection {
    stream: TcpStream,
    idle_max: Duration,
    idle: Pin<Box<Sleep>>,
    state: Arc<State>,
}

/// How a connection stands, for who serves it.
#[derive(Debug, Default)]
pub(super) struct State {
    fell_silent: AtomicBool,
    has_asked: AtomicBool,
    is_asking: AtomicBool,
}

impl State {
    /// Whether the connection ended since nothing moved on it.
    pub(super) fn fell_silent(&self) -> bool {
        self.fell_silent.load(Ordering::Relaxed)
    }

    /// Whether there was a request, its head whole.
    pub(super) fn has_asked(&self) -> bool {
        self.has_asked.load(Ordering::Relaxed)
    }

    /// Whether all requests are answered, and nothing of a further one has come: an end is nobody's fault.
    pub(super) fn is_between_requests(&self) -> bool {
        self.has_asked() && !self.is_asking.load(Ordering::Relaxed)
    }

    /// The head of a request is there.
    pub(super) fn asks(&self) {
        self.has_asked.store(true, Ordering::Relaxed);
    }

    /// A request has its answer.
    pub(super) fn is_answered(&self) {
        self.is_asking.store(false, Ordering::Relaxed);
    }
}

impl Connection {
    pub(super) fn new(stream: TcpStream, idle_max: Duration) -> Self {
        Self { stream, idle_max, idle: Box::pin(sleep(idle_max)), state: Arc::default() }
    }

    pub(super) fn state(&self) -> Arc<State> {
        Arc::clone(&self.state)
    }

    fn moved(&mut self) {
        self.idle.as_mut().reset(Instant::now() + self.idle_max);
    }

    fn silent(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        ready!(self.idle.as_mut().poll(context));
        self.state.fell_silent.store(true, Ordering::Relaxed);
        Poll::Ready(io::Error::from(io::ErrorKind::TimedOut))
    }
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        if let Poll::Ready(result) = Pin::new(&mut this.stream).poll_read(context, buffer) {
            this.moved();
            if buffer.filled().len() > before {
                this.state.is_asking.store(true, Ordering::Relaxed);
            }
            return Poll::Ready(result);
        }
        this.silent(context).map(Err)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if let Poll::Ready(result) = Pin::new(&mut this.stream).poll_write(context, bytes) {
            this.moved();
            return Poll::Ready(result);
        }
        this.silent(context).map(Err)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn it_knows_whether_a_request_is_under_way_and_ends_when_nothing_moves() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let mut peer = TcpStream::connect(listener.local_addr().expect("an address")).await.expect("connected");
        let mut connection = Connection::new(listener.accept().await.expect("taken").0, Duration::from_millis(200));
        let state = connection.state();
        assert!(!state.has_asked() && !state.is_between_requests(), "nothing was asked yet");
        let mut byte = [0];
        for _ in 0..2 {
            peer.write_all(b"x").await.expect("written");
            connection.read_exact(&mut byte).await.expect("read");
            assert!(!state.is_between_requests(), "something of a request is there");
            state.asks();
            assert!(state.has_asked() && !state.is_between_requests(), "it is not answered");
            connection.write_all(b"y").await.expect("written");
            state.is_answered();
            assert!(state.is_between_requests() && !state.fell_silent());
        }
        let ended = connection.read_exact(&mut byte).await.expect_err("silent");
        assert!(ended.kind() == io::ErrorKind::TimedOut && state.fell_silent());
    }
}
