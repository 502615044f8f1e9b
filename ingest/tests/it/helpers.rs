//! A server with scripted responses, and a client that does not wait.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::IntoResponse;

use domain::{Day, DayRange};
use ingest::{Client, Metrics};
use tokio::net::TcpListener;

/// One scripted answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
    pub(crate) retry_after: Option<&'static str>,
}

pub(crate) fn answer(status: u16, body: &str) -> Answer {
    Answer { status, body: body.to_owned(), retry_after: None }
}

/// A page of documents.
pub(crate) fn page(documents: &[&str], next: Option<&str>) -> Answer {
    let next = next.map_or("null".to_owned(), |token| format!("{token:?}"));
    answer(200, &format!(r#"{{"data":[{}],"next_token":{next}}}"#, documents.join(",")))
}

/// A request: path with query, and the Authorization header.
pub(crate) type Asked = (String, String);

/// Responses in order; the last one is repeated.
#[derive(Clone, Default)]
pub(crate) struct Script {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Script {
    /// Starts a server with these answers and a client that asks it.
    pub(crate) async fn start(answers: impl IntoIterator<Item = Answer>) -> (Self, Client) {
        let script = Self::default();
        script.answers.lock().unwrap().extend(answers);
        let router = Router::new().fallback(say).with_state(script.clone());
        let base = serve(router).await;
        (script, client(&base, "secret-token"))
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

async fn say(State(script): State<Script>, uri: Uri, headers: HeaderMap) -> impl IntoResponse {
    let credential = headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
    script.asked.lock().unwrap().push((uri.to_string(), credential.unwrap_or_default()));
    let mut answers = script.answers.lock().unwrap();
    let answer = if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() };
    let mut headers = HeaderMap::new();
    if let Some(pause) = answer.retry_after {
        headers.insert(header::RETRY_AFTER, pause.parse().unwrap());
    }
    (StatusCode::from_u16(answer.status).unwrap(), headers, answer.body)
}

/// Serves a router on a port of its own and returns its address.
pub(crate) async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

pub(crate) fn client(base: &str, token: &str) -> Client {
    client_with(base, token, Metrics::register(&mut prometheus_client::registry::Registry::default()))
}

pub(crate) fn client_with(base: &str, token: &str, metrics: Metrics) -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::new(base, token.to_owned().into(), metrics).unwrap();
    client.with_retries(instantly()).with_budget(NonZeroU32::MAX)
}

pub(crate) fn day(text: &str) -> Day {
    text.parse().unwrap()
}

pub(crate) fn range(first: &str, last: &str) -> DayRange {
    DayRange::new(day(first), day(last)).unwrap()
}

/// As many attempts as the product makes, without its pauses.
pub(crate) fn instantly() -> backon::ExponentialBuilder {
    backon::ExponentialBuilder::default().with_min_delay(Duration::ZERO).with_max_times(4)
}
