//! A simulated Oura cloud: people by bearer token, a clock, faults, and a log of what it was asked.
//!
//! What belongs here: HTTP. What is answered comes from [`crate::oura`]; which instants a request names is in
//! [`query`], which documents of them one answer carries in [`page`].

mod faults;
mod oauth;
mod page;
mod query;
mod webhook;

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::{Path, Query, Request as HttpRequest, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use jiff::Timestamp;
use serde_json::{Value, json};

pub use faults::{Fault, Faults, Wrong};
pub use oauth::{Application, SCOPES};
pub use webhook::Deliveries;

use crate::life::Person;
use crate::oura::{Collection, Shape, personal_info};
use oauth::{FrontEnd, Tokens};
use query::Params;
use webhook::{Sender, Webhooks, subscriptions};

/// Requests the log remembers.
const LOG: usize = 1_000;

/// The simulated cloud. Built once, then shared; faults, tokens and memberships change while it serves.
pub struct Cloud {
    clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
    people: Vec<Person>,
    applications: Vec<(FrontEnd, Application)>,
    denies: AtomicBool,
    tokens: Mutex<Tokens>,
    lapsed: Mutex<BTreeSet<usize>>,
    deleted: Mutex<BTreeSet<String>>,
    webhooks: Mutex<Webhooks>,
    sender: Option<Sender>,
    faults: Faults,
    page_size: usize,
    row_page_size: usize,
    requests: AtomicU64,
    log: Mutex<VecDeque<Request>>,
}

/// A request as logged: no header, so no token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET` or `POST`.
    pub method: String,
    /// Without the query.
    pub path: String,
    /// As sent, percent-encoded; empty when there was none.
    pub query: String,
}

impl Cloud {
    /// A cloud without accounts, which reads the time from `clock`.
    pub fn new(clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self {
            clock: Box::new(clock),
            people: Vec::new(),
            applications: Vec::new(),
            denies: AtomicBool::new(false),
            tokens: Mutex::default(),
            lapsed: Mutex::default(),
            deleted: Mutex::default(),
            webhooks: Mutex::default(),
            sender: None,
            faults: Faults::default(),
            page_size: 100,
            row_page_size: 1_000,
            requests: AtomicU64::new(0),
            log: Mutex::default(),
        }
    }

    /// Adds a person and a token for them that never expires. `scopes` are names without the `extapi:` prefix.
    #[must_use]
    pub fn with_person(mut self, token: &str, person: Person, scopes: &[&str]) -> Self {
        self.people.push(person);
        locked(&self.tokens).add(token, self.people.len() - 1, scopes);
        self
    }

    /// Registers an application at the legacy portal; the first person added is the one who consents.
    #[must_use]
    pub fn with_application(mut self, application: Application) -> Self {
        self.applications.push((FrontEnd::Legacy, application));
        self
    }

    /// Registers an application at the new portal, whose addresses begin with `/oauth/v2/ext/oauth-`.
    #[must_use]
    pub fn with_portal_application(mut self, application: Application) -> Self {
        self.applications.push((FrontEnd::Portal, application));
        self
    }

    /// Documents in a page, at least 1; 100 unless configured. Oura does not document it.
    #[must_use]
    pub fn with_page_size(mut self, documents: usize) -> Self {
        self.page_size = documents.max(1);
        self
    }

    /// Rows in a page of a series, at least 1; 1,000 unless configured, which was measured for heart rate.
    #[must_use]
    pub fn with_row_page_size(mut self, rows: usize) -> Self {
        self.row_page_size = rows.max(1);
        self
    }

    /// What goes wrong, to be switched while serving.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Requests received, those answered with a fault included.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// The last thousand requests, oldest first.
    pub fn log(&self) -> Vec<Request> {
        locked(&self.log).iter().cloned().collect()
    }

    /// Ends or renews the membership of the owner of `token`; requests for the data of a lapsed member get a 403. Does nothing
    /// for an unknown token.
    pub fn set_lapsed(&self, token: &str, lapsed: bool) {
        let Some(person) = locked(&self.tokens).owner(token) else { return };
        let mut set = locked(&self.lapsed);
        if lapsed {
            set.insert(person);
        } else {
            set.remove(&person);
        }
    }

    /// Withdraws consent: `token` answers 401 from now on, and so does every token and refresh of the same person.
    pub fn revoke(&self, token: &str) {
        locked(&self.tokens).revoke(token);
    }

    /// Whether the person says no when asked for consent.
    pub fn set_denies(&self, denies: bool) {
        self.denies.store(denies, Ordering::Relaxed);
    }

    /// How often a refresh token came again after it was spent. A client with one refresher that loses no answer never
    /// does that.
    pub fn refresh_reuses(&self) -> u64 {
        locked(&self.tokens).reuses()
    }

    /// How many log-ins can be renewed.
    pub fn log_ins(&self) -> usize {
        locked(&self.tokens).log_ins()
    }

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

    fn now(&self) -> Timestamp {
        (self.clock)()
    }

    fn page_size(&self, shape: Shape) -> usize {
        match shape {
            Shape::Documents | Shape::Whole => self.page_size,
            Shape::Series => self.row_page_size,
        }
    }

    /// Who is asking, and with which scopes.
    fn caller(&self, headers: &HeaderMap) -> Result<Caller<'_>, Problem> {
        let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some(header) = header else {
            return Err(problem(StatusCode::BAD_REQUEST, "No token: send an Authorization header."));
        };
        let token = header.strip_prefix("Bearer ").unwrap_or(header).trim();
        let access = locked(&self.tokens).access(token, self.now());
        let Some((person, scopes)) = access else {
            return Err(problem(StatusCode::UNAUTHORIZED, "The token is unknown, expired or revoked."));
        };
        if locked(&self.lapsed).contains(&person) {
            return Err(problem(StatusCode::FORBIDDEN, "The membership has ended."));
        }
        Ok(Caller { person: &self.people[person], scopes })
    }
}

/// A person behind a valid token.
struct Caller<'a> {
    person: &'a Person,
    scopes: BTreeSet<String>,
}

impl Caller<'_> {
    /// 401 without the scope: never healed by a refresh.
    fn require(&self, scope: &str) -> Result<(), Problem> {
        let detail = || format!("Token is not authorized access {scope} scope.");
        if self.scopes.contains(scope) { Ok(()) } else { Err(problem(StatusCode::UNAUTHORIZED, &detail())) }
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

/// An error in Oura's envelope: `{"detail": …}`, a text or the list of a 422.
#[derive(Debug)]
struct Problem {
    status: StatusCode,
    detail: Value,
}

fn problem(status: StatusCode, detail: &str) -> Problem {
    Problem { status, detail: detail.into() }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.status, axum::Json(json!({ "detail": self.detail }))).into_response()
    }
}

/// A lock that a panicking test cannot poison for the others.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says how many people there are, and no token.
impl fmt::Debug for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cloud").field("people", &self.people.len()).finish_non_exhaustive()
    }
}
