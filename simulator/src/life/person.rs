//! A life's settings, and the chance that everything in it follows from.

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::calendar::{number, zone};
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
    pub(super) life: Life,
    pub(super) ill: Vec<(i64, i64)>,
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
    pub(super) fn drift(&self, channel: Channel, day: Date, period: i64) -> f64 {
        drift(self.life.seed, channel, number(day), period)
    }
}
