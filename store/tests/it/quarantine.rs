//! Documents of the future, and rejected documents that are corrected, deleted or due.

use domain::document::AHEAD;
use domain::{Collection, DayRange, Document, Rejected};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use store::{Applied, Batch, Origin, Store};

use crate::fixtures::{at, batch, day, document, me, newest, now, put_at, score, sleep, values};

/// A Saturday afternoon.
const TODAY: &str = "2026-11-28T15:00:00Z";

fn today() -> Timestamp {
    at(TODAY)
}

fn rows(rows: &[(&str, i64)]) -> Vec<Document> {
    let row = |(at, bpm): &(&str, i64)| json!({"timestamp": at, "bpm": bpm, "source": "awake"}).to_string();
    let rows: Vec<String> = rows.iter().map(row).collect();
    Document::group_rows(Collection::HeartRate, rows.iter().map(String::as_str)).0
}

async fn rejections(store: &Store) -> Vec<(String, String, i64)> {
    store.rejections(me(store).await.id).await.unwrap()
}

async fn left(store: &Store) -> i64 {
    store.totals(me(store).await.id).await.unwrap().rejected
}

/// Applies documents that came this way.
async fn send(
    store: &Store,
    origin: Origin,
    collection: Collection,
    documents: Vec<Document>,
    now: Timestamp,
) -> Applied {
    let batch = Batch { origin, ..batch(&me(store).await, collection, documents) };
    store.apply(&batch, now).await.unwrap()
}

/// Everything of the last week from Oura, and what could not be read of it.
async fn answer(
    store: &Store,
    collection: Collection,
    documents: Vec<Document>,
    rejected: Vec<Rejected>,
) -> Batch {
    let covered = DayRange::new(day("2026-11-20"), day("2026-11-29")).ok();
    Batch { covered, rejected, ..batch(&me(store).await, collection, documents) }
}

pub(crate) async fn documents_of_the_future_are_quarantined_from_every_source(store: Store) {
    put_at(&store, Collection::DailySleep, vec![score("2026-11-28", 84)], today()).await;
    for (origin, on) in [
        (Origin::Api, "2026-11-30"),
        (Origin::Webhook, "2062-11-27"),
        (Origin::Push, "2199-12-31"),
        (Origin::Import, "2029-05-05"),
    ] {
        let applied = send(&store, origin, Collection::DailySleep, vec![score(on, 11)], today()).await;
        assert_eq!(applied, Applied { rejected: 1, ..Applied::default() }, "{on}");
        assert_eq!(newest(&store, "sleep_score").await, Some(("2026-11-28".into(), 84.0)), "{on}");
    }
    assert_eq!(rejections(&store).await, [("daily_sleep".to_owned(), AHEAD.to_owned(), 4)]);
    let state = &store.sync_states(me(&store).await.id).await.unwrap()[0];
    assert_eq!(state.newest_day, Some(day("2026-11-28")), "and they are no fresh data");
}

pub(crate) async fn days_that_have_begun_in_some_time_zone_are_accepted(store: Store) {
    // Ten in the morning of the 28th on the first islands, ten minutes of skew before.
    let takes = async |collection, on: &str, now: &str| {
        let body = json!({"id": format!("{on}{now}"), "day": on});
        send(&store, Origin::Push, collection, vec![document(collection, &body)], at(now)).await.new == 1
    };
    assert!(takes(Collection::DailyActivity, "2026-11-28", "2026-11-27T09:50:00Z").await);
    assert!(!takes(Collection::DailyActivity, "2026-11-28", "2026-11-27T09:49:00Z").await);
    // A night that ends in the evening counts for the next day.
    assert!(takes(Collection::Sleep, "2026-11-28", "2026-11-27T03:50:00Z").await);
    assert!(!takes(Collection::Sleep, "2026-11-28", "2026-11-27T03:49:00Z").await);
}

pub(crate) async fn rows_of_the_next_hours_are_quarantined_and_the_others_kept(store: Store) {
    let day_of_rows = || {
        rows(&[
            ("2026-11-28T14:30:00Z", 60),
            ("2026-11-28T15:05:00Z", 61),
            ("2026-11-28T15:20:00Z", 199),
            ("2026-11-28T23:00:00Z", 199),
            ("2029-05-05T10:00:00Z", 199),
        ])
    };
    let apply = async |documents, now| {
        let answer = answer(&store, Collection::HeartRate, documents, Vec::new()).await;
        store.apply(&answer, now).await.unwrap()
    };
    assert_eq!(apply(day_of_rows(), today()).await, Applied { new: 1, rejected: 2, ..Applied::default() });
    assert_eq!(
        newest(&store, "heart_rate_awake").await,
        Some(("2026-11-28".into(), 61.0)),
        "skew is allowed"
    );
    assert_eq!(
        apply(day_of_rows(), today()).await,
        Applied { unchanged: 1, rejected: 2, ..Applied::default() }
    );
    assert_eq!(left(&store).await, 2, "one a day, however many rows it has");
    let good =
        rows(&[("2026-11-28T14:30:00Z", 60), ("2026-11-28T15:05:00Z", 61), ("2026-11-28T15:30:00Z", 62)]);
    apply(good, today() + SignedDuration::from_hours(1)).await;
    assert_eq!(
        newest(&store, "heart_rate_awake").await,
        Some(("2026-11-28".into(), 62.0)),
        "real values show again"
    );
    assert_eq!(left(&store).await, 0, "Oura has them no longer");
}

pub(crate) async fn quarantined_document_is_read_once_its_time_is_past(store: Store) {
    send(&store, Origin::Push, Collection::DailySleep, vec![score("2026-11-30", 70)], today()).await;
    send(&store, Origin::Push, Collection::HeartRate, rows(&[("2026-11-28T18:00:00Z", 70)]), today()).await;
    let plan = json!({"id": "w", "day": "2026-11-28", "intensity": "easy",
        "start_datetime": "2026-11-28T16:00:00Z", "end_datetime": "2026-11-28T17:00:00Z"});
    send(&store, Origin::Push, Collection::Workout, vec![document(Collection::Workout, &plan)], today())
        .await;
    assert_eq!(left(&store).await, 3);
    let evening = at("2026-11-28T18:05:00Z");
    put_at(&store, Collection::HeartRate, rows(&[("2026-11-28T18:01:00Z", 71)]), evening).await;
    put_at(&store, Collection::Workout, Vec::new(), evening).await;
    assert_eq!(newest(&store, "workouts").await, Some(("2026-11-28".into(), 1.0)));
    assert_eq!(left(&store).await, 1);
    put_at(&store, Collection::DailySleep, vec![score("2026-11-29", 80)], at("2026-11-29T12:00:00Z")).await;
    assert_eq!(
        newest(&store, "sleep_score").await,
        Some(("2026-11-30".into(), 70.0)),
        "it has begun somewhere"
    );
    assert_eq!(left(&store).await, 0);
}

pub(crate) async fn documents_stored_by_a_clock_ahead_are_repaired(store: Store) {
    let ahead = at("2029-03-01T12:00:00Z");
    let person = me(&store).await;
    let profile =
        |on: &str| Document::observe(Collection::PersonalInfo, day(on), [r#"{"id":"u","weight":70}"#]).0;
    let covered = |on: &str| DayRange::new(day(on), day(on)).ok();
    for (on, now) in [("2026-11-27", at("2026-11-27T12:00:00Z")), ("2029-03-01", ahead)] {
        let batch = Batch {
            covered: covered(on),
            ..batch(&person, Collection::PersonalInfo, profile(on).into_iter().collect())
        };
        store.apply(&batch, now).await.unwrap();
    }
    put_at(&store, Collection::DailySleep, vec![score("2026-11-27", 80), score("2026-11-28", 84)], ahead)
        .await;
    put_at(&store, Collection::DailySleep, vec![score("2029-02-28", 11), score("2028-01-01", 12)], ahead)
        .await;
    put_at(&store, Collection::HeartRate, rows(&[("2029-02-28T10:00:00Z", 199)]), ahead).await;
    let mut read = batch(&person, Collection::DailySleep, Vec::new());
    read.covered = DayRange::new(day("2029-02-01"), day("2029-03-02")).ok();
    store.apply(&read, ahead).await.unwrap();
    assert_eq!(newest(&store, "sleep_score").await, Some(("2029-02-28".into(), 11.0)));

    let now = today();
    let again = Batch {
        covered: covered("2026-11-28"),
        ..batch(&person, Collection::PersonalInfo, profile("2026-11-28").into_iter().collect())
    };
    store.apply(&again, now).await.unwrap();
    put_at(&store, Collection::HeartRate, rows(&[("2026-11-28T14:00:00Z", 60)]), now).await;
    let mut scores = answer(&store, Collection::DailySleep, vec![score("2026-11-28", 85)], Vec::new()).await;
    let applied = store.apply(&scores, now).await.unwrap();
    assert_eq!(applied.withdrawn, 1, "the clock of a version ahead does not shield what Oura deleted");
    assert_eq!(newest(&store, "sleep_score").await, Some(("2026-11-28".into(), 85.0)));
    assert_eq!(newest(&store, "heart_rate_awake").await, Some(("2026-11-28".into(), 60.0)));
    assert_eq!(newest(&store, "body_weight").await, Some(("2026-11-28".into(), 70_000.0)));
    assert_eq!(
        rejections(&store).await,
        [("daily_sleep".to_owned(), AHEAD.to_owned(), 2), ("heartrate".to_owned(), AHEAD.to_owned(), 1)],
        "a profile of a future day is no document"
    );
    let state = store.sync_states(person.id).await.unwrap().remove(0);
    assert_eq!(
        (state.collection, state.covered),
        (Collection::DailySleep, scores.covered),
        "and nothing ahead is read"
    );
    assert!(store.watermark().await.unwrap() <= Some(now), "other processes see what is written from now on");
    scores.documents.clear();
    assert_eq!(store.apply(&scores, now).await.unwrap().doubted, 0, "a moment old");
}

pub(crate) async fn rebuild_repairs_future_documents_without_a_response(store: Store) {
    let ahead = at("2029-03-01T12:00:00Z");
    send(
        &store,
        Origin::Import,
        Collection::DailySleep,
        vec![score("2026-11-28", 84), score("2029-01-01", 11)],
        ahead,
    )
    .await;
    let rebuild =
        async |now| store.rebuild(&me(&store).await, Collection::DailySleep, now, |_, _| ()).await.unwrap();
    assert_eq!(rebuild(today()).await, 0);
    assert_eq!(newest(&store, "sleep_score").await, Some(("2026-11-28".into(), 84.0)));
    assert_eq!(values(&store, "sleep_score").await, [("2026-11-28".to_owned(), 84.0)]);
    let state = &store.sync_states(me(&store).await.id).await.unwrap()[0];
    assert_eq!((state.newest_day, left(&store).await), (Some(day("2026-11-28")), 1));
    assert_eq!(rebuild(ahead).await, 1);
    assert_eq!(newest(&store, "sleep_score").await, Some(("2029-01-01".into(), 11.0)));
}

fn tag(id: &str) -> Document {
    document(Collection::EnhancedTag, &json!({"id": id, "start_day": "2026-11-25", "tag_type_code": "tag_x"}))
}

fn unreadable(body: &str) -> Rejected {
    Document::parse(Collection::EnhancedTag, body).unwrap_err()
}

pub(crate) async fn rejection_ends_when_the_document_is_fixed_or_gone(store: Store) {
    let nameless = unreadable(r#"{"id": 17, "start_day": "2026-11-25"}"#);
    let named = unreadable(r#"{"id": "n", "start_day": "2026-11-26", "tag_type_code": 7}"#);
    let undated = unreadable("17");
    let all = vec![nameless.clone(), named.clone(), undated.clone()];
    let read = async |documents: Vec<Document>, rejected: Vec<Rejected>, hours| {
        let answer = answer(&store, Collection::EnhancedTag, documents, rejected).await;
        store.apply(&answer, today() + SignedDuration::from_hours(hours)).await.unwrap();
        left(&store).await
    };
    assert_eq!(read(vec![tag("a")], all.clone(), 0).await, 3);
    assert_eq!(read(vec![tag("a")], all, 1).await, 3, "it came again as bad as it was");
    assert_eq!(
        read(vec![tag("a"), tag("17")], vec![named.clone()], 2).await,
        1,
        "corrected under its own id, or gone"
    );
    assert_eq!(read(Vec::new(), Vec::new(), 2).await, 1, "an empty answer may be a fault");
    assert_eq!(read(Vec::new(), Vec::new(), 3).await, 0);
    let pushed =
        Batch { rejected: vec![named], ..batch(&me(&store).await, Collection::EnhancedTag, Vec::new()) };
    store.apply(&Batch { origin: Origin::Push, ..pushed }, today()).await.unwrap();
    assert_eq!(
        read(vec![tag("a")], Vec::new(), 9).await,
        1,
        "Oura's answers say nothing of what others sent"
    );
}

pub(crate) async fn unnamed_rejection_shields_its_own_day_only(store: Store) {
    let on = |id: &str, day: &str| {
        document(Collection::EnhancedTag, &json!({"id": id, "start_day": day, "tag_type_code": "tag_x"}))
    };
    let tags = [on("a", "2026-11-24"), on("b", "2026-11-25"), on("c", "2026-11-26")];
    let read = async |documents: Vec<Document>, rejected: Vec<Rejected>, hours| {
        let answer = answer(&store, Collection::EnhancedTag, documents, rejected).await;
        store.apply(&answer, today() + SignedDuration::from_hours(hours)).await.unwrap()
    };
    read(tags.to_vec(), Vec::new(), 0).await;
    let dated = unreadable(r#"{"start_day": "2026-11-25"}"#);
    let applied = read(vec![tags[2].clone()], vec![dated], 2).await;
    assert_eq!((applied.withdrawn, applied.doubted), (1, 0), "the one of another day is gone");
    let undated = || vec![unreadable("{}")];
    assert_eq!(read(vec![tags[2].clone()], undated(), 4).await.doubted, 1, "it may be any");
    assert_eq!(
        read(vec![tags[2].clone()], undated(), 5).await.withdrawn,
        1,
        "and is not, if that lasts an hour"
    );
}

pub(crate) async fn short_sleep_is_the_night_of_a_scored_day(store: Store) {
    let short = |on: &str, id: &str| {
        document(
            Collection::Sleep,
            &json!({"id": id, "day": on, "type": "sleep", "sleep_score_delta": null,
            "bedtime_start": format!("{on}T02:30:00+01:00"), "bedtime_end": format!("{on}T05:20:00+01:00"),
            "total_sleep_duration": 9000, "lowest_heart_rate": 51}),
        )
    };
    let slept = async || values(&store, "sleep_duration").await;
    let expected = |on: &str| vec![(on.to_owned(), 9000.0)];
    put_at(&store, Collection::Sleep, vec![short("2026-03-01", "a"), short("2026-03-02", "b")], now()).await;
    assert_eq!(slept().await, []);
    put_at(&store, Collection::DailySleep, vec![score("2026-03-02", 45)], now()).await;
    assert_eq!(slept().await, expected("2026-03-02"), "the score came after the sleep");
    assert_eq!(newest(&store, "sleep_lowest_heart_rate").await, Some(("2026-03-02".into(), 51.0)));
    put_at(&store, Collection::DailySleep, vec![score("2026-03-02", serde_json::Value::Null)], now()).await;
    assert_eq!(slept().await, []);
    put_at(&store, Collection::DailySleep, vec![score("2026-03-03", 45)], now()).await;
    put_at(&store, Collection::Sleep, vec![short("2026-03-03", "c")], now()).await;
    assert_eq!(slept().await, expected("2026-03-03"), "and before it");
    let person = me(&store).await;
    for collection in [Collection::Sleep, Collection::DailySleep] {
        store.rebuild(&person, collection, now(), |_, _| ()).await.unwrap();
        assert_eq!(slept().await, expected("2026-03-03"));
    }
    assert_eq!(
        store.withdraw(person.id, Collection::DailySleep, &["score-2026-03-03"], now()).await.unwrap(),
        1
    );
    assert_eq!(slept().await, []);
    assert_eq!(newest(&store, "sleep_lowest_heart_rate").await, None);
    put_at(&store, Collection::DailySleep, vec![score("2026-03-01", 50)], now()).await;
    put_at(&store, Collection::Sleep, vec![sleep("n", "2026-03-01", "long_sleep", (0, 8), &[])], now()).await;
    assert_eq!(values(&store, "sleep_time_in_bed").await, [("2026-03-01".to_owned(), 28_800.0)]);
}

pub(crate) async fn correction_of_yesterday_keeps_the_replaced_revision(store: Store) {
    store.set_time_zone(me(&store).await.id, "America/New_York").await.unwrap();
    for (collection, field) in
        [(Collection::DailyActivity, "steps"), (Collection::DailyStress, "stress_high")]
    {
        let put = async |n: i64, now: &str| {
            let body = json!({"id": "a", "day": "2026-11-26", field: n});
            put_at(&store, collection, vec![document(collection, &body)], at(now)).await;
            store.totals(me(&store).await.id).await.unwrap().revisions
        };
        let before = put(100, "2026-11-26T20:00:00Z").await;
        assert_eq!(put(200, "2026-11-27T08:59:00Z").await, before, "the day runs until four in the night");
        assert_eq!(
            put(300, "2026-11-27T09:30:00Z").await,
            before,
            "and what is replaced was of the running day"
        );
        assert_eq!(put(400, "2026-11-27T15:00:00Z").await, before + 1, "yesterday is corrected");
    }
}
