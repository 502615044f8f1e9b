//! Unknown parts of Oura's documents: fields that are in no fixture, and words outside the closed sets of
//! the catalogue. Oura publishes no changelog, so this is how a change is noticed. Nothing here fails a document.
//!
//! Only names are reported, never values: an unknown field by its pointer, an unknown word only where the field's words
//! are a closed set and it looks like one of them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

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

/// Most findings in one document: a document full of unknown fields is one finding, not a thousand.
const MAX_FINDINGS: usize = 32;

/// Looks at documents of one collection.
#[derive(Debug)]
pub struct DriftDetector {
    fields: &'static [&'static str],
    sets: BTreeMap<&'static str, BTreeSet<&'static str>>,
}

impl DriftDetector {
    /// With the fields and words that this version knows.
    pub fn new(collection: Collection) -> Self {
        let mut sets: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (pointer, words) in collection.info().closed_sets {
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
        Self { fields: collection.info().fields, sets }
    }

    /// What of a stored body is not known; nothing of a body that is no JSON.
    pub fn detect(&self, body: &str) -> BTreeSet<Drift> {
        let (mut path, mut found) = (String::new(), BTreeSet::new());
        let walk = Walk { watch: self, path: &mut path, found: &mut found };
        // Read as a stream: a day of rows as a tree costs ten times as much.
        drop(walk.deserialize(&mut serde_json::Deserializer::from_str(body)));
        found
    }

    fn knows(&self, path: &str) -> bool {
        self.fields.binary_search(&path).is_ok()
    }

    /// Whether there is anything to see behind a known field: fields of its own, or a word of a closed set. The numbers
    /// of a series are most of a body, and the catalogue watches their type.
    fn has_inner_fields(&self, path: &str) -> bool {
        let next = self.fields.binary_search(&path).ok().and_then(|at| self.fields.get(at + 1));
        let has_fields =
            next.and_then(|next| next.strip_prefix(path)).is_some_and(|rest| rest.starts_with('/'));
        has_fields || self.sets.contains_key(path)
    }
}

/// One value on the way through a body.
struct Walk<'a> {
    watch: &'a DriftDetector,
    path: &'a mut String,
    found: &'a mut BTreeSet<Drift>,
}

impl Walk<'_> {
    fn child(&mut self) -> Walk<'_> {
        Walk { watch: self.watch, path: self.path, found: self.found }
    }

    fn note(&mut self, word: &str) {
        if self.found.len() < MAX_FINDINGS {
            self.found.insert(Drift { pointer: self.path.clone(), word: word.to_owned() });
        }
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut fields: A) -> Result<(), A::Error> {
        let here = self.path.len();
        while let Some(name) = fields.next_key::<Cow<'de, str>>()? {
            self.path.push('/');
            self.path.push_str(&name);
            if self.watch.has_inner_fields(self.path) {
                fields.next_value_seed(self.child())?;
                self.path.truncate(here);
                continue;
            }
            fields.next_value::<IgnoredAny>()?;
            if !self.watch.knows(self.path) {
                self.path.truncate(here + 1);
                self.path.push_str(if is_name(&name) { &name } else { "?" });
                self.note("");
            }
            self.path.truncate(here);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        let here = self.path.len();
        // The rows of a gathered body are documents themselves.
        if here > 0 {
            self.path.push_str("/*");
        }
        while items.next_element_seed(self.child())?.is_some() {}
        self.path.truncate(here);
        Ok(())
    }

    fn visit_str<E>(mut self, word: &str) -> Result<(), E> {
        if self.watch.sets.get(self.path.as_str()).is_some_and(|set| !set.contains(word)) {
            self.note(if is_word(word) { word } else { "?" });
        }
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
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
