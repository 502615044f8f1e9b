//! A cloud that is never the bottleneck: what it answered once it answers again from memory, byte for byte. For
//! `cargo xtask bench`; takes the first day of the life, prints its address, and serves until it is killed.
//!
//! Its heart rate is a row every five minutes, so that the number of points is known beforehand. `/recorded` lists what
//! was asked so far.

#![expect(clippy::print_stdout, reason = "the address is printed for the parent process")]

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Query, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use jiff::Timestamp;
use simulator::{Cloud, Life, Person, SCOPES};

/// Rows of a page, as measured on the real API.
const PAGE: i64 = 1_000;

/// Seconds between two rows.
const STEP: i64 = 300;

#[derive(Default)]
struct Memory {
    answers: Mutex<HashMap<String, Bytes>>,
}

/// What bounds the heart rate.
#[derive(Clone, Copy)]
struct Lifetime {
    first: i64,
    now: i64,
}

#[tokio::main]
async fn main() {
    let first = std::env::args().nth(1).and_then(|day| day.parse::<jiff::civil::Date>().ok());
    let first = first.expect("usage: recorded YYYY-MM-DD");
    #[expect(
        clippy::disallowed_methods,
        reason = "a cloud of the present, that a client of the present will ask"
    )]
    let now = Timestamp::now();
    let cloud = Cloud::new(move || now).with_person("bench", Person::new(Life::new(1, first)), SCOPES);
    let midnight = first.to_zoned(jiff::tz::TimeZone::UTC).expect("BUG: UTC has every midnight").timestamp();
    let lifetime = Lifetime { first: midnight.as_second(), now: now.as_second() };
    let memory = Arc::new(Memory::default());
    let heart_rate =
        Router::new().route("/v2/usercollection/heartrate", get(heart_rate)).with_state(lifetime);
    let recorded = Router::new().route("/recorded", get(recorded)).with_state(Arc::clone(&memory));
    let router = heart_rate
        .fallback_service(Arc::new(cloud).router())
        .layer(from_fn_with_state(memory, remember))
        .merge(recorded);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    println!("http://{}", listener.local_addr().expect("BUG: it is bound"));
    axum::serve(listener, router).await.expect("BUG: serving never ends");
}

async fn remember(State(memory): State<Arc<Memory>>, request: Request, next: Next) -> Response {
    let uri = request.uri().to_string();
    let known = memory.answers.lock().unwrap_or_else(PoisonError::into_inner).get(&uri).cloned();
    let body = if let Some(body) = known {
        body
    } else {
        let response = next.run(request).await;
        if response.status() != StatusCode::OK {
            return response;
        }
        let body = to_bytes(response.into_body(), usize::MAX).await.expect("BUG: an answer in memory");
        memory.answers.lock().unwrap_or_else(PoisonError::into_inner).insert(uri, body.clone());
        body
    };
    ([(header::CONTENT_TYPE, "application/json")], Body::from(body)).into_response()
}

async fn recorded(State(memory): State<Arc<Memory>>) -> String {
    let answers = memory.answers.lock().unwrap_or_else(PoisonError::into_inner);
    answers.keys().collect::<BTreeSet<_>>().into_iter().fold(String::new(), |list, uri| list + uri + "\n")
}

async fn heart_rate(State(life): State<Lifetime>, Query(query): Query<HashMap<String, String>>) -> String {
    let bound = |name: &str| query.get(name)?.parse::<Timestamp>().ok().map(Timestamp::as_second);
    let from = query.get("next_token").and_then(|token| token.parse().ok()).or(bound("start_datetime"));
    let from = from.unwrap_or(life.now).max(life.first);
    let to = bound("end_datetime").unwrap_or(life.now).min(life.now);
    let first = (from + STEP - 1) / STEP;
    let rows = (first..=to / STEP).take(usize::try_from(PAGE).unwrap_or(usize::MAX));
    let mut json = String::from("{\"data\":[");
    let mut last = first;
    for row in rows {
        if row > first {
            json.push(',');
        }
        last = row;
        let at = Timestamp::from_second(row * STEP).unwrap_or(Timestamp::MAX);
        let (bpm, source) =
            (48 + row * 7 % 60, ["sleep", "awake", "rest"][usize::try_from(row % 3).unwrap_or(0)]);
        let unix = at.as_millisecond();
        let _ = write!(
            json,
            r#"{{"timestamp":"{at:.3}","timestamp_unix":{unix},"bpm":{bpm},"source":"{source}"}}"#
        );
    }
    let more = (last + 1) * STEP <= to && last > first;
    let token = if more { format!("\"{}\"", (last + 1) * STEP) } else { "null".to_owned() };
    let _ = write!(json, "],\"next_token\":{token}}}");
    json
}
