//! `sleep`: one document per period, under one permanent id, its content changing as the phone syncs and the person
//! corrects it.
//!
//! What belongs here: what is listed, when, and as what. The measurements are in [`super::measure`].

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::daily_sleep;
use super::document::{Document, seconds_after};
use super::measure::{EPOCH, ITEM, Measured, Stage, measure};
use super::readiness::{self, Readiness};
use super::wire::{self, Sample};
use crate::chance::Channel;
use crate::life::{Fate, Kind, Period, Person};
use crate::math::{parts, percent, real, whole};

#[derive(Debug, Serialize)]
struct Wire<'a> {
    id: &'a str,
    average_breath: Option<f64>,
    average_heart_rate: Option<f64>,
    average_hrv: Option<i64>,
    awake_time: Option<i64>,
    bedtime_end: Option<String>,
    bedtime_start: String,
    day: Date,
    deep_sleep_duration: Option<i64>,
    efficiency: Option<i64>,
    heart_rate: Option<Sample>,
    hrv: Option<Sample>,
    latency: Option<i64>,
    light_sleep_duration: Option<i64>,
    low_battery_alert: bool,
    lowest_heart_rate: Option<i64>,
    movement_30_sec: String,
    period: i64,
    readiness: Option<Readiness>,
    readiness_score_delta: Option<i64>,
    rem_sleep_duration: Option<i64>,
    restless_periods: Option<i64>,
    sleep_algorithm_version: &'static str,
    sleep_analysis_reason: &'static str,
    sleep_phase_5_min: String,
    sleep_score_delta: Option<i64>,
    time_in_bed: i64,
    total_sleep_duration: Option<i64>,
    #[serde(rename = "type")]
    kind: Option<&'static str>,
    #[serde(flatten)]
    modern: Option<Modern>,
}

/// Fields Oura added in 2026; their keys are absent before.
#[derive(Debug, Serialize)]
struct Modern {
    app_sleep_phase_5_min: String,
    ring_id: Option<String>,
    sleep_phase_30_sec: String,
}

/// The lowest heart rate of a period that has none.
const NO_PULSE: i64 = 255;
/// Minutes after which Oura lists a short period at the next sync.
const SETTLE: i64 = 5;

/// The sleep that a day's scores are made of.
pub(super) struct Slept {
    /// The longest night, corrected if that has happened.
    pub(super) main: Measured,
}

/// What a confirmed nap adds to the scores of its day.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gain {
    pub(super) sleep_score_delta: i64,
    pub(super) readiness_score_delta: i64,
}

/// The night of `day`, once the morning sync has brought it.
pub(super) fn slept(person: &Person, day: Date, known: Timestamp) -> Option<Slept> {
    if known < person.morning(day) {
        return None;
    }
    let nights = person.periods(day).into_iter().filter(|period| period.kind == Kind::Long);
    let longest = nights.max_by_key(|period| period.end.duration_since(period.start))?;
    Some(Slept { main: corrected(person, day, &longest, known).0 })
}

/// What the naps confirmed by `known` add to the scores of `day`.
pub(super) fn confirmed(person: &Person, day: Date, known: Timestamp) -> impl Iterator<Item = Gain> {
    let naps = person.periods(day).into_iter();
    naps.filter(move |nap| matches!(nap.kind, Kind::Nap(Fate::Confirmed(at)) if at <= known))
        .map(move |nap| gain(&measure(person, day, &nap)))
}

pub(super) fn documents(person: &Person, day: Date, known: Timestamp) -> Vec<Document> {
    let periods = person.periods(day).into_iter();
    periods.filter_map(|period| document(person, day, &period, known)).collect()
}

/// What is listed of one period as of `known`, if anything.
fn document(person: &Person, day: Date, period: &Period, known: Timestamp) -> Option<Document> {
    match period.kind {
        Kind::Long if known >= person.morning(day) => {
            let (night, edited) = corrected(person, day, period, known);
            let reason = if edited { "bedtime_edit" } else { analysed(person, day) };
            Some(listed(person, day, period, &night, Listing::night(reason), known))
        }
        Kind::Long => {
            let sync = person.night_sync(day).filter(|sync| *sync <= known)?;
            let running = period.start < sync && sync < period.end;
            let so_far = || measure(person, day, period).until(sync);
            running.then(|| listed(person, day, period, &so_far(), Listing::running(period.index), known))
        }
        Kind::Nap(fate) | Kind::Doze(fate) => {
            let measured = measure(person, day, period);
            let listing = Listing::short(person, day, &measured, fate, known);
            (known >= seconds_after(period.end, SETTLE * 60))
                .then(|| listed(person, day, period, &measured, listing, known))
        }
    }
}

/// A night as of `known`, and whether a bedtime edit has changed it. Broken nights are left as they are.
fn corrected(person: &Person, day: Date, period: &Period, known: Timestamp) -> (Measured, bool) {
    let night = measure(person, day, period);
    let whole = period.end == person.night(day).end && period.start == person.night(day).start;
    match person.edit(day).filter(|edit| whole && edit.at <= known) {
        Some(edit) => (night.edited(edit.samples), true),
        None => (night, false),
    }
}

/// How a period is labelled.
#[derive(Clone, Copy)]
struct Listing {
    kind: Option<&'static str>,
    reason: &'static str,
    gain: Option<Gain>,
    ended: bool,
}

impl Listing {
    fn night(reason: &'static str) -> Self {
        let gain = Some(Gain { sleep_score_delta: 0, readiness_score_delta: 0 });
        Self { kind: Some("long_sleep"), reason, gain, ended: true }
    }

    /// A night still going on. Its type on the wire is not known; the second half of a broken one has none here.
    fn running(index: i64) -> Self {
        let kind = (index == 0).then_some("long_sleep");
        Self { kind, reason: "background_sleep_analysis", gain: None, ended: false }
    }

    fn short(person: &Person, day: Date, nap: &Measured, fate: Fate, known: Timestamp) -> Self {
        let late = person.zone(day).to_datetime(nap.end).date() != day;
        let (kind, gain) = match fate {
            Fate::Confirmed(at) if at <= known => (if late { "late_nap" } else { "sleep" }, Some(gain(nap))),
            Fate::Rejected(at) if at <= known => ("rest", None),
            Fate::Deleted(at) if at <= known => ("deleted", None),
            _ => ("sleep", None),
        };
        Self { kind: Some(kind), reason: "background_created_foreground_updated", gain, ended: true }
    }
}

/// The document of a period.
fn listed(
    person: &Person,
    day: Date,
    period: &Period,
    it: &Measured,
    listing: Listing,
    known: Timestamp,
) -> Document {
    let zone = &person.zone(day);
    let id = wire::id(person, "sleep", day, period.index);
    let (asleep, in_bed) = (it.asleep(), it.in_bed());
    let pulse = it.mean_pulse();
    let ended = |n: i64| listing.ended.then_some(n);
    let readiness = match period.kind {
        _ if !listing.ended => None,
        Kind::Long => {
            let day_score = slept(person, day, known).map(|s| daily_sleep::score(person, day, &s, known));
            day_score.map(|score| readiness::of_night(person, day, it, score))
        }
        Kind::Nap(_) | Kind::Doze(_) => Some(readiness::unmeasured(person, day)),
    };
    let body = Wire {
        id: &id,
        average_breath: Some(parts(it.breath, 8.0)),
        average_heart_rate: Some(parts(pulse.unwrap_or(person.body(day).pulse + 18.0), 8.0)),
        average_hrv: it.mean_hrv().map(whole),
        awake_time: ended(in_bed - asleep),
        bedtime_end: listing.ended.then(|| wire::local(it.end, zone, day)),
        bedtime_start: wire::local(it.start, zone, day),
        day,
        deep_sleep_duration: Some(it.seconds(Stage::Deep)),
        efficiency: Some(percent(asleep, in_bed)),
        heart_rate: sample(&it.pulse, it.start, zone),
        hrv: sample(&it.hrv, it.start, zone),
        latency: Some(it.latency()),
        light_sleep_duration: Some(it.seconds(Stage::Light)),
        low_battery_alert: person.chance(day, Channel::Quirk).unit() > 0.97,
        lowest_heart_rate: Some(it.lowest_pulse().map_or(NO_PULSE, whole)),
        movement_30_sec: movement(it, period),
        period: period.index,
        readiness,
        readiness_score_delta: listing.gain.map(|gain| gain.readiness_score_delta),
        rem_sleep_duration: Some(it.seconds(Stage::Rem)),
        restless_periods: Some(it.restless()),
        sleep_algorithm_version: "v2",
        sleep_analysis_reason: listing.reason,
        sleep_phase_5_min: five_minutes(it),
        sleep_score_delta: listing.gain.map(|gain| gain.sleep_score_delta),
        time_in_bed: in_bed,
        total_sleep_duration: ended(asleep),
        kind: listing.kind,
        modern: wire::modern(day).then(|| Modern {
            app_sleep_phase_5_min: five_minutes(it),
            ring_id: (!wire::current(day)).then(|| person.ring(day)),
            sleep_phase_30_sec: it.stages.iter().map(|stage| stage.digit()).collect(),
        }),
    };
    Document::new(&id, it.start, &body)
}

/// Which analysis saw the night first.
fn analysed(person: &Person, day: Date) -> &'static str {
    if person.night_sync(day).is_some() {
        "background_created_foreground_updated"
    } else {
        "foreground_sleep_analysis"
    }
}

/// A nap of an hour raises the sleep score by about five.
fn gain(nap: &Measured) -> Gain {
    let minutes = real(nap.asleep()) / 60.0;
    Gain {
        sleep_score_delta: whole(minutes / 12.0).clamp(1, 8),
        readiness_score_delta: whole(minutes / 20.0).clamp(0, 5),
    }
}

/// The series on the wire: null when nothing was measured.
fn sample(items: &[Option<f64>], start: Timestamp, zone: &TimeZone) -> Option<Sample> {
    let measured = items.iter().any(Option::is_some);
    measured.then(|| Sample {
        interval: real(ITEM),
        items: items.to_vec(),
        timestamp: wire::sample_start(start, zone),
    })
}

fn five_minutes(it: &Measured) -> String {
    it.five_minute_stages().map(Stage::digit).collect()
}

/// One digit an epoch, and one too many in a third of all documents.
fn movement(it: &Measured, period: &Period) -> String {
    let extra = period.end.as_second() % 3 == 0 && it.in_bed() % EPOCH == 0;
    let digits = it.movement.iter().copied().chain(extra.then_some(1));
    digits.map(|digit| char::from(b'0' + digit)).collect()
}
