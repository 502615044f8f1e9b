//! Bodies are received whole before anything is done about them: within a time, up to a length, and up to so many bytes
//! of all that are being received or read. Meanwhile nobody else waits.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{Request, State as With};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt as _;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::error::Error;
use crate::push;
use crate::state::State;

/// What a body may take.
struct Limits {
    /// Bytes.
    length: usize,
    /// Until its end.
    time: Duration,
}

/// Of paths that read no body, or one of some hundred bytes.
const USUAL: Limits = Limits { length: 16 * 1024, time: Duration::from_secs(10) };

/// Of documents, which only those who may send them send.
const DOCUMENTS: Limits = Limits { length: push::MAX_BODY, time: Duration::from_secs(20) };

/// Memory is counted in steps of so many bytes.
const STEP: usize = 16 * 1024;

/// Bytes of all bodies at a time: eight of the largest, or thousands of usual ones.
const IN_ALL: usize = 8 * DOCUMENTS.length;

/// The memory of all bodies.
pub(crate) struct Bodies(Semaphore);

impl Default for Bodies {
    fn default() -> Self {
        Self(Semaphore::new(IN_ALL / STEP))
    }
}

/// Receives the body, then lets the request go on with it.
pub(crate) async fn receive(With(state): With<Arc<State>>, request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let limits = if request.uri().path() == push::PATH { DOCUMENTS } else { USUAL };
    let (parts, body) = request.into_parts();
    let told =
        parts.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if told.is_some_and(|told: u64| told > limits.length as u64) {
        return Error::Body.into_response();
    }
    let received = timeout(limits.time, state.guards.0.bodies.receive(body, limits.length)).await;
    match received.unwrap_or(Err(Error::BodySlow(limits.time))) {
        Ok((body, _memory)) => next.run(Request::from_parts(parts, body.into())).await,
        Err(error) => error.into_response(),
    }
}

impl Bodies {
    /// The whole body, and what it takes of the memory.
    async fn receive(&self, body: Body, most: usize) -> Result<(Bytes, SemaphorePermit<'_>), Error> {
        let mut memory = self.0.try_acquire().map_err(|_| Error::Busy)?;
        let (mut received, mut counted) = (Vec::new(), STEP);
        let mut chunks = body.into_data_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|_| Error::BodyCut)?;
            let length = received.len() + chunk.len();
            if length > most {
                return Err(Error::Body);
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

    #[tokio::test]
    async fn body_is_received_whole_or_refused() {
        let bodies = Bodies::default();
        let (received, memory) =
            bodies.receive(body(vec![Ok(vec![b'a'; 9]), Ok(vec![b'b'; 1])]), 10).await.unwrap();
        assert_eq!((received.as_ref(), memory.num_permits()), (b"aaaaaaaaab".as_slice(), 1));
        let long = bodies.receive(body(vec![Ok(vec![0; 9]), Ok(vec![0; 2])]), 10).await;
        assert!(matches!(long, Err(Error::Body)));
        let cut =
            bodies.receive(body(vec![Ok(vec![0; 9]), Err(io::ErrorKind::ConnectionReset.into())]), 10).await;
        assert!(matches!(cut, Err(Error::BodyCut)));
        drop(memory);
        assert_eq!(bodies.0.available_permits(), IN_ALL / STEP, "all memory is given back");
    }

    #[tokio::test]
    async fn memory_of_bodies_is_bounded_and_counted_as_they_come() {
        let bodies = Bodies(Semaphore::new(3));
        let begun = stream::iter([Ok::<_, io::Error>(vec![0; STEP + 1])]).chain(stream::pending());
        let mut begun = Box::pin(bodies.receive(Body::from_stream(begun), 10 * STEP));
        assert!(poll!(&mut begun).is_pending());
        assert_eq!(bodies.0.available_permits(), 1, "what has come of it, and not what may come");
        let more = bodies.receive(body(vec![Ok(vec![0; STEP + 1])]), 10 * STEP).await;
        assert!(matches!(more, Err(Error::Busy)));
        drop(begun);
        assert_eq!(bodies.0.available_permits(), 3);
    }
}
