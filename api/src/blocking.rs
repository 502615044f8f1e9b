//! Responses that take milliseconds of computing: summing up years, comparing pairs of metrics, writing half a megabyte.
//! They are made on threads of their own, so that other requests, scrapes among them, do not wait.

use std::sync::{Arc, LazyLock};
use std::thread::available_parallelism;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tokio::sync::Semaphore;

use crate::error::Error;

/// Responses made at a time: with more than there are processors none is ready earlier. A request that is dropped while it
/// waits leaves the queue; one that has begun keeps its permit to its end.
static BLOCKING_PERMITS: LazyLock<Arc<Semaphore>> =
    LazyLock::new(|| Arc::new(Semaphore::new(available_parallelism().map_or(1, usize::from))));

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Makes something on a thread of its own.
pub(crate) async fn run_blocking<T: Send + 'static>(
    made: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    let turn = BLOCKING_PERMITS.clone().acquire_owned().await.expect("BUG: the turns are never closed");
    let made = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        made()
    });
    match made.await {
        Ok(made) => Ok(made),
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        // The process ends.
        Err(_) => Err(Error::Gone),
    }
}

/// Makes an answer and writes it as JSON, into as much memory at once as it says it takes.
pub(crate) async fn json<T: Serialize>(
    room: usize,
    make: impl FnOnce() -> T + Send + 'static,
) -> Result<Response, Error> {
    let body = self::run_blocking(move || {
        let mut body = Vec::with_capacity(room);
        serde_json::to_writer(&mut body, &make()).expect("BUG: answers are made of what JSON can say");
        body
    });
    Ok(([(header::CONTENT_TYPE, JSON)], body.await?).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn blocking_task_panic_is_an_error_and_releases_its_permit() {
        let turns = BLOCKING_PERMITS.available_permits();
        for _ in 0..=turns {
            let made = tokio::spawn(run_blocking(|| panic!("the 82 of a test"))).await;
            assert!(made.is_err_and(|error| error.is_panic()));
        }
        assert_eq!(run_blocking(|| 82).await.unwrap(), 82);
    }
}
