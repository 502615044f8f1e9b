//! Trips: which zone the person sleeps in, and how much the body still lives in another.
//!
//! What belongs here: zones and jet lag. A trip lasts 5 to 14 days; flights happen in the evening before the first
//! night, so a whole day, wake-up to wake-up, has one zone.

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::calendar::{at, day_number, number, zone};
use super::person::Person;
use crate::chance::Channel;
use crate::math::real;

/// A place to go: its zone and the standard offset in hours.
const PLACES: &[(&str, i8)] = &[
    ("America/New_York", -5),
    ("America/Los_Angeles", -8),
    ("Europe/Lisbon", 0),
    ("Africa/Johannesburg", 2),
    ("Asia/Kolkata", 5), // and a half; the fallback needs no minutes
    ("Asia/Tokyo", 9),
    ("Australia/Sydney", 10),
];

/// One trip is considered in each block of this many days: about three a year happen.
const BLOCK: i64 = 91;
/// Days until the body has followed the clock.
const LAG: i64 = 5;

struct Trip {
    first: i64,
    days: i64,
    place: (&'static str, i8),
}

impl Person {
    /// The zone of `day`, from the wake-up on it to the wake-up after.
    pub(crate) fn zone(&self, day: Date) -> TimeZone {
        let n = number(day);
        match self.trip(n.div_euclid(BLOCK)).filter(|trip| (trip.first..trip.first + trip.days).contains(&n))
        {
            Some(Trip { place: (name, standard), .. }) => zone(name, standard),
            None => self.life.home.clone(),
        }
    }

    /// How far the body is behind its clock: 1 on the first day after a flight, 0 five days later. The sign is the
    /// direction in which bedtime moves: later after flying east.
    pub(crate) fn jet_lag(&self, day: Date) -> f64 {
        let n = number(day);
        let Some(trip) = self.trip(n.div_euclid(BLOCK)) else { return 0.0 };
        let home = self.life.home.to_offset(at(day_number(trip.first), 0, &self.life.home));
        let hours = (f64::from(trip.place.1) - f64::from(home.seconds()) / 3600.0) / 8.0;
        let fade = |since: i64| if (0..LAG).contains(&since) { 1.0 - real(since) / real(LAG) } else { 0.0 };
        let out = fade(n - trip.first);
        let back = fade(n - trip.first - trip.days);
        if out > 0.0 { hours * out } else { -hours * back }
    }

    /// Whether the person flies in the evening of `day`.
    pub(crate) fn departs(&self, day: Date) -> bool {
        let n = number(day) + 1;
        self.trip(n.div_euclid(BLOCK)).is_some_and(|trip| n == trip.first || n == trip.first + trip.days)
    }

    /// The trip of a block; it ends, jet lag included, inside the block.
    fn trip(&self, block: i64) -> Option<Trip> {
        let mut chance = self.chance_of(block, Channel::Trip);
        let happens = chance.happens(0.7);
        let days = chance.whole(5, 14);
        let first = block * BLOCK + chance.whole(1, BLOCK - days - LAG - 1);
        happens.then(|| Trip { first, days, place: chance.pick(PLACES) })
    }
}
