//! Many clients at a time, and slow readers: a client that waits for history does not keep another one waiting.

use axum::body::Body;
use axum::http::{Request, header};
use futures_util::future::join_all;
use tower::ServiceExt as _;

use super::{PATH, ReadRequest, packed, query};
use crate::documents::score;
use crate::test_api::TestApi;

/// More than the service answers at a time, of all questions.
const CROWD: usize = 100;

#[tokio::test]
async fn queued_remote_reads_do_not_block_rest() {
    let api = TestApi::with(vec![score("2026-03-28", 70)]).await;
    let question = query("oura_sleep_score", "2026-03-27T00:00:00Z", "2026-03-30T00:00:00Z", None);
    let body = packed(&ReadRequest { queries: vec![question], accepted: Vec::new() });
    let ask = || {
        let request = Request::post(PATH).header(header::CONTENT_ENCODING, "snappy");
        api.router.clone().oneshot(request.body(Body::from(body.clone())).unwrap())
    };
    // Three responses that are not read are all that one client has at a time.
    let unread = join_all((0..3).map(|_| ask())).await;
    assert!(unread.iter().all(|answer| answer.as_ref().unwrap().status() == 200));
    // Each gives up his turn with his answer.
    let mut crowd = Box::pin(join_all((0..CROWD).map(|_| async { ask().await.unwrap().status() })));
    let people = tokio::select! {
        biased;
        _ = &mut crowd => panic!("there is no turn for them"),
        people = api.get("/api/v1/people") => people,
    };
    assert_eq!(people["people"].as_array().map_or(0, Vec::len), 1, "{people}");
    drop(unread);
    let answers = crowd.await;
    assert!(answers.iter().all(|status| *status == 200), "{answers:?}");
}
