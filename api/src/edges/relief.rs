//! What happens when there is more to do than can be done. So many questions run at a time, some wait a moment, the
//! others are told to come again. While the database is unavailable, everybody is told at once instead of after a long
//! wait; the probes of [`store::Store`] say when it is back.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State as With};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use store::{Outage, Store};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::metrics::Refusal;
use crate::error::Error;
use crate::remote_read;
use crate::state::State;

/// Questions that run at a time: several for each connection to the database, few enough to hold their answers.
const RUNNING: usize = 64;

/// Questions that wait for a turn.
const WAITING: usize = 256;

/// How long they wait.
const PATIENCE: Duration = Duration::from_secs(2);

/// Probes must get through, and say themselves what is wrong.
const ALWAYS: &str = "/api/v1/health";

/// Waits for turns of its own: a dashboard asks Prometheus forty questions at a time, and each waits for the others. Here
/// they would take the places of everybody else.
const APART: &str = remote_read::PATH;

pub(crate) struct Relief {
    places: Semaphore,
    turns: Semaphore,
    /// Without all of them nothing can be answered.
    databases: Vec<Store>,
}

impl Relief {
    pub(crate) fn new(databases: Vec<Store>) -> Self {
        Self { places: Semaphore::new(RUNNING + WAITING), turns: Semaphore::new(RUNNING), databases }
    }

    /// Whether it makes sense to ask the databases; one that takes no writes can be read. While one is unavailable, a request now and then finds out whether it
    /// still is, and the others do not wait for that.
    async fn admits(&self) -> bool {
        let lost = |known: Result<(), Outage>| known.is_err_and(|outage| !outage.is_only_of_writes());
        for database in &self.databases {
            if lost(database.last_probe()) && lost(database.probe_unless_busy().await) {
                return false;
            }
        }
        true
    }

    /// A turn to ask, after a short wait where many are there.
    async fn turn(&self) -> Result<(SemaphorePermit<'_>, SemaphorePermit<'_>), Error> {
        let place = self.places.try_acquire().map_err(|_| Error::Busy)?;
        match timeout(PATIENCE, self.turns.acquire()).await {
            Ok(Ok(turn)) => Ok((place, turn)),
            _ => Err(Error::Busy),
        }
    }

    /// A request has failed: the next ones should know why.
    async fn look_again(&self) {
        for database in &self.databases {
            // The outcome is kept where it is found.
            let _ = database.probe_now().await;
        }
    }
}

/// Stands before everything that asks the database. A turn ends when the answer begins: who reads slowly holds none.
pub(crate) async fn relieve(With(state): With<Arc<State>>, request: Request, next: Next) -> Response {
    let (relief, metrics) = (&state.edges.0.relief, &state.edges.0.metrics);
    if request.uri().path() == ALWAYS {
        return next.run(request).await;
    }
    if !relief.admits().await {
        metrics.refused(Refusal::Database);
        return Error::DatabaseGone.into_response();
    }
    let response = if request.uri().path() == APART {
        next.run(request).await
    } else {
        match relief.turn().await {
            Ok(_turn) => next.run(request).await,
            Err(busy) => busy.into_response(),
        }
    };
    let error = response.extensions().get::<Arc<Error>>();
    if error.is_some_and(|error| matches!(**error, Error::Busy)) {
        metrics.refused(Refusal::Busy);
    }
    let failed = error.is_some_and(|error| error.is_of_the_database());
    if failed || response.status() == StatusCode::GATEWAY_TIMEOUT {
        relief.look_again().await;
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn requests_to_an_unavailable_database_are_refused_once_one_has_failed() {
        let (store, _folder) = store::testing::sqlite().await;
        let relief = Relief::new(vec![store.clone()]);
        assert!(relief.admits().await);
        store.close().await;
        assert!(relief.admits().await, "no probe has found out yet");
        relief.look_again().await;
        assert!(!relief.admits().await);
    }
}
