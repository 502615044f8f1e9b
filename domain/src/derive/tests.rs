use serde_json::json;

use super::*;

fn day() -> Day {
    "2026-10-25".parse().unwrap()
}

fn fixture() -> Vec<Value> {
    let page: Value = serde_json::from_str(include_str!("../../fixtures/sleep.json")).unwrap();
    page["data"].as_array().unwrap().clone()
}

/// A sleep period on the fixture's day: hours after midnight, type, delta.
fn period(from: f64, to: f64, kind: &str, delta: Option<i64>) -> Value {
    let at = |hours: f64| {
        #[expect(clippy::cast_possible_truncation, reason = "a few hours")]
        let seconds = (hours * 3600.0) as i64;
        (day().midnight_utc() + jiff::SignedDuration::from_secs(seconds)).to_string()
    };
    json!({
        "id": format!("{kind}-{from}"), "day": "2026-10-25", "type": kind,
        "bedtime_start": at(from), "bedtime_end": at(to),
        "time_in_bed": (to - from) * 3600.0, "total_sleep_duration": (to - from) * 3000.0, "sleep_score_delta": delta,
    })
}

fn of(documents: &[Value]) -> Derived {
    let bodies: Vec<String> = documents.iter().map(Value::to_string).collect();
    derive(Collection::Sleep, day(), bodies.iter().map(String::as_str))
}

/// `None`: unknown; `Some(None)`: known to be unmeasured.
#[expect(clippy::option_option, reason = "the two absences differ")]
fn value(derived: &Derived, key: &str) -> Option<Option<f64>> {
    derived.daily.iter().find(|daily| daily.metric.key == key).map(|daily| daily.value)
}

#[test]
fn fixture_yields_every_metric() {
    let derived = of(&fixture());
    for (key, expected) in [
        ("sleep_duration", 2100.0),
        ("sleep_stage_duration_rem", 300.0),
        ("sleep_efficiency", 0.88),
        ("sleep_average_hrv", 0.052),
        ("sleep_bedtime_start_clock", -1800.0),
        ("sleep_low_battery", 0.0),
        ("sleep_algorithm", 1.0),
        ("sleep_naps", 1.0),
        ("sleep_nap_duration", 1500.0),
        ("sleep_nap_score_delta", 3.0),
    ] {
        assert_eq!(value(&derived, key), Some(Some(expected)), "{key}");
    }
    let hrv = derived.series.iter().find(|series| series.metric.key == "sleep_hrv").unwrap();
    let start = hrv.start.as_millisecond();
    assert_eq!(hrv.points().next(), Some((start + 300_000, 0.048)), "a null is a gap in its place");
    assert_eq!(hrv.points().count(), 5, "a negative reading is a gap too");
}

#[test]
fn night_is_the_longest_completed_long_sleep() {
    let night = |documents: &[Value]| value(&of(documents), "sleep_time_in_bed");
    let early = period(0.0, 3.5, "long_sleep", Some(0));
    let late = period(4.0, 9.0, "long_sleep", Some(0));
    assert_eq!(night(&[early.clone(), late.clone()]), Some(Some(18_000.0)));
    assert_eq!(night(&[late.clone(), early.clone()]), Some(Some(18_000.0)), "whatever the order");
    let mut running = period(0.0, 12.0, "long_sleep", None);
    running["bedtime_end"] = Value::Null;
    assert_eq!(
        night(&[running.clone(), early.clone()]),
        Some(Some(12_600.0)),
        "a night in progress is none yet"
    );
    assert_eq!(night(&[running]), None);
    assert_eq!(night(&[period(1.0, 9.0, "rest", Some(1)), period(1.0, 9.0, "deleted", Some(1))]), None);
}

#[test]
fn naps_count_once_scored() {
    let night = period(0.0, 7.0, "long_sleep", Some(0));
    let naps = |more: &[Value]| {
        let derived = of(&[std::slice::from_ref(&night), more].concat());
        (value(&derived, "sleep_naps").flatten(), value(&derived, "sleep_nap_duration").flatten())
    };
    assert_eq!(naps(&[]), (Some(0.0), None), "a known night without a nap has zero naps");
    assert_eq!(naps(&[period(14.0, 14.01, "sleep", None)]), (Some(0.0), None), "an unconfirmed detection");
    assert_eq!(naps(&[period(14.0, 15.0, "sleep", Some(2))]), (Some(1.0), Some(3000.0)));
    let without = of(std::slice::from_ref(&night));
    assert_eq!(
        value(&without, "sleep_nap_duration"),
        Some(None),
        "yesterday's nap must not be shown together with no nap"
    );
    let several = [period(14.0, 15.0, "late_nap", Some(2)), period(8.0, 9.0, "long_sleep", Some(0))];
    assert_eq!(naps(&several), (Some(2.0), Some(6000.0)), "a second long sleep is no second night");
    assert_eq!(
        value(&of(&[period(14.0, 15.0, "rest", None)]), "sleep_naps"),
        None,
        "no night, no nap: unknown"
    );
}

#[test]
fn null_and_sentinel_are_unmeasured() {
    let mut night = fixture().remove(0);
    night["average_hrv"] = Value::Null;
    night["lowest_heart_rate"] = 255.into();
    night["sleep_algorithm_version"] = "v9".into();
    let derived = of(&[night]);
    for key in ["sleep_average_hrv", "sleep_lowest_heart_rate", "sleep_algorithm"] {
        assert_eq!(value(&derived, key), Some(None), "{key}");
    }
    assert_eq!(of(&[]), Derived::default(), "a day without a document says nothing");
}

#[test]
fn padding_of_a_running_day_is_unmeasured() {
    let page: Value = serde_json::from_str(include_str!("../../fixtures/daily_activity.json")).unwrap();
    let mut document = page["data"][0].clone();
    document["class_5_min"] = "22".into();
    let derived = derive(Collection::DailyActivity, day(), [document.to_string().as_str()]);
    let met = derived.series.iter().find(|series| series.metric.key == "activity_met").unwrap();
    assert_eq!(met.values.len(), 10);
}

#[test]
fn rows_of_unknown_context_are_other() {
    let row = |at: &str, bpm: i64, source: &str| json!({"timestamp": at, "bpm": bpm, "source": source});
    let rows = json!([
        row("2026-10-25T10:00:00Z", 60, "awake"),
        row("2026-10-25T10:00:05Z", 119, "awake"),
        row("2026-10-25T10:00:05Z", 121, "workout"),
        row("2026-10-25T10:05:00Z", 255, "awake"),
        row("2026-10-25T10:06:00Z", 70, "underwater"),
    ]);
    let derived = derive(Collection::HeartRate, day(), [rows.to_string().as_str()]);
    let found: Vec<(&str, Vec<f64>)> = derived
        .series
        .iter()
        .map(|series| (series.metric.key, series.points().map(|(_, value)| value).collect()))
        .collect();
    assert_eq!(
        found,
        [
            ("heart_rate_awake", vec![60.0, 119.0]),
            ("heart_rate_workout", vec![121.0]),
            ("heart_rate_other", vec![70.0])
        ]
    );
}

#[test]
fn events_of_a_day_are_summed() {
    let page: Value = serde_json::from_str(include_str!("../../fixtures/workout.json")).unwrap();
    let bodies: Vec<String> = page["data"].as_array().unwrap().iter().map(Value::to_string).collect();
    let derived = derive(Collection::Workout, day(), bodies.iter().map(String::as_str));
    for (key, expected) in [
        ("workouts", Some(Some(3.0))),
        ("workout_duration_hard", Some(Some(2700.0))),
        ("workout_duration_easy", Some(Some(2700.0))),
        ("workout_distance", Some(Some(25_000.0))),
        ("workout_energy", Some(Some(621.0 * 4184.0))),
    ] {
        assert_eq!(value(&derived, key), expected, "{key}");
    }
    let easy =
        derive(Collection::Workout, day(), bodies.iter().map(String::as_str).filter(|b| b.contains("easy")));
    assert_eq!(
        value(&easy, "workout_duration_hard"),
        Some(None),
        "no hard one is a fact once there is another"
    );
    let none = derive(Collection::Workout, day(), []);
    assert_eq!(value(&none, "workouts"), None, "a day without a document says nothing");
    let open = r#"{"start_time":"2026-10-25T20:00:00+01:00","end_time":null}"#;
    let derived = derive(Collection::RestModePeriod, day(), [open]);
    assert_eq!(value(&derived, "rest_mode_periods"), Some(Some(1.0)));
    assert_eq!(value(&derived, "rest_mode_duration"), Some(None), "an open end has no length yet");
}

#[test]
fn ring_and_profile_are_the_observed_ones() {
    let rings: Value = serde_json::from_str(include_str!("../../fixtures/ring_configuration.json")).unwrap();
    let derived = derive(Collection::RingConfiguration, day(), [rings["data"].to_string().as_str()]);
    assert_eq!(value(&derived, "ring_set_up"), Some(Some(1_789_406_400.0)));
    let unknown = r#"[{"set_up_at":"1970-01-01T00:00:00+00:00"}]"#;
    let derived = derive(Collection::RingConfiguration, day(), [unknown]);
    assert_eq!(value(&derived, "ring_set_up"), Some(None), "1970 is no date");
    assert_eq!(value(&derive(Collection::RingConfiguration, day(), ["[]"]), "ring_set_up"), None);
    let profile = include_str!("../../fixtures/personal_info.json");
    let derived = derive(Collection::PersonalInfo, day(), [profile]);
    for (key, expected) in [("age", 41.0), ("body_weight", 71_500.0), ("body_height", 1.78)] {
        assert_eq!(value(&derived, key), Some(Some(expected)), "{key}");
    }
}
