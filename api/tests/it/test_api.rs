//! The service under test, with the questions every test asks of every answer.

use std::sync::{Arc, LazyLock, Mutex};

use api::guards::Settings;
use api::login::session::{Issuer, SessionKeys};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use domain::{Collection, Document};
use jiff::Timestamp;
use jobs::{ResultLocation, Results};
use prometheus_client::registry::Registry;
use secrecy::SecretString;
use serde_json::Value;
use store::{Batch, Origin, Person, Store};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::conforms::conforms;

/// The committed description is what clients read, so answers are held against it.
pub(crate) static DESCRIPTION: LazyLock<Value> =
    LazyLock::new(|| serde_json::to_value(api::openapi()).unwrap());

/// Sunday noon in Berlin, the day its clocks went forward.
pub(crate) fn now() -> Timestamp {
    "2026-03-29T10:00:00Z".parse().unwrap()
}

/// Signs log-ins.
static KEY: LazyLock<SecretString> = LazyLock::new(|| api::login::keys::generate().unwrap());

/// Where gateways find the keys.
pub(crate) fn issuer() -> Issuer {
    Issuer { issuer: "https://health.example.org".to_owned(), audience: "health".to_owned() }
}

pub(crate) struct TestApi {
    pub(crate) router: Router,
    pub(crate) store: Store,
    /// What the service takes for now.
    pub(crate) clock: Arc<Mutex<Timestamp>>,
    registry: Registry,
    pub(crate) desk: jobs::JobQueue,
    audit: api::AuditTrail,
    pub(crate) folder: tempfile::TempDir,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

impl TestApi {
    /// A store without anyone.
    pub(crate) async fn empty() -> Self {
        Self::edged(|_| (), api::Anonymous::Allowed).await
    }

    /// A store without anyone, with other guards.
    pub(crate) async fn edged(set: impl FnOnce(&mut Settings), anonymous: api::Anonymous) -> Self {
        let (store, folder) = store::testing::sqlite().await;
        Self::on(store, folder, set, anonymous)
    }

    /// A store without anyone on PostgreSQL.
    pub(crate) async fn on_postgres() -> Self {
        let (store, folder) = (store::testing::postgres().await, tempfile::tempdir().unwrap());
        Self::on(store, folder, |_| (), api::Anonymous::Allowed)
    }

    /// This store, with a folder for results.
    pub(crate) fn on(
        store: Store,
        folder: tempfile::TempDir,
        set: impl FnOnce(&mut Settings),
        anonymous: api::Anonymous,
    ) -> Self {
        crate::log::start();
        // Every test comes from one address.
        let mut settings =
            Settings { requests_per_second: None, log_ins_per_minute: None, ..Settings::default() };
        set(&mut settings);
        let clock = Arc::new(Mutex::new(now()));
        let time = clock.clone();
        let mut registry = Registry::default();
        let place = ResultLocation::Folder(folder.path().join("results"));
        let results = Results::open(&place, []).unwrap();
        let desk = jobs::JobQueue::new(store.clone(), Some(results), CancellationToken::new());
        let audit = api::AuditTrail::default();
        let state = api::State {
            store: store.clone(),
            primary: store.clone(),
            now: Arc::new(move || *time.lock().unwrap()),
            version: "0.0.0-test",
            anonymous,
            login: api::LogIn::new(Some(SessionKeys::new(&KEY, issuer()).unwrap())),
            guards: api::Guards::new(settings, vec![store.clone()], &mut registry),
            jobs: desk.clone(),
            audit: audit.clone(),
        };
        Self { router: api::router(state), store, clock, registry, desk, audit, folder }
    }

    /// Stores what the service recorded so far in its audit trail.
    pub(crate) async fn store_audit(&self) {
        let stop = CancellationToken::new();
        stop.cancel();
        self.audit.run(&self.store, None, now, stop).await;
    }

    /// The value of one of the service's own series.
    pub(crate) fn counted(&self, series: &str) -> u64 {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{series} in {text}")).parse().unwrap()
    }

    /// A store with one person, `me` in Berlin, who has these documents.
    pub(crate) async fn with(documents: Vec<(Collection, Document)>) -> Self {
        let api = Self::empty().await;
        api.person("me").await;
        for (collection, document) in documents {
            api.put("me", collection, vec![document]).await;
        }
        api
    }

    pub(crate) async fn person(&self, name: &str) -> Person {
        self.store.ensure_person(&name.parse().unwrap(), "Europe/Berlin", now()).await.unwrap()
    }

    pub(crate) async fn put(&self, name: &str, collection: Collection, documents: Vec<Document>) {
        let person = self.person(name).await.id;
        let batch = Batch {
            person,
            collection,
            covered: None,
            origin: Origin::Api,
            documents,
            nearby: Vec::new(),
            rejected: Vec::new(),
        };
        self.store.apply(&batch, now()).await.unwrap();
    }

    pub(crate) async fn ask(&self, method: Method, uri: &str) -> Answer {
        let request = Request::builder().method(method).uri(uri).body(Body::empty()).unwrap();
        self.send(request).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// The answer to a question that has one, in the documented shape.
    pub(crate) async fn get(&self, uri: &str) -> Value {
        let answer = self.ask(Method::GET, uri).await;
        let body = String::from_utf8_lossy(&answer.body);
        assert_eq!(answer.status, StatusCode::OK, "{uri}: {body}");
        assert_eq!(answer.header("content-type"), Some("application/json"), "{uri}");
        assert_data_headers(&answer, uri);
        let kept = if uri.starts_with("/.well-known/") { "public, max-age=300" } else { "private, no-cache" };
        assert_eq!(answer.header("cache-control"), Some(kept), "{uri}");
        let value = answer.json();
        conforms(&DESCRIPTION, documented(uri), &value);
        value
    }

    /// The detail of a refusal or failure, which has the one shape whatever went wrong.
    pub(crate) async fn problem(&self, uri: &str, status: u16) -> String {
        problem(&self.ask(Method::GET, uri).await, status, uri)
    }
}

pub(crate) fn problem(answer: &Answer, status: u16, what: &str) -> String {
    let text = String::from_utf8_lossy(&answer.body);
    assert_eq!(answer.status.as_u16(), status, "{what}: {text}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{what}");
    assert_data_headers(answer, what);
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{what}");
    let value = answer.json();
    conforms(&DESCRIPTION, &DESCRIPTION["components"]["schemas"]["Problem"], &value);
    assert_eq!(value["status"], status, "{what}");
    assert!(value["type"].as_str().unwrap().starts_with("/problems/"), "{what}");
    assert!(text.len() < 600, "{what}: a problem stays short: {text}");
    value["detail"].as_str().unwrap().to_owned()
}

fn assert_data_headers(answer: &Answer, what: &str) {
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-resource-policy", "same-origin"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{what}: {name}");
    }
    assert!(answer.header("x-request-id").is_some_and(|id| !id.is_empty()), "{what}");
}

/// The documented schema of a path's answer.
fn documented(uri: &str) -> &'static Value {
    let path: Vec<&str> = uri.split('?').next().unwrap().split('/').collect();
    let matches = |template: &str| {
        let template: Vec<&str> = template.split('/').collect();
        template.len() == path.len()
            && template.iter().zip(&path).all(|(part, given)| part.starts_with('{') || part == given)
    };
    let paths = DESCRIPTION["paths"].as_object().unwrap();
    let (_, item) = paths.iter().find(|(template, _)| matches(template)).unwrap_or_else(|| {
        panic!("{uri} is not documented");
    });
    &item["get"]["responses"]["200"]["content"]["application/json"]["schema"]
}
