//! `daily_readiness`, and the readiness inside each [`super::sleep`] document: one rule, two shapes.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use super::document::{Document, seconds_between};
use super::measure::Measured;
use super::sleep::{confirmed, slept};
use super::{daily_sleep, wire};
use crate::chance::Channel;
use crate::life::{Body, Person, shift};
use crate::math::{contributor, mean, parts, real, weighted};

#[derive(Debug, Serialize)]
struct Wire<'a> {
    id: &'a str,
    contributors: Contributors,
    day: Date,
    score: Option<i64>,
    temperature_deviation: Option<f64>,
    temperature_trend_deviation: Option<f64>,
    timestamp: String,
}

/// The `readiness` object of a sleep document.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Readiness {
    contributors: Contributors,
    score: Option<i64>,
    temperature_deviation: Option<f64>,
    temperature_trend_deviation: Option<f64>,
}

/// What the score is made of: 1 to 100, or 0 where nothing was measured.
#[derive(Clone, Copy, Debug, Serialize)]
struct Contributors {
    activity_balance: Option<i64>,
    body_temperature: Option<i64>,
    hrv_balance: Option<i64>,
    previous_day_activity: Option<i64>,
    previous_night: Option<i64>,
    recovery_index: Option<i64>,
    resting_heart_rate: Option<i64>,
    sleep_balance: Option<i64>,
    /// The key is absent in documents of before 2025.
    #[serde(skip_serializing_if = "Option::is_none")]
    sleep_regularity: Option<i64>,
}

pub(super) fn documents(person: &Person, day: Date, known: Timestamp) -> Vec<Document> {
    let Some(slept) = slept(person, day, known) else { return Vec::new() };
    let sleep_score = daily_sleep::score(person, day, &slept, known);
    let readiness = of_night(person, day, &slept.main, sleep_score);
    let naps: i64 = confirmed(person, day, known).map(|nap| nap.readiness_score_delta).sum();
    let id = wire::id(person, "daily_readiness", day, 0);
    let body = Wire {
        id: &id,
        contributors: readiness.contributors,
        day,
        score: readiness.score.map(|score| (score + naps).clamp(1, 100)),
        temperature_deviation: readiness.temperature_deviation,
        temperature_trend_deviation: readiness.temperature_trend_deviation,
        timestamp: wire::local(wire::midnight(day), &person.zone(day), day),
    };
    vec![Document::new(&id, wire::midnight(day), &body)]
}

/// Readiness after a night with this sleep score.
pub(super) fn of_night(person: &Person, day: Date, night: &Measured, sleep_score: i64) -> Readiness {
    let body = person.body(day);
    let deviation = (!cold_sensor(person, day)).then(|| parts(body.warmth, 100.0));
    let contributors = contributors(person, day, &body, night, sleep_score);
    let part = |c: Option<i64>, weight| c.map(|c| (c, weight));
    let c = contributors;
    let terms: Vec<_> = [
        part(c.resting_heart_rate, 0.16),
        part(c.hrv_balance, 0.14),
        part(c.body_temperature, 0.18),
        part(c.previous_night, 0.16),
        part(c.sleep_balance, 0.10),
        part(c.recovery_index, 0.08),
        part(c.previous_day_activity, 0.08),
        part(c.activity_balance, 0.06),
        part(c.sleep_regularity, 0.04),
    ]
    .into_iter()
    .flatten()
    .collect();
    Readiness {
        contributors,
        score: Some(weighted(&terms)),
        temperature_deviation: deviation,
        temperature_trend_deviation: trend(person, day),
    }
}

/// Readiness of a period in which nothing was measured: Oura writes 0 for contributors of 1 to 100, and a score.
pub(super) fn unmeasured(person: &Person, day: Date) -> Readiness {
    let contributors = Contributors {
        activity_balance: Some(activity_balance(person, day)),
        body_temperature: Some(0),
        hrv_balance: Some(50),
        previous_day_activity: Some(previous_day(person, day)),
        previous_night: Some(1),
        recovery_index: Some(0),
        resting_heart_rate: Some(0),
        sleep_balance: Some(sleep_balance(person, day)),
        sleep_regularity: regularity(person, day),
    };
    Readiness {
        contributors,
        score: Some(55),
        temperature_deviation: None,
        temperature_trend_deviation: trend(person, day),
    }
}

fn contributors(person: &Person, day: Date, body: &Body, night: &Measured, sleep_score: i64) -> Contributors {
    let pulse = night.lowest_pulse().unwrap_or(body.pulse) - body.usual_pulse;
    let hrv = night.mean_hrv().unwrap_or(body.hrv) / body.usual_hrv;
    let warm = body.warmth.abs();
    Contributors {
        activity_balance: Some(activity_balance(person, day)),
        body_temperature: (!cold_sensor(person, day)).then(|| contributor(warm, 1.1, 0.12)),
        hrv_balance: Some(contributor(hrv, 0.55, 1.0)),
        previous_day_activity: Some(previous_day(person, day)),
        previous_night: Some(sleep_score),
        recovery_index: Some(contributor(night.recovery_hours(), 0.3, 4.5)),
        resting_heart_rate: Some(contributor(pulse, 9.0, 0.5)),
        sleep_balance: Some(sleep_balance(person, day)),
        sleep_regularity: regularity(person, day),
    }
}

/// One night in seventy, the skin was not warm enough to say.
fn cold_sensor(person: &Person, day: Date) -> bool {
    person.chance(day, Channel::Quirk).happens(1.0 / 70.0)
}

/// The mean deviation of three nights, °C.
fn trend(person: &Person, day: Date) -> Option<f64> {
    let known = mean((0..3).map(|n| person.body(shift(day, -n)).warmth));
    known.map(|warmth| parts(0.6 * warmth, 100.0))
}

/// Hours in bed over a week against eight.
fn sleep_balance(person: &Person, day: Date) -> i64 {
    let nights = (0..7).map(|n| person.night(shift(day, -n)));
    let hours = mean(nights.map(|night| real(seconds_between(night.start, night.end)) / 3600.0));
    contributor(hours.unwrap_or(8.0), 5.4, 8.6)
}

/// Neither lazy nor worn out yesterday.
fn previous_day(person: &Person, day: Date) -> i64 {
    let exertion = person.exertion(shift(day, -1));
    contributor(exertion, 0.05, 0.8).min(contributor(exertion, 2.2, 0.95))
}

/// The same over a week.
fn activity_balance(person: &Person, day: Date) -> i64 {
    let week = mean((1..8).map(|n| person.exertion(shift(day, -n)))).unwrap_or(0.7);
    contributor(week, 0.2, 1.0).min(contributor(week, 1.9, 1.15))
}

/// How much bedtimes of a week differ. Oura added it in 2025.
fn regularity(person: &Person, day: Date) -> Option<i64> {
    let bedtime = |n: i64| {
        let it = shift(day, -n);
        let wall = person.zone(it).to_datetime(person.night(it).start);
        real(wall.duration_since(it.at(0, 0, 0, 0)).as_secs()) / 60.0
    };
    let usual = mean((0..7).map(bedtime))?;
    let spread = mean((0..7).map(|n| (bedtime(n) - usual).abs()))?;
    (day.year() >= 2025).then(|| contributor(spread, 110.0, 18.0))
}
