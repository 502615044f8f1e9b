//! The spelling of the wire: identifiers, timestamps, samples, and what changed over the years.
//!
//! What belongs here: form shared by several collections. Shapes of one collection are in its own file.

use jiff::civil::{Date, date};
use jiff::fmt::temporal::DateTimePrinter;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::chance::{Chance, Channel};
use crate::life::{Person, day_number, number};

const PLAIN: DateTimePrinter = DateTimePrinter::new();
const MILLIS: DateTimePrinter = DateTimePrinter::new().precision(Some(3));

/// A series at a fixed step; item i is at `timestamp` + i × `interval` seconds.
#[derive(Debug, Serialize)]
pub(super) struct Sample {
    pub(super) interval: f64,
    pub(super) items: Vec<Option<f64>>,
    pub(super) timestamp: String,
}

/// Whether documents of `day` have the shape of 2026: milliseconds, `timestamp_unix`, 30-second phases, `ring_id`.
pub(super) fn modern(day: Date) -> bool {
    day.year() >= 2026
}

/// Whether documents of `day` have the shape of Oura's document 1.41: `ring_id` is always null, live workouts have
/// sources of their own.
pub(super) fn current(day: Date) -> bool {
    day >= date(2026, 9, 30)
}

/// An instant in the offset that `zone` has then. Documents of before 2026 have no milliseconds.
pub(super) fn local(instant: Timestamp, zone: &TimeZone, day: Date) -> String {
    let printer = if modern(day) { MILLIS } else { PLAIN };
    printer.timestamp_with_offset_to_string(&instant, zone.to_offset(instant))
}

/// The instant of a [`Sample`]: always with milliseconds.
pub(super) fn sample_start(instant: Timestamp, zone: &TimeZone) -> String {
    MILLIS.timestamp_with_offset_to_string(&instant, zone.to_offset(instant))
}

/// A UTC instant: `+00:00` before 2026, `.000Z` since.
pub(super) fn utc(instant: Timestamp, day: Date) -> String {
    if modern(day) {
        MILLIS.timestamp_to_string(&instant)
    } else {
        PLAIN.timestamp_with_offset_to_string(&instant, Offset::UTC)
    }
}

/// Midnight UTC of `day`: the instant of every daily score.
pub(super) fn midnight(day: Date) -> Timestamp {
    Timestamp::UNIX_EPOCH
        .saturating_add(SignedDuration::from_hours(24 * number(day)))
        .unwrap_or(Timestamp::MAX)
}

/// The id of the `n`-th document of a collection on `day`: a UUID that never changes. Its first 32 bits hide the day,
/// so a document is found by its id without reading a life.
pub(super) fn id(person: &Person, collection: &str, day: Date, n: i64) -> String {
    let name = collection.bytes().fold(0_i64, |hash, byte| (hash << 5) ^ (hash >> 43) ^ i64::from(byte));
    let index = (number(day) * 64 + n) ^ (name << 24);
    let mut chance = Chance::new(person.life().seed, index, Channel::Identity);
    let (a, b) = (chance.bits(), chance.bits());
    let hidden = u32::try_from(number(day).max(0)).unwrap_or(0).wrapping_mul(SCRAMBLE) ^ mask(person);
    format!(
        "{hidden:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        a & 0xffff,
        a >> 16 & 0xfff,
        0x8000 | a >> 32 & 0x3fff,
        b & 0xffff_ffff_ffff
    )
}

/// The day hidden in an id of `person`, if it may be one.
pub(super) fn day_of_id(person: &Person, id: &str) -> Option<Date> {
    let hidden = u32::from_str_radix(id.get(..8)?, 16).ok()?;
    Some(day_number(i64::from((hidden ^ mask(person)).wrapping_mul(UNSCRAMBLE))))
}

/// An odd number and its inverse modulo 2^32.
const SCRAMBLE: u32 = 0x9e37_79b1;
const UNSCRAMBLE: u32 = inverse(SCRAMBLE);

/// The inverse of an odd number modulo 2^32, by Newton's method: every step doubles the number of right bits.
const fn inverse(odd: u32) -> u32 {
    let mut x = odd;
    let mut step = 0;
    while step < 5 {
        x = x.wrapping_mul(2u32.wrapping_sub(odd.wrapping_mul(x)));
        step += 1;
    }
    x
}

fn mask(person: &Person) -> u32 {
    let bits = person.chance_of(-1, Channel::Identity).bits();
    u32::try_from(bits >> 32).expect("BUG: 32 bits remain")
}
