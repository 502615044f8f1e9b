//! The listener for operators: the page, the gauges and the probes. Where the API runs in the same process its router
//! is mounted here too, with all its own rules, because the page draws from it and a browser asks one origin.

use std::sync::Arc;

use api::guards::origin::is_cross_origin;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing};
use exporter::Telemetry;
use listener::FastPath;

use crate::Clock;
use crate::hosts::HostAllowList;
use crate::probes::Probes;
use crate::requests::FastPathCounter;
use crate::runbook;
use crate::serve::ListenerRules;

const PAGE: &str = include_str!("page.html");

/// The landing page of a process without an API, from which the other would have nothing to draw.
const LANDING: &str = include_str!("landing.html");

/// What this process answers itself.
#[derive(Clone)]
pub(crate) struct PageState {
    pub(crate) reload: ListenerRules,
    pub(crate) clock: Clock,
    pub(crate) demo: bool,
}

/// Puts the listener's routes together; the gauges are at `telemetry_path`.
pub(crate) fn router(
    metrics: Router,
    api: Option<Router>,
    own: PageState,
    probes: Probes,
    telemetry_path: &str,
) -> Router {
    let page = if api.is_some() { PAGE } else { LANDING };
    let page = page.replace("__DEMO__", if own.demo { "true" } else { "false" });
    let page =
        page.replace("__TELEMETRY_PATH__", telemetry_path).replace("__VERSION__", crate::build::VERSION);
    let page: Arc<str> = page.into();
    let runbook: Arc<str> = runbook::page().into();
    let router = Router::new()
        .route(runbook::PATH, routing::get(move || async move { show(&runbook) }))
        .route("/", routing::get(move || async move { show(&page) }))
        .route("/-/reload", routing::post(reload).put(reload))
        .route_layer(from_fn(refuse_foreign_pages))
        .with_state(own)
        .merge(probes.router())
        .merge(metrics);
    match api {
        Some(api) => router.merge(api),
        None => router,
    }
}

/// No page but this process's own makes it do anything; what the API allows others is the API's own.
async fn refuse_foreign_pages(request: Request, next: Next) -> Response {
    if is_cross_origin(request.method(), request.headers(), &[]) {
        return (StatusCode::FORBIDDEN, "pages of another origin may not send this\n").into_response();
    }
    next.run(request).await
}

/// Reads the files of the listeners again.
async fn reload(State(own): State<PageState>) -> (StatusCode, String) {
    match own.reload.reload((own.clock)()).await {
        Ok(()) => (StatusCode::OK, "reloaded\n".to_owned()),
        Err(error) => {
            (StatusCode::INTERNAL_SERVER_ERROR, format!("{}\nThe old one stays.\n", store::causes(&error)))
        }
    }
}

/// The way past the router for what scrapers request. An unusual request goes through the router, which gives the same response
/// and knows every refusal.
///
/// Responds to `GET` of the telemetry path without a query: at one person, the router is a tenth of what a scrape costs.
pub(crate) fn scrape_fast_path(
    path: String,
    telemetry: Telemetry,
    hosts: HostAllowList,
    requests: FastPathCounter,
) -> FastPath {
    Arc::new(move |method: &Method, uri: &Uri, headers: &HeaderMap| {
        let usual =
            method == Method::GET && uri.path() == path && uri.query().is_none() && hosts.allows(headers);
        usual.then(|| requests.watch(|| telemetry.full_response(headers)))?
    })
}

/// One page, nothing from outside: the policy admits only what carries this answer's nonce.
fn show(page: &str) -> Response {
    let mut random = [0_u8; 16];
    if getrandom::fill(&mut random).is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let nonce = format!("{:032x}", u128::from_ne_bytes(random));
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; \
         img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let html = page.replace("__NONCE__", &nonce);
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::CACHE_CONTROL, "no-store".to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::REFERRER_POLICY, "no-referrer".to_owned()),
    ];
    (headers, html).into_response()
}
