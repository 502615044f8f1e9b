//! Oura's API as a client sees it: one window of one collection, read to its last page.
//!
//! Documents stay raw JSON; only the envelope is read here.

use std::collections::HashSet;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use domain::{Collection, Day, DayRange, Document, Rejected, collection};
use reqwest::{StatusCode, Url, header};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::metrics::Metrics;
use crate::oauth::Tokens;

mod account;
pub(crate) mod failure;
mod limits;
mod single;

use account::AccountCheck;
use failure::{MAX_INLINE_RETRY_AFTER, is_web_page};
use limits::{Limits, Pause};

pub use failure::Failure;
pub use single::DocumentResponse;

/// Days asked for around those that are kept. Oura's filters read a bare date as midnight UTC and compare it with
/// instants that may lie in any offset, so its own answer to "these days" can miss the first or the last; asking wider
/// and keeping by `day` is right under every reading.
const PADDING_DAYS: i64 = 2;

/// The largest answer read, far above any page seen; protects the memory from a broken peer.
const MAX_BODY: usize = 64 * 1024 * 1024;

/// The most pages of one window: paging that never ends is a fault, not a long answer.
const MAX_PAGES: usize = 1_000;

/// The most pages in a row that bring nothing and promise more.
const MAX_EMPTY_PAGES: usize = 10;

/// The most bytes of one window, all its pages together.
const MAX_WINDOW: usize = 256 * 1024 * 1024;

/// How long one answer may take, to its last byte. After so long nothing is tried again in the same run either: one
/// collection that hangs must not hold up a whole run.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(1);

/// Requests a minute unless told otherwise. Oura once named a thousand and now names none.
const DEFAULT_REQUESTS_PER_MINUTE: NonZeroU32 = NonZeroU32::new(600).expect("BUG: not zero");

/// Asks Oura.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    tokens: Tokens,
    metrics: Metrics,
    retries: ExponentialBuilder,
    limits: Arc<Limits>,
    /// The pause Oura asked of this token.
    pause: Arc<Pause>,
    /// Whether this token is the person's.
    account_check: Arc<AccountCheck>,
    timeout: Duration,
}

/// What one window of one collection held.
#[derive(Debug, Default)]
pub struct Window {
    /// What parsed and belongs to the days asked for.
    pub documents: Vec<Document>,
    /// What parsed and lies around them, because the question is wider.
    pub nearby: Vec<Document>,
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
    /// The HTTP client cannot be set up, which only its TLS can fail.
    #[error(
        "cannot set up TLS to Oura; install the system's CA certificates (`ca-certificates` in Debian), or name a bundle in \
         SSL_CERT_FILE"
    )]
    Tls(#[from] reqwest::Error),
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
    pub fn new(base: &str, tokens: Tokens, metrics: Metrics) -> Result<Self, InvalidClient> {
        let base = address(base)?;
        tokens.typed().map_or(Ok(()), fits_a_header)?;
        let http = http_client()?;
        let retries = ExponentialBuilder::default()
            .with_jitter()
            .with_min_delay(Duration::from_millis(500))
            .with_max_delay(Duration::from_secs(30))
            .with_max_times(4);
        metrics.set_budget(DEFAULT_REQUESTS_PER_MINUTE);
        let limits = Arc::new(Limits::new(DEFAULT_REQUESTS_PER_MINUTE));
        let (pause, account_check) = (Arc::default(), Arc::default());
        Ok(Self {
            http,
            base,
            tokens,
            metrics,
            retries,
            limits,
            pause,
            account_check,
            timeout: REQUEST_TIMEOUT,
        })
    }

    /// The counters this client counts in.
    pub fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }

    /// The same client with another budget of requests a minute. Set it before the client is cloned: clones share it.
    #[must_use]
    pub fn with_budget(mut self, requests_per_minute: NonZeroU32) -> Self {
        self.metrics.set_budget(requests_per_minute);
        self.limits = Arc::new(Limits::new(requests_per_minute));
        self
    }

    /// The same client, on the same connections and within the same budget, for another person's data.
    pub fn with_tokens(&self, tokens: Tokens) -> Result<Self, InvalidClient> {
        tokens.typed().map_or(Ok(()), fits_a_header)?;
        Ok(Self { tokens, pause: Arc::default(), account_check: Arc::default(), ..self.clone() })
    }

    /// Where this client's access token comes from.
    pub fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// The same client with other patience: how long one answer may take, to its last byte.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The same client with other pauses between attempts.
    #[must_use]
    pub fn with_retries(mut self, retries: ExponentialBuilder) -> Self {
        self.retries = retries;
        self
    }

    /// Reads every document of `collection` whose day lies in `range`, to the last page. What has no past is filed
    /// under the last day of `range`.
    #[tracing::instrument(name = "oura.window", skip_all, fields(%collection, first = %range.first(), last = %range.last()))]
    pub async fn window(&self, collection: Collection, range: DayRange) -> Result<Window, Failure> {
        let mut query = bounds(collection, range);
        let mut window = Window::default();
        let mut rows = Vec::new();
        let mut seen = HashSet::new();
        let (mut bytes, mut empty) = (0, 0);
        for _ in 0..MAX_PAGES {
            let body = self.page(collection, &query).await?;
            let page = parse(collection, &body)?;
            bytes += body.len();
            if bytes > MAX_WINDOW {
                return Err(Failure::TooLarge(format!("a window of more than {MAX_WINDOW} bytes")));
            }
            empty = if page.data.is_empty() { empty + 1 } else { 0 };
            match collection.window() {
                collection::Window::Days => {
                    for raw in page.data {
                        window.keep(Document::parse(collection, raw.get()));
                    }
                }
                // Rows of one day may stand on two pages, so they are gathered at the end.
                collection::Window::Instants | collection::Window::Whole => {
                    rows.extend(page.data.into_iter().map(|raw| raw.get().to_owned()));
                }
            }
            // No token and an empty one are the end.
            let Some(token) = page.next_token.filter(|token| !token.is_empty()) else {
                let rows = rows.iter().map(String::as_str);
                window.gather(collection, range.last(), rows);
                let documents = std::mem::take(&mut window.documents);
                (window.documents, window.nearby) =
                    documents.into_iter().partition(|document| range.contains(document.day));
                return Ok(window);
            };
            if !seen.insert(token.clone()) {
                return Err(Failure::Malformed("the same next_token came twice".into()));
            }
            if empty > MAX_EMPTY_PAGES {
                return Err(Failure::TooLarge(format!("more than {MAX_EMPTY_PAGES} empty pages in a row")));
            }
            match query.last_mut() {
                Some((name, value)) if *name == "next_token" => *value = token,
                _ => query.push(("next_token", token)),
            }
        }
        Err(Failure::TooLarge(format!("more than {MAX_PAGES} pages")))
    }

    /// One page, tried again while the failure may pass. The answer is known to be an envelope.
    async fn page(
        &self,
        collection: Collection,
        query: &[(&'static str, String)],
    ) -> Result<Vec<u8>, Failure> {
        let began = Instant::now();
        (|| self.attempt(collection, query))
            .retry(self.retries)
            .when(|failure| {
                let may_wait = match failure.retry_after() {
                    Some(pause) => pause <= MAX_INLINE_RETRY_AFTER,
                    None => began.elapsed() < REQUEST_TIMEOUT,
                };
                failure.is_transient() && may_wait
            })
            .adjust(|failure, planned| planned.map(|planned| failure.retry_after().map_or(planned, |p| p.max(planned))))
            .notify(|failure, pause| {
                tracing::debug!(%collection, kind = %failure.cause(), pause_ms = pause.as_millis(), "trying Oura again");
            })
            .await
    }

    async fn attempt(
        &self,
        collection: Collection,
        query: &[(&'static str, String)],
    ) -> Result<Vec<u8>, Failure> {
        self.counted(collection, async {
            let body = self.get(collection, query).await?;
            let bytes = body.len();
            Ok((body, bytes))
        })
        .await
    }

    /// Asks when it is allowed, and counts what came: an answer with its bytes, or a failure.
    async fn counted<T>(
        &self,
        collection: Collection,
        ask: impl Future<Output = Result<(T, usize), Failure>>,
    ) -> Result<T, Failure> {
        self.limits.admit(&self.pause, collection, &self.metrics).await?;
        let answer = ask.await;
        self.limits.record_response(&self.pause, collection, answer.as_ref().map(drop), &self.metrics);
        match &answer {
            Ok((_, bytes)) => self.metrics.count_answer(collection, *bytes),
            Err(failure) => self.metrics.count_failure(collection, failure.cause()),
        }
        answer.map(|(answer, _)| answer)
    }

    async fn get(
        &self,
        collection: Collection,
        query: &[(&'static str, String)],
    ) -> Result<Vec<u8>, Failure> {
        let answer = self.authorized_request(&[collection.path()], query).await?;
        if answer.status != StatusCode::OK {
            return Err(answer.failure());
        }
        // Half a page is found here, where it can be asked for again.
        parse(collection, &answer.body)?;
        Ok(answer.body)
    }

    /// Asks once for what lies below `/v2/usercollection`, with the access token of now. One that is refused is renewed
    /// once; a missing scope is no refusal.
    async fn authorized_request(
        &self,
        path: &[&str],
        query: &[(&'static str, String)],
    ) -> Result<OuraResponse, Failure> {
        let token = self.tokens.access().await?;
        let answer = self.request_with_token(&token, path, query).await?;
        if !answer.refuses_token() {
            return Ok(answer);
        }
        let Some(token) = self.tokens.renew(token).await? else { return Ok(answer) };
        let answer = self.request_with_token(&token, path, query).await?;
        if answer.refuses_token() {
            self.tokens.note_renewed_token_refused(&token);
        }
        Ok(answer)
    }

    async fn request_with_token(
        &self,
        token: &SecretString,
        path: &[&str],
        query: &[(&'static str, String)],
    ) -> Result<OuraResponse, Failure> {
        let url = url_below(&self.base, &[&["v2", "usercollection"], path].concat());
        let request =
            self.http.get(url).query(query).bearer_auth(token.expose_secret()).timeout(self.timeout);
        let mut response = request.send().await?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > MAX_BODY {
                return Err(Failure::TooLarge(format!("an answer of more than {MAX_BODY} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        let answer =
            OuraResponse { status: response.status(), headers: std::mem::take(response.headers_mut()), body };
        if answer.status == StatusCode::OK && is_web_page(&answer.headers, &answer.body) {
            return Err(Failure::Intercepted(answer.status));
        }
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            self.limits.limited(&answer.headers, answer.failure().retry_after(), &self.metrics);
        }
        Ok(answer)
    }
}

/// What Oura answered, whatever that means.
struct OuraResponse {
    status: StatusCode,
    headers: header::HeaderMap,
    body: Vec<u8>,
}

impl OuraResponse {
    /// What it means when it is not what was asked for.
    fn failure(&self) -> Failure {
        Failure::of(self.status, &self.headers, &self.body)
    }

    fn refuses_token(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED && matches!(self.failure(), Failure::Unauthorized)
    }
}

/// An address that secrets may be sent to: https, or http on this machine.
pub(crate) fn address(text: &str) -> Result<Url, InvalidClient> {
    let url: Url = text.parse().map_err(|_| InvalidClient::Malformed(text.to_owned()))?;
    let local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    match url.scheme() {
        "https" => Ok(url),
        "http" if local => Ok(url),
        "http" => Err(InvalidClient::Unencrypted(url)),
        _ => Err(InvalidClient::Malformed(url.to_string())),
    }
}

fn fits_a_header(token: &SecretString) -> Result<(), InvalidClient> {
    let value = header::HeaderValue::from_str(token.expose_secret());
    value.map(drop).map_err(|_| InvalidClient::Token)
}

/// A place below an API's address; segments are escaped.
pub(crate) fn url_below(base: &Url, segments: &[&str]) -> Url {
    let mut url = base.clone();
    let mut path = url.path_segments_mut().expect("BUG: an http address has a path");
    path.pop_if_empty().extend(segments);
    drop(path);
    url
}

/// The one way to talk to Oura: limits on time, no detours.
pub(crate) fn http_client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .user_agent(concat!("myhealth/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_secs(10))
        .timeout(REQUEST_TIMEOUT)
        // A redirect is nothing this API does; following one could carry the token elsewhere.
        .redirect(reqwest::redirect::Policy::none())
        .build()
}

fn parse(collection: Collection, body: &[u8]) -> Result<Page<'_>, Failure> {
    let broken = |error: serde_json::Error| {
        Failure::Malformed(format!("no page of documents (line {}, column {})", error.line(), error.column()))
    };
    if collection.is_single() {
        let object: &RawValue = serde_json::from_slice(body).map_err(broken)?;
        return Ok(Page { data: vec![object], next_token: None });
    }
    serde_json::from_slice(body).map_err(broken)
}

/// One answer of the API as a window of its own, asked for on `today`: the way from bytes to documents without a
/// connection.
pub fn page(collection: Collection, today: Day, body: &[u8]) -> Result<Window, Failure> {
    let bodies = parse(collection, body)?.data.into_iter().map(RawValue::get);
    let mut window = Window::default();
    match collection.window() {
        collection::Window::Days => bodies.for_each(|body| window.keep(Document::parse(collection, body))),
        _ => window.gather(collection, today, bodies),
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

    /// Makes documents of rows that belong together, where a collection has such.
    fn gather<'a>(&mut self, collection: Collection, today: Day, rows: impl Iterator<Item = &'a str>) {
        match collection.window() {
            collection::Window::Days => {}
            collection::Window::Instants => {
                (self.documents, self.rejected) = Document::group_rows(collection, rows);
            }
            collection::Window::Whole => {
                let (document, rejected) = Document::observe(collection, today, rows);
                (self.documents, self.rejected) = (document.into_iter().collect(), rejected);
            }
        }
    }
}

/// The query for a window, wider than the days wanted.
fn bounds(collection: Collection, range: DayRange) -> Vec<(&'static str, String)> {
    match collection.window() {
        collection::Window::Days => {
            let wide = range.padded(PADDING_DAYS);
            vec![("start_date", wide.first().to_string()), ("end_date", wide.last().to_string())]
        }
        collection::Window::Instants => {
            // Written with Z: the + of an offset would have to be escaped, and not every peer unescapes it.
            let midnight = |day: Day| format!("{day}T00:00:00Z");
            let minute_before = format!("{}T23:59:00Z", range.first().plus(-1));
            vec![("start_datetime", minute_before), ("end_datetime", midnight(range.last().plus(1)))]
        }
        collection::Window::Whole => Vec::new(),
    }
}
