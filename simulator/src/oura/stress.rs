//! `daily_stress` and `daily_resilience`: what the day took, and how well weeks of days were borne.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use super::document::{Document, seconds_between};
use super::sleep::slept;
use super::wire;
use crate::chance::Channel;
use crate::life::{Person, Wear};
use crate::math::{parts, real, whole};

/// Oura reports stress in steps of this many seconds.
const STEP: i64 = 900;

#[derive(Debug, Serialize)]
struct DayWire<'a> {
    id: &'a str,
    day: Date,
    stress_high: Option<i64>,
    recovery_high: Option<i64>,
    day_summary: Option<&'static str>,
}

/// Stress exists for days without a night too; the running day grows with every sync and is summed up at its end.
pub(super) fn stress(person: &Person, day: Date, known: Timestamp) -> Vec<Document> {
    let rise = person.night(day).end;
    if person.wear(day) == Wear::Off || known <= rise {
        return Vec::new();
    }
    let mut chance = person.chance(day, Channel::Stress);
    let body = person.body(day);
    let strain = 0.35 + 0.9 * body.illness + 0.25 * person.exertion(day) + 0.25 * chance.bell();
    let awake = seconds_between(rise, known).min(16 * 3600);
    let over = awake == 16 * 3600;
    let steps = |share: f64| STEP * whole((real(awake) * share.clamp(0.0, 0.6) / real(STEP)).floor());
    let (stress_high, recovery_high) = (steps(0.18 * strain), steps(0.16 * (1.2 - strain)));
    let summary = match recovery_high - stress_high {
        lead if lead > 5400 => "restored",
        lead if lead < -5400 => "stressful",
        _ => "normal",
    };
    let id = wire::id(person, "daily_stress", day, 0);
    let body = DayWire {
        id: &id,
        day,
        stress_high: Some(stress_high),
        recovery_high: Some(recovery_high),
        day_summary: over.then_some(summary),
    };
    vec![Document::new(&id, wire::midnight(day), &body)]
}

#[derive(Debug, Serialize)]
struct WeeksWire<'a> {
    id: &'a str,
    day: Date,
    contributors: Contributors,
    level: &'static str,
}

/// 0 to 100 each, with fractions.
#[derive(Debug, Serialize)]
struct Contributors {
    sleep_recovery: f64,
    daytime_recovery: f64,
    stress: f64,
}

/// Two weeks of data come before the first one.
const FIRST: i64 = 14;

pub(super) fn resilience(person: &Person, day: Date, known: Timestamp) -> Vec<Document> {
    let worn = crate::life::number(day) - crate::life::number(person.life().first_day);
    if worn < FIRST || slept(person, day, known).is_none() {
        return Vec::new();
    }
    let mut chance = person.chance(day, Channel::Resilience);
    let body = person.body(day);
    let balance = 0.5 + 0.25 * person.fitness(day) - 0.5 * body.illness;
    let mut points =
        |lean: f64| parts((100.0 * (balance + lean) + 3.0 * chance.bell()).clamp(0.0, 100.0), 10.0);
    let contributors =
        Contributors { sleep_recovery: points(0.15), daytime_recovery: points(-0.1), stress: points(0.05) };
    let mean = (contributors.sleep_recovery + contributors.daytime_recovery + contributors.stress) / 3.0;
    let level = match mean {
        m if m < 25.0 => "limited",
        m if m < 45.0 => "adequate",
        m if m < 60.0 => "solid",
        m if m < 75.0 => "strong",
        _ => "exceptional",
    };
    let id = wire::id(person, "daily_resilience", day, 0);
    vec![Document::new(&id, wire::midnight(day), &WeeksWire { id: &id, day, contributors, level })]
}
