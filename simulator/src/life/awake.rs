//! What the person does between getting up and lying down: exercise, errands, sitting, charging the ring.
//!
//! What belongs here: how hard each minute is, in tenths of a metabolic equivalent (MET), 1.0 being rest.

use jiff::Timestamp;
use jiff::civil::{Date, Weekday};

use super::body::season;
use super::calendar::shift;
use super::person::Person;
use crate::chance::{Chance, Channel};
use crate::math::{byte, index, real, whole};

/// The MET, in tenths, that Oura writes for a minute without a ring.
pub(crate) const NON_WEAR: u8 = 1;

/// How a minute counts: the digits of `class_5_min`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    NonWear,
    Rest,
    Sedentary,
    Low,
    Medium,
    High,
}

/// The level of a minute of `met` tenths.
pub(crate) fn level(met: u8) -> Level {
    match met {
        0..=NON_WEAR => Level::NonWear,
        2..=10 => Level::Rest,
        11..=15 => Level::Sedentary,
        16..=29 => Level::Low,
        30..=59 => Level::Medium,
        60.. => Level::High,
    }
}

/// The waking hours that begin on a day.
#[derive(Debug)]
pub(crate) struct Waking {
    /// Getting up; minute 0.
    pub(crate) start: Timestamp,
    /// MET of each minute, in tenths, until lying down again.
    pub(crate) met: Vec<u8>,
    /// The workout of the day, if there is one.
    pub(crate) workout: Option<Workout>,
}

/// Exercise. Minutes count from getting up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Workout {
    pub(crate) start: i64,
    pub(crate) minutes: i64,
    /// Mean MET in tenths.
    pub(crate) met: f64,
}

impl Person {
    /// The waking hours of `day`, minute by minute.
    pub(crate) fn waking(&self, day: Date) -> Waking {
        let start = self.night(day).end;
        let minutes = self.waking_minutes(day);
        let wall = self.zone(day).to_datetime(start);
        let rise = i64::from(wall.hour()) * 60 + i64::from(wall.minute());
        let mut chance = self.chance(day, Channel::Minutes);
        let drive = self.drive(day);
        let mut met = Vec::with_capacity(index(minutes));
        let mut level = Level::Sedentary;
        for minute in 0..minutes {
            if minute % 12 == 0 {
                level = mood(&mut chance, drive, (rise + minute) / 60 % 24);
            }
            met.push(effort(&mut chance, level));
        }
        let workout = self.workout(day);
        if let Some(Workout { start, minutes, met: mean }) = workout {
            for minute in &mut met[index(start)..index(start + minutes)] {
                *minute = byte(whole(mean + 6.0 * chance.bell())).max(30);
            }
        }
        if let Some((from, to)) = charging(&mut chance, minutes, workout) {
            met[index(from)..index(to)].fill(NON_WEAR);
        }
        Waking { start, met, workout }
    }

    /// Whole minutes between getting up on `day` and the next bedtime.
    fn waking_minutes(&self, day: Date) -> i64 {
        self.night(shift(day, 1)).start.duration_since(self.night(day).end).as_mins()
    }

    /// How active the person is on `day` apart from exercise; 1 is usual.
    fn drive(&self, day: Date) -> f64 {
        let weekend = if day.weekday() == Weekday::Saturday { 0.2 } else { 0.0 };
        let mut chance = self.chance(day, Channel::Daytime);
        let mood = 0.18 * chance.bell() + 0.2 * self.drift(Channel::DriftDrive, day, 14);
        let wish = 1.0 + weekend + mood + 0.12 * season(day) + 0.1 * self.fitness(day);
        (wish * (1.0 - 0.7 * self.illness(day))).clamp(0.15, 1.8)
    }

    /// The workout of `day`: two or three a week, none when ill or flying.
    pub(crate) fn workout(&self, day: Date) -> Option<Workout> {
        let mut chance = self.chance(day, Channel::Workout);
        let weekday = match day.weekday() {
            Weekday::Tuesday | Weekday::Thursday => 0.5,
            Weekday::Saturday => 0.55,
            Weekday::Sunday => 0.35,
            _ => 0.2,
        };
        let likely = weekday * (1.0 + 0.2 * season(day) + 0.25 * self.fitness(day));
        let happens = chance.happens(likely) && self.illness(day) < 0.1 && !self.departs(day);
        let met = chance.pick(&[88.0, 74.0, 66.0, 42.0, 36.0]) * (1.0 + 0.08 * self.fitness(day));
        let minutes = chance.whole(22, 58);
        let waking = self.waking_minutes(day);
        let latest = waking - minutes - 90;
        let start =
            if weekday > 0.3 && chance.happens(0.4) { chance.whole(90, 240) } else { chance.whole(540, 690) };
        (happens && latest > 60).then_some(Workout { start: start.min(latest), minutes, met })
    }

    /// How much `day` took out of the person, 0 to about 2; 0.7 is usual. Cheap: no minutes are made.
    pub(crate) fn exertion(&self, day: Date) -> f64 {
        let exercise = self.workout(day).map_or(0.0, |w| real(w.minutes) * w.met / 4000.0);
        0.7 * self.drive(day) + exercise
    }
}

/// The kind of the next twelve minutes, by hour of the local day.
fn mood(chance: &mut Chance, drive: f64, hour: i64) -> Level {
    let (low, medium) = match hour {
        0..=5 => (0.05, 0.0),
        6..=8 => (0.32, 0.07),
        12 | 13 => (0.35, 0.08),
        17..=19 => (0.36, 0.10),
        20..=23 => (0.16, 0.01),
        _ => (0.21, 0.04),
    };
    match chance.unit() {
        u if u < medium * drive => Level::Medium,
        u if u < (low + medium) * drive => Level::Low,
        u if u > 0.93 => Level::Rest,
        _ => Level::Sedentary,
    }
}

/// The MET of one minute, in tenths.
fn effort(chance: &mut Chance, level: Level) -> u8 {
    let (low, high) = match level {
        Level::Medium | Level::High => (28.0, 44.0),
        Level::Low => (14.0, 28.0),
        Level::Sedentary => (10.0, 15.4),
        Level::Rest | Level::NonWear => (9.0, 11.0),
    };
    byte(whole(chance.between(low, high)))
}

/// Minutes the ring spends on its charger, on every other day: never in a workout.
fn charging(chance: &mut Chance, minutes: i64, workout: Option<Workout>) -> Option<(i64, i64)> {
    let (happens, from, long) = (chance.happens(0.5), chance.whole(5, 60), chance.whole(15, 70));
    let to = from + long;
    let free = workout.is_none_or(|w| to < w.start || w.start + w.minutes < from);
    (happens && free && to < minutes).then_some((from, to))
}
