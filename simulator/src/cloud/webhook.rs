//! Subscriptions, and the news sent to them.
//!
//! What belongs here: what changed since the last look, the signature, and Oura's rule for trying again; the routes by which
//! one subscribes are in `subscriptions`. Nothing runs by itself: time passes when [`Cloud::deliver`] is called, and its
//! caller sends the requests.

pub(super) mod subscriptions;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use data_encoding::HEXUPPER;
use hmac::{Hmac, KeyInit, Mac};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::oauth::tokens::Application;
use super::problem::locked;
use super::state::Cloud;
use crate::life::shift;
use crate::oura::{COLLECTIONS, Shape};

/// Seconds from a failed try to the next: ten more within about an hour.
const PAUSES: [i64; 10] = [5, 10, 20, 40, 80, 160, 320, 640, 900, 1_200];

/// How far back a changed day is noticed.
const MEMORY: i64 = 14;

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
    /// What decides it: the last sync of each person, and how many documents were deleted.
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

    /// Notices what changed in all persons' documents since the last call and sends what is due. The first call only
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
}
