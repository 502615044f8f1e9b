//! What Oura takes back.

use domain::Collection;
use store::Store;

use crate::fixtures::{at, day, me, newest, newest_values, now, put, put_at, score, sleep, values};

async fn withdraw(store: &Store, collection: Collection, ids: &[&str]) -> usize {
    store.withdraw(me(store).await.id, collection, ids, now()).await.unwrap()
}

async fn counted(store: &Store) -> (i64, i64) {
    let totals = store.totals(me(store).await.id).await.unwrap();
    (totals.documents, totals.revisions)
}

async fn newest_day(store: &Store) -> Option<domain::Day> {
    store.sync_states(me(store).await.id).await.unwrap()[0].newest_day
}

pub(crate) async fn withdrawn_document_leaves_its_day_and_stays_as_a_revision(store: Store) {
    let night = sleep("night", "2026-03-01", "long_sleep", (0, 7), &[Some(48.0)]);
    let nap = sleep("nap", "2026-03-02", "late_nap", (14, 15), &[]);
    let second = sleep("second", "2026-03-02", "long_sleep", (0, 8), &[]);
    put(&store, Collection::Sleep, vec![night, nap, second]).await;
    put(&store, Collection::DailySleep, vec![score("2026-03-02", 80)]).await;
    assert_eq!(withdraw(&store, Collection::Sleep, &["nap", "unknown"]).await, 1);
    assert_eq!(newest(&store, "sleep_naps").await, Some(("2026-03-02".into(), 0.0)), "no nap is a fact now");
    assert_eq!(withdraw(&store, Collection::Sleep, &["second"]).await, 1);
    assert_eq!(values(&store, "sleep_time_in_bed").await, [("2026-03-01".to_owned(), 25_200.0)]);
    assert_eq!(newest(&store, "sleep_time_in_bed").await, Some(("2026-03-01".into(), 25_200.0)));
    let states = store.sync_states(me(&store).await.id).await.unwrap();
    let newest: Vec<_> = states.iter().map(|state| (state.collection, state.newest_day.unwrap())).collect();
    assert_eq!(
        newest,
        [(Collection::DailySleep, day("2026-03-02")), (Collection::Sleep, day("2026-03-01"))],
        "the others stay"
    );
    assert_eq!(counted(&store).await, (2, 2));
}

pub(crate) async fn withdrawal_repeated_changes_nothing(store: Store) {
    put(&store, Collection::DailySleep, vec![score("2026-03-01", 80), score("2026-03-02", 90)]).await;
    assert_eq!(withdraw(&store, Collection::DailySleep, &["score-2026-03-02"]).await, 1);
    let before = (counted(&store).await, newest_values(&store).await, store.watermark().await.unwrap());
    let mut changes = store.subscribe();
    changes.mark_unchanged();
    assert_eq!(withdraw(&store, Collection::DailySleep, &["score-2026-03-02"]).await, 0);
    assert_eq!(withdraw(&store, Collection::DailySleep, &[]).await, 0);
    let person = me(&store).await.id;
    let elsewhere = store.withdraw(person + 1, Collection::DailySleep, &["score-2026-03-01"], now()).await;
    assert_eq!(elsewhere.unwrap(), 0, "an id is its owner's alone");
    assert!(!changes.has_changed().unwrap());
    assert_eq!(
        (counted(&store).await, newest_values(&store).await, store.watermark().await.unwrap()),
        before
    );
}

pub(crate) async fn document_that_returns_continues_its_revisions(store: Store) {
    for score_then in [80, 81, 82] {
        put(&store, Collection::DailySleep, vec![score("2026-03-01", score_then)]).await;
    }
    for turn in 0..3 {
        assert_eq!(counted(&store).await, (1, 2 + turn));
        assert_eq!(withdraw(&store, Collection::DailySleep, &["score-2026-03-01"]).await, 1);
        assert_eq!(values(&store, "sleep_score").await, []);
        let applied = put(&store, Collection::DailySleep, vec![score("2026-03-01", 82)]).await;
        assert_eq!((applied.new, applied.changed), (1, 0));
        assert_eq!(values(&store, "sleep_score").await, [("2026-03-01".to_owned(), 82.0)]);
        assert_eq!(newest(&store, "sleep_score").await, Some(("2026-03-01".into(), 82.0)));
    }
    put(&store, Collection::DailySleep, vec![score("2026-03-01", 60)]).await;
    assert_eq!(counted(&store).await, (1, 6), "no two revisions share a number");
}

pub(crate) async fn withdrawal_of_the_last_document_removes_latest_values(store: Store) {
    put(&store, Collection::DailySleep, vec![score("2026-03-01", 80)]).await;
    assert_eq!(withdraw(&store, Collection::DailySleep, &["score-2026-03-01"]).await, 1);
    assert_eq!(newest_values(&store).await, []);
    assert_eq!(newest_day(&store).await, None);
    put(&store, Collection::DailySleep, vec![score("2026-02-01", 70)]).await;
    assert_eq!(newest(&store, "sleep_score").await, Some(("2026-02-01".into(), 70.0)));
}

pub(crate) async fn withdrawn_progress_is_kept_as_a_revision(store: Store) {
    let body = serde_json::json!({"id": "a", "day": "2026-03-01", "steps": 100});
    let running = crate::fixtures::document(Collection::DailyActivity, &body);
    put_at(&store, Collection::DailyActivity, vec![running], at("2026-03-01T10:00:00Z")).await;
    assert_eq!(withdraw(&store, Collection::DailyActivity, &["a"]).await, 1);
    assert_eq!(counted(&store).await, (0, 1), "there is no newer state that holds it");
}
