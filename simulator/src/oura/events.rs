//! `workout`, `session`, `enhanced_tag`, `tag`, `rest_mode_period`: things that happen at a time rather than to a day.
//!
//! What people write themselves (labels, comments) is never written here: it has no form a client could rely on.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use super::document::{Document, seconds_after};
use super::wire::{self, Sample};
use crate::chance::Channel;
use crate::life::{NON_WEAR, Person, Wear, shift};
use crate::math::{index, parts, real};

#[derive(Debug, Serialize)]
struct WorkoutWire<'a> {
    id: &'a str,
    activity: &'static str,
    calories: Option<f64>,
    day: Date,
    distance: Option<f64>,
    end_datetime: String,
    intensity: &'static str,
    label: Option<&'static str>,
    source: &'static str,
    start_datetime: String,
}

/// The exercise of the day, once it is over and synced.
pub(super) fn workouts(person: &Person, day: Date, known: Timestamp) -> Vec<Document> {
    let waking = person.waking(day);
    let Some(workout) = waking.workout else { return Vec::new() };
    let start = seconds_after(waking.start, workout.start * 60);
    let end = seconds_after(start, workout.minutes * 60);
    let worn = waking.met.get(index(workout.start)).is_some_and(|met| *met != NON_WEAR);
    if person.wear(day) == Wear::Off || !worn || end > known {
        return Vec::new();
    }
    let mut chance = person.chance(day, Channel::Sport);
    let (activity, metres_a_minute) = match chance.unit() {
        u if u < 0.45 => ("running", Some(165.0)),
        u if u < 0.75 => ("cycling", Some(380.0)),
        u if u < 0.90 => ("walking", Some(85.0)),
        _ => ("strength_training", None),
    };
    let met = workout.met / 10.0;
    let intensity = match met {
        m if m < 5.0 => "easy",
        m if m < 8.0 => "moderate",
        _ => "hard",
    };
    let source = match chance.happens(0.7) {
        true => "autodetected",
        false if wire::current(day) => "live_oura_heart_rate",
        false => "confirmed",
    };
    let zone = person.zone(day);
    let energy = (met - 1.0) * person.constitution().weight * real(workout.minutes) / 60.0;
    let id = wire::id(person, "workout", day, 0);
    let body = WorkoutWire {
        id: &id,
        activity,
        calories: Some(parts(energy, 1000.0)),
        day,
        distance: metres_a_minute.map(|speed: f64| parts(speed * real(workout.minutes), 10.0)),
        end_datetime: wire::local(end, &zone, day),
        intensity,
        label: None,
        source,
        start_datetime: wire::local(start, &zone, day),
    };
    vec![Document::new(&id, start, &body)]
}

#[derive(Debug, Serialize)]
struct SessionWire<'a> {
    id: &'a str,
    day: Date,
    start_datetime: String,
    end_datetime: String,
    #[serde(rename = "type")]
    kind: &'static str,
    heart_rate: Option<Sample>,
    heart_rate_variability: Option<Sample>,
    mood: Option<&'static str>,
    motion_count: Option<Sample>,
}

/// Seconds between two items of a session's samples.
const STEP: i64 = 5;

/// On one evening in six.
pub(super) fn sessions(person: &Person, day: Date, known: Timestamp) -> Vec<Document> {
    let mut chance = person.chance(day, Channel::Session);
    let sits = chance.happens(0.16);
    let minutes = chance.whole(3, 20);
    let start = seconds_after(person.night(day).end, 60 * chance.whole(600, 780));
    let end = seconds_after(start, 60 * minutes);
    if !sits || person.wear(day) == Wear::Off || end > known {
        return Vec::new();
    }
    let zone = person.zone(day);
    let items = minutes * 60 / STEP;
    let body = person.body(day);
    let mut series = |low: f64, spread: f64| {
        // The ring needs half a minute before it is sure.
        let item = |n: i64| (n >= 6).then(|| (low + spread * chance.unit()).floor());
        let timestamp = wire::sample_start(start, &zone);
        Sample { interval: real(STEP), items: (0..items).map(item).collect(), timestamp }
    };
    let (heart_rate, hrv, motion) =
        (series(body.pulse + 4.0, 6.0), series(body.hrv * 0.9, 12.0), series(0.0, 3.0));
    let (kind, mood) = match chance.unit() {
        u if u < 0.6 => ("meditation", Some("good")),
        u if u < 0.8 => ("breathing", None),
        u if u < 0.9 => ("rest", Some("same")),
        _ => ("relaxation", Some("great")),
    };
    let id = wire::id(person, "session", day, 0);
    let body = SessionWire {
        id: &id,
        day,
        start_datetime: wire::local(start, &zone, day),
        end_datetime: wire::local(end, &zone, day),
        kind,
        heart_rate: Some(heart_rate),
        heart_rate_variability: Some(hrv),
        mood,
        motion_count: Some(motion),
    };
    vec![Document::new(&id, start, &body)]
}

#[derive(Debug, Serialize)]
struct EnhancedTagWire<'a> {
    id: &'a str,
    tag_type_code: Option<&'static str>,
    start_time: String,
    end_time: Option<String>,
    start_day: Date,
    end_day: Option<Date>,
    comment: Option<&'static str>,
    custom_name: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct TagWire<'a> {
    id: &'a str,
    day: Date,
    text: Option<&'static str>,
    timestamp: String,
    tags: [&'static str; 1],
}

/// The tag of a day, if there is one: what, and when.
fn tag(person: &Person, day: Date, known: Timestamp) -> Option<(&'static str, Timestamp)> {
    let mut chance = person.chance(day, Channel::Tag);
    let at = seconds_after(person.night(day).end, 60 * chance.whole(30, 840));
    let code = match chance.unit() {
        _ if person.illness(day) > 0.4 => "tag_generic_sick",
        u if u < 0.10 => "tag_generic_alcohol",
        u if u < 0.16 => "tag_generic_late_meal",
        u if u < 0.20 => "tag_generic_sauna",
        _ => return None,
    };
    (at <= known).then_some((code, at))
}

pub(super) fn enhanced_tags(person: &Person, day: Date, known: Timestamp) -> Vec<Document> {
    let Some((code, at)) = tag(person, day, known).filter(|_| day.year() >= OLD) else { return Vec::new() };
    let id = wire::id(person, "enhanced_tag", day, 0);
    let body = EnhancedTagWire {
        id: &id,
        tag_type_code: Some(code),
        start_time: wire::local(at, &person.zone(day), day),
        end_time: None,
        start_day: day,
        end_day: None,
        comment: None,
        custom_name: None,
    };
    vec![Document::new(&id, at, &body)]
}

/// Tags of before this year are of the older kind.
const OLD: i16 = 2023;

pub(super) fn tags(person: &Person, day: Date, known: Timestamp) -> Vec<Document> {
    let Some((code, at)) = tag(person, day, known).filter(|_| day.year() < OLD) else { return Vec::new() };
    let id = wire::id(person, "tag", day, 0);
    let timestamp = wire::local(at, &person.zone(day), day);
    vec![Document::new(&id, at, &TagWire { id: &id, day, text: None, timestamp, tags: [code] })]
}

#[derive(Debug, Serialize)]
struct RestModeWire<'a> {
    id: &'a str,
    end_day: Option<Date>,
    end_time: Option<String>,
    episodes: Vec<Episode>,
    start_day: Date,
    start_time: Option<String>,
}

#[derive(Debug, Serialize)]
struct Episode {
    tags: [&'static str; 1],
    timestamp: String,
}

/// The longest rest mode of the person, days.
const LONGEST: i64 = 14;

/// Rest mode begins on the first day the person feels ill, and has no end until that is known.
pub(super) fn rest_modes(person: &Person, day: Date, known: Timestamp) -> Vec<Document> {
    let ill = |day| person.illness(day) > 0.5;
    let start = seconds_after(person.night(day).end, 3600);
    if !ill(day) || ill(shift(day, -1)) || start > known {
        return Vec::new();
    }
    let well = (1..LONGEST).map(|n| shift(day, n)).find(|day| !ill(*day));
    let end = well.map(|day| (day, seconds_after(person.night(day).end, 7200)));
    let end = end.filter(|(_, at)| *at <= known);
    let zone = person.zone(day);
    let id = wire::id(person, "rest_mode_period", day, 0);
    let body = RestModeWire {
        id: &id,
        end_day: end.map(|(day, _)| day),
        end_time: end.map(|(day, at)| wire::local(at, &person.zone(day), day)),
        episodes: vec![Episode { tags: ["tag_generic_sick"], timestamp: wire::local(start, &zone, day) }],
        start_day: day,
        start_time: Some(wire::local(start, &zone, day)),
    };
    vec![Document::new(&id, start, &body)]
}
