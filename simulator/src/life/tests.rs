//! The laws of a life: nothing overlaps, rare things happen as often as they should.

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::{Fate, Kind, Life, Person, Wear, shift};

const FIRST: Date = date(2019, 1, 1);

fn person(seed: u64) -> Person {
    Person::new(Life::new(seed, FIRST))
}

proptest! {
    #[test]
    fn sleep_periods_are_ordered_within_their_day(seed in 0_u64..500, n in 1_i64..2_500) {
        let (person, day) = (person(seed), shift(FIRST, n));
        let mut before = Timestamp::MIN;
        for period in person.periods(day) {
            prop_assert!(before <= period.start && period.start < period.end, "{period:?}");
            let wall = person.zone(day).to_datetime(period.end);
            let counted = shift(wall.date(), i64::from(wall.hour() >= 18));
            prop_assert_eq!(counted, day, "{:?}", period);
            before = period.end;
        }
        prop_assert!(before < person.night(shift(day, 1)).start);
    }

    #[test]
    fn night_follows_the_day_before(seed in 0_u64..500, n in 1_i64..2_500) {
        let (person, day) = (person(seed), shift(FIRST, n));
        let (night, next) = (person.night(day), person.night(shift(day, 1)));
        let hours = next.start.duration_since(night.end).as_hours();
        prop_assert!((4..=30).contains(&hours), "{hours} waking hours on {day}");
        prop_assert!(person.morning(day) > night.end && person.morning(day) < next.start);
    }

    #[test]
    fn phone_syncs_only_go_forward(seed in 0_u64..200, hour in 0_i64..50_000) {
        let person = person(seed);
        let now = "2019-02-01T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(hour);
        let later = now + SignedDuration::from_mins(17);
        let (first, second) = (person.synced(now).unwrap(), person.synced(later).unwrap());
        prop_assert!(first <= now && first <= second && second <= later);
        prop_assert!(now.duration_since(first).as_hours() < 36, "no sync for {}", now.duration_since(first));
    }
}

/// Days among the first six years on which `it` holds.
fn days(it: impl Fn(&Person, Date) -> bool) -> usize {
    let person = person(7);
    (1..2_190).filter(|n| it(&person, shift(FIRST, *n))).count()
}

#[test]
fn rare_events_are_rare() {
    let check = |what: &str, count: usize, expected: std::ops::Range<usize>| {
        assert!(expected.contains(&count), "{what}: {count} days, expected {expected:?}");
    };
    let nap = |fate: fn(&Fate) -> bool| {
        move |person: &Person, day| {
            let matches = |kind| matches!(kind, Kind::Nap(f) | Kind::Doze(f) if fate(&f));
            person.periods(day).iter().any(|period| matches(period.kind))
        }
    };
    check("ill", days(|p, day| p.illness(day) > 0.0), 6 * 2 * 3..6 * 4 * 7);
    check("away", days(|p, day| p.zone(day) != p.life().home), 6 * 10..6 * 60);
    check("ring off", days(|p, day| p.wear(day) == Wear::Off), 25..90);
    check("night only missing", days(|p, day| p.wear(day) == Wear::DayOnly), 5..45);
    check("workouts", days(|p, day| p.workout(day).is_some()), 6 * 80..6 * 190);
    check("edited", days(|p, day| p.edit(day).is_some()), 50..130);
    check("confirmed", days(nap(|fate| matches!(fate, Fate::Confirmed(_)))), 40..300);
    check("rejected", days(nap(|fate| matches!(fate, Fate::Rejected(_)))), 10..120);
    check("deleted", days(nap(|fate| matches!(fate, Fate::Deleted(_)))), 3..80);
    let broken = |p: &Person, day| p.periods(day).iter().filter(|it| it.kind == Kind::Long).count() == 2;
    check("broken nights", days(broken), 8..80);
    check("rings", 1 + days(|p, day| p.ring(day) != p.ring(shift(day, -1))), 2..3);
}

#[test]
fn forced_illness_affects_its_days_only() {
    let first = (1..400)
        .map(|n| shift(FIRST, n))
        .find(|day| (-9..9).all(|n| person(1).illness(shift(*day, n)) == 0.0));
    let first = first.unwrap();
    let ill = person(1).with_illness(first, 5);
    let strength: Vec<_> = (-1..6).map(|n| ill.illness(shift(first, n)) > 0.0).collect();
    assert_eq!(strength, [false, true, true, true, true, true, false]);
    assert!(ill.body(shift(first, 1)).warmth > person(1).body(shift(first, 1)).warmth + 0.9);
}

#[test]
fn dst_night_is_measured_in_elapsed_hours() {
    let person = person(3);
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    for (day, change) in [(date(2021, 3, 28), 1), (date(2021, 10, 31), -1)] {
        let night = person.night(day);
        let real = night.end.duration_since(night.start);
        let wall = zone.to_datetime(night.end).duration_since(zone.to_datetime(night.start));
        if person.zone(day) == person.life().home {
            assert_eq!(wall - real, SignedDuration::from_hours(change), "{day}");
        }
    }
}

#[test]
fn jet_lag_starts_with_a_flight_and_fades() {
    let person = person(7);
    let away = |day: Date| person.zone(day) != person.life().home;
    let flights: Vec<_> =
        (2..2_190).map(|n| shift(FIRST, n)).filter(|day| away(*day) != away(shift(*day, -1))).collect();
    assert!(flights.len() > 10);
    let mut felt = 0;
    for day in flights.iter().copied() {
        assert!(person.departs(shift(day, -1)));
        let lag: Vec<_> = (-1..5).map(|n| person.jet_lag(shift(day, n)).abs()).collect();
        // A trip of five days ends before the lag of its first flight has quite gone.
        assert!(lag[0] <= lag[1] && lag[5] < 0.3, "{day}: {lag:?}");
        felt += usize::from(lag[1] > 0.1);
        assert!(lag[1..].is_sorted_by(|a, b| a >= b), "{day}: {lag:?}");
    }
    // South is no lag.
    assert!(felt * 2 > flights.len(), "{felt} of {}", flights.len());
}
