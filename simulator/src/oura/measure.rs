//! What the ring measures of one period: stages every 30 seconds, heart rate and its variability every five minutes.
//!
//! What belongs here: sensor values of a night or nap. How they read on the wire is in [`super::sleep`]; how they score,
//! in [`super::daily_sleep`] and [`super::readiness`].

use jiff::Timestamp;
use jiff::civil::Date;

use super::document::{seconds_after, seconds_between};
use crate::chance::{Chance, Channel};
use crate::life::{Kind, Period, Person};
use crate::math::{count, index, length, mean, ramp, real, whole};

/// Seconds of one stage.
pub(super) const EPOCH: i64 = 30;
/// Seconds of one heart-rate item.
pub(super) const ITEM: i64 = 300;

/// A stage of sleep; the digit is Oura's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Deep = 1,
    Light = 2,
    Rem = 3,
    Awake = 4,
}

impl Stage {
    const ALL: [Self; 4] = [Self::Deep, Self::Light, Self::Rem, Self::Awake];

    pub(super) fn digit(self) -> char {
        match self {
            Self::Deep => '1',
            Self::Light => '2',
            Self::Rem => '3',
            Self::Awake => '4',
        }
    }
}

/// A measured period.
#[derive(Clone, Debug)]
pub(super) struct Measured {
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    /// Whole epochs from the start.
    pub(super) stages: Vec<Stage>,
    /// 1 still to 4 active, for each epoch.
    pub(super) movement: Vec<u8>,
    /// Beats per minute, for each item; `None` where the signal was poor.
    pub(super) pulse: Vec<Option<f64>>,
    /// Milliseconds, for each item.
    pub(super) hrv: Vec<Option<f64>>,
    /// Breaths per minute.
    pub(super) breath: f64,
}

impl Measured {
    /// Seconds from start to end.
    pub(super) fn in_bed(&self) -> i64 {
        seconds_between(self.start, self.end)
    }

    /// Seconds in `stage`.
    pub(super) fn seconds(&self, stage: Stage) -> i64 {
        EPOCH * length(self.stages.iter().filter(|s| **s == stage).count())
    }

    /// Seconds asleep.
    pub(super) fn asleep(&self) -> i64 {
        EPOCH * length(self.stages.iter().filter(|s| **s != Stage::Awake).count())
    }

    /// Seconds until sleep.
    pub(super) fn latency(&self) -> i64 {
        EPOCH * length(self.stages.iter().take_while(|s| **s == Stage::Awake).count())
    }

    /// Epochs with more than stillness.
    pub(super) fn restless(&self) -> i64 {
        length(self.movement.iter().filter(|m| **m > 1).count())
    }

    /// Mean heart rate, beats per minute.
    pub(super) fn mean_pulse(&self) -> Option<f64> {
        mean(self.pulse.iter().flatten().copied())
    }

    /// Lowest item, beats per minute.
    pub(super) fn lowest_pulse(&self) -> Option<f64> {
        self.pulse.iter().flatten().copied().reduce(f64::min)
    }

    /// Mean variability, milliseconds, without wrapped items.
    pub(super) fn mean_hrv(&self) -> Option<f64> {
        mean(self.hrv.iter().flatten().copied().filter(|x| *x > 0.0))
    }

    /// Hours between the lowest heart rate and getting up.
    pub(super) fn recovery_hours(&self) -> f64 {
        let lowest = self.lowest_pulse();
        let at = self.pulse.iter().position(|item| item.is_some() && *item == lowest).unwrap_or(0);
        real(ITEM) * (count(self.pulse.len()) - count(at)) / 3600.0
    }

    /// The stage that fills most of each five minutes.
    pub(super) fn five_minute_stages(&self) -> impl Iterator<Item = Stage> {
        self.stages.chunks(index(ITEM / EPOCH)).map(|chunk| {
            let filled = |stage: &Stage| chunk.iter().filter(|s| *s == stage).count();
            Stage::ALL.into_iter().max_by_key(filled).expect("BUG: there are four stages")
        })
    }

    /// The same period as if it had begun `samples` items later (earlier, when negative): what a bedtime edit does. The
    /// time added is awake and was not measured.
    pub(super) fn edited(mut self, samples: i64) -> Self {
        let (items, epochs) = (index(samples.abs()), index(samples.abs() * ITEM / EPOCH));
        self.start = seconds_after(self.start, samples * ITEM);
        if samples < 0 {
            self.stages.splice(..0, std::iter::repeat_n(Stage::Awake, epochs));
            self.movement.splice(..0, std::iter::repeat_n(2, epochs));
            self.pulse.splice(..0, std::iter::repeat_n(None, items));
            self.hrv.splice(..0, std::iter::repeat_n(None, items));
        } else {
            self.stages.drain(..epochs.min(self.stages.len()));
            self.movement.drain(..epochs.min(self.movement.len()));
            self.pulse.drain(..items.min(self.pulse.len()));
            self.hrv.drain(..items.min(self.hrv.len()));
        }
        self
    }

    /// The part known at `until`, while the period still runs.
    pub(super) fn until(mut self, until: Timestamp) -> Self {
        self.end = until;
        let seconds = self.in_bed();
        self.stages.truncate(index(seconds / EPOCH));
        self.movement.truncate(index(seconds / EPOCH));
        self.pulse.truncate(index(seconds / ITEM));
        self.hrv.truncate(index(seconds / ITEM));
        self
    }
}

/// Measures one period of `day` as the ring did, before anyone edited it.
pub(super) fn measure(person: &Person, day: Date, period: &Period) -> Measured {
    let epochs = seconds_between(period.start, period.end) / EPOCH;
    let mut chance = person.chance_of(stream(day, period.index), Channel::Hypnogram);
    let stages = match period.kind {
        Kind::Long => night_stages(&mut chance, epochs, person.body(day).illness),
        Kind::Nap(_) => nap_stages(&mut chance, epochs),
        Kind::Doze(_) => doze_stages(&mut chance, epochs),
    };
    let movement = stages.iter().map(|stage| fidget(&mut chance, *stage)).collect();
    let (pulse, hrv) = match period.kind {
        Kind::Doze(_) => (Vec::new(), Vec::new()),
        Kind::Long | Kind::Nap(_) => signals(person, day, period, &stages),
    };
    let breath = person.body(day).breath + 0.3 * chance.bell();
    Measured { start: period.start, end: period.end, stages, movement, pulse, hrv, breath }
}

/// The stream of the `n`-th period of a day.
fn stream(day: Date, n: i64) -> i64 {
    crate::life::number(day) * 16 + n
}

/// Cycles of about 90 minutes: light, deep, light, REM. Deep sleep fades from cycle to cycle, REM grows, and between
/// them one wakes for a moment.
fn night_stages(chance: &mut Chance, epochs: i64, illness: f64) -> Vec<Stage> {
    let mut stages = Vec::with_capacity(index(epochs));
    let mut fill = |stage, n: i64| stages.extend(std::iter::repeat_n(stage, index(n)));
    let restless = chance.between(0.6, 1.6) + illness;
    fill(Stage::Awake, chance.whole(4, 44));
    let mut total = 0;
    for cycle in 0.. {
        let long = chance.between(160.0, 215.0);
        let deep = (0.40 - 0.11 * real(cycle)).max(0.03) * (1.0 - 0.3 * illness) * chance.between(0.7, 1.25);
        let rem = (0.10 + 0.07 * real(cycle)).min(0.36) * (1.0 - 0.25 * illness) * chance.between(0.6, 1.3);
        let light = (1.0 - deep - rem).max(0.2);
        fill(Stage::Light, whole(long * light * 0.35));
        fill(Stage::Deep, whole(long * deep));
        fill(Stage::Awake, whole(restless * chance.between(0.0, 7.0)));
        fill(Stage::Light, whole(long * light * 0.65));
        fill(Stage::Rem, whole(long * rem));
        fill(Stage::Awake, whole(restless * chance.between(0.0, 13.0)));
        total += whole(long);
        if total > epochs {
            break;
        }
    }
    stages.truncate(index(epochs));
    // One lies awake a little before getting up.
    let lie_in = index(chance.whole(2, 16)).min(stages.len());
    let at = stages.len() - lie_in;
    stages[at..].fill(Stage::Awake);
    stages
}

/// Mostly light, some deep in the middle.
fn nap_stages(chance: &mut Chance, epochs: i64) -> Vec<Stage> {
    let (latency, deep, wake) = (chance.whole(4, 14), chance.between(0.45, 0.7), chance.whole(2, 12));
    (0..epochs)
        .map(|epoch| match epoch {
            e if e < latency || e >= epochs - wake => Stage::Awake,
            e if e > 50 && real(e) > deep * real(epochs) && e < epochs - wake - 12 => Stage::Deep,
            _ => Stage::Light,
        })
        .collect()
}

/// Awake but for one to sixteen epochs.
fn doze_stages(chance: &mut Chance, epochs: i64) -> Vec<Stage> {
    let asleep = chance.pick(&[1, 1, 1, 3, 7, 16]).min(epochs);
    let from = chance.whole(0, epochs - asleep);
    (0..epochs)
        .map(|e| if (from..from + asleep).contains(&e) { Stage::Light } else { Stage::Awake })
        .collect()
}

/// Movement in one epoch.
fn fidget(chance: &mut Chance, stage: Stage) -> u8 {
    let u = chance.unit();
    let (still, restless, tossing) = match stage {
        Stage::Awake => (0.45, 0.80, 0.93),
        Stage::Light => (0.84, 0.97, 0.995),
        Stage::Rem => (0.88, 0.98, 0.997),
        Stage::Deep => (0.95, 0.995, 1.0),
    };
    1 + u8::from(u > still) + u8::from(u > restless) + u8::from(u > tossing)
}

/// Heart rate and variability of each five minutes. The pulse falls to its lowest at about two thirds of the night
/// and the variability mirrors it; some items are missing, the first one or two mostly.
fn signals(
    person: &Person,
    day: Date,
    period: &Period,
    stages: &[Stage],
) -> (Vec<Option<f64>>, Vec<Option<f64>>) {
    let body = person.body(day);
    let mut chance = person.chance_of(stream(day, period.index), Channel::Pulse);
    let nap = if period.kind == Kind::Long { 0.0 } else { 6.0 };
    // Array lengths are not exact: one item more, now and then.
    let items = seconds_between(period.start, period.end) / ITEM + i64::from(chance.happens(0.3));
    let turn = chance.between(0.45, 0.85);
    let blank = chance.whole(0, 2);
    let wrapped = chance.happens(0.003).then(|| chance.whole(3, items));
    let night_item = |i: i64| {
        let x = real(i) / real(items);
        let height = if x < turn { ramp(x, turn, 0.0) } else { 0.5 * ramp(x, turn, 1.0) };
        let stage = stages.get(index(i * ITEM / EPOCH)).copied().unwrap_or(Stage::Awake);
        let lift = match stage {
            Stage::Deep => -0.5,
            Stage::Light => 0.0,
            Stage::Rem => 2.0,
            Stage::Awake => 4.0,
        };
        (height, lift)
    };
    (0..items)
        .map(|i| {
            let (height, lift) = night_item(i);
            let noise = chance.bell();
            let pulse = whole(body.pulse + nap + 9.0 * height * height + lift + 1.1 * noise.abs()).max(36);
            let calm = 1.05 - 0.35 * height - 0.03 * lift + 0.14 * chance.bell();
            let hrv = whole(body.hrv * calm - nap).clamp(6, 190);
            let missing = i < blank || chance.happens(0.025);
            let hrv = if wrapped == Some(i) { hrv - 180 } else { hrv };
            ((!missing).then_some(real(pulse)), (!missing).then_some(real(hrv)))
        })
        .unzip()
}
