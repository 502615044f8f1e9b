//! Leases: one holder at a time.

use store::Store;

use crate::fixtures::at;

pub(crate) async fn lease_belongs_to_one_holder_until_it_ends(store: Store) {
    let take = async |holder: &str, until: &str, now: &str| {
        store.take_lease(1, "refresh", holder, at(until), at(now)).await.unwrap()
    };
    assert!(take("a", "2026-06-01T08:00:30Z", "2026-06-01T08:00:00Z").await);
    assert!(!take("b", "2026-06-01T08:00:40Z", "2026-06-01T08:00:10Z").await, "it is taken");
    assert!(take("a", "2026-06-01T08:00:50Z", "2026-06-01T08:00:20Z").await, "the holder prolongs it");
    assert!(!take("b", "2026-06-01T08:01:10Z", "2026-06-01T08:00:40Z").await, "it was prolonged");
    assert!(take("b", "2026-06-01T08:01:20Z", "2026-06-01T08:00:50Z").await, "it has ended");
    assert!(!take("a", "2026-06-01T08:02:00Z", "2026-06-01T08:01:00Z").await, "another holder has it now");
    assert!(
        store
            .take_lease(1, "another", "a", at("2026-06-01T09:00:00Z"), at("2026-06-01T08:00:00Z"))
            .await
            .unwrap()
    );
    assert!(
        store
            .take_lease(2, "refresh", "a", at("2026-06-01T09:00:00Z"), at("2026-06-01T08:00:00Z"))
            .await
            .unwrap()
    );

    store.release_lease(1, "refresh", "a").await.unwrap();
    assert!(!take("c", "2026-06-01T08:02:00Z", "2026-06-01T08:01:00Z").await, "only its holder ends a lease");
    store.release_lease(1, "refresh", "b").await.unwrap();
    store.release_lease(1, "refresh", "b").await.unwrap();
    assert!(take("c", "2026-06-01T08:02:00.5Z", "2026-06-01T08:01:00Z").await);
    for now in ["2026-06-01T08:02:00Z", "2026-06-01T08:02:00.4Z", "2026-06-01T08:02:00.499999Z"] {
        assert!(!take("d", "2026-06-01T08:03:00Z", now).await, "fractions of a second count: {now}");
    }
    assert!(take("d", "2026-06-01T08:03:00Z", "2026-06-01T08:02:00.5Z").await);
}

pub(crate) async fn lease_is_taken_by_one_of_many(store: Store) {
    let attempts: Vec<_> = (0..8)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                let (now, until) = (at("2026-06-01T08:00:00Z"), at("2026-06-01T08:00:30Z"));
                store.take_lease(1, "refresh", &format!("holder-{n}"), until, now).await.unwrap()
            })
        })
        .collect();
    let mut taken = 0;
    for attempt in attempts {
        taken += u32::from(attempt.await.unwrap());
    }
    assert_eq!(taken, 1);
}
