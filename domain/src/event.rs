//! One document as one row: what happened, from when to when, its numbers in base units and its words.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimeParser;
use serde_json::Value;

use crate::catalogue::{Metric, Pick, Source};
use crate::collection::Collection;
use crate::day::Day;
use crate::derive::{instant, number_at, span};

/// One document as an event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    /// When it began, as Oura wrote it: RFC 3339 with the offset of the wearer's clock.
    pub start: Option<String>,
    /// When it ended; `None` while it goes on, and for what has no length.
    pub end: Option<String>,
    /// Its numbers in base units, by the key of their metric; how long it lasted by the family ([`Metric::family`]), because
    /// rows of a span differ by a word of the document. What was not measured is absent.
    pub values: BTreeMap<&'static str, f64>,
    /// Its words, by Oura's name of the field. Free text of the wearer's among them is private.
    pub labels: BTreeMap<&'static str, String>,
}

impl Event {
    /// Reads a document of a collection of events, or an item of a gathered one; `None` where the collection has no
    /// events or the text is no JSON.
    pub fn read(collection: Collection, day: Day, body: &str) -> Option<Self> {
        let shape = collection.info().event.as_ref()?;
        let document: Value = serde_json::from_str(body).ok()?;
        let mut values = BTreeMap::new();
        for metric in Metric::of(collection) {
            let value = match metric.source {
                // What a nap adds to its day is the same field as what the night has.
                Source::Number(Pick::Naps, _) => None,
                Source::Number(_, pointer) => number_at(metric.unit, &document, pointer, day),
                Source::Span(pick, start, end) => {
                    matches(pick, &document).then(|| span(&document, start, end)).flatten()
                }
                _ => None,
            };
            if let Some(value) = value {
                values.insert(name(metric), value);
            }
        }
        Some(Self {
            start: time(&document, shape.start).map(str::to_owned),
            end: time(&document, shape.end).map(str::to_owned),
            values,
            labels: shape
                .labels
                .iter()
                .filter_map(|name| Some((*name, word(document.get(*name)?)?)))
                .collect(),
        })
    }

    /// When it began; `None` where the document does not state it.
    pub fn started_at(&self) -> Option<Timestamp> {
        DateTimeParser::new().parse_timestamp(self.start.as_deref()?).ok()
    }

    /// The days of a tag: from the day it starts to the day it ends, at most `most`.
    pub fn tagged_days(day: Day, body: &str, most: i64) -> Vec<Day> {
        let document: Option<Value> = serde_json::from_str(body).ok();
        let end =
            document.as_ref().and_then(|document| document.get("end_day")?.as_str()?.parse::<Day>().ok());
        let days = end.map_or(1, |end| end.since(day) + 1).clamp(1, most.max(1));
        (0..days).map(|n| day.plus(n)).collect()
    }

    /// The names of a tag: Oura's codes and the wearer's own names, in lower case.
    pub fn tag_names(collection: Collection, body: &str) -> Vec<String> {
        let document: Value = serde_json::from_str(body).unwrap_or_default();
        let fields = collection.info().event.as_ref().map_or(&[][..], |event| event.tag_names);
        let texts = fields.iter().flat_map(|field| match &document[field] {
            Value::Array(texts) => texts.as_slice(),
            text => std::slice::from_ref(text),
        });
        texts.filter_map(Value::as_str).filter(|name| !name.is_empty()).map(str::to_lowercase).collect()
    }
}

/// The key of a number of an event. Rows of a span share the family as key: a document has the word of one of them.
fn name(metric: &Metric) -> &'static str {
    if matches!(metric.source, Source::Span(..)) { metric.family() } else { metric.key }
}

fn matches(pick: Pick, document: &Value) -> bool {
    match pick {
        Pick::Each(pointer, word) => document.pointer(pointer).and_then(Value::as_str) == Some(word),
        _ => true,
    }
}

/// A time that can be read, as it is written. 1970 is Oura's way to say that it does not know.
fn time<'a>(document: &'a Value, pointer: &str) -> Option<&'a str> {
    instant(document, pointer).filter(|at| *at > Timestamp::UNIX_EPOCH)?;
    document.pointer(pointer)?.as_str()
}

/// A text, or several with commas.
fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => Some(items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::METRICS;

    fn day() -> Day {
        "2026-03-29".parse().unwrap()
    }

    #[test]
    fn event_of_a_workout_has_its_values() {
        let body = r#"{"id":"w","day":"2026-03-29","activity":"running","intensity":"hard","calories":100,"distance":null,
            "start_datetime":"2026-03-29T08:00:00+02:00","end_datetime":"2026-03-29T08:30:00+02:00","label":null}"#;
        let event = Event::read(Collection::Workout, day(), body).unwrap();
        assert_eq!(event.start.as_deref(), Some("2026-03-29T08:00:00+02:00"));
        assert_eq!(
            event.values,
            BTreeMap::from([("workout_duration", 1800.0), ("workout_energy", 418_400.0)])
        );
        let words = [("activity", "running".to_owned()), ("intensity", "hard".to_owned())];
        assert_eq!(event.labels, BTreeMap::from(words));
    }

    #[test]
    fn event_of_a_nap_has_its_own_values() {
        let body =
            r#"{"type":"rest","total_sleep_duration":600,"bedtime_start":"soon","lowest_heart_rate":255}"#;
        let event = Event::read(Collection::Sleep, day(), body).unwrap();
        assert_eq!((event.start, event.values), (None, BTreeMap::from([("sleep_duration", 600.0)])));
    }

    #[test]
    fn event_values_do_not_overwrite_each_other() {
        for metric in METRICS.iter().filter(|metric| metric.collection.info().event.is_some()) {
            let same: Vec<_> =
                Metric::of(metric.collection).filter(|other| name(other) == name(metric)).collect();
            let stands_for_each_other =
                |row: &&Metric| matches!(row.source, Source::Span(Pick::Each(..), ..));
            assert!(same.len() == 1 || same.iter().all(stands_for_each_other), "{}", metric.key);
        }
    }

    #[test]
    fn night_has_the_duration_of_each_stage() {
        let fixture: Value = serde_json::from_str(include_str!("../fixtures/sleep.json")).unwrap();
        let event = Event::read(Collection::Sleep, day(), &fixture["data"][0].to_string()).unwrap();
        let stages = ["deep", "light", "rem", "awake"]
            .map(|stage| event.values.get(format!("sleep_stage_duration_{stage}").as_str()).copied());
        assert_eq!(stages, [Some(900.0), Some(900.0), Some(300.0), Some(300.0)]);
    }

    #[test]
    fn event_of_a_ring_without_setup_has_no_start() {
        let set_up = |at: &str| {
            let body = serde_json::json!({ "set_up_at": at }).to_string();
            Event::read(Collection::RingConfiguration, day(), &body).unwrap().start
        };
        assert_eq!(set_up("1970-01-01T00:00:00+00:00"), None);
        assert_eq!(set_up("2026-03-01T10:00:00+02:00").as_deref(), Some("2026-03-01T10:00:00+02:00"));
    }

    #[test]
    fn event_is_none_for_other_collections() {
        assert_eq!(Event::read(Collection::DailySleep, day(), "{}"), None);
        assert_eq!(Event::read(Collection::Tag, day(), "{"), None);
        let tag = Event::read(Collection::Tag, day(), r#"{"tags":["a","b"],"text":7}"#).unwrap();
        assert_eq!(tag.labels, BTreeMap::from([("tags", "a, b".to_owned())]));
    }

    #[test]
    fn tag_covers_every_day_from_start_to_end() {
        let days = |body: &str| Event::tagged_days(day(), body, 3).len();
        assert_eq!((days(r#"{"end_day":"2026-03-30"}"#), days(r#"{"end_day":null}"#)), (2, 1));
        assert_eq!((days(r#"{"end_day":"2026-03-01"}"#), days(r#"{"end_day":"2199-01-01"}"#)), (1, 3));
        let names =
            Event::tag_names(Collection::EnhancedTag, r#"{"tag_type_code":"tag_x","custom_name":"Wine"}"#);
        assert_eq!(names, ["tag_x", "wine"]);
        assert_eq!(Event::tag_names(Collection::Tag, r#"{"tags":["Late"]}"#), ["late"]);
        assert!(Event::tag_names(Collection::Tag, "no json").is_empty());
    }
}
