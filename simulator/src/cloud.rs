//! A simulated Oura cloud: people by bearer token, a clock, faults, and a log of what it was asked.
//!
//! What belongs here: HTTP. What is answered comes from [`crate::oura`]; which instants a request names is in
//! [`query`], which documents of them one answer carries in [`page`].

mod faults;
mod oauth;
mod page;
mod problem;
mod query;
mod state;
mod webhook;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::extract::{Path, Query, Request as HttpRequest, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};

pub use faults::{Fault, Faults, Wrong};
pub use oauth::tokens::{Application, SCOPES};
pub use state::{Cloud, Request};
pub use webhook::Deliveries;

use crate::oura::{Collection, personal_info};
use oauth::tokens::FrontEnd;
use problem::{Problem, locked, problem};
use query::Params;
use webhook::subscriptions;

/// Requests the log remembers.
const LOG: usize = 1_000;

impl Cloud {
    /// The routes. Serve them on a listener, or call them in process with `tower::ServiceExt::oneshot`.
    pub fn router(self: &Arc<Self>) -> Router {
        Router::new()
            .route("/v2/usercollection/{collection}", get(list))
            .route("/v2/usercollection/{collection}/{document_id}", get(single))
            .merge(oauth::routes(FrontEnd::Legacy, "/oauth/"))
            .merge(oauth::routes(FrontEnd::Portal, "/oauth/v2/ext/oauth-"))
            .route("/v2/webhook/subscription", get(subscriptions::list).post(subscriptions::create))
            .route(
                "/v2/webhook/subscription/{id}",
                get(subscriptions::single).put(subscriptions::update).delete(subscriptions::delete),
            )
            .route("/v2/webhook/subscription/renew/{id}", put(subscriptions::renew))
            .fallback(|| async { problem(StatusCode::NOT_FOUND, "No such route.") })
            .layer(from_fn(require_user_agent))
            .layer(from_fn_with_state(Arc::clone(self), record_and_disturb))
            .with_state(Arc::clone(self))
    }
}

/// `GET /v2/usercollection/{collection}`.
async fn list(
    State(cloud): State<Arc<Cloud>>,
    Path(name): Path<String>,
    Query(params): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let caller = cloud.caller(&headers)?;
    let now = cloud.now();
    if name == "personal_info" {
        return Ok(body(personal_info(caller.person, now, |scope| caller.scopes.contains(scope))));
    }
    let collection = named(&name)?;
    caller.require(collection.scope)?;
    let params = Params::parse(collection.shape, &params, now)?;
    let page = match caller.person.synced(now) {
        Some(known) => {
            let size = cloud.page_size(collection.shape);
            let deleted = locked(&cloud.deleted).clone();
            page::answer(collection, caller.person, &params, size, known, &deleted)?
        }
        None => page::EMPTY.to_owned(),
    };
    Ok(body(page))
}

/// `GET /v2/usercollection/{collection}/{document_id}`.
async fn single(
    State(cloud): State<Arc<Cloud>>,
    Path((name, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let caller = cloud.caller(&headers)?;
    let collection = named(&name)?;
    caller.require(collection.scope)?;
    let known = caller.person.synced(cloud.now()).filter(|_| !cloud.is_deleted(&id));
    let document = known.and_then(|known| collection.document(caller.person, &id, known));
    document
        .map(|document| body(document.json))
        .ok_or_else(|| problem(StatusCode::NOT_FOUND, "There is no document with this id."))
}

/// The collection, or 404. Names are case-sensitive.
fn named(name: &str) -> Result<&'static Collection, Problem> {
    Collection::named(name).ok_or_else(|| problem(StatusCode::NOT_FOUND, "No such collection."))
}

/// Counts, logs, and lets the next fault of the path have its way.
async fn record_and_disturb(State(cloud): State<Arc<Cloud>>, request: HttpRequest, next: Next) -> Response {
    cloud.requests.fetch_add(1, Ordering::Relaxed);
    let path = request.uri().path().to_owned();
    {
        let mut log = locked(&cloud.log);
        if log.len() == LOG {
            log.pop_front();
        }
        log.push_back(Request {
            method: request.method().to_string(),
            path: path.clone(),
            query: request.uri().query().unwrap_or_default().to_owned(),
        });
    }
    match cloud.faults.take(&path) {
        None => next.run(request).await,
        Some(fault) => fault.disturb(cloud.now(), next.run(request)).await,
    }
}

/// Refuses requests without a `User-Agent`, as Oura documents since 1.43. The page of consent is left to browsers.
async fn require_user_agent(request: HttpRequest, next: Next) -> Response {
    let is_page = request.uri().path().ends_with("authorize");
    if is_page || request.headers().contains_key(header::USER_AGENT) {
        return next.run(request).await;
    }
    problem(StatusCode::FORBIDDEN, "Every request must include a User-Agent header.").into_response()
}

/// 200 with this JSON.
fn body(json: String) -> Response {
    let json_type = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, json_type)], json).into_response()
}
