//! Turns: who is read next, and by whom.

use store::{Person, Store};

use crate::fixtures::at;

async fn person(store: &Store, name: &str) -> Person {
    store.ensure_person(&name.parse().unwrap(), "UTC", at("2026-06-01T08:00:00Z")).await.unwrap()
}

async fn due(store: &Store, now: &str) -> Vec<String> {
    let due = store.people_due(10, at(now)).await.unwrap();
    due.iter().map(|person| person.name.to_string()).collect()
}

pub(crate) async fn due_people_are_leased_once_longest_due_first(store: Store) {
    let (ann, bob, cleo) =
        (person(&store, "ann").await, person(&store, "bob").await, person(&store, "cleo").await);
    assert_eq!(
        due(&store, "2026-06-01T08:00:00Z").await,
        ["ann", "bob", "cleo"],
        "new people are due at once"
    );
    assert_eq!(store.people_due(2, at("2026-06-01T08:00:00Z")).await.unwrap(), [ann.clone(), bob.clone()]);

    let (now, until) = (at("2026-06-01T08:00:00Z"), at("2026-06-01T08:00:30Z"));
    assert!(store.take_sync_lease(ann.id, "one", until, now).await.unwrap());
    assert!(!store.take_sync_lease(ann.id, "two", until, now).await.unwrap());
    assert_eq!(due(&store, "2026-06-01T08:00:10Z").await, ["bob", "cleo"], "ann is being read");
    store.finish_sync_lease(ann.id, "one", at("2026-06-01T08:10:00Z")).await.unwrap();
    assert!(!store.is_person_due(ann.id, at("2026-06-01T08:09:59.9Z")).await.unwrap());
    assert!(store.is_person_due(ann.id, at("2026-06-01T08:10:00.1Z")).await.unwrap());

    store.finish_sync_lease(bob.id, "one", at("2026-06-01T08:05:00Z")).await.unwrap();
    assert_eq!(due(&store, "2026-06-01T08:20:00Z").await, ["cleo", "bob", "ann"]);
    store.schedule_sync(ann.id, None).await.unwrap();
    assert_eq!(due(&store, "2026-06-01T08:01:00Z").await, ["ann", "cleo"]);

    // A process that was killed keeps its lease; it is free when it has ended.
    assert!(store.take_sync_lease(cleo.id, "killed", until, now).await.unwrap());
    assert_eq!(due(&store, "2026-06-01T08:00:29.9Z").await, ["ann"]);
    assert_eq!(due(&store, "2026-06-01T08:00:30Z").await, ["ann", "cleo"]);
    assert!(store.take_sync_lease(cleo.id, "other", at("2026-06-01T08:01:00Z"), until).await.unwrap());
    assert!(
        !store.take_sync_lease(cleo.id, "killed", at("2026-06-01T08:01:30Z"), until).await.unwrap(),
        "a holder that returns too late has lost it"
    );
}

#[tokio::test]
async fn embedded_leases_end_with_their_process() {
    let (store, folder) = store::testing::sqlite().await;
    let location = store::Location::Sqlite(folder.path().join("test.db"));
    let ann = person(&store, "ann").await;
    let (now, until) = (at("2026-06-01T08:00:00Z"), at("2026-06-01T08:00:30Z"));
    assert!(store.take_sync_lease(ann.id, "one", until, now).await.unwrap());
    let second = Store::open(&location).await.unwrap();
    assert!(!second.take_sync_lease(ann.id, "two", until, now).await.unwrap(), "the first still lives");
    drop(store);
    let third = Store::open(&location).await.unwrap();
    assert!(
        !third.take_sync_lease(ann.id, "three", until, now).await.unwrap(),
        "another process still lives"
    );
    drop((second, third));
    let alone = Store::open(&location).await.unwrap();
    assert!(alone.take_sync_lease(ann.id, "four", until, now).await.unwrap());
}

/// What a clock that was ahead, or an absurd answer of Oura's, left behind.
async fn far_future(store: Store) {
    let now = at("2026-06-01T08:00:00Z");
    let ann = store.ensure_person(&"ann".parse().unwrap(), "UTC", now).await.unwrap();
    for far in ["2026-06-02T10:00:00Z", "5195-01-01T00:00:00Z", "9999-12-30T22:00:00Z"] {
        store.schedule_sync(ann.id, Some(at(far))).await.unwrap();
        assert_eq!(store.people_due(2, now).await.unwrap(), std::slice::from_ref(&ann), "{far}");
        assert!(store.is_person_due(ann.id, now).await.unwrap(), "{far}");
        assert!(store.take_sync_lease(ann.id, "ahead", at(far), at(far)).await.unwrap(), "{far}");
        assert_eq!(store.people_due(2, now).await.unwrap(), std::slice::from_ref(&ann), "{far}");
        assert!(
            store.take_sync_lease(ann.id, "right", at("2026-06-01T08:00:30Z"), now).await.unwrap(),
            "{far}"
        );
        store.release_unused_sync_lease(ann.id, "right").await.unwrap();
    }
    // The longest interval is a day.
    store.schedule_sync(ann.id, Some(at("2026-06-02T08:00:00Z"))).await.unwrap();
    assert!(!store.is_person_due(ann.id, now).await.unwrap());
    assert!(store.people_due(2, now).await.unwrap().is_empty());
}

#[tokio::test]
async fn due_time_and_lease_in_the_far_future_count_as_past() {
    let (store, _folder) = store::testing::sqlite().await;
    far_future(store).await;
    far_future(store::testing::postgres().await).await;
}
