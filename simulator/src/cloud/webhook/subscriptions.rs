//! The routes below `/v2/webhook/subscription`.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::Value;

use super::Subscription;
use crate::cloud::oauth::tokens::Application;
use crate::cloud::problem::{Problem, locked, problem};
use crate::cloud::state::Cloud;
use crate::oura::{COLLECTIONS, Shape};

/// How long a subscription lasts. Not documented; seen in practice.
const LIFE: SignedDuration = SignedDuration::from_hours(90 * 24);

/// The words of `event_type`.
const EVENTS: [&str; 3] = ["create", "update", "delete"];

/// Types that can be subscribed to in addition to those of our collections.
const OTHER_TYPES: [&str; 1] = ["ring_configuration"];

impl Cloud {
    /// The application a request of these routes comes from.
    fn application(&self, headers: &HeaderMap) -> Result<&Application, Problem> {
        let said = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (id, secret) = (said("x-client-id"), said("x-client-secret"));
        let application = self.registered().find(|it| it.id == id && it.secret == secret);
        application.ok_or_else(|| problem(StatusCode::UNAUTHORIZED, "Unknown client or wrong secret."))
    }

    /// Asks the callback to repeat a challenge.
    async fn verify(&self, callback_url: &str, token: &str) -> Result<(), Problem> {
        let challenge = format!("simulated-challenge-{}", locked(&self.webhooks).next());
        let join = if callback_url.contains('?') { '&' } else { '?' };
        let uri = format!("{callback_url}{join}verification_token={token}&challenge={challenge}");
        let refused = |why: &str| problem(StatusCode::UNPROCESSABLE_ENTITY, why);
        let request = Request::get(uri).body(Body::empty());
        let request = request.map_err(|_| refused("The callback_url is no address."))?;
        let answer = self.send(request).await;
        let status = answer.status();
        let body = to_bytes(answer.into_body(), 64 * 1024).await.unwrap_or_default();
        let echoed =
            serde_json::from_slice::<Value>(&body).ok().filter(|body| body["challenge"] == challenge);
        if status == StatusCode::OK && echoed.is_some() {
            Ok(())
        } else {
            Err(refused("The callback did not repeat the challenge."))
        }
    }
}

#[derive(Debug, Deserialize)]
pub(in crate::cloud) struct Wanted {
    verification_token: String,
    callback_url: Option<String>,
    event_type: Option<String>,
    data_type: Option<String>,
}

/// 422 for a word that is none of Oura's.
fn known(event_type: &str, data_type: &str) -> Result<(), Problem> {
    let collection = COLLECTIONS
        .iter()
        .any(|it| it.shape == Shape::Documents && it.name.to_ascii_lowercase() == data_type);
    if EVENTS.contains(&event_type) && (collection || OTHER_TYPES.contains(&data_type)) {
        Ok(())
    } else {
        Err(problem(StatusCode::UNPROCESSABLE_ENTITY, "Unknown event_type or data_type."))
    }
}

fn unknown() -> Problem {
    problem(StatusCode::FORBIDDEN, "There is no subscription with this id.")
}

/// `GET /v2/webhook/subscription`: a bare array.
pub(in crate::cloud) async fn list(
    State(cloud): State<Arc<Cloud>>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    let application = cloud.application(&headers)?;
    let now = cloud.now();
    let webhooks = locked(&cloud.webhooks);
    let ours =
        webhooks.subscriptions.iter().filter(|it| it.application == application.id && now < it.expires);
    Ok(Json(ours.map(|it| it.json(false)).collect()))
}

/// `POST /v2/webhook/subscription`.
pub(in crate::cloud) async fn create(
    State(cloud): State<Arc<Cloud>>,
    headers: HeaderMap,
    Json(wanted): Json<Wanted>,
) -> Result<Response, Problem> {
    let application = cloud.application(&headers)?.id.clone();
    let (Some(callback_url), Some(event_type), Some(data_type)) =
        (wanted.callback_url, wanted.event_type, wanted.data_type)
    else {
        return Err(problem(StatusCode::UNPROCESSABLE_ENTITY, "A field is missing."));
    };
    known(&event_type, &data_type)?;
    cloud.verify(&callback_url, &wanted.verification_token).await?;
    let expires = cloud.now() + LIFE;
    let mut webhooks = locked(&cloud.webhooks);
    let id = format!("00000000-0000-4000-8000-{:012x}", webhooks.next());
    let subscription = Subscription { id, application, callback_url, event_type, data_type, expires };
    let answer = subscription.json(true);
    webhooks.subscriptions.push(subscription);
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

/// `GET /v2/webhook/subscription/{id}`.
pub(in crate::cloud) async fn single(
    State(cloud): State<Arc<Cloud>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    let application = cloud.application(&headers)?;
    let mut webhooks = locked(&cloud.webhooks);
    Ok(Json(webhooks.find(application, &id, cloud.now()).ok_or_else(unknown)?.json(true)))
}

/// `PUT /v2/webhook/subscription/{id}`.
pub(in crate::cloud) async fn update(
    State(cloud): State<Arc<Cloud>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(wanted): Json<Wanted>,
) -> Result<Json<Value>, Problem> {
    let application = cloud.application(&headers)?;
    let now = cloud.now();
    let mut changed = locked(&cloud.webhooks).find(application, &id, now).ok_or_else(unknown)?.clone();
    changed.callback_url = wanted.callback_url.unwrap_or(changed.callback_url);
    changed.event_type = wanted.event_type.unwrap_or(changed.event_type);
    changed.data_type = wanted.data_type.unwrap_or(changed.data_type);
    known(&changed.event_type, &changed.data_type)?;
    cloud.verify(&changed.callback_url, &wanted.verification_token).await?;
    let mut webhooks = locked(&cloud.webhooks);
    let subscription = webhooks.find(application, &id, now).ok_or_else(unknown)?;
    *subscription = changed;
    Ok(Json(subscription.json(true)))
}

/// `DELETE /v2/webhook/subscription/{id}`.
pub(in crate::cloud) async fn delete(
    State(cloud): State<Arc<Cloud>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let application = cloud.application(&headers)?;
    let mut webhooks = locked(&cloud.webhooks);
    webhooks.find(application, &id, cloud.now()).ok_or_else(unknown)?;
    webhooks.subscriptions.retain(|it| it.id != id);
    Ok(StatusCode::NO_CONTENT)
}

/// `PUT /v2/webhook/subscription/renew/{id}`.
pub(in crate::cloud) async fn renew(
    State(cloud): State<Arc<Cloud>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    let application = cloud.application(&headers)?;
    let now = cloud.now();
    let mut webhooks = locked(&cloud.webhooks);
    let subscription = webhooks.find(application, &id, now).ok_or_else(unknown)?;
    subscription.expires = now + LIFE;
    Ok(Json(subscription.json(true)))
}
