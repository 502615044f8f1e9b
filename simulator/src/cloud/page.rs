//! One page of an answer.
//!
//! What belongs here: cutting a stream of documents into pages, naming the place where a page ended, and picking
//! fields. Pages are oldest first and each document is in exactly one, as long as the answer itself does not change.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::problem::{Problem, problem};
use super::query::Params;
use crate::life::Person;
use crate::oura::{Collection, Document, latest_heart_rate};

/// No documents.
pub(super) const EMPTY: &str = r#"{"data":[],"next_token":null}"#;

/// Names always sent, whatever `fields` says.
const ALWAYS: [&str; 3] = ["id", "day", "timestamp"];

/// What a `next_token` means: the window, and how many documents of which instant have been sent. Several rows can
/// share one second, and documents may appear between two pages, so a plain offset would not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    from: Timestamp,
    to: Timestamp,
    at: Timestamp,
    sent: usize,
}

/// The JSON of one page.
pub(super) fn answer(
    collection: &Collection,
    person: &Person,
    params: &Params,
    size: usize,
    known: Timestamp,
    deleted: &BTreeSet<String>,
) -> Result<String, Problem> {
    if params.latest {
        let newest: Vec<_> = latest_heart_rate(collection, person, known).into_iter().collect();
        return Ok(write(&newest, params, None));
    }
    let place = match (&params.next_token, params.window) {
        (Some(token), _) => Some(Place::read(token).ok_or_else(refused)?),
        (None, Some((from, to))) => Some(Place { from, to, at: from, sent: 0 }),
        (None, None) => None,
    };
    let Some(place) = place else { return Ok(EMPTY.to_owned()) };
    let rest = collection.between(person, place.at, place.to, known);
    let rest = rest.filter(|document| !deleted.contains(&document.id));
    let mut skip = place.sent;
    let mut rest = rest.filter(|document| {
        let again = document.instant == place.at && skip > 0;
        skip -= usize::from(again);
        !again
    });
    let page: Vec<_> = rest.by_ref().take(size).collect();
    let more = rest.next().is_some();
    let next = page.last().filter(|_| more).map(|last| {
        let same = page.iter().filter(|document| document.instant == last.instant).count();
        let before = if last.instant == place.at { place.sent } else { 0 };
        Place { at: last.instant, sent: before + same, ..place }
    });
    Ok(write(&page, params, next))
}

fn refused() -> Problem {
    problem(StatusCode::BAD_REQUEST, "The next_token is not one of ours.")
}

fn write(documents: &[Document], params: &Params, next: Option<Place>) -> String {
    let size: usize = documents.iter().map(|document| document.json.len() + 1).sum();
    let mut json = String::with_capacity(size + 128);
    json.push_str(r#"{"data":["#);
    for (i, document) in documents.iter().enumerate() {
        if i > 0 {
            json.push(',');
        }
        json.push_str(&pick(&document.json, &params.fields));
    }
    json.push_str(r#"],"next_token":"#);
    match next {
        Some(place) => json.extend(["\"", &place.write(), "\""]),
        None => json.push_str("null"),
    }
    json.push('}');
    json
}

/// Only the named fields of a document, in its own order; all of it if none is known.
fn pick<'a>(json: &'a str, fields: &[String]) -> std::borrow::Cow<'a, str> {
    let wanted = |name: &str| fields.iter().any(|field| field == name);
    if fields.is_empty() {
        return json.into();
    }
    let object: Object<'_> = serde_json::from_str(json).expect("BUG: own JSON is valid");
    if !object.0.iter().any(|(name, _)| wanted(name)) {
        return json.into();
    }
    let kept = object.0.iter().filter(|(name, _)| wanted(name) || ALWAYS.contains(name));
    let members: Vec<_> = kept.map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", members.join(",")).into()
}

/// The members of an object in the order they were written.
struct Object<'a>(Vec<(&'a str, &'a RawValue)>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Object(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

impl Place {
    /// Three instants in microseconds and a count, in hexadecimal.
    fn write(self) -> String {
        let [from, to, at] = [self.from, self.to, self.at].map(Timestamp::as_microsecond);
        format!("{from:016x}{to:016x}{at:016x}{:x}", self.sent)
    }

    fn read(token: &str) -> Option<Self> {
        let instant = |part: usize| {
            let bits = u64::from_str_radix(token.get(part * 16..part * 16 + 16)?, 16).ok()?;
            Timestamp::from_microsecond(bits.cast_signed()).ok()
        };
        let sent = usize::from_str_radix(token.get(48..)?, 16).ok()?;
        Some(Self { from: instant(0)?, to: instant(1)?, at: instant(2)?, sent })
    }
}

#[cfg(test)]
mod tests;
