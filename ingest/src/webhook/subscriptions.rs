//! Oura's routes for subscriptions, asked as the application.

use std::time::Duration;

use domain::{Change, Collection};
use jiff::Timestamp;
use reqwest::{Method, RequestBuilder, StatusCode, Url, header};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::json;

use super::event::instant;
use super::signature::verification_token;
use super::{Callback, Credentials};
use crate::http::{InvalidClient, address, http_client, retry_after, url_below};

/// The largest answer read: a list of a few hundred subscriptions.
const MAX_BODY: usize = 1024 * 1024;

/// One subscription as Oura lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Oura's id of it.
    pub id: String,
    /// Where its events are sent.
    pub callback_url: String,
    /// `create`, `update`, `delete`, or a word of a newer Oura.
    pub event_type: String,
    /// Which kind of document.
    pub data_type: String,
    /// When it ends; `None` when Oura's value cannot be parsed.
    pub expires: Option<Timestamp>,
}

/// Why Oura did not do what the application asked. Never carries a secret or a body.
#[derive(Debug, thiserror::Error)]
pub enum SubscriptionFailure {
    /// 401.
    #[error("Oura does not know this application; check --oura-client-id and --oura-client-secret-file")]
    Credentials,
    /// 403.
    #[error("Oura knows no such subscription")]
    Unknown,
    /// 400 or 422: mostly the answer of the callback was not what Oura expected.
    #[error(
        "Oura refuses the subscription (status {0}): it must reach the callback URL from the internet by https, and \
         the way must end at --webhook.listen-address"
    )]
    Refused(StatusCode),
    /// 429, with the pause asked for.
    #[error("Oura's request limit is reached")]
    RateLimited(Option<Duration>),
    /// No connection, no answer in time, or it broke.
    #[error("Oura cannot be reached")]
    Network(#[source] reqwest::Error),
    /// Any other status.
    #[error("Oura answered with status {0}")]
    Status(StatusCode),
    /// The answer is no subscription.
    #[error("Oura's answer is broken: {0}")]
    Malformed(&'static str),
}

impl From<reqwest::Error> for SubscriptionFailure {
    fn from(error: reqwest::Error) -> Self {
        Self::Network(error.without_url())
    }
}

#[derive(Deserialize)]
struct Wire {
    id: String,
    callback_url: String,
    event_type: String,
    data_type: String,
    expiration_time: String,
}

impl From<Wire> for Subscription {
    fn from(wire: Wire) -> Self {
        let Wire { id, callback_url, event_type, data_type, expiration_time } = wire;
        Self { id, callback_url, event_type, data_type, expires: instant(&expiration_time) }
    }
}

/// The subscriptions of one application.
#[derive(Clone, Debug)]
pub struct Subscriptions {
    http: reqwest::Client,
    base: Url,
    credentials: Credentials,
}

impl Subscriptions {
    /// Those at the API at `base`. A TLS provider must be installed in the process.
    pub fn new(base: &str, credentials: Credentials) -> Result<Self, InvalidClient> {
        let carries = |text: &str| header::HeaderValue::from_str(text).is_ok();
        if !carries(&credentials.id) || !carries(credentials.secret.expose_secret()) {
            return Err(InvalidClient::Token);
        }
        Ok(Self { http: http_client()?, base: address(base)?, credentials })
    }

    /// Every subscription of the application, those of other callbacks included.
    pub async fn list(&self) -> Result<Vec<Subscription>, SubscriptionFailure> {
        let body = self.send(self.request(Method::GET, &[])).await?;
        let wires: Vec<Wire> = serde_json::from_slice(&body)
            .map_err(|_| SubscriptionFailure::Malformed("no list of subscriptions"))?;
        Ok(wires.into_iter().map(Subscription::from).collect())
    }

    /// Subscribes `callback` to one kind of news. Oura asks the callback before it answers.
    pub async fn create(
        &self,
        callback: &Callback,
        change: Change,
        collection: Collection,
    ) -> Result<Subscription, SubscriptionFailure> {
        let address = callback.to_string();
        let wanted = json!({
            "callback_url": address,
            "verification_token": verification_token(&self.credentials.secret, &address),
            "event_type": change.name(),
            "data_type": collection.name(),
        });
        let body = self.send(self.request(Method::POST, &[]).json(&wanted)).await?;
        one(&body)
    }

    /// Prolongs a subscription.
    pub async fn renew(&self, id: &str) -> Result<Subscription, SubscriptionFailure> {
        let body = self.send(self.request(Method::PUT, &["renew", id])).await?;
        one(&body)
    }

    /// Ends a subscription; one that is gone already is gone.
    pub async fn delete(&self, id: &str) -> Result<(), SubscriptionFailure> {
        match self.send(self.request(Method::DELETE, &[id])).await {
            Ok(_) | Err(SubscriptionFailure::Unknown) => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let url = url_below(&self.base, &[&["v2", "webhook", "subscription"], path].concat());
        let secret =
            header::HeaderValue::from_str(self.credentials.secret.expose_secret()).map(|mut secret| {
                secret.set_sensitive(true);
                secret
            });
        let secret = secret.expect("BUG: it was one when this was made");
        self.http
            .request(method, url)
            .header("x-client-id", &self.credentials.id)
            .header("x-client-secret", secret)
    }

    async fn send(&self, request: RequestBuilder) -> Result<Vec<u8>, SubscriptionFailure> {
        let mut response = request.send().await?;
        let status = response.status();
        let pause = retry_after(response.headers());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > MAX_BODY {
                return Err(SubscriptionFailure::Malformed("it is too large"));
            }
            body.extend_from_slice(&chunk);
        }
        match status {
            status if status.is_success() => Ok(body),
            StatusCode::UNAUTHORIZED => Err(SubscriptionFailure::Credentials),
            StatusCode::FORBIDDEN => Err(SubscriptionFailure::Unknown),
            StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => {
                Err(SubscriptionFailure::Refused(status))
            }
            StatusCode::TOO_MANY_REQUESTS => Err(SubscriptionFailure::RateLimited(pause)),
            status => Err(SubscriptionFailure::Status(status)),
        }
    }
}

fn one(body: &[u8]) -> Result<Subscription, SubscriptionFailure> {
    let wire: Result<Wire, _> = serde_json::from_slice(body);
    wire.map(Subscription::from).map_err(|_| SubscriptionFailure::Malformed("no subscription"))
}
