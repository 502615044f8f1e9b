//! Misleading properties of Oura's data, each with documents that have it and the expected day and numbers. The
//! table is docs/quirks.md.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use domain::derive::{Derived, derive};
use domain::{Collection, Day, Document};
use serde_json::{Value, json};

/// Parses documents, which must all belong to one day, and derives it.
fn derived(collection: Collection, documents: &[Value]) -> (String, Derived) {
    let documents: Vec<Document> = documents
        .iter()
        .map(|document| Document::parse(collection, &document.to_string()).unwrap())
        .collect();
    let day = documents[0].day;
    assert!(documents.iter().all(|document| document.day == day), "one day");
    (day.to_string(), derive(collection, day, documents.iter().map(|document| document.body.as_str())))
}

/// The number of a key; `None` where there is none, whether unknown or unmeasured.
fn number(derived: &Derived, key: &str) -> Option<f64> {
    derived.daily.iter().find(|daily| daily.metric.key == key)?.value
}

/// A night by its bedtimes as printed, with the length Oura gives it.
fn night(day: &str, start: &str, end: &str, time_in_bed: i64) -> Value {
    json!({
        "id": "night", "day": day, "type": "long_sleep", "bedtime_start": start, "bedtime_end": end,
        "time_in_bed": time_in_bed, "efficiency": 90, "lowest_heart_rate": 51,
    })
}

#[test]
fn day_does_not_depend_on_the_timestamp_offset() {
    for timestamp in [
        "2024-10-28T00:00:00+00:00",
        "2024-10-27T17:00:00-07:00",
        "2024-10-28T00:00:00+01:00",
        "2024-10-27T00:00:00+02:00",
        "2024-10-28T00:00:00.000Z",
    ] {
        let document = json!({"id": "r", "day": "2024-10-28", "timestamp": timestamp, "score": 80});
        let (day, derived) = derived(Collection::DailyReadiness, &[document]);
        assert_eq!(
            (day.as_str(), number(&derived, "readiness_score")),
            ("2024-10-28", Some(80.0)),
            "{timestamp}"
        );
    }
}

#[test]
fn night_belongs_to_the_day_given_by_oura() {
    for (day, start, end) in [
        ("2026-03-10", "2026-03-09T23:10:00+01:00", "2026-03-10T07:10:00+01:00"),
        // Ends in the evening: Oura counts it for the day that follows.
        ("2026-03-11", "2026-03-10T11:00:00+01:00", "2026-03-10T19:00:00+01:00"),
        // Already yesterday in UTC when its sleeper wakes up.
        ("2026-03-10", "2026-03-09T22:00:00+14:00", "2026-03-10T06:00:00+14:00"),
        ("2026-03-10", "2026-03-09T16:00:00-08:00", "2026-03-10T00:00:00-08:00"),
    ] {
        let (filed, derived) = derived(Collection::Sleep, &[night(day, start, end, 28_800)]);
        assert_eq!(
            (filed.as_str(), number(&derived, "sleep_time_in_bed")),
            (day, Some(28_800.0)),
            "{start} {end}"
        );
    }
}

#[test]
fn night_across_time_zones_has_its_true_length_and_clocks() {
    // Asleep over Berlin, awake over Tokyo: nine hours by the clocks, one by the heart.
    let flight = night("2026-03-10", "2026-03-09T23:30:00+01:00", "2026-03-10T08:30:00+09:00", 3600);
    let (_, derived) = derived(Collection::Sleep, &[flight]);
    assert_eq!(number(&derived, "sleep_bedtime_start_clock"), Some(-1800.0));
    assert_eq!(number(&derived, "sleep_bedtime_end_clock"), Some(30_600.0));
    let length =
        number(&derived, "sleep_bedtime_end").unwrap() - number(&derived, "sleep_bedtime_start").unwrap();
    assert_eq!((Some(length), number(&derived, "sleep_time_in_bed")), (Some(3600.0), Some(3600.0)));
}

#[test]
fn night_across_a_clock_change_has_its_true_length_and_clocks() {
    for (day, start, end, hours) in [
        ("2026-03-29", "2026-03-28T23:00:00+01:00", "2026-03-29T07:00:00+02:00", 7.0),
        ("2026-10-25", "2026-10-24T23:00:00+02:00", "2026-10-25T07:00:00+01:00", 9.0),
    ] {
        #[expect(clippy::cast_possible_truncation, reason = "a few hours")]
        let (filed, derived) = derived(Collection::Sleep, &[night(day, start, end, (hours * 3600.0) as i64)]);
        let length =
            number(&derived, "sleep_bedtime_end").unwrap() - number(&derived, "sleep_bedtime_start").unwrap();
        assert_eq!((filed.as_str(), length), (day, hours * 3600.0));
        assert_eq!(number(&derived, "sleep_bedtime_start_clock"), Some(-3600.0));
        assert_eq!(number(&derived, "sleep_bedtime_end_clock"), Some(25_200.0), "seven on the wall");
    }
}

#[test]
fn activity_day_of_23_or_25_hours_has_as_many_points() {
    for (day, offset, slots) in
        [("2026-03-28", "+01:00", 276), ("2026-10-24", "+02:00", 300), ("2026-06-01", "+02:00", 288)]
    {
        let document = json!({
            "id": "a", "day": day, "timestamp": format!("{day}T04:00:00{offset}"), "steps": 9000,
            "class_5_min": "2".repeat(slots),
            "met": {"interval": 60.0, "items": vec![1.1; slots * 5], "timestamp": format!("{day}T04:00:00.000{offset}")},
        });
        let (_, derived) = derived(Collection::DailyActivity, &[document]);
        let points = |key: &str| {
            let series = derived.series.iter().find(|series| series.metric.key == key).unwrap();
            (series.points().count(), series.points().next_back().unwrap().0 - series.start.as_millisecond())
        };
        let slot = i64::try_from(slots).unwrap();
        assert_eq!(points("activity_class"), (slots, (slot - 1) * 300_000), "{day}");
        assert_eq!(points("activity_met"), (slots * 5, (slot * 5 - 1) * 60_000), "{day}");
    }
}

#[test]
fn night_in_progress_is_not_counted() {
    let running = json!({
        "id": "night", "day": "2026-03-10", "type": "long_sleep", "bedtime_start": "2026-03-09T23:00:00+01:00",
        "bedtime_end": null, "time_in_bed": 7200,
    });
    let (day, derived) = derived(Collection::Sleep, &[running]);
    assert_eq!(
        (day.as_str(), number(&derived, "sleep_time_in_bed"), derived.series.len()),
        ("2026-03-10", None, 0)
    );
}

#[test]
fn contributor_points_are_not_measurements() {
    let readiness = json!({
        "id": "r", "day": "2026-03-10", "score": 80, "temperature_deviation": -0.2,
        "contributors": {"body_temperature": 97, "resting_heart_rate": 88},
    });
    let (_, readiness) = derived(Collection::DailyReadiness, &[readiness]);
    assert_eq!(number(&readiness, "temperature_deviation"), Some(-0.2));
    let names = |key: &str| domain::Metric::by_key(key).unwrap().name();
    assert_eq!(names("readiness_contributor_body_temperature"), "oura_readiness_contributor_score");
    assert_eq!(names("readiness_contributor_resting_heart_rate"), "oura_readiness_contributor_score");
    assert_eq!(names("sleep_contributor_efficiency"), "oura_sleep_contributor_score");
    let (_, slept) = derived(
        Collection::Sleep,
        &[night("2026-03-10", "2026-03-09T23:00:00+01:00", "2026-03-10T07:00:00+01:00", 28_800)],
    );
    assert_eq!(number(&slept, "sleep_efficiency"), Some(0.9));
    assert_eq!(
        number(&slept, "sleep_lowest_heart_rate"),
        Some(51.0),
        "what the app calls the resting heart rate"
    );
}

#[test]
fn sentinels_are_absent_in_every_collection() {
    let mut unmeasured =
        night("2026-03-10", "2026-03-09T23:00:00+01:00", "2026-03-10T07:00:00+01:00", 28_800);
    unmeasured["lowest_heart_rate"] = 255.into();
    unmeasured["average_hrv"] = (-102).into();
    unmeasured["heart_rate"] = Value::Null;
    let (_, slept) = derived(Collection::Sleep, &[unmeasured]);
    for key in ["sleep_lowest_heart_rate", "sleep_average_hrv"] {
        assert_eq!(number(&slept, key), None, "{key}");
    }
    assert_eq!(number(&slept, "sleep_time_in_bed"), Some(28_800.0), "the rest of the night is there");
    let oxygen = json!({"id": "o", "day": "2026-03-10", "spo2_percentage": {"average": 0.0}, "breathing_disturbance_index": null});
    assert_eq!(number(&derived(Collection::DailySpo2, &[oxygen]).1, "spo2_average"), None);
    let readiness = json!({
        "id": "r", "day": "2026-03-10", "score": 70, "temperature_deviation": null,
        "contributors": {"hrv_balance": 0, "sleep_balance": 80},
    });
    let (_, readiness) = derived(Collection::DailyReadiness, &[readiness]);
    assert_eq!(number(&readiness, "readiness_contributor_hrv_balance"), None);
    assert_eq!(number(&readiness, "readiness_contributor_sleep_balance"), Some(80.0));
}

#[test]
fn stress_seconds_stay_seconds() {
    let stress = json!({"id": "s", "day": "2026-03-10", "stress_high": 31_500, "recovery_high": 900, "day_summary": null});
    let (_, derived) = derived(Collection::DailyStress, &[stress]);
    assert_eq!(number(&derived, "stress_high_duration"), Some(31_500.0));
}

#[test]
fn event_without_day_is_filed_under_its_start_day() {
    let rest = |end: Value| {
        json!({"id": "r", "start_day": "2026-03-10", "start_time": "2026-03-10T20:00:00+01:00", "end_day": null,
               "end_time": end, "episodes": []})
    };
    let (day, open) = derived(Collection::RestModePeriod, &[rest(Value::Null)]);
    assert_eq!(
        (day.as_str(), number(&open, "rest_mode_periods"), number(&open, "rest_mode_duration")),
        ("2026-03-10", Some(1.0), None)
    );
    let (_, empty) = derived(Collection::RestModePeriod, &[rest("2026-03-10T20:00:00+01:00".into())]);
    assert_eq!(
        number(&empty, "rest_mode_duration"),
        Some(0.0),
        "a period without length is one that Oura has"
    );
    // Early on the ninth by UTC, and the wearer's calendar says the eighth.
    let tag = json!({"id": "t", "start_day": "2026-03-08", "start_time": "2026-03-09T00:44:30Z", "tag_type_code": null, "comment": "private"});
    assert_eq!(derived(Collection::EnhancedTag, &[tag]).0, "2026-03-08");
}

#[test]
fn workout_length_uses_its_own_offsets() {
    let workout = |id: &str, start: &str, end: &str| {
        json!({"id": id, "day": "2026-07-16", "activity": "cycling", "intensity": "easy", "source": "manual",
               "start_datetime": start, "end_datetime": end, "calories": null, "distance": null, "label": null})
    };
    let documents = [
        workout("a", "2026-07-16T20:00:00-06:00", "2026-07-16T21:00:00-06:00"),
        // Entered by hand elsewhere: the same day with another offset, and one that says UTC.
        workout("b", "2026-07-16T10:00:00+02:00", "2026-07-16T10:30:00+02:00"),
        workout("c", "2026-07-17T01:00:00+00:00", "2026-07-17T01:15:00+00:00"),
    ];
    let (day, derived) = derived(Collection::Workout, &documents);
    assert_eq!((day.as_str(), number(&derived, "workouts")), ("2026-07-16", Some(3.0)), "the day is Oura's");
    assert_eq!(number(&derived, "workout_duration_easy"), Some(6300.0));
}

#[test]
fn row_identity_is_timestamp_and_kind() {
    let row = |timestamp: &str, unix: i64, source: &str| {
        json!({"timestamp": timestamp, "timestamp_unix": unix, "bpm": 60, "source": source}).to_string()
    };
    // Milliseconds, seconds and nonsense have been seen next to the same timestamp.
    let rows = [
        row("2026-03-10T23:59:59+00:00", 1_773_187_199_000, "rest"),
        row("2026-03-10T23:59:59.000Z", 1_773_187_199, "awake"),
        row("2026-03-11T00:00:00.000Z", 0, "awake"),
        row("2026-03-11T00:00:00+00:00", 7, "awake"),
    ];
    let (documents, rejected) = Document::group_rows(Collection::HeartRate, rows.iter().map(String::as_str));
    let days: Vec<(String, usize)> =
        documents.iter().map(|document| (document.day.to_string(), document.rows())).collect();
    assert_eq!((days, rejected), (vec![("2026-03-10".to_owned(), 2), ("2026-03-11".to_owned(), 1)], vec![]));
}

#[test]
fn document_without_id_is_identified_by_its_day() {
    let vessels = json!({"day": "2025-03-10", "vascular_age": 38});
    let document = Document::parse(Collection::DailyCardiovascularAge, &vessels.to_string()).unwrap();
    assert_eq!((document.id.as_str(), document.day), ("2025-03-10", "2025-03-10".parse::<Day>().unwrap()));
    assert!(Document::parse(Collection::Sleep, &json!({"day": "2025-03-10"}).to_string()).is_err());
}
