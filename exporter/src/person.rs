//! What is known of one person, small enough to be kept for very many, and its lines.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;

use domain::history::Calendar;
use domain::{Collection, Day, Pseudonym, Reason, Ring};
use jiff::{Timestamp, tz::TimeZone};
use service_metrics::{RingLabels, table};
use store::{Latest, SyncState};

use crate::freshness::{CollectionStatus, FRESHNESS};
use crate::table::{FRESH_LINES, TABLE, before};

/// What the store has of one person.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) person: store::Person,
    pub(crate) latest: Vec<Latest>,
    pub(crate) states: Vec<SyncState>,
    pub(crate) ring: Option<Ring>,
}

/// A person between two readings: the values, because they expire whether or not the store is available.
#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) name: Pseudonym,
    /// In the order of the columns.
    samples: Box<[Sample]>,
    /// Fingerprints of each collection's freshness lines, and of the ring's.
    fingerprints: Box<[u64; COLLECTIONS + 1]>,
}

/// One value and its end.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Sample {
    value: f64,
    /// Unix seconds; 32 bits reach to the year 2106 and save a third of the memory.
    until: u32,
    /// Row of [`TABLE`].
    row: u16,
}

impl Person {
    /// The part of a record that is kept; `fresh` was made of the same record.
    pub(crate) fn new(record: &Record, fresh: &CollectionStatuses<'_>) -> Self {
        let mut rows = TABLE.search();
        let mut days = MidnightCache::new(&record.person.time_zone);
        let mut by_row: Vec<Option<Sample>> = vec![None; TABLE.rows()];
        // Oura's numbers are finite; others would be no samples.
        for latest in record.latest.iter().filter(|latest| latest.value.is_finite()) {
            if let Some(row) = rows.find(latest.metric) {
                let until = days.valid_until(latest);
                by_row[usize::from(row)] = Some(Sample { value: latest.value, until, row });
            }
        }
        let mut samples = Vec::with_capacity(by_row.iter().flatten().count());
        samples.extend(by_row.into_iter().flatten());
        Self {
            name: record.person.name.clone(),
            samples: samples.into(),
            fingerprints: Box::new(fresh.fingerprints()),
        }
    }

    /// Marks the columns in which the person's lines may differ from those before.
    pub(crate) fn differs(&self, before: &Self, columns: &mut Columns) {
        let (mut new, mut old) = (&*self.samples, &*before.samples);
        loop {
            let (row, same) = match (new, old) {
                ([], []) => break,
                ([one, ..], []) | ([], [one, ..]) => (one.row, false),
                ([one, ..], [other, ..]) => (one.row.min(other.row), one == other),
            };
            if !same {
                columns.mark(TABLE.row(row).column);
            }
            let past =
                |samples: &[Sample]| usize::from(samples.first().is_some_and(|sample| sample.row == row));
            (new, old) = (&new[past(new)..], &old[past(old)..]);
        }
        let pairs = self.fingerprints.iter().zip(before.fingerprints.iter()).enumerate();
        for (index, _) in pairs.filter(|(_, (new, old))| new != old) {
            // The last one is the ring's, and so is the last column.
            let columns_of = (0..FRESHNESS.len()).map(|which| which * COLLECTIONS + index);
            let ring = FRESHNESS.len() * COLLECTIONS;
            let all =
                columns_of.filter(|_| index < COLLECTIONS).chain((index == COLLECTIONS).then_some(ring));
            all.for_each(|column| columns.mark(TABLE.fresh + column));
        }
    }

    /// The lines of the values that have not expired.
    pub(crate) fn values(&self, now: Timestamp) -> Lines<'_> {
        let now = seconds(now.as_second());
        Lines { name: self.name.as_str(), samples: &self.samples, now, next: NEVER, about: LinesOf::Values }
    }

    /// These, and how fresh they are.
    pub(crate) fn lines<'a>(&'a self, fresh: &'a CollectionStatuses<'a>, now: Timestamp) -> Lines<'a> {
        Lines { about: LinesOf::Everything(fresh), ..self.values(now) }
    }
}

/// Some columns of the text.
#[derive(Debug)]
pub(crate) struct Columns(Vec<bool>);

impl Default for Columns {
    /// None of them.
    fn default() -> Self {
        Self(vec![false; TABLE.columns.len()])
    }
}

impl Columns {
    fn mark(&mut self, column: usize) {
        self.0[column] = true;
    }

    /// All of them.
    pub(crate) fn all() -> Self {
        Self(vec![true; TABLE.columns.len()])
    }

    /// Those in rising order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().filter(|(_, marked)| **marked).map(|(column, _)| column)
    }
}

/// Later than every value's end.
const NEVER: u32 = u32::MAX;

/// The lines of one person, written column by column.
pub(crate) struct Lines<'a> {
    name: &'a str,
    /// Those that are not written yet.
    samples: &'a [Sample],
    now: u32,
    /// The first end among the values written so far.
    next: u32,
    about: LinesOf<'a>,
}

/// What is written.
enum LinesOf<'a> {
    /// Only values; the lines about freshness stay as they are.
    Values,
    Everything(&'a CollectionStatuses<'a>),
    /// No lines: the person was removed.
    Removed,
}

impl Lines<'_> {
    /// Nothing in any column.
    pub(crate) fn empty() -> Self {
        Self { name: "", samples: &[], now: 0, next: NEVER, about: LinesOf::Removed }
    }

    /// When the next of the written values expires.
    pub(crate) fn expiry(&self) -> Option<Timestamp> {
        (self.next != NEVER).then(|| Timestamp::from_second(self.next.into()).unwrap_or(Timestamp::MAX))
    }
}

impl exposition::Lines for Lines<'_> {
    fn columns(&self) -> usize {
        if matches!(self.about, LinesOf::Values) { TABLE.fresh } else { TABLE.columns.len() }
    }

    fn write(&mut self, column: usize, text: &mut Vec<u8>) {
        if let Some(fresh) = column.checked_sub(TABLE.fresh) {
            if let LinesOf::Everything(about) = &self.about {
                about.write(self.name, fresh, text);
            }
            return;
        }
        while let Some((sample, rest)) = self.samples.split_first() {
            let row = TABLE.row(sample.row);
            if row.column > column {
                return;
            }
            self.samples = rest;
            if row.column < column || self.now >= sample.until {
                continue;
            }
            self.next = self.next.min(sample.until);
            if row.metric.states().is_empty() {
                line(text, &row.before, self.name, &row.after[0]);
                number(text, sample.value);
                continue;
            }
            for (index, after) in (0_u32..).zip(&row.after) {
                line(text, &row.before, self.name, after);
                whole(text, i64::from((f64::from(index) - sample.value).abs() < 0.5));
            }
        }
    }
}

const COLLECTIONS: usize = Collection::ALL.len();

/// What is known of each collection of one person, and the ring in use.
pub(crate) struct CollectionStatuses<'a> {
    states: [Option<&'a SyncState>; COLLECTIONS],
    observed: [Option<Timestamp>; COLLECTIONS],
    absences: [Option<Reason>; COLLECTIONS],
    ring: Option<&'a Ring>,
}

impl<'a> CollectionStatuses<'a> {
    pub(crate) fn new(record: &'a Record, now: Timestamp) -> Self {
        let Record { person, latest, states, ring } = record;
        let ring = ring.as_ref();
        let mut fresh = Self {
            states: [None; COLLECTIONS],
            observed: [None; COLLECTIONS],
            absences: [None; COLLECTIONS],
            ring,
        };
        for state in states {
            fresh.states[state.collection as usize] = Some(state);
        }
        for latest in latest {
            let at = &mut fresh.observed[latest.metric.collection as usize];
            *at = (*at).max(Some(latest.observed_at));
        }
        for (collection, reason) in store::absence_reasons(person, states, latest, ring, now) {
            fresh.absences[collection as usize] = Some(reason);
        }
        fresh
    }

    fn known(&self, collection: Collection) -> CollectionStatus<'_> {
        let index = collection as usize;
        let state = self.states[index];
        let observed = self.observed[index].filter(|_| state.is_some());
        CollectionStatus { state, observed, absence: self.absences[index] }
    }

    /// One number for all lines about a collection's freshness; it differs when one of them differs.
    fn fingerprints(&self) -> [u64; COLLECTIONS + 1] {
        std::array::from_fn(|index| {
            let mut hasher = DefaultHasher::new();
            match Collection::ALL.get(index) {
                None => self.ring.hash(&mut hasher),
                Some(collection) => {
                    let known = self.known(*collection);
                    let mut families = 0_u64;
                    for (family, freshness) in FRESHNESS.iter().enumerate() {
                        let Some(sample) = (freshness.sample)(&known) else { continue };
                        families |= 1 << family;
                        hasher.write_i64(sample.value);
                        if freshness.label.is_some() {
                            sample.word.hash(&mut hasher);
                        }
                    }
                    hasher.write_u64(families);
                }
            }
            hasher.finish()
        })
    }

    /// Writes the lines of a column, counted from the first about freshness; the last one is the ring's.
    fn write(&self, name: &str, column: usize, text: &mut Vec<u8>) {
        let (which, index) = (column / COLLECTIONS, column % COLLECTIONS);
        let Some(freshness) = FRESHNESS.get(which) else {
            return self.write_ring(name, text);
        };
        let known = self.known(Collection::ALL[index]);
        let Some(sample) = (freshness.sample)(&known) else { return };
        let (before, after) = &FRESH_LINES[which][index];
        line(text, before, name, after);
        if freshness.label.is_some() {
            text.extend_from_slice(sample.word.as_bytes());
            text.extend_from_slice(b"\"} ");
        }
        whole(text, sample.value);
    }

    /// Words of Oura's, made safe and short by [`Ring`].
    fn write_ring(&self, name: &str, text: &mut Vec<u8>) {
        let Some(ring) = self.ring else { return };
        line(text, &RING_LINE, name, "\"");
        let words = [&ring.hardware_type, &ring.color, &ring.design, &ring.firmware_version, &ring.size];
        for (label, word) in RingLabels::NAMES.into_iter().zip(words) {
            for part in [",", label, "=\"", word, "\""] {
                text.extend_from_slice(part.as_bytes());
            }
        }
        text.extend_from_slice(b"} ");
        whole(text, 1);
    }
}

static RING_LINE: LazyLock<String> = LazyLock::new(|| before(table::RING_INFO.name()));

fn line(text: &mut Vec<u8>, before: &str, person: &str, after: &str) {
    for part in [before, person, after] {
        text.extend_from_slice(part.as_bytes());
    }
}

/// A value and the end of its line.
fn number(text: &mut Vec<u8>, value: f64) {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() < EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
        whole(text, value as i64);
    } else {
        text.extend_from_slice(zmij::Buffer::new().format(value).as_bytes());
        text.push(b'\n');
    }
}

fn whole(text: &mut Vec<u8>, value: i64) {
    text.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    text.push(b'\n');
}

/// When a person's days begin. Remembers them: values are mostly of one day and valid for one of three times, and
/// calendars are slow.
struct MidnightCache {
    calendar: Calendar,
    known: Vec<(Day, i64)>,
}

impl MidnightCache {
    const DAY: i64 = 86_400;

    /// The days of a zone; one this machine does not know counts as UTC.
    fn new(zone: &str) -> Self {
        let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
        Self { calendar: Calendar::new(zone), known: Vec::new() }
    }

    /// The second from which a value is yesterday's: so many civil days of the person after its day has ended, or so many
    /// times 24 hours after it was measured.
    fn valid_until(&mut self, latest: &Latest) -> u32 {
        let days = latest.metric.collection.valid_days();
        seconds(if latest.metric.is_series() {
            latest.observed_at.as_second() + Self::DAY * days
        } else {
            self.of(latest.day.plus(days + 1))
        })
    }

    /// When a civil day begins, in Unix seconds.
    fn of(&mut self, day: Day) -> i64 {
        if let Some((_, midnight)) = self.known.iter().find(|(known, _)| *known == day) {
            return *midnight;
        }
        let midnight = self.calendar.midnight(day).div_euclid(1000);
        self.known.push((day, midnight));
        midnight
    }
}

fn seconds(unix: i64) -> u32 {
    u32::try_from(unix.max(0)).unwrap_or(NEVER)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(value: f64) -> String {
        let mut text = Vec::new();
        number(&mut text, value);
        String::from_utf8(text).unwrap().trim_end().to_owned()
    }

    #[test]
    fn sample_values_are_short() {
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
        fn sample_values_round_trip(value in proptest::num::f64::NORMAL | proptest::num::f64::ZERO | proptest::num::f64::SUBNORMAL) {
            let read = written(value).parse::<f64>().map(f64::to_bits);
            prop_assert_eq!(read, Ok(if value == 0.0 { 0 } else { value.to_bits() }));
        }
    }
}
