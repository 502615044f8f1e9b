//! Rate, errors and duration of what is asked of this process, by route; for every role.

use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use opentelemetry::trace::TraceContextExt as _;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::exemplar::HistogramWithExemplars;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use tracing::Instrument as _;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// From a ready answer to the longest question.
const BUCKETS: [f64; 10] = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 10.0];

/// Methods by name; others would let a client make series.
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"];

/// Requests in flight and how long each took.
#[derive(Clone, Debug)]
pub(crate) struct Requests {
    took: Family<Labels, HistogramWithExemplars<Trace>, fn() -> HistogramWithExemplars<Trace>>,
    running: Gauge,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Labels {
    route: String,
    method: &'static str,
    code: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Trace {
    trace_id: String,
}

impl Requests {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let histogram: fn() -> HistogramWithExemplars<Trace> =
            || HistogramWithExemplars::new(BUCKETS.into_iter());
        let requests = Self { took: Family::new_with_constructor(histogram), running: Gauge::default() };
        registry.register_with_unit(
            "http_request_duration",
            "How long requests took until their answer began, by route and status; its count is the rate",
            Unit::Seconds,
            requests.took.clone(),
        );
        registry.register("http_requests_in_flight", "Requests being answered", requests.running.clone());
        requests
    }

    /// Counts what the routes of `router` answer.
    pub(crate) fn count(&self, router: Router) -> Router {
        let requests = self.clone();
        router.layer(from_fn(move |request: Request, next: Next| {
            let requests = requests.clone();
            async move { requests.watch(request, next).await }
        }))
    }

    async fn watch(&self, request: Request, next: Next) -> Response {
        let started = Instant::now();
        // The route as it is written in the program: paths would name persons and days.
        let route =
            request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
        let method =
            METHODS.into_iter().find(|method| *method == request.method().as_str()).unwrap_or("other");
        let running = Running::new(&self.running);
        // Scrapes are no work to trace; questions are.
        let (response, trace) = if route.starts_with("/api/") {
            let span = tracing::info_span!("http.server");
            let context = span.context();
            let trace = context.span().span_context().clone();
            (
                next.run(request).instrument(span).await,
                trace.is_sampled().then(|| trace.trace_id().to_string()),
            )
        } else {
            (next.run(request).await, None)
        };
        drop(running);
        let labels = Labels { route, method, code: response.status().as_u16() };
        let exemplar = trace.map(|trace_id| Trace { trace_id });
        self.took.get_or_create_owned(&labels).observe(started.elapsed().as_secs_f64(), exemplar, None);
        response
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
