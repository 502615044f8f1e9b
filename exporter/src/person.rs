//! What is known of one person, small enough to be kept for very many, and its lines.

use std::sync::LazyLock;

use domain::{Collection, Day, Pseudonym, Reason, Ring};
use jiff::Timestamp;
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
        let mut rows = TABLE.search();
        let mut days = Midnights::default();
        let mut by_row: Vec<Option<Sample>> = vec![None; TABLE.rows()];
        // Oura's numbers are finite; what is not would be no number to anybody.
        for latest in record.latest.iter().filter(|latest| latest.value.is_finite()) {
            if let Some(row) = rows.find(latest.metric) {
                let until = days.valid_until(latest);
                by_row[usize::from(row)] = Some(Sample { value: latest.value, until, row });
            }
        }
        let mut samples = Vec::with_capacity(by_row.iter().flatten().count());
        samples.extend(by_row.into_iter().flatten());
        Self { name: record.person.name.clone(), samples: samples.into() }
    }

    /// The lines of the values that are still "now".
    pub(crate) fn values(&self, now: Timestamp) -> Lines<'_> {
        let now = seconds(now.as_second());
        Lines { name: self.name.as_str(), samples: &self.samples, now, next: NEVER, about: About::Values }
    }

    /// These, and how fresh they are by the record they came from.
    pub(crate) fn lines<'a>(&'a self, record: &'a Record, now: Timestamp) -> Lines<'a> {
        Lines { about: About::Everything(Box::new(Fresh::new(record, now))), ..self.values(now) }
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
    about: About<'a>,
}

/// What is written.
enum About<'a> {
    /// Only values; the lines about freshness stay as they are.
    Values,
    Everything(Box<Fresh<'a>>),
    /// Somebody who is gone.
    Nobody,
}

impl Lines<'_> {
    /// Nothing in any column.
    pub(crate) fn nobody() -> Self {
        Self { name: "", samples: &[], now: 0, next: NEVER, about: About::Nobody }
    }

    /// How many columns are written, from the first on.
    pub(crate) fn columns(&self) -> usize {
        if matches!(self.about, About::Values) { TABLE.fresh } else { TABLE.columns.len() }
    }

    /// When the next of the written values stops being "now".
    pub(crate) fn expiry(&self) -> Option<Timestamp> {
        (self.next != NEVER).then(|| Timestamp::from_second(self.next.into()).unwrap_or(Timestamp::MAX))
    }

    /// Appends the lines of one column; columns in rising order, none left out.
    pub(crate) fn write(&mut self, column: usize, text: &mut Vec<u8>) {
        if let Some(fresh) = column.checked_sub(TABLE.fresh) {
            if let About::Everything(about) = &self.about {
                about.write(self.name, fresh, text);
            }
            return;
        }
        while let Some((sample, rest)) = self.samples.split_first() {
            let row = TABLE.row(sample.row);
            if row.column != column {
                return;
            }
            self.samples = rest;
            if self.now >= sample.until {
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
struct Fresh<'a> {
    states: [Option<&'a SyncState>; COLLECTIONS],
    observed: [Option<Timestamp>; COLLECTIONS],
    absences: [Option<Reason>; COLLECTIONS],
    ring: Option<&'a Ring>,
}

impl<'a> Fresh<'a> {
    fn new(record: &'a Record, now: Timestamp) -> Self {
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
        for (collection, reason) in store::absences(person, states, latest, ring, now) {
            fresh.absences[collection as usize] = Some(reason);
        }
        fresh
    }

    /// Writes the lines of a column, counted from the first about freshness; the last one is the ring's.
    fn write(&self, name: &str, column: usize, text: &mut Vec<u8>) {
        let (which, index) = (column / COLLECTIONS, column % COLLECTIONS);
        let Some(freshness) = FRESHNESS.get(which) else {
            return self.write_ring(name, text);
        };
        let collection = Collection::ALL[index] as usize;
        let state = self.states[collection];
        let known = Known {
            state,
            observed: self.observed[collection].filter(|_| state.is_some()),
            absence: self.absences[collection],
        };
        let Some(said) = (freshness.says)(&known) else { return };
        let (before, after) = &FRESH_LINES[which][index];
        line(text, before, name, after);
        if freshness.label.is_some() {
            let plain = said.word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            text.extend_from_slice(if plain { said.word.as_bytes() } else { b"other" });
            text.extend_from_slice(b"\"} ");
        }
        whole(text, said.value);
    }

    /// Words of Oura's, made safe and short by [`Ring`].
    fn write_ring(&self, name: &str, text: &mut Vec<u8>) {
        let Some(ring) = self.ring else { return };
        line(text, &RING_LINE, name, "\"");
        for (label, word) in [
            ("hardware_type", &ring.hardware_type),
            ("color", &ring.color),
            ("design", &ring.design),
            ("firmware_version", &ring.firmware_version),
            ("size", &ring.size),
        ] {
            for part in [",", label, "=\"", word, "\""] {
                text.extend_from_slice(part.as_bytes());
            }
        }
        text.extend_from_slice(b"} ");
        whole(text, 1);
    }
}

static RING_LINE: LazyLock<String> = LazyLock::new(|| before(RING));

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

/// Remembers one day's midnight: a person's values are mostly of one day, and calendars are slow.
#[derive(Default)]
struct Midnights(Option<(Day, i64)>);

impl Midnights {
    const DAY: i64 = 86_400;

    /// The second from which a value is yesterday's: so many days after its day has ended at the midnight UTC, or after
    /// it was measured.
    fn valid_until(&mut self, latest: &Latest) -> u32 {
        let days = latest.metric.collection.valid_days();
        seconds(if latest.metric.is_series() {
            latest.observed_at.as_second() + Self::DAY * days
        } else {
            self.of(latest.day) + Self::DAY * (days + 1)
        })
    }

    fn of(&mut self, day: Day) -> i64 {
        match self.0 {
            Some((known, midnight)) if known == day => midnight,
            _ => self.0.insert((day, day.midnight_utc().as_second())).1,
        }
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
