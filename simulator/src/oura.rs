//! What Oura makes of a life: its documents, in its words, as it knows them at an instant.
//!
//! What belongs here: measurement, scores, revisions and the wire. One file per collection and one row in
//! [`COLLECTIONS`]; adding a collection is adding both.

mod activity;
mod battery;
mod daily_sleep;
mod document;
mod events;
mod heart_health;
mod heart_rate;
mod measure;
mod personal;
mod readiness;
mod ring;
mod sleep;
mod sleep_time;
mod stress;
mod wire;

pub(crate) use document::Document;
pub(crate) use heart_rate::latest as latest_heart_rate;
pub(crate) use personal::personal_info;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::life::{Person, day_number, number, shift};

/// Where documents come from, by path. Names and scopes are Oura's; scopes as they are enforced,
/// not as documented.
pub const COLLECTIONS: &[Collection] = &[
    Collection {
        name: "daily_activity",
        scope: "daily",
        shape: Shape::Documents,
        of_day: activity::documents,
    },
    Collection {
        name: "daily_readiness",
        scope: "daily",
        shape: Shape::Documents,
        of_day: readiness::documents,
    },
    Collection {
        name: "daily_sleep",
        scope: "daily",
        shape: Shape::Documents,
        of_day: daily_sleep::documents,
    },
    Collection { name: "sleep", scope: "daily", shape: Shape::Documents, of_day: sleep::documents },
    Collection { name: "heartrate", scope: "heartrate", shape: Shape::Series, of_day: heart_rate::documents },
    Collection { name: "daily_stress", scope: "daily", shape: Shape::Documents, of_day: stress::stress },
    Collection {
        name: "daily_resilience",
        scope: "stress",
        shape: Shape::Documents,
        of_day: stress::resilience,
    },
    Collection { name: "daily_spo2", scope: "spo2", shape: Shape::Documents, of_day: heart_health::spo2 },
    Collection {
        name: "daily_cardiovascular_age",
        scope: "heart_health",
        shape: Shape::Documents,
        of_day: heart_health::cardiovascular_age,
    },
    Collection {
        name: "vO2_max",
        scope: "heart_health",
        shape: Shape::Documents,
        of_day: heart_health::vo2_max,
    },
    Collection { name: "sleep_time", scope: "daily", shape: Shape::Documents, of_day: sleep_time::documents },
    Collection {
        name: "ring_battery_level",
        scope: "ring_configuration",
        shape: Shape::Series,
        of_day: battery::documents,
    },
    Collection { name: "workout", scope: "workout", shape: Shape::Documents, of_day: events::workouts },
    Collection { name: "session", scope: "session", shape: Shape::Documents, of_day: events::sessions },
    Collection { name: "enhanced_tag", scope: "tag", shape: Shape::Documents, of_day: events::enhanced_tags },
    Collection { name: "tag", scope: "tag", shape: Shape::Documents, of_day: events::tags },
    Collection {
        name: "rest_mode_period",
        scope: "daily",
        shape: Shape::Documents,
        of_day: events::rest_modes,
    },
    Collection {
        name: "ring_configuration",
        scope: "ring_configuration",
        shape: Shape::Whole,
        of_day: ring::documents,
    },
];

/// A collection the simulated cloud serves.
#[derive(Debug)]
pub struct Collection {
    /// The last part of its path.
    pub name: &'static str,
    /// The scope a token needs, without the `extapi:` prefix.
    pub scope: &'static str,
    /// How it is asked.
    pub shape: Shape,
    of_day: fn(&Person, Date, Timestamp) -> Vec<Document>,
}

/// How a collection is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// By `start_date` and `end_date`; each document has an id of its own.
    Documents,
    /// By `start_datetime` and `end_datetime`; rows without ids, `latest`.
    Series,
    /// By nothing: every document there is, whatever dates are sent.
    Whole,
}

impl Collection {
    /// The row of this name.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        COLLECTIONS.iter().find(|collection| collection.name == name)
    }

    /// The documents of `day`, oldest first, as of the sync at `known`.
    pub(crate) fn of_day(&self, person: &Person, day: Date, known: Timestamp) -> Vec<Document> {
        (self.of_day)(person, day, known)
    }

    /// The documents whose instant lies in `[from, to]`, both included, oldest first. Lazy, and as cheap in the
    /// tenth year as in the first.
    pub(crate) fn between<'a>(
        &'a self,
        person: &'a Person,
        from: Timestamp,
        to: Timestamp,
        known: Timestamp,
    ) -> impl Iterator<Item = Document> + 'a {
        let date = |instant| TimeZone::UTC.to_datetime(instant).date();
        // No document is further than two days from the UTC date of its own instant.
        let first = shift(date(from), -2).max(shift(person.life().first_day, -1));
        let last = shift(date(to), 2).min(shift(date(known), 2));
        let days = number(first)..=number(last);
        days.flat_map(move |n| self.of_day(person, day_number(n), known))
            .filter(move |document| (from..=to).contains(&document.instant))
    }

    /// The document with this id.
    pub(crate) fn document(&self, person: &Person, id: &str, known: Timestamp) -> Option<Document> {
        let day = wire::day_of_id(person, id)?;
        self.of_day(person, day, known).into_iter().find(|document| document.id == id && !id.is_empty())
    }
}

impl Person {
    /// The documents of `collection` that Oura holds at `now` whose `day` is `day`, oldest first, in the exact wire
    /// shape. For `heartrate`, the rows from lying down before `day` to lying down on it. An unknown collection has none.
    pub fn documents(&self, collection: &str, day: Date, now: Timestamp) -> Vec<Value> {
        let known = Collection::named(collection).zip(self.synced(now));
        known.map_or_else(Vec::new, |(it, known)| it.of_day(self, day, known).iter().map(value).collect())
    }

    /// Heart-rate rows with a timestamp inside `[from, to]`, both included, oldest first, as Oura knows them at `now`.
    pub fn heart_rate(&self, from: Timestamp, to: Timestamp, now: Timestamp) -> Vec<Value> {
        let known = Collection::named("heartrate").zip(self.synced(now));
        known.map_or_else(Vec::new, |(it, known)| {
            it.between(self, from, to, known).map(|row| value(&row)).collect()
        })
    }

    /// What `personal_info` answers to a token with every scope: age in years, weight in kg, height in m.
    pub fn personal_info(&self, now: Timestamp) -> Value {
        serde_json::from_str(&personal_info(self, now, |_| true)).expect("BUG: own JSON is valid")
    }
}

/// A document as a tree.
fn value(document: &Document) -> Value {
    serde_json::from_str(&document.json).expect("BUG: own JSON is valid")
}

#[cfg(test)]
mod tests;
