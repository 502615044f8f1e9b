use proptest::prelude::*;
use serde_json::json;

use super::super::{Derived, derive_with};
use super::*;

const DAY: &str = "2026-10-25";
const SCORE: &str = r#"{"id":"d","day":"2026-10-25","score":70}"#;

fn day() -> Day {
    DAY.parse().unwrap()
}

/// A period between two minutes of the day, UTC, with a heart rate.
fn period(kind: &str, from: i64, to: i64) -> Value {
    let at = |minutes: i64| (day().midnight_utc() + SignedDuration::from_mins(minutes)).to_string();
    json!({
        "id": format!("{kind}-{from}-{to}"), "day": DAY, "type": kind,
        "bedtime_start": at(from), "bedtime_end": at(to), "time_in_bed": (to - from) * 60,
        "total_sleep_duration": (to - from) * 50, "lowest_heart_rate": 50, "average_hrv": 40,
        "sleep_score_delta": if kind == "sleep" { json!(2) } else { Value::Null },
    })
}

fn with(mut document: Value, name: &str, value: impl Into<Value>) -> Value {
    document[name] = value.into();
    document
}

fn derived(documents: &[Value], scored: bool) -> Derived {
    let bodies: Vec<String> = documents.iter().map(Value::to_string).collect();
    derive_with(Collection::Sleep, day(), bodies.iter().map(String::as_str), scored.then_some(SCORE))
}

/// Time asleep in the night, how many naps, and time asleep in them; `None` where there is no value.
type Counted = (Option<f64>, Option<f64>, Option<f64>);

fn counted(derived: &Derived) -> Counted {
    let value = |key: &str| derived.daily.iter().find(|daily| daily.metric.key == key)?.value;
    (value("sleep_duration"), value("sleep_naps"), value("sleep_nap_duration"))
}

/// What is counted, the same in every order of arrival and with every order of ids.
fn check(documents: &[Value], scored: bool, expected: Counted) {
    let first = derived(documents, scored);
    assert_eq!(counted(&first), expected, "{documents:#?}");
    for rotation in 0..documents.len() {
        let mut rotated = documents.to_vec();
        rotated.rotate_left(rotation);
        for reversed in [false, true] {
            if reversed {
                rotated.reverse();
            }
            for (n, document) in rotated.iter_mut().enumerate() {
                document["id"] = format!("id-{n}").into();
            }
            assert_eq!(derived(&rotated, scored), first, "{rotated:#?}");
        }
    }
}

/// Seconds asleep in a period of so many minutes.
#[expect(clippy::unnecessary_wraps, reason = "as it is compared")]
fn asleep(minutes: i32) -> Option<f64> {
    Some(f64::from(minutes * 50))
}

const NONE: (Option<f64>, Option<f64>) = (Some(0.0), None);

#[test]
fn night_under_two_ids_counts_once_and_keeps_its_heart() {
    let night = period("long_sleep", -60, 420);
    let remnant = with(with(night.clone(), "lowest_heart_rate", 255), "average_hrv", Value::Null);
    let remnant = with(remnant, "total_sleep_duration", 26_000);
    check(&[night.clone(), remnant.clone()], false, (asleep(480), NONE.0, NONE.1));
    let longer = with(remnant, "bedtime_end", "2026-10-25T07:10:00Z");
    check(&[night.clone(), longer], false, (asleep(480), NONE.0, NONE.1));
    check(&[night.clone(), night], false, (asleep(480), NONE.0, NONE.1));
}

#[test]
fn night_under_three_ids_with_other_bounds_counts_once() {
    let versions =
        [period("long_sleep", -60, 420), period("long_sleep", -90, 390), period("long_sleep", 0, 450)];
    check(&versions, false, (asleep(480), NONE.0, NONE.1));
    let grown = [180, 300, 390, 430].map(|end| period("long_sleep", -60, end));
    check(&grown, false, (asleep(490), NONE.0, NONE.1));
}

#[test]
fn sleep_inside_the_night_is_no_nap() {
    for kind in ["sleep", "late_nap", "long_sleep"] {
        check(
            &[period("long_sleep", -60, 420), period(kind, 120, 240)],
            false,
            (asleep(480), NONE.0, NONE.1),
        );
    }
    check(
        &[period("long_sleep", -60, 420), period("sleep", -60, 30), period("sleep", 840, 900)],
        false,
        (asleep(480), Some(1.0), asleep(60)),
    );
}

#[test]
fn nap_that_touches_the_night_is_a_nap() {
    for from in [420, 410, 421] {
        let nap = period("sleep", from, from + 60);
        check(&[period("long_sleep", -60, 420), nap], false, (asleep(480), Some(1.0), asleep(60)));
    }
    let around = [period("late_nap", -120, -60), period("long_sleep", -60, 420)];
    check(&around, false, (asleep(480), Some(1.0), asleep(60)));
}

#[test]
fn nap_under_two_ids_counts_once() {
    let naps = [period("late_nap", 840, 900), period("sleep", 845, 910), period("sleep", 960, 980)];
    check(
        &[&naps[..], &[period("long_sleep", 0, 400)]].concat(),
        false,
        (asleep(400), Some(2.0), asleep(85)),
    );
}

#[test]
fn split_night_is_its_longer_part_and_of_equal_parts_the_earlier() {
    let split = [period("long_sleep", -60, 180), period("long_sleep", 240, 450)];
    check(&split, true, (asleep(240), Some(1.0), asleep(210)));
    let equal = [period("long_sleep", -60, 180), period("long_sleep", 240, 480)];
    let night = derived(&equal, false);
    let start = night.daily.iter().find(|daily| daily.metric.key == "sleep_bedtime_start").unwrap();
    #[expect(clippy::cast_precision_loss, reason = "seconds")]
    let evening = (day().midnight_utc().as_second() - 3600) as f64;
    assert_eq!(start.value, Some(evening));
    check(&equal, false, (asleep(240), Some(1.0), asleep(240)));
}

#[test]
fn short_night_of_a_scored_day_is_a_night() {
    let short = with(period("sleep", 90, 260), "sleep_score_delta", Value::Null);
    check(std::slice::from_ref(&short), true, (asleep(170), NONE.0, NONE.1));
    check(std::slice::from_ref(&short), false, (None, None, None));
    check(&[with(short.clone(), "sleep_score_delta", 0)], true, (asleep(170), NONE.0, NONE.1));
    check(&[with(short.clone(), "type", Value::Null)], true, (asleep(170), NONE.0, NONE.1));
    let nap = period("sleep", 840, 1020);
    check(&[short.clone(), nap.clone()], true, (asleep(170), Some(1.0), asleep(180)));
    check(&[short.clone(), nap.clone()], false, (None, Some(1.0), asleep(180)));
    check(&[short.clone(), period("long_sleep", 270, 400)], true, (asleep(130), NONE.0, NONE.1));
    check(&[nap], true, (None, Some(1.0), asleep(180)));
    for other in [
        with(short.clone(), "total_sleep_duration", 30),
        with(short.clone(), "type", "rest"),
        with(short.clone(), "type", "deleted"),
        with(short, "bedtime_end", Value::Null),
    ] {
        check(&[other], true, (None, None, None));
    }
}

#[test]
fn day_without_a_readable_score_has_no_short_night() {
    let short = with(period("sleep", 90, 260), "sleep_score_delta", Value::Null).to_string();
    for score in [r#"{"score":null}"#, r#"{"score":0}"#, "{}", "no json"] {
        let derived = derive_with(Collection::Sleep, day(), [short.as_str()], [score]);
        assert_eq!(counted(&derived), (None, None, None), "{score}");
    }
}

#[test]
fn night_stored_backwards_or_without_length_is_none() {
    for end in [-120, -60] {
        let night = period("long_sleep", -60, end);
        assert_eq!(derived(&[night], true), Derived::default());
    }
    let night = with(period("long_sleep", -60, 420), "bedtime_start", "1970-01-01T00:00:00Z");
    assert_eq!(derived(&[night], true), Derived::default(), "1970 is unknown");
}

#[test]
fn clocks_do_not_tell_which_periods_share_their_time() {
    let spell = |from: &str, to: &str, kind: &str| {
        with(with(period(kind, 0, 60), "bedtime_start", from), "bedtime_end", to)
    };
    // A nap of the flight reads like the end of the night, and begins an hour after it.
    let night = spell("2026-10-24T23:00:00+01:00", "2026-10-25T06:00:00+01:00", "long_sleep");
    let nap = spell("2026-10-25T03:00:00-03:00", "2026-10-25T04:00:00-03:00", "late_nap");
    check(&[night, nap], false, (asleep(60), Some(1.0), asleep(60)));
    // The hour that clocks repeat: the first half past two is before the second.
    let night = spell("2026-10-24T23:00:00+02:00", "2026-10-25T02:30:00+02:00", "long_sleep");
    let again = spell("2026-10-25T02:00:00+01:00", "2026-10-25T03:00:00+01:00", "late_nap");
    check(&[night, again], false, (asleep(60), Some(1.0), asleep(60)));
}

proptest! {
    /// For any periods of a day: the order in which they came and their ids change nothing, no two that count share
    /// their time, and every one that could count is a version of one that does, at most over a third.
    #[test]
    fn outcome_depends_on_neither_order_nor_ids(
        periods in prop::collection::vec((0_i64..24, 1_i64..12, 0_usize..6, prop::option::of(-1_i64..3), any::<bool>()), 0..7),
        order in any::<[prop::sample::Index; 7]>(),
        scored in any::<bool>(),
    ) {
        let kinds = ["long_sleep", "long_sleep", "late_nap", "sleep", "rest", "deleted"];
        let documents: Vec<Value> = periods.iter().map(|(from, length, kind, delta, measured)| {
            let document = period(kinds[*kind], from * 30, (from + length) * 30);
            let document = with(document, "sleep_score_delta", *delta);
            if *measured { document } else { with(with(document, "lowest_heart_rate", 255), "average_hrv", Value::Null) }
        }).collect();
        let first = derived(&documents, scored);
        let mut shuffled = documents.clone();
        for (at, other) in order.iter().enumerate().take(shuffled.len()) {
            let other = other.index(shuffled.len());
            shuffled.swap(at, other);
        }
        for (n, document) in shuffled.iter_mut().enumerate() {
            document["id"] = format!("{n}").into();
        }
        prop_assert_eq!(&derived(&shuffled, scored), &first);

        let sleeps = Sleeps::of(&documents, day(), scored);
        let read = |document| Period::of(document, day()).unwrap();
        let chosen: Vec<Period<'_>> = sleeps.night.into_iter().chain(sleeps.naps).map(read).collect();
        for (n, one) in chosen.iter().enumerate() {
            prop_assert!(chosen[..n].iter().all(|other| !one.is_version_of(other)));
        }
        let all: Vec<Period<'_>> = documents.iter().filter_map(|document| Period::of(document, day())).collect();
        let is_near = |it: &Period<'_>| chosen.iter().any(|chosen| it.is_version_of(chosen));
        for it in all.iter().filter(|it| it.kind.counts()) {
            prop_assert!(is_near(it) || all.iter().any(|third| it.is_version_of(third) && is_near(third)));
        }
    }
}
