//! One scrape: the ready health series, then this process's own metrics; or the series of one person.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing};
use bytes::Bytes;
use domain::{Collection, Pseudonym};
use exposition::{CachedText, Compressor, Format, accepts_gzip, registry_text};
use prometheus_client::registry::Registry;

use crate::refresh::Exporter;

/// How long a response may be sent again. Reading `/proc` and writing the own metrics costs more than all the rest of a
/// scrape, and no scraper sends ten requests a second.
const CACHE_TTL: Duration = Duration::from_millis(100);

/// A text longer than this is compressed on a thread for blocking work.
const BLOCKING_THRESHOLD: usize = 64 * 1024;

/// Most characters of a query that an error repeats.
const MAX_ECHO: usize = 64;

/// Serves the telemetry path; clones share the ready response.
#[derive(Clone)]
pub struct Telemetry(Arc<Scrape>);

struct Scrape {
    exporter: Option<Exporter>,
    registry: Arc<Registry>,
    text: ArcSwapOption<CachedScrape>,
    openmetrics: ArcSwapOption<CachedScrape>,
    compressor: Mutex<Compressor>,
}

/// The last response.
struct CachedScrape {
    made: Instant,
    text: CachedText,
}

impl Telemetry {
    /// The services' own metrics, with the health series where this process exports them.
    pub fn new(exporter: Option<Exporter>, registry: Arc<Registry>) -> Self {
        let (text, openmetrics) = (ArcSwapOption::empty(), ArcSwapOption::empty());
        Self(Arc::new(Scrape { exporter, registry, text, openmetrics, compressor: Mutex::default() }))
    }

    /// All of it at `path`, and that of one person at `/probe?target=NAME`. Both take `collection[]=NAME`, repeated for
    /// several.
    pub fn router(&self, path: &str) -> Router {
        let mut router = Router::new().route(path, routing::get(metrics));
        if self.0.exporter.is_some() {
            router = router.route("/probe", routing::get(probe));
        }
        router.with_state(self.0.clone())
    }

    /// The response to a scraper that sends these headers and wants everything; `None` when it fails.
    pub fn full_response(&self, headers: &HeaderMap) -> Option<Response> {
        self.0.respond(headers).ok()
    }
}

async fn metrics(State(scrape): State<Arc<Scrape>>, request: Request) -> Response {
    let headers = request.headers();
    match Filter::of(&request) {
        Err(wrong) => wrong.into_response(),
        Ok(wanted) if wanted.collections.is_empty() => scrape.respond(headers).unwrap_or_else(|error| {
            tracing::error!(%error, "cannot write this process's own metrics");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }),
        Ok(wanted) => match &scrape.exporter {
            Some(exporter) => {
                let lines = exporter.body().collections(&wanted.collections);
                some(lines, headers).await
            }
            None => ScrapeError::NoGauges.into_response(),
        },
    }
}

async fn probe(State(scrape): State<Arc<Scrape>>, request: Request) -> Response {
    let wanted = match Filter::of(&request) {
        Ok(wanted) => wanted,
        Err(wrong) => return wrong.into_response(),
    };
    let (Some(target), Some(exporter)) = (wanted.target, &scrape.exporter) else {
        return ScrapeError::NoTarget.into_response();
    };
    let headers = request.headers();
    match exporter.body().person(&target, &wanted.collections) {
        Some(lines) => some(lines, headers).await,
        None => ScrapeError::UnknownPerson.into_response(),
    }
}

impl Scrape {
    fn respond(&self, headers: &HeaderMap) -> Result<Response, std::fmt::Error> {
        let format = Format::of(headers);
        let kept = self.full_response(format)?;
        let mut response = kept.text.response(accepts_gzip(headers), &self.compressor);
        response.headers_mut().insert(header::CONTENT_TYPE, format.content_type_for(headers));
        Ok(response)
    }

    /// Everything this process shows: the response of a moment ago, or a new one when the body changed.
    fn full_response(&self, format: Format) -> Result<Arc<CachedScrape>, std::fmt::Error> {
        let kept = match format {
            Format::Text => &self.text,
            Format::OpenMetrics => &self.openmetrics,
        };
        let snapshot = self.exporter.as_ref().map(|exporter| exporter.body().snapshot.clone());
        let snapshot = snapshot.unwrap_or_default();
        let current = |last: &Arc<CachedScrape>| {
            last.made.elapsed() < CACHE_TTL
                && (Arc::ptr_eq(last.text.snapshot(), &snapshot) || self.exporter.is_none())
        };
        if let Some(last) = kept.load_full().filter(current) {
            return Ok(last);
        }
        let own = vec![registry_text(&self.registry, format)?.into()];
        let new =
            Arc::new(CachedScrape { made: Instant::now(), text: CachedText::new(format, snapshot, own) });
        kept.store(Some(new.clone()));
        Ok(new)
    }
}

/// A response of some lines, made for this request.
async fn some(mut lines: Vec<Bytes>, headers: &HeaderMap) -> Response {
    let (format, gzip) = (Format::of(headers), accepts_gzip(headers));
    let content_type = format.content_type_for(headers);
    lines.push(Bytes::from_static(format.end().as_bytes()));
    let length: usize = lines.iter().map(Bytes::len).sum();
    // A compressor of its own: no scrape waits until this is done.
    let make = move || {
        let mut response = CachedText::new(format, Arc::default(), lines).response(gzip, &Mutex::default());
        response.headers_mut().insert(header::CONTENT_TYPE, content_type);
        response
    };
    if length < BLOCKING_THRESHOLD {
        return make();
    }
    tokio::task::spawn_blocking(make).await.unwrap_or_else(|error| {
        tracing::error!(%error, "cannot compress a response");
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    })
}

/// What a query asks for.
#[derive(Debug, Default)]
struct Filter {
    target: Option<Pseudonym>,
    collections: Vec<Collection>,
}

impl Filter {
    /// Unknown parameters are ignored, as scrapers and proxies add their own.
    fn of(request: &Request) -> Result<Self, ScrapeError> {
        let mut wanted = Self::default();
        if request.uri().query().is_none() {
            return Ok(wanted);
        }
        let query = Query::<Vec<(String, String)>>::try_from_uri(request.uri());
        let Query(query) = query.map_err(|_| ScrapeError::Query)?;
        for (name, value) in query {
            match name.as_str() {
                "target" => wanted.target = Some(value.parse().map_err(|_| ScrapeError::UnknownPerson)?),
                "collection[]" => {
                    let collection = value.parse().map_err(|_| ScrapeError::Collection(value))?;
                    if !wanted.collections.contains(&collection) {
                        wanted.collections.push(collection);
                    }
                }
                _ => {}
            }
        }
        Ok(wanted)
    }
}

/// Why a query is refused.
#[derive(Debug, PartialEq, thiserror::Error)]
enum ScrapeError {
    #[error("this query cannot be read; write NAME=VALUE, joined by &")]
    Query,
    #[error("name a person with ?target=NAME, a pseudonym as in the label `person`")]
    NoTarget,
    #[error("no person here has this name; with several shards, query the one that holds this person")]
    UnknownPerson,
    #[error("this process exports no gauges, only its own metrics: it has no exporter role")]
    NoGauges,
    #[error("no collection is called {:?}; the names are {}", echo(.0), names())]
    Collection(String),
}

fn echo(word: &str) -> String {
    word.chars().take(MAX_ECHO).collect()
}

fn names() -> String {
    Collection::ALL.iter().map(|collection| collection.name()).collect::<Vec<_>>().join(", ")
}

impl IntoResponse for ScrapeError {
    fn into_response(self) -> Response {
        let status = match self {
            Self::UnknownPerson => StatusCode::NOT_FOUND,
            Self::Query | Self::NoTarget | Self::NoGauges | Self::Collection(_) => StatusCode::BAD_REQUEST,
        };
        (status, format!("{self}\n")).into_response()
    }
}
