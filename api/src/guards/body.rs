//! Bodies are received whole before a request is worked on: within a time, up to a length, and within a memory budget for
//! all bodies of their kind that are being received or read. Each kind has its own budget, so that clients that send
//! documents cannot keep others from logging in or reading, nor the other way round.

use std::sync::Arc;

use axum::Extension;
use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{Request, State as With};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt as _;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::error::Error;
use crate::policy::{BodyLimit, Policy};

/// Memory is counted in steps of so many bytes.
const STEP: usize = 16 * 1024;

/// Memory for small bodies: a thousand of the largest.
const SMALL_BUDGET: usize = 16 * 1024 * 1024;

/// Memory for documents: six of the largest bodies.
const DOCUMENTS_BUDGET: usize = 48 * 1024 * 1024;

/// The memory of all bodies of one kind.
struct Budget(Semaphore);

impl Budget {
    fn new(bytes: usize) -> Self {
        Self(Semaphore::new(bytes / STEP))
    }
}

/// The memory of all bodies.
pub(crate) struct Bodies {
    small: Budget,
    documents: Budget,
}

impl Default for Bodies {
    fn default() -> Self {
        Self { small: Budget::new(SMALL_BUDGET), documents: Budget::new(DOCUMENTS_BUDGET) }
    }
}

/// Receives the body, then lets the request go on with it.
pub(crate) async fn receive(
    With(bodies): With<Arc<Bodies>>,
    Extension(Policy { body: limit, .. }): Extension<Policy>,
    request: Request,
    next: Next,
) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let announced =
        parts.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|announced: u64| announced > limit.bytes() as u64) {
        return Error::Body(limit).into_response();
    }
    match bodies.receive(body, limit).await {
        Ok((body, _memory)) => next.run(Request::from_parts(parts, body.into())).await,
        Err(error) => error.into_response(),
    }
}

impl Bodies {
    /// The whole body, and what it takes of the memory of its kind.
    async fn receive(&self, body: Body, limit: BodyLimit) -> Result<(Bytes, SemaphorePermit<'_>), Error> {
        let budget = match limit {
            BodyLimit::Small => &self.small,
            BodyLimit::Documents => &self.documents,
        };
        let received = timeout(limit.timeout(), budget.receive(body, limit)).await;
        received.unwrap_or(Err(Error::BodySlow(limit)))
    }
}

impl Budget {
    async fn receive(&self, body: Body, limit: BodyLimit) -> Result<(Bytes, SemaphorePermit<'_>), Error> {
        let mut memory = self.0.try_acquire().map_err(|_| Error::Busy)?;
        let (mut received, mut counted) = (Vec::new(), STEP);
        let mut chunks = body.into_data_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|_| Error::BodyCut)?;
            let length = received.len() + chunk.len();
            if length > limit.bytes() {
                return Err(Error::Body(limit));
            }
            while counted < length {
                memory.merge(self.0.try_acquire().map_err(|_| Error::Busy)?);
                counted += STEP;
            }
            received.extend_from_slice(&chunk);
        }
        Ok((received.into(), memory))
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use futures_util::{poll, stream};

    use super::*;

    fn body(chunks: Vec<io::Result<Vec<u8>>>) -> Body {
        Body::from_stream(stream::iter(chunks))
    }

    /// A body of which so many bytes have come, and no end.
    fn unfinished(bytes: usize) -> Body {
        Body::from_stream(stream::iter([Ok::<_, io::Error>(vec![0; bytes])]).chain(stream::pending()))
    }

    #[tokio::test]
    async fn body_is_received_whole_or_refused() {
        let bodies = Bodies::default();
        let receive = |body| bodies.receive(body, BodyLimit::Small);
        let most = BodyLimit::Small.bytes();
        let (received, memory) =
            receive(body(vec![Ok(vec![b'a'; 9]), Ok(vec![b'b'; most - 9])])).await.unwrap();
        assert_eq!(
            (received.len(), &received[..10], memory.num_permits()),
            (most, b"aaaaaaaaab".as_slice(), 1)
        );
        let long = receive(body(vec![Ok(vec![0; 9]), Ok(vec![0; most - 8])])).await;
        assert!(matches!(long, Err(Error::Body(BodyLimit::Small))));
        let cut = receive(body(vec![Ok(vec![0; 9]), Err(io::ErrorKind::ConnectionReset.into())])).await;
        assert!(matches!(cut, Err(Error::BodyCut)));
        drop(memory);
        assert_eq!(bodies.small.0.available_permits(), SMALL_BUDGET / STEP, "all memory is given back");
    }

    #[tokio::test]
    async fn memory_of_bodies_is_bounded_and_counted_as_they_come() {
        let budget = Budget::new(3 * STEP);
        let mut begun = Box::pin(budget.receive(unfinished(STEP + 1), BodyLimit::Documents));
        assert!(poll!(&mut begun).is_pending());
        assert_eq!(budget.0.available_permits(), 1, "what has come of it, and not what may come");
        let more = budget.receive(body(vec![Ok(vec![0; STEP + 1])]), BodyLimit::Documents).await;
        assert!(matches!(more, Err(Error::Busy)));
        drop(begun);
        assert_eq!(budget.0.available_permits(), 3);
    }

    #[tokio::test]
    async fn bodies_of_one_kind_leave_the_memory_of_the_other() {
        let bodies = Bodies::default();
        let check = async |greedy: BodyLimit, budget: usize, other: BodyLimit| {
            let each = greedy.bytes();
            let mut crowd: Vec<_> =
                (0..budget / each).map(|_| Box::pin(bodies.receive(unfinished(each), greedy))).collect();
            for one in &mut crowd {
                assert!(poll!(one).is_pending());
            }
            let one_more = bodies.receive(body(vec![Ok(vec![0; 1])]), greedy).await;
            assert!(matches!(one_more, Err(Error::Busy)), "{greedy:?} is full");
            let largest = bodies.receive(body(vec![Ok(vec![0; other.bytes()])]), other).await;
            assert!(largest.is_ok(), "{other:?} is received while {greedy:?} is full");
        };
        check(BodyLimit::Documents, DOCUMENTS_BUDGET, BodyLimit::Small).await;
        check(BodyLimit::Small, SMALL_BUDGET, BodyLimit::Documents).await;
    }
}
