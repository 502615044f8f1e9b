//! The callback, which Oura calls and anyone can reach. Nothing is accepted without a valid signature; nothing is
//! acknowledged before it is stored; nothing waits for Oura's API. Each outcome is a status and a counter, and no log
//! ever names a document or a person.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use serde_json::json;
use store::{EnqueuedEvent, Store, WebhookEvent, causes};
use tokio::sync::Semaphore;

use super::event::{Event, parse_event};
use super::metrics::{EventResult, Metrics};
use super::settings::{Settings, Shared};
use super::signature::{Refused, is_verification_token, verify};
use crate::Clock;

/// The largest event read; one has some 200 bytes.
const MAX_BODY: usize = 64 * 1024;

/// The longest challenge repeated.
const MAX_CHALLENGE: usize = 1024;

/// Events stored at a time: bounds the burst at the database. Only what Oura signed counts.
const MAX_REQUESTS: usize = 64;

/// How long a sender may take for its body, and the database for a row; Oura waits ten seconds in all.
const BODY_TIMEOUT: Duration = Duration::from_secs(4);

/// Documents that may wait for a person: years of events of every collection. Beyond it Oura gets a 503 and retries.
const MAX_QUEUED_DOCUMENTS: i64 = 20_000;

/// Answers the callback.
#[derive(Clone)]
pub struct Receiver {
    store: Store,
    settings: Arc<Settings>,
    shared: Shared,
    metrics: Metrics,
    clock: Clock,
    requests: Arc<Semaphore>,
}

/// What was asked when Oura verifies the callback.
#[derive(Deserialize)]
struct Verification {
    #[serde(default)]
    verification_token: String,
    #[serde(default)]
    challenge: String,
}

/// The outcome of an event: a status for Oura and a result for the counter.
struct Outcome(StatusCode, EventResult);

impl Receiver {
    pub(super) fn new(
        store: Store,
        settings: Settings,
        shared: Shared,
        metrics: Metrics,
        clock: Clock,
    ) -> Self {
        let requests = Arc::new(Semaphore::new(MAX_REQUESTS));
        Self { store, settings: Arc::new(settings), shared, metrics, clock, requests }
    }

    /// The routes: any path is the callback, because a proxy may rewrite it; `/-/healthy` answers a load balancer.
    pub fn router(self) -> Router {
        Router::new()
            .route("/-/healthy", get(|| async { "healthy\n" }))
            .fallback_service(get(verify_callback).post(receive_event).with_state(self))
    }

    async fn receive(&self, headers: &HeaderMap, body: Body) -> Outcome {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let (Some(timestamp), Some(signature)) = (header("x-oura-timestamp"), header("x-oura-signature"))
        else {
            return Outcome(StatusCode::UNAUTHORIZED, EventResult::Forged);
        };
        let length = header(header::CONTENT_LENGTH.as_str()).and_then(|length| length.parse::<usize>().ok());
        if length.is_some_and(|length| length > MAX_BODY) {
            return Outcome(StatusCode::PAYLOAD_TOO_LARGE, EventResult::TooLarge);
        }
        let body = match tokio::time::timeout(BODY_TIMEOUT, to_bytes(body, MAX_BODY)).await {
            Ok(Ok(body)) => body,
            Ok(Err(_)) => return Outcome(StatusCode::PAYLOAD_TOO_LARGE, EventResult::TooLarge),
            Err(_) => return Outcome(StatusCode::REQUEST_TIMEOUT, EventResult::Malformed),
        };
        let now = (self.clock)();
        let Settings { credentials, replay_window, .. } = &*self.settings;
        match verify(&credentials.secret, timestamp, signature, &body, now, *replay_window) {
            Ok(()) => {}
            Err(Refused::Forged) => return Outcome(StatusCode::UNAUTHORIZED, EventResult::Forged),
            Err(Refused::Expired) => {
                tracing::warn!(
                    "refused a webhook event whose signature is too old; check this machine's clock"
                );
                return Outcome(StatusCode::UNAUTHORIZED, EventResult::Expired);
            }
        }
        let event = match parse_event(&body) {
            Ok(event) => event,
            Err(error) => {
                tracing::warn!(%error, "refused a malformed webhook event with a valid signature");
                return Outcome(StatusCode::BAD_REQUEST, EventResult::Malformed);
            }
        };
        let Ok(_permit) = self.requests.try_acquire() else {
            return Outcome(StatusCode::SERVICE_UNAVAILABLE, EventResult::Busy);
        };
        // Oura's sender waits ten seconds; an insert that hangs is as good as none.
        match tokio::time::timeout(BODY_TIMEOUT, self.queue(event)).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => {
                tracing::error!(
                    error = causes(&error),
                    "cannot store a webhook event; Oura will send it again"
                );
                Outcome(StatusCode::SERVICE_UNAVAILABLE, EventResult::Unavailable)
            }
            Err(_) => {
                tracing::error!("timed out storing a webhook event; Oura will send it again");
                Outcome(StatusCode::SERVICE_UNAVAILABLE, EventResult::Unavailable)
            }
        }
    }

    async fn queue(&self, event: Event) -> Result<Outcome, store::Error> {
        let Event { change, collection, object, event_at, user } = event;
        let Some(collection) = collection else {
            return Ok(Outcome(StatusCode::OK, EventResult::Unsupported));
        };
        let Some(person) = self.store.account_owner(&user).await? else {
            // Before the owner of every token is known, no user can be called unknown.
            return Ok(if self.shared.known.load(Ordering::Relaxed) {
                Outcome(StatusCode::OK, EventResult::UnknownPerson)
            } else {
                Outcome(StatusCode::SERVICE_UNAVAILABLE, EventResult::Unavailable)
            });
        };
        let now = (self.clock)();
        // Where Oura's clock is ahead, its next event must not look older than this one.
        let event_at = event_at.min(now);
        let announcement = WebhookEvent { person, collection, id: object, change, event_at };
        Ok(match self.store.enqueue_event(&announcement, MAX_QUEUED_DOCUMENTS, now).await? {
            EnqueuedEvent::New => {
                self.shared.wake.notify_one();
                Outcome(StatusCode::OK, EventResult::Queued)
            }
            EnqueuedEvent::Merged => {
                self.shared.wake.notify_one();
                Outcome(StatusCode::OK, EventResult::Repeated)
            }
            EnqueuedEvent::Old => Outcome(StatusCode::OK, EventResult::Repeated),
            EnqueuedEvent::Full => Outcome(StatusCode::SERVICE_UNAVAILABLE, EventResult::QueueFull),
        })
    }
}

/// A webhook event from Oura, or a forged one.
async fn receive_event(State(receiver): State<Receiver>, request: Request) -> StatusCode {
    let (parts, body) = request.into_parts();
    let Outcome(status, result) = receiver.receive(&parts.headers, body).await;
    receiver.metrics.count_event(result);
    status
}

/// Oura checks that this callback belongs to the subscriber.
async fn verify_callback(
    State(receiver): State<Receiver>,
    asked: Result<Query<Verification>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let Ok(Query(Verification { verification_token, challenge })) = asked else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let Settings { credentials, callback, .. } = &*receiver.settings;
    let ours = is_verification_token(&credentials.secret, &callback.to_string(), &verification_token);
    if !ours || challenge.is_empty() || challenge.len() > MAX_CHALLENGE {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    axum::Json(json!({ "challenge": challenge })).into_response()
}
