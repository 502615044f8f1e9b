//! Long answers kept in memory. A route opts in; what is kept is told apart by everything it can depend on: the rights of
//! who asks, the person with the count of what is stored about them, their day, and the question. The same question
//! asked by many at once is answered once. For clients that take gzip the compressed bytes are kept beside, from the first
//! of them on.
//!
//! A count is at most a second old, so what another process writes shows within a second; what this process writes shows
//! at once. Why something is absent may be told up to [`TTL`] late: that changes without a document.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use domain::Day;
use moka::Expiry;
use moka::future::Cache;
use serde::Deserialize;
use store::Person;

use super::metrics::Lookup;
use super::{conditional, gzip};
use crate::access::Access;
use crate::blocking;
use crate::error::Error;
use crate::state::State;

/// How long an answer is kept at most.
const TTL: Duration = Duration::from_mins(1);

/// How long the count of a person's changes is believed.
const REVISION_TTL: Duration = Duration::from_secs(1);

/// Longest answer that a route may make that opts in.
const MAX_RESPONSE: usize = 32 << 20;

/// What an answer weighs besides its bytes.
const OVERHEAD: usize = 512;

/// Most people whose counts are remembered.
const MAX_REVISIONS: u64 = 10_000;

pub(crate) struct ResponseCache {
    answers: Cache<CacheKey, Arc<CachedResponse>>,
    people: Cache<Named, Option<(Person, i64)>>,
}

/// Everything an answer depends on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct CacheKey {
    rights: Arc<str>,
    person: i64,
    changes: i64,
    today: Day,
    /// Path and query as they came.
    asked: String,
    accept: Option<HeaderValue>,
    /// Whether the answer is compressed.
    gzip: bool,
}

/// How a question names its person.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Named {
    /// `None`: the only one whom the asker sees.
    name: Option<String>,
    rights: Arc<str>,
    /// What this process wrote since is seen at once.
    changes_here: u64,
}

/// A whole answer.
#[derive(Debug)]
struct CachedResponse {
    made: Instant,
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    /// What the log says of a failure.
    error: Option<Arc<Error>>,
}

/// Compressed later or not, an answer is as old as what it says.
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
struct OfWhom {
    person: Option<String>,
}

impl ResponseCache {
    pub(crate) fn new(bytes: u64) -> Self {
        let weight = |question: &CacheKey, kept: &Arc<CachedResponse>| {
            let bytes = OVERHEAD + question.asked.len() + question.rights.len() + kept.body.len();
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        Self {
            answers: Cache::builder().weigher(weight).max_capacity(bytes).expire_after(CacheExpiry).build(),
            people: Cache::builder().max_capacity(MAX_REVISIONS).time_to_live(REVISION_TTL).build(),
        }
    }

    /// The person a question is about and the count of their changes; `None` where the handler will refuse.
    async fn person(&self, state: &State, access: &Access, name: Option<String>) -> Option<(Person, i64)> {
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
}

/// Answers from memory, or keeps what the handler answers. Refusals and failures are told to all who wait for them, and
/// not kept.
pub(crate) async fn serve_cached(request: Request, next: Next) -> Response {
    let (Some(state), Some(access)) =
        (request.extensions().get::<Arc<State>>().cloned(), request.extensions().get::<Access>().cloned())
    else {
        return next.run(request).await;
    };
    let Some(asked) = CacheRequest::of(&request) else { return next.run(request).await };
    let Some(question) = asked.by(&state, &access).await else { return next.run(request).await };
    let (memory, metrics) = (&state.guards.0.memory, &state.guards.0.metrics);
    let compressed = gzip::accepted(request.headers()).then(|| CacheKey { gzip: true, ..question.clone() });
    if let Some(compressed) = &compressed
        && let Some(kept) = memory.answers.get(compressed).await
    {
        metrics.lookup(Lookup::Hit);
        return kept.response();
    }
    let mut kept = if let Some(kept) = memory.answers.get(&question).await {
        metrics.lookup(Lookup::Hit);
        kept
    } else {
        metrics.lookup(Lookup::Miss);
        let made = memory.answers.try_get_with(question, async {
            let kept = Arc::new(CachedResponse::of(next.run(request).await).await);
            if kept.status == StatusCode::OK { Ok(kept) } else { Err(kept) }
        });
        made.await.unwrap_or_else(|refused| Arc::clone(&refused))
    };
    if let Some(compressed) = compressed.filter(|_| kept.is_long()) {
        let plain = kept.clone();
        let made = memory.answers.try_get_with(compressed, async { plain.compressed().await.map(Arc::new) });
        // Who cannot be given the small answer is given the large one.
        kept = made.await.unwrap_or(kept);
    }
    // What was put in is counted by then.
    memory.answers.run_pending_tasks().await;
    metrics.kept(memory.answers.entry_count(), memory.answers.weighted_size());
    kept.response()
}

/// What a request says of itself.
struct CacheRequest {
    of_whom: OfWhom,
    /// Path and query as they came.
    question: String,
    accept: Option<HeaderValue>,
}

impl CacheRequest {
    fn of(request: &Request) -> Option<Self> {
        if request.method() != Method::GET {
            return None;
        }
        let question = request.uri().path_and_query()?.as_str().to_owned();
        let of_whom = axum::extract::Query::try_from_uri(request.uri()).ok()?.0;
        Some(Self { of_whom, question, accept: request.headers().get(header::ACCEPT).cloned() })
    }

    async fn by(self, state: &State, access: &Access) -> Option<CacheKey> {
        let Self { of_whom, question: asked, accept } = self;
        let memory = &state.guards.0.memory;
        if memory.answers.policy().max_capacity() == Some(0) {
            return None;
        }
        let (person, changes) = memory.person(state, access, of_whom.person).await?;
        let (rights, today) = (access.cache_key().clone(), state.today(&person).ok()?);
        Some(CacheKey { rights, person: person.id, changes, today, asked, accept, gzip: false })
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
