use proptest::prelude::*;

use super::*;

const FIXTURE: &str = include_str!("../../fixtures/sleep.json");

fn nights() -> Vec<Value> {
    let page: Value = serde_json::from_str(FIXTURE).unwrap();
    page["data"].as_array().unwrap().clone()
}

/// The first fixture night with one field replaced (or removed by `None`).
fn night(field: &str, value: Option<Value>) -> String {
    let mut document = nights().remove(0);
    let fields = document.as_object_mut().unwrap();
    match value {
        Some(value) => drop(fields.insert(field.to_owned(), value)),
        None => drop(fields.remove(field)),
    }
    document.to_string()
}

fn reason(body: &str) -> String {
    let rejected = Document::parse(Collection::Sleep, body).unwrap_err();
    assert_eq!(rejected.body, body, "what came is kept");
    rejected.reason
}

#[test]
fn document_body_is_kept_unchanged() {
    let body = night("a_field_of_tomorrow", Some(Value::from("x")));
    let document = Document::parse(Collection::Sleep, &body).unwrap();
    assert_eq!((document.body, document.day.to_string().as_str()), (body, "2026-10-25"));
}

#[test]
fn wrong_shape_is_named_without_its_value() {
    for (field, value, expected) in [
        ("average_hrv", Some(Value::from("fifty-two")), "/average_hrv: expected a number"),
        ("bedtime_start", Some(Value::from(12)), "/bedtime_start: expected an RFC 3339 time"),
        (
            "heart_rate",
            Some(Value::from(vec![55])),
            "/heart_rate/items: expected a list of numbers and nulls",
        ),
        ("sleep_phase_5_min", Some(Value::from(4221)), "/sleep_phase_5_min: expected a text"),
        ("low_battery_alert", Some(Value::from("no")), "/low_battery_alert: expected true or false"),
        ("day", Some(Value::from("0024-10-25")), "/day: expected a date between 2000 and 2199"),
        ("day", None, "/day: expected a date between 2000 and 2199"),
        ("id", Some(Value::from("a\0b")), "/id: expected a text of 1 to 256 plain bytes"),
        ("id", None, "/id: expected a text of 1 to 256 plain bytes"),
    ] {
        assert_eq!(reason(&night(field, value)), expected);
    }
    assert_eq!(reason("{\"id\": 5"), "no JSON: broken at line 1 column 8");
    assert_eq!(reason("[]"), "/id: expected a text of 1 to 256 plain bytes");
    assert!(reason(&"[".repeat(100_000)).starts_with("no JSON"), "nesting does not overflow the stack");
}

#[test]
fn missing_number_is_not_an_error() {
    for field in ["average_hrv", "heart_rate", "readiness", "type", "bedtime_end"] {
        for value in [None, Some(Value::Null)] {
            assert!(Document::parse(Collection::Sleep, &night(field, value)).is_ok(), "{field}");
        }
    }
}

#[test]
fn rows_are_grouped_by_utc_day() {
    let row = |at: &str, bpm: i64, source: &str| {
        format!(r#"{{"timestamp":"{at}","bpm":{bpm},"source":"{source}"}}"#)
    };
    let rows = [
        row("2026-03-30T00:00:00Z", 61, "awake"),
        row("2026-03-29T23:59:59Z", 60, "awake"),
        row("2026-03-29T12:00:00+02:00", 59, "rest"),
        row("2026-03-29T10:00:00.000Z", 70, "workout"),
        row("2026-03-29T10:00:00Z", 58, "rest"),
        "{\"timestamp\":\"2026-03-29T10:00:00Z\",\"bpm\":\"high\"}".to_owned(),
        "{\"bpm\":60}".to_owned(),
    ];
    let (documents, rejected) = Document::group_rows(Collection::HeartRate, rows.iter().map(String::as_str));
    let seen: Vec<(&str, String)> = documents.iter().map(|d| (d.id.as_str(), d.body.clone())).collect();
    assert_eq!(
        seen,
        [
            ("2026-03-29", format!("[{},{},{}]", rows[4], rows[3], rows[1])),
            ("2026-03-30", format!("[{}]", rows[0])),
        ]
    );
    let reasons: Vec<&str> = rejected.iter().map(|r| r.reason.as_str()).collect();
    assert_eq!(reasons, ["/bpm: expected a number", "/timestamp: expected an RFC 3339 time of this age"]);
    assert_ne!(rejected[0].id, rejected[1].id);
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(body in ".{0,200}") {
        let _ = Document::parse(Collection::Sleep, &body);
        let _ = Document::group_rows(Collection::HeartRate, [body.as_str()]);
    }

    /// Cut and scrambled real documents either parse or are kept whole with a reason.
    #[test]
    fn damaged_documents_are_rejected_with_their_body(cut in 0_usize..2_000, at in 0_usize..2_000, byte in 32_u8..127) {
        let mut body = nights().remove(0).to_string();
        let at = at.min(body.len() - 1);
        body.replace_range(at..=at, &char::from(byte).to_string());
        body.truncate(body.len().saturating_sub(cut % 7));
        match Document::parse(Collection::Sleep, &body) {
            Ok(document) => prop_assert_eq!(document.body, body),
            Err(rejected) => prop_assert_eq!(rejected.body, body),
        }
    }
}

#[test]
fn day_of_a_rejected_document_is_read_where_it_is_stated() {
    let check = |collection, body: &str, expected: Option<&str>| {
        let rejected = Rejected::unnamed(String::new(), body.to_owned());
        let expected = expected.map(|day| day.parse().unwrap());
        assert_eq!(rejected.day(collection), expected, "{collection} {body}");
    };
    let march = Some("2026-03-09");
    check(Collection::DailySleep, r#"{"id":7,"day":"2026-03-09"}"#, march);
    check(Collection::EnhancedTag, r#"{"id":"t","start_day":"2026-03-09"}"#, march);
    check(Collection::DailySleep, r#"{"id":"s","day":"9 March"}"#, None);
    check(Collection::DailySleep, r#"{"id":"s","day":"#, None);
    check(Collection::DailySleep, "", None);
    check(Collection::HeartRate, r#"{"timestamp":"2026-03-10T00:30:00+01:00","bpm":"high"}"#, march);
    check(Collection::HeartRate, r#"{"timestamp":"soon"}"#, None);
    check(Collection::PersonalInfo, r#"{"id":"p","day":"2026-03-09"}"#, None);
}
