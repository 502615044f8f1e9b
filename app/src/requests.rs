//! Rate, errors and duration of requests, by route; for every role.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderName};
use axum::response::Response;
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::exemplar::HistogramWithExemplars;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use service_metrics::{Labels, Method, Route, Status, table};
use tower::{Service, layer};
use tracing::Instrument as _;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// From a ready response to the longest query.
const BUCKETS: [f64; 10] = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 10.0];

/// Requests in flight and how long each took.
#[derive(Clone, Debug)]
pub(crate) struct Requests {
    took: Family<RequestLabels, HistogramWithExemplars<Trace>, fn() -> HistogramWithExemplars<Trace>>,
    running: Gauge,
}

type RequestLabels = Labels<(Route, Method, Status)>;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Trace {
    trace_id: String,
}

impl Requests {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let histogram: fn() -> HistogramWithExemplars<Trace> =
            || HistogramWithExemplars::new(BUCKETS.into_iter());
        let requests = Self {
            took: Family::new_with_constructor(histogram),
            running: table::HTTP_IN_FLIGHT.single(registry),
        };
        table::HTTP.register(registry, requests.took.clone());
        requests
    }

    /// Counts the responses of the routes of `router`.
    pub(crate) fn count(&self, router: Router) -> Router {
        let requests = self.clone();
        router.layer(layer::layer_fn(move |inner| Count { inner, requests: requests.clone() }))
    }

    /// Counts responses of the fast path of one route: GET with status 200.
    pub(crate) fn at(&self, route: &str) -> FastPathCounter {
        let labels = Labels((Route(route.to_owned()), Method::Get, Status(200)));
        FastPathCounter(self.took.get_or_create_owned(&labels))
    }

    async fn watch(
        self,
        asked: RequestInfo,
        answer: impl Future<Output = Result<Response, Infallible>>,
    ) -> Result<Response, Infallible> {
        let started = Instant::now();
        let running = Running::new(&self.running);
        // Scrapes are not traced; requests of the API are, as part of the client's trace if it has one.
        let (response, trace) = if asked.route().starts_with("/api/") {
            let span = tracing::info_span!("http.server");
            if let Some(parent) = asked.parent.clone() {
                // Fails where no traces are sent.
                let _ = span.set_parent(parent);
            }
            let context = span.context();
            let trace = context.span().span_context().clone();
            (answer.instrument(span).await?, trace.is_sampled().then(|| trace.trace_id().to_string()))
        } else {
            (answer.await?, None)
        };
        drop(running);
        let (route, status) = (Route(asked.route().to_owned()), Status(response.status().as_u16()));
        let labels = Labels((route, asked.method, status));
        let exemplar = trace.map(|trace_id| Trace { trace_id });
        self.took.get_or_create_owned(&labels).observe(started.elapsed().as_secs_f64(), exemplar, None);
        Ok(response)
    }
}

/// One series of [`Requests`], found once.
#[derive(Clone, Debug)]
pub(crate) struct FastPathCounter(HistogramWithExemplars<Trace>);

impl FastPathCounter {
    /// Counts a response, if there is one, and its duration. It is not counted as in flight: nothing is waited for.
    pub(crate) fn watch<T>(&self, answer: impl FnOnce() -> Option<T>) -> Option<T> {
        let started = Instant::now();
        let answer = answer()?;
        self.0.observe(started.elapsed().as_secs_f64(), None, None);
        Some(answer)
    }
}

/// What is kept of a request until its response.
struct RequestInfo {
    path: Option<MatchedPath>,
    method: Method,
    /// The client's span, by `traceparent` and `tracestate` (W3C Trace Context).
    parent: Option<opentelemetry::Context>,
}

impl RequestInfo {
    fn of(request: &Request) -> Self {
        let method = Method::of(request.method().as_str());
        let parent = request
            .headers()
            .contains_key("traceparent")
            .then(|| TraceContextPropagator::new().extract(&Headers(request.headers())));
        Self { path: request.extensions().get().cloned(), method, parent }
    }

    /// The route as it is written in the program: paths would name persons and days.
    fn route(&self) -> &str {
        self.path.as_ref().map_or("unmatched", MatchedPath::as_str)
    }
}

/// Headers as the propagator reads them.
struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

/// A service by hand: axum's middleware functions copy the route at every request.
#[derive(Clone)]
struct Count<S> {
    inner: S,
    requests: Requests,
}

impl<S> Service<Request> for Count<S>
where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send + 'static>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let asked = RequestInfo::of(&request);
        let answer = self.inner.call(request);
        Box::pin(self.requests.clone().watch(asked, answer))
    }
}

/// One request in flight, also when it is dropped half-way.
struct Running<'a>(&'a Gauge);

impl<'a> Running<'a> {
    fn new(gauge: &'a Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}
