//! Small documents with one thing to say.

use domain::{Collection, Document};
use serde_json::{Value, json};

pub(crate) type Filed = (Collection, Document);

fn filed(collection: Collection, value: &Value) -> Filed {
    (collection, Document::parse(collection, &value.to_string()).unwrap())
}

pub(crate) fn score(on: &str, score: u8) -> Filed {
    let value = json!({"id": format!("s-{on}"), "day": on, "score": score, "contributors": {"timing": 70}});
    filed(Collection::DailySleep, &value)
}

/// A night from midnight to two o'clock UTC.
pub(crate) fn night(on: &str, hrv: &[Option<f64>]) -> Filed {
    let value = json!({
        "id": format!("n-{on}"), "day": on, "type": "long_sleep", "sleep_algorithm_version": "v2",
        "bedtime_start": format!("{on}T00:00:00+00:00"), "bedtime_end": format!("{on}T02:00:00+00:00"),
        "total_sleep_duration": 6600,
        "hrv": {"interval": 300.0, "items": hrv, "timestamp": format!("{on}T00:00:00.250+00:00")},
    });
    filed(Collection::Sleep, &value)
}

/// What is measured in the last ten minutes of [`night`].
pub(crate) fn late(hrv: &[Option<f64>]) -> Vec<Option<f64>> {
    [&[None; 22], hrv].concat()
}

/// A nap whose start overlaps the last minutes of [`night`].
pub(crate) fn nap(on: &str, hrv: &[Option<f64>]) -> Filed {
    nap_at(on, "01:51:00.000", hrv)
}

/// A nap to three o'clock whose first point is of this time UTC, to the millisecond.
pub(crate) fn nap_at(on: &str, start: &str, hrv: &[Option<f64>]) -> Filed {
    let value = json!({
        "id": format!("nap-{on}"), "day": on, "type": "late_nap",
        "bedtime_start": format!("{on}T{}+00:00", &start[..8]), "bedtime_end": format!("{on}T03:00:00+00:00"),
        "hrv": {"interval": 300.0, "items": hrv, "timestamp": format!("{on}T{start}+00:00")},
    });
    filed(Collection::Sleep, &value)
}

pub(crate) fn steps(on: &str, steps: u32) -> Filed {
    filed(Collection::DailyActivity, &json!({"id": format!("a-{on}"), "day": on, "steps": steps}))
}

pub(crate) fn readiness(on: &str, score: u8, temperature: f64) -> Filed {
    let value =
        json!({"id": format!("r-{on}"), "day": on, "score": score, "temperature_deviation": temperature});
    filed(Collection::DailyReadiness, &value)
}

/// Heart-rate rows of one UTC day, as (time, beats per minute).
pub(crate) fn awake(on: &str, rows: &[(&str, u16)]) -> Filed {
    let rows: Vec<String> = rows
        .iter()
        .map(|(time, bpm)| {
            json!({"timestamp": format!("{on}T{time}Z"), "bpm": bpm, "source": "awake"}).to_string()
        })
        .collect();
    let (mut documents, rejected) =
        Document::group_rows(Collection::HeartRate, rows.iter().map(String::as_str));
    assert_eq!((documents.len(), rejected.len()), (1, 0));
    (Collection::HeartRate, documents.remove(0))
}
