//! An archive and Oura's API about the same thing under different ids, whichever comes first.

use domain::{Collection, Document};
use serde_json::json;
use store::{Applied, Batch, Origin, Store};

use crate::fixtures::{batch, document, me, now, put, values};

async fn import(store: &Store, collection: Collection, documents: Vec<Document>) -> Applied {
    let batch = Batch { origin: Origin::Import, ..batch(&me(store).await, collection, documents) };
    store.apply(&batch, now()).await.unwrap()
}

async fn ids(store: &Store, collection: Collection) -> Vec<String> {
    let range = domain::DayRange::new(domain::Day::FIRST, domain::Day::LAST).unwrap();
    let stored = store.documents(me(store).await.id, collection, range, None, 100).await.unwrap();
    stored.into_iter().map(|document| document.id).collect()
}

async fn revisions(store: &Store) -> i64 {
    store.totals(me(store).await.id).await.unwrap().revisions
}

fn daily(id: &str, on: &str, score: i64) -> Document {
    document(Collection::DailySleep, &json!({"id": id, "day": on, "score": score}))
}

fn workout(id: &str, start: &str, end: Option<&str>, calories: f64) -> Document {
    let value = json!({
        "id": id, "day": "2026-03-01", "activity": "running", "calories": calories,
        "start_datetime": start, "end_datetime": end,
    });
    document(Collection::Workout, &value)
}

fn tag(id: &str, code: &str) -> Document {
    let value = json!({
        "id": id, "start_day": "2026-03-01", "start_time": "2026-03-01T20:00:00+01:00", "end_time": null,
        "tag_type_code": code,
    });
    document(Collection::EnhancedTag, &value)
}

pub(crate) async fn day_of_the_api_stands_against_an_archive_with_another_id(store: Store) {
    put(&store, Collection::DailySleep, vec![daily("a", "2026-03-01", 80)]).await;
    let archived = vec![daily("other", "2026-03-01", 11), daily("older", "2026-02-28", 70)];
    let applied = import(&store, Collection::DailySleep, archived).await;
    assert_eq!(applied, Applied { new: 1, unchanged: 1, ..Applied::default() });
    assert_eq!(ids(&store, Collection::DailySleep).await, ["older", "a"]);
    let expected = [("2026-02-28".to_owned(), 70.0), ("2026-03-01".to_owned(), 80.0)];
    assert_eq!(values(&store, "sleep_score").await, expected);
}

pub(crate) async fn day_of_an_archive_gives_way_to_the_api_under_another_id(store: Store) {
    // One row has no id of its own and is named after its day, as the import does.
    let archived = vec![daily("2026-03-01", "2026-03-01", 11), daily("b", "2026-03-02", 12)];
    import(&store, Collection::DailySleep, archived).await;
    let answer = vec![daily("a", "2026-03-01", 80)];
    let applied = put(&store, Collection::DailySleep, answer.clone()).await;
    assert_eq!(applied, Applied { new: 1, ..Applied::default() }, "nothing is reported as gone at Oura");
    assert_eq!(ids(&store, Collection::DailySleep).await, ["a", "b"]);
    assert_eq!(revisions(&store).await, 1, "what gave way is kept");
    let expected = [("2026-03-01".to_owned(), 80.0), ("2026-03-02".to_owned(), 12.0)];
    assert_eq!(values(&store, "sleep_score").await, expected);
    let again = put(&store, Collection::DailySleep, answer).await;
    assert_eq!((again, revisions(&store).await), (Applied { unchanged: 1, ..Applied::default() }, 1));
}

pub(crate) async fn day_pushed_by_another_program_is_no_archive(store: Store) {
    put(&store, Collection::DailySleep, vec![daily("a", "2026-03-01", 80)]).await;
    let pushed = batch(&me(&store).await, Collection::DailySleep, vec![daily("pushed", "2026-03-01", 13)]);
    store.apply(&Batch { origin: Origin::Push, ..pushed }, now()).await.unwrap();
    assert_eq!(ids(&store, Collection::DailySleep).await, ["a", "pushed"]);
}

pub(crate) async fn event_of_the_api_stands_against_an_archive_with_another_id(store: Store) {
    let end = Some("2026-03-01T11:00:00.000+01:00");
    put(&store, Collection::Workout, vec![workout("a", "2026-03-01T10:00:00.000+01:00", end, 500.0)]).await;
    let archived = vec![
        // The same event, spelled in UTC; the same one, not over yet; another one of the same day.
        workout("x", "2026-03-01T09:00:00Z", Some("2026-03-01T10:00:00Z"), 1.0),
        workout("y", "2026-03-01T09:00:00Z", None, 2.0),
        workout("z", "2026-03-01T15:00:00Z", Some("2026-03-01T16:00:00Z"), 300.0),
    ];
    let applied = import(&store, Collection::Workout, archived).await;
    assert_eq!(applied, Applied { new: 1, unchanged: 2, ..Applied::default() });
    assert_eq!(ids(&store, Collection::Workout).await, ["a", "z"]);
}

pub(crate) async fn event_of_an_archive_gives_way_to_the_api_under_another_id(store: Store) {
    let archived = vec![
        workout("x", "2026-03-01T09:00:00Z", Some("2026-03-01T10:00:00Z"), 1.0),
        workout("z", "2026-03-01T15:00:00Z", Some("2026-03-01T16:00:00Z"), 300.0),
    ];
    import(&store, Collection::Workout, archived).await;
    let end = Some("2026-03-01T11:00:00.000+01:00");
    put(&store, Collection::Workout, vec![workout("a", "2026-03-01T10:00:00.000+01:00", end, 500.0)]).await;
    assert_eq!(ids(&store, Collection::Workout).await, ["a", "z"]);
    assert_eq!(values(&store, "workouts").await, [("2026-03-01".to_owned(), 2.0)]);
}

pub(crate) async fn tags_of_one_moment_stay_apart(store: Store) {
    put(&store, Collection::EnhancedTag, vec![tag("a", "tag_generic_alcohol")]).await;
    let archived = vec![tag("x", "tag_generic_alcohol"), tag("y", "tag_generic_late_meal")];
    import(&store, Collection::EnhancedTag, archived).await;
    assert_eq!(ids(&store, Collection::EnhancedTag).await, ["a", "y"]);
}

pub(crate) async fn second_archive_with_other_ids_adds_nothing(store: Store) {
    import(&store, Collection::DailySleep, vec![daily("2026-03-01", "2026-03-01", 70)]).await;
    let applied = import(&store, Collection::DailySleep, vec![daily("x", "2026-03-01", 71)]).await;
    assert_eq!(applied, Applied { unchanged: 1, ..Applied::default() });
    assert_eq!(values(&store, "sleep_score").await, [("2026-03-01".to_owned(), 70.0)]);
}
