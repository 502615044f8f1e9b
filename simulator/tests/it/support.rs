//! A cloud with one person, and requests to it in process.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use jiff::civil::{Date, date};
use jiff::{Timestamp, ToSpan};
use serde_json::Value;
use simulator::{Cloud, Life, Person};
use tower::ServiceExt;

pub(crate) const TOKEN: &str = "token-of-one-person";
pub(crate) const FIRST: Date = date(2021, 1, 1);
pub(crate) const DOCUMENTS: [&str; 4] = ["daily_activity", "daily_readiness", "daily_sleep", "sleep"];

/// An answer, read to its end.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    pub(crate) fn data(&self) -> Vec<Value> {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text);
        self.json()["data"].as_array().unwrap().clone()
    }

    /// The `day` of each document.
    pub(crate) fn days(&self) -> Vec<String> {
        self.data().iter().map(|document| document["day"].as_str().unwrap().to_owned()).collect()
    }
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Noon of 2026-11-21 UTC, the present of most tests.
pub(crate) fn now() -> Timestamp {
    at("2026-11-21T12:00:00Z")
}

pub(crate) fn person(seed: u64) -> Person {
    Person::new(Life::new(seed, FIRST))
}

pub(crate) fn cloud() -> Cloud {
    Cloud::new(now).with_person(TOKEN, person(1), simulator::SCOPES)
}

pub(crate) fn days_from(first: Date, n: i64) -> impl Iterator<Item = Date> {
    (0..n).map(move |n| first.checked_add(n.days()).unwrap())
}

/// Sends `request` with a `User-Agent`.
pub(crate) async fn send(router: &Router, mut request: Request<Body>) -> Answer {
    request.headers_mut().insert(header::USER_AGENT, HeaderValue::from_static("tests"));
    send_as_is(router, request).await
}

pub(crate) async fn send_as_is(router: &Router, request: Request<Body>) -> Answer {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    Answer { status: parts.status, headers: parts.headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
}

/// `GET /v2/usercollection/{path}` with the one token.
pub(crate) async fn get(cloud: &Arc<Cloud>, path: &str) -> Answer {
    get_as(cloud, path, Some(TOKEN)).await
}

pub(crate) async fn get_as(cloud: &Arc<Cloud>, path: &str, token: Option<&str>) -> Answer {
    let mut request = Request::get(format!("/v2/usercollection/{path}"));
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    send(&cloud.router(), request.body(Body::empty()).unwrap()).await
}
