//! What happens when there is more to do than can be done. So many questions run at a time, some wait a moment, the
//! others are told to come again. While the database is unavailable, everybody is told at once instead of after a long
//! wait; the probes of [`store::Store`] say when it is back.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State as With};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt as _;
use store::{Outage, Store};
use tokio::time::timeout;

use super::Client;
use super::metrics::Refusal;
use super::{ConcurrencyLimit, Permit};
use crate::error::Error;
use crate::remote_read;
use crate::state::State;

/// Questions that run at a time: several for each connection to the database, few enough to hold their answers.
const MAX_RUNNING: usize = 64;

/// Questions that wait for a turn.
const MAX_WAITING: usize = 256;

/// How long they wait.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(2);

/// Of those that run, for one client: a quarter is left to others.
const RUNNING_OF_ONE: usize = MAX_RUNNING * 3 / 4;

/// Of those that run or wait, for one client.
const PLACES_OF_ONE: usize = (MAX_RUNNING + MAX_WAITING) * 3 / 4;

/// Remote reads of one client that are answered or sent at a time: three quarters of the streams that are made. Readers
/// that are slow leave the rest to others.
const APART_OF_ONE: usize = 12;

/// Remote reads of all clients, those that wait for turns of their own included.
const APART_IN_ALL: usize = 256;

/// How long they wait; Prometheus waits a minute.
const APART_PATIENCE: Duration = Duration::from_secs(25);

/// Probes must get through, and say themselves what is wrong.
const EXEMPT: &str = "/api/v1/health";

/// Waits for turns of its own: a dashboard asks Prometheus forty questions at a time, and each waits for the others. Here
/// they would take the places of everybody else.
const OWN_QUEUE: &str = remote_read::PATH;

pub(crate) struct LoadShedder {
    places: ConcurrencyLimit<Client>,
    turns: ConcurrencyLimit<Client>,
    apart: ConcurrencyLimit<Client>,
    /// Without all of them nothing can be answered.
    databases: Vec<Store>,
}

impl LoadShedder {
    pub(crate) fn new(databases: Vec<Store>) -> Self {
        Self {
            places: ConcurrencyLimit::new(MAX_RUNNING + MAX_WAITING, PLACES_OF_ONE),
            turns: ConcurrencyLimit::new(MAX_RUNNING, RUNNING_OF_ONE),
            apart: ConcurrencyLimit::new(APART_IN_ALL, APART_OF_ONE),
            databases,
        }
    }

    /// Whether it makes sense to ask the databases; one that takes no writes can be read. While one is unavailable, a request
    /// now and then finds out whether it still is, and the others do not wait for that.
    async fn may_query(&self) -> bool {
        let lost = |known: Result<(), Outage>| known.is_err_and(|outage| !outage.is_only_of_writes());
        for database in &self.databases {
            if lost(database.last_probe()) && lost(database.probe_unless_busy().await) {
                return false;
            }
        }
        true
    }

    /// A turn to ask, after a short wait where many are there.
    pub(crate) async fn take_permit(&self, client: Client) -> Result<Turn, Error> {
        let place = self.places.try_acquire(client).ok_or(Error::Busy)?;
        let turn = timeout(QUEUE_TIMEOUT, self.turns.acquire(client)).await.map_err(|_| Error::Busy)?;
        Ok(Turn { _turn: turn, _place: place })
    }

    /// A request has failed: the next ones should know why.
    async fn look_again(&self) {
        for database in &self.databases {
            // The outcome is kept where it is found.
            let _ = database.probe_now().await;
        }
    }
}

/// A turn to ask, and the place that it takes.
pub(crate) struct Turn {
    _turn: Permit<Client>,
    _place: Permit<Client>,
}

/// Stands before everything that asks the database.
pub(crate) async fn shed_load(With(state): With<Arc<State>>, request: Request, next: Next) -> Response {
    let (load_shedder, metrics) = (&state.guards.0.load_shedder, &state.guards.0.metrics);
    if request.uri().path() == EXEMPT {
        return next.run(request).await;
    }
    if !load_shedder.may_query().await {
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
        load_shedder.look_again().await;
    }
    response
}

/// Stands before every handler, behind what waits for the client: a client that sends its body slowly holds no turn. A turn
/// ends when the response begins: one that reads slowly holds none either, but of remote read, which is made while it is read.
pub(crate) async fn turn(With(state): With<Arc<State>>, mut request: Request, next: Next) -> Response {
    let (load_shedder, client) = (&state.guards.0.load_shedder, state.guards.client(&request));
    request.extensions_mut().insert(client);
    match request.uri().path() {
        EXEMPT => next.run(request).await,
        OWN_QUEUE => match timeout(APART_PATIENCE, load_shedder.apart.acquire(client)).await {
            Ok(turn) => until_sent(next.run(request).await, turn),
            Err(_) => Error::Busy.into_response(),
        },
        _ => match load_shedder.take_permit(client).await {
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

    use super::*;

    #[tokio::test]
    async fn requests_to_an_unavailable_database_are_refused_once_one_has_failed() {
        let (store, _folder) = store::testing::sqlite().await;
        let load_shedder = LoadShedder::new(vec![store.clone()]);
        assert!(load_shedder.may_query().await);
        store.close().await;
        assert!(load_shedder.may_query().await, "no probe has found out yet");
        load_shedder.look_again().await;
        assert!(!load_shedder.may_query().await);
    }

    #[tokio::test(start_paused = true)]
    async fn remote_reads_whose_reader_is_slow_leave_turns_to_others() {
        let load_shedder = LoadShedder::new(Vec::new());
        let [one, other] = ["10.0.0.1", "10.0.0.2"].map(|address| Client::of(address.parse().unwrap()));
        let mut sent = Vec::new();
        for _ in 0..APART_OF_ONE {
            let turn = load_shedder.apart.try_acquire(one).unwrap();
            let mut pieces = until_sent("streamed".into_response(), turn).into_body().into_data_stream();
            assert_eq!(pieces.next().await.unwrap().unwrap(), "streamed");
            sent.push(pieces);
        }
        assert!(load_shedder.apart.try_acquire(one).is_none(), "their ends have not been read");
        assert!(load_shedder.apart.try_acquire(other).is_some());
        sent.pop();
        assert!(load_shedder.apart.try_acquire(one).is_some(), "given up");
    }

    #[tokio::test]
    async fn turns_of_one_client_leave_some_to_others() {
        let load_shedder = LoadShedder::new(Vec::new());
        let [one, other] = ["10.0.0.1", "10.0.0.2"].map(|address| Client::of(address.parse().unwrap()));
        let mut greedy: Vec<_> =
            (0..PLACES_OF_ONE).map(|_| Box::pin(load_shedder.take_permit(one))).collect();
        let mut running = Vec::new();
        for turn in &mut greedy {
            if let Poll::Ready(turn) = poll!(turn) {
                running.push(turn.unwrap());
            }
        }
        assert_eq!(running.len(), RUNNING_OF_ONE);
        assert!(matches!(load_shedder.take_permit(one).await, Err(Error::Busy)), "more than may wait");
        assert!(matches!(poll!(Box::pin(load_shedder.take_permit(other))), Poll::Ready(Ok(_))), "at once");
    }
}
