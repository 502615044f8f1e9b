//! Which documents of webhook events are fetched, withdrawn, postponed and rejected.

use std::sync::Arc;

use ingest::webhook::StepOutcome;
use prometheus_client::registry::Registry;
use simulator::{Fault, Wrong};
use store::QueueDepth;
use tokio::sync::Notify;

use crate::helpers::day;

use super::{World, listening, never, webhooks};

#[tokio::test]
async fn webhook_event_stores_a_night_without_a_sync() {
    let (world, _folder) = listening().await;
    let (_, score) = world.a_night().await;
    assert_eq!(world.scores().await, [], "acknowledged, not fetched");
    let queue = world.store.event_queue(None).await.unwrap();
    assert!(queue.length > 4 && queue.oldest == Some(world.now()), "{queue:?}");
    world.pass(20);
    world.work().await;
    assert_eq!(world.scores().await, [("2026-03-10".to_owned(), score)]);
    assert_eq!(world.store.event_queue(None).await.unwrap(), QueueDepth::default());
    assert_eq!(world.fetches("stored") + world.fetches("unchanged"), world.events("queued"));
    assert_eq!(world.metric("webhook_delivery_lag_seconds_count"), world.events("queued"));
    assert_eq!(world.metric("webhook_delivery_lag_seconds_bucket{le=\"10.0\"}"), 0);
}

#[tokio::test]
async fn webhook_event_stores_a_night_on_postgres() {
    let world = World::listening(store::testing::postgres().await).await;
    let (id, score) = world.a_night().await;
    world.work().await;
    assert_eq!(world.scores().await, [("2026-03-10".to_owned(), score)]);
    world.cloud.delete(&id);
    world.cloud.deliver().await;
    world.work().await;
    assert_eq!(world.scores().await, []);
}

#[tokio::test]
async fn webhook_deletion_withdraws_the_document() {
    let (world, _folder) = listening().await;
    let (id, _) = world.a_night().await;
    world.work().await;
    world.cloud.delete(&id);
    assert_eq!(world.cloud.deliver().await.accepted, 1);
    world.work().await;
    assert_eq!(world.scores().await, []);
    assert_eq!(world.fetches("withdrawn"), 1);
    assert_eq!(world.store.totals(world.person.id).await.unwrap().revisions, 1, "the body is kept");
}

#[tokio::test]
async fn response_contradicting_a_webhook_event_is_confirmed_first() {
    let (world, _folder) = listening().await;
    let (id, score) = world.a_night().await;
    world.work().await;
    let before = world.fetched().len();
    // The event reports a deletion; the document is still there.
    world.cloud.announce("delete", "daily_sleep", &id);
    world.cloud.deliver().await;
    for _ in 0..4 {
        world.work().await;
        world.pass(3_600);
    }
    assert_eq!(world.fetched().len() - before, 4);
    assert_eq!((world.scores().await, world.queued().await), (vec![("2026-03-10".to_owned(), score)], 0));
}

#[tokio::test]
async fn not_found_from_a_proxy_deletes_nothing() {
    let (world, _folder) = listening().await;
    let (id, score) = world.a_night().await;
    world.work().await;
    world.cloud.faults().always("/v2/usercollection/", Fault::Status(404));
    world.cloud.announce("delete", "daily_sleep", &id);
    world.cloud.deliver().await;
    for _ in 0..5 {
        world.work().await;
        world.pass(3_600);
    }
    assert_eq!((world.scores().await, world.queued().await), (vec![("2026-03-10".to_owned(), score)], 1));
}

/// Holds every response back until released.
fn hold(world: &World) -> Arc<Notify> {
    let release = Arc::new(Notify::new());
    world.cloud.faults().next("/v2/usercollection/", 1, &Fault::Hold(release.clone()));
    release
}

/// Waits until the cloud has been asked for so many documents.
async fn asked(world: &World, documents: usize) {
    while world.fetched().len() < documents {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn webhook_event_during_a_fetch_is_fetched_again() {
    let (world, _folder) = listening().await;
    let (id, _) = world.a_night().await;
    world.work().await;
    let before = world.fetched().len();
    assert_eq!(world.post(&world.event("update", "daily_sleep", &id)).await, 200);
    let release = hold(&world);
    let worker = world.webhooks.worker().clone();
    let fetch = tokio::spawn(async move { worker.step(&never()).await.unwrap() });
    asked(&world, before + 1).await;
    // In the same second, as Oura's clock may have it.
    for _ in 0..5 {
        assert_eq!(world.post(&world.event("update", "daily_sleep", &id)).await, 200);
    }
    assert_eq!(world.step().await, StepOutcome::Nothing, "one fetch at a time");
    release.notify_one();
    fetch.await.unwrap();
    world.work().await;
    assert_eq!((world.fetched().len() - before, world.queued().await), (2, 0));
}

#[tokio::test]
async fn webhook_worker_releases_its_lease_when_stopped() {
    let (world, _folder) = listening().await;
    let (id, _) = world.a_night().await;
    world.work().await;
    let before = world.fetched().len();
    world.post(&world.event("update", "daily_sleep", &id)).await;
    let _release = hold(&world);
    let (worker, stop) = (world.webhooks.worker().clone(), never());
    let token = stop.clone();
    let fetch = tokio::spawn(async move { worker.step(&token).await.unwrap() });
    asked(&world, before + 1).await;
    stop.cancel();
    fetch.await.unwrap();
    world.work().await;
    assert_eq!((world.fetched().len() - before, world.queued().await), (2, 0));
}

#[tokio::test]
async fn webhook_workers_never_fetch_one_document_concurrently() {
    let world = World::listening(store::testing::postgres().await).await;
    let (id, _) = world.a_night().await;
    let other = webhooks(&world.store, &world.base, &world.person, &world.clock, &mut Registry::default());
    let work = async |worker: &ingest::webhook::Worker| {
        while worker.step(&never()).await.unwrap() == StepOutcome::One {}
    };
    tokio::join!(work(world.webhooks.worker()), work(other.worker()));
    let mut fetched = world.fetched();
    assert_eq!(fetched.len() as u64, world.events("queued"));
    fetched.sort();
    fetched.dedup();
    assert_eq!(fetched.len() as u64, world.events("queued"), "each once");

    let before = world.fetched().len();
    world.post(&world.event("update", "daily_sleep", &id)).await;
    let release = hold(&world);
    let worker = world.webhooks.worker().clone();
    let fetch = tokio::spawn(async move { worker.step(&never()).await.unwrap() });
    asked(&world, before + 1).await;
    assert_eq!(other.worker().step(&never()).await.unwrap(), StepOutcome::Nothing);
    // Its worker may have died: after the lease another takes it.
    world.pass(121);
    assert_eq!(other.worker().step(&never()).await.unwrap(), StepOutcome::One);
    release.notify_one();
    fetch.await.unwrap();
    assert_eq!(world.queued().await, 0);
}

#[tokio::test]
async fn webhook_document_that_keeps_failing_is_rejected_and_listed() {
    let (world, _folder) = listening().await;
    world.cloud.faults().always("/v2/usercollection/workout", Fault::Status(422));
    world.post(&world.event("create", "workout", "poison")).await;
    for _ in 0..19 {
        assert_eq!(world.step().await, StepOutcome::One);
        assert_eq!(world.step().await, StepOutcome::Nothing, "it waits");
        world.pass(6_000);
    }
    assert_eq!(world.queued().await, 1);
    world.work().await;
    assert_eq!((world.queued().await, world.fetches("rejected")), (0, 1));
    let reason = "webhook event, but not fetched in 20 attempts: refused".to_owned();
    assert_eq!(world.store.rejections(world.person.id).await.unwrap(), [("workout".to_owned(), reason, 1)]);
}

#[tokio::test]
async fn webhook_retry_is_not_counted_for_token_or_rate_limit_failures() {
    let (world, _folder) = listening().await;
    let (_, score) = world.a_night().await;
    let waiting = world.queued().await;
    let minute = std::time::Duration::from_mins(1);
    for (fault, done) in [
        // No other person has to wait until this one has logged in.
        (Fault::Revoked, StepOutcome::One),
        (Fault::TooManyRequests { retry_after: 7 }, StepOutcome::Pause(minute)),
        (Fault::TooManyRequests { retry_after: 3_600 }, StepOutcome::Pause(60 * minute)),
    ] {
        // A process of its own: what Oura asks of one is kept by the clock of the machine, which does not move here.
        let process =
            webhooks(&world.store, &world.base, &world.person, &world.clock, &mut Registry::default());
        world.cloud.faults().next("/v2/usercollection/", 1, &fault);
        assert_eq!(process.worker().step(&never()).await.unwrap(), done, "{fault:?}");
    }
    assert_eq!(world.queued().await, waiting);
    world.pass(3_700);
    world.work().await;
    assert_eq!((world.queued().await, world.scores().await), (0, vec![("2026-03-10".to_owned(), score)]));
}

#[tokio::test]
async fn webhook_event_without_scope_is_dropped() {
    let (store, _folder) = store::testing::sqlite().await;
    let world = World::with_scopes(store, &["workout"]).await.listen().await;
    world.a_night().await;
    world.work().await;
    assert!(world.fetches("not_consented") > 4);
    assert_eq!((world.queued().await, world.fetches("postponed"), world.scores().await), (0, 0, Vec::new()));
    assert_eq!(world.store.rejections(world.person.id).await.unwrap(), []);
}

#[tokio::test]
async fn webhook_document_of_the_wrong_shape_is_rejected() {
    let (world, _folder) = listening().await;
    let (id, _) = world.a_night().await;
    world.work().await;
    world.post(&world.event("update", "daily_sleep", &id)).await;
    world.cloud.faults().next("/v2/usercollection/daily_sleep", 1, &Fault::Garbage);
    world.work().await;
    assert_eq!(world.queued().await, 1, "no JSON at all is asked for again");
    let wrong = Fault::WrongShape(day("2026-03-10").date(), Wrong::Text("score"));
    world.cloud.faults().next("/v2/usercollection/daily_sleep", 1, &wrong);
    world.pass(60);
    world.work().await;
    assert_eq!((world.queued().await, world.fetches("unreadable")), (0, 1));
    let reasons = world.store.rejections(world.person.id).await.unwrap();
    assert_eq!(reasons, [("daily_sleep".to_owned(), "/score: expected a number".to_owned(), 1)]);
}
