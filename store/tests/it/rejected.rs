//! What could not be read, and what is not known.

use domain::drift::Drift;
use domain::{Collection, Day, DayRange, Document, Metric, Rejected};
use serde_json::json;
use store::{Batch, Origin, Store};

use crate::fixtures::{at, batch, day, document, me, newest, now, put, score, values};

fn aside(id: &str, body: &str) -> Rejected {
    Rejected { id: id.into(), reason: "of a version that knew less".into(), body: body.into() }
}

async fn put_aside(store: &Store, collection: Collection, rejected: Vec<Rejected>) {
    let batch = Batch { rejected, ..batch(&me(store).await, collection, Vec::new()) };
    store.apply(&batch, at("2026-03-10T12:00:00Z")).await.unwrap();
}

async fn rebuild(store: &Store, collection: Collection) -> usize {
    store.rebuild(&me(store).await, collection, now(), |_, _| ()).await.unwrap()
}

async fn left(store: &Store) -> i64 {
    store.totals(me(store).await.id).await.unwrap().rejected
}

pub(crate) async fn rebuild_retries_rejected_documents(store: Store) {
    let body = score("2026-03-09", 77).body;
    let broken = r#"{"id": "x", "day": "2026-03-09", "score": "high"}"#;
    put_aside(&store, Collection::DailySleep, vec![aside("score-2026-03-09", &body), aside("x", broken)])
        .await;
    assert_eq!(rebuild(&store, Collection::DailySleep).await, 1);
    assert_eq!(values(&store, "sleep_score").await, [("2026-03-09".to_owned(), 77.0)]);
    assert_eq!(newest(&store, "sleep_score").await, Some(("2026-03-09".into(), 77.0)));
    let state = &store.sync_states(me(&store).await.id).await.unwrap()[0];
    assert_eq!(state.newest_day, Some(day("2026-03-09")));
    assert_eq!(state.last_success_at, Some(at("2026-03-10T12:00:00Z")), "a rebuild has not asked Oura");
    assert_eq!(left(&store).await, 1, "what still cannot be read stays");
    assert_eq!(rebuild(&store, Collection::DailySleep).await, 0);
}

pub(crate) async fn rejected_newer_body_replaces_the_stored_one_once_it_is_read(store: Store) {
    put(&store, Collection::DailySleep, vec![score("2026-03-09", 71)]).await;
    let newer = score("2026-03-09", 85);
    let rejected = aside(&newer.id, &newer.body);
    let answer =
        Batch { rejected: vec![rejected], ..batch(&me(&store).await, Collection::DailySleep, Vec::new()) };
    store.apply(&answer, now() + jiff::SignedDuration::from_hours(1)).await.unwrap();
    let older = Batch {
        origin: Origin::Import,
        rejected: vec![aside(&newer.id, "{\"file\":\"a.csv\"}")],
        ..batch(&me(&store).await, Collection::DailySleep, Vec::new())
    };
    store.apply(&older, now() + jiff::SignedDuration::from_hours(2)).await.unwrap();
    assert_eq!(rebuild(&store, Collection::DailySleep).await, 1, "the archive has not replaced it");
    assert_eq!(values(&store, "sleep_score").await, [("2026-03-09".to_owned(), 85.0)]);
    assert_eq!(left(&store).await, 0);
}

pub(crate) async fn undated_rejection_outlives_a_response_about_fewer_days(store: Store) {
    let answer = async |from: &str, rejected: Vec<Rejected>| {
        let covered = Some(DayRange::new(day(from), day("2026-03-09")).unwrap());
        let documents = vec![score("2026-03-09", 71)];
        let answer =
            Batch { covered, rejected, ..batch(&me(&store).await, Collection::DailySleep, documents) };
        store.apply(&answer, now()).await.unwrap();
        left(&store).await
    };
    let undated = Document::parse(Collection::DailySleep, r#"{"id": "x", "day": "20 Feb"}"#).unwrap_err();
    assert_eq!(answer("2026-02-10", vec![undated]).await, 1);
    assert_eq!(answer("2026-03-03", Vec::new()).await, 1, "it may be of February");
    assert_eq!(answer("2026-02-09", Vec::new()).await, 0);
}

pub(crate) async fn rejected_document_does_not_replace_a_newer_one(store: Store) {
    put_aside(&store, Collection::DailySleep, vec![aside("content-1", &score("2026-03-09", 60).body)]).await;
    put(&store, Collection::DailySleep, vec![score("2026-03-09", 77)]).await;
    assert_eq!(rebuild(&store, Collection::DailySleep).await, 0);
    assert_eq!(values(&store, "sleep_score").await, [("2026-03-09".to_owned(), 77.0)]);
    assert_eq!(left(&store).await, 1);
}

fn row(minute: u8, bpm: impl Into<serde_json::Value>) -> String {
    let bpm = bpm.into();
    json!({"timestamp": format!("2026-03-09T10:{minute:02}:00Z"), "bpm": bpm, "source": "rest"}).to_string()
}

async fn points(store: &Store) -> Vec<f64> {
    let metric = Metric::by_key("heart_rate_rest").unwrap();
    let range = DayRange::new(Day::FIRST, Day::LAST).unwrap();
    let series = store.series(me(store).await.id, metric, range).await.unwrap();
    series.iter().flat_map(|stored| stored.series.points().map(|(_, bpm)| bpm).collect::<Vec<_>>()).collect()
}

fn gathered(rows: &[String]) -> Vec<Document> {
    Document::group_rows(Collection::HeartRate, rows.iter().map(String::as_str)).0
}

pub(crate) async fn rejected_rows_join_their_day(store: Store) {
    let stored = [row(0, 50), row(2, 52)];
    put(&store, Collection::HeartRate, gathered(&stored)).await;
    let rejected = [row(1, 51), row(2, 99), row(3, "high")];
    let rejected = rejected.iter().enumerate().map(|(n, row)| aside(&format!("content-{n}"), row)).collect();
    put_aside(&store, Collection::HeartRate, rejected).await;
    assert_eq!(rebuild(&store, Collection::HeartRate).await, 2);
    assert_eq!(points(&store).await, [50.0, 51.0, 52.0], "what was stored wins");
    assert_eq!(left(&store).await, 1);
    assert_eq!(store.totals(me(&store).await.id).await.unwrap().documents, 1);
}

pub(crate) async fn rejected_rows_end_when_their_day_arrives_complete(store: Store) {
    let bad = [row(3, "high"), r#"{"timestamp": "2026-03-08T10:00:00Z", "bpm": []}"#.to_owned()];
    let (_, rejected) = Document::group_rows(Collection::HeartRate, bad.iter().map(String::as_str));
    put_aside(&store, Collection::HeartRate, rejected.clone()).await;
    let mut again = batch(&me(&store).await, Collection::HeartRate, gathered(&[row(3, 53)]));
    again.covered = DayRange::new(day("2026-03-09"), day("2026-03-10")).ok();
    again.rejected = vec![rejected[0].clone()];
    store.apply(&again, now()).await.unwrap();
    assert_eq!(left(&store).await, 2, "it came again as bad as it was");
    again.rejected.clear();
    store.apply(&again, now()).await.unwrap();
    assert_eq!(left(&store).await, 1, "the other day has not come");
}

pub(crate) async fn rejected_profile_is_filed_under_its_day(store: Store) {
    let profile = json!({"id": "u", "weight": 70.5}).to_string();
    put_aside(&store, Collection::PersonalInfo, vec![aside("content-1", &profile)]).await;
    assert_eq!(rebuild(&store, Collection::PersonalInfo).await, 1);
    assert_eq!(values(&store, "body_weight").await, [("2026-03-10".to_owned(), 70_500.0)]);
}

pub(crate) async fn drift_is_counted_once_per_change(store: Store) {
    let night = |snoring: i64, kind: &str| {
        let body = json!({"id": "n", "day": "2026-03-01", "type": kind, "snoring": snoring});
        vec![document(Collection::Sleep, &body)]
    };
    put(&store, Collection::Sleep, night(7, "long_sleep")).await;
    put(&store, Collection::Sleep, night(7, "long_sleep")).await;
    put(&store, Collection::Sleep, night(8, "siesta")).await;
    let person = me(&store).await.id;
    let seen: Vec<(Drift, i64)> =
        store.drift(person).await.unwrap().into_iter().map(|seen| (seen.drift, seen.documents)).collect();
    let drift = |pointer: &str, word: &str| Drift { pointer: pointer.into(), word: word.into() };
    assert_eq!(seen, [(drift("/snoring", ""), 2), (drift("/type", "siesta"), 1)]);
    let counts = store.drift_counts().await.unwrap();
    assert_eq!(counts, [("sleep".into(), "/snoring".into(), 2), ("sleep".into(), "/type".into(), 1)]);
}

pub(crate) async fn drift_table_is_bounded(store: Store) {
    for n in 0..100 {
        let field = |m: i64| (format!("field_{n}_{m}"), json!(m));
        let mut body = (0..10).map(field).collect::<serde_json::Map<_, _>>();
        body.extend([("id".to_owned(), json!("s")), ("day".to_owned(), json!("2026-03-01"))]);
        put(&store, Collection::DailySleep, vec![document(Collection::DailySleep, &body.into())]).await;
    }
    assert_eq!(store.drift(me(&store).await.id).await.unwrap().len(), 64);
}

pub(crate) async fn daily_values_are_in_requested_order(store: Store) {
    put(&store, Collection::DailySleep, vec![score("2026-03-02", 80), score("2026-03-01", 70)]).await;
    let metrics =
        ["sleep_contributor_timing", "sleep_naps", "sleep_score"].map(|key| Metric::by_key(key).unwrap());
    let range = DayRange::ending(day("2026-03-31"), 31);
    let person = me(&store).await.id;
    let found = store.daily_of(person, &metrics, range).await.unwrap();
    let (first, second) = (day("2026-03-01"), day("2026-03-02"));
    assert_eq!(found, [vec![(first, 70.0), (second, 70.0)], vec![], vec![(first, 70.0), (second, 80.0)]]);
    assert!(store.daily_of(person, &[], range).await.unwrap().is_empty());
}
