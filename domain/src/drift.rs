//! What Oura sends that this version does not know: fields that are in no fixture, and words outside the closed sets of
//! the catalogue. Oura publishes no changelog, so this is how a change is noticed. Nothing here fails a document.
//!
//! Only names are reported, never values: an unknown field by its pointer, an unknown word only where the field's words
//! are a closed set and it looks like one of them.

mod known;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::catalogue::{Metric, Pick, Source};
use crate::collection::Collection;

/// One thing that is not known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Drift {
    /// Where it stands: a JSON pointer, list positions written as `*`. A name that no field of Oura's could have is `?`.
    pub pointer: String,
    /// The unknown word of a closed set; empty for a field, `?` for what does not look like a word.
    pub word: String,
}

/// Closed sets of words that no metric reads.
const SETS: &[(Collection, &str, &[&str])] = &[
    (Collection::Sleep, "/type", &["long_sleep", "sleep", "late_nap", "rest", "deleted"]),
    (
        Collection::Sleep,
        "/sleep_analysis_reason",
        &[
            "foreground_sleep_analysis",
            "bedtime_edit",
            "background_sleep_analysis",
            "background_created_foreground_updated",
        ],
    ),
    (Collection::Workout, "/source", &["manual", "autodetected", "confirmed", "workout_heart_rate"]),
    (Collection::Session, "/mood", &["bad", "worse", "same", "good", "great"]),
    (Collection::RingConfiguration, "/hardware_type", &["gen1", "gen2", "gen2m", "gen3", "gen4", "or5"]),
];

/// The most that one document is asked for: a document full of unknown fields is one finding, not a thousand.
const MOST: usize = 32;

/// Looks at documents of one collection.
#[derive(Debug)]
pub struct Watch {
    fields: &'static [&'static str],
    sets: BTreeMap<&'static str, BTreeSet<&'static str>>,
}

impl Watch {
    /// Knows what this version knows.
    pub fn new(collection: Collection) -> Self {
        let mut sets: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let others = SETS.iter().filter(|(of, ..)| *of == collection);
        for (_, pointer, words) in others {
            sets.entry(pointer).or_default().extend(*words);
        }
        for metric in Metric::of(collection) {
            match metric.source {
                Source::State(_, pointer, words) => sets.entry(pointer).or_default().extend(words),
                Source::Rows { kind: Some(pointer), .. } => {
                    sets.entry(pointer).or_default().extend(metric.label.map(|label| label.value));
                }
                _ => {}
            }
            if let Source::Number(pick, _) | Source::Count(pick) | Source::Span(pick, ..) = metric.source
                && let Pick::Each(pointer, word) = pick
            {
                sets.entry(pointer).or_default().insert(word);
            }
        }
        Self { fields: known::fields(collection), sets }
    }

    /// What of a stored body is not known.
    pub fn look(&self, body: &str) -> BTreeSet<Drift> {
        let mut found = BTreeSet::new();
        if let Ok(value) = serde_json::from_str::<Value>(body) {
            self.walk(&value, &mut String::new(), &mut found);
        }
        found
    }

    fn walk(&self, value: &Value, path: &mut String, found: &mut BTreeSet<Drift>) {
        let here = path.len();
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    path.push('/');
                    path.push_str(name);
                    if self.fields.binary_search(&path.as_str()).is_ok() {
                        self.walk(value, path, found);
                    } else if found.len() < MOST {
                        path.truncate(here + 1);
                        path.push_str(if is_name(name) { name } else { "?" });
                        found.insert(Drift { pointer: path.clone(), word: String::new() });
                    }
                    path.truncate(here);
                }
            }
            Value::Array(items) => {
                // The rows of a gathered body are documents themselves.
                if !path.is_empty() {
                    path.push_str("/*");
                }
                for item in items.iter().filter(|item| item.is_object() || item.is_array()) {
                    self.walk(item, path, found);
                }
                path.truncate(here);
            }
            Value::String(word) => {
                let unknown = self.sets.get(path.as_str()).is_some_and(|set| !set.contains(word.as_str()));
                if unknown && found.len() < MOST {
                    let word = if is_word(word) { word } else { "?" };
                    found.insert(Drift { pointer: path.clone(), word: word.to_owned() });
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// Whether a field of Oura's could be called so.
fn is_name(name: &str) -> bool {
    (1..=40).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Whether a closed set of Oura's could have this word.
fn is_word(word: &str) -> bool {
    is_name(word) && !word.bytes().any(|byte| byte.is_ascii_uppercase())
}

#[cfg(test)]
mod tests;
