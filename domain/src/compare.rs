//! Whether two spellings of a document are equivalent: an account export writes `71.0` and an empty cell where the API
//! writes `71` and leaves the field out.

use serde_json::{Map, Value};

/// Whether both texts mean the same: the order of fields, the spelling of numbers, and null against absence make no
/// difference. A text that is no JSON equals nothing.
pub fn is_equivalent(one: &str, other: &str) -> bool {
    match (parse(one), parse(other)) {
        (Some(one), Some(other)) => equal(&one, &other),
        _ => false,
    }
}

/// Whether `new` repeats everything in `old` and at most adds to it: fields, or rows of a time series. A null is a
/// statement ("not measured"), which a number contradicts.
pub fn only_adds(old: &str, new: &str) -> bool {
    match (parse(old), parse(new)) {
        (Some(old), Some(new)) => extends(&old, &new),
        _ => false,
    }
}

fn parse(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}

fn equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let within = |part: &Map<String, Value>, whole: &Map<String, Value>| {
                part.iter().all(|(name, value)| equal(value, whole.get(name).unwrap_or(&Value::Null)))
            };
            within(one, other) && within(other, one)
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| equal(one, other))
        }
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (one, other) => one == other,
    }
}

fn extends(old: &Value, new: &Value) -> bool {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            old.iter().all(|(name, value)| extends(value, new.get(name).unwrap_or(&Value::Null)))
        }
        (Value::Array(old), Value::Array(rows)) if rows.iter().all(Value::is_object) => {
            // Both are in order of time, so what is found is never behind what was found before.
            let mut rows = rows.iter();
            old.iter().all(|row| rows.any(|candidate| extends(row, candidate)))
        }
        (old, new) => equal(old, new),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn equivalence_ignores_spelling_and_sees_content() {
        let body = r#"{"id":"a","score":71,"met":{"items":[1,null]},"label":null}"#;
        for spelled in [
            r#"{"score": 71.0, "id": "a", "met": {"items": [1.0, null]}}"#,
            r#"{"met":{"items":[1e0,null],"x":null},"score":71,"id":"a"}"#,
        ] {
            assert!(is_equivalent(body, spelled) && is_equivalent(spelled, body), "{spelled}");
        }
        for other in [
            r#"{"id":"a","score":72,"met":{"items":[1,null]}}"#,
            r#"{"id":"a","score":71,"met":{"items":[1]}}"#,
            r#"{"id":"a","score":71,"met":{"items":[1,0]}}"#,
            r#"{"id":"a","score":"71","met":{"items":[1,null]}}"#,
            "",
        ] {
            assert!(!is_equivalent(body, other) && !is_equivalent(other, body), "{other}");
        }
    }

    #[test]
    fn addition_is_recognised_as_such() {
        let row =
            |minute: u32, bpm: u32| format!(r#"{{"timestamp":"2026-03-01T10:{minute:02}:00Z","bpm":{bpm}}}"#);
        let rows = |rows: &[(u32, u32)]| {
            format!("[{}]", rows.iter().map(|(m, b)| row(*m, *b)).collect::<Vec<_>>().join(","))
        };
        let old = rows(&[(1, 60), (3, 62)]);
        assert!(
            only_adds(&old, &rows(&[(0, 59), (1, 60), (2, 61), (3, 62), (4, 63)])),
            "rows before, between, after"
        );
        assert!(!only_adds(&old, &rows(&[(1, 60), (3, 99)])), "a row changed");
        assert!(!only_adds(&old, &rows(&[(1, 60)])), "a row went away");
        assert!(only_adds(r#"{"id":"a"}"#, r#"{"id":"a","score":71}"#));
        assert!(!only_adds(r#"{"id":"a","score":null}"#, r#"{"id":"a","score":71}"#), "null is a statement");
        assert!(!only_adds(r#"{"items":[1,2]}"#, r#"{"items":[1,5,2]}"#), "samples have their places");
    }

    proptest! {
        #[test]
        fn document_is_equivalent_to_itself_in_every_spelling(
            fields in prop::collection::btree_map("[a-c]{1,2}", prop::option::of(-1_000_i32..1_000), 0..6),
        ) {
            let plain = json!(fields).to_string();
            let floats: Value = fields.iter().map(|(name, n)| (name.clone(), json!(n.map(f64::from)))).collect::<Map<_, _>>().into();
            prop_assert!(is_equivalent(&plain, &floats.to_string()));
            prop_assert!(only_adds(&plain, &floats.to_string()));
        }
    }
}
