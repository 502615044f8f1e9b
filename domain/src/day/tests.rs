use proptest::prelude::*;

use super::*;

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

#[test]
fn absurd_dates_are_refused_by_name() {
    for text in [
        "",
        "1",
        "2026-3-1",
        "2026-02-30",
        "nonsense",
        "2026-03-01T00:00:00Z",
        "+026-03-01",
        "２０２６-03-01",
    ] {
        assert!(matches!(text.parse::<Day>(), Err(InvalidDay::Malformed(_))), "{text}");
    }
    for text in ["0024-01-01", "1970-01-01", "2200-01-01", "9999-12-31"] {
        assert!(matches!(text.parse::<Day>(), Err(InvalidDay::OutOfRange(_))), "{text}");
    }
}

#[test]
fn day_is_read_from_the_wall_calendar() {
    let instant: Timestamp = "2026-03-29T22:30:00Z".parse().unwrap();
    assert_eq!(Day::at(instant, &TimeZone::UTC), day("2026-03-29"));
    assert_eq!(Day::at(instant, &TimeZone::fixed(jiff::tz::offset(2))), day("2026-03-30"));
}

#[test]
fn day_range_includes_both_ends() {
    let range = DayRange::new(day("2026-02-27"), day("2026-03-01")).unwrap();
    assert_eq!(range.len(), 3);
    assert!(range.contains(day("2026-02-27")) && range.contains(day("2026-03-01")));
    assert!(!range.contains(day("2026-03-02")));
    assert_eq!(range.padded(2).first(), day("2026-02-25"));
    assert!(DayRange::new(day("2026-03-02"), day("2026-03-01")).is_err());
}

#[test]
fn day_is_settled_after_the_resync_window() {
    let today = day("2026-03-29");
    assert!(!day("2026-03-22").is_settled(today), "the trailing days reach here");
    assert!(day("2026-03-21").is_settled(today));
    assert!(!day("2026-03-30").is_settled(today), "a day to come");
}

#[test]
fn day_arithmetic_saturates_at_the_limits() {
    for start in [Day::FIRST, day("2026-03-29"), Day::LAST] {
        for far in [73_049, 100_001, i64::MAX] {
            assert_eq!(start.plus(far), Day::LAST, "{start} {far}");
        }
        for far in [-73_049, -100_001, i64::MIN] {
            assert_eq!(start.plus(far), Day::FIRST, "{start} {far}");
        }
    }
    assert_eq!((Day::LAST.since(Day::FIRST), Day::LAST.plus(0)), (73_048, Day::LAST));
}

fn any_day() -> impl Strategy<Value = Day> {
    (0..73_000_i64).prop_map(|n| Day::FIRST.plus(n))
}

proptest! {
    #[test]
    fn day_parsing_round_trips_and_never_panics(text in ".{0,16}") {
        if let Ok(parsed) = text.parse::<Day>() {
            prop_assert_eq!(parsed.to_string(), text);
        }
    }

    #[test]
    fn day_arithmetic_is_exact(first in any_day(), n in -70_000_i64..70_000) {
        let moved = first.plus(n);
        prop_assert!(Day::FIRST <= moved && moved <= Day::LAST);
        if moved != Day::FIRST && moved != Day::LAST {
            prop_assert_eq!(moved.since(first), n);
        }
    }

    #[test]
    fn day_counting_equals_a_fixed_offset_clock(a in any_day(), b in any_day()) {
        let seconds = a.midnight_utc().duration_since(b.midnight_utc()).as_secs();
        prop_assert_eq!(a.since(b) * 86_400, seconds);
    }

    #[test]
    fn day_is_formatted_as_iso_8601(day in any_day()) {
        prop_assert_eq!(day.to_string(), day.date().to_string());
        prop_assert_eq!(serde_json::to_string(&day).unwrap(), serde_json::to_string(&day.date()).unwrap());
    }

    #[test]
    fn day_range_chunks_cover_every_day_once(first in any_day(), len in 0_i64..400, size in 0_i64..60) {
        let range = DayRange::new(first, first.plus(len)).unwrap();
        let chunks = range.chunks(size);
        let days: Vec<Day> = chunks.iter().flat_map(|chunk| chunk.days()).collect();
        prop_assert_eq!(days, range.days().collect::<Vec<_>>());
        prop_assert!(chunks.iter().all(|chunk| chunk.len() <= size.max(1)));
    }
}
