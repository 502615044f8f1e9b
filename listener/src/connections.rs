//! Connections report to their seat whether they wait for their client, and which client their request is from.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::response::Response;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::client::Client;
use crate::seats::{Seat, Wait};

/// A connection with its seat, which it has for as long as it is open, in any protocol. While a client does not read what
/// is sent, the connection counts as waiting for it.
pub(crate) struct Seated {
    stream: TcpStream,
    seat: Arc<Seat>,
}

impl Seated {
    pub(crate) fn new(stream: TcpStream, seat: Arc<Seat>) -> Self {
        Self { stream, seat }
    }

    fn write<T>(self: Pin<&mut Self>, write: impl FnOnce(Pin<&mut TcpStream>) -> Poll<T>) -> Poll<T> {
        let this = self.get_mut();
        let written = write(Pin::new(&mut this.stream));
        tell(&this.seat, Wait::Reader, written.is_pending());
        written
    }
}

fn tell(seat: &Seat, wait: Wait, pending: bool) {
    if pending {
        seat.wait(wait);
    } else {
        seat.resume(wait);
    }
}

impl AsyncRead for Seated {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Seated {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.write(|stream| stream.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write(|stream| stream.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

/// A request from its head to the end of its response.
pub(crate) struct InFlight(Arc<Seat>);

impl InFlight {
    /// Begins one; `behind` is the client behind a trusted proxy.
    pub(crate) fn begin(seat: &Arc<Seat>, behind: Option<Client>) -> Self {
        seat.begin(behind);
        Self(seat.clone())
    }

    /// A response that ends the request, unless the connection is upgraded, for example to a WebSocket.
    pub(crate) fn until_sent(self, response: Response) -> axum::http::Response<ResponseBody> {
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            self.0.keep();
        }
        response.map(|body| ResponseBody { body, _request: self })
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// The body of a request; while it does not arrive, the connection waits for its client.
pub(crate) struct RequestBody {
    pub(crate) body: Incoming,
    pub(crate) seat: Arc<Seat>,
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        let frame = Pin::new(&mut this.body).poll_frame(cx);
        tell(&this.seat, Wait::Body, frame.is_pending());
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        self.seat.resume(Wait::Body);
    }
}

/// The body of a response; its end ends the request.
pub(crate) struct ResponseBody {
    body: Body,
    _request: InFlight,
}

impl HttpBody for ResponseBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
