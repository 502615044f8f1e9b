//! What past days left behind that says why they have nothing.

use std::collections::BTreeSet;

use domain::{Collection, DayRange, Document, Reason};
use serde_json::json;
use store::Store;

use crate::fixtures::{at, batch, day, document, me, now, put, score};

pub(crate) async fn traces_say_what_days_without_values_left_behind(store: Store) {
    let range = DayRange::new(day("2026-03-10"), day("2026-03-20")).unwrap();
    let mut read = batch(
        &me(&store).await,
        Collection::DailySleep,
        vec![score("2026-03-12", 70), score("2026-03-21", 71)],
    );
    read.covered = DayRange::new(day("2026-03-01"), day("2026-03-25")).ok();
    store.apply(&read, now()).await.unwrap();
    let worn = |on: &str, seconds: u32| {
        let value = json!({"id": format!("a-{on}"), "day": on, "non_wear_time": seconds});
        document(Collection::DailyActivity, &value)
    };
    // The evening before the range explains the night of its first day.
    let activity = vec![worn("2026-03-08", 1), worn("2026-03-09", 2), worn("2026-03-15", 3)];
    put(&store, Collection::DailyActivity, activity).await;
    let rings = [
        r#"{"id": "old", "hardware_type": "gen2", "set_up_at": "2020-01-01T10:00:00Z"}"#,
        r#"{"id": "new", "hardware_type": "gen3", "set_up_at": "2026-03-14T23:30:00Z"}"#,
    ];
    let (observed, _) = Document::observe(Collection::RingConfiguration, day("2026-03-25"), rings);
    put(&store, Collection::RingConfiguration, observed.into_iter().collect()).await;

    let asked = [Collection::DailySpo2, Collection::DailySleep];
    let person = me(&store).await;
    let traces = store.traces(&person, &asked, range, now()).await.unwrap();
    let [spo2, sleep] = traces.as_slice() else { panic!("{traces:?}") };
    assert_eq!(
        (spo2.collection, spo2.covered, spo2.now),
        (Collection::DailySpo2, None, Some(Reason::NeverRead))
    );
    assert!(spo2.documents.is_empty());
    assert_eq!((sleep.collection, sleep.covered), (Collection::DailySleep, read.covered));
    assert_eq!(sleep.documents, BTreeSet::from([day("2026-03-12")]));
    assert_eq!(sleep.today, day("2026-06-01"));
    let off: Vec<_> = sleep.wear.off.iter().map(|(day, seconds)| (day.to_string(), *seconds)).collect();
    assert_eq!(off, [("2026-03-09".to_owned(), 2.0), ("2026-03-15".to_owned(), 3.0)]);
    // Set up half an hour after midnight in Berlin.
    let ring = |on| sleep.wear.rings.of_night(day(on)).map(|ring| ring.hardware_type.as_str());
    assert_eq!((ring("2026-03-15"), ring("2026-03-16")), (Some("gen2"), Some("gen3")));

    let midnight = at("2026-03-20T23:30:00Z");
    let traces = store.traces(&person, &asked[1..], range, midnight).await.unwrap();
    assert_eq!((traces.len(), traces[0].today), (1, day("2026-03-21")), "the day in Berlin");
    assert!(store.traces(&person, &[], range, now()).await.unwrap().is_empty());
}
