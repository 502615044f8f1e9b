//! People come and go.

use std::collections::BTreeMap;

use domain::{Collection, Rejected};
use store::{Batch, Store};

use crate::fixtures::{batch, day, me, now, score, sleep};

/// Everything there is to have.
async fn live(store: &Store, name: &str) -> i64 {
    let person = store.ensure_person(&name.parse().unwrap(), "UTC", now()).await.unwrap();
    for value in [80, 75] {
        let rejected = Rejected { id: "x".into(), reason: "no JSON".into(), body: "?".into() };
        let batch = Batch {
            rejected: vec![rejected],
            ..batch(&person, Collection::DailySleep, vec![score("2026-03-01", value)])
        };
        store.apply(&batch, now()).await.unwrap();
    }
    let night = sleep("n", "2026-03-01", "long_sleep", (1, 7), &[Some(50.0)]);
    store.apply(&batch(&person, Collection::Sleep, vec![night]), now()).await.unwrap();
    assert!(store.take_sync_lease(person.id, "worker", now(), now()).await.unwrap());
    person.id
}

pub(crate) async fn removing_a_person_leaves_nothing_and_keeps_the_others(store: Store) {
    let (ann, bob) = (live(&store, "ann").await, live(&store, "bob").await);
    let before = store::testing::rows_by_person(&store).await;
    let of = |rows: &BTreeMap<(String, i64), i64>, person| -> BTreeMap<String, i64> {
        let rows = rows.iter().filter(|((_, whose), _)| *whose == person);
        rows.map(|((table, _), count)| (table.clone(), *count)).collect()
    };
    for table in
        ["document", "document_revision", "rejected", "daily", "series", "latest", "sync_state", "lease"]
    {
        assert!(of(&before, ann).contains_key(table), "{table} has something to remove");
    }
    assert!(store.remove_person(ann).await.unwrap());
    let after = store::testing::rows_by_person(&store).await;
    assert_eq!(of(&after, ann), BTreeMap::new());
    assert_eq!(of(&after, bob), of(&before, bob));
    assert!(store.person("ann").await.unwrap().is_none());
    assert!(!store.remove_person(ann).await.unwrap(), "no person is removed twice");

    // A name that comes back is a new person with no past.
    let again = live(&store, "ann").await;
    let totals = store.totals(again).await.unwrap();
    assert_eq!((totals.documents, totals.revisions), (2, 1), "{}", day("2026-03-01"));
    assert!(again > bob, "a number is never given twice: {again}");
    assert!(store.remove_person(again).await.unwrap());
    assert!(me(&store).await.id > again);
}

pub(crate) async fn person_added_concurrently_is_one_person(store: Store) {
    let adding = (0..8).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { me(&store).await })
    });
    let mut added = Vec::new();
    for person in adding.collect::<Vec<_>>() {
        added.push(person.await.unwrap());
    }
    added.dedup();
    assert_eq!(added, store.people().await.unwrap());
}

/// The law behind it: whatever table is added has to be emptied too.
#[tokio::test]
async fn removing_a_person_empties_every_table() {
    let (store, _folder) = store::testing::sqlite().await;
    let removals = store::testing::tables_of_people(&store).await;
    assert!(removals.len() > 8, "{removals:?}");
    for table in removals {
        assert!(store::testing::removes(&table), "`remove_person` leaves `{table}` as it is");
    }
}
