//! What happens to every request before and after its handler.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State as With};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state, map_request, map_response};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use store::{AuditAction, AuditOutcome};
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::{CompressionLayer, Predicate, predicate::SizeAbove};
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer};
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;
use tracing::{Span, field};

use crate::access::{self, Authenticator};
use crate::audit::Origin;
use crate::error::{Error, PROBLEM_JSON};
use crate::guards::{body, conditional, gzip, identify, limit, load_shedding, origin};
use crate::policy::{self, Policies, Policy, RateLimit};
use crate::response_cache::{self, ResponseCache};
use crate::stale::{self, StaleCheck};
use crate::state::State;

/// Longest time until a response begins; a proxy in front usually gives up after a minute.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Names a request in the log and in its response.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest request id taken from a client: a UUID, a ULID or a trace id with room to spare.
const MAX_REQUEST_ID: usize = 64;

/// Data is never a page.
const DATA_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// Swagger UI: its own files, its own origin, pictures as `data:`, and the style attributes it sets itself.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The stack. A layer added later is further out, so read it upwards for the way in: every request gets an id, then a
/// span; every response gets its headers and is compressed where that helps; every error gets the one shape. Inside that, a
/// panic is caught, the request's policy and client are found, and foreign pages are refused. Then come rate limit,
/// circuit breaker and timeout, and what [`admitted`] does. Streamed responses pass through all of it as they are made.
pub(crate) fn stack(router: Router, state: &Arc<State>, policies: Policies) -> Router {
    let guards = &state.guards;
    let router = admitted(router, state)
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, TIMEOUT))
        .layer(from_fn_with_state(guards.load_shedder.clone(), load_shedding::break_circuit))
        .layer(from_fn_with_state(guards.rate_limiters.clone(), limit::limit))
        .layer(from_fn_with_state(state.clone(), record_limited_log_ins))
        .layer(from_fn(refuse_nul))
        .layer(from_fn_with_state(guards.origins.clone(), origin::guard))
        .layer(from_fn_with_state(guards.proxies.clone(), identify))
        .layer(from_fn_with_state(policies, policy::attach))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(problems))
        .layer(from_fn(leave_the_prompt_to_the_page))
        .layer(from_fn(conditional::answer))
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(Compressible))
        .layer(map_response(async |response: Response| conditional::weaken(response)))
        .layer(fixed(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(fixed(header::REFERRER_POLICY, "no-referrer"))
        .layer(fixed(header::CACHE_CONTROL, "no-store"))
        .layer(fixed(HeaderName::from_static("cross-origin-resource-policy"), "same-origin"))
        .layer(fixed(header::CONTENT_SECURITY_POLICY, DATA_POLICY));
    let router = match guards.cors() {
        Some(cors) => router.layer(cors),
        None => router,
    };
    router
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(span)
                .on_request(())
                .on_response(answered)
                // `problems` logs failures with their cause; this would log them again without.
                .on_failure(()),
        )
        .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
        .layer(map_request(only_a_plain_request_id))
}

/// On the way in: authentication, the whole body, a permit to run, the cache. Each is waited for without holding what the
/// next one is short of.
fn admitted(router: Router, state: &Arc<State>) -> Router {
    let guards = &state.guards;
    router
        // The body has been received by then, within the limit of its route.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(ResponseCache::new(state.clone()), response_cache::serve_cached))
        .layer(from_fn_with_state(StaleCheck::new(state.store.clone()), stale::report))
        .layer(from_fn_with_state(guards.load_shedder.clone(), load_shedding::admit))
        .layer(from_fn_with_state(guards.bodies.clone(), body::receive))
        .layer(from_fn_with_state(Authenticator::new(state.clone()), access::authenticate))
}

/// Log-ins that the rate limit refuses are in the audit trail like those that the password refuses.
async fn record_limited_log_ins(
    With(state): With<Arc<State>>,
    Extension(Policy { rate_limit, .. }): Extension<Policy>,
    request: Request,
    next: Next,
) -> Response {
    let origin = (rate_limit == RateLimit::LogIns).then(|| Origin::of(request.extensions()));
    let response = next.run(request).await;
    if let Some(origin) = origin.filter(|_| response.status() == StatusCode::TOO_MANY_REQUESTS) {
        let what = (AuditAction::LogIn, AuditOutcome::Limited);
        state.audit.record_unless_repeated(origin.entry((state.now)(), what, None, None));
    }
    response
}

/// Texts of more than a packet. Remote read compresses itself, and events must leave as they come.
#[derive(Clone, Copy)]
struct Compressible;

impl Predicate for Compressible {
    fn should_compress<B: axum::body::HttpBody>(&self, response: &axum::http::Response<B>) -> bool {
        let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
        let text = kind.starts_with("text/") && kind != "text/event-stream";
        (text || kind.ends_with("json") || kind.ends_with("javascript"))
            && SizeAbove::new(gzip::MIN_COMPRESSED).should_compress(response)
    }
}

/// The policy of the pages; what is already set is not set again by [`stack`].
pub(crate) fn docs(router: Router) -> Router {
    router.layer(fixed(header::CONTENT_SECURITY_POLICY, DOCS_POLICY))
}

fn fixed(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

/// A client's id for its request goes into the log, so it is a short word, or the service makes one.
async fn only_a_plain_request_id(mut request: Request) -> Request {
    let plain = |id: &HeaderValue| {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
        (1..=MAX_REQUEST_ID).contains(&id.len()) && id.as_bytes().iter().all(plain)
    };
    let mut ids = request.headers().get_all(REQUEST_ID).iter();
    if !matches!((ids.next(), ids.next()), (Some(id), None) if plain(id)) {
        request.headers_mut().remove(REQUEST_ID);
    }
    request
}

/// The route, never the path or the query: those name persons and days.
fn span<B>(request: &axum::http::Request<B>) -> Span {
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str);
    let id = request.extensions().get::<RequestId>().and_then(|id| id.header_value().to_str().ok());
    tracing::info_span!(
        "http.request",
        otel.kind = "server",
        http.request.method = %request.method(),
        http.route = route,
        http.response.status_code = field::Empty,
        request_id = id,
    )
}

fn answered<B>(response: &axum::http::Response<B>, took: Duration, span: &Span) {
    let (status, duration_ms) = (response.status().as_u16(), took.as_secs_f64() * 1e3);
    span.record("http.response.status_code", status);
    tracing::debug!(status, duration_ms, "request served");
}

/// No path and no parameter can name anything with the character NUL, which PostgreSQL's text cannot hold. Headers have
/// none, and bodies are looked at where they are read.
async fn refuse_nul(request: Request, next: Next) -> Response {
    let uri = request.uri();
    if uri.path().contains("%00") || uri.query().is_some_and(|query| query.contains("%00")) {
        return Error::Query("a path or parameter holds the character NUL (%00)".to_owned()).into_response();
    }
    next.run(request).await
}

/// Gives every error the one shape, whichever layer it came from, and logs failures of this side with their cause.
async fn problems(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let status = response.status();
    let shaped = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes() == PROBLEM_JSON.as_bytes());
    if (status.is_client_error() || status.is_server_error()) && !shaped {
        response = Error::bare(status).into_response();
    }
    if let Some(error) = response.extensions().get::<Arc<Error>>().filter(|error| !error.is_shed()) {
        tracing::error!(error = store::causes(error), status = response.status().as_u16(), "request failed");
    }
    response
}

/// A browser opens its own prompt for a password where a response asks for basic authentication. A page with a form says so by
/// `X-Requested-With`, which no other page can send.
async fn leave_the_prompt_to_the_page(request: Request, next: Next) -> Response {
    let from_a_page = request.headers().contains_key("x-requested-with");
    let mut response = next.run(request).await;
    if from_a_page && let Some(challenge) = response.headers_mut().get_mut(header::WWW_AUTHENTICATE) {
        *challenge = HeaderValue::from_static("Bearer realm=\"myhealth\"");
    }
    response
}

/// The payload may hold a value, and the panic hook has printed it with its place.
fn panicked(_payload: Box<dyn Any + Send>) -> Response {
    Error::Panic.into_response()
}

#[cfg(test)]
mod tests {
    use std::io;

    use axum::body::{Body, Bytes, to_bytes};
    use axum::routing::get;
    use futures_util::stream;
    use tower::ServiceExt as _;

    use super::*;

    async fn check(path: &str, status: u16, kind: &str) {
        let router = Router::new()
            .route("/panics", get(async || -> &'static str { panic!("the 82 of a test") }))
            .route("/hangs", get(std::future::pending::<&'static str>))
            .route("/teapot", get(async || (StatusCode::IM_A_TEAPOT, "short and stout")))
            .route("/body", get(async |_: axum::body::Bytes| ()));
        let body = if path == "/body" {
            Body::from_stream(stream::pending::<io::Result<Bytes>>())
        } else {
            Body::empty()
        };
        let request = Request::get(path).body(body).unwrap();
        let (store, _folder) = store::testing::sqlite().await;
        let state = Arc::new(State::for_tests(store));
        // A clock that stands still jumps ahead while the database is waited for.
        if ["/hangs", "/body"].contains(&path) {
            tokio::time::pause();
        }
        let response = stack(router, &state, Policies::default()).oneshot(request).await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{path}");
        assert_eq!(response.headers()[header::CONTENT_TYPE], PROBLEM_JSON, "{path}");
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert!(body.contains(kind) && !body.contains("82"), "{path}: {body}");
    }

    #[tokio::test]
    async fn every_error_is_problem_json() {
        for (path, status, kind) in [
            ("/panics", 500, "/problems/internal"),
            ("/hangs", 504, "/problems/timeout"),
            ("/teapot", 418, "/problems/refused"),
            ("/body", 408, "/problems/body-timeout"),
        ] {
            check(path, status, kind).await;
            if ["/hangs", "/body"].contains(&path) {
                tokio::time::resume();
            }
        }
    }
}
