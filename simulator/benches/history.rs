//! How fast a whole history is served: `cargo bench -p simulator`.
//!
//! Six years of every collection through the router, page by page, in one thread, as a first sync reads it.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::sync::Arc;
use std::time::Instant;

use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use jiff::Timestamp;
use jiff::civil::date;
use serde_json::Value;
use simulator::{COLLECTIONS, Cloud, Life, Person};
use tower::ServiceExt;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let now: Timestamp = "2026-11-21T12:00:00Z".parse().expect("BUG: a timestamp");
    let person = Person::new(Life::new(1, date(2020, 11, 22)));
    let cloud = Arc::new(Cloud::new(move || now).with_person("token", person, &["daily", "heartrate"]));
    for collection in COLLECTIONS {
        let range = match collection.name {
            "heartrate" => "start_datetime=2020-11-20T00:00:00Z&end_datetime=2026-11-22T00:00:00Z",
            _ => "start_date=2020-11-20&end_date=2026-11-22",
        };
        let (mut query, mut documents, mut bytes) = (range.to_owned(), 0, 0);
        let start = Instant::now();
        loop {
            let uri = format!("/v2/usercollection/{}?{query}", collection.name);
            let request = Request::get(uri).header(header::AUTHORIZATION, "Bearer token").body(Body::empty());
            let response =
                cloud.router().oneshot(request.expect("BUG: a request")).await.expect("BUG: infallible");
            let body = to_bytes(response.into_body(), usize::MAX).await.expect("BUG: in memory");
            bytes += body.len();
            let text = std::str::from_utf8(&body).expect("BUG: JSON is UTF-8");
            // Only the tail is parsed, so that the client does not cost more than the server.
            let (data, next) = text.rsplit_once(r#"],"next_token":"#).expect("BUG: an envelope");
            documents += match collection.name {
                "heartrate" => data.matches(r#""bpm":"#).count(),
                _ => data.matches(r#","day":""#).count(),
            };
            match serde_json::from_str(next.trim_end_matches('}')).expect("BUG: a token or null") {
                Value::String(token) => query = format!("next_token={token}"),
                _ => break,
            }
        }
        let seconds = start.elapsed().as_secs_f64();
        let (name, megabytes) = (collection.name, bytes >> 20);
        println!("{name:16} {documents:8} documents {megabytes:5} MiB {seconds:7.3} s");
    }
}
