//! Days as numbers, and instants of local clocks.

use jiff::civil::{Date, date};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan};

/// Days since 1970-01-01.
pub(crate) fn number(day: Date) -> i64 {
    day.duration_since(date(1970, 1, 1)).as_hours() / 24
}

/// The day `n` days after 1970-01-01, held inside the years jiff knows.
pub(crate) fn day_number(n: i64) -> Date {
    date(1970, 1, 1).saturating_add(n.clamp(-700_000, 2_900_000).days())
}

/// `day` moved by `n` days.
pub(crate) fn shift(day: Date, n: i64) -> Date {
    day.saturating_add(n.days())
}

/// The instant `minutes` after local midnight of `day` by the clock on the wall. A time that a DST change skips or
/// repeats is read as RFC 5545 does.
pub(crate) fn at(day: Date, minutes: i64, zone: &TimeZone) -> Timestamp {
    let wall = day.at(0, 0, 0, 0).saturating_add(SignedDuration::from_mins(minutes));
    zone.to_timestamp(wall).unwrap_or(Timestamp::MAX)
}

/// A named zone; where the machine has no time-zone data, its standard offset in hours.
pub(super) fn zone(name: &str, standard: i8) -> TimeZone {
    TimeZone::get(name).unwrap_or_else(|_| TimeZone::fixed(Offset::constant(standard)))
}
