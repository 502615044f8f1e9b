//! The state of the body on a day: the slow processes every measurement is made from.
//!
//! What belongs here: season, fitness, age, illness and what they do to heart, warmth and breath.

use jiff::civil::Date;

use super::calendar::number;
use super::person::Person;
use crate::chance::{Chance, Channel};
use crate::math::{real, whole};

/// The body in the night that ends on a day.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Body {
    /// Lowest heart rate of the night, beats per minute.
    pub(crate) pulse: f64,
    /// What that would be without a bad night, illness or jet lag: the long-term balance.
    pub(crate) usual_pulse: f64,
    /// Heart-rate variability, milliseconds.
    pub(crate) hrv: f64,
    /// Its long-term balance.
    pub(crate) usual_hrv: f64,
    /// Skin temperature against the usual, °C.
    pub(crate) warmth: f64,
    /// Breaths per minute.
    pub(crate) breath: f64,
    /// 0 healthy to 1 as ill as it gets.
    pub(crate) illness: f64,
}

/// The traits a person is born with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Constitution {
    /// Minutes by which bedtime is later than average.
    pub(crate) owl: f64,
    /// Years of age on the first day with data.
    pub(crate) age: f64,
    /// Kilograms.
    pub(crate) weight: f64,
    /// Metres.
    pub(crate) height: f64,
    /// Whether the person is female.
    pub(crate) female: bool,
    pulse: f64,
    hrv: f64,
}

/// Days in a block of illness: one episode each, so two to four in any year.
const BLOCK: i64 = 122;

impl Person {
    /// The traits, equal on every day.
    pub(crate) fn constitution(&self) -> Constitution {
        let mut chance = self.chance_of(1, Channel::Constitution);
        Constitution {
            owl: chance.between(-35.0, 35.0),
            age: chance.between(26.0, 52.0),
            weight: chance.between(58.0, 88.0),
            height: chance.between(1.60, 1.90),
            female: chance.happens(0.5),
            pulse: chance.between(47.0, 58.0),
            hrv: chance.between(38.0, 70.0),
        }
    }

    /// The body in the night that ends on `day`.
    pub(crate) fn body(&self, day: Date) -> Body {
        let constitution = self.constitution();
        let (fitness, years) = (self.fitness(day), self.years(day));
        let (illness, lag) = (self.illness(day), self.jet_lag(day).abs());
        let tired = self.exertion(day.yesterday().unwrap_or(day));
        let mut chance = self.chance(day, Channel::Body);
        let usual_pulse = constitution.pulse - 4.0 * fitness + 0.15 * years;
        let usual_hrv = constitution.hrv * (1.0 + 0.18 * fitness - 0.009 * years);
        let pulse = usual_pulse
            + 9.0 * illness
            + 2.5 * lag
            + 1.5 * tired
            + 1.6 * self.drift(Channel::DriftFatigue, day, 6)
            + 1.2 * chance.bell();
        let steadiness = 1.0 - 0.45 * illness - 0.15 * lag - 0.08 * tired
            + 0.12 * self.drift(Channel::DriftHrv, day, 9)
            + 0.08 * chance.bell();
        let warmth = 1.15 * illness
            + 0.12 * self.drift(Channel::DriftTemperature, day, 12)
            + 0.05 * season(day)
            + 0.11 * chance.bell();
        let breath = 14.2 + 1.8 * illness - 0.4 * fitness + 0.25 * chance.bell();
        Body { pulse, usual_pulse, hrv: usual_hrv * steadiness, usual_hrv, warmth, breath, illness }
    }

    /// How ill the person is on `day`, 0 to 1: half on the first day, worst on the second, then fading to the end.
    pub(crate) fn illness(&self, day: Date) -> f64 {
        let n = number(day);
        let block = n.div_euclid(BLOCK);
        let mut chance = Chance::new(self.life.seed, block, Channel::Illness);
        let days = chance.whole(3, 7);
        let seasonal = (block * BLOCK + chance.whole(0, BLOCK - days - 1), days);
        let strength = chance.between(0.55, 1.0);
        let forced = self.ill.iter().map(|episode| course(n, *episode));
        forced.fold(strength * course(n, seasonal), f64::max)
    }

    /// Fitness, -1 to 1, changing over months.
    pub(crate) fn fitness(&self, day: Date) -> f64 {
        (0.8 * self.drift(Channel::DriftFitness, day, 160) + 0.2 * season(day)).clamp(-1.0, 1.0)
    }

    /// Years since the first day with data.
    pub(crate) fn years(&self, day: Date) -> f64 {
        real(number(day) - number(self.life.first_day)) / 365.25
    }

    /// Completed years of age on `day`.
    pub(crate) fn age(&self, day: Date) -> i64 {
        whole((self.constitution().age + self.years(day)).floor())
    }
}

/// The strength on day `n` of an episode (first day, days).
fn course(n: i64, (first, days): (i64, i64)) -> f64 {
    match n - first {
        0 if days > 0 => 0.5,
        since if (1..days).contains(&since) => 1.0 - 0.6 * real(since - 1) / real(days),
        _ => 0.0,
    }
}

/// Midsummer 1, midwinter -1, a smooth wave between (northern hemisphere).
pub(crate) fn season(day: Date) -> f64 {
    let x = real(i64::from((day.day_of_year() + 365 - 172) % 365)) / 365.0; // 0 at midsummer
    let triangle = (1.0 - 2.0 * x).abs(); // 1 at midsummer, 0 at midwinter
    2.0 * triangle * triangle * (3.0 - 2.0 * triangle) - 1.0
}
