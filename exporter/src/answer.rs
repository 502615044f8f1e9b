//! Ready answers: many parts sent one after the other without being copied, with a length known beforehand.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::body::Piece;
use crate::gzip::{self, Deflated};
use crate::negotiate::Format;

/// One text in both encodings, ready to be sent any number of times.
#[derive(Debug)]
pub(crate) struct Answer {
    format: Format,
    plain: Arc<[Bytes]>,
    gzip: Arc<[Bytes]>,
}

/// Texts shorter than this are sent in one part.
const SMALL: usize = 256 * 1024;

impl Answer {
    /// The pieces in their order.
    pub(crate) fn new(format: Format, pieces: &[Arc<Piece>]) -> Self {
        let plain = pieces.iter().flat_map(|piece| piece.plain.iter().cloned());
        let deflated = || pieces.iter().map(|piece| &piece.deflated);
        let gzip = std::iter::once(Bytes::from_static(gzip::HEAD))
            .chain(deflated().map(|deflated: &Deflated| deflated.bytes.clone()))
            .chain(std::iter::once_with(|| gzip::tail(deflated())));
        Self { format, plain: joined(plain.collect()), gzip: joined(gzip.collect()) }
    }

    /// A reference to the ready text: nothing is copied.
    pub(crate) fn response(&self, gzip: bool) -> Response {
        let frames = if gzip { &self.gzip } else { &self.plain };
        let body = match &**frames {
            [one] => Body::from(one.clone()),
            _ => Body::new(Chain { frames: frames.clone(), next: 0, left: length(frames) }),
        };
        let mut response = body.into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, self.format.content_type());
        headers.insert(header::VARY, HeaderValue::from_static("accept, accept-encoding"));
        if gzip {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }
}

fn joined(frames: Vec<Bytes>) -> Arc<[Bytes]> {
    if length(&frames) < SMALL as u64 { Arc::new([frames.concat().into()]) } else { frames.into() }
}

fn length(frames: &[Bytes]) -> u64 {
    frames.iter().map(|frame| frame.len() as u64).sum()
}

/// A body of ready parts.
struct Chain {
    frames: Arc<[Bytes]>,
    next: usize,
    left: u64,
}

impl http_body::Body for Chain {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let frame = self.frames.get(self.next).cloned();
        self.next += 1;
        self.left -= frame.as_ref().map_or(0, Bytes::len) as u64;
        Poll::Ready(frame.map(|frame| Ok(Frame::data(frame))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
