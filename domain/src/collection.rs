//! Oura's collections: where each is read, how its window is asked for, and how its days behave.

mod table;

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};

use crate::day::Day;
use crate::theme::Theme;

pub use table::Collection;

/// How a window of a collection is requested, and what the response holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// `start_date`/`end_date`; documents with an id and a `day`.
    Days,
    /// `start_datetime`/`end_datetime`; bare rows with a `timestamp`, gathered here into one document per UTC day.
    Instants,
    /// Nothing: the response is the current state, without a day and without a past. It is stored as one document of the
    /// day it was observed on, by the person's calendar, so that history shows what changed and when.
    Whole,
}

impl Collection {
    /// Its row of the table.
    pub const fn info(self) -> &'static CollectionInfo {
        &table::COLLECTIONS[self as usize]
    }

    /// The name Oura gives it, in lower case: label value and SQL key.
    pub const fn name(self) -> &'static str {
        self.info().name
    }

    /// The last segment of its path in Oura's API, where one capital letter matters.
    pub const fn path(self) -> &'static str {
        match self.info().path {
            Some(path) => path,
            None => self.name(),
        }
    }

    /// See [`CollectionInfo::window`].
    pub const fn window(self) -> Window {
        self.info().window
    }

    /// Days asked for in one request: Oura advises one to three months; time series answer in pages of a thousand rows.
    pub const fn window_days(self) -> i64 {
        match self.window() {
            Window::Days => 30,
            Window::Instants => 7,
            Window::Whole => 1,
        }
    }

    /// See [`CollectionInfo::is_once_a_day`].
    pub const fn is_once_a_day(self) -> bool {
        self.info().is_once_a_day
    }

    /// See [`CollectionInfo::is_single`].
    pub const fn is_single(self) -> bool {
        self.info().is_single
    }

    /// See [`CollectionInfo::is_of_the_night`].
    pub const fn is_of_the_night(self) -> bool {
        self.info().is_of_the_night
    }

    /// The first moment at which a document of `day` can exist: when the day begins in the first zone on earth. A night
    /// that ends after 18:00 counts for the day that follows. Of a time series, whose days are UTC's, when that begins.
    pub fn first_moment(self, day: Day) -> Timestamp {
        day.midnight_utc() - self.lead()
    }

    /// How long before 00:00 UTC of a day its documents can exist.
    pub(crate) const fn lead(self) -> SignedDuration {
        match self.window() {
            Window::Instants => SignedDuration::ZERO,
            _ if self.is_of_the_night() => SignedDuration::from_hours(14 + 6),
            _ => SignedDuration::from_hours(14),
        }
    }

    /// See [`CollectionInfo::accumulates`].
    pub const fn accumulates(self) -> bool {
        self.info().accumulates
    }

    /// See [`CollectionInfo::valid_days`].
    pub const fn valid_days(self) -> i64 {
        self.info().valid_days
    }

    /// See [`CollectionInfo::theme`].
    pub const fn theme(self) -> Theme {
        self.info().theme
    }
}

/// What differs from collection to collection; one row each in `table`.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "a row of a table: each is a fact of its own")]
pub struct CollectionInfo {
    /// Whose row this is; the row's place in the table is the variant's number.
    pub collection: Collection,
    /// The name Oura gives it, in lower case.
    pub name: &'static str,
    /// The last segment of its path in Oura's API where that is not its name.
    pub path: Option<&'static str>,
    /// How its window is requested.
    pub window: Window,
    /// When its documents come.
    pub cadence: Cadence,
    /// Whether a day has at most one document, so that the day can stand in for an id. Documents of the cardiovascular
    /// age had none before 2026.
    pub is_once_a_day: bool,
    /// Whether the response is the bare object, without the list and the token of the others.
    pub is_single: bool,
    /// Whether its days are about the night that ended on them. What a person does on one day shows on the next of such days.
    pub is_of_the_night: bool,
    /// Whether a document grows while its day goes on. Its states before the day has ended are progress, not corrections,
    /// so they are replaced without keeping a revision.
    pub accumulates: bool,
    /// Whether rings before the third generation cannot measure it.
    pub needs_oxygen_sensor: bool,
    /// How many days after the end of its day a value may still be called "now". Beyond it the gauge disappears.
    pub valid_days: i64,
    /// The kind of data, by which access is granted.
    pub theme: Theme,
    /// The scope of Oura that opens it, as Oura's servers enforce it; its specification does not say.
    pub oura_scope: &'static str,
    /// Whether Oura sends webhook events for it.
    pub has_webhook: bool,
    /// The tables of an account export that hold it, in lower case without underscores. Empty where the export has no past
    /// to file.
    pub import_tables: &'static [&'static str],
    /// Where its documents hold when they happened; `None` where a document is no event.
    pub event: Option<EventShape>,
    /// Fields whose values are a closed set that no metric reads: JSON pointer and values.
    pub closed_sets: &'static [(&'static str, &'static [&'static str])],
    /// Every field of its documents or rows that this version knows: JSON pointers in order, list positions as `*`.
    pub fields: &'static [&'static str],
}

/// When documents of a collection come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cadence {
    /// With the night, once the app is opened.
    Nightly,
    /// All day, by the phone alone.
    Continuous,
    /// Computed by Oura from days or weeks.
    Computed,
    /// Every week or two, when Oura has enough data.
    Irregular,
    /// When something happens.
    Event,
    /// Requested once a day, whatever the ring does.
    Observed,
}

/// Where documents of a collection hold their time and their words.
#[derive(Debug)]
pub struct EventShape {
    /// JSON pointer of the start.
    pub start: &'static str,
    /// JSON pointer of the end; empty where an event has none.
    pub end: &'static str,
    /// Fields that are words about the event.
    pub labels: &'static [&'static str],
    /// Fields that name a tag: a text or a list of texts.
    pub tag_names: &'static [&'static str],
}

impl fmt::Display for Collection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No collection has this name.
#[derive(Debug, thiserror::Error)]
#[error("no collection is called {0:?}; the names are those of Oura's API, for example daily_sleep")]
pub struct UnknownCollection(String);

impl FromStr for Collection {
    type Err = UnknownCollection;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .copied()
            .find(|collection| collection.name() == text)
            .ok_or_else(|| UnknownCollection(text.chars().take(64).collect()))
    }
}

/// The documents of a collection's fixture, `fixtures/NAME.json`.
#[cfg(test)]
pub(crate) fn fixture(collection: Collection) -> Vec<serde_json::Value> {
    let path = format!("{}/fixtures/{collection}.json", env!("CARGO_MANIFEST_DIR"));
    let page: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    if collection.is_single() { vec![page] } else { page["data"].as_array().unwrap().clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_collection_has_its_own_row_in_the_order_of_the_enum() {
        for (at, info) in table::COLLECTIONS.iter().enumerate() {
            assert_eq!((info.collection as usize, info.collection), (at, Collection::ALL[at]));
            assert_eq!(info.name.parse::<Collection>().unwrap(), info.collection);
            assert!(!info.fields.is_empty() && info.fields.is_sorted(), "{}", info.name);
            assert_eq!(info.import_tables.is_empty(), info.window == Window::Whole, "{}", info.name);
            for (pointer, values) in info.closed_sets {
                assert!(info.fields.contains(pointer) && !values.is_empty(), "{} {pointer}", info.name);
            }
        }
        let mut tables: Vec<_> = table::COLLECTIONS.iter().flat_map(|info| info.import_tables).collect();
        tables.sort_unstable();
        assert!(
            tables.is_sorted_by(|one, other| one < other),
            "two collections claim one table of an export"
        );
    }

    #[test]
    fn fields_of_an_event_are_known_fields() {
        for info in &table::COLLECTIONS {
            let Some(event) = &info.event else { continue };
            let names = event.labels.iter().chain(event.tag_names).map(|name| format!("/{name}"));
            let pointers = [event.start, event.end].into_iter().filter(|pointer| !pointer.is_empty());
            for pointer in names.chain(pointers.map(str::to_owned)) {
                assert!(info.fields.contains(&&*pointer), "{} {pointer}", info.name);
            }
        }
    }
}
