//! `ring_configuration`: every ring ever set up. The first has no date, which Oura writes as 1970.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use super::document::Document;
use super::wire;
use crate::life::{Person, at, number, shift};

#[derive(Debug, Serialize)]
struct Wire<'a> {
    id: &'a str,
    color: Option<&'static str>,
    design: Option<&'static str>,
    firmware_version: Option<String>,
    hardware_type: Option<&'static str>,
    set_up_at: Option<String>,
    size: Option<i64>,
}

/// Days until the second dated ring.
const LASTS: i64 = 500;
/// Days between two versions of the program on a ring.
const UPDATE: i64 = 60;

pub(super) fn documents(person: &Person, day: Date, known: Timestamp) -> Vec<Document> {
    let first_day = person.life().first_day;
    let ten = at(day, 10 * 60, &person.life().home);
    if ten > known {
        return Vec::new();
    }
    let ring = |n: i64, hardware, color, set_up_at: Timestamp| {
        let id = wire::id(person, "ring_configuration", day, n);
        let today = person.life().home.to_datetime(known).date();
        let updates = (number(today) - number(day)).max(0) / UPDATE;
        let body = Wire {
            id: &id,
            color: Some(color),
            design: Some("heritage"),
            firmware_version: Some(format!("2.{updates}.1")),
            hardware_type: Some(hardware),
            set_up_at: Some(wire::utc(set_up_at, today)),
            size: Some(10),
        };
        Document::new(&id, ten, &body)
    };
    if day == first_day {
        vec![ring(0, "gen2", "stealth_black", Timestamp::UNIX_EPOCH), ring(1, "gen3", "glossy_gold", ten)]
    } else if day == shift(first_day, LASTS) {
        vec![ring(0, "gen4", "silver", ten)]
    } else {
        Vec::new()
    }
}
