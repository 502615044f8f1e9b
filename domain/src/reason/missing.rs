//! Why a day that is over has no value: what the day left behind, from the most certain trace to the least.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::collection::{Cadence, Collection};
use crate::day::{Day, DayRange};
use crate::reason::{MUCH_OF_A_DAY, Reason};
use crate::ring::{Ring, Rings};

/// What is known about one collection and the days around.
#[derive(Clone, Debug)]
pub struct Traces {
    /// Whose days are looked at.
    pub collection: Collection,
    /// Today on the calendar of the collection.
    pub today: Day,
    /// Why the collection has nothing of today, by [`crate::reason::absence`].
    pub now: Option<Reason>,
    /// The days that have been read.
    pub covered: Option<DayRange>,
    /// The days that have a document of the collection.
    pub documents: BTreeSet<Day>,
    /// What is known about the ring itself, the same for all collections.
    pub wear: Arc<Wear>,
}

/// What is known about the ring around some days, whatever collection is asked about.
#[derive(Clone, Debug, Default)]
pub struct Wear {
    /// Seconds it was off the finger, for the days that have activity.
    pub off: BTreeMap<Day, f64>,
    /// Which ring it was.
    pub rings: Rings,
}

/// Why `day` has no value of this collection, given that it has none.
pub fn missing(traces: &Traces, day: Day) -> Reason {
    let Traces { collection, today, now, covered, .. } = *traces;
    if day > today {
        return Reason::NotYet;
    }
    if traces.documents.contains(&day) {
        return Reason::NotComputed;
    }
    let unread_until_now = || now.unwrap_or(Reason::NeverRead);
    match covered {
        _ if day == today => return now.unwrap_or(Reason::NotComputed),
        Some(covered) if covered.contains(day) => {}
        Some(covered) if day < covered.first() => return Reason::NeverRead,
        Some(_) => return unread_until_now(),
        None => return Reason::NeverRead,
    }
    let Wear { off, rings } = traces.wear.as_ref();
    if collection.info().needs_oxygen_sensor && rings.of_night(day).is_some_and(Ring::lacks_oxygen_sensor) {
        return Reason::RingCannot;
    }
    let off_on = |day: Day| off.get(&day).is_some_and(|seconds| *seconds >= MUCH_OF_A_DAY);
    // A night belongs to the day of waking up: most of it is in the activity of the day before.
    let not_worn = || off_on(day) || collection.is_of_the_night() && off_on(day.plus(-1));
    match collection.info().cadence {
        Cadence::Event => Reason::NoEvent,
        Cadence::Irregular => Reason::Irregular,
        Cadence::Observed => Reason::NeverRead,
        _ if not_worn() => Reason::RingNotWorn,
        _ if off.contains_key(&day) => Reason::NotComputed,
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

    fn traces(collection: Collection) -> Traces {
        Traces {
            collection,
            today: day("2026-03-29"),
            now: Some(Reason::PhoneNotSynced),
            covered: DayRange::new(day("2026-01-01"), day("2026-03-29")).ok(),
            documents: BTreeSet::from([day("2026-03-10")]),
            wear: Arc::new(Wear {
                off: BTreeMap::from([(day("2026-03-12"), 80_000.0), (day("2026-03-15"), 600.0)]),
                rings: Rings::of(RINGS, &TimeZone::UTC),
            }),
        }
    }

    #[test]
    fn the_most_certain_trace_speaks() {
        let check = |collection, on: &str, expected| {
            assert_eq!(missing(&traces(collection), day(on)), expected, "{collection} {on}");
        };
        check(Collection::DailySleep, "2026-03-30", Reason::NotYet);
        check(Collection::DailySleep, "2026-03-29", Reason::PhoneNotSynced);
        check(Collection::DailySleep, "2025-12-31", Reason::NeverRead);
        check(Collection::DailySleep, "2026-03-10", Reason::NotComputed);
        check(Collection::DailySleep, "2026-03-12", Reason::RingNotWorn);
        check(Collection::DailySleep, "2026-03-13", Reason::RingNotWorn);
        check(Collection::DailyStress, "2026-03-13", Reason::NoData);
        check(Collection::DailySleep, "2026-03-15", Reason::NotComputed);
        check(Collection::DailySleep, "2026-03-20", Reason::NoData);
        check(Collection::DailySpo2, "2026-03-17", Reason::RingCannot);
        check(Collection::DailySpo2, "2026-03-18", Reason::RingCannot);
        check(Collection::DailySpo2, "2026-03-19", Reason::NoData);
        check(Collection::Workout, "2026-03-20", Reason::NoEvent);
        check(Collection::Vo2Max, "2026-03-20", Reason::Irregular);
        check(Collection::PersonalInfo, "2026-03-20", Reason::NeverRead);
    }

    #[test]
    fn what_was_never_read_is_said_to_be_unread() {
        let unread = Traces { covered: None, ..traces(Collection::DailySleep) };
        assert_eq!(missing(&unread, day("2026-03-20")), Reason::NeverRead);
        let behind = DayRange::new(day("2026-01-01"), day("2026-03-01")).ok();
        let behind = Traces { covered: behind, now: Some(Reason::Scope), ..traces(Collection::DailySleep) };
        assert_eq!(missing(&behind, day("2026-03-20")), Reason::Scope);
    }
}
