//! `daily_activity`: 24 hours from 04:00 local, minute by minute.
//!
//! What belongs here: levels, energy, distance and the score. Times by level add up to the seconds the ring has
//! reported: the whole day once it is over, less on the day that still runs.
//!
//! A day with a DST change: Oura's behaviour is unknown. Here the document covers real time from 04:00 to the next
//! 04:00 on the wall, so `met` has 1,380 or 1,500 items and `class_5_min` 276 or 300 characters. No minute is lost or told
//! twice, and a client that assumes 1,440 finds out.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use super::document::{Document, seconds_after, seconds_between};
use super::wire::{self, Sample};
use crate::chance::Channel;
use crate::life::{Level, Person, Wear, at, level, shift};
use crate::math::{contributor, count, index, length, mean, parts, real, weighted, whole};

#[derive(Debug, Serialize)]
struct Wire<'a> {
    id: &'a str,
    class_5_min: Option<String>,
    score: Option<i64>,
    active_calories: i64,
    average_met_minutes: f64,
    contributors: Contributors,
    equivalent_walking_distance: i64,
    high_activity_met_minutes: i64,
    high_activity_time: i64,
    inactivity_alerts: i64,
    low_activity_met_minutes: i64,
    low_activity_time: i64,
    medium_activity_met_minutes: i64,
    medium_activity_time: i64,
    met: Sample,
    meters_to_target: i64,
    non_wear_time: i64,
    resting_time: i64,
    sedentary_met_minutes: i64,
    sedentary_time: i64,
    steps: i64,
    target_calories: i64,
    target_meters: i64,
    total_calories: i64,
    day: Date,
    timestamp: String,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Contributors {
    meet_daily_targets: Option<i64>,
    move_every_hour: Option<i64>,
    recovery_time: Option<i64>,
    stay_active: Option<i64>,
    training_frequency: Option<i64>,
    training_volume: Option<i64>,
}

/// MET of sleep, and of every minute Oura has not heard of yet, in tenths.
const ASLEEP: u8 = 9;

pub(super) fn documents(person: &Person, day: Date, known: Timestamp) -> Vec<Document> {
    let zone = &person.zone(day);
    let start = at(day, 4 * 60, zone);
    if known <= seconds_after(start, 300) || person.wear(day) == Wear::Off {
        return Vec::new();
    }
    let minutes = minutes(person, day, start);
    let seen = index(seconds_between(start, known) / 60).min(minutes.len());
    let reported = &minutes[..seen];
    let tally = Tally::of(reported, person.constitution().weight);
    let target = Target::of(person, day);
    let contributors = contributors(person, day, &tally, &target);
    let padded = minutes.iter().enumerate().map(|(i, met)| if i < seen { *met } else { ASLEEP });
    let items: Vec<_> = padded.map(|met| Some(f64::from(met) / 10.0)).collect();
    let average = mean(items.iter().flatten().copied()).unwrap_or(0.9);
    let id = wire::id(person, "daily_activity", day, 0);
    let body = Wire {
        id: &id,
        class_5_min: Some(classes(reported, seen == minutes.len())),
        score: Some(score(contributors)),
        active_calories: whole(tally.active),
        average_met_minutes: parts(average, 32.0),
        contributors,
        equivalent_walking_distance: whole(tally.meters),
        high_activity_met_minutes: whole(tally.met_minutes(Level::High)),
        high_activity_time: tally.seconds(Level::High),
        inactivity_alerts: tally.alerts,
        low_activity_met_minutes: whole(tally.met_minutes(Level::Low)),
        low_activity_time: tally.seconds(Level::Low),
        medium_activity_met_minutes: whole(tally.met_minutes(Level::Medium)),
        medium_activity_time: tally.seconds(Level::Medium),
        met: Sample { interval: 60.0, items, timestamp: wire::sample_start(start, zone) },
        meters_to_target: target.meters - whole(tally.meters),
        non_wear_time: tally.seconds(Level::NonWear),
        resting_time: tally.seconds(Level::Rest),
        sedentary_met_minutes: whole(tally.met_minutes(Level::Sedentary)),
        sedentary_time: tally.seconds(Level::Sedentary),
        steps: whole(tally.steps),
        target_calories: target.calories,
        target_meters: target.meters,
        total_calories: whole(tally.total),
        day,
        timestamp: wire::local(start, zone, day),
    };
    vec![Document::new(&id, start, &body)]
}

/// MET of each minute of the document, in tenths: the waking hours painted over sleep.
fn minutes(person: &Person, day: Date, start: Timestamp) -> Vec<u8> {
    let end = at(shift(day, 1), 4 * 60, &person.zone(day));
    let mut minutes = vec![ASLEEP; index(seconds_between(start, end) / 60)];
    let mut chance = person.chance(day, Channel::TurnOver);
    for minute in minutes.iter_mut().step_by(7) {
        *minute += u8::from(chance.happens(0.3)); // one turns over
    }
    for awake in [day, shift(day, 1)] {
        // The second begins inside the document only after a flight east.
        if person.night(awake).end < end && person.wear(awake) != Wear::Off {
            let waking = person.waking(awake);
            let offset = seconds_between(start, waking.start) / 60;
            for (minute, met) in (offset..).zip(waking.met).filter(|(minute, _)| *minute >= 0) {
                let Some(slot) = minutes.get_mut(index(minute)) else { break };
                *slot = met;
            }
        }
    }
    minutes
}

/// The prevailing level of each five minutes. On the day that still runs the last two are provisional.
fn classes(reported: &[u8], complete: bool) -> String {
    let slots = reported.len() / 5;
    let provisional = if complete { slots } else { slots.saturating_sub(2) };
    let digits = reported.chunks_exact(5).enumerate().map(|(slot, five)| {
        let prevailing = || {
            let filled = |l: &Level| five.iter().filter(|met| level(**met) == *l).count();
            five.iter().map(|met| level(*met)).max_by_key(filled).unwrap_or(Level::Rest)
        };
        if slot < provisional { digit(prevailing()) } else { '1' }
    });
    digits.collect()
}

fn digit(level: Level) -> char {
    char::from(b'0' + level as u8)
}

/// Sums over the minutes reported.
struct Tally {
    minutes: [i64; 6],
    /// MET-minutes above 1 for low and sedentary, in full for medium and high.
    effort: [f64; 6],
    /// Kilocalories.
    active: f64,
    /// Kilocalories, rest included.
    total: f64,
    /// Metres of walking that would take as much.
    meters: f64,
    steps: f64,
    /// Times the person sat still for 50 minutes.
    alerts: i64,
}

impl Tally {
    /// `weight` in kilograms.
    fn of(reported: &[u8], weight: f64) -> Self {
        let mut it = Self {
            minutes: [0; 6],
            effort: [0.0; 6],
            active: 0.0,
            total: 0.0,
            meters: 0.0,
            steps: 0.0,
            alerts: 0,
        };
        let mut still = 0;
        for tenths in reported {
            let (level, met) = (level(*tenths), f64::from(*tenths) / 10.0);
            let slot = level as usize;
            it.minutes[slot] += 1;
            it.effort[slot] += if level >= Level::Medium { met } else { (met - 1.0).max(0.0) };
            it.total += met.max(0.9) * weight / 60.0;
            if level >= Level::Low {
                it.active += (met - 1.0) * weight / 60.0;
                it.meters += (met - 1.0) * 20.0;
                it.steps += 20.0 * (met - 1.0);
            }
            match *tenths {
                ASLEEP => {}
                10..=15 => {
                    still += 1;
                    it.alerts += i64::from(still == 50);
                }
                _ => still = 0,
            }
        }
        it
    }

    fn seconds(&self, level: Level) -> i64 {
        60 * self.minutes[level as usize]
    }

    fn met_minutes(&self, level: Level) -> f64 {
        self.effort[level as usize]
    }
}

/// What Oura asks for: less of a tired person.
struct Target {
    /// Kilocalories.
    calories: i64,
    meters: i64,
}

impl Target {
    fn of(person: &Person, day: Date) -> Self {
        let asked = 450.0 + 80.0 * person.fitness(day) - 200.0 * person.illness(day);
        let calories = 50 * whole(asked / 50.0);
        Self { calories, meters: 100 * whole(real(calories) * 20.0 / 100.0) }
    }
}

fn contributors(person: &Person, day: Date, tally: &Tally, target: &Target) -> Contributors {
    let week: Vec<_> = (0..7).map(|n| shift(day, -n)).collect();
    let workouts = week.iter().filter_map(|day| person.workout(*day));
    let effort: f64 = workouts.clone().map(|w| real(w.minutes) * w.met / 10.0).sum();
    let met_target = week.iter().skip(1).filter(|day| person.exertion(**day) > 0.62).count();
    let reached = count(met_target) + (tally.active / real(target.calories)).min(1.0);
    let sitting = real(tally.seconds(Level::Sedentary)) / 3600.0;
    let rested = week.iter().filter(|day| person.workout(**day).is_none_or(|w| w.met < 60.0)).count();
    Contributors {
        meet_daily_targets: Some(contributor(reached, 0.0, 6.0)),
        move_every_hour: Some(contributor(real(tally.alerts), 7.0, 0.0)),
        recovery_time: Some(contributor(count(rested), 0.0, 3.0)),
        stay_active: Some(contributor(sitting, 13.5, 6.0)),
        training_frequency: Some(contributor(real(length(workouts.count())), 0.0, 3.0)),
        training_volume: Some(contributor(effort, 0.0, 750.0)),
    }
}

fn score(c: Contributors) -> i64 {
    let terms = [
        (c.meet_daily_targets, 0.30),
        (c.move_every_hour, 0.12),
        (c.recovery_time, 0.12),
        (c.stay_active, 0.18),
        (c.training_frequency, 0.13),
        (c.training_volume, 0.15),
    ];
    weighted(&terms.map(|(c, weight)| (c.unwrap_or(0), weight)))
}
