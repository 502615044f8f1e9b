//! `ring_battery_level`: rows of a few times a day, falling for five days and then charged.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use super::document::{Document, seconds_after};
use super::wire;
use crate::chance::Channel;
use crate::life::{Person, Wear, number};
use crate::math::{real, whole};

#[derive(Debug, Serialize)]
struct Wire {
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp_unix: Option<i64>,
    level: i64,
    charging: Option<bool>,
    in_charger: Option<bool>,
}

/// Days between two charges, and the minute of the day at which the ring goes into the charger.
const CYCLE: i64 = 5;
const CHARGE: i64 = 19 * 60;
/// Minutes from nearly empty to full.
const FULL: i64 = 80;
/// What an hour takes.
const DRAIN: f64 = 0.72;

pub(super) fn documents(person: &Person, day: Date, known: Timestamp) -> Vec<Document> {
    if person.wear(day) == Wear::Off {
        return Vec::new();
    }
    let mut chance = person.chance(day, Channel::Battery);
    let phase = number(day).rem_euclid(CYCLE);
    let mut rows = Vec::new();
    let mut minute = chance.whole(5, 40);
    while minute < 24 * 60 {
        let at = seconds_after(wire::midnight(day), minute * 60);
        let charging = phase == 0 && (CHARGE..CHARGE + FULL).contains(&minute);
        // Minutes since the charge ended; the day of the charge begins with the old one.
        let since = phase * 24 * 60 + minute - CHARGE - FULL;
        let since = if since < 0 { since + CYCLE * 24 * 60 } else { since };
        let level = if charging {
            15.0 + 85.0 * real(minute - CHARGE) / real(FULL)
        } else {
            100.0 - DRAIN * real(since) / 60.0
        };
        if at <= known {
            let body = Wire {
                timestamp: wire::utc(at, day),
                timestamp_unix: wire::modern(day).then(|| at.as_millisecond()),
                level: whole(level.clamp(1.0, 100.0)),
                charging: Some(charging),
                in_charger: wire::modern(day).then_some(charging),
            };
            rows.push(Document::new("", at, &body));
        }
        minute += if charging { 20 } else { chance.whole(25, 95) };
    }
    rows
}
