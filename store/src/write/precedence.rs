//! Which of two documents about the same thing takes precedence: Oura's over an archive's. The same thing has the same id,
//! or it is of the same day where a day has one document, or it is the same event: an archive has ids of its own, and some
//! of its rows have none.

use std::collections::{BTreeMap, HashMap};

use domain::{Collection, Day, Document, Event, Window};
use jiff::Timestamp;

use super::batch::Batch;
use super::load::Stored;

/// Resolves documents about the same thing that have different ids. An archive's document gives way to any stored one, so
/// it leaves `fresh`; a stored document of an archive gives way to Oura's, so its id is returned.
pub(super) fn resolve_twins<'a>(
    stored: &'a Stored,
    batch: &Batch,
    fresh: &mut Vec<&Document>,
    incoming: &BTreeMap<&str, &Document>,
) -> Vec<&'a str> {
    if batch.collection.window() != Window::Days {
        return Vec::new();
    }
    if batch.origin.is_archive() {
        let mut taken = Taken::new(batch.collection, stored.twins.iter());
        fresh.retain(|document| taken.admits(document));
        return Vec::new();
    }
    if !batch.origin.is_oura() || stored.twins.is_empty() {
        return Vec::new();
    }
    let responses = Taken::new(batch.collection, incoming.values().copied());
    let gives_way = |document: &&Document| {
        !incoming.contains_key(document.id.as_str()) && responses.twin(document).is_some()
    };
    stored.twins.iter().filter(gives_way).map(|document| document.id.as_str()).collect()
}

/// Documents by their days.
struct Taken<'a> {
    collection: Collection,
    by_day: HashMap<Day, Vec<(&'a Document, Option<Occurrence>)>>,
}

impl<'a> Taken<'a> {
    fn new(collection: Collection, documents: impl Iterator<Item = &'a Document>) -> Self {
        let mut taken = Self { collection, by_day: HashMap::new() };
        for document in documents {
            taken.add(document);
        }
        taken
    }

    fn add(&mut self, document: &'a Document) {
        let occurrence = Occurrence::of(self.collection, document);
        self.by_day.entry(document.day).or_default().push((document, occurrence));
    }

    /// The document under another id that is about the same thing.
    fn twin(&self, document: &Document) -> Option<&'a Document> {
        let same_day = self.by_day.get(&document.day)?.iter().filter(|(other, _)| other.id != document.id);
        let mut same_day = same_day.peekable();
        if self.collection.is_once_a_day() {
            return same_day.next().map(|(other, _)| *other);
        }
        same_day.peek()?;
        let occurrence = Occurrence::of(self.collection, document)?;
        let is_same = |other: &Option<Occurrence>| other.as_ref().is_some_and(|other| occurrence.is(other));
        same_day.find(|(_, other)| is_same(other)).map(|(other, _)| *other)
    }

    /// Adds a document unless there is another one about the same thing.
    fn admits(&mut self, document: &'a Document) -> bool {
        let is_new = self.twin(document).is_none();
        if is_new {
            self.add(document);
        }
        is_new
    }
}

/// When an event was, to the second, as instants: two spellings of a time may have other offsets and digits.
struct Occurrence {
    start: Timestamp,
    end: Option<Timestamp>,
    /// What tells two tags of the same moment apart; empty for other events.
    names: Vec<String>,
}

impl Occurrence {
    fn of(collection: Collection, document: &Document) -> Option<Self> {
        let event = Event::read(collection, document.day, &document.body)?;
        let instant = |text: &String| -> Option<Timestamp> {
            let at: Timestamp = text.parse().ok()?;
            Timestamp::from_second(at.as_second()).ok()
        };
        // Of a rest-mode period only the day may be known.
        let start = match &event.start {
            Some(start) => instant(start)?,
            None if collection == Collection::RestModePeriod => document.day.midnight_utc(),
            None => return None,
        };
        let end = event.end.as_ref().and_then(instant);
        Some(Self { start, end, names: Event::tag_names(collection, &document.body) })
    }

    /// Whether both are one event: one that went on when the archive was made has no end there.
    fn is(&self, other: &Self) -> bool {
        let ends_agree = self.end.is_none() || other.end.is_none() || self.end == other.end;
        self.start == other.start && ends_agree && self.names == other.names
    }
}
