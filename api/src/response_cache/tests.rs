use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use prometheus_client::registry::Registry;
use tokio::sync::Semaphore;
use tower::ServiceExt as _;

use super::*;
use crate::access::{self, Authenticator};
use crate::guards::{Client, Guards, Settings};

const ASKED: usize = 16;

#[tokio::test]
async fn cache_computes_concurrent_misses_once() {
    let (store, _folder) = store::testing::sqlite().await;
    store.ensure_person(&"me".parse().unwrap(), "UTC", jiff::Timestamp::UNIX_EPOCH).await.unwrap();
    let mut registry = Registry::default();
    let guards = Guards::new(Settings::default(), vec![store.clone()], &mut registry);
    let state = Arc::new(State { guards, ..State::for_tests(store) });
    // Until all requests have missed, nothing is in the cache that others could find.
    let (gate, ran) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    let handler = {
        let (gate, ran) = (gate.clone(), ran.clone());
        move || async move {
            ran.fetch_add(1, Ordering::Relaxed);
            drop(gate.acquire().await.unwrap());
            "82"
        }
    };
    let router = Router::new()
        .route("/api/v1/trends/sleep_score", get(handler))
        .layer(from_fn_with_state(ResponseCache::new(state.clone()), serve_cached))
        .layer(from_fn_with_state(Authenticator::new(state), access::authenticate))
        .layer(Extension(Policy::READ_CACHED))
        .layer(Extension(Client::Unknown));
    let ask = || async {
        let request = Request::get("/api/v1/trends/sleep_score?person=me").body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        to_bytes(response.into_body(), usize::MAX).await.unwrap()
    };
    let missed = || {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        text.contains(&format!("api_cache_lookups_total{{result=\"miss\"}} {ASKED}\n"))
    };
    let open = async {
        while !missed() {
            tokio::task::yield_now().await;
        }
        gate.add_permits(ASKED);
    };
    let (answers, ()) = tokio::join!(futures_util::future::join_all((0..ASKED).map(|_| ask())), open);
    assert!(answers.iter().all(|answer| answer == "82"), "{answers:?}");
    assert_eq!(ran.load(Ordering::Relaxed), 1);
}
