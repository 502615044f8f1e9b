//! The ring in use, of all the rings a wearer ever set up.

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimeParser;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::day::Day;

/// The ring in use as Oura describes it, in words that are safe as label values: `[A-Za-z0-9._-]`, at most 32 long.
/// Empty where Oura states nothing; `other` where it states something else.
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
        newest_ring(&observation).map(Self::read)
    }

    fn read(ring: &Value) -> Self {
        let field = |name: &str| match ring.get(name) {
            Some(Value::String(text)) => word(text),
            Some(Value::Number(number)) => word(&number.to_string()),
            _ => String::new(),
        };
        Self {
            hardware_type: field("hardware_type"),
            color: field("color"),
            design: field("design"),
            firmware_version: field("firmware_version"),
            size: field("size"),
        }
    }

    /// Whether this ring cannot measure blood oxygen; those before the third generation cannot.
    pub fn lacks_oxygen_sensor(&self) -> bool {
        ["gen1", "gen2", "gen2m"].contains(&self.hardware_type.as_str())
    }
}

/// All rings a wearer ever set up, in order of the day they were, in the wearer's zone; first those of which Oura does
/// not know the day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rings(Vec<(Option<Day>, Ring)>);

impl Rings {
    /// The rings of an observation; none where it lists none.
    pub fn of(body: &str, zone: &TimeZone) -> Self {
        let observation: Value = serde_json::from_str(body).unwrap_or_default();
        let mut rings: Vec<&Value> = observation.as_array().into_iter().flatten().collect();
        rings.sort_by_key(|ring| set_up(ring));
        let day = |ring: &Value| set_up(ring).map(|at| Day::at(at, zone));
        Self(rings.into_iter().map(|ring| (day(ring), Ring::read(ring))).collect())
    }

    /// The ring in use.
    pub fn in_use(&self) -> Option<&Ring> {
        self.0.last().map(|(_, ring)| ring)
    }

    /// The ring of the night that belongs to `day`: the last one that was set up before. Before the first ring with a
    /// known day it was the one without; `None` where there is none of these, or several.
    pub fn at_night(&self, day: Day) -> Option<&Ring> {
        let undated = self.0.partition_point(|(set_up, _)| set_up.is_none());
        match self.0.partition_point(|(set_up, _)| set_up.is_none_or(|set_up| set_up < day)) {
            known if known > undated || known == 1 => Some(&self.0[known - 1].1),
            _ => None,
        }
    }
}

fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if text.len() <= MAX_WORD && text.chars().all(plain) { text.to_owned() } else { "other".to_owned() }
}

/// The ring that was set up last. Oura writes 1970 where it does not know; such a ring is the one in use only if no
/// other has a date.
pub(crate) fn newest_ring(observation: &Value) -> Option<&Value> {
    observation.as_array()?.iter().max_by_key(|ring| set_up(ring))
}

fn set_up(ring: &Value) -> Option<Timestamp> {
    let text = ring.get("set_up_at")?.as_str()?;
    DateTimeParser::new().parse_timestamp(text).ok().filter(|at| *at > Timestamp::UNIX_EPOCH)
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
    fn ring_in_use_is_the_last_set_up_and_1970_is_unknown() {
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
    fn night_belongs_to_the_last_ring_set_up_before() {
        let check = |rings: &[Value], on: &str, expected: Option<&str>| {
            let zone = TimeZone::fixed(jiff::tz::offset(2));
            let rings = Rings::of(&Value::from(rings).to_string(), &zone);
            let ring = rings.at_night(on.parse().unwrap());
            assert_eq!(ring.map(|ring| ring.hardware_type.as_str()), expected, "{on} {rings:?}");
        };
        let unknown = ring("gen2", Some("1970-01-01T00:00:00+00:00"));
        // Half past midnight of the 3rd on the wall.
        let second = ring("gen3", Some("2024-01-02T22:30:00Z"));
        let third = ring("gen4", Some("2026-01-02T10:00:00Z"));
        let all = [third.clone(), unknown.clone(), second.clone()];
        for (on, expected) in [
            ("2016-01-01", "gen2"),
            ("2024-01-03", "gen2"),
            ("2024-01-04", "gen3"),
            ("2026-01-02", "gen3"),
            ("2026-01-03", "gen4"),
        ] {
            check(&all, on, Some(expected));
        }
        check(&[second.clone(), third], "2024-01-03", None);
        check(&[unknown.clone(), ring("or5", None), second], "2024-01-03", None);
        check(&[unknown.clone(), ring("or5", None)], "2024-01-03", None);
        check(&[unknown], "2024-01-03", Some("gen2"));
        check(&[], "2024-01-03", None);
    }

    #[test]
    fn ring_words_are_safe_label_values() {
        let mut hostile = ring("gen3", None);
        hostile["color"] = "x\"} 1\n".into();
        hostile["design"] = "a".repeat(33).into();
        hostile["firmware_version"] = json!({"no": "text"});
        let ring = Ring::of(&json!([hostile]).to_string()).unwrap();
        assert_eq!((ring.color.as_str(), ring.design.as_str()), ("other", "other"));
        assert_eq!((ring.firmware_version.as_str(), ring.size.as_str()), ("", "11"));
    }

    #[test]
    fn document_without_rings_has_no_ring() {
        for body in ["", "{}", "null", "[]", "[1"] {
            assert_eq!(Ring::of(body), None, "{body}");
            assert_eq!(Rings::of(body, &TimeZone::UTC).in_use(), None, "{body}");
        }
        assert_eq!(Ring::of("[7]"), Some(Ring::default()));
    }
}
