//! Load shedding and the circuit breaker. A bounded number of requests runs at a time, some more wait a moment, the
//! others are refused. While the database is unavailable, requests are refused at once instead of after a long wait; the
//! probes of [`store::Store`] find out when it is back.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State as With};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt as _;
use store::{Outage, Store};
use tokio::time::timeout;

use super::metrics::{Metrics, Refusal};
use super::{Client, ConcurrencyLimit, Permit};
use crate::error::Error;
use crate::policy::{LoadShedding, Policy};

/// Requests that run at a time: several for each connection to the database, few enough to hold their responses.
const MAX_RUNNING: usize = 64;

/// Requests that wait for a permit to run.
const MAX_WAITING: usize = 256;

/// How long they wait.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(2);

/// Running requests of one client: a quarter is left to others.
const MAX_RUNNING_PER_CLIENT: usize = MAX_RUNNING * 3 / 4;

/// Running and waiting requests of one client.
const MAX_ADMITTED_PER_CLIENT: usize = (MAX_RUNNING + MAX_WAITING) * 3 / 4;

/// Requests of one client that hold their permit until they are sent, which are remote reads: three quarters of the
/// streams that are made. Slow readers leave the rest to others.
const MAX_UNTIL_SENT_PER_CLIENT: usize = 12;

/// The same of all clients, those included that wait in the queue of remote read.
const MAX_UNTIL_SENT: usize = 256;

/// How long they wait; Prometheus waits a minute.
const UNTIL_SENT_TIMEOUT: Duration = Duration::from_secs(25);

pub(crate) struct LoadShedder {
    admitted: ConcurrencyLimit<Client>,
    running: ConcurrencyLimit<Client>,
    until_sent: ConcurrencyLimit<Client>,
    /// Nothing can be answered unless all of them can be read.
    databases: Vec<Store>,
    metrics: Metrics,
}

impl LoadShedder {
    pub(crate) fn new(databases: Vec<Store>, metrics: Metrics) -> Self {
        Self {
            admitted: ConcurrencyLimit::new(MAX_RUNNING + MAX_WAITING, MAX_ADMITTED_PER_CLIENT),
            running: ConcurrencyLimit::new(MAX_RUNNING, MAX_RUNNING_PER_CLIENT),
            until_sent: ConcurrencyLimit::new(MAX_UNTIL_SENT, MAX_UNTIL_SENT_PER_CLIENT),
            databases,
            metrics,
        }
    }

    /// Whether the databases can be read; one that takes no writes can. While one is unavailable, a request now and then
    /// probes it, and the others do not wait for that.
    async fn may_query(&self) -> bool {
        let lost = |known: Result<(), Outage>| known.is_err_and(|outage| !outage.is_only_of_writes());
        for database in &self.databases {
            if lost(database.last_probe()) && lost(database.probe_unless_busy().await) {
                return false;
            }
        }
        true
    }

    /// A permit to run, after a short wait where many requests run.
    pub(crate) async fn take_permit(&self, client: Client) -> Result<RunPermit, Error> {
        let admitted = self.admitted.try_acquire(client).ok_or(Error::Busy)?;
        let running = timeout(QUEUE_TIMEOUT, self.running.acquire(client)).await.map_err(|_| Error::Busy)?;
        Ok(RunPermit { _running: running, _admitted: admitted })
    }

    /// After a failed request: probes the databases, so that the next requests are refused at once where one is lost.
    async fn probe(&self) {
        for database in &self.databases {
            // The store keeps the outcome.
            let _ = database.probe_now().await;
        }
    }
}

/// A permit to run, and the one that counts it as admitted.
pub(crate) struct RunPermit {
    _running: Permit<Client>,
    _admitted: Permit<Client>,
}

/// The circuit breaker: refuses requests while a database that they need is unavailable.
pub(crate) async fn break_circuit(
    With(load_shedder): With<Arc<LoadShedder>>,
    Extension(Policy { load_shedding, .. }): Extension<Policy>,
    request: Request,
    next: Next,
) -> Response {
    if load_shedding == LoadShedding::Exempt {
        return next.run(request).await;
    }
    if !load_shedder.may_query().await {
        load_shedder.metrics.refused(Refusal::Database);
        return Error::DatabaseGone.into_response();
    }
    let response = next.run(request).await;
    let error = response.extensions().get::<Arc<Error>>();
    if error.is_some_and(|error| matches!(**error, Error::Busy)) {
        load_shedder.metrics.refused(Refusal::Busy);
    }
    let failed = error.is_some_and(|error| error.is_of_the_database());
    if failed || response.status() == StatusCode::GATEWAY_TIMEOUT {
        load_shedder.probe().await;
    }
    response
}

/// Lets a request run once it has a permit. This comes after everything that waits for the client, so a client that sends
/// its body slowly holds none. The permit is given back when the response begins, so a slow reader holds none either;
/// responses that are made while they are read hold theirs until they have been sent.
pub(crate) async fn admit(
    With(load_shedder): With<Arc<LoadShedder>>,
    Extension(Policy { load_shedding, .. }): Extension<Policy>,
    Extension(client): Extension<Client>,
    request: Request,
    next: Next,
) -> Response {
    match load_shedding {
        LoadShedding::Exempt => next.run(request).await,
        LoadShedding::UntilSent => {
            match timeout(UNTIL_SENT_TIMEOUT, load_shedder.until_sent.acquire(client)).await {
                Ok(permit) => hold_until_sent(next.run(request).await, permit),
                Err(_) => Error::Busy.into_response(),
            }
        }
        LoadShedding::Shared => match load_shedder.take_permit(client).await {
            Ok(_permit) => next.run(request).await,
            Err(busy) => busy.into_response(),
        },
    }
}

/// A response that holds its permit until it is sent or dropped.
fn hold_until_sent(response: Response, permit: Permit<Client>) -> Response {
    response.map(|body| {
        Body::from_stream(body.into_data_stream().map(move |chunk| {
            let _permit = &permit;
            chunk
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
    async fn requests_to_an_unavailable_database_are_refused_once_one_has_failed() {
        let (store, _folder) = store::testing::sqlite().await;
        let load_shedder = LoadShedder::new(vec![store.clone()], Metrics::register(&mut Registry::default()));
        assert!(load_shedder.may_query().await);
        store.close().await;
        assert!(load_shedder.may_query().await, "no probe has found out yet");
        load_shedder.probe().await;
        assert!(!load_shedder.may_query().await);
    }

    #[tokio::test(start_paused = true)]
    async fn remote_reads_whose_reader_is_slow_leave_turns_to_others() {
        let load_shedder = LoadShedder::new(Vec::new(), Metrics::register(&mut Registry::default()));
        let [one, other] = ["10.0.0.1", "10.0.0.2"].map(|address| Client::of(address.parse().unwrap()));
        let mut sent = Vec::new();
        for _ in 0..MAX_UNTIL_SENT_PER_CLIENT {
            let permit = load_shedder.until_sent.try_acquire(one).unwrap();
            let mut chunks =
                hold_until_sent("streamed".into_response(), permit).into_body().into_data_stream();
            assert_eq!(chunks.next().await.unwrap().unwrap(), "streamed");
            sent.push(chunks);
        }
        assert!(load_shedder.until_sent.try_acquire(one).is_none(), "their ends have not been read");
        assert!(load_shedder.until_sent.try_acquire(other).is_some());
        sent.pop();
        assert!(load_shedder.until_sent.try_acquire(one).is_some(), "one response was dropped");
    }

    #[tokio::test]
    async fn turns_of_one_client_leave_some_to_others() {
        let load_shedder = LoadShedder::new(Vec::new(), Metrics::register(&mut Registry::default()));
        let [one, other] = ["10.0.0.1", "10.0.0.2"].map(|address| Client::of(address.parse().unwrap()));
        let mut greedy: Vec<_> =
            (0..MAX_ADMITTED_PER_CLIENT).map(|_| Box::pin(load_shedder.take_permit(one))).collect();
        let mut running = Vec::new();
        for permit in &mut greedy {
            if let Poll::Ready(permit) = poll!(permit) {
                running.push(permit.unwrap());
            }
        }
        assert_eq!(running.len(), MAX_RUNNING_PER_CLIENT);
        assert!(matches!(load_shedder.take_permit(one).await, Err(Error::Busy)), "more than may wait");
        assert!(matches!(poll!(Box::pin(load_shedder.take_permit(other))), Poll::Ready(Ok(_))), "at once");
    }
}
