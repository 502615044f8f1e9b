//! What Oura's answers no longer have.

use domain::{Collection, DayRange, Document, Rejected};
use jiff::Timestamp;
use store::{Applied, Batch, Origin, Store};

use crate::fixtures::{at, batch, day, me, newest, score, sleep, values};

const MORNING: &str = "2026-04-20T08:00:00Z";
const NOON: &str = "2026-04-20T12:00:00Z";

/// A complete answer about March.
async fn march(store: &Store, collection: Collection, documents: Vec<Document>) -> Batch {
    let covered = DayRange::new(day("2026-03-01"), day("2026-03-31")).ok();
    Batch { covered, ..batch(&me(store).await, collection, documents) }
}

/// Reads scores of these days of March, and nothing else.
async fn read(store: &Store, days: std::ops::Range<u8>, now: &str) -> Applied {
    let scores = days.map(|n| score(&format!("2026-03-{n:02}"), 80)).collect();
    store.apply(&march(store, Collection::DailySleep, scores).await, at(now)).await.unwrap()
}

async fn scores(store: &Store) -> usize {
    values(store, "sleep_score").await.len()
}

async fn doubted(store: &Store) -> Vec<(String, i64, Timestamp)> {
    let doubts = store.unconfirmed_deletions(me(store).await.id).await.unwrap();
    doubts.into_iter().map(|doubt| (doubt.collection, doubt.documents, doubt.since)).collect()
}

pub(crate) async fn document_missing_from_a_complete_response_is_withdrawn(store: Store) {
    read(&store, 1..11, MORNING).await;
    let outside = vec![score("2026-04-01", 70)];
    store.apply(&batch(&me(&store).await, Collection::DailySleep, outside), at(MORNING)).await.unwrap();
    let applied = read(&store, 1..10, NOON).await;
    assert_eq!(applied, Applied { unchanged: 9, withdrawn: 1, ..Applied::default() });
    assert_eq!(scores(&store).await, 10, "the days of March but one, and April");
    assert_eq!(store.totals(me(&store).await.id).await.unwrap().revisions, 1, "and nothing is lost");
    assert_eq!(newest(&store, "sleep_score").await, Some(("2026-04-01".into(), 70.0)));
    assert_eq!(read(&store, 1..10, NOON).await, Applied { unchanged: 9, ..Applied::default() });
}

pub(crate) async fn empty_response_deletes_after_an_hour(store: Store) {
    read(&store, 1..3, MORNING).await;
    let waiting = Applied { doubted: 2, ..Applied::default() };
    assert_eq!(read(&store, 0..0, NOON).await, waiting);
    assert_eq!(read(&store, 0..0, "2026-04-20T12:59:59Z").await, waiting);
    assert_eq!(doubted(&store).await, [("daily_sleep".to_owned(), 2, at(NOON))]);
    assert_eq!(scores(&store).await, 2);
    let gone = read(&store, 0..0, "2026-04-20T13:00:00Z").await;
    assert_eq!(gone, Applied { withdrawn: 2, ..Applied::default() });
    assert_eq!((scores(&store).await, doubted(&store).await), (0, Vec::new()));
}

pub(crate) async fn response_without_most_documents_deletes_after_an_hour(store: Store) {
    read(&store, 1..15, MORNING).await;
    assert_eq!(read(&store, 1..4, NOON).await, Applied { unchanged: 3, doubted: 11, ..Applied::default() });
    assert_eq!(scores(&store).await, 14);
    assert_eq!(read(&store, 1..4, "2026-04-20T14:00:00Z").await.withdrawn, 11);
    assert_eq!(scores(&store).await, 3);
}

pub(crate) async fn document_seen_again_is_confirmed(store: Store) {
    read(&store, 1..3, MORNING).await;
    assert_eq!(read(&store, 0..0, NOON).await.doubted, 2);
    assert_eq!(
        read(&store, 1..3, "2026-04-20T12:10:00Z").await,
        Applied { unchanged: 2, ..Applied::default() }
    );
    assert_eq!(doubted(&store).await, []);
    assert_eq!(read(&store, 0..0, "2026-04-20T14:00:00Z").await.doubted, 2, "the hour begins again");
    assert_eq!(scores(&store).await, 2);
}

pub(crate) async fn archived_document_is_never_missing(store: Store) {
    let person = me(&store).await;
    for origin in [Origin::Import, Origin::Push] {
        let documents = vec![score("2026-03-01", 80), score("2026-03-02", 90)];
        let given = Batch { origin, ..batch(&person, Collection::DailySleep, documents) };
        store.apply(&given, at(MORNING)).await.unwrap();
    }
    assert_eq!(read(&store, 5..6, NOON).await, Applied { new: 1, ..Applied::default() });
    assert_eq!(scores(&store).await, 3, "an export holds what the API never returns");
    let said =
        march(&store, Collection::DailySleep, vec![score("2026-03-02", 90), score("2026-03-05", 80)]).await;
    store.apply(&said, at("2026-04-20T13:00:00Z")).await.unwrap();
    assert_eq!(read(&store, 5..6, "2026-04-20T14:00:00Z").await.withdrawn, 1, "said once, it can be missing");
    assert_eq!(scores(&store).await, 2);
    let again = Batch {
        origin: Origin::Import,
        ..batch(&person, Collection::DailySleep, vec![score("2026-03-05", 81)])
    };
    store.apply(&again, at("2026-04-20T15:00:00Z")).await.unwrap();
    let applied = read(&store, 6..7, "2026-04-20T17:00:00Z").await;
    assert_eq!(applied.withdrawn, 1, "an export does not take a document away from the API");
}

pub(crate) async fn unnamed_document_prevents_deletions_of_its_day(store: Store) {
    read(&store, 1..4, MORNING).await;
    let put_aside =
        |id: &str| Rejected { id: id.into(), reason: "/day: expected a date".into(), body: "{}".into() };
    let mut answer = march(&store, Collection::DailySleep, vec![score("2026-03-01", 80)]).await;
    answer.rejected = vec![put_aside("content-0123456789abcdef")];
    assert_eq!(store.apply(&answer, at(NOON)).await.unwrap().withdrawn, 0, "it may be any of them");
    answer.rejected = vec![put_aside("score-2026-03-02")];
    assert_eq!(store.apply(&answer, at(NOON)).await.unwrap().withdrawn, 1);
    assert_eq!(
        values(&store, "sleep_score").await.into_iter().map(|(day, _)| day).collect::<Vec<_>>(),
        ["2026-03-01", "2026-03-02"],
        "what could not be read is there"
    );
}

pub(crate) async fn recently_stored_document_is_not_missing(store: Store) {
    read(&store, 1..3, MORNING).await;
    let fetched = Batch {
        origin: Origin::Webhook,
        ..batch(&me(&store).await, Collection::DailySleep, vec![score("2026-03-03", 75)])
    };
    store.apply(&fetched, at("2026-04-20T11:59:00Z")).await.unwrap();
    assert_eq!(read(&store, 1..3, NOON).await, Applied { unchanged: 2, ..Applied::default() });
    assert_eq!(read(&store, 1..3, "2026-04-20T13:00:00Z").await.withdrawn, 1);
}

pub(crate) async fn document_moved_out_of_the_window_follows_its_day(store: Store) {
    let night = |on: &str| sleep("night", on, "long_sleep", (0, 7), &[]);
    let other = || sleep("other", "2026-03-10", "long_sleep", (0, 8), &[]);
    let first = march(&store, Collection::Sleep, vec![night("2026-03-31"), other()]).await;
    store.apply(&first, at(MORNING)).await.unwrap();
    let mut answer = march(&store, Collection::Sleep, vec![other()]).await;
    answer.nearby = vec![night("2026-04-01"), sleep("april", "2026-04-02", "long_sleep", (0, 6), &[])];
    let applied = store.apply(&answer, at(NOON)).await.unwrap();
    assert_eq!(applied, Applied { changed: 1, unchanged: 1, ..Applied::default() });
    let nights: Vec<String> =
        values(&store, "sleep_time_in_bed").await.into_iter().map(|(day, _)| day).collect();
    assert_eq!(nights, ["2026-03-10", "2026-04-01"], "days that were not asked for are not stored");
}

pub(crate) async fn day_of_rows_shrinks_after_an_hour(store: Store) {
    let rows = |count: u8| {
        let row = |n| format!(r#"{{"timestamp":"2026-03-10T10:{n:02}:00Z","bpm":60,"source":"awake"}}"#);
        let rows: Vec<String> = (0..count).map(row).collect();
        Document::group_rows(Collection::HeartRate, rows.iter().map(String::as_str)).0
    };
    let read = async |count: u8, now: &str| {
        let answer = march(&store, Collection::HeartRate, rows(count)).await;
        store.apply(&answer, at(now)).await.unwrap()
    };
    let points = async || {
        let metric = domain::Metric::by_key("heart_rate_awake").unwrap();
        let range = DayRange::ending(day("2026-03-31"), 31);
        let series = store.series(me(&store).await.id, metric, range).await.unwrap();
        series.iter().map(|stored| stored.series.points().count()).sum::<usize>()
    };
    read(40, MORNING).await;
    assert_eq!(read(25, "2026-04-20T09:00:00Z").await.changed, 1, "some rows fewer is a correction");
    assert_eq!(read(5, NOON).await, Applied { doubted: 1, ..Applied::default() });
    assert_eq!(read(0, "2026-04-20T12:30:00Z").await, Applied { doubted: 1, ..Applied::default() });
    assert_eq!(points().await, 25);
    assert_eq!(read(6, "2026-04-20T13:00:00Z").await, Applied { changed: 1, ..Applied::default() });
    assert_eq!(points().await, 6);
    assert_eq!(store.totals(me(&store).await.id).await.unwrap().revisions, 2);
}
