//! One rule a case.

use domain::{Cause, Collection, DayRange, Document, Metric, Rejected};
use serde_json::{Value, json};
use store::{Applied, Batch, Origin, Store, SyncState, Totals};

use crate::fixtures::{
    at, batch, day, document, me, newest, newest_values, now, put, put_at, score, sleep, values,
};

fn metric(key: &str) -> &'static Metric {
    Metric::by_key(key).unwrap()
}

fn said(pairs: &[(&str, f64)]) -> Vec<(String, f64)> {
    pairs.iter().map(|(day, value)| ((*day).to_owned(), *value)).collect()
}

async fn totals(store: &Store) -> Totals {
    store.totals(me(store).await.id).await.unwrap()
}

pub(crate) async fn batch_is_stored_and_derived(store: Store) {
    let applied =
        put(&store, Collection::DailySleep, vec![score("2026-03-01", 80), score("2026-03-02", 90)]).await;
    assert_eq!(applied, Applied { new: 2, ..Applied::default() });
    assert_eq!(values(&store, "sleep_score").await, said(&[("2026-03-01", 80.0), ("2026-03-02", 90.0)]));
    assert_eq!(newest(&store, "sleep_score").await, Some(("2026-03-02".into(), 90.0)));
}

pub(crate) async fn batch_applied_twice_changes_nothing(store: Store) {
    let documents =
        || vec![score("2026-03-01", 80), sleep("n", "2026-03-01", "long_sleep", (1, 7), &[Some(50.0)])];
    put(&store, Collection::DailySleep, vec![documents().remove(0)]).await;
    let before = totals(&store).await;
    let latest = newest_values(&store).await;
    let again =
        put_at(&store, Collection::DailySleep, vec![documents().remove(0)], at("2026-07-01T00:00:00Z")).await;
    assert_eq!(again, Applied { unchanged: 1, ..Applied::default() });
    assert_eq!(totals(&store).await, before);
    assert_eq!(newest_values(&store).await, latest);
    assert_eq!(store.watermark().await.unwrap(), Some(now()), "no row of `latest` was written again");
}

pub(crate) async fn newest_body_wins_and_the_previous_is_a_revision(store: Store) {
    put(&store, Collection::DailySleep, vec![score("2026-03-01", 80)]).await;
    let applied = put(&store, Collection::DailySleep, vec![score("2026-03-01", 75)]).await;
    assert_eq!(applied, Applied { changed: 1, ..Applied::default() });
    put(&store, Collection::DailySleep, vec![score("2026-03-01", 70)]).await;
    assert_eq!(values(&store, "sleep_score").await, said(&[("2026-03-01", 70.0)]));
    assert_eq!(totals(&store).await.revisions, 2);
}

pub(crate) async fn progress_of_a_running_day_is_not_a_revision(store: Store) {
    let rows = |bpm: &[i64]| {
        let rows: Vec<String> = bpm
            .iter()
            .enumerate()
            .map(|(i, bpm)| {
                format!(r#"{{"timestamp":"2026-03-01T10:0{i}:00Z","bpm":{bpm},"source":"awake"}}"#)
            })
            .collect();
        Document::group_rows(Collection::HeartRate, rows.iter().map(String::as_str)).0
    };
    let during = at("2026-03-01T11:00:00Z");
    put_at(&store, Collection::HeartRate, rows(&[60]), during).await;
    put_at(&store, Collection::HeartRate, rows(&[60, 61]), at("2026-03-04T00:00:00Z")).await;
    assert_eq!(totals(&store).await.revisions, 0, "the day was still running when it was first read");
    put_at(&store, Collection::HeartRate, rows(&[60, 61, 62]), at("2026-03-05T00:00:00Z")).await;
    assert_eq!(totals(&store).await.revisions, 1, "a finished day that changes is corrected");
    assert_eq!(newest(&store, "heart_rate_awake").await, Some(("2026-03-01".into(), 62.0)));
}

pub(crate) async fn null_removes_the_value(store: Store) {
    put(&store, Collection::DailySleep, vec![score("2026-03-01", 80), score("2026-03-02", 82)]).await;
    put(&store, Collection::DailySleep, vec![score("2026-03-02", serde_json::Value::Null)]).await;
    assert_eq!(values(&store, "sleep_score").await, said(&[("2026-03-01", 80.0)]));
    assert_eq!(newest(&store, "sleep_score").await, None, "not yesterday's");
    assert_eq!(newest(&store, "sleep_contributor_timing").await, Some(("2026-03-02".into(), 70.0)));
}

pub(crate) async fn document_moves_to_another_day(store: Store) {
    put(&store, Collection::Sleep, vec![sleep("n", "2026-03-01", "long_sleep", (1, 7), &[])]).await;
    put(&store, Collection::Sleep, vec![sleep("n", "2026-03-02", "long_sleep", (1, 8), &[])]).await;
    assert_eq!(values(&store, "sleep_time_in_bed").await, said(&[("2026-03-02", 25_200.0)]));
}

pub(crate) async fn latest_value_is_not_hidden_by_a_nap(store: Store) {
    let night = sleep("night", "2026-03-01", "long_sleep", (1, 7), &[]);
    let detection = sleep("rest", "2026-03-02", "rest", (1, 2), &[]);
    put(&store, Collection::Sleep, vec![night, detection]).await;
    assert_eq!(newest(&store, "sleep_time_in_bed").await, Some(("2026-03-01".into(), 21_600.0)));
    assert_eq!(store.sync_states(me(&store).await.id).await.unwrap()[0].newest_day, Some(day("2026-03-02")));
}

pub(crate) async fn failed_batch_leaves_nothing(store: Store) {
    let stranger = store::Person { id: 4711, ..me(&store).await };
    let mut orphan = batch(&stranger, Collection::DailySleep, vec![score("2026-03-01", 80)]);
    orphan.covered = Some(DayRange::ending(day("2026-03-01"), 3));
    store.apply(&orphan, now()).await.unwrap_err();
    assert_eq!(store.totals(stranger.id).await.unwrap(), Totals::default());
    assert_eq!(store.latest_of(stranger.id).await.unwrap(), []);
    assert_eq!(store.sync_states(stranger.id).await.unwrap(), []);
}

pub(crate) async fn rejected_documents_are_kept_until_they_parse(store: Store) {
    let person = me(&store).await;
    let bad = |reason: &str, body: &str| Rejected {
        id: "score-2026-03-01".into(),
        reason: reason.into(),
        body: body.into(),
    };
    let mut first = batch(&person, Collection::DailySleep, vec![score("2026-03-02", 90)]);
    first.rejected = vec![
        bad("/score: expected a number", "{\"score\": \"high\"}\0"),
        bad("/score: expected a number", "{}"),
    ];
    let applied = store.apply(&first, now()).await.unwrap();
    assert_eq!((applied.new, applied.rejected), (1, 2), "the good ones are stored");
    let rejections = store.rejections(person.id).await.unwrap();
    assert_eq!(rejections, [("daily_sleep".to_owned(), "/score: expected a number".to_owned(), 1)]);
    put(&store, Collection::DailySleep, vec![score("2026-03-01", 80)]).await;
    assert_eq!(totals(&store).await.rejected, 0);
}

pub(crate) async fn archive_adds_missing_documents_and_replaces_none(store: Store) {
    let person = me(&store).await;
    let body = |id: &str, score: Value, more: Value| {
        let on = format!("2026-03-0{}", "abcd".find(id).unwrap() + 1);
        let mut value = json!({"id": id, "day": on, "score": score});
        value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        document(Collection::DailyReadiness, &value)
    };
    let readiness = |documents| batch(&person, Collection::DailyReadiness, documents);
    let mut read = readiness(vec![
        body("a", json!(80), json!({})),
        body("b", json!(null), json!({})),
        body("c", json!(70), json!({})),
    ]);
    read.covered = Some(DayRange::ending(day("2026-03-01"), 3));
    store.apply(&read, now()).await.unwrap();
    let failed = at("2026-06-02T00:00:00Z");
    store.note_failure(person.id, Collection::DailyReadiness, Cause::Scope, failed).await.unwrap();
    let states = store.sync_states(person.id).await.unwrap();

    let reject =
        |id: &str| Rejected { id: id.into(), reason: "/score: expected a number".into(), body: "{}".into() };
    let archive = Batch {
        origin: Origin::Import,
        rejected: vec![reject("c"), reject("e")],
        ..readiness(vec![
            body("a", json!(60), json!({"temperature_deviation": 0.5})),
            body("b", json!(60), json!({})),
            body("c", json!(70.0), json!({"temperature_deviation": 0.25})),
            body("d", json!(50), json!({})),
        ])
    };
    let later = at("2026-06-03T00:00:00Z");
    let applied = store.apply(&archive, later).await.unwrap();
    assert_eq!(applied, Applied { new: 1, changed: 1, unchanged: 2, rejected: 2, ..Applied::default() });
    assert_eq!(totals(&store).await, Totals { documents: 4, revisions: 1, rejected: 1, daily: 4 });
    let scores = said(&[("2026-03-01", 80.0), ("2026-03-03", 70.0), ("2026-03-04", 50.0)]);
    assert_eq!(values(&store, "readiness_score").await, scores);
    let held = values(&store, "temperature_deviation").await;
    assert_eq!(held, said(&[("2026-03-03", 0.25)]), "only what contradicts nothing was added");
    let states: Vec<SyncState> =
        states.into_iter().map(|state| SyncState { newest_day: Some(day("2026-03-04")), ..state }).collect();
    assert_eq!(store.sync_states(person.id).await.unwrap(), states, "an archive is no answer of Oura");

    let again = store.apply(&archive, later).await.unwrap();
    assert_eq!(again, Applied { unchanged: 4, rejected: 2, ..Applied::default() });
    assert_eq!(totals(&store).await.rejected, 1);
    // Oura's own word replaces what the archive filled in.
    store.apply(&readiness(vec![body("d", json!(55), json!({}))]), later).await.unwrap();
    assert_eq!(totals(&store).await.revisions, 2);
}

pub(crate) async fn archive_does_not_move_the_cursor(store: Store) {
    let person = me(&store).await;
    let archive = Batch {
        origin: Origin::Import,
        ..batch(&person, Collection::DailySleep, vec![score("2026-03-01", 80)])
    };
    store.apply(&archive, now()).await.unwrap();
    let state = store.sync_states(person.id).await.unwrap().remove(0);
    assert_eq!((state.covered, state.last_attempt_at, state.last_success_at), (None, None, None));
    assert_eq!(state.newest_day, Some(day("2026-03-01")));
}

pub(crate) async fn equivalent_document_is_not_a_change(store: Store) {
    let person = me(&store).await;
    let spelled = |body: &str| {
        let document = Document::parse(Collection::DailySleep, body).unwrap();
        batch(&person, Collection::DailySleep, vec![document])
    };
    store.apply(&spelled(r#"{"id":"a","day":"2026-03-01","score":80}"#), now()).await.unwrap();
    let again = spelled(r#"{ "score": 80.0, "day": "2026-03-01", "id": "a", "contributors": null }"#);
    let applied = store.apply(&again, at("2026-07-01T00:00:00Z")).await.unwrap();
    assert_eq!(applied, Applied { unchanged: 1, ..Applied::default() });
    assert_eq!(totals(&store).await.revisions, 0);
    assert_eq!(store.watermark().await.unwrap(), Some(now()));
}

pub(crate) async fn covered_range_has_no_holes(store: Store) {
    let person = me(&store).await;
    let read = async |first: &str, last: &str| {
        let mut batch = batch(&person, Collection::DailySleep, Vec::new());
        batch.covered = DayRange::new(day(first), day(last)).ok();
        store.apply(&batch, now()).await.unwrap();
        let state = store.sync_states(person.id).await.unwrap().remove(0);
        let covered = state.covered.unwrap();
        (covered.first().to_string(), covered.last().to_string())
    };
    let range = |first: &str, last: &str| (first.to_owned(), last.to_owned());
    assert_eq!(read("2026-03-01", "2026-03-31").await, range("2026-03-01", "2026-03-31"));
    assert_eq!(read("2026-02-01", "2026-02-28").await, range("2026-02-01", "2026-03-31"));
    assert_eq!(read("2025-01-01", "2025-01-31").await, range("2026-02-01", "2026-03-31"));
    assert_eq!(read("2026-03-20", "2026-04-02").await, range("2026-02-01", "2026-04-02"));
}

pub(crate) async fn failure_keeps_the_covered_range(store: Store) {
    let person = me(&store).await;
    let mut read = batch(&person, Collection::DailySleep, vec![score("2026-03-01", 80)]);
    read.covered = Some(DayRange::ending(day("2026-03-01"), 7));
    store.apply(&read, now()).await.unwrap();
    let later = at("2026-06-01T09:00:00Z");
    store.note_failure(person.id, Collection::DailySleep, Cause::Unauthorized, later).await.unwrap();
    store.note_failure(person.id, Collection::HeartRate, Cause::Scope, later).await.unwrap();
    let states = store.sync_states(person.id).await.unwrap();
    assert_eq!((states[0].covered, states[0].last_success_at), (read.covered, Some(now())));
    assert_eq!((states[0].failure, states[0].last_attempt_at), (Some(Cause::Unauthorized), Some(later)));
    assert_eq!((states[1].covered, states[1].failure), (None, Some(Cause::Scope)));
    store.apply(&read, later).await.unwrap();
    assert_eq!(store.sync_states(person.id).await.unwrap()[0].failure, None);
}

pub(crate) async fn day_ranges_are_inclusive(store: Store) {
    let days = ["2026-03-28", "2026-03-29", "2026-03-30", "2026-03-31"];
    put(&store, Collection::DailySleep, days.iter().map(|day| score(day, 80)).collect()).await;
    let range = DayRange::new(day("2026-03-29"), day("2026-03-30")).unwrap();
    let found = store.daily(me(&store).await.id, metric("sleep_score"), range).await.unwrap();
    assert_eq!(found, [(day("2026-03-29"), 80.0), (day("2026-03-30"), 80.0)]);
}

pub(crate) async fn points_round_trip_exactly(store: Store) {
    let items = [None, Some(48.0), None, Some(51.0)];
    put(&store, Collection::Sleep, vec![sleep("n", "2026-03-01", "long_sleep", (1, 7), &items)]).await;
    let range = DayRange::ending(day("2026-03-01"), 1);
    let found = store.series(me(&store).await.id, metric("sleep_hrv"), range).await.unwrap();
    let points: Vec<(i64, f64)> = found.iter().flat_map(|stored| stored.series.points()).collect();
    let start = at("2026-03-01T01:00:00.250Z").as_millisecond();
    assert_eq!(points, [(start + 300_000, 0.048), (start + 900_000, 0.051)]);
}

pub(crate) async fn values_round_trip_exactly(store: Store) {
    let awkward =
        [0.1 + 0.2, 1.0 / 3.0, f64::MIN_POSITIVE, 1.797_693_134_862_315_7e308, -0.012_345_678_901_234_567];
    for value in awkward {
        let document = serde_json::json!({"id": "t", "day": "2026-03-01", "temperature_deviation": value});
        let document = crate::fixtures::document(Collection::DailyReadiness, &document);
        put(&store, Collection::DailyReadiness, vec![document]).await;
        assert_eq!(
            newest(&store, "temperature_deviation").await.map(|(_, v)| v.to_bits()),
            Some(value.to_bits())
        );
    }
}

pub(crate) async fn rebuild_gives_the_same_values(store: Store) {
    let nights: Vec<Document> = (1..29)
        .map(|n| {
            sleep(&format!("n{n}"), &format!("2026-02-{n:02}"), "long_sleep", (0, 7), &[Some(f64::from(n))])
        })
        .collect();
    put(&store, Collection::Sleep, nights).await;
    let person = me(&store).await;
    let range = DayRange::ending(day("2026-03-01"), 60);
    let everything = async || {
        let series = store.series(person.id, metric("sleep_hrv"), range).await.unwrap();
        (values(&store, "sleep_time_in_bed").await, series, newest_values(&store).await)
    };
    let before = everything().await;
    let mut steps = Vec::new();
    store.rebuild(&person, Collection::Sleep, now(), |done, all| steps.push((done, all))).await.unwrap();
    assert_eq!(everything().await, before);
    assert_eq!(steps.last(), Some(&(28, 28)));
    assert_eq!(store.delete_unknown_metrics().await.unwrap(), 0);
}

pub(crate) async fn people_are_kept_apart(store: Store) {
    let ann = store.ensure_person(&"ann".parse().unwrap(), "Asia/Tokyo", now()).await.unwrap();
    put(&store, Collection::DailySleep, vec![score("2026-03-01", 80)]).await;
    store.apply(&batch(&ann, Collection::DailySleep, vec![score("2026-03-01", 60)]), now()).await.unwrap();
    assert_eq!(values(&store, "sleep_score").await, said(&[("2026-03-01", 80.0)]));
    let names: Vec<String> = store.people().await.unwrap().iter().map(|p| p.name.to_string()).collect();
    assert_eq!(names, ["ann", "me"]);
    assert_eq!(store.person("ann").await.unwrap(), Some(ann.clone()));
    let again = store.ensure_person(&ann.name, "UTC", now()).await.unwrap();
    assert_eq!(again.time_zone, "Asia/Tokyo", "a command on another machine does not change the time zone");
    store.set_time_zone(ann.id, "Asia/Seoul").await.unwrap();
    assert_eq!(store.person("ann").await.unwrap().unwrap().time_zone, "Asia/Seoul");
    assert!(store.latest_of(ann.id).await.unwrap().iter().all(|latest| latest.person == ann.id));
    assert_eq!(store.person("bob").await.unwrap(), None);
}

pub(crate) async fn change_signal_fires_after_a_commit(store: Store) {
    let mut changes = store.subscribe();
    changes.mark_unchanged();
    put(&store, Collection::DailySleep, vec![score("2026-03-01", 80)]).await;
    assert!(changes.has_changed().unwrap());
    assert_eq!(store.watermark().await.unwrap(), Some(now()));
}

pub(crate) async fn nap_confirmed_days_later_joins_its_day(store: Store) {
    let nap = |delta: serde_json::Value| {
        let value = serde_json::json!({
            "id": "nap", "day": "2026-03-01", "type": "sleep", "sleep_score_delta": delta,
            "bedtime_start": "2026-03-01T14:00:00+00:00", "bedtime_end": "2026-03-01T15:00:00+00:00",
            "time_in_bed": 3600, "total_sleep_duration": 3000,
        });
        crate::fixtures::document(Collection::Sleep, &value)
    };
    let night = |on: &str| sleep(on, on, "long_sleep", (0, 7), &[]);
    put(&store, Collection::Sleep, vec![night("2026-03-01"), nap(serde_json::Value::Null)]).await;
    put(&store, Collection::Sleep, vec![night("2026-03-04")]).await;
    assert_eq!(values(&store, "sleep_naps").await, said(&[("2026-03-01", 0.0), ("2026-03-04", 0.0)]));
    let applied = put(&store, Collection::Sleep, vec![nap(2.into())]).await;
    assert_eq!(applied, Applied { changed: 1, ..Applied::default() });
    assert_eq!(values(&store, "sleep_naps").await, said(&[("2026-03-01", 1.0), ("2026-03-04", 0.0)]));
    assert_eq!(
        newest(&store, "sleep_naps").await,
        Some(("2026-03-04".into(), 0.0)),
        "it is no news of today"
    );
}

pub(crate) async fn night_in_progress_counts_once_it_has_ended(store: Store) {
    let running = serde_json::json!({
        "id": "tonight", "day": "2026-03-02", "type": "long_sleep", "bedtime_start": "2026-03-02T01:00:00+00:00",
        "bedtime_end": null, "time_in_bed": 3600,
    });
    let running = crate::fixtures::document(Collection::Sleep, &running);
    put(&store, Collection::Sleep, vec![sleep("last", "2026-03-01", "long_sleep", (0, 8), &[]), running])
        .await;
    assert_eq!(newest(&store, "sleep_time_in_bed").await, Some(("2026-03-01".into(), 28_800.0)));
    put(&store, Collection::Sleep, vec![sleep("tonight", "2026-03-02", "long_sleep", (1, 7), &[])]).await;
    assert_eq!(newest(&store, "sleep_time_in_bed").await, Some(("2026-03-02".into(), 21_600.0)));
}

pub(crate) async fn latest_values_are_read_for_the_given_people_only(store: Store) {
    let ann = store.ensure_person(&"ann".parse().unwrap(), "UTC", now()).await.unwrap();
    put(&store, Collection::DailySleep, vec![score("2026-03-01", 80)]).await;
    store.apply(&batch(&ann, Collection::DailySleep, vec![score("2026-03-02", 60)]), now()).await.unwrap();
    let me = me(&store).await;
    let everyone = [me.id, ann.id];
    let mut latest = store.latest_of_each(&everyone).await.unwrap();
    let [mine, hers] = [store.latest_of(me.id).await.unwrap(), store.latest_of(ann.id).await.unwrap()];
    let mut expected = [mine, hers].concat();
    expected.sort_by_key(|latest| latest.person);
    assert_eq!(latest, expected);
    latest.retain(|latest| latest.person == ann.id);
    assert!(!latest.is_empty());
    assert_eq!(store.latest_of_each(&[ann.id]).await.unwrap(), latest);
    let states = store.sync_states_of_each(&everyone).await.unwrap();
    assert_eq!(states.len(), 2);
    let of_ann: Vec<_> = states.into_iter().filter(|(person, _)| *person == ann.id).map(|(_, s)| s).collect();
    assert_eq!(of_ann, store.sync_states(ann.id).await.unwrap());
    assert_eq!(store.latest_of_each(&[]).await.unwrap(), []);
    assert_eq!(store.sync_states_of_each(&[]).await.unwrap(), []);
    assert_eq!(store.latest_of_each(&[i64::MAX]).await.unwrap(), []);
    assert_eq!(store.rings_of_each(&everyone).await.unwrap(), []);
}

pub(crate) async fn changed_people_are_those_written_since_the_mark(store: Store) {
    let ann = store.ensure_person(&"ann".parse().unwrap(), "UTC", now()).await.unwrap();
    assert_eq!(store.changed_since(None).await.unwrap(), [], "no person has a number yet");
    put(&store, Collection::DailySleep, vec![score("2026-03-01", 80)]).await;
    let later = at("2026-06-01T08:00:01Z");
    store.apply(&batch(&ann, Collection::DailySleep, vec![score("2026-03-01", 60)]), later).await.unwrap();
    let changed = async |mark| {
        let people = store.changed_since(mark).await.unwrap();
        people.iter().map(|person| person.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(changed(None).await, ["ann", "me"]);
    assert_eq!(
        changed(Some(now())).await,
        ["ann", "me"],
        "a second write in the same instant must not be missed"
    );
    assert_eq!(changed(Some(later)).await, ["ann"]);
    assert_eq!(changed(Some(at("2026-06-01T08:00:02Z"))).await, Vec::<String>::new());
}
