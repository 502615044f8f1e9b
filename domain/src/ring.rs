//! The ring in use, of all the rings a wearer ever set up.

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimeParser;
use serde_json::Value;

/// What Oura says about the ring in use, in words that are safe as label values: `[A-Za-z0-9._-]`, at most 32 long.
/// Empty where Oura does not say; `other` where it says something else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ring {
    /// The generation: `gen2`, `gen3`, …
    pub hardware_type: String,
    /// Its finish.
    pub color: String,
    /// Its shape.
    pub design: String,
    /// The version of the program on it.
    pub firmware_version: String,
    /// US ring size.
    pub size: String,
}

/// Longest word of a label.
const MAX_WORD: usize = 32;

impl Ring {
    /// The ring in use on the day of an observation; `None` when it lists none.
    pub fn of(body: &str) -> Option<Self> {
        let observation: Value = serde_json::from_str(body).ok()?;
        let ring = newest_ring(&observation)?;
        let field = |name: &str| match ring.get(name) {
            Some(Value::String(text)) => word(text),
            Some(Value::Number(number)) => word(&number.to_string()),
            _ => String::new(),
        };
        Some(Self {
            hardware_type: field("hardware_type"),
            color: field("color"),
            design: field("design"),
            firmware_version: field("firmware_version"),
            size: field("size"),
        })
    }

    /// Whether this ring cannot measure blood oxygen; those before the third generation cannot.
    pub fn lacks_oxygen_sensor(&self) -> bool {
        ["gen1", "gen2", "gen2m"].contains(&self.hardware_type.as_str())
    }
}

fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if text.len() <= MAX_WORD && text.chars().all(plain) { text.to_owned() } else { "other".to_owned() }
}

/// The ring that was set up last. Oura writes 1970 where it does not know; such a ring is the one in use only if no
/// other has a date.
pub(crate) fn newest_ring(observation: &Value) -> Option<&Value> {
    let set_up = |ring: &&Value| -> Option<Timestamp> {
        let text = ring.get("set_up_at")?.as_str()?;
        DateTimeParser::new().parse_timestamp(text).ok().filter(|at| *at > Timestamp::UNIX_EPOCH)
    };
    observation.as_array()?.iter().max_by_key(set_up)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ring(hardware: &str, set_up_at: Option<&str>) -> Value {
        json!({"hardware_type": hardware, "set_up_at": set_up_at, "size": 11, "color": "deep_rose", "design": null,
               "firmware_version": "2.9.32"})
    }

    #[test]
    fn the_ring_in_use_is_the_one_set_up_last_and_1970_is_unknown() {
        let hardware =
            |rings: &[Value]| Ring::of(&Value::from(rings).to_string()).map(|ring| ring.hardware_type);
        let old = ring("gen2", Some("1970-01-01T00:00:00+00:00"));
        let used = ring("gen4", Some("2026-01-02T10:00:00+01:00"));
        let before = ring("gen3", Some("2024-01-02T10:00:00.000Z"));
        let nameless = ring("or5", None);
        assert_eq!(hardware(&[old.clone(), used.clone(), before, nameless]).as_deref(), Some("gen4"));
        assert_eq!(hardware(&[used, old.clone()]).as_deref(), Some("gen4"), "whatever the order");
        assert_eq!(hardware(&[old]).as_deref(), Some("gen2"), "the only ring is the ring");
        assert_eq!(hardware(&[]), None);
    }

    #[test]
    fn words_of_a_ring_are_safe_as_label_values() {
        let mut hostile = ring("gen3", None);
        hostile["color"] = "x\"} 1\n".into();
        hostile["design"] = "a".repeat(33).into();
        hostile["firmware_version"] = json!({"no": "text"});
        let ring = Ring::of(&json!([hostile]).to_string()).unwrap();
        assert_eq!((ring.color.as_str(), ring.design.as_str()), ("other", "other"));
        assert_eq!((ring.firmware_version.as_str(), ring.size.as_str()), ("", "11"));
    }

    #[test]
    fn what_is_no_list_of_rings_has_no_ring() {
        for body in ["", "{}", "null", "[]", "[1"] {
            assert_eq!(Ring::of(body), None, "{body}");
        }
        assert_eq!(Ring::of("[7]"), Some(Ring::default()));
    }
}
