//! Numbers that other rules derived are derived again.

use domain::{Collection, Day, Rejected};
use store::{Rederived, Store, testing};

use crate::fixtures::{at, batch, day, me, newest, now, put, score, values};

fn scores(first: &str, days: i64) -> Vec<domain::Document> {
    let first = day(first);
    (0..days).map(|n| score(&first.plus(n).to_string(), 60 + n % 30)).collect()
}

async fn rederive(store: &Store, collection: Collection) -> Rederived {
    store.rederive(me(store).await.id, collection, now()).await.unwrap()
}

pub(crate) async fn stale_numbers_are_derived_again_from_the_newest_day(store: Store) {
    put(&store, Collection::DailySleep, scores("2025-11-01", 150)).await;
    put(&store, Collection::DailySleep, scores("2024-01-01", 3)).await;
    let right = values(&store, "sleep_score").await;
    let person = me(&store).await.id;
    assert_eq!(store.stale_collections(Some(person)).await.unwrap(), [], "derived by this version");
    assert_eq!(rederive(&store, Collection::DailySleep).await, Rederived::Current);

    testing::derive_by_other_rules(&store).await;
    assert_eq!(store.stale_collections(Some(person)).await.unwrap(), [Collection::DailySleep]);
    assert_eq!(store.stale_collections(None).await.unwrap(), [Collection::DailySleep]);
    assert_eq!(store.stale_derivations().await.unwrap(), [(person, Collection::DailySleep)]);
    let revision = async || store.person_at("me").await.unwrap().unwrap().1;
    let before = revision().await;
    let newest_day: Day = day("2026-03-30");
    assert_eq!(rederive(&store, Collection::DailySleep).await, Rederived::Until(newest_day.plus(-60)));
    assert!(revision().await > before, "cached responses are made again");
    let half = values(&store, "sleep_score").await;
    assert_eq!(half[half.len() - 60..], right[right.len() - 60..], "the newest days are right");
    assert!(half[0].1 >= 1000.0, "the others are not yet");
    assert_eq!(store.stale_collections(Some(person)).await.unwrap(), [Collection::DailySleep]);

    // Days without documents are not walked through.
    let mut steps = 1;
    while rederive(&store, Collection::DailySleep).await != Rederived::Current {
        steps += 1;
    }
    assert_eq!(steps, 3);
    assert_eq!(values(&store, "sleep_score").await, right);
    assert_eq!(store.stale_collections(None).await.unwrap(), []);
    assert_eq!(store.stale_derivations().await.unwrap(), []);
}

pub(crate) async fn documents_of_a_stale_collection_do_not_make_it_current(store: Store) {
    put(&store, Collection::DailySleep, scores("2026-03-01", 3)).await;
    testing::derive_by_other_rules(&store).await;
    put(&store, Collection::DailySleep, vec![score("2026-03-04", 80)]).await;
    let person = me(&store).await.id;
    assert_eq!(store.stale_collections(Some(person)).await.unwrap(), [Collection::DailySleep]);
    put(&store, Collection::DailyReadiness, Vec::new()).await;
    assert_eq!(store.stale_collections(None).await.unwrap(), [Collection::DailySleep]);
    assert_eq!(rederive(&store, Collection::DailySleep).await, Rederived::Current);
    let all = values(&store, "sleep_score").await;
    assert!(all.len() == 4 && all.iter().all(|(_, value)| *value < 1000.0), "{all:?}");
}

pub(crate) async fn documents_stored_while_deriving_again_keep_its_progress(store: Store) {
    put(&store, Collection::DailySleep, scores("2025-11-01", 150)).await;
    testing::derive_by_other_rules(&store).await;
    let until = rederive(&store, Collection::DailySleep).await;
    assert!(matches!(until, Rederived::Until(_)));
    put(&store, Collection::DailySleep, vec![score("2026-03-31", 80)]).await;
    assert!(matches!(rederive(&store, Collection::DailySleep).await, Rederived::Until(_)));
    assert_eq!(rederive(&store, Collection::DailySleep).await, Rederived::Current);
    assert_eq!(newest(&store, "sleep_score").await, Some(("2026-03-31".into(), 80.0)));
    assert!(values(&store, "sleep_score").await.iter().all(|(_, value)| *value < 1000.0));
}

pub(crate) async fn deriving_again_reads_rejected_documents(store: Store) {
    let person = me(&store).await;
    let body = score("2026-03-01", 80).body;
    let rejected =
        Rejected { id: "score-2026-03-01".into(), reason: "unknown to an older version".into(), body };
    let answer =
        store::Batch { rejected: vec![rejected], ..batch(&person, Collection::DailySleep, Vec::new()) };
    store.apply(&answer, now()).await.unwrap();
    put(&store, Collection::DailySleep, vec![score("2026-03-02", 70)]).await;
    testing::derive_by_other_rules(&store).await;
    assert_eq!(rederive(&store, Collection::DailySleep).await, Rederived::Current);
    let expected = [("2026-03-01".to_owned(), 80.0), ("2026-03-02".to_owned(), 70.0)];
    assert_eq!(values(&store, "sleep_score").await, expected);
    assert_eq!(store.totals(person.id).await.unwrap().rejected, 0);
}

pub(crate) async fn database_of_an_older_version_is_stale_and_its_times_are_in_order(store: Store) {
    put(&store, Collection::DailySleep, scores("2026-03-01", 3)).await;
    let person = me(&store).await;
    testing::undo_newest_migrations(&store).await;
    store.migrate().await.unwrap();
    assert_eq!(store.stale_collections(Some(person.id)).await.unwrap(), [Collection::DailySleep]);
    let due = async |now| store.people_due(9, at(now)).await.unwrap().len();
    assert_eq!(due("2026-06-01T08:00:00Z").await, 0, "half a second before");
    assert_eq!(due("2026-06-01T08:00:00.5Z").await, 1);
    assert_eq!(rederive(&store, Collection::DailySleep).await, Rederived::Current);
    assert_eq!(store.stale_collections(None).await.unwrap(), []);
}
