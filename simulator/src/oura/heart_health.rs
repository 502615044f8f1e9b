//! `daily_spo2`, `daily_cardiovascular_age`, `vO2_max`: what a newer ring says about heart, vessels and breath. All
//! come with a night; the last two only now and then.

use jiff::Timestamp;
use jiff::civil::{Date, date};
use serde::Serialize;

use super::document::Document;
use super::sleep::slept;
use super::wire;
use crate::chance::Channel;
use crate::life::{Person, number};
use crate::math::{parts, real, whole};

/// The ring of before 2022 could not do this.
const SINCE: Date = date(2022, 1, 1);

#[derive(Debug, Serialize)]
struct OxygenWire<'a> {
    id: &'a str,
    day: Date,
    spo2_percentage: Option<Average>,
    breathing_disturbance_index: Option<i64>,
}

#[derive(Debug, Serialize)]
struct Average {
    average: f64,
}

/// An average of 0.0 with a null index is how Oura writes "not measured".
pub(super) fn spo2(person: &Person, day: Date, known: Timestamp) -> Vec<Document> {
    if day < SINCE || slept(person, day, known).is_none() {
        return Vec::new();
    }
    let mut chance = person.chance(day, Channel::Oxygen);
    let measured = !chance.happens(0.004);
    let illness = person.body(day).illness;
    let average =
        if measured { parts(97.4 - 1.6 * illness + 0.35 * chance.bell(), 1000.0).min(100.0) } else { 0.0 };
    let disturbed = whole((4.0 + 9.0 * illness + 2.0 * chance.bell()).clamp(0.0, 100.0));
    let id = wire::id(person, "daily_spo2", day, 0);
    let body = OxygenWire {
        id: &id,
        day,
        spo2_percentage: Some(Average { average }),
        breathing_disturbance_index: measured.then_some(disturbed),
    };
    vec![Document::new(&id, wire::midnight(day), &body)]
}

#[derive(Debug, Serialize)]
struct VesselsWire<'a> {
    /// Its key is absent before 2026, and so is the wave's.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    day: Date,
    vascular_age: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pulse_wave_velocity: Option<f64>,
}

pub(super) fn cardiovascular_age(person: &Person, day: Date, known: Timestamp) -> Vec<Document> {
    // Some weeks have several days, others none.
    let mut chance = person.chance(day, Channel::Vessels);
    if day < SINCE || !chance.happens(0.45) || slept(person, day, known).is_none() {
        return Vec::new();
    }
    let age = real(person.age(day)) - 6.0 * person.fitness(day) + 0.6 * chance.bell();
    let id = wire::id(person, "daily_cardiovascular_age", day, 0);
    let modern = wire::modern(day);
    let body = VesselsWire {
        id: modern.then_some(id.as_str()),
        day,
        vascular_age: Some(whole(age.clamp(18.0, 100.0))),
        pulse_wave_velocity: modern.then(|| parts(4.2 + 0.07 * age, 100.0)),
    };
    vec![Document::new(&id, wire::midnight(day), &body)]
}

#[derive(Debug, Serialize)]
struct UptakeWire<'a> {
    id: &'a str,
    day: Date,
    timestamp: String,
    vo2_max: Option<i64>,
}

/// About once in ten days.
pub(super) fn vo2_max(person: &Person, day: Date, known: Timestamp) -> Vec<Document> {
    if day < SINCE || number(day) % 10 != 3 || slept(person, day, known).is_none() {
        return Vec::new();
    }
    let mut chance = person.chance(day, Channel::Vessels);
    let uptake = 52.0 - 0.35 * real(person.age(day)) + 6.0 * person.fitness(day) + 0.5 * chance.bell();
    let id = wire::id(person, "vO2_max", day, 0);
    let timestamp = wire::local(wire::midnight(day), &person.zone(day), day);
    let body = UptakeWire { id: &id, day, timestamp, vo2_max: Some(whole(uptake.clamp(15.0, 75.0))) };
    vec![Document::new(&id, wire::midnight(day), &body)]
}
