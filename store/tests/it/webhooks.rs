//! The queue of announced documents, one rule a case.

use domain::{Change, Collection};
use jiff::{SignedDuration, Timestamp};
use store::{EnqueuedEvent, EventLease, QueueDepth, Store, WebhookEvent};

use crate::fixtures::{me, now};

const ROOM: i64 = 3;

fn later(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

async fn announced(store: &Store, id: &str, change: Change, seconds: i64) -> EnqueuedEvent {
    let person = me(store).await.id;
    let event = WebhookEvent {
        person,
        collection: Collection::Sleep,
        id: id.into(),
        change,
        event_at: later(seconds),
    };
    store.enqueue_event(&event, ROOM, now()).await.unwrap()
}

/// Claims at `seconds` for a minute.
async fn claimed(store: &Store, seconds: i64) -> Option<EventLease> {
    let person = me(store).await.id;
    store.claim_event(person, later(seconds + 60), later(seconds)).await.unwrap()
}

async fn length(store: &Store) -> i64 {
    store.event_queue(Some(me(store).await.id)).await.unwrap().length
}

pub(crate) async fn repeated_webhook_event_is_queued_once(store: Store) {
    assert_eq!(announced(&store, "a", Change::Create, 0).await, EnqueuedEvent::New);
    assert_eq!(announced(&store, "a", Change::Delete, 5).await, EnqueuedEvent::Merged);
    assert_eq!(announced(&store, "a", Change::Update, 4).await, EnqueuedEvent::Old);
    let queue = store.event_queue(None).await.unwrap();
    assert_eq!(queue, QueueDepth { length: 1, oldest: Some(now()) });
    let claim = claimed(&store, 10).await.unwrap();
    assert_eq!((claim.event.change, claim.event.event_at), (Change::Delete, later(5)));
    assert!(store.finish_event(&claim).await.unwrap());
    assert_eq!(length(&store).await, 0);
}

pub(crate) async fn webhook_event_enqueued_during_its_fetch_is_fetched_again(store: Store) {
    announced(&store, "a", Change::Create, 0).await;
    let claim = claimed(&store, 1).await.unwrap();
    announced(&store, "a", Change::Update, 0).await;
    assert_eq!(claimed(&store, 2).await, None, "one fetch at a time");
    assert!(!store.finish_event(&claim).await.unwrap(), "something newer waits");
    let again = claimed(&store, 3).await.unwrap();
    assert_eq!((again.event.change, again.attempts), (Change::Update, 1));
    assert!(store.finish_event(&again).await.unwrap());
    assert_eq!(claimed(&store, 4).await, None);
}

pub(crate) async fn expired_event_lease_is_taken_over_and_void(store: Store) {
    announced(&store, "a", Change::Create, 0).await;
    let dead = claimed(&store, 0).await.unwrap();
    assert_eq!(claimed(&store, 59).await, None);
    let alive = claimed(&store, 60).await.unwrap();
    assert_eq!(alive.attempts, 2);
    assert!(!store.finish_event(&dead).await.unwrap());
    store.postpone_event(&dead, later(0), true).await.unwrap();
    store.reject_event(&dead, "late", later(61)).await.unwrap();
    assert_eq!(claimed(&store, 62).await, None, "the claim of the living stands");
    assert!(store.finish_event(&alive).await.unwrap());
    assert_eq!(store.rejections(me(&store).await.id).await.unwrap(), []);
}

pub(crate) async fn postponed_event_waits_and_counts_its_own_failures(store: Store) {
    announced(&store, "a", Change::Create, 0).await;
    let claim = claimed(&store, 0).await.unwrap();
    store.postpone_event(&claim, later(100), true).await.unwrap();
    assert_eq!(claimed(&store, 99).await, None);
    let claim = claimed(&store, 100).await.unwrap();
    assert_eq!(claim.attempts, 2);
    store.postpone_event(&claim, later(100), false).await.unwrap();
    let claim = claimed(&store, 100).await.unwrap();
    assert_eq!(claim.attempts, 2);
    // News in the meantime is due at once, whatever was planned.
    announced(&store, "a", Change::Update, 100).await;
    store.postpone_event(&claim, later(9_000), true).await.unwrap();
    assert_eq!(claimed(&store, 101).await.unwrap().attempts, 1);
}

pub(crate) async fn event_given_up_is_listed_with_its_reason(store: Store) {
    announced(&store, "a", Change::Create, 0).await;
    let claim = claimed(&store, 0).await.unwrap();
    store.reject_event(&claim, "not fetched: scope", later(1)).await.unwrap();
    assert_eq!(length(&store).await, 0);
    let rejections = store.rejections(me(&store).await.id).await.unwrap();
    assert_eq!(rejections, [("sleep".to_owned(), "not fetched: scope".to_owned(), 1)]);
}

pub(crate) async fn full_event_queue_accepts_only_documents_it_has(store: Store) {
    for id in ["a", "b", "c"] {
        assert_eq!(announced(&store, id, Change::Create, 0).await, EnqueuedEvent::New);
    }
    assert_eq!(announced(&store, "d", Change::Create, 0).await, EnqueuedEvent::Full);
    assert_eq!(announced(&store, "c", Change::Update, 1).await, EnqueuedEvent::Merged);
    assert_eq!(length(&store).await, ROOM);
}

pub(crate) async fn event_due_longest_is_leased_first(store: Store) {
    announced(&store, "b", Change::Create, 0).await;
    announced(&store, "a", Change::Create, 0).await;
    let first = claimed(&store, 0).await.unwrap();
    store.postpone_event(&first, later(5), true).await.unwrap();
    let mut ids = Vec::new();
    while let Some(claim) = claimed(&store, 6).await {
        ids.push(claim.event.id);
    }
    assert_eq!(ids, ["b", "a"]);
}

pub(crate) async fn concurrent_event_leases_never_share_a_document(store: Store) {
    let person = me(&store).await.id;
    for n in 0..24 {
        let event = WebhookEvent {
            person,
            collection: Collection::Sleep,
            id: n.to_string(),
            change: Change::Create,
            event_at: now(),
        };
        store.enqueue_event(&event, 100, now()).await.unwrap();
    }
    let workers = (0..4).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut ids = Vec::new();
            while let Some(claim) = store.claim_event(person, later(60), later(1)).await.unwrap() {
                ids.push(claim.event.id);
            }
            ids
        })
    });
    let mut all = Vec::new();
    for worker in workers.collect::<Vec<_>>() {
        all.extend(worker.await.unwrap());
    }
    assert_eq!(all.len(), 24);
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 24);
}
