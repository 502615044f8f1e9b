//! `daily_sleep`: the score of the sleep that counts to a day. It has no durations; those are in [`super::sleep`].

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use super::document::{Document, seconds_after};
use super::measure::{Measured, Stage};
use super::sleep::{Slept, confirmed, slept};
use super::wire;
use crate::life::Person;
use crate::math::{contributor, real, weighted};

#[derive(Debug, Serialize)]
struct Wire<'a> {
    id: &'a str,
    contributors: Contributors,
    day: Date,
    score: Option<i64>,
    timestamp: String,
}

/// What the score is made of, 1 to 100 each.
#[derive(Clone, Copy, Debug, Serialize)]
struct Contributors {
    deep_sleep: i64,
    efficiency: i64,
    latency: i64,
    rem_sleep: i64,
    restfulness: i64,
    timing: i64,
    total_sleep: i64,
}

pub(super) fn documents(person: &Person, day: Date, known: Timestamp) -> Vec<Document> {
    let Some(slept) = slept(person, day, known) else { return Vec::new() };
    let contributors = contributors(person, day, &slept.main);
    let score = score(person, day, &slept, known);
    let id = wire::id(person, "daily_sleep", day, 0);
    let timestamp = wire::local(wire::midnight(day), &person.zone(day), day);
    let body = Wire { id: &id, contributors, day, score: Some(score), timestamp };
    vec![Document::new(&id, wire::midnight(day), &body)]
}

/// The sleep score of `day` as of `known`: the night's, raised by each nap that was confirmed by then.
pub(super) fn score(person: &Person, day: Date, slept: &Slept, known: Timestamp) -> i64 {
    let naps: i64 = confirmed(person, day, known).map(|nap| nap.sleep_score_delta).sum();
    (night_score(person, day, &slept.main) + naps).clamp(1, 100)
}

/// The score of the night alone.
fn night_score(person: &Person, day: Date, night: &Measured) -> i64 {
    let c = contributors(person, day, night);
    weighted(&[
        (c.total_sleep, 0.35),
        (c.efficiency, 0.10),
        (c.restfulness, 0.15),
        (c.rem_sleep, 0.10),
        (c.deep_sleep, 0.10),
        (c.latency, 0.10),
        (c.timing, 0.10),
    ])
}

fn contributors(person: &Person, day: Date, night: &Measured) -> Contributors {
    let hours = |seconds: i64| real(seconds) / 3600.0;
    let asleep = hours(night.asleep());
    let latency = real(night.latency()) / 60.0;
    let restless = real(night.restless()) / real(night.in_bed()) * 3600.0;
    let middle = seconds_after(night.start, night.in_bed() / 2);
    let clock = person.zone(day).to_datetime(middle).time();
    let middle_hour = f64::from(clock.hour()) + f64::from(clock.minute()) / 60.0;
    let off = (if middle_hour > 12.0 { middle_hour - 24.0 } else { middle_hour } - 3.0).abs();
    Contributors {
        deep_sleep: contributor(hours(night.seconds(Stage::Deep)), 0.3, 1.7),
        efficiency: contributor(100.0 * hours(night.asleep()) / hours(night.in_bed()), 62.0, 94.0),
        // Falling asleep at once is a sign of exhaustion.
        latency: contributor(latency, 0.0, 6.0).min(contributor(latency, 50.0, 15.0)),
        rem_sleep: contributor(hours(night.seconds(Stage::Rem)), 0.3, 1.8),
        restfulness: contributor(restless, 36.0, 11.0),
        timing: contributor(off, 4.0, 0.6),
        total_sleep: contributor(asleep, 3.4, 8.0),
    }
}
