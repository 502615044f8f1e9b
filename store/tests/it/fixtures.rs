//! Small documents with one thing to say.

use domain::{Collection, Day, Document};
use jiff::Timestamp;
use serde_json::{Value, json};
use store::{Applied, Batch, Origin, Person, Store};

pub(crate) fn day(text: &str) -> Day {
    text.parse().unwrap()
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A moment after every day of these tests has ended.
pub(crate) fn now() -> Timestamp {
    at("2026-06-01T08:00:00.123Z")
}

pub(crate) async fn me(store: &Store) -> Person {
    store.ensure_person(&"me".parse().unwrap(), "Europe/Berlin", now()).await.unwrap()
}

pub(crate) fn document(collection: Collection, value: &Value) -> Document {
    Document::parse(collection, &value.to_string()).unwrap()
}

pub(crate) fn score(on: &str, score: impl Into<Value>) -> Document {
    let value = json!({"id": format!("score-{on}"), "day": on, "score": score.into(), "contributors": {"timing": 70}});
    document(Collection::DailySleep, &value)
}

/// A sleep period of the given type, from one hour to another of its day, UTC.
pub(crate) fn sleep(id: &str, on: &str, kind: &str, hours: (u8, u8), hrv: &[Option<f64>]) -> Document {
    let (from, to) = hours;
    let value = json!({
        "id": id, "day": on, "type": kind, "sleep_score_delta": 1,
        "bedtime_start": format!("{on}T{from:02}:00:00+00:00"), "bedtime_end": format!("{on}T{to:02}:00:00+00:00"),
        "time_in_bed": i64::from(to - from) * 3600,
        "hrv": {"interval": 300.0, "items": hrv, "timestamp": format!("{on}T{from:02}:00:00.250+00:00")},
    });
    document(Collection::Sleep, &value)
}

pub(crate) fn batch(person: &Person, collection: Collection, documents: Vec<Document>) -> Batch {
    Batch {
        person: person.id,
        collection,
        covered: None,
        origin: Origin::Api,
        documents,
        nearby: Vec::new(),
        rejected: Vec::new(),
    }
}

pub(crate) async fn put(store: &Store, collection: Collection, documents: Vec<Document>) -> Applied {
    put_at(store, collection, documents, now()).await
}

pub(crate) async fn put_at(
    store: &Store,
    collection: Collection,
    documents: Vec<Document>,
    at: Timestamp,
) -> Applied {
    let person = me(store).await;
    store.apply(&batch(&person, collection, documents), at).await.unwrap()
}

pub(crate) async fn values(store: &Store, key: &str) -> Vec<(String, f64)> {
    let range = domain::DayRange::new(Day::FIRST, Day::LAST).unwrap();
    let person = me(store).await;
    let daily = store.daily(person.id, domain::Metric::by_key(key).unwrap(), range).await.unwrap();
    daily.into_iter().map(|(day, value)| (day.to_string(), value)).collect()
}

/// The newest value of every metric of his.
pub(crate) async fn newest_values(store: &Store) -> Vec<store::Latest> {
    store.latest_of(me(store).await.id).await.unwrap()
}

pub(crate) async fn newest(store: &Store, key: &str) -> Option<(String, f64)> {
    newest_values(store).await.iter().find(|l| l.metric.key == key).map(|l| (l.day.to_string(), l.value))
}
