//! Listeners as Prometheus exporters have them: plain or TLS, open or with a password, by the file of exporter-toolkit.
//!
//! A client cannot block a listener. Every step of a connection has a time limit, and clients share a bounded number of
//! connections ([`Seats`]).

mod address;
mod auth;
mod client;
mod concurrency;
mod connections;
mod extension;
mod file;
mod rules;
mod seats;
mod tls;

use std::convert::Infallible;
use std::future::ready;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;
use futures_util::future::Either;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use service_metrics::Refusal;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

pub use address::{Address, SocketError, Sockets};
pub use client::{Client, ClientAddress, Forwarded, Proxies, identify};
pub use concurrency::{ConcurrencyLimit, Permit};
pub use extension::{Extension, Source, Values};
pub use file::Invalid;
pub use rules::{Authenticated, Clock, Metrics, PROBES, Rules, WebConfig};
pub use seats::{Seat, Seats, Wait};
pub use tls::Tls;

use connections::{InFlight, RequestBody, Seated};

/// Limits of connections.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at a time; below the usual limit of 1,024 open files.
    pub connections: usize,
    /// For the TLS handshake.
    pub handshake: Duration,
    /// For a request's head to come, idle time before it included.
    pub head: Duration,
    /// For a client to take more of a response.
    pub read: Duration,
}

impl Default for Limits {
    /// Prometheus keeps its connection from scrape to scrape, usually a minute.
    fn default() -> Self {
        Self {
            connections: 512,
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(75),
            read: Duration::from_secs(30),
        }
    }
}

/// A request's head is a line and some headers; no scraper and no browser needs more.
const HEAD: usize = 32 * 1024;

/// Pause after a connection could not be accepted, for example because all files are in use.
const REFUSED: Duration = Duration::from_millis(100);

/// The fast path for the most frequent requests, without the router; `None` leaves a request to it.
pub type FastPath = Arc<dyn Fn(&Method, &Uri, &HeaderMap) -> Option<Response> + Send + Sync>;

/// How one listener serves.
#[derive(Clone)]
pub struct Listener {
    /// The routes.
    pub router: Router,
    /// Tried before the router.
    pub fast_path: Option<FastPath>,
    /// TLS, passwords and headers.
    pub web: Arc<WebConfig>,
    /// Limits of connections.
    pub limits: Limits,
    /// Proxies that are trusted to state the client of a request.
    pub proxies: Arc<Proxies>,
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listener").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Listener {
    /// Serves until `stop`, then lets running requests finish.
    pub async fn serve(self, socket: Arc<TcpListener>, stop: CancellationToken) {
        let seats = Seats::new(self.limits.connections, Duration::ZERO);
        let tasks = TaskTracker::new();
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = socket.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => match seats.take(Client::of(peer.ip())) {
                    Some(seat) => {
                        seat.wait(Wait::Request);
                        drop(tasks.spawn(self.clone().connection((stream, peer), seat, stop.clone())));
                    }
                    None => self.web.metrics.refuse(Refusal::Connections),
                },
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(REFUSED).await;
                }
            }
        }
        tasks.close();
        tasks.wait().await;
    }

    async fn connection(self, (stream, peer): (TcpStream, SocketAddr), seat: Seat, stop: CancellationToken) {
        // Responses are written whole; waiting to fill packets only delays them.
        let _ = stream.set_nodelay(true);
        let (revoked, seat) = (seat.revoked(), Arc::new(seat));
        let stream = Seated::new(stream, seat.clone());
        let talk = async {
            match self.web.rules().tls.clone() {
                None => self.serve_http(stream, peer, &seat, stop).await,
                Some(tls) => match tokio::time::timeout(self.limits.handshake, tls.accept(stream)).await {
                    Ok(Ok(stream)) => self.serve_http(stream, peer, &seat, stop).await,
                    Ok(Err(error)) => {
                        self.web.metrics.refuse(Refusal::Handshake);
                        tracing::debug!(%error, "a TLS handshake failed");
                    }
                    Err(_) => self.web.metrics.refuse(Refusal::Handshake),
                },
            }
        };
        tokio::select! {
            () = talk => {}
            () = revoked.cancelled() => self.web.metrics.refuse(Refusal::Connections),
        }
    }

    async fn serve_http(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + 'static,
        peer: SocketAddr,
        seat: &Arc<Seat>,
        stop: CancellationToken,
    ) {
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.limits.read));
        let service = service_fn(|request: hyper::Request<Incoming>| {
            let behind = self.proxies.behind(peer.ip(), request.headers());
            let in_flight = InFlight::begin(seat, behind);
            match self.respond_at_once(&request) {
                Some(response) => Either::Left(ready(Ok::<_, Infallible>(in_flight.until_sent(response)))),
                // In a box: this future is large, and hyper moves what it gets.
                None => Either::Right(Box::pin(async move {
                    let client = behind.unwrap_or_else(|| Client::of(peer.ip()));
                    let request = request.map(|body| RequestBody { body, seat: seat.clone() });
                    Ok(in_flight.until_sent(self.respond(request, peer, client).await))
                })),
            }
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(self.limits.head).max_buf_size(HEAD);
        // A WebSocket begins as a request.
        let connection = http.serve_connection(TokioIo::new(Box::pin(stream)), service).with_upgrades();
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended early");
        }
    }

    /// The response of the fast path, where it has one.
    fn respond_at_once(&self, request: &hyper::Request<Incoming>) -> Option<Response> {
        let rules = self.web.rules();
        if rules.can_refuse() {
            return None;
        }
        let mut response = self.try_fast_path(request)?;
        rules.add_headers(response.headers_mut());
        Some(response)
    }

    fn try_fast_path<B>(&self, request: &hyper::Request<B>) -> Option<Response> {
        self.fast_path.as_ref()?(request.method(), request.uri(), request.headers())
    }

    async fn respond(
        &self,
        mut request: hyper::Request<RequestBody>,
        peer: SocketAddr,
        client: Client,
    ) -> Response {
        // Limits are counted by it.
        request.extensions_mut().insert(ConnectInfo(peer));
        let rules = self.web.rules();
        let mut response = match rules.admit(&mut request, client, &self.web).await {
            Ok(()) => {
                if let Some(response) = self.try_fast_path(&request) {
                    response
                } else {
                    let Ok(response) = self.router.clone().oneshot(request.map(Body::new)).await;
                    response
                }
            }
            Err(refusal) => refusal,
        };
        rules.add_headers(response.headers_mut());
        response
    }
}

#[cfg(test)]
mod tests;
