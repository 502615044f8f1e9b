//! When the ring is on the finger, and which ring it is.
//!
//! What belongs here: absence. An unworn day has no document at all, which is how Oura shows it.

use jiff::civil::Date;

use super::calendar::number;
use super::person::Person;
use crate::chance::Channel;

/// What the ring saw of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wear {
    /// The night before it and the day itself.
    Whole,
    /// The day only: the ring charged overnight.
    DayOnly,
    /// Neither. The ring was off from the bedtime before `day` to the bedtime on it.
    Off,
}

/// Days between one considered gap and the next: one longer absence a year.
const YEAR: i64 = 365;

impl Person {
    /// What the ring saw of `day`.
    pub(crate) fn wear(&self, day: Date) -> Wear {
        let n = number(day);
        let change = self.ring_change();
        if day < self.life.first_day || (change - 4..change).contains(&n) || self.gap(n) {
            return Wear::Off;
        }
        match self.chance(day, Channel::Wear).unit() {
            u if u < 0.012 => Wear::Off,
            u if u < 0.022 => Wear::DayOnly,
            _ => Wear::Whole,
        }
    }

    /// Which ring: an opaque id, as `ring_id` shows it.
    pub(crate) fn ring(&self, day: Date) -> String {
        let generation = i64::from(number(day) >= self.ring_change());
        let bits = self.chance_of(generation, Channel::Identity).bits();
        format!("ring-{bits:016x}")
    }

    /// The day number on which the second and last ring is put on, two to four years in; the four days before
    /// have none.
    fn ring_change(&self) -> i64 {
        number(self.life.first_day) + self.chance_of(0, Channel::Constitution).whole(2 * YEAR, 4 * YEAR)
    }

    /// Whether day number `n` lies in the year's gap of three to six days.
    fn gap(&self, n: i64) -> bool {
        let year = n.div_euclid(YEAR);
        let mut chance = self.chance_of(year, Channel::Gap);
        let days = chance.whole(3, 6);
        let first = year * YEAR + chance.whole(0, YEAR - 7);
        (first..first + days).contains(&n)
    }
}
