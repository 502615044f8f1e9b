//! What happens when there is more to do than can be done. So many questions run at a time, some wait a moment, the
//! others are told to come again. When the database is gone, everybody is told at once instead of after a long wait, and
//! after a pause one question finds out whether it is back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::{Request, State as With};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use store::Store;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};

use super::metrics::{Metrics, Refusal};
use crate::error::Error;
use crate::remote_read;
use crate::state::State;

/// Questions that run at a time: several for each connection to the database, few enough to hold their answers.
const RUNNING: usize = 64;

/// Questions that wait for a turn.
const WAITING: usize = 256;

/// How long they wait.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long nobody asks a database that is gone.
const PAUSE: Duration = Duration::from_secs(5);

/// How long a database may take to say that it is there.
const PING: Duration = Duration::from_secs(2);

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
    /// Until when a database that is gone is left alone.
    gone: Mutex<Option<Instant>>,
    asking: AtomicBool,
}

impl Relief {
    pub(crate) fn new(databases: Vec<Store>) -> Self {
        Self {
            places: Semaphore::new(RUNNING + WAITING),
            turns: Semaphore::new(RUNNING),
            databases,
            gone: Mutex::default(),
            asking: AtomicBool::new(false),
        }
    }

    /// Whether it makes sense to ask the database. Of those who come after the pause one finds out.
    pub(crate) async fn admits(&self, metrics: &Metrics) -> bool {
        let until = *self.gone();
        match until {
            None => true,
            Some(until) if Instant::now() < until => false,
            Some(_) => self.look(metrics).await,
        }
    }

    /// A turn to ask, after a short wait where many are there.
    async fn turn(&self) -> Result<(SemaphorePermit<'_>, SemaphorePermit<'_>), Error> {
        let place = self.places.try_acquire().map_err(|_| Error::Busy)?;
        match timeout(PATIENCE, self.turns.acquire()).await {
            Ok(Ok(turn)) => Ok((place, turn)),
            _ => Err(Error::Busy),
        }
    }

    /// Finds out whether the database answers; `false` also when somebody else is finding out.
    async fn look(&self, metrics: &Metrics) -> bool {
        if self.asking.swap(true, Ordering::AcqRel) {
            return false;
        }
        // Also when whoever asks goes away in between.
        let _asking = Asking(&self.asking);
        let mut answers = true;
        for database in &self.databases {
            answers &= matches!(timeout(PING, database.ping()).await, Ok(Ok(())));
        }
        let before = std::mem::replace(&mut *self.gone(), (!answers).then(|| Instant::now() + PAUSE));
        metrics.database_gone(!answers);
        match (before, answers) {
            (None, false) => {
                tracing::warn!("the database does not answer; questions are refused until it does");
            }
            (Some(_), true) => tracing::info!("the database answers again"),
            _ => {}
        }
        answers
    }

    fn gone(&self) -> MutexGuard<'_, Option<Instant>> {
        // Nothing panics while it holds this lock.
        self.gone.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Asking<'a>(&'a AtomicBool);

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Stands before everything that asks the database. A turn ends when the answer begins: who reads slowly holds none.
pub(crate) async fn relieve(With(state): With<Arc<State>>, request: Request, next: Next) -> Response {
    let (relief, metrics) = (&state.edges.0.relief, &state.edges.0.metrics);
    if request.uri().path() == ALWAYS {
        return next.run(request).await;
    }
    if !relief.admits(metrics).await {
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
        relief.look(metrics).await;
    }
    response
}

#[cfg(test)]
mod tests {
    use prometheus_client::registry::Registry;

    use super::*;

    #[tokio::test]
    async fn a_database_that_is_gone_is_left_alone_for_a_while() {
        let metrics = Metrics::register(&mut Registry::default());
        let (store, _folder) = store::testing::sqlite().await;
        let relief = Relief::new(vec![store.clone()]);
        assert!(relief.admits(&metrics).await && relief.look(&metrics).await);
        store.close().await;
        assert!(relief.admits(&metrics).await, "nobody has found out yet");
        assert!(!relief.look(&metrics).await && !relief.admits(&metrics).await);
        tokio::time::pause();
        tokio::time::advance(PAUSE).await;
        assert!(!relief.admits(&metrics).await, "it was asked again");
        let until = relief.gone().unwrap();
        assert!(until > Instant::now());
    }

    #[tokio::test]
    async fn one_finds_out_and_the_others_do_not_wait() {
        let metrics = Metrics::register(&mut Registry::default());
        let (store, _folder) = store::testing::sqlite().await;
        let relief = Relief::new(vec![store]);
        *relief.gone() = Some(Instant::now());
        relief.asking.store(true, Ordering::Release);
        assert!(!relief.admits(&metrics).await);
        relief.asking.store(false, Ordering::Release);
        assert!(relief.admits(&metrics).await, "it is back");
        assert!(relief.gone().is_none());
    }
}
