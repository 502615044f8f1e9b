//! Dates and places of pages as they are written in a query, each with the pattern that the description tells: what
//! matches is accepted, and nothing else is. Where the next page begins is opaque to clients; they send back what `next` said.

use std::sync::LazyLock;

use data_encoding::HEXLOWER;
use domain::Day;
use jiff::Timestamp;
use regex::{Captures, Regex};
use utoipa::openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::error::Error;

/// Every day from [`Day::FIRST`] to [`Day::LAST`], leap days included.
macro_rules! day {
    () => {
        "(2[01][0-9]{2}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)\
         |02-(?:0[1-9]|1[0-9]|2[0-8]))|(?:20(?:[02468][048]|[13579][26])|21(?:0[48]|[2468][048]|[13579][26]))-02-29)"
    };
}

/// A day.
const DAY: &str = concat!("^", day!(), "$");

/// A point: its day, its time in Unix milliseconds, and the number of its metric.
const POINT: &str = concat!("^", day!(), "[.](-?[0-9]{1,15})[.]([0-9]{1,2})$");

/// An event: its day, its start in Unix nanoseconds if it has one, and the bytes of its id in hexadecimal.
const EVENT: &str = concat!("^", day!(), "[.](-?[0-9]{1,19})?[.]((?:0[1-9a-f]|[1-9a-f][0-9a-f]){1,256})$");

static READ_POINT: LazyLock<Regex> = LazyLock::new(|| Regex::new(POINT).expect("BUG: a test reads with it"));
static READ_EVENT: LazyLock<Regex> = LazyLock::new(|| Regex::new(EVENT).expect("BUG: a test reads with it"));

/// Day, Unix milliseconds and metric, in the order of points.
pub(crate) type Point = (Day, i64, usize);

pub(crate) fn write_point((day, at, metric): Point) -> String {
    format!("{day}.{at}.{metric}")
}

pub(crate) fn read_point(text: Option<&str>) -> Result<Option<Point>, Error> {
    read(&READ_POINT, text, |found| Some((day(found)?, found[2].parse().ok()?, found[3].parse().ok()?)))
}

/// Day, start and id, in the order of events; an event without a start comes first.
pub(crate) type Event = (Day, Option<Timestamp>, String);

pub(crate) fn write_event((day, start, id): &Event) -> String {
    let start = start.map(|start| start.as_nanosecond().to_string()).unwrap_or_default();
    format!("{day}.{start}.{}", HEXLOWER.encode(id.as_bytes()))
}

/// An id that is no UTF-8 was never written here; it has a place in the order all the same.
pub(crate) fn read_event(text: Option<&str>) -> Result<Option<Event>, Error> {
    read(&READ_EVENT, text, |found| {
        let start = match found.get(2) {
            Some(start) => Some(Timestamp::from_nanosecond(start.as_str().parse().ok()?).ok()?),
            None => None,
        };
        let id = HEXLOWER.decode(found[3].as_bytes()).ok()?;
        Some((day(found)?, start, String::from_utf8_lossy(&id).into_owned()))
    })
}

fn day(found: &Captures<'_>) -> Option<Day> {
    found[1].parse().ok()
}

fn read<T>(
    pattern: &Regex,
    text: Option<&str>,
    parts: impl FnOnce(&Captures<'_>) -> Option<T>,
) -> Result<Option<T>, Error> {
    let Some(text) = text else { return Ok(None) };
    let invalid = || Error::Parameter {
        parameter: "after",
        reason: "it is not what `next` of a page said; leave it out to start again".to_owned(),
    };
    pattern.captures(text).as_ref().and_then(parts).map(Some).ok_or_else(invalid)
}

/// A day, for the description.
pub(crate) struct DayText;

/// Where a page of points begins, for the description.
pub(crate) struct PointText;

/// Where a page of events begins, for the description.
pub(crate) struct EventText;

fn described(words: &str, pattern: &str, format: Option<KnownFormat>) -> RefOr<Schema> {
    let text = ObjectBuilder::new().schema_type(Type::String).description(Some(words)).pattern(Some(pattern));
    text.format(format.map(SchemaFormat::KnownFormat)).into()
}

impl PartialSchema for DayText {
    fn schema() -> RefOr<Schema> {
        described("A day from 2000 to 2199.", DAY, Some(KnownFormat::Date))
    }
}

impl PartialSchema for PointText {
    fn schema() -> RefOr<Schema> {
        described("What `next` of a page of points says.", POINT, None)
    }
}

impl PartialSchema for EventText {
    fn schema() -> RefOr<Schema> {
        described("What `next` of a page of events says.", EVENT, None)
    }
}

impl ToSchema for DayText {}
impl ToSchema for PointText {}
impl ToSchema for EventText {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_the_pattern_are_the_days_that_are_read() {
        let pattern = Regex::new(DAY).unwrap();
        let mut days = 0;
        for year in [0, 1999, 2000, 2001, 2004, 2020, 2023, 2096, 2099, 2100, 2104, 2196, 2199, 2200, 2996] {
            for (month, day) in (0..20).flat_map(|month| (0..40).map(move |day| (month, day))) {
                let text = format!("{year:04}-{month:02}-{day:02}");
                let is_day = text.parse::<Day>().is_ok();
                assert_eq!(pattern.is_match(&text), is_day, "{text}");
                days += i32::from(is_day);
            }
        }
        assert_eq!(days, 11 * 365 + 6, "six of eleven are leap years, 2100 is none");
        for text in
            ["", "2026-3-29", "2026-03-29 ", " 2026-03-29", "2026-03-29T00:00:00Z", "20260329", "+2026-03-29"]
        {
            assert!(!pattern.is_match(text) && text.parse::<Day>().is_err(), "{text}");
        }
    }

    #[test]
    fn cursor_round_trips_and_refuses_other_text() {
        let day: Day = "2026-03-29".parse().unwrap();
        for at in [0, -1, 1_774_742_400_000, -999_999_999_999_999] {
            assert_eq!(read_point(Some(&write_point((day, at, 12)))).unwrap(), Some((day, at, 12)));
        }
        for id in ["a-1", "a&b c\n", "é", &"x".repeat(256)] {
            for start in
                [None, Some(Timestamp::UNIX_EPOCH), Some("2026-03-29T07:00:00.000000001Z".parse().unwrap())]
            {
                let place = (day, start, id.to_owned());
                let cursor = write_event(&place);
                assert!(cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte)));
                assert_eq!(read_event(Some(&cursor)).unwrap(), Some(place));
            }
        }
        assert!(read_event(Some("2026-03-29..ff")).is_ok(), "no UTF-8, and a place all the same");
        let long = write_event(&(day, None, "x".repeat(257)));
        let points =
            ["", "2026-03-29", "2026-02-30.0.0", "2026-03-29.+1.0", "2026-03-29.1.0\n", "2026-03-29.1"];
        assert!(points.iter().all(|text| read_point(Some(text)).is_err()));
        let events = [
            "",
            "2026-03-29",
            "2026-03-29.",
            "2026-03-29..0",
            "2026-03-29..FF",
            "2026-03-29.1.6100",
            "2026-03-29.ff",
            &long,
        ];
        assert!(events.iter().all(|text| read_event(Some(text)).is_err()));
        assert!(read_point(None).unwrap().is_none() && read_event(None).unwrap().is_none());
    }
}
