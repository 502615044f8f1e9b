//! `heartrate`: irregular rows, as the ring happened to measure.
//!
//! What belongs here: rows of 300 s asleep and at rest, of 5 s in a workout, holes of an hour, the same second from two
//! sources. A day's rows run from lying down before it to lying down on it, so days tile time without overlap.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::document::{Document, seconds_after};
use super::measure::{ITEM, measure};
use super::{Collection, wire};
use crate::chance::{Chance, Channel};
use crate::life::{Kind, Level, NON_WEAR, Person, Waking, Wear, level};
use crate::math::{index, whole};

/// One row. The keys have been in this order since `timestamp_unix` came in 2026.
#[derive(Debug, Serialize)]
struct Wire {
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp_unix: Option<i64>,
    bpm: i64,
    source: Source,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Source {
    Awake,
    Workout,
    Rest,
    Sleep,
}

/// A row before it is written.
#[derive(Clone, Copy, Debug)]
struct Beat {
    at: Timestamp,
    bpm: i64,
    source: Source,
}

pub(super) fn documents(person: &Person, day: Date, known: Timestamp) -> Vec<Document> {
    if person.wear(day) == Wear::Off || person.night(day).start > known {
        return Vec::new();
    }
    let mut beats = asleep(person, day);
    awake(person, day, &mut beats);
    beats.retain(|beat| beat.at <= known);
    beats.sort_by_key(|beat| (beat.at, beat.source));
    beats.dedup_by_key(|beat| (beat.at, beat.source));
    beats.into_iter().map(|beat| row(day, beat)).collect()
}

/// The newest row as of `known`, at most forty days back.
pub(crate) fn latest(collection: &Collection, person: &Person, known: Timestamp) -> Option<Document> {
    let today = TimeZone::UTC.to_datetime(known).date();
    (-40..=2).rev().find_map(|n| collection.of_day(person, crate::life::shift(today, n), known).pop())
}

fn row(day: Date, beat: Beat) -> Document {
    let timestamp_unix = wire::modern(day).then(|| beat.at.as_millisecond());
    let body =
        Wire { timestamp: wire::utc(beat.at, day), timestamp_unix, bpm: beat.bpm, source: beat.source };
    Document::new("", beat.at, &body)
}

/// The same values as in the night's own series, before anyone edited it.
fn asleep(person: &Person, day: Date) -> Vec<Beat> {
    let source = if wire::modern(day) { Source::Sleep } else { Source::Rest };
    let nights = person.periods(day).into_iter().filter(|period| period.kind == Kind::Long);
    nights
        .flat_map(|night| {
            let series = (0..).zip(measure(person, day, &night).pulse);
            series.filter_map(move |(i, bpm)| {
                Some(Beat { at: seconds_after(night.start, i * ITEM), bpm: whole(bpm?), source })
            })
        })
        .collect()
}

/// The waking hours: five-minute rows when still, irregular ones when moving, nothing at all in one hour of four.
fn awake(person: &Person, day: Date, beats: &mut Vec<Beat>) {
    let waking = person.waking(day);
    let resting = person.body(day).pulse;
    let mut chance = person.chance(day, Channel::DayPulse);
    let mut hole = false;
    for (minute, met) in (0..).zip(&waking.met) {
        if minute % 60 == 0 {
            hole = chance.happens(0.27);
        }
        if minute % 5 != 0 || hole || *met == NON_WEAR || exercising(&waking, minute) {
            continue;
        }
        let at = seconds_after(waking.start, minute * 60 + 1);
        let bpm = pulse(&mut chance, resting, *met);
        match level(*met) {
            Level::NonWear => {}
            Level::Rest => beats.push(Beat { at, bpm, source: Source::Rest }),
            Level::Sedentary if chance.happens(0.5) => beats.push(Beat { at, bpm, source: Source::Rest }),
            Level::Sedentary | Level::Low | Level::Medium | Level::High => {
                let mut at = at.saturating_add(jitter(&mut chance)).unwrap_or(Timestamp::MAX);
                for _ in 0..if chance.happens(0.12) { chance.whole(2, 4) } else { 1 } {
                    beats.push(Beat { at, bpm: pulse(&mut chance, resting, *met), source: Source::Awake });
                    at = seconds_after(at, chance.whole(4, 12));
                }
            }
        }
    }
    if let Some(workout) = waking.workout {
        exercise(&mut chance, &waking, resting, workout.start, workout.minutes, beats);
    }
}

/// Every five seconds but for lost contact; the last second is seen by two sources.
fn exercise(
    chance: &mut Chance,
    waking: &Waking,
    resting: f64,
    start: i64,
    minutes: i64,
    beats: &mut Vec<Beat>,
) {
    let from = seconds_after(waking.start, start * 60);
    let mut warm_up = 0.0;
    for step in 0..minutes * 12 {
        let met = waking.met[index(start + step / 12)];
        warm_up += (1.0 - warm_up) * 0.02;
        let bpm = whole(resting + 14.0 + warm_up * (f64::from(met) - 10.0) * 1.08 + 1.5 * chance.bell());
        if !chance.happens(0.12) {
            beats.push(Beat { at: seconds_after(from, step * 5), bpm, source: Source::Workout });
        }
    }
    if let Some(last) = beats.last().copied().filter(|_| minutes % 2 == 0) {
        beats.push(Beat { bpm: last.bpm - 1, source: Source::Awake, ..last });
    }
}

fn exercising(waking: &Waking, minute: i64) -> bool {
    waking.workout.is_some_and(|w| (w.start - 2..w.start + w.minutes).contains(&minute))
}

/// Beats per minute at an effort of `met` tenths.
fn pulse(chance: &mut Chance, resting: f64, met: u8) -> i64 {
    whole(resting + 10.0 + (f64::from(met) - 10.0) * 1.15 + 3.5 * chance.bell()).max(40)
}

/// A few minutes at most, to leave the grid.
fn jitter(chance: &mut Chance) -> SignedDuration {
    SignedDuration::from_secs(chance.whole(0, 140))
}
