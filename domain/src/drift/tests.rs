use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::collection::{Window, fixture};
use crate::document::Document;

fn look(collection: Collection, body: &Value) -> Vec<(String, String)> {
    let found = DriftDetector::new(collection).detect(&body.to_string());
    found.into_iter().map(|drift| (drift.pointer, drift.word)).collect()
}

fn fields(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let path = format!("{path}/{name}");
                fields(value, &path, found);
                found.insert(path);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| fields(item, &format!("{path}/*"), found)),
        _ => {}
    }
}

#[test]
fn known_fields_equal_those_of_the_fixtures() {
    for &collection in Collection::ALL {
        let mut found = BTreeSet::new();
        for document in fixture(collection) {
            fields(&document, "", &mut found);
        }
        let known: Vec<&str> = collection.info().fields.to_vec();
        assert_eq!(
            known,
            found.iter().map(String::as_str).collect::<Vec<_>>(),
            "{collection}: the fields in domain/src/collection/table.rs"
        );
    }
}

#[test]
fn fixtures_have_no_unknown_words() {
    for &collection in Collection::ALL {
        let documents = fixture(collection);
        // One word is unknown on purpose, to show where its row goes.
        let unknown = |body: &Value| {
            let mut found = look(collection, body);
            found.retain(|(_, word)| word != "underwater");
            found
        };
        for document in &documents {
            assert_eq!(unknown(document), [], "{collection}");
        }
        if collection.window() != Window::Days && !collection.is_single() {
            assert_eq!(unknown(&Value::from(documents)), [], "{collection}, gathered");
        }
    }
}

#[test]
fn unknown_fields_are_reported_by_pointer_without_value() {
    let mut night = fixture(Collection::Sleep).remove(0);
    night["snoring"] = json!({"index": 7});
    night["readiness"]["contributors"]["age"] = 41.into();
    night["Dear diary, today"] = "private".into();
    let field = |pointer: &str| (pointer.to_owned(), String::new());
    assert_eq!(
        look(Collection::Sleep, &night),
        [field("/?"), field("/readiness/contributors/age"), field("/snoring")]
    );
    let rest = json!({"id": "r", "start_day": "2026-03-01", "episodes": [{"mood": "x"}, {"mood": "y"}]});
    assert_eq!(look(Collection::RestModePeriod, &rest), [field("/episodes/*/mood")]);
}

#[test]
fn unknown_words_are_reported_for_closed_sets_only() {
    let word = |pointer: &str, word: &str| (pointer.to_owned(), word.to_owned());
    let workout =
        json!({"id": "w", "activity": "underwater_chess", "intensity": "insane", "label": "with Ann"});
    assert_eq!(look(Collection::Workout, &workout), [word("/intensity", "insane")]);
    let stress = json!({"id": "s", "day_summary": "Ann was ill"});
    assert_eq!(look(Collection::DailyStress, &stress), [word("/day_summary", "?")]);
    let rows =
        json!([{"timestamp": "2026-03-01T00:00:00Z", "bpm": 60, "source": "underwater"}, {"source": "rest"}]);
    assert_eq!(look(Collection::HeartRate, &rows), [word("/source", "underwater")]);
    assert_eq!(look(Collection::Sleep, &json!({"type": "siesta"})), [word("/type", "siesta")]);
    assert_eq!(look(Collection::Sleep, &json!({"type": null})), [], "null is no word");
}

#[test]
fn unknown_fields_do_not_fail_a_document_and_are_bounded() {
    let mut document = fixture(Collection::DailySleep).remove(0);
    for n in 0..1_000 {
        document[format!("field_{n}")] = n.into();
    }
    assert!(Document::parse(Collection::DailySleep, &document.to_string()).is_ok());
    assert_eq!(look(Collection::DailySleep, &document).len(), MAX_FINDINGS);
}

proptest! {
    #[test]
    fn drift_reports_are_always_names(name in ".{0,60}", word in ".{0,60}") {
        for (pointer, word) in look(Collection::DailyStress, &json!({name: 1, "day_summary": word})) {
            prop_assert!(pointer.bytes().all(|b| b.is_ascii_alphanumeric() || b"/_?".contains(&b)), "{pointer}");
            prop_assert!(word == "?" || word.is_empty() || is_word(&word), "{word}");
        }
    }
}
