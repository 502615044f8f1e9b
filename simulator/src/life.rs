//! What happens to a person, whether or not a ring sees it.
//!
//! What belongs here: nights, naps, workouts, illness, trips, when the ring is on the finger, when the phone syncs.
//! No scores and no JSON: those are Oura's opinion, in [`crate::oura`].
//!
//! Every fact is a method `fact(day)` and pure; a day is a local date, a night belongs to the day it ends on.

mod awake;
mod body;
mod night;
mod sync;
mod trip;
mod wear;

pub(crate) use awake::{Level, NON_WEAR, Waking, level};
pub(crate) use body::Body;
pub(crate) use night::{Fate, Kind, Period};
pub(crate) use wear::Wear;

use jiff::civil::{Date, date};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::chance::{Chance, Channel, drift};

/// What decides a life: change one and it is another person's.
#[derive(Clone, Debug)]
pub struct Life {
    /// The same seed gives the same life, byte for byte.
    pub seed: u64,
    /// The first local date with data, the day the first ring was put on.
    pub first_day: Date,
    /// The zone the person lives in, outside of trips.
    pub home: TimeZone,
}

impl Life {
    /// A life in Europe/Berlin that the ring sees from `first_day` on.
    pub fn new(seed: u64, first_day: Date) -> Self {
        Self { seed, first_day, home: zone("Europe/Berlin", 1) }
    }
}

/// A synthetic person. Immutable: a life is a pure function of its settings.
#[derive(Clone, Debug)]
pub struct Person {
    life: Life,
    ill: Vec<(i64, i64)>,
}

impl Person {
    /// The person who lives `life`.
    pub fn new(life: Life) -> Self {
        Self { life, ill: Vec::new() }
    }

    /// The same person, but ill for `days` days from the local date `first` on: warm, tired, heart racing.
    #[must_use]
    pub fn with_illness(mut self, first: Date, days: u8) -> Self {
        self.ill.push((number(first), i64::from(days)));
        self
    }

    /// The settings this life follows from.
    pub fn life(&self) -> &Life {
        &self.life
    }

    /// Chance for `day` on `channel`.
    pub(crate) fn chance(&self, day: Date, channel: Channel) -> Chance {
        Chance::new(self.life.seed, number(day), channel)
    }

    /// Chance for the `n`-th thing of a channel that is not counted in days.
    pub(crate) fn chance_of(&self, n: i64, channel: Channel) -> Chance {
        Chance::new(self.life.seed, n, channel)
    }

    /// A slow process in [-1, 1] with a memory of about `period` days.
    fn drift(&self, channel: Channel, day: Date, period: i64) -> f64 {
        drift(self.life.seed, channel, number(day), period)
    }
}

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
fn zone(name: &str, standard: i8) -> TimeZone {
    TimeZone::get(name).unwrap_or_else(|_| TimeZone::fixed(Offset::constant(standard)))
}

#[cfg(test)]
mod tests;
