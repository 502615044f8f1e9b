//! `sleep_time`: when Oura would go to bed.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use super::document::Document;
use super::sleep::slept;
use super::wire;
use crate::chance::Channel;
use crate::life::{Person, number};
use crate::math::whole;

#[derive(Debug, Serialize)]
struct Wire<'a> {
    id: &'a str,
    day: Date,
    optimal_bedtime: Option<Window>,
    recommendation: Option<&'static str>,
    status: Option<&'static str>,
}

/// Seconds from local midnight, negative before it; the zone in seconds from UTC.
#[derive(Debug, Serialize)]
struct Window {
    day_tz: i64,
    start_offset: i64,
    end_offset: i64,
}

/// Nights before Oura knows a bedtime.
const NIGHTS: i64 = 10;

pub(super) fn documents(person: &Person, day: Date, known: Timestamp) -> Vec<Document> {
    if slept(person, day, known).is_none() {
        return Vec::new();
    }
    let mut chance = person.chance(day, Channel::Advice);
    let ready = number(day) - number(person.life().first_day) >= NIGHTS;
    let (status, recommendation) = match chance.unit() {
        _ if !ready => ("not_enough_nights", None),
        u if u < 0.10 => ("not_enough_recent_nights", None),
        u if u < 0.25 => ("bad_sleep_quality", Some("improve_efficiency")),
        u if u < 0.45 => ("only_recommended_found", Some("earlier_bedtime")),
        _ => ("optimal_found", Some("follow_optimal_bedtime")),
    };
    let window = (status == "optimal_found").then(|| {
        // Quarters of an hour around the person's own habit.
        let start =
            900 * whole((60.0 * person.constitution().owl / 900.0 + 2.0 * chance.bell()).floor()) - 3600;
        let midnight = wire::midnight(day);
        let day_tz = i64::from(person.zone(day).to_offset(midnight).seconds());
        Window { day_tz, start_offset: start, end_offset: start + 5400 }
    });
    let id = wire::id(person, "sleep_time", day, 0);
    let body = Wire { id: &id, day, optimal_bedtime: window, recommendation, status: Some(status) };
    vec![Document::new(&id, wire::midnight(day), &body)]
}
