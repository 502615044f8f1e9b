//! What is known of one person, small enough to be kept for very many, and its lines.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::LazyLock;

use domain::{Collection, Pseudonym, Reason, Ring};
use jiff::{SignedDuration, Timestamp};
use store::{Latest, SyncState};

use crate::freshness::{FRESHNESS, Known};
use crate::table::{FRESH_LINES, RING, TABLE, before};

/// What the store says about one person.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) person: store::Person,
    pub(crate) latest: Vec<Latest>,
    pub(crate) states: Vec<SyncState>,
    pub(crate) ring: Option<Ring>,
}

/// A person between two readings: the values, because they go when their time is up, whether or not the store answers.
#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) name: Pseudonym,
    /// In the order of the columns.
    samples: Box<[Sample]>,
}

/// One value and its end.
#[derive(Clone, Copy, Debug)]
struct Sample {
    value: f64,
    /// Unix seconds; 32 bits reach to the year 2106 and save a third of the memory.
    until: u32,
    /// Row of [`TABLE`].
    row: u16,
}

impl Person {
    pub(crate) fn new(record: &Record) -> Self {
        // Oura's numbers are finite; what is not would be no number to anybody.
        let finite = record.latest.iter().filter(|latest| latest.value.is_finite());
        let samples = finite.filter_map(|latest| {
            let row = TABLE.index_of(latest.metric)?;
            Some(Sample { value: latest.value, until: seconds(valid_until(latest)), row })
        });
        let mut samples: Box<[Sample]> = samples.collect();
        samples.sort_unstable_by_key(|sample| sample.row);
        Self { name: record.person.name.clone(), samples }
    }

    /// Writes the lines of the values that are still "now", and says when the next one stops being it.
    pub(crate) fn write_values(&self, now: Timestamp, cells: &mut Cells) -> Option<Timestamp> {
        let now = seconds(now);
        let mut next = u32::MAX;
        for sample in self.samples.iter().filter(|sample| now < sample.until) {
            next = next.min(sample.until);
            let row = TABLE.row(sample.row);
            cells.close_until(row.column);
            let states = row.metric.states();
            if states.is_empty() {
                cells.line(&row.before, self.name.as_str(), &row.after[0]);
                cells.number(sample.value);
                continue;
            }
            for (index, after) in (0_u32..).zip(&row.after) {
                cells.line(&row.before, self.name.as_str(), after);
                cells.whole(i64::from((f64::from(index) - sample.value).abs() < 0.5));
            }
        }
        cells.close_until(TABLE.fresh);
        (next != u32::MAX).then(|| Timestamp::from_second(next.into()).unwrap_or(Timestamp::MAX))
    }
}

/// Writes the lines about freshness and the ring, which stay when values go.
pub(crate) fn write_freshness(record: &Record, now: Timestamp, cells: &mut Cells) {
    let Record { person, latest, states, ring } = record;
    let mut observed: HashMap<Collection, Timestamp> = HashMap::new();
    for latest in latest {
        let at = observed.entry(latest.metric.collection).or_insert(latest.observed_at);
        *at = latest.observed_at.max(*at);
    }
    let absences: HashMap<Collection, Reason> =
        store::absences(person, states, latest, ring.as_ref(), now).into_iter().collect();
    let states: HashMap<Collection, &SyncState> =
        states.iter().map(|state| (state.collection, state)).collect();
    for (which, freshness) in FRESHNESS.iter().enumerate() {
        for (i, collection) in Collection::ALL.iter().enumerate() {
            cells.close_until(TABLE.freshness(which, i));
            let known = Known {
                state: states.get(collection).copied(),
                observed: observed.get(collection).copied().filter(|_| states.contains_key(collection)),
                absence: absences.get(collection).copied(),
            };
            let Some(said) = (freshness.says)(&known) else { continue };
            let (before, after) = &FRESH_LINES[which][i];
            cells.line(before, person.name.as_str(), after);
            if freshness.label.is_some() {
                let plain = said.word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
                cells.text(if plain { said.word } else { "other" });
                cells.text("\"} ");
            }
            cells.whole(said.value);
        }
    }
    cells.close_until(TABLE.ring);
    if let Some(ring) = ring {
        // Words of Oura's, made safe and short by `Ring`.
        cells.line(&RING_LINE, person.name.as_str(), "\"");
        for (label, word) in [
            ("hardware_type", &ring.hardware_type),
            ("color", &ring.color),
            ("design", &ring.design),
            ("firmware_version", &ring.firmware_version),
            ("size", &ring.size),
        ] {
            for part in [",", label, "=\"", word, "\""] {
                cells.text(part);
            }
        }
        cells.text("} ");
        cells.whole(1);
    }
    cells.close_until(TABLE.columns.len());
}

static RING_LINE: LazyLock<String> = LazyLock::new(|| before(RING));

/// The lines of one person, cell by cell, for a range of columns.
#[derive(Debug)]
pub(crate) struct Cells {
    text: Vec<u8>,
    first: usize,
    /// Where each finished cell ends.
    ends: Vec<usize>,
}

impl Cells {
    /// Room for cells from column `first` on.
    pub(crate) fn starting_at(first: usize) -> Self {
        Self { text: Vec::with_capacity(16 * 1024), first, ends: Vec::with_capacity(TABLE.columns.len()) }
    }

    /// The same room for other cells.
    pub(crate) fn again(mut self, first: usize) -> Self {
        self.text.clear();
        self.ends.clear();
        self.first = first;
        self
    }

    /// Nothing in any cell: somebody who is gone.
    pub(crate) fn none() -> Self {
        Self { text: Vec::new(), first: 0, ends: vec![0; TABLE.columns.len()] }
    }

    /// The columns that have been written.
    pub(crate) fn columns(&self) -> Range<usize> {
        self.first..self.first + self.ends.len()
    }

    pub(crate) fn get(&self, column: usize) -> &[u8] {
        let index = column - self.first;
        let from = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.text[from..self.ends[index]]
    }

    /// Ends every cell before `column`; what follows belongs to it.
    fn close_until(&mut self, column: usize) {
        self.ends.resize(column - self.first, self.text.len());
    }

    fn line(&mut self, before: &str, person: &str, after: &str) {
        for part in [before, person, after] {
            self.text.extend_from_slice(part.as_bytes());
        }
    }

    fn text(&mut self, text: &str) {
        self.text.extend_from_slice(text.as_bytes());
    }

    /// A value and the end of its line.
    fn number(&mut self, value: f64) {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        if value.fract() == 0.0 && value.abs() < EXACT {
            #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
            self.whole(value as i64);
        } else {
            self.text.extend_from_slice(zmij::Buffer::new().format(value).as_bytes());
            self.text.push(b'\n');
        }
    }

    fn whole(&mut self, value: i64) {
        self.text.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
        self.text.push(b'\n');
    }
}

/// The moment from which a value is yesterday's: so many days after its day has ended, or after it was measured.
fn valid_until(latest: &Latest) -> Timestamp {
    let days = latest.metric.collection.valid_days();
    if latest.metric.is_series() {
        latest.observed_at.saturating_add(SignedDuration::from_hours(24 * days)).unwrap_or(Timestamp::MAX)
    } else {
        // The midnight UTC that ends the last day.
        latest.day.plus(days + 1).midnight_utc()
    }
}

fn seconds(at: Timestamp) -> u32 {
    u32::try_from(at.as_second().max(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(value: f64) -> String {
        let mut cells = Cells::starting_at(0);
        cells.number(value);
        String::from_utf8(cells.text).unwrap().trim_end().to_owned()
    }

    #[test]
    fn numbers_are_short() {
        let check = |value, expected| assert_eq!(written(value), expected);
        check(81.0, "81");
        check(-0.07, "-0.07");
        check(-0.0, "0");
        check(1e300, "1e+300");
        check(9_007_199_254_740_993.0, "9007199254740992.0");
    }

    proptest! {
        /// Every number reads back as itself.
        #[test]
        fn numbers_survive_the_text(value in proptest::num::f64::NORMAL | proptest::num::f64::ZERO | proptest::num::f64::SUBNORMAL) {
            let read = written(value).parse::<f64>().map(f64::to_bits);
            prop_assert_eq!(read, Ok(if value == 0.0 { 0 } else { value.to_bits() }));
        }
    }
}
