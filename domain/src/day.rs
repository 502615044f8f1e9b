//! A civil day and ranges of days. `day` is the only date key of the whole system: a night belongs to the day
//! its sleeper wakes up on, whatever instant or offset its document prints.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, date};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde::{Serialize, Serializer};

/// A civil day between [`Day::FIRST`] and [`Day::LAST`]. It has no time zone: it is a date of the wearer's calendar.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(Date);

/// Why a text or date is not a [`Day`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidDay {
    /// The text is not a calendar date written as `YYYY-MM-DD`.
    #[error("{0:?} is not a date; write it as YYYY-MM-DD, for example 2026-03-29")]
    Malformed(String),
    /// The date exists, and no ring can have measured it.
    #[error("{0} is outside {first} to {last}", first = Day::FIRST, last = Day::LAST)]
    OutOfRange(Date),
}

impl Day {
    /// The first day accepted. No ring is older; it also keeps every window far from the calendar's edges.
    pub const FIRST: Self = Self(date(2000, 1, 1));
    /// The last day accepted.
    pub const LAST: Self = Self(date(2199, 12, 31));

    /// A day that is written into the program; one that is not accepted does not compile.
    pub const fn literal(year: i16, month: i8, day: i8) -> Self {
        assert!(2000 <= year && year < 2200, "an accepted year");
        Self(date(year, month, day))
    }

    /// A day from a calendar date.
    pub fn new(date: Date) -> Result<Self, InvalidDay> {
        if Self::FIRST.0 <= date && date <= Self::LAST.0 {
            Ok(Self(date))
        } else {
            Err(InvalidDay::OutOfRange(date))
        }
    }

    /// The day on the wall calendar of `zone` at `instant`, or the nearest accepted day.
    pub fn at(instant: Timestamp, zone: &TimeZone) -> Self {
        Self(zone.to_datetime(instant).date().clamp(Self::FIRST.0, Self::LAST.0))
    }

    /// The calendar date.
    pub fn date(self) -> Date {
        self.0
    }

    /// The day `days` later (earlier when negative), stopping at the first and last accepted day.
    #[must_use]
    pub fn plus(self, days: i64) -> Self {
        /// More than there are accepted days, and far from the ends of the calendar.
        const BEYOND: i64 = 100_000;
        let days = SignedDuration::from_hours(HOURS_A_DAY * days.clamp(-BEYOND, BEYOND));
        let moved = self.0.checked_add(days).expect("BUG: the calendar reaches further than accepted days");
        Self(moved.clamp(Self::FIRST.0, Self::LAST.0))
    }

    /// Whole days from `earlier` to this day; negative when `earlier` is later.
    pub fn since(self, earlier: Self) -> i64 {
        self.0.duration_since(earlier.0).as_hours() / HOURS_A_DAY
    }

    /// Passes `YYYY-MM-DD` to `f`, made without the formatting machinery: responses have thousands of days.
    fn with_text<T>(self, read: impl FnOnce(&str) -> T) -> T {
        let digit = |number: i16| b'0' + u8::try_from(number % 10).unwrap_or_default();
        let (year, month, day) = (self.0.year(), i16::from(self.0.month()), i16::from(self.0.day()));
        let text = [
            digit(year / 1000),
            digit(year / 100),
            digit(year / 10),
            digit(year),
            b'-',
            digit(month / 10),
            digit(month),
            b'-',
            digit(day / 10),
            digit(day),
        ];
        read(str::from_utf8(&text).expect("BUG: digits and dashes are text"))
    }

    /// When its activity ends: Oura's day of movement is over at 04:00 of the next, by the wearer's clock.
    pub fn end_of_activity(self, zone: &TimeZone) -> Timestamp {
        let end = self.plus(1);
        zone.to_timestamp(end.0.at(4, 0, 0, 0)).unwrap_or_else(|_| end.midnight_utc())
    }

    /// 00:00 UTC of this day: how a bare date is read by Oura's filters and drawn by Grafana.
    pub fn midnight_utc(self) -> Timestamp {
        TimeZone::UTC.to_timestamp(self.0.at(0, 0, 0, 0)).expect("BUG: every accepted day has a midnight UTC")
    }
}

/// Of a calendar without zones.
const HOURS_A_DAY: i64 = 24;

/// How many days back Oura is known to change documents: bedtimes are edited, naps confirmed, phones sync late. This many
/// days are read again in every sync run unless configured otherwise.
pub const TRAILING_DAYS: u16 = 7;

impl Day {
    /// Whether Oura will most likely leave this day as it is. Later corrections happen, and are stored when they come.
    pub fn is_settled(self, today: Self) -> bool {
        self < today.plus(-i64::from(TRAILING_DAYS))
    }
}

impl FromStr for Day {
    type Err = InvalidDay;

    /// Strictly `YYYY-MM-DD`: Oura reads `1` as a Unix time and year 0024 as everything, so nothing looser goes out.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let shape =
            |(i, byte): (usize, u8)| if i == 4 || i == 7 { byte == b'-' } else { byte.is_ascii_digit() };
        if text.len() != 10 || !text.bytes().enumerate().all(shape) {
            return Err(InvalidDay::Malformed(text.chars().take(40).collect()));
        }
        text.parse::<Date>().map_err(|_| InvalidDay::Malformed(text.to_owned())).and_then(Self::new)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_text(|text| f.pad(text))
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.with_text(|text| serializer.serialize_str(text))
    }
}

impl fmt::Debug for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A range of days, both ends included, never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DayRange {
    first: Day,
    last: Day,
}

/// The first day of a range came after its last.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the range starts on {first}, after it ends on {last}; swap the two")]
pub struct ReversedRange {
    first: Day,
    last: Day,
}

impl DayRange {
    /// From `first` to `last`, both included.
    pub fn new(first: Day, last: Day) -> Result<Self, ReversedRange> {
        if first <= last { Ok(Self { first, last }) } else { Err(ReversedRange { first, last }) }
    }

    /// The `days` days that end with `last`; at least one.
    pub fn ending(last: Day, days: i64) -> Self {
        Self { first: last.plus(1 - days.max(1)), last }
    }

    /// The first day.
    pub fn first(self) -> Day {
        self.first
    }

    /// The last day.
    pub fn last(self) -> Day {
        self.last
    }

    /// How many days, at least 1.
    pub fn len(self) -> i64 {
        self.last.since(self.first) + 1
    }

    /// Always false; the usual companion of `len`.
    pub fn is_empty(self) -> bool {
        false
    }

    /// Whether `day` is one of these days.
    pub fn contains(self, day: Day) -> bool {
        self.first <= day && day <= self.last
    }

    /// The same range, `days` wider on both sides.
    #[must_use]
    pub fn padded(self, days: i64) -> Self {
        Self { first: self.first.plus(-days), last: self.last.plus(days) }
    }

    /// Every day in order.
    pub fn days(self) -> impl Iterator<Item = Day> {
        std::iter::successors(Some(self.first), move |day| (*day < self.last).then(|| day.plus(1)))
    }

    /// The range cut into pieces of at most `days` days, in order of time; only the first may be shorter.
    pub fn chunks(self, days: i64) -> Vec<Self> {
        let mut pieces = Vec::new();
        let mut last = self.last;
        loop {
            let first = last.plus(1 - days.max(1)).max(self.first);
            pieces.push(Self { first, last });
            if first == self.first {
                pieces.reverse();
                return pieces;
            }
            last = first.plus(-1);
        }
    }
}

#[cfg(test)]
mod tests;
