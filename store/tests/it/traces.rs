//! What past days left behind that says why they have nothing.

use std::collections::BTreeSet;

use domain::{Collection, DayRange, Document, Reason, Rejected};
use serde_json::json;
use store::{Store, testing};

use crate::fixtures::{at, batch, day, document, me, now, put, score};

pub(crate) async fn day_evidence_explains_days_without_values(store: Store) {
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
    let traces = store.day_evidence(&person, &asked, range, now()).await.unwrap();
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
    assert_eq!(sleep.read_until, Some(day("2026-06-01")));
    assert_eq!(sleep.wear.worn, BTreeSet::from(["2026-03-12", "2026-03-15"].map(day)));
    // Set up half an hour after midnight in Berlin.
    let ring = |on| sleep.wear.rings.at_night(day(on)).map(|ring| ring.hardware_type.as_str());
    assert_eq!((ring("2026-03-15"), ring("2026-03-16")), (Some("gen2"), Some("gen3")));

    let midnight = at("2026-03-20T23:30:00Z");
    let traces = store.day_evidence(&person, &asked[1..], range, midnight).await.unwrap();
    assert_eq!((traces.len(), traces[0].today), (1, day("2026-03-21")), "the day in Berlin");
    assert!(store.day_evidence(&person, &[], range, now()).await.unwrap().is_empty());
}

pub(crate) async fn day_evidence_of_rows_follows_civil_days(store: Store) {
    let rows = |on: &str| {
        let row = json!({"timestamp": format!("{on}T10:00:00Z"), "level": 50, "charging": false}).to_string();
        Document::group_rows(Collection::RingBatteryLevel, [row.as_str()]).0
    };
    let mut read = batch(
        &me(&store).await,
        Collection::RingBatteryLevel,
        [rows("2026-03-12"), rows("2026-03-14")].concat(),
    );
    read.covered = DayRange::new(day("2026-03-01"), day("2026-03-25")).ok();
    store.apply(&read, now()).await.unwrap();
    let range = DayRange::new(day("2026-03-10"), day("2026-03-20")).unwrap();
    let asked = [Collection::RingBatteryLevel];
    for (zone, moved) in [("America/New_York", 0), ("Europe/Berlin", 0), ("Pacific/Auckland", 1)] {
        store.set_time_zone(me(&store).await.id, zone).await.unwrap();
        let person = store.person("me").await.unwrap().unwrap();
        let traces = store.day_evidence(&person, &asked, range, now()).await.unwrap();
        let days = BTreeSet::from(["2026-03-12", "2026-03-14"].map(|on| day(on).plus(moved)));
        assert_eq!((&traces[0].documents, &traces[0].wear.powered), (&days, &days), "{zone}");
        let covered = DayRange::new(day("2026-03-01").plus(moved), day("2026-03-25").plus(moved)).ok();
        assert_eq!(traces[0].covered, covered, "{zone}");
    }
}

fn rejected(id: &str, body: &str) -> Rejected {
    Rejected { id: id.into(), reason: "/score: expected a number".into(), body: body.into() }
}

pub(crate) async fn rejected_document_is_the_reason_of_its_own_day(store: Store) {
    let person = me(&store).await;
    let range = DayRange::new(day("2026-05-01"), day("2026-06-02")).unwrap();
    let reasons = async || {
        let states = store.sync_states(person.id).await.unwrap();
        let latest = store.latest_of(person.id).await.unwrap();
        let absent = store::absence_reasons(&person, &states, &latest, None, now());
        let today = absent.iter().find(|(of, _)| *of == Collection::DailySleep).map(|(_, reason)| *reason);
        let traces = store.day_evidence(&person, &[Collection::DailySleep], range, now()).await.unwrap();
        let days: Vec<String> = traces[0].rejected.iter().map(ToString::to_string).collect();
        (states[0].rejected_day.map(|day| day.to_string()), today, days)
    };
    let mut read = batch(&person, Collection::DailySleep, vec![score("2026-05-31", 70)]);
    read.covered = Some(range);
    read.rejected = vec![
        rejected("old", r#"{"id":"old","day":"2024-12-29","score":"high"}"#),
        rejected("may", r#"{"id":"may","day":"2026-05-09","score":"high"}"#),
        rejected("far", r#"{"id":"far","day":"2062-05-09","score":"high"}"#),
    ];
    store.apply(&read, now()).await.unwrap();
    let may = vec!["2026-05-09".to_owned()];
    // Ten in the morning in Berlin.
    assert_eq!(reasons().await, (Some("2026-05-09".into()), Some(Reason::NotYet), may.clone()));

    read.rejected.push(rejected("new", r#"{"id":"new","day":"2026-06-01","score":"high"}"#));
    store.apply(&read, now()).await.unwrap();
    let both = [may.clone(), vec!["2026-06-01".into()]].concat();
    assert_eq!(reasons().await, (Some("2026-06-01".into()), Some(Reason::Rejected), both));

    // Oura corrects it.
    read.rejected.pop();
    let fixed = json!({"id": "new", "day": "2026-06-01", "score": 80});
    read.documents.push(document(Collection::DailySleep, &fixed));
    store.apply(&read, now()).await.unwrap();
    assert_eq!(reasons().await, (Some("2026-05-09".into()), None, may));
}

pub(crate) async fn rejected_document_without_a_day_counts_with_the_newest_days_only(store: Store) {
    let person = me(&store).await;
    let read = async |first: &str, last: &str| {
        let mut read = batch(&person, Collection::DailySleep, vec![score("2026-05-31", 70)]);
        read.covered = DayRange::new(day(first), day(last)).ok();
        read.rejected = vec![rejected("content-1", r#"{"id":"#)];
        store.apply(&read, now()).await.unwrap();
        let states = store.sync_states(person.id).await.unwrap();
        let latest = store.latest_of(person.id).await.unwrap();
        let absent = store::absence_reasons(&person, &states, &latest, None, now());
        absent.iter().find(|(of, _)| *of == Collection::DailySleep).map(|(_, reason)| *reason)
    };
    assert_eq!(read("2024-12-01", "2024-12-30").await, Some(Reason::NotYet));
    assert_eq!(read("2026-05-20", "2026-06-02").await, Some(Reason::Rejected));
}

pub(crate) async fn rebuild_fills_the_days_of_rejected_documents(store: Store) {
    let person = me(&store).await;
    let mut read = batch(&person, Collection::DailySleep, vec![score("2026-05-30", 70)]);
    read.rejected = vec![rejected("new", r#"{"id":"new","day":"2026-06-01","score":"high"}"#)];
    store.apply(&read, now()).await.unwrap();
    testing::forget_rejected_days(&store).await;
    let dated = async || store.sync_states(person.id).await.unwrap()[0].rejected_day;
    store.rebuild(&person, Collection::DailySleep, now(), |_, _| ()).await.unwrap();
    assert_eq!(dated().await, Some(day("2026-06-01")));
}

pub(crate) async fn document_that_says_null_is_not_computed(store: Store) {
    let person = me(&store).await;
    let reason = async |collection: Collection| {
        let states = store.sync_states(person.id).await.unwrap();
        let latest = store.latest_of(person.id).await.unwrap();
        let absent = store::absence_reasons(&person, &states, &latest, None, now());
        absent.iter().find(|(of, _)| *of == collection).map(|(_, reason)| *reason)
    };
    put(&store, Collection::DailySleep, vec![score("2026-05-31", 70), score("2026-06-01", 71)]).await;
    assert_eq!(reason(Collection::DailySleep).await, None);
    put(&store, Collection::DailySleep, vec![score("2026-06-01", serde_json::Value::Null)]).await;
    assert_eq!(reason(Collection::DailySleep).await, Some(Reason::NotComputed));
    // Neither is a nap a night.
    let nap = json!({"id": "nap", "day": "2026-06-01", "type": "late_nap", "time_in_bed": 1800,
        "bedtime_start": "2026-06-01T06:00:00Z", "bedtime_end": "2026-06-01T06:30:00Z"});
    put(&store, Collection::Sleep, vec![document(Collection::Sleep, &nap)]).await;
    assert_eq!(reason(Collection::Sleep).await, Some(Reason::NotComputed));
}
