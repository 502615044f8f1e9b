//! Why a past day has no value, from the most certain evidence to the least.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::SignedDuration;
use jiff::tz::TimeZone;

use crate::catalogue::Metric;
use crate::collection::{Cadence, Collection, Window};
use crate::day::{Day, DayRange};
use crate::reason::{LONG_NON_WEAR, Reason};
use crate::ring::{Ring, Rings};

/// What is known about one collection and the days around. All days are on the person's calendar.
#[derive(Clone, Debug)]
pub struct DayEvidence {
    /// The collection.
    pub collection: Collection,
    /// Today, by [`crate::reason::Today::day`].
    pub today: Day,
    /// Why the collection has nothing of today, by [`crate::reason::absence_reason`].
    pub now: Option<Reason>,
    /// The days that have been read.
    pub covered: Option<DayRange>,
    /// The day of the last successful reading. Days after it that count as read were requested before they began.
    pub read_until: Option<Day>,
    /// The days that have a document of the collection.
    pub documents: BTreeSet<Day>,
    /// The days of rejected documents.
    pub rejected: BTreeSet<Day>,
    /// For sleep, the days that have naps.
    pub naps: BTreeSet<Day>,
    /// What is known about the ring itself, the same for all collections.
    pub wear: Arc<WearLog>,
}

/// What is known about the ring around some days, the same for every collection.
#[derive(Clone, Debug, Default)]
pub struct WearLog {
    /// Seconds it was off the finger, for the days that have activity.
    pub off: BTreeMap<Day, f64>,
    /// The days that have a document of a collection in [`WORN`].
    pub worn: BTreeSet<Day>,
    /// The days on which its battery was reported.
    pub powered: BTreeSet<Day>,
    /// Which ring it was.
    pub rings: Rings,
}

/// Collections whose documents prove that a ring measured a body on that day.
pub const WORN: &[Collection] = &[
    Collection::DailySleep,
    Collection::Sleep,
    Collection::DailyReadiness,
    Collection::DailyActivity,
    Collection::HeartRate,
    Collection::DailyStress,
    Collection::DailySpo2,
];

/// The civil day of a document filed under `day`; for rows of a time series, the one that most of that UTC day lies in.
pub fn civil_day(collection: Collection, day: Day, zone: &TimeZone) -> Day {
    match collection.window() {
        Window::Instants => Day::at(day.midnight_utc() + SignedDuration::from_hours(12), zone),
        Window::Days | Window::Whole => day,
    }
}

/// Why `day` has no value of this collection, or of one of its metrics, given that it has none.
pub fn missing_day_reason(traces: &DayEvidence, metric: Option<&Metric>, day: Day) -> Reason {
    let DayEvidence { collection, today, now, covered, .. } = *traces;
    if day > today {
        return Reason::NotYet;
    }
    if traces.rejected.contains(&day) {
        return Reason::Rejected;
    }
    if traces.documents.contains(&day) {
        let is_of_some = metric.is_some_and(Metric::is_of_some_documents);
        return if is_of_some && !traces.naps.contains(&day) { Reason::NoEvent } else { Reason::NotComputed };
    }
    let stopped = now.is_some_and(Reason::stops_reading);
    let is_unread = |day: Day| stopped && traces.read_until.is_some_and(|until| day >= until);
    match covered {
        _ if day == today => return now.unwrap_or(Reason::NotComputed),
        None => return Reason::NeverRead,
        Some(covered) if day < covered.first() => return Reason::NeverRead,
        Some(covered) if day > covered.last() || is_unread(day) => return now.unwrap_or(Reason::NeverRead),
        Some(_) => {}
    }
    let WearLog { off, worn, powered, rings } = traces.wear.as_ref();
    if collection.info().needs_oxygen_sensor && rings.at_night(day).is_some_and(Ring::lacks_oxygen_sensor) {
        return Reason::RingCannot;
    }
    let off_on = |day: Day| off.get(&day).is_some_and(|seconds| *seconds >= LONG_NON_WEAR);
    // A night belongs to the day of waking up: most of it is in the activity of the day before.
    let not_worn = || off_on(day) || collection.is_of_the_night() && off_on(day.plus(-1));
    match collection.info().cadence {
        Cadence::Event => Reason::NoEvent,
        Cadence::Irregular => Reason::Irregular,
        Cadence::Observed => Reason::NeverRead,
        _ if not_worn() => Reason::RingNotWorn,
        _ if worn.contains(&day) => Reason::NotComputed,
        _ if powered.contains(&day) => Reason::RingNotWorn,
        _ => Reason::NoData,
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    /// A ring without a sensor for oxygen until the afternoon of 18 March, one with it from then on.
    const RINGS: &str = r#"[
        {"hardware_type": "gen2m", "set_up_at": "2020-01-02T08:00:00Z"},
        {"hardware_type": "gen3", "set_up_at": "2026-03-18T15:00:00Z"}
    ]"#;

    fn traces(collection: Collection) -> DayEvidence {
        DayEvidence {
            collection,
            today: day("2026-03-29"),
            now: Some(Reason::PhoneNotSynced),
            covered: DayRange::new(day("2026-01-01"), day("2026-03-29")).ok(),
            read_until: Some(day("2026-03-29")),
            documents: BTreeSet::from([day("2026-03-10"), day("2026-03-11")]),
            rejected: BTreeSet::from([day("2026-03-11"), day("2026-03-14")]),
            naps: BTreeSet::new(),
            wear: Arc::new(WearLog {
                off: BTreeMap::from([(day("2026-03-12"), 80_000.0), (day("2026-03-15"), 600.0)]),
                worn: ["2026-03-12", "2026-03-15", "2026-03-16"].map(day).into(),
                powered: ["2026-03-16", "2026-03-17", "2026-03-22"].map(day).into(),
                rings: Rings::of(RINGS, &TimeZone::UTC),
            }),
        }
    }

    #[test]
    fn most_certain_evidence_gives_the_reason() {
        let check = |collection, on: &str, expected| {
            assert_eq!(missing_day_reason(&traces(collection), None, day(on)), expected, "{collection} {on}");
        };
        check(Collection::DailySleep, "2026-03-30", Reason::NotYet);
        check(Collection::DailySleep, "2026-03-29", Reason::PhoneNotSynced);
        check(Collection::DailySleep, "2025-12-31", Reason::NeverRead);
        check(Collection::DailySleep, "2026-03-10", Reason::NotComputed);
        check(Collection::DailySleep, "2026-03-12", Reason::RingNotWorn);
        check(Collection::DailySleep, "2026-03-13", Reason::RingNotWorn);
        check(Collection::DailyStress, "2026-03-13", Reason::NoData);
        check(Collection::DailySleep, "2026-03-11", Reason::Rejected);
        check(Collection::DailySleep, "2026-03-14", Reason::Rejected);
        check(Collection::DailySleep, "2026-03-15", Reason::NotComputed);
        check(Collection::DailyActivity, "2026-03-16", Reason::NotComputed);
        check(Collection::DailyActivity, "2026-03-22", Reason::RingNotWorn);
        check(Collection::Workout, "2026-03-16", Reason::NoEvent);
        check(Collection::DailySleep, "2026-03-20", Reason::NoData);
        check(Collection::DailySpo2, "2026-03-17", Reason::RingCannot);
        check(Collection::DailySpo2, "2026-03-18", Reason::RingCannot);
        check(Collection::DailySpo2, "2026-03-19", Reason::NoData);
        check(Collection::Workout, "2026-03-20", Reason::NoEvent);
        check(Collection::Vo2Max, "2026-03-20", Reason::Irregular);
        check(Collection::PersonalInfo, "2026-03-20", Reason::NeverRead);
    }

    #[test]
    fn unread_days_are_reported_as_never_read() {
        let unread = DayEvidence { covered: None, ..traces(Collection::DailySleep) };
        assert_eq!(missing_day_reason(&unread, None, day("2026-03-20")), Reason::NeverRead);
        let behind = DayRange::new(day("2026-01-01"), day("2026-03-01")).ok();
        let behind =
            DayEvidence { covered: behind, now: Some(Reason::Scope), ..traces(Collection::DailySleep) };
        assert_eq!(missing_day_reason(&behind, None, day("2026-03-20")), Reason::Scope);
    }

    #[test]
    fn number_of_some_documents_has_no_event_on_a_day_with_others() {
        let check = |key: &str, naps: &[&str], expected| {
            let metric = Metric::by_key(key).unwrap();
            let naps = naps.iter().map(|on| day(on)).collect();
            let traces = DayEvidence { naps, ..traces(metric.collection) };
            assert_eq!(missing_day_reason(&traces, Some(metric), day("2026-03-10")), expected, "{key}");
        };
        check("sleep_nap_duration", &[], Reason::NoEvent);
        check("sleep_naps", &[], Reason::NoEvent);
        check("sleep_nap_score_delta", &["2026-03-10"], Reason::NotComputed);
        check("sleep_duration", &[], Reason::NotComputed);
        check("workout_duration_hard", &[], Reason::NoEvent);
        check("workout_distance", &[], Reason::NotComputed);
        check("session_duration_nap", &[], Reason::NoEvent);
        check("heart_rate_workout", &[], Reason::NoEvent);
        check("ring_battery_level", &[], Reason::NotComputed);
    }

    #[test]
    fn day_asked_for_before_it_began_is_not_read_once_reading_has_stopped() {
        let stopped = |now| DayEvidence {
            read_until: Some(day("2026-03-25")),
            covered: DayRange::new(day("2026-01-01"), day("2026-03-26")).ok(),
            now: Some(now),
            ..traces(Collection::DailySleep)
        };
        for on in ["2026-03-25", "2026-03-26", "2026-03-27", "2026-03-29"] {
            assert_eq!(missing_day_reason(&stopped(Reason::NotRead), None, day(on)), Reason::NotRead, "{on}");
            assert_eq!(
                missing_day_reason(&stopped(Reason::Unauthorized), None, day(on)),
                Reason::Unauthorized,
                "{on}"
            );
        }
        assert_eq!(missing_day_reason(&stopped(Reason::NotRead), None, day("2026-03-24")), Reason::NoData);
        assert_eq!(
            missing_day_reason(&stopped(Reason::PhoneNotSynced), None, day("2026-03-26")),
            Reason::NoData
        );
    }

    #[test]
    fn utc_day_of_rows_is_the_civil_day_that_has_most_of_it() {
        let check = |zone: &str, expected: &str| {
            let zone = TimeZone::get(zone).unwrap();
            assert_eq!(civil_day(Collection::HeartRate, day("2026-03-10"), &zone), day(expected));
            assert_eq!(civil_day(Collection::DailySleep, day("2026-03-10"), &zone), day("2026-03-10"));
        };
        check("America/New_York", "2026-03-10");
        check("Pacific/Honolulu", "2026-03-10");
        check("Asia/Tokyo", "2026-03-10");
        check("Pacific/Auckland", "2026-03-11");
    }
}
