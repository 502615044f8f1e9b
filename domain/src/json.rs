//! JSON as Oura writes it: read leniently where only the spelling is wrong, and followed by pointers that name the parent
//! whose type has changed.

use std::borrow::Cow;

use serde_json::Value;

/// Parses a text. Two things that JSON allows and the parser does not are repaired, and the repaired text is returned in
/// place of the original: half of a surrogate pair (a truncated emoji) becomes U+FFFD, and a number beyond the range of a
/// double becomes a text, so that it is reported where a number is expected.
pub(crate) fn read(text: &str) -> Result<(Value, Cow<'_, str>), serde_json::Error> {
    match serde_json::from_str(text) {
        Ok(value) => Ok((value, Cow::Borrowed(text))),
        Err(error) => {
            let repaired = repair(text);
            match serde_json::from_str(&repaired) {
                Ok(value) => Ok((value, Cow::Owned(repaired))),
                Err(_) => Err(error),
            }
        }
    }
}

/// The text with every lone surrogate and every number out of range replaced; one pass.
fn repair(text: &str) -> String {
    let mut repaired = String::with_capacity(text.len());
    let mut rest = text;
    let mut in_text = false;
    while let Some(at) = rest.find(|c: char| if in_text { c == '"' || c == '\\' } else { is_token(c) }) {
        repaired.push_str(&rest[..at]);
        rest = &rest[at..];
        let used = if rest.starts_with('"') {
            in_text = !in_text;
            repaired.push('"');
            1
        } else if in_text {
            escape(rest, &mut repaired)
        } else {
            number(rest, &mut repaired)
        };
        rest = &rest[used..];
    }
    repaired.push_str(rest);
    repaired
}

/// Whether a quote or a number begins here, outside of a text.
fn is_token(c: char) -> bool {
    c == '"' || c == '-' || c.is_ascii_digit()
}

/// Writes the escape that `rest` begins with; returns the bytes it has.
fn escape(rest: &str, repaired: &mut String) -> usize {
    const HIGH: std::ops::Range<u32> = 0xd800..0xdc00;
    const LOW: std::ops::Range<u32> = 0xdc00..0xe000;
    let unit = |at: usize| {
        let digits = rest.get(at..at + 6)?.strip_prefix("\\u")?;
        u32::from_str_radix(digits, 16).ok()
    };
    let (written, used) = match unit(0) {
        Some(first) if HIGH.contains(&first) && unit(6).is_some_and(|second| LOW.contains(&second)) => {
            (&rest[..12], 12)
        }
        Some(first) if HIGH.contains(&first) || LOW.contains(&first) => ("\\ufffd", 6),
        _ => {
            let used = rest.char_indices().nth(2).map_or(rest.len(), |(at, _)| at);
            (&rest[..used], used)
        }
    };
    repaired.push_str(written);
    used
}

/// Writes the number that `rest` begins with, as a text if no double holds it; returns the bytes it has.
fn number(rest: &str, repaired: &mut String) -> usize {
    let used = rest.find(|c: char| !c.is_ascii_digit() && !"+-.eE".contains(c)).unwrap_or(rest.len());
    let number = &rest[..used];
    if number.parse::<f64>().is_ok_and(f64::is_infinite) {
        repaired.push('"');
        repaired.push_str(number);
        repaired.push('"');
    } else {
        repaired.push_str(number);
    }
    used
}

/// Follows a pointer of the catalogue. `Ok(None)` where a field or a parent is absent or null; `Err` is the pointer of a
/// parent that is no object. An object with an `average` that has become its average is read as that.
pub(crate) fn locate<'d>(
    document: &'d Value,
    pointer: &'static str,
) -> Result<Option<&'d Value>, &'static str> {
    let mut value = document;
    let mut at = 0;
    for token in pointer.split('/').skip(1) {
        let next = at + 1 + token.len();
        value = match value {
            Value::Object(fields) => match fields.get(token) {
                None | Some(Value::Null) => return Ok(None),
                Some(value) => value,
            },
            Value::Number(_) if token == "average" && next == pointer.len() => return Ok(Some(value)),
            _ => return Err(&pointer[..at]),
        };
        at = next;
    }
    Ok(Some(value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn reads(text: &str, expected: &Value) {
        let (value, body) = read(text).unwrap();
        assert_eq!(value, *expected, "{text}");
        assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), *expected, "the body kept is plain JSON");
    }

    #[test]
    fn half_of_a_surrogate_pair_is_replaced_and_a_whole_one_kept() {
        reads(r#"{"a": "late \ud83d"}"#, &json!({"a": "late \u{fffd}"}));
        reads(
            r#"{"a": "\ude00 \ud83d\ude00 \ud83dx\\ud83d"}"#,
            &json!({"a": "\u{fffd} 😀 \u{fffd}x\\ud83d"}),
        );
        reads(
            r#"["\ud83d\ud83d\ude00", "\ud83d\n", "ü\ud83d"]"#,
            &json!(["\u{fffd}😀", "\u{fffd}\n", "ü\u{fffd}"]),
        );
        reads(
            r#"{"\ud83d": "\"\ud83d\"", "b": -1.5e-3}"#,
            &json!({"\u{fffd}": "\"\u{fffd}\"", "b": -1.5e-3}),
        );
    }

    #[test]
    fn number_beyond_a_double_becomes_a_text() {
        reads(
            r#"{"a": 1e999, "b": [-2E+400, 3], "c": "1e999"}"#,
            &json!({"a": "1e999", "b": ["-2E+400", 3], "c": "1e999"}),
        );
    }

    #[test]
    fn text_that_is_no_json_stays_none() {
        for text in ["", "{", "{\"a\": \"\\ud83\"}", "{\"a\": \"\\", "NaN", "{'a': 1}", "\u{feff}{}"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn parent_that_is_no_object_is_named() {
        let at = |document: &Value| locate(document, "/a/b").map(Option::<&Value>::cloned);
        assert_eq!(at(&json!({"a": {"b": 1}})), Ok(Some(json!(1))));
        for absent in [json!({}), json!({"a": null}), json!({"a": {}}), json!({"a": {"b": null}})] {
            assert_eq!(at(&absent), Ok(None), "{absent}");
        }
        for wrong in [json!(90), json!("x"), json!([{"b": 1}]), json!(true)] {
            assert_eq!(at(&json!({"a": wrong})), Err("/a"), "{wrong}");
        }
        assert_eq!(locate(&json!({"a": 97.4}), "/a/average"), Ok(Some(&json!(97.4))));
        assert_eq!(locate(&json!({"a": "97.4"}), "/a/average"), Err("/a"));
        assert_eq!(locate(&json!([]), "/a"), Err(""));
    }

    proptest! {
        #[test]
        fn no_text_panics_and_plain_json_is_never_touched(text in r#"[\\"u{}:,\[\]0-9dDeE8.c+ -]{0,40}"#) {
            if let Ok((_, body)) = read(&text) {
                prop_assert!(serde_json::from_str::<Value>(&body).is_ok());
            }
            if serde_json::from_str::<Value>(&text).is_ok() {
                prop_assert_eq!(repair(&text), text);
            }
        }
    }
}
