//! What happens when there is more to do than can be done. So many questions run at a time, some wait a moment, the
//! others are told to come again. When the database is gone, everybody is told at once instead of after a long wait, and
//! after a pause one question finds out whether it is back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State as With};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt as _;
use store::Store;
use tokio::time::{Instant, timeout};

use super::client::Client;
use super::concurrency::{ConcurrencyLimit, Permit};
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

/// Of those that run, for one client: a quarter is left to others.
const RUNNING_OF_ONE: usize = RUNNING * 3 / 4;

/// Of those that run or wait, for one client.
const PLACES_OF_ONE: usize = (RUNNING + WAITING) * 3 / 4;

/// Remote reads of one client that are answered or sent at a time: three quarters of the streams that are made. Readers
/// that are slow leave the rest to others.
const APART_OF_ONE: usize = 12;

/// Remote reads of all clients, those that wait for turns of their own included.
const APART_IN_ALL: usize = 256;

/// How long they wait; Prometheus waits a minute.
const APART_PATIENCE: Duration = Duration::from_secs(25);

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
    places: ConcurrencyLimit<Client>,
    turns: ConcurrencyLimit<Client>,
    apart: ConcurrencyLimit<Client>,
    /// Without all of them nothing can be answered.
    databases: Vec<Store>,
    /// Until when a database that is gone is left alone.
    gone: Mutex<Option<Instant>>,
    asking: AtomicBool,
}

impl Relief {
    pub(crate) fn new(databases: Vec<Store>) -> Self {
        Self {
            places: ConcurrencyLimit::new(RUNNING + WAITING, PLACES_OF_ONE),
            turns: ConcurrencyLimit::new(RUNNING, RUNNING_OF_ONE),
            apart: ConcurrencyLimit::new(APART_IN_ALL, APART_OF_ONE),
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
    pub(crate) async fn turn(&self, client: Client) -> Result<Turn, Error> {
        let place = self.places.try_acquire(client).ok_or(Error::Busy)?;
        let turn = timeout(PATIENCE, self.turns.acquire(client)).await.map_err(|_| Error::Busy)?;
        Ok(Turn { _turn: turn, _place: place })
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

/// A turn to ask, and the place that it takes.
pub(crate) struct Turn {
    _turn: Permit<Client>,
    _place: Permit<Client>,
}

struct Asking<'a>(&'a AtomicBool);

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Stands before everything that asks the database.
pub(crate) async fn relieve(With(state): With<Arc<State>>, request: Request, next: Next) -> Response {
    let (relief, metrics) = (&state.edges.0.relief, &state.edges.0.metrics);
    if request.uri().path() == ALWAYS {
        return next.run(request).await;
    }
    if !relief.admits(metrics).await {
        metrics.refused(Refusal::Database);
        return Error::DatabaseGone.into_response();
    }
    let response = next.run(request).await;
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

/// Stands before every handler, behind what waits for the client: a client that sends its body slowly holds no turn. A turn
/// ends when the response begins: one that reads slowly holds none either, but of remote read, which is made while it is read.
pub(crate) async fn turn(With(state): With<Arc<State>>, request: Request, next: Next) -> Response {
    let (relief, client) = (&state.edges.0.relief, state.edges.client(&request));
    match request.uri().path() {
        ALWAYS => next.run(request).await,
        APART => match timeout(APART_PATIENCE, relief.apart.acquire(client)).await {
            Ok(turn) => until_sent(next.run(request).await, turn),
            Err(_) => Error::Busy.into_response(),
        },
        _ => match relief.turn(client).await {
            Ok(_turn) => next.run(request).await,
            Err(busy) => busy.into_response(),
        },
    }
}

/// A response that has its turn until it is sent or given up.
fn until_sent(response: Response, turn: Permit<Client>) -> Response {
    response.map(|body| {
        Body::from_stream(body.into_data_stream().map(move |piece| {
            let _turn = &turn;
            piece
        }))
    })
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use futures_util::poll;
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

    #[tokio::test(start_paused = true)]
    async fn remote_reads_whose_reader_is_slow_leave_turns_to_others() {
        let relief = Relief::new(Vec::new());
        let [one, other] = ["10.0.0.1", "10.0.0.2"].map(|address| Client::of(address.parse().unwrap()));
        let mut sent = Vec::new();
        for _ in 0..APART_OF_ONE {
            let turn = relief.apart.try_acquire(one).unwrap();
            let mut pieces = until_sent("streamed".into_response(), turn).into_body().into_data_stream();
            assert_eq!(pieces.next().await.unwrap().unwrap(), "streamed");
            sent.push(pieces);
        }
        assert!(relief.apart.try_acquire(one).is_none(), "their ends have not been read");
        assert!(relief.apart.try_acquire(other).is_some());
        sent.pop();
        assert!(relief.apart.try_acquire(one).is_some(), "given up");
    }

    #[tokio::test]
    async fn turns_of_one_client_leave_some_to_others() {
        let relief = Relief::new(Vec::new());
        let [one, other] = ["10.0.0.1", "10.0.0.2"].map(|address| Client::of(address.parse().unwrap()));
        let mut greedy: Vec<_> = (0..PLACES_OF_ONE).map(|_| Box::pin(relief.turn(one))).collect();
        let mut running = Vec::new();
        for turn in &mut greedy {
            if let Poll::Ready(turn) = poll!(turn) {
                running.push(turn.unwrap());
            }
        }
        assert_eq!(running.len(), RUNNING_OF_ONE);
        assert!(matches!(relief.turn(one).await, Err(Error::Busy)), "more than may wait");
        assert!(matches!(poll!(Box::pin(relief.turn(other))), Poll::Ready(Ok(_))), "at once");
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
