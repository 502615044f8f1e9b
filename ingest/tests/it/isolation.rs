//! A failure of one collection, of any kind, does not affect the others.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{Response, header};
use axum::routing::get;
use domain::{Cause, Collection};
use futures_util::{StreamExt as _, stream};
use ingest::plan::Horizon;
use ingest::{Ingest, Metrics, Settings, SyncReport, SyncRun};
use jiff::Timestamp;
use simulator::{Cloud, Life, Person as Synthetic};
use store::{Person, Store};
use tokio_util::sync::CancellationToken;

use crate::helpers::{client, day, serve};

const TOKEN: &str = "simulated";
const FAULTY: Collection = Collection::Workout;

/// A response to every request for workouts; counts them.
type Fault = fn(usize) -> Response<Body>;

/// The simulated cloud, but for one collection.
struct World {
    ingest: Ingest,
    store: Store,
    person: Person,
    asked: Arc<AtomicUsize>,
}

async fn world(fault: Fault) -> (World, impl Sized) {
    let (store, folder) = store::testing::sqlite().await;
    let now: Timestamp = "2026-03-29T15:00:00Z".parse().unwrap();
    let synthetic = Synthetic::new(Life::new(11, day("2026-03-01").date()));
    let cloud = Arc::new(Cloud::new(move || now).with_person(TOKEN, synthetic, simulator::SCOPES));
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let workouts = get(async move || fault(count.fetch_add(1, Ordering::SeqCst)));
    let router = Router::new().route("/v2/usercollection/workout", workouts);
    let base = serve(router.fallback_service(cloud.router())).await;
    let person = store.ensure_person(&"me".parse().unwrap(), "Europe/Berlin", now).await.unwrap();
    let settings = Settings {
        horizon: Horizon { history_from: day("2026-03-01"), trailing_days: 7 },
        interval: Duration::from_mins(10),
    };
    let metrics = Metrics::register(&mut prometheus_client::registry::Registry::default());
    let client = client(&base, TOKEN);
    let ingest = Ingest::new(store.clone(), client, person.clone(), settings, metrics, Arc::new(move || now));
    (World { ingest, store, person, asked }, folder)
}

impl World {
    async fn pass(&self) -> SyncReport {
        self.ingest.sync(SyncRun::Missing, &CancellationToken::new(), None, |_| ()).await.unwrap()
    }

    /// The collections that have been read, and the causes of those that fail.
    async fn states(&self) -> (BTreeSet<Collection>, Vec<(Collection, Cause)>) {
        let states = self.store.sync_states(self.person.id).await.unwrap();
        let read = states.iter().filter(|state| state.covered.is_some()).map(|state| state.collection);
        let failing = states.iter().filter_map(|state| Some((state.collection, state.failure?)));
        (read.collect(), failing.collect())
    }
}

fn all_but_faulty() -> BTreeSet<Collection> {
    Collection::ALL.iter().copied().filter(|collection| *collection != FAULTY).collect()
}

fn json(body: impl Into<Body>) -> Response<Body> {
    Response::builder().header(header::CONTENT_TYPE, "application/json").body(body.into()).unwrap()
}

fn status(status: u16, name: header::HeaderName, value: &str, body: &'static str) -> Response<Body> {
    Response::builder().status(status).header(name, value).body(Body::from(body)).unwrap()
}

/// The beginning of a page, and then the connection ends.
fn broken_off(_: usize) -> Response<Body> {
    let pieces = [Ok(Bytes::from_static(b"{\"data\":[")), Err(io::Error::other("gone"))];
    json(Body::from_stream(stream::iter(pieces)))
}

/// Less than its length says.
fn shorter_than_said(_: usize) -> Response<Body> {
    let pieces = [Ok(Bytes::from_static(b"{\"data\":[")), Err(io::Error::other("gone"))];
    let mut response = json(Body::from_stream(stream::iter(pieces)));
    response.headers_mut().insert(header::CONTENT_LENGTH, header::HeaderValue::from_static("1000"));
    response
}

/// The beginning of a page, and then nothing.
fn hanging(_: usize) -> Response<Body> {
    let begun = stream::iter([Ok::<_, io::Error>(Bytes::from_static(b"{\"data\":["))]);
    json(Body::from_stream(begun.chain(stream::pending())))
}

/// The beginning of a compressed page.
fn truncated_gzip(_: usize) -> Response<Body> {
    let head: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xab, 0x56];
    let mut response = json(head);
    response.headers_mut().insert(header::CONTENT_ENCODING, header::HeaderValue::from_static("gzip"));
    response
}

/// More than any page has.
fn oversized(_: usize) -> Response<Body> {
    let piece = Bytes::from(vec![b' '; 1 << 20]);
    json(Body::from_stream(stream::repeat(piece).take(80).map(Ok::<_, io::Error>)))
}

fn empty_pages(n: usize) -> Response<Body> {
    json(format!(r#"{{"data":[],"next_token":"{n}"}}"#))
}

fn pages_in_a_circle(n: usize) -> Response<Body> {
    let row = r#"{"id":"w","day":"2026-03-10"}"#;
    json(format!(r#"{{"data":[{row}],"next_token":"{}"}}"#, n % 3))
}

#[tokio::test]
async fn failure_of_one_collection_leaves_the_others_read() {
    let faults: [(&str, Fault, Cause, usize); 13] = [
        ("broken body", broken_off, Cause::Network, 5),
        ("short body", shorter_than_said, Cause::Network, 5),
        ("5xx", |_| status(502, header::CONTENT_TYPE, "text/html", "<html>"), Cause::Server, 5),
        ("garbage", |_| json("?{]"), Cause::Malformed, 5),
        ("no page", |_| json("[]"), Cause::Malformed, 5),
        ("truncated gzip", truncated_gzip, Cause::Network, 5),
        ("oversized page", oversized, Cause::Malformed, 1),
        ("redirect", |_| status(302, header::LOCATION, "/elsewhere", ""), Cause::Unexpected, 1),
        ("404", |_| status(404, header::SERVER, "x", r#"{"detail":"Not Found"}"#), Cause::NotFound, 1),
        ("firewall", |_| status(403, header::CONTENT_TYPE, "text/html", "<html>"), Cause::Intercepted, 5),
        (
            "network log-in",
            |_| status(200, header::CONTENT_TYPE, "text/html", "<html>"),
            Cause::Intercepted,
            5,
        ),
        ("endless empty pages", empty_pages, Cause::Malformed, 11),
        ("pages in a circle", pages_in_a_circle, Cause::Malformed, 4),
    ];
    for (name, fault, cause, requests) in faults {
        let (world, _folder) = world(fault).await;
        let report = world.pass().await;
        assert!(report.complete, "{name}");
        assert_eq!(world.states().await, (all_but_faulty(), vec![(FAULTY, cause)]), "{name}");
        assert_eq!(world.asked.load(Ordering::SeqCst), requests, "{name}");
    }
}

#[tokio::test]
async fn hanging_collection_keeps_no_other_waiting() {
    let (world, _folder) = world(hanging).await;
    let stop = CancellationToken::new();
    let report = world.ingest.sync(SyncRun::Missing, &stop, None, |step| {
        // Workouts have one window, which never ends.
        if step.done == step.total - 1 {
            stop.cancel();
        }
    });
    let report = report.await.unwrap();
    assert!(report.failures.is_empty(), "nothing was waited for: {report:?}");
    assert_eq!(world.states().await, (all_but_faulty(), Vec::new()));
}

#[tokio::test]
async fn collection_that_failed_the_last_time_is_asked_last() {
    let (world, _folder) = world(|_| json("?{]")).await;
    world.store.note_failure(world.person.id, FAULTY, Cause::Timeout, Timestamp::UNIX_EPOCH).await.unwrap();
    let mut read = Vec::new();
    let stop = CancellationToken::new();
    let report = world.ingest.sync(SyncRun::Missing, &stop, None, |step| {
        read.push(step.request.collection);
    });
    assert_eq!(report.await.unwrap().failures.len(), 1);
    let first = |collection| read.iter().position(|read| *read == collection).unwrap();
    assert!(all_but_faulty().into_iter().all(|other| first(other) < first(FAULTY)), "{read:?}");
}
