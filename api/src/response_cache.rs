//! Responses kept in memory, of routes whose policy is [`Caching::UntilChange`]. The key of a response is everything it can
//! depend on: the caller's rights, the person with the count of what is stored about them, their day, and the request.
//! Concurrent requests for the same response compute it once. For clients that accept gzip the compressed bytes are
//! kept as well, from the first such request on.
//!
//! A count is at most a second old, so what another process writes shows within a second; what this process writes shows
//! at once. Reasons for absent values can be up to [`TTL`] old: they change without a document.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Extension;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State as With};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use domain::Day;
use moka::Expiry;
use moka::future::Cache;
use serde::Deserialize;
use store::Person;

use crate::access::{Access, Granted};
use crate::blocking;
use crate::error::Error;
use crate::guards::metrics::Lookup;
use crate::guards::{conditional, gzip};
use crate::policy::{Caching, Policy};
use crate::state::State;

/// How long a response is kept at most.
const TTL: Duration = Duration::from_mins(1);

/// How long the count of a person's changes is used without reading it again.
const REVISION_TTL: Duration = Duration::from_secs(1);

/// Longest response of a cached route.
const MAX_RESPONSE: usize = 32 << 20;

/// What a response weighs in addition to its bytes.
const OVERHEAD: usize = 512;

/// Most people whose counts are kept.
const MAX_REVISIONS: u64 = 10_000;

/// The cache of one service; clones share it.
#[derive(Clone)]
pub(crate) struct ResponseCache {
    state: Arc<State>,
    answers: Cache<CacheKey, Arc<CachedResponse>>,
    people: Cache<Named, Option<(Person, i64)>>,
}

/// Everything a response depends on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct CacheKey {
    rights: Arc<str>,
    person: i64,
    changes: i64,
    today: Day,
    /// Path and query as they came.
    asked: String,
    accept: Option<HeaderValue>,
    /// Whether the response is compressed.
    gzip: bool,
}

/// How a request names its person.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Named {
    /// `None`: the only one whom the caller may access.
    name: Option<String>,
    rights: Arc<str>,
    /// What this process wrote since is seen at once.
    changes_here: u64,
}

/// A whole response.
#[derive(Debug)]
struct CachedResponse {
    made: Instant,
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    /// The failure to log.
    error: Option<Arc<Error>>,
}

/// The age of a compressed response counts from when the plain one was made.
struct CacheExpiry;

impl Expiry<CacheKey, Arc<CachedResponse>> for CacheExpiry {
    fn expire_after_create(
        &self,
        _: &CacheKey,
        kept: &Arc<CachedResponse>,
        now: Instant,
    ) -> Option<Duration> {
        Some(TTL.saturating_sub(now.saturating_duration_since(kept.made)))
    }
}

#[derive(Deserialize)]
struct Subject {
    person: Option<String>,
}

impl ResponseCache {
    /// A cache of the size that the guards of this service are configured for.
    pub(crate) fn new(state: Arc<State>) -> Self {
        let weight = |question: &CacheKey, kept: &Arc<CachedResponse>| {
            let bytes = OVERHEAD + question.asked.len() + question.rights.len() + kept.body.len();
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        let bytes = state.guards.cache_bytes;
        Self {
            state,
            answers: Cache::builder().weigher(weight).max_capacity(bytes).expire_after(CacheExpiry).build(),
            people: Cache::builder().max_capacity(MAX_REVISIONS).time_to_live(REVISION_TTL).build(),
        }
    }

    /// The person a request is about and the count of their changes; `None` where the handler will refuse.
    async fn person(&self, access: &Access, name: Option<String>) -> Option<(Person, i64)> {
        let state = &self.state;
        let (rights, changes_here) = (access.cache_key().clone(), state.primary.change_count());
        let named = Named { name, rights, changes_here };
        if let Some(known) = self.people.get(&named).await {
            return known;
        }
        let name = if let Some(name) = &named.name {
            name.clone()
        } else {
            let people = access.people(&state.store).await.ok()?;
            let [only] = people.as_slice() else { return None };
            only.name.to_string()
        };
        let found = state.store.person_at(&name).await.ok()?.filter(|(person, _)| access.sees(person));
        self.people.insert(named, found.clone()).await;
        found
    }

    /// The key of the response to a request; `None` where the handler will refuse.
    async fn key(&self, request: CacheRequest) -> Option<CacheKey> {
        let CacheRequest { granted, subject, asked, accept } = request;
        let access = granted.access();
        let (person, changes) = self.person(access, subject.person).await?;
        let (rights, today) = (access.cache_key().clone(), self.state.today(&person).ok()?);
        Some(CacheKey { rights, person: person.id, changes, today, asked, accept, gzip: false })
    }
}

/// Responds from the cache, or keeps the handler's response. Refusals and failures reach all requests that wait for them,
/// and are not kept.
pub(crate) async fn serve_cached(
    With(cache): With<ResponseCache>,
    Extension(policy): Extension<Policy>,
    request: Request,
    next: Next,
) -> Response {
    if policy.caching == Caching::Off || cache.state.guards.cache_bytes == 0 {
        return next.run(request).await;
    }
    let Some(asked) = CacheRequest::of(&request) else { return next.run(request).await };
    let Some(key) = cache.key(asked).await else { return next.run(request).await };
    let metrics = &cache.state.guards.metrics;
    let compressed = gzip::accepted(request.headers()).then(|| CacheKey { gzip: true, ..key.clone() });
    if let Some(compressed) = &compressed
        && let Some(kept) = cache.answers.get(compressed).await
    {
        metrics.lookup(Lookup::Hit);
        return kept.response();
    }
    let mut kept = if let Some(kept) = cache.answers.get(&key).await {
        metrics.lookup(Lookup::Hit);
        kept
    } else {
        metrics.lookup(Lookup::Miss);
        let made = cache.answers.try_get_with(key, async {
            let kept = Arc::new(CachedResponse::of(next.run(request).await).await);
            if kept.status == StatusCode::OK { Ok(kept) } else { Err(kept) }
        });
        made.await.unwrap_or_else(|refused| Arc::clone(&refused))
    };
    if let Some(compressed) = compressed.filter(|_| kept.is_long()) {
        let plain = kept.clone();
        let made = cache.answers.try_get_with(compressed, async { plain.compressed().await.map(Arc::new) });
        // Where compressing fails, the plain response is sent.
        kept = made.await.unwrap_or(kept);
    }
    // Counts include what was just inserted.
    cache.answers.run_pending_tasks().await;
    metrics.kept(cache.answers.entry_count(), cache.answers.weighted_size());
    kept.response()
}

/// What a response depends on that is in the request.
struct CacheRequest {
    granted: Granted,
    subject: Subject,
    /// Path and query as they came.
    asked: String,
    accept: Option<HeaderValue>,
}

impl CacheRequest {
    fn of(request: &Request) -> Option<Self> {
        if request.method() != Method::GET {
            return None;
        }
        let granted = request.extensions().get::<Granted>().cloned()?;
        let asked = request.uri().path_and_query()?.as_str().to_owned();
        let subject = axum::extract::Query::try_from_uri(request.uri()).ok()?.0;
        Some(Self { granted, subject, asked, accept: request.headers().get(header::ACCEPT).cloned() })
    }
}

impl CachedResponse {
    async fn of(response: Response) -> Self {
        let made = Instant::now();
        let error = response.extensions().get::<Arc<Error>>().cloned();
        let (mut parts, body) = response.into_parts();
        let Ok(body) = to_bytes(body, MAX_RESPONSE).await else {
            let failed = Error::Gone.into_response();
            let error = failed.extensions().get().cloned();
            return Self {
                made,
                status: failed.status(),
                headers: failed.headers().clone(),
                body: Bytes::new(),
                error,
            };
        };
        if parts.status == StatusCode::OK {
            parts.headers.insert(header::ETAG, conditional::tag(&body));
        }
        Self { made, status: parts.status, headers: parts.headers, body, error }
    }

    /// Whether it is worth compressing.
    fn is_long(&self) -> bool {
        self.status == StatusCode::OK && self.body.len() > usize::from(gzip::MIN_COMPRESSED)
    }

    /// The same answer, compressed.
    async fn compressed(&self) -> Result<Self, Error> {
        let plain = self.body.clone();
        let body = blocking::run_blocking(move || gzip::member(&plain)).await?;
        let mut headers = self.headers.clone();
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
        Ok(Self { made: self.made, status: self.status, headers, body, error: None })
    }

    fn response(&self) -> Response {
        let mut response = Response::new(Body::from(self.body.clone()));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers.clone();
        if let Some(error) = &self.error {
            response.extensions_mut().insert(error.clone());
        }
        response
    }
}

#[cfg(test)]
mod tests;
