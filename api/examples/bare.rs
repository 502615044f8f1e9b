//! An axum handler that returns the bytes of a file and does nothing else: what `cargo xtask bench api` holds the API
//! against. `bare FILE ADDRESS`.

#![expect(clippy::unwrap_used, reason = "what cannot start is not measured")]

use axum::Router;
use axum::http::header;
use axum::routing::get;
use bytes::Bytes;

#[tokio::main]
async fn main() {
    let mut words = std::env::args().skip(1);
    let body = Bytes::from(std::fs::read(words.next().unwrap()).unwrap());
    let listener = tokio::net::TcpListener::bind(words.next().unwrap()).await.unwrap();
    let answer = move || async move { ([(header::CONTENT_TYPE, "application/json")], body.clone()) };
    axum::serve(listener, Router::new().route("/", get(answer))).await.unwrap();
}
