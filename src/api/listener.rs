//! Takes connections and serves them, each within bounds of number, time and size.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::Bounds;
use super::auth::Peer;
use super::connection::{Connection, State};
use super::places::{Place, Places};
use super::tls::Tls;
use crate::limits::{HTTP_BUFFER_BYTES_MAX, HTTP_HEAD_BYTES_MAX, HTTP_HEADERS_MAX};
use crate::metrics::Metrics;

/// How long to wait after a connection could not be taken: mostly for lack of file descriptors.
const ACCEPT_RETRY: Duration = Duration::from_secs(1);

/// What each connection is served with.
#[derive(Clone)]
pub(super) struct Service {
    pub(super) router: Router,
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) bounds: Bounds,
    pub(super) stop: watch::Receiver<bool>,
}

/// Takes connections until told to stop, and then lets requests that are being answered come to their end, for a while.
pub(super) async fn run(listener: TcpListener, service: Service) {
    let places = Places::new(service.bounds.connections, Arc::clone(&service.metrics));
    let mut connections = JoinSet::new();
    let mut stop = service.stop.clone();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stopped(&mut stop) => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => match places.take(address.ip()) {
                Ok(place) => {
                    connections.spawn(service.clone().serve(stream, address, place));
                }
                Err(reason) => service.metrics.count_refused_connection(reason),
            },
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "a connection cannot be taken");
                sleep(ACCEPT_RETRY).await;
            }
        }
    }
    drop(listener);
    let ended = timeout(service.bounds.drain, async { while connections.join_next().await.is_some() {} }).await;
    if ended.is_err() {
        tracing::warn!(connections = connections.len(), "requests are cut off: they took too long to end");
    }
}

/// Errors that say something of the connection alone, and nothing of the listener.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that whoever could have told us to stop is gone: then it is time as well.
    let _ = stop.wait_for(|stop| *stop).await;
}

impl Service {
    async fn serve(self, stream: TcpStream, address: SocketAddr, _place: Place) {
        // Answers are small, and whoever waits for one waits for all of it.
        let _ = stream.set_nodelay(true);
        let connection = Connection::new(stream, self.bounds.idle);
        let (state, first_head) = (connection.state(), self.bounds.first_head);
        let ended = match &self.tls {
            None => self.speak(connection, &state, address, first_head).await,
            Some(tls) => {
                let began = Instant::now();
                match timeout(first_head, tls.acceptor().accept(connection)).await {
                    Ok(Ok(stream)) => {
                        self.speak(stream, &state, address, first_head.saturating_sub(began.elapsed())).await
                    }
                    Ok(Err(_)) => Err("tls"),
                    Err(_) => Err("head-late"),
                }
            }
        };
        if let Err(reason) = ended
            && !state.is_between_requests()
        {
            let reason = if state.fell_silent() { "silent" } else { reason };
            self.metrics.count_broken_connection(reason);
            tracing::debug!(peer = %address, reason, "connection broke off");
        }
    }

    /// Answers requests on a connection until it ends, or says why it broke off.
    async fn speak<S>(
        &self,
        stream: S,
        state: &Arc<State>,
        address: SocketAddr,
        first_head: Duration,
    ) -> Result<(), &'static str>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let router = TowerToHyperService::new(self.router.clone());
        let answer = service_fn({
            let state = Arc::clone(state);
            move |mut request: Request<Incoming>| {
                state.asks();
                request.extensions_mut().insert(Peer(address.ip()));
                let (answering, state) = (router.call(request), Arc::clone(&state));
                async move {
                    let answer = answering.await;
                    state.is_answered();
                    answer
                }
            }
        });
        let mut serving = pin!(
            http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(self.bounds.idle)
                .max_header_size(HTTP_HEAD_BYTES_MAX)
                .max_headers(HTTP_HEADERS_MAX)
                .max_buf_size(HTTP_BUFFER_BYTES_MAX)
                .serve_connection(TokioIo::new(stream), answer)
        );
        let mut stop = self.stop.clone();
        let late = async {
            sleep(first_head).await;
            if state.has_asked() {
                std::future::pending::<()>().await;
            }
        };
        let ended = tokio::select! {
            ended = serving.as_mut() => ended,
            () = late => return Err("head-late"),
            () = stopped(&mut stop) => {
                serving.as_mut().graceful_shutdown();
                serving.await
            }
        };
        ended.map_err(|error| reason(&error))
    }
}

/// Why a connection broke off, as one of [`crate::metrics::CONNECTIONS_BROKEN`].
fn reason(error: &hyper::Error) -> &'static str {
    match error {
        _ if error.is_timeout() => "head-late",
        _ if error.is_parse_too_large() => "head-too-large",
        _ if error.is_parse() => "malformed",
        _ => "cut",
    }
}
