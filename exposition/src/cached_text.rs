//! Ready responses: many parts sent one after the other without being copied, with a length known beforehand.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::gzip::{self, Compressor};
use crate::text::Position;
use crate::{Format, Snapshot};

/// One text, ready to be sent any number of times in each encoding once that was requested: scrapers keep to one.
#[derive(Debug)]
pub struct CachedText {
    format: Format,
    snapshot: Arc<Snapshot>,
    own: Vec<Bytes>,
    plain: OnceLock<(HeaderMap, Encoded)>,
    gzip: OnceLock<(HeaderMap, Encoded)>,
}

/// Texts shorter than this are sent in one part.
const SMALL: usize = 256 * 1024;

/// A text in one encoding.
#[derive(Clone, Debug)]
enum Encoded {
    One(Bytes),
    Many(Arc<TextInParts>),
}

/// A long text: what comes before the snapshot, its segments, and what comes after.
#[derive(Debug)]
struct TextInParts {
    gzip: bool,
    head: Bytes,
    snapshot: Arc<Snapshot>,
    tail: Vec<Bytes>,
    length: usize,
}

impl CachedText {
    /// The snapshot and the lines behind it.
    pub fn new(format: Format, snapshot: Arc<Snapshot>, own: Vec<Bytes>) -> Self {
        Self { format, snapshot, own, plain: OnceLock::new(), gzip: OnceLock::new() }
    }

    /// The snapshot that it sends.
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// The ready text without a copy. The first request for gzip compresses what is not compressed yet.
    pub fn response(&self, gzip: bool, compressor: &Mutex<Compressor>) -> Response {
        let (headers, text) = if gzip {
            self.gzip.get_or_init(|| (headers(self.format, true), self.deflated(compressor)))
        } else {
            self.plain.get_or_init(|| (headers(self.format, false), self.plain()))
        };
        let mut response = Response::new(match text {
            Encoded::One(text) => Body::from(text.clone()),
            Encoded::Many(parts) => Body::new(Reader::new(parts.clone())),
        });
        *response.headers_mut() = headers.clone();
        response
    }

    fn plain(&self) -> Encoded {
        let (length, _) = self.snapshot.bytes();
        self.encoded(false, Bytes::new(), length, self.own.clone())
    }

    fn deflated(&self, compressor: &Mutex<Compressor>) -> Encoded {
        // Every text begins by resetting the compressor.
        let own = compressor.lock().unwrap_or_else(PoisonError::into_inner).deflate(&self.own);
        let crc = gzip::combine(self.snapshot.segments.iter().map(|segment| segment.crc()).chain([&own.crc]));
        let (_, length) = self.snapshot.bytes();
        self.encoded(true, Bytes::from_static(gzip::HEAD), length, vec![own.bytes, gzip::tail(&crc)])
    }

    fn encoded(&self, gzip: bool, head: Bytes, length: usize, tail: Vec<Bytes>) -> Encoded {
        let length = length + head.len() + tail.iter().map(Bytes::len).sum::<usize>();
        Encoded::new(TextInParts { gzip, head, snapshot: self.snapshot.clone(), tail, length })
    }
}

fn headers(format: Format, gzip: bool) -> HeaderMap {
    let vary = HeaderValue::from_static("accept, accept-encoding");
    let mut headers =
        HeaderMap::from_iter([(header::CONTENT_TYPE, format.content_type()), (header::VARY, vary)]);
    if gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    headers
}

impl Encoded {
    fn new(parts: TextInParts) -> Self {
        if parts.length >= SMALL {
            return Self::Many(Arc::new(parts));
        }
        let mut text = Vec::with_capacity(parts.length);
        let mut reader = Reader::new(Arc::new(parts));
        while let Some(frame) = reader.next() {
            text.extend_from_slice(&frame);
        }
        Self::One(text.into())
    }
}

/// A reader of a text in parts.
struct Reader {
    parts: Arc<TextInParts>,
    stage: Stage,
    left: usize,
}

/// How far it is.
enum Stage {
    Head,
    Body(Position),
    Tail(usize),
}

impl Reader {
    fn new(parts: Arc<TextInParts>) -> Self {
        Self { left: parts.length, parts, stage: Stage::Head }
    }

    fn next(&mut self) -> Option<Bytes> {
        loop {
            match &mut self.stage {
                Stage::Head => {
                    self.stage = Stage::Body(Position::default());
                    if !self.parts.head.is_empty() {
                        return Some(self.parts.head.clone());
                    }
                }
                Stage::Body(position) => {
                    match position.next(&self.parts.snapshot.segments, self.parts.gzip) {
                        None => self.stage = Stage::Tail(0),
                        frame => return frame,
                    }
                }
                Stage::Tail(next) => {
                    *next += 1;
                    return self.parts.tail.get(*next - 1).cloned();
                }
            }
        }
    }
}

impl http_body::Body for Reader {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let frame = self.next();
        self.left -= frame.as_ref().map_or(0, Bytes::len);
        Poll::Ready(frame.map(|frame| Ok(Frame::data(frame))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left as u64)
    }
}
