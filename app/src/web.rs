//! The listener for operators: the page, `/metrics` and the probes. Where the API runs in the same process its router
//! is mounted here too, with all its own rules, because the page draws from it and a browser asks one origin.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing};

use crate::shutdown::Readiness;

const PAGE: &str = include_str!("page.html");

/// What the page is told.
#[derive(Clone, Debug)]
struct Page {
    demo: bool,
}

/// Puts the listener's routes together.
pub(crate) fn router(metrics: Router, api: Option<Router>, readiness: Readiness, demo: bool) -> Router {
    let page = Router::new().route("/", routing::get(page)).with_state(Page { demo });
    let probes = Router::new()
        .route("/-/healthy", routing::get(|| async { "healthy\n" }))
        .route("/-/ready", routing::get(ready))
        .with_state(readiness);
    let own = page.merge(probes).merge(metrics);
    match api {
        Some(api) => own.merge(api),
        None => own,
    }
}

async fn ready(State(readiness): State<Readiness>) -> (StatusCode, &'static str) {
    if readiness.is_ready() {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
    }
}

/// One page, nothing from outside: the policy admits only what carries this answer's nonce.
async fn page(State(page): State<Page>) -> Response {
    let mut random = [0_u8; 16];
    if getrandom::fill(&mut random).is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let nonce = format!("{:032x}", u128::from_ne_bytes(random));
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; \
         img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let html =
        PAGE.replace("__NONCE__", &nonce).replace("__DEMO__", if page.demo { "true" } else { "false" });
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::CACHE_CONTROL, "no-store".to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::REFERRER_POLICY, "no-referrer".to_owned()),
    ];
    (headers, html).into_response()
}
