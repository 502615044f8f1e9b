//! A changed type never makes a value disappear: the result is the value or a rejection that names the field.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;

use domain::derive::{Derived, derive};
use domain::{Collection, Day, Document, Event, Rejected, Window};
use serde_json::{Value, json};

fn fixture(collection: Collection) -> Vec<Value> {
    let path = format!("{}/fixtures/{}.json", env!("CARGO_MANIFEST_DIR"), collection.name());
    let page: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    if collection.is_single() { vec![page] } else { page["data"].as_array().unwrap().clone() }
}

/// What a document comes to: its numbers, and the words of its event.
#[derive(Debug, PartialEq)]
struct Said {
    derived: Derived,
    words: BTreeMap<&'static str, String>,
    tags: Vec<String>,
    days: usize,
}

fn read(collection: Collection, body: &str) -> Result<Said, Vec<Rejected>> {
    let observed: Day = "2026-11-01".parse().unwrap();
    let (documents, rejected) = match collection.window() {
        Window::Days => match Document::parse(collection, body) {
            Ok(document) => (vec![document], Vec::new()),
            Err(rejected) => (Vec::new(), vec![rejected]),
        },
        Window::Instants => Document::group_rows(collection, [body]),
        Window::Whole => {
            let (document, rejected) = Document::observe(collection, observed, [body]);
            (document.into_iter().collect(), rejected)
        }
    };
    if !rejected.is_empty() {
        return Err(rejected);
    }
    let document = &documents[0];
    let item = if collection == Collection::RingConfiguration { body } else { &document.body };
    Ok(Said {
        derived: derive(collection, document.day, [document.body.as_str()]),
        words: Event::read(collection, document.day, item).unwrap_or_default().labels,
        tags: Event::tag_names(collection, &document.body),
        days: Event::tagged_days(document.day, &document.body, 9).len(),
    })
}

/// Every pointer of a document, parents and values.
fn pointers(value: &Value, path: &str, found: &mut Vec<String>) {
    if !path.is_empty() {
        found.push(path.to_owned());
    }
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| pointers(value, &format!("{path}/{name}"), found));
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .take(3)
                .for_each(|(n, item)| pointers(item, &format!("{path}/{n}"), found));
        }
        _ => {}
    }
}

fn kind(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) => 4,
        Value::Object(_) => 5,
    }
}

fn absent_or_same(changed: &Said, original: &Said) -> bool {
    let numbers = changed.derived.daily.iter().all(|daily| {
        let before = original.derived.daily.iter().find(|before| before.metric == daily.metric);
        daily.value.is_none() || before.is_some_and(|before| before.value.is_some())
    });
    numbers && changed.words.keys().all(|name| original.words.contains_key(name))
}

#[test]
fn every_change_of_a_type_is_a_value_or_a_named_rejection() {
    let others = [
        json!(90),
        json!(97.4),
        json!(1e300),
        json!(-1),
        json!(0),
        json!(1),
        json!(true),
        json!(false),
        json!(""),
        json!("x"),
        json!("82"),
        json!("NaN"),
        json!("Infinity"),
        json!("null"),
        json!("9999-12-31T23:59:59Z"),
        json!("0001-01-01T00:00:00Z"),
        json!([]),
        json!([1]),
        json!([null]),
        json!(["x"]),
        json!([{"average": 1}]),
        json!({}),
        json!({"x": 1}),
    ];
    let (mut tried, mut rejections, mut wrong) = (0, 0, Vec::new());
    for &collection in Collection::ALL {
        for document in fixture(collection) {
            let original =
                read(collection, &document.to_string()).unwrap_or_else(|rejected| panic!("{rejected:?}"));
            let mut found = Vec::new();
            pointers(&document, "", &mut found);
            for pointer in found {
                let before = document.pointer(&pointer).unwrap();
                for other in &others {
                    // Another value of the same type is a value, and of a null nothing is lost.
                    if kind(other) == kind(before) || before.is_null() {
                        continue;
                    }
                    let mut changed = document.clone();
                    *changed.pointer_mut(&pointer).unwrap() = other.clone();
                    tried += 1;
                    match read(collection, &changed.to_string()) {
                        Err(rejected) => {
                            rejections += 1;
                            let reason = &rejected[0].reason;
                            let top = format!("/{}", pointer.split('/').nth(1).unwrap());
                            if !reason.starts_with(&top) {
                                wrong.push(format!("{collection} {pointer} = {other}: {reason}"));
                            }
                        }
                        Ok(read) if read == original => {}
                        // An object with one number that has become this number is read.
                        Ok(_) if pointer == "/spo2_percentage" && other.is_number() => {}
                        // One tag in place of a list is that tag.
                        Ok(_) if pointer == "/tags" && other.is_string() => {}
                        Ok(_) => wrong.push(format!("{collection} {pointer} = {other}: says something else")),
                    }
                }
                let mut changed = document.clone();
                *changed.pointer_mut(&pointer).unwrap() = Value::Null;
                match read(collection, &changed.to_string()) {
                    Ok(read) => assert!(absent_or_same(&read, &original), "{collection} {pointer} = null"),
                    Err(rejected) => assert!(!rejected[0].reason.is_empty()),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(tried > 5_000 && rejections > 2_000, "{tried} {rejections}");
}

#[test]
fn flat_average_is_the_average() {
    let body =
        json!({"id": "o", "day": "2026-11-20", "spo2_percentage": 97.4, "breathing_disturbance_index": 3});
    let night = read(Collection::DailySpo2, &body.to_string()).unwrap();
    let value = |key: &str| night.derived.daily.iter().find(|daily| daily.metric.key == key).unwrap().value;
    assert_eq!(
        (value("spo2_average"), value("breathing_disturbance_index")),
        (Some(97.4 / 100.0), Some(3.0))
    );
}

#[test]
fn document_too_deep_to_read_keeps_its_name_and_its_day() {
    let deep = format!("{}1{}", "[".repeat(1000), "]".repeat(1000));
    let body = format!(r#"{{"id": "w", "day": "2026-11-20", "activity": {deep}}}"#);
    let rejected = Document::parse(Collection::Workout, &body).unwrap_err();
    assert_eq!((rejected.id.as_str(), rejected.is_unnamed()), ("w", false));
    assert_eq!(Document::day_of(Collection::Workout, &body), Some("2026-11-20".parse().unwrap()));
}

#[test]
fn half_an_emoji_is_read_everywhere() {
    let tag = r#"{"id": "t", "start_day": "2026-11-20", "tag_type_code": "tag_x", "comment": "late \ud83d"}"#;
    let document = Document::parse(Collection::EnhancedTag, tag).unwrap();
    assert_eq!(document.body, tag.replace("\\ud83d", "\\ufffd"), "the body kept is JSON for every reader");
    let event = Event::read(Collection::EnhancedTag, document.day, &document.body).unwrap();
    assert_eq!(event.labels["comment"], "late \u{fffd}");
    let row = r#"{"timestamp": "2026-11-20T10:00:00Z", "bpm": 60, "source": "\udc00"}"#;
    let (days, rejected) = Document::group_rows(Collection::HeartRate, [row]);
    assert_eq!((days.len(), rejected), (1, Vec::new()));
    assert!(serde_json::from_str::<Value>(&days[0].body).is_ok());
    let ring = r#"{"id": "r", "color": "\ud83d", "set_up_at": null}"#;
    let (observed, rejected) = Document::observe(Collection::RingConfiguration, document.day, [ring]);
    assert!(observed.is_some_and(|rings| serde_json::from_str::<Value>(&rings.body).is_ok()));
    assert_eq!(rejected, []);
}

#[test]
fn times_far_from_their_day_and_backwards_are_named() {
    let reason =
        |collection, body: &Value| Document::parse(collection, &body.to_string()).unwrap_err().reason;
    let night = |day: &str, start: &str, end: &str| json!({"id": "n", "day": day, "type": "long_sleep", "bedtime_start": start, "bedtime_end": end});
    for (day, start, end, expected) in [
        (
            "2026-11-20",
            "2026-11-20T07:00:00Z",
            "2026-11-19T23:00:00Z",
            "/bedtime_end: lies before /bedtime_start",
        ),
        (
            "2026-11-20",
            "2019-11-19T23:00:00Z",
            "2019-11-20T07:00:00Z",
            "/bedtime_start: expected a time near its day",
        ),
        (
            "2026-11-20",
            "2026-11-19T23:00:00Z",
            "9999-11-20T07:00:00Z",
            "/bedtime_end: expected a time near its day",
        ),
        (
            "2026-11-20",
            "0001-01-01T00:00:00Z",
            "2026-11-20T07:00:00Z",
            "/bedtime_start: expected a time near its day",
        ),
        (
            "2024-02-30",
            "2024-02-29T23:00:00Z",
            "2024-03-01T07:00:00Z",
            "/day: expected a date between 2000 and 2199",
        ),
    ] {
        assert_eq!(reason(Collection::Sleep, &night(day, start, end)), expected);
    }
    let leap = night("2024-02-29", "2024-02-28T23:00:00Z", "2024-02-29T07:00:00Z");
    assert!(Document::parse(Collection::Sleep, &leap.to_string()).is_ok(), "a leap day is a day");
    // No length is a length, and rest mode may be planned to end.
    for end in ["2026-11-20T07:00:00+01:00", "2027-03-01T00:00:00Z"] {
        let rest = json!({"id": "r", "start_day": "2026-11-20", "start_time": "2026-11-20T07:00:00+01:00", "end_time": end});
        assert!(Document::parse(Collection::RestModePeriod, &rest.to_string()).is_ok(), "{end}");
    }
    let workout = json!({"id": "w", "day": "2026-11-20", "start_datetime": "2026-11-20T08:00:00+02:00", "end_datetime": "2026-11-20T06:59:00+01:00"});
    assert_eq!(reason(Collection::Workout, &workout), "/end_datetime: lies before /start_datetime");
    let met = json!({"id": "a", "day": "2026-11-20", "met": {"interval": 60, "items": [1], "timestamp": "2062-11-20T04:00:00Z"}});
    assert_eq!(reason(Collection::DailyActivity, &met), "/met/timestamp: expected a time near its day");
}
