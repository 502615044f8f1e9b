//! A client of Oura's API: requests with an access token that is renewed when it has to be, within all limits, counted.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use backon::ExponentialBuilder;
use domain::Collection;
use reqwest::{StatusCode, Url, header};
use secrecy::{ExposeSecret, SecretString};

use super::account::AccountCheck;
use super::limits::{Limits, Pause};
use crate::failure::Failure;
use crate::http::{
    InvalidClient, REQUEST_TIMEOUT, address, fits_a_header, http_client, is_web_page, url_below,
};
use crate::metrics::Metrics;
use crate::oauth::Tokens;

/// The largest answer read, far above any page seen; protects the memory from a broken peer.
const MAX_BODY: usize = 64 * 1024 * 1024;

/// Requests a minute unless configured otherwise. Oura once named a thousand and now names none.
const DEFAULT_REQUESTS_PER_MINUTE: NonZeroU32 = NonZeroU32::new(600).expect("BUG: not zero");

/// A client of Oura's API for one person. Clones share limits and connections.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    pub(super) tokens: Tokens,
    metrics: Metrics,
    pub(super) retries: ExponentialBuilder,
    limits: Arc<Limits>,
    /// The pause Oura asked of this token.
    pause: Arc<Pause>,
    /// Whether this token is the person's.
    pub(super) account_check: Arc<AccountCheck>,
    timeout: Duration,
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

    /// The same client with another timeout of one response, to its last byte.
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

    /// Asks when it is allowed, and counts what came: an answer with its bytes, or a failure.
    pub(super) async fn counted<T>(
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

    /// Asks once for what lies below `/v2/usercollection`, with the access token of now. One that is refused is renewed
    /// once; a missing scope is no refusal.
    pub(super) async fn authorized_request(
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

/// A response with any status.
pub(super) struct OuraResponse {
    pub(super) status: StatusCode,
    headers: header::HeaderMap,
    pub(super) body: Vec<u8>,
}

impl OuraResponse {
    /// Why a response with this status is a failure.
    pub(super) fn failure(&self) -> Failure {
        Failure::of(self.status, &self.headers, &self.body)
    }

    fn refuses_token(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED && matches!(self.failure(), Failure::Unauthorized)
    }
}
