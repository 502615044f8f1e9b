//! Documents, many metrics and what is stored of each, read back.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Collection, DayRange, Document, Metric};
use serde_json::json;
use store::Store;

use crate::fixtures::{day, document, me, put, score, sleep};

fn workout(id: &str, on: &str) -> Document {
    document(Collection::Workout, &json!({"id": id, "day": on, "activity": "running"}))
}

pub(crate) async fn documents_are_paged_in_order(store: Store) {
    let all = [("c", "2026-03-01"), ("a", "2026-03-02"), ("b", "2026-03-02"), ("d", "2026-03-04")];
    put(&store, Collection::Workout, all.iter().rev().map(|(id, on)| workout(id, on)).collect()).await;
    let person = me(&store).await.id;
    let range = DayRange::new(day("2026-03-01"), day("2026-03-03")).unwrap();
    let mut walked = Vec::new();
    let mut after: Option<(domain::Day, String)> = None;
    loop {
        let from = after.as_ref().map(|(day, id)| (*day, id.as_str()));
        let page = store.documents(person, Collection::Workout, range, from, 1).await.unwrap();
        let Some(last) = page.into_iter().next() else { break };
        after = Some((last.day, last.id.clone()));
        walked.push(last.id);
    }
    assert_eq!(walked, ["c", "a", "b"]);
    let of_both = [Collection::Workout, Collection::Tag];
    let all = store.documents_of(person, &of_both, range).await.unwrap();
    assert_eq!(all.iter().map(|found| found.id.as_str()).collect::<Vec<_>>(), walked);
    assert_eq!(all[0].body, workout("c", "2026-03-01").body);
    let days = store.days_with_documents(person, &of_both, range).await.unwrap();
    let expected = ["2026-03-01", "2026-03-02"].map(day);
    assert_eq!(days, BTreeMap::from([(Collection::Workout, BTreeSet::from(expected))]));
    assert!(store.documents_of(person, &[], range).await.unwrap().is_empty());
}

pub(crate) async fn extent_of_a_metric_is_known(store: Store) {
    put(&store, Collection::DailySleep, vec![score("2026-03-02", 80), score("2026-03-09", 70)]).await;
    let night = |id: &str, hours| sleep(id, "2026-03-05", "long_sleep", hours, &[Some(50.0)]);
    put(&store, Collection::Sleep, vec![night("n", (0, 7)), night("m", (9, 10))]).await;
    let extents = store.extents(me(&store).await.id).await.unwrap();
    let of = |key: &str| {
        let found = extents.iter().find(|extent| extent.metric.key == key)?;
        Some((found.range.first().to_string(), found.range.last().to_string(), found.days))
    };
    assert_eq!(of("sleep_score"), Some(("2026-03-02".into(), "2026-03-09".into(), 2)));
    assert_eq!(
        of("sleep_hrv"),
        Some(("2026-03-05".into(), "2026-03-05".into(), 1)),
        "two documents, one day"
    );
    assert_eq!(of("activity_steps"), None);
    let hrv = Metric::by_key("sleep_hrv").unwrap();
    let movement = Metric::by_key("sleep_movement").unwrap();
    let range = DayRange::ending(day("2026-03-31"), 31);
    let series = store.series_of(me(&store).await.id, &[movement, hrv], range).await.unwrap();
    assert_eq!(series.len(), 2);
    assert_eq!(series, store.series(me(&store).await.id, hrv, range).await.unwrap());
}
