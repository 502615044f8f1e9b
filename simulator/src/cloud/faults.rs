//! What goes wrong, on request.
//!
//! What belongs here: answers Oura gives on bad days. Every fault is data; which request meets it is a queue per path
//! prefix, or a standing order until cleared.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Arc, Mutex};

use axum::body::{Body, to_bytes};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};
use tokio::sync::Notify;

use super::page::EMPTY;
use super::problem::{locked, problem};

/// One way to go wrong.
#[derive(Clone, Debug)]
pub enum Fault {
    /// 429 with the rate-limit headers.
    TooManyRequests {
        /// `Retry-After`, seconds.
        retry_after: u64,
    },
    /// This status with an HTML body, as a gateway sends it: 500, 502, 503.
    Status(u16),
    /// The right answer, ended in the middle.
    CutBody,
    /// 200 and no JSON.
    Garbage,
    /// The right answer, but the documents of one day have the wrong shape.
    WrongShape(Date, Wrong),
    /// The right answer without the documents of one day, as after they were deleted in the app.
    Lacks(Date),
    /// 200 and no documents, whatever was asked.
    Empty,
    /// The right answer, once the notification comes. Notify with `notify_one`, which also counts in advance.
    Hold(Arc<Notify>),
    /// The right answer, made at once and sent once the notification comes: a refresh token is spent even when the client
    /// has disconnected by then.
    HoldAnswer(Arc<Notify>),
    /// 403: the membership has ended.
    Lapsed,
    /// 401: the token is no longer good.
    Revoked,
}

/// How a document is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// This field is a string where a number should be (`"score"`), or whatever else it was.
    Text(&'static str),
    /// This field is missing (`"day"`).
    Missing(&'static str),
}

/// The faults in force. A request meets the first queued fault whose prefix its path begins with; when none is queued,
/// the first standing one.
#[derive(Debug, Default)]
pub struct Faults {
    queued: Mutex<VecDeque<(String, Fault)>>,
    standing: Mutex<Vec<(String, Fault)>>,
}

impl Faults {
    /// The next `times` requests below `prefix` meet `fault`, after those already queued.
    pub fn next(&self, prefix: &str, times: usize, fault: &Fault) {
        locked(&self.queued).extend(std::iter::repeat_n((prefix.to_owned(), fault.clone()), times));
    }

    /// Every request below `prefix` meets `fault` until [`Faults::clear`].
    pub fn always(&self, prefix: &str, fault: Fault) {
        locked(&self.standing).push((prefix.to_owned(), fault));
    }

    /// Everything works again.
    pub fn clear(&self) {
        locked(&self.queued).clear();
        locked(&self.standing).clear();
    }

    /// The fault the next request to `path` meets.
    pub(super) fn take(&self, path: &str) -> Option<Fault> {
        let mut queued = locked(&self.queued);
        let first = queued.iter().position(|(prefix, _)| path.starts_with(prefix));
        if let Some((_, fault)) = first.and_then(|at| queued.remove(at)) {
            return Some(fault);
        }
        let standing = locked(&self.standing);
        standing.iter().find(|(prefix, _)| path.starts_with(prefix)).map(|(_, fault)| fault.clone())
    }
}

impl Fault {
    /// The answer to a request that would otherwise be `answer`.
    pub(super) async fn disturb(self, now: Timestamp, answer: impl Future<Output = Response>) -> Response {
        match self {
            Self::TooManyRequests { retry_after } => too_many(retry_after, now),
            Self::Status(status) => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                (status, "<html><body>simulated outage</body></html>").into_response()
            }
            Self::CutBody => cut(answer.await).await,
            Self::Garbage => "?{]".into_response(),
            Self::WrongShape(day, wrong) => misshape(answer.await, day, wrong).await,
            Self::Lacks(day) => edit(answer.await, day, |_| None).await,
            Self::Empty => {
                let mut empty = Response::new(Body::from(EMPTY));
                let json = HeaderValue::from_static("application/json");
                empty.headers_mut().insert(CONTENT_TYPE, json);
                empty
            }
            Self::Hold(release) => {
                release.notified().await;
                answer.await
            }
            Self::HoldAnswer(release) => {
                let answer = answer.await;
                release.notified().await;
                answer
            }
            Self::Lapsed => problem(StatusCode::FORBIDDEN, "The membership has ended.").into_response(),
            Self::Revoked => {
                problem(StatusCode::UNAUTHORIZED, "The token is unknown, expired or revoked.").into_response()
            }
        }
    }
}

/// 429; these headers come with no other status.
fn too_many(retry_after: u64, now: Timestamp) -> Response {
    let reset = now.as_second().saturating_add_unsigned(retry_after);
    let mut headers = HeaderMap::new();
    headers.insert(RETRY_AFTER, retry_after.into());
    headers.insert(HeaderName::from_static("x-ratelimit-limit"), 5_000.into());
    headers.insert(HeaderName::from_static("x-ratelimit-window"), 300.into());
    headers.insert(HeaderName::from_static("x-ratelimit-reset"), reset.into());
    headers.insert(HeaderName::from_static("x-ratelimit-tier"), HeaderValue::from_static("token"));
    (headers, problem(StatusCode::TOO_MANY_REQUESTS, "Too many requests.")).into_response()
}

/// Half of the body, with a length that fits the half: a reader sees JSON that stops.
async fn cut(answer: Response) -> Response {
    let (mut parts, bytes) = read(answer).await;
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(bytes[..bytes.len() / 2].to_vec()))
}

/// A page whose documents keep their bytes.
#[derive(Deserialize, Serialize)]
struct Page {
    data: Vec<Box<RawValue>>,
    next_token: Option<String>,
}

/// The same answer with one day's documents malformed.
async fn misshape(answer: Response, day: Date, wrong: Wrong) -> Response {
    let misshapen = |mut document: Map<String, Value>| {
        match wrong {
            Wrong::Text(field) => drop(document.insert(field.to_owned(), json!("not a number"))),
            Wrong::Missing(field) => drop(document.remove(field)),
        }
        Some(document)
    };
    edit(answer, day, misshapen).await
}

/// The same answer with one day's documents changed or left out; the others keep every byte.
async fn edit(
    answer: Response,
    day: Date,
    change: impl Fn(Map<String, Value>) -> Option<Map<String, Value>>,
) -> Response {
    let (mut parts, bytes) = read(answer).await;
    parts.headers.remove(CONTENT_LENGTH);
    let wanted = day.to_string();
    let Ok(mut page) = serde_json::from_slice::<Page>(&bytes) else {
        let single = serde_json::from_slice(&bytes).ok();
        let single =
            single.filter(|document: &Map<String, Value>| document.get("day") == Some(&json!(wanted)));
        let changed = single.and_then(change).map(|document| Value::from(document).to_string().into_bytes());
        return Response::from_parts(parts, Body::from(changed.unwrap_or(bytes)));
    };
    page.data.retain_mut(|raw| {
        let Ok(Value::Object(document)) = serde_json::from_str(raw.get()) else { return true };
        if document.get("day").is_none_or(|day| *day != wanted) {
            return true;
        }
        let Some(changed) = change(document) else { return false };
        *raw = to_raw_value(&changed).expect("BUG: a JSON object is JSON");
        true
    });
    let body = serde_json::to_vec(&page).expect("BUG: raw JSON is JSON");
    Response::from_parts(parts, Body::from(body))
}

/// The whole of an answer.
async fn read(answer: Response) -> (axum::http::response::Parts, Vec<u8>) {
    let (parts, body) = answer.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.expect("BUG: bodies here are strings in memory");
    (parts, bytes.to_vec())
}
