//! Subscriptions, and the news sent to them.
//!
//! What belongs here: the routes below `/v2/webhook/subscription`, what changed since the last look, the signature, and
//! Oura's rule for trying again. Nothing runs by itself: time passes when [`Cloud::deliver`] is called, and whoever
//! built the cloud carries the requests out.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use data_encoding::HEXUPPER;
use hmac::{Hmac, KeyInit, Mac};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Application, Cloud, Problem, locked, problem};
use crate::life::shift;
use crate::oura::{COLLECTIONS, Shape};

/// How long a subscription lasts. Not documented; seen in practice.
const LIFE: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Seconds from a failed try to the next: ten more within about an hour.
const PAUSES: [i64; 10] = [5, 10, 20, 40, 80, 160, 320, 640, 900, 1_200];

/// How far back a changed day is noticed.
const MEMORY: i64 = 14;

/// The words of `event_type`.
const EVENTS: [&str; 3] = ["create", "update", "delete"];

/// Types that can be subscribed to beside those of our collections.
const OTHER_TYPES: [&str; 2] = ["ring_configuration", "meal"];

type Answer = Pin<Box<dyn Future<Output = Response> + Send>>;

/// Carries a request to the world outside; an address that does not answer is an answer of 502.
pub(super) type Sender = Box<dyn Fn(Request<Body>) -> Answer + Send + Sync>;

/// What one call of [`Cloud::deliver`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deliveries {
    /// Requests answered 2xx.
    pub accepted: usize,
    /// Requests answered otherwise, to be tried again.
    pub refused: usize,
    /// Events given up after the last try.
    pub lost: usize,
    /// Subscriptions cancelled by a 410.
    pub cancelled: usize,
}

#[derive(Clone, Debug)]
struct Subscription {
    id: String,
    application: String,
    callback_url: String,
    event_type: String,
    data_type: String,
    expires: Timestamp,
}

/// One event on its way to one subscription.
#[derive(Clone, Debug)]
struct Delivery {
    subscription: String,
    body: String,
    due: Timestamp,
    failed: usize,
}

/// Something that happened to a document.
struct Event {
    person: usize,
    what: &'static str,
    data_type: String,
    object: String,
}

/// Person, collection and id; the day and the bytes of the document.
type Held = BTreeMap<(usize, &'static str, String), (Date, String)>;

#[derive(Debug, Default)]
pub(super) struct Webhooks {
    subscriptions: Vec<Subscription>,
    deliveries: Vec<Delivery>,
    /// What was there at the last look.
    held: Option<Held>,
    /// What decides it: everybody's last sync, and how many documents were deleted.
    seen: (Vec<Option<Timestamp>>, usize),
    issued: u64,
}

impl Webhooks {
    fn find(&mut self, application: &Application, id: &str, now: Timestamp) -> Option<&mut Subscription> {
        let ours =
            |it: &&mut Subscription| it.id == id && it.application == application.id && now < it.expires;
        self.subscriptions.iter_mut().find(ours)
    }

    fn next(&mut self) -> u64 {
        self.issued += 1;
        self.issued
    }
}

impl Subscription {
    /// As answered. The zone of the expiry is sometimes left out; it is UTC.
    fn json(&self, zone: bool) -> Value {
        let expires = TimeZone::UTC.to_datetime(self.expires);
        json!({
            "id": self.id,
            "callback_url": self.callback_url,
            "event_type": self.event_type,
            "data_type": self.data_type,
            "expiration_time": format!("{expires}{}", if zone { "Z" } else { "" }),
        })
    }
}

impl Cloud {
    /// Lets the cloud send requests: to verify callbacks, and to deliver events.
    #[must_use]
    pub fn with_callbacks<F, A>(mut self, send: F) -> Self
    where
        F: Fn(Request<Body>) -> A + Send + Sync + 'static,
        A: Future<Output = Response> + Send + 'static,
    {
        self.sender = Some(Box::new(move |request| Box::pin(send(request))));
        self
    }

    /// Deletes a document, as a person can in the app; it is in no answer from now on.
    pub fn delete(&self, id: &str) {
        locked(&self.deleted).insert(id.to_owned());
    }

    /// Says that something happened to a document of the first person, whether or not it did: the news waits for the
    /// next [`Cloud::deliver`].
    pub fn announce(&self, event_type: &'static str, data_type: &str, object_id: &str) {
        let event = Event {
            person: 0,
            what: event_type,
            data_type: data_type.to_owned(),
            object: object_id.to_owned(),
        };
        self.post(&[event]);
    }

    /// Notices what changed in everybody's documents since the last call and sends what is due. The first call only
    /// looks.
    pub async fn deliver(&self) -> Deliveries {
        let events = self.changes();
        self.post(&events);
        let now = self.now();
        let mut done = Deliveries::default();
        let due: Vec<Delivery> = {
            let mut webhooks = locked(&self.webhooks);
            let (due, later) = webhooks.deliveries.drain(..).partition(|delivery| delivery.due <= now);
            webhooks.deliveries = later;
            due
        };
        for mut delivery in due {
            let subscription = locked(&self.webhooks)
                .subscriptions
                .iter()
                .find(|it| it.id == delivery.subscription)
                .cloned();
            // Cancelled, deleted or expired in the meantime.
            let Some(subscription) = subscription.filter(|it| now < it.expires) else { continue };
            let status = self.send(self.signed(&subscription, &delivery.body)).await.status();
            if status.is_success() {
                done.accepted += 1;
            } else if status == StatusCode::GONE {
                done.cancelled += 1;
                locked(&self.webhooks).subscriptions.retain(|it| it.id != subscription.id);
            } else if let Some(pause) = PAUSES.get(delivery.failed) {
                done.refused += 1;
                delivery.failed += 1;
                delivery.due = now + SignedDuration::from_secs(*pause);
                locked(&self.webhooks).deliveries.push(delivery);
            } else {
                done.lost += 1;
            }
        }
        done
    }

    /// One delivery for every subscription that wants it.
    fn post(&self, events: &[Event]) {
        let now = self.now();
        let mut webhooks = locked(&self.webhooks);
        for event in events {
            let user = self.people[event.person].personal_info(now)["id"].clone();
            let body = json!({
                "event_type": event.what,
                "data_type": event.data_type,
                "object_id": event.object,
                "event_time": now.to_string().replace('Z', "+00:00"),
                "user_id": user,
            });
            let wanted = |it: &&Subscription| {
                it.event_type == event.what && it.data_type == event.data_type && now < it.expires
            };
            let deliveries: Vec<Delivery> = webhooks
                .subscriptions
                .iter()
                .filter(wanted)
                .map(|it| Delivery {
                    subscription: it.id.clone(),
                    body: body.to_string(),
                    due: now,
                    failed: 0,
                })
                .collect();
            webhooks.deliveries.extend(deliveries);
        }
    }

    /// What is new, other or gone since the last look.
    fn changes(&self) -> Vec<Event> {
        let now = self.now();
        let syncs = self.people.iter().map(|person| person.synced(now)).collect();
        let seen = (syncs, locked(&self.deleted).len());
        if std::mem::replace(&mut locked(&self.webhooks).seen, seen.clone()) == seen {
            return Vec::new();
        }
        let first = shift(TimeZone::UTC.to_datetime(now).date(), -MEMORY);
        let held = self.held(first, now);
        let before = locked(&self.webhooks).held.replace(held.clone());
        let Some(before) = before else { return Vec::new() };
        let event = |(person, collection, id): &(usize, &'static str, String), what| Event {
            person: *person,
            what,
            data_type: collection.to_ascii_lowercase(),
            object: id.clone(),
        };
        let mut events = Vec::new();
        for (key, (_, json)) in &held {
            match before.get(key) {
                None => events.push(event(key, "create")),
                Some((_, old)) if old != json => events.push(event(key, "update")),
                Some(_) => {}
            }
        }
        let gone = before.iter().filter(|(key, (day, _))| *day >= first && !held.contains_key(*key));
        events.extend(gone.map(|(key, _)| event(key, "delete")));
        events
    }

    fn held(&self, first: Date, now: Timestamp) -> Held {
        let mut held = Held::new();
        for (n, person) in self.people.iter().enumerate() {
            let Some(known) = person.synced(now) else { continue };
            for collection in COLLECTIONS.iter().filter(|it| it.shape == Shape::Documents) {
                for day in (0..=MEMORY + 2).map(|n| shift(first, n)) {
                    for document in collection.of_day(person, day, known) {
                        if !self.is_deleted(&document.id) {
                            held.insert((n, collection.name, document.id), (day, document.json));
                        }
                    }
                }
            }
        }
        held
    }

    pub(super) fn is_deleted(&self, id: &str) -> bool {
        locked(&self.deleted).contains(id)
    }

    /// The POST of an event, signed as Oura does: HMAC-SHA256 of timestamp and body, in upper-case hexadecimal.
    fn signed(&self, subscription: &Subscription, body: &str) -> Request<Body> {
        let application = self.registered().find(|it| it.id == subscription.application);
        let secret = application.map_or("", |application| &application.secret);
        let timestamp = self.now().as_second().to_string();
        let mut mac =
            Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).expect("BUG: HMAC takes any key");
        mac.update(timestamp.as_bytes());
        mac.update(body.as_bytes());
        let signature = HEXUPPER.encode(&mac.finalize().into_bytes());
        Request::builder()
            .method(Method::POST)
            .uri(&subscription.callback_url)
            .header(header::CONTENT_TYPE, "application/json")
            .header("x-oura-timestamp", timestamp)
            .header("x-oura-signature", signature)
            .body(Body::from(body.to_owned()))
            .expect("BUG: the callback was reached before")
    }

    async fn send(&self, request: Request<Body>) -> Response {
        match &self.sender {
            Some(send) => send(request).await,
            None => StatusCode::BAD_GATEWAY.into_response(),
        }
    }

    /// The applications of both front ends.
    fn registered(&self) -> impl Iterator<Item = &Application> {
        self.applications.iter().map(|(_, application)| application)
    }

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
pub(super) struct Wanted {
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
pub(super) async fn list(
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
pub(super) async fn create(
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
pub(super) async fn single(
    State(cloud): State<Arc<Cloud>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    let application = cloud.application(&headers)?;
    let mut webhooks = locked(&cloud.webhooks);
    Ok(Json(webhooks.find(application, &id, cloud.now()).ok_or_else(unknown)?.json(true)))
}

/// `PUT /v2/webhook/subscription/{id}`.
pub(super) async fn update(
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
pub(super) async fn delete(
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
pub(super) async fn renew(
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
