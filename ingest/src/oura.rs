//! Oura's API as a client sees it: one window of one collection, read to its last page.
//!
//! Documents stay raw JSON; only the envelope is read here.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use domain::{Collection, Day, DayRange, Document, Rejected, collection};
use reqwest::{StatusCode, Url, header};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::metrics::Metrics;

mod failure;

use failure::MAX_PAUSE;

pub use failure::Failure;

/// Days asked for around those that are kept. Oura's filters read a bare date as midnight UTC and compare it with
/// instants that may lie in any offset, so its own answer to "these days" can miss the first or the last; asking wider
/// and keeping by `day` is right under every reading.
const PADDING: i64 = 2;

/// The largest answer read, far above any page seen; protects the memory from a broken peer.
const MAX_BODY: usize = 64 * 1024 * 1024;

/// The most pages of one window: a token that never ends is a fault, not a long answer.
const MAX_PAGES: usize = 1_000;

/// Asks Oura.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    token: SecretString,
    metrics: Metrics,
    retries: ExponentialBuilder,
}

/// What one window of one collection held.
#[derive(Debug, Default)]
pub struct Window {
    /// What parsed and belongs to the days asked for.
    pub documents: Vec<Document>,
    /// What did not parse, whatever day it claims.
    pub rejected: Vec<Rejected>,
}

/// The client would send the token where it must not go, or nowhere.
#[derive(Debug, thiserror::Error)]
pub enum InvalidClient {
    /// No http(s) URL.
    #[error("{0:?} is not an http(s) address")]
    Malformed(String),
    /// Plain http to another machine shows the token to the network.
    #[error("{0} would send the token unencrypted; use https (plain http is for this machine only)")]
    Unencrypted(Url),
    /// A header cannot carry the token.
    #[error("the token has characters that no HTTP header may carry; it must be one line of plain text")]
    Token,
    /// The HTTP client cannot be set up.
    #[error("cannot set up the HTTP client: {0}")]
    Client(#[from] reqwest::Error),
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
    #[serde(default)]
    next_token: Option<String>,
}

impl Client {
    /// A client of the API at `base` (`https://api.ouraring.com`). A TLS provider must be installed in the process.
    pub fn new(base: &str, token: SecretString, metrics: Metrics) -> Result<Self, InvalidClient> {
        let base: Url = base.parse().map_err(|_| InvalidClient::Malformed(base.to_owned()))?;
        let local = matches!(base.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        match base.scheme() {
            "https" => {}
            "http" if local => {}
            "http" => return Err(InvalidClient::Unencrypted(base)),
            _ => return Err(InvalidClient::Malformed(base.to_string())),
        }
        if header::HeaderValue::from_str(token.expose_secret()).is_err() {
            return Err(InvalidClient::Token);
        }
        let http = reqwest::Client::builder()
            .user_agent(concat!("myhealth/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(10))
            .timeout(Duration::from_mins(1))
            // A redirect is nothing this API does; following one could carry the token elsewhere.
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let retries = ExponentialBuilder::default()
            .with_jitter()
            .with_min_delay(Duration::from_millis(500))
            .with_max_delay(Duration::from_secs(30))
            .with_max_times(4);
        Ok(Self { http, base, token, metrics, retries })
    }

    /// The counters this client counts in.
    pub fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }

    /// The same client with other pauses between attempts.
    #[must_use]
    pub fn with_retries(mut self, retries: ExponentialBuilder) -> Self {
        self.retries = retries;
        self
    }

    /// Reads every document of `collection` whose day lies in `range`, to the last page.
    #[tracing::instrument(name = "oura.window", skip_all, fields(%collection, first = %range.first(), last = %range.last()))]
    pub async fn window(&self, collection: Collection, range: DayRange) -> Result<Window, Failure> {
        let mut query = bounds(collection, range);
        let mut window = Window::default();
        let mut rows = Vec::new();
        for _ in 0..MAX_PAGES {
            let body = self.page(collection, &query).await?;
            let page: Page<'_> = parse(&body)?;
            match collection.window() {
                collection::Window::Days => {
                    for raw in page.data {
                        window.keep(Document::parse(collection, raw.get()));
                    }
                }
                // Rows of one day may stand on two pages, so they are gathered at the end.
                collection::Window::Instants => {
                    rows.extend(page.data.into_iter().map(|raw| raw.get().to_owned()));
                }
            }
            let Some(token) = page.next_token else {
                if collection.window() == collection::Window::Instants {
                    let gathered = Document::gather(collection, rows.iter().map(String::as_str));
                    (window.documents, window.rejected) = gathered;
                }
                window.documents.retain(|document| range.contains(document.day));
                return Ok(window);
            };
            match query.last_mut() {
                Some((name, value)) if *name == "next_token" => {
                    if *value == token {
                        return Err(Failure::Malformed("the same next_token came twice".into()));
                    }
                    *value = token;
                }
                _ => query.push(("next_token", token)),
            }
        }
        Err(Failure::Malformed(format!("more than {MAX_PAGES} pages")))
    }

    /// One page, tried again while the failure may pass. The answer is known to be an envelope.
    async fn page(
        &self,
        collection: Collection,
        query: &[(&'static str, String)],
    ) -> Result<Vec<u8>, Failure> {
        (|| self.attempt(collection, query))
            .retry(self.retries)
            .when(|failure| failure.is_transient() && failure.pause().is_none_or(|pause| pause <= MAX_PAUSE))
            .adjust(|failure, planned| planned.map(|planned| failure.pause().map_or(planned, |p| p.max(planned))))
            .notify(|failure, pause| {
                tracing::debug!(%collection, kind = failure.kind(), pause_seconds = pause.as_secs_f64(), "trying Oura again");
            })
            .await
    }

    async fn attempt(
        &self,
        collection: Collection,
        query: &[(&'static str, String)],
    ) -> Result<Vec<u8>, Failure> {
        let answer = self.get(collection, query).await;
        match &answer {
            Ok(body) => self.metrics.count_answer(collection, body.len()),
            Err(failure) => self.metrics.count_failure(collection, failure),
        }
        answer
    }

    async fn get(
        &self,
        collection: Collection,
        query: &[(&'static str, String)],
    ) -> Result<Vec<u8>, Failure> {
        let mut url = self.base.clone();
        url.set_path(&format!(
            "{}/v2/usercollection/{}",
            self.base.path().trim_end_matches('/'),
            collection.path()
        ));
        let request = self.http.get(url).query(query).bearer_auth(self.token.expose_secret());
        let mut response = request.send().await?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > MAX_BODY {
                return Err(Failure::Malformed(format!("an answer of more than {MAX_BODY} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        if response.status() != StatusCode::OK {
            let retry_after =
                response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
            return Err(Failure::of(response.status(), retry_after, &body));
        }
        // Half a page is found here, where it can be asked for again.
        parse(&body)?;
        Ok(body)
    }
}

fn parse(body: &[u8]) -> Result<Page<'_>, Failure> {
    serde_json::from_slice(body).map_err(|error| {
        Failure::Malformed(format!("no page of documents (line {}, column {})", error.line(), error.column()))
    })
}

/// One answer of the API as a window of its own: the way from bytes to documents without a connection.
pub fn page(collection: Collection, body: &[u8]) -> Result<Window, Failure> {
    let bodies = parse(body)?.data.into_iter().map(RawValue::get);
    let mut window = Window::default();
    match collection.window() {
        collection::Window::Days => bodies.for_each(|body| window.keep(Document::parse(collection, body))),
        collection::Window::Instants => {
            (window.documents, window.rejected) = Document::gather(collection, bodies);
        }
    }
    Ok(window)
}

impl Window {
    fn keep(&mut self, parsed: Result<Document, Rejected>) {
        match parsed {
            Ok(document) => self.documents.push(document),
            Err(rejected) => self.rejected.push(rejected),
        }
    }
}

/// The query for a window, wider than the days wanted.
fn bounds(collection: Collection, range: DayRange) -> Vec<(&'static str, String)> {
    match collection.window() {
        collection::Window::Days => {
            let wide = range.padded(PADDING);
            vec![("start_date", wide.first().to_string()), ("end_date", wide.last().to_string())]
        }
        collection::Window::Instants => {
            // Written with Z: the + of an offset would have to be escaped, and not every peer unescapes it.
            let midnight = |day: Day| format!("{day}T00:00:00Z");
            let minute_before = format!("{}T23:59:00Z", range.first().plus(-1));
            vec![("start_datetime", minute_before), ("end_datetime", midnight(range.last().plus(1)))]
        }
    }
}
