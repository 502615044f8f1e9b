//! The progress of a job: by server-sent events, which browsers and curl understand, and by WebSocket.
//!
//! Each event is the job as it is then, one for every change that is seen. A client that comes back states the last event
//! it saw, and gets what is new since.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::LazyLock;
use std::time::Duration;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State as With};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::time::{Instant, Interval, timeout_at};
use utoipa_axum::routes;

use super::{Job, visible};
use crate::access::Access;
use crate::error::{Error, Failures, Unknown};
use crate::guards::{ConcurrencyLimit, Permit};
use crate::policy::Policy;
use crate::routes::Routes;
use crate::state::State;

/// Watches at a time: each reads the database once a second.
const MAX_WATCHES: usize = 64;

/// Of them, for one principal.
const MAX_WATCHES_PER_PRINCIPAL: usize = 16;

/// Longest watch. Clients then connect again, which browsers do by themselves, and are authenticated again.
const MAX_WATCH_DURATION: Duration = Duration::from_mins(5);

/// How often an idle watch sends a keep-alive, so that proxies do not close it.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// Largest message read from a client; messages are ignored.
const MAX_MESSAGE: usize = 4096;

static SLOTS: LazyLock<ConcurrencyLimit<String>> =
    LazyLock::new(|| ConcurrencyLimit::new(MAX_WATCHES, MAX_WATCHES_PER_PRINCIPAL));

pub(super) fn routes(policy: Policy) -> Routes<State> {
    Routes::new().add(policy, routes!(watch_job)).add(policy, routes!(watch_job_by_socket))
}

/// One watch.
struct JobWatch {
    state: State,
    id: String,
    seen: i64,
    ended: bool,
    until: Instant,
    _place: Permit<String>,
}

impl JobWatch {
    fn begin(state: State, access: &Access, id: String, seen: i64) -> Result<Self, Error> {
        let place = SLOTS.try_acquire(access.principal_key()).ok_or(Error::Busy)?;
        Ok(Self { state, id, seen, ended: false, until: Instant::now() + MAX_WATCH_DURATION, _place: place })
    }

    /// The job once it is other than seen; `None` at the end of the job or of the watch. A database that fails ends the
    /// watch, too: the watcher comes back.
    async fn next(&mut self) -> Option<(i64, Job)> {
        if self.ended {
            return None;
        }
        match timeout_at(self.until, self.state.jobs.wait_for_change(&self.id, self.seen)).await.ok()? {
            Ok(job) => {
                let job = job?;
                (self.seen, self.ended) = (job.version, job.state.is_final());
                Some((job.version, job.into()))
            }
            Err(error) => {
                tracing::warn!(error = store::causes(&error), "a job is watched no longer");
                None
            }
        }
    }
}

/// One server-sent event.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "axum writes events; this describes them")]
struct JobEvent {
    /// The job's version, for `Last-Event-ID`.
    #[schema(example = "3")]
    id: String,
    /// Always `job`.
    #[schema(example = "job")]
    event: String,
    /// The job, as JSON.
    data: String,
}

/// A job as server-sent events.
///
/// Each event is the job as it is then, `id` its version; the last one is that of a state that does not change any more.
/// A client that comes back with `Last-Event-ID` hears what is new since, or `204` when there will be nothing. After five
/// minutes a watch ends; connecting again authenticates again.
#[utoipa::path(
    get, path = "/jobs/{id}/events", operation_id = "watch_job", tag = "jobs",
    params(
        ("id" = String, Path, description = "The job's name.", example = "0f8fad5bd9cb469fa165708677289502"),
        ("Last-Event-ID" = Option<String>, Header, description = "The last event that was seen; browsers send it.", example = "3"),
    ),
    responses(
        (status = 200, description = "Events named `job`, each with a job as its data.", content((JobEvent = "text/event-stream"))),
        (status = 204, description = "There is nothing new, and will not be."),
        Unknown, Failures,
    ),
)]
async fn watch_job(
    With(state): With<State>,
    access: Access,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let job = visible(&state, &access, &id).await?;
    let seen = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok()).unwrap_or(0);
    if job.state.is_final() && seen == job.version {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let watch = JobWatch::begin(state, &access, id, seen)?;
    let events = stream::unfold(watch, async |mut watch| {
        let (version, job) = watch.next().await?;
        let event = Event::default().id(version.to_string()).event("job");
        // A job is made of texts and numbers.
        let event = event.json_data(job).unwrap_or_default();
        Some((Ok::<_, Infallible>(event), watch))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE_INTERVAL)).into_response())
}

/// A job by WebSocket: a text for every change, each the job as it is then; closed after the last, or after five minutes.
#[utoipa::path(
    get, path = "/jobs/{id}/socket", operation_id = "watch_job_by_socket", tag = "jobs",
    params(("id" = String, Path, description = "The job's name.", example = "0f8fad5bd9cb469fa165708677289502")),
    responses(
        (status = 101, description = "The WebSocket."),
        (status = 426, description = "The request does not ask for a WebSocket.", body = crate::error::Problem, content_type = "application/problem+json"),
        Unknown, Failures,
    ),
)]
async fn watch_job_by_socket(
    With(state): With<State>,
    access: Access,
    Path(id): Path<String>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Error> {
    visible(&state, &access, &id).await?;
    let upgrade = upgrade.map_err(|_| Error::NoWebSocket)?;
    let watch = JobWatch::begin(state, &access, id, 0)?;
    Ok(upgrade
        .max_message_size(MAX_MESSAGE)
        .max_frame_size(MAX_MESSAGE)
        .on_upgrade(|socket| send_event(socket, watch)))
}

async fn send_event(mut socket: WebSocket, mut watch: JobWatch) {
    let mut alive = tokio::time::interval(KEEP_ALIVE_INTERVAL);
    loop {
        let Ok(job) = meanwhile(&mut socket, &mut alive, watch.next()).await else { return };
        let Some(text) = job.and_then(|(_, job)| serde_json::to_string(&job).ok()) else { break };
        if socket.send(Message::Text(text.into())).await.is_err() {
            return;
        }
    }
    let _ = socket.send(Message::Close(None)).await;
}

/// The client has disconnected.
struct ClientGone;

/// Waits for one thing, and reads from the client meanwhile. What clients send is ignored and does not restart the wait.
async fn meanwhile<T>(
    socket: &mut WebSocket,
    alive: &mut Interval,
    wait: impl Future<Output = T>,
) -> Result<T, ClientGone> {
    let mut wait = pin!(wait);
    loop {
        tokio::select! {
            done = &mut wait => return Ok(done),
            said = socket.recv() => match said {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(ClientGone),
                // Pings are answered already.
                Some(Ok(_)) => {}
            },
            _ = alive.tick() => {
                socket.send(Message::Ping(axum::body::Bytes::new())).await.map_err(|_| ClientGone)?;
            }
        }
    }
}
