//! When the person lies down and gets up: the night, naps, and moments of rest that look like sleep.
//!
//! What belongs here: instants and what the person later says about them. Stages and heart rates are measured in
//! [`crate::oura`]. Nothing overlaps: a day's periods are in order, and its last ends before the next night begins.

use jiff::civil::{Date, Weekday};
use jiff::{SignedDuration, Timestamp};

use super::body::season;
use super::calendar::{at, shift};
use super::person::Person;
use super::wear::Wear;
use crate::chance::{Chance, Channel};
use crate::math::whole;

/// From lying down to getting up, by the person's own truth.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Night {
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
}

/// One stretch the ring takes for sleep.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Period {
    /// Position in its day, oldest first.
    pub(crate) index: i64,
    pub(crate) kind: Kind,
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
}

/// What a period is, and what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The night, or one of the halves of a broken one.
    Long,
    /// Real sleep by day.
    Nap(Fate),
    /// A quiet quarter of an hour on the sofa, half a minute of it "sleep".
    Doze(Fate),
}

/// What the person answers when the app asks about a short period, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Never answered.
    Unanswered,
    /// "Yes, I slept."
    Confirmed(Timestamp),
    /// "No."
    Rejected(Timestamp),
    /// Removed.
    Deleted(Timestamp),
}

/// A correction of the night's start made in the app.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edit {
    /// When it was made.
    pub(crate) at: Timestamp,
    /// How far the start moves, in whole five-minute samples; negative is earlier.
    pub(crate) samples: i64,
}

impl Person {
    /// The night that ends on the morning of `day`.
    pub(crate) fn night(&self, day: Date) -> Night {
        let mut chance = self.chance(day, Channel::Bedtime);
        let free = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
        let weekend = if free { 1.0 } else { 0.0 };
        let body = self.body_clock(day);
        let short = if chance.happens(0.04) { -chance.between(90.0, 170.0) } else { 0.0 };
        let bed = -48.0 + self.constitution().owl + 55.0 * weekend + 26.0 * chance.bell() + body.0;
        let bed = bed.clamp(-205.0, 195.0);
        let length = 478.0 + 38.0 * weekend - 10.0 * season(day) + 36.0 * chance.bell() + short + body.1;
        let rise = (bed + length.clamp(240.0, 640.0)).clamp(295.0, 690.0);
        let zone = self.zone(day);
        let start = seconds_after(at(day, whole(bed), &zone), chance.whole(0, 59));
        // Sleep is counted in real hours: on a DST night the clock at the end differs, not the length.
        let end = seconds_after(start, whole((rise - bed) * 60.0));
        Night { start, end }
    }

    /// Minutes by which (bedtime, length) differ for reasons that last days.
    fn body_clock(&self, day: Date) -> (f64, f64) {
        let ill = self.illness(day);
        let lag = self.jet_lag(day);
        (
            28.0 * self.drift(Channel::DriftBedtime, day, 25) - 50.0 * ill + 70.0 * lag,
            65.0 * ill - 45.0 * lag.abs(),
        )
    }

    /// Every period whose `day` is `day` and that the ring saw, oldest first.
    pub(crate) fn periods(&self, day: Date) -> Vec<Period> {
        let night = self.night(day);
        let (before, wear) = (shift(day, -1), self.wear(day));
        let mut periods = Vec::new();
        if self.wear(before) != Wear::Off {
            // A bedtime edit moves the night by half an hour at most.
            periods.extend(self.evening(before).filter(|it| seconds_after(it.2, 2400) < night.start));
        }
        if wear == Wear::Whole {
            periods.extend(self.halves(day, night));
        }
        if wear != Wear::Off {
            periods.extend(self.nap(day));
        }
        let numbered = (0..).zip(periods);
        numbered.map(|(index, (kind, start, end))| Period { index, kind, start, end }).collect()
    }

    /// The night in one piece, or rarely in two with an hour awake between.
    fn halves(&self, day: Date, night: Night) -> impl Iterator<Item = (Kind, Timestamp, Timestamp)> + use<> {
        let mut chance = self.chance(day, Channel::Broken);
        let length = night.end.duration_since(night.start).as_secs();
        let pause = chance.whole(40, 65) * 60;
        let broken = chance.happens(0.02) && length - pause > 7 * 3600;
        let first = (length - pause) * chance.whole(47, 53) / 100;
        let split = seconds_after(night.start, first);
        let whole = (!broken).then_some((Kind::Long, night.start, night.end));
        let parts = broken.then_some([
            (Kind::Long, night.start, split),
            (Kind::Long, seconds_after(split, pause), night.end),
        ]);
        whole.into_iter().chain(parts.into_iter().flatten())
    }

    /// A nap after lunch, more often on free or sick days. Ends before 18:00, so it belongs to its own day.
    fn nap(&self, day: Date) -> Option<(Kind, Timestamp, Timestamp)> {
        let mut chance = self.chance(day, Channel::Nap);
        let free = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
        let likely = 0.07 + if free { 0.07 } else { 0.0 } + 0.3 * self.illness(day);
        let happens = chance.happens(likely) && !self.departs(day);
        let start = at(day, chance.whole(13 * 60, 15 * 60 + 30), &self.zone(day));
        let end = seconds_after(start, chance.whole(20 * 60, 85 * 60));
        happens.then(|| (Kind::Nap(fate(&mut chance, end)), start, end))
    }

    /// Something sleep-like between 18:00 and 23:00 of `day`, which Oura counts to the next day.
    fn evening(&self, day: Date) -> impl Iterator<Item = (Kind, Timestamp, Timestamp)> + use<> {
        let mut chance = self.chance(day, Channel::Evening);
        let (nap, doze) = (chance.happens(0.02), chance.happens(0.16));
        let (kind, from, minutes) = match (nap, doze) {
            (true, _) => (true, chance.whole(17 * 60 + 40, 18 * 60 + 20), chance.whole(25, 60)),
            _ => (false, chance.whole(18 * 60 + 30, 20 * 60 + 30), chance.whole(12, 40)),
        };
        let start = at(day, from, &self.zone(day));
        let end = seconds_after(start, minutes * 60 + chance.whole(0, 59));
        let fate = fate(&mut chance, end);
        let kind = match (kind, fate) {
            (true, fate) => Kind::Nap(fate),
            // A person does not confirm half a minute.
            (false, Fate::Confirmed(_)) => Kind::Doze(Fate::Unanswered),
            (false, fate) => Kind::Doze(fate),
        };
        ((nap || doze) && !self.departs(day)).then_some((kind, start, end)).into_iter()
    }

    /// The correction of the night of `day`, if the person ever makes one: of 4 % of nights, one to three days later.
    pub(crate) fn edit(&self, day: Date) -> Option<Edit> {
        let mut chance = self.chance(day, Channel::Revision);
        let happens = chance.happens(0.04);
        let later = SignedDuration::from_mins(chance.whole(24 * 60, 72 * 60));
        let samples = chance.pick(&[-6, -4, -3, -2, 2, 3, 4]);
        happens
            .then(|| Edit { at: self.morning(day).saturating_add(later).unwrap_or(Timestamp::MAX), samples })
    }
}

/// What becomes of a short period that ended at `end`.
fn fate(chance: &mut Chance, end: Timestamp) -> Fate {
    let soon = seconds_after(end, chance.whole(10, 240) * 60);
    let days_later = seconds_after(end, 48 * 3600 + chance.whole(0, 120) * 60);
    match chance.unit() {
        u if u < 0.35 => Fate::Confirmed(soon),
        u if u < 0.62 => Fate::Confirmed(days_later),
        u if u < 0.85 => Fate::Unanswered,
        u if u < 0.95 => Fate::Rejected(soon),
        _ => Fate::Deleted(days_later),
    }
}

/// `seconds` after an instant.
fn seconds_after(instant: Timestamp, seconds: i64) -> Timestamp {
    instant.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}
