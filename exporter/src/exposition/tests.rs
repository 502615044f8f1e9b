use domain::{Collection, Day};
use proptest::prelude::*;
use store::{Latest, Person, SyncState};

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn latest(person: i64, key: &str, on: &str, value: f64) -> Latest {
    let metric = Metric::by_key(key).unwrap();
    let day: Day = day(on);
    let observed_at = if metric.is_series() { at(&format!("{on}T10:00:00Z")) } else { day.midnight_utc() };
    Latest { person, metric, day, observed_at, value }
}

fn person(id: i64, name: &str) -> Person {
    Person { id, name: name.parse().unwrap(), time_zone: "Europe/Berlin".into() }
}

fn state(collection: Collection, failure: Option<&str>) -> SyncState {
    SyncState {
        collection,
        covered: None,
        newest_day: Some(day("2026-03-29")),
        last_attempt_at: Some(at("2026-03-29T11:00:00Z")),
        last_success_at: Some(at("2026-03-29T10:30:00Z")),
        failure: failure.map(str::to_owned),
        rejected_at: None,
    }
}

fn ring() -> domain::Ring {
    let body =
        r#"[{"hardware_type": "gen3", "color": "deep_rose", "firmware_version": "2.9.32", "size": 10}]"#;
    domain::Ring::of(body).unwrap()
}

fn household() -> Snapshot {
    let states = |failure| vec![state(Collection::DailySleep, None), state(Collection::HeartRate, failure)];
    Snapshot {
        people: vec![(person(1, "ann"), states(None)), (person(2, "bob"), states(Some("scope")))],
        latest: vec![
            latest(1, "sleep_score", "2026-03-29", 81.0),
            latest(1, "sleep_contributor_timing", "2026-03-29", 95.0),
            latest(1, "sleep_efficiency", "2026-03-29", 0.91),
            latest(1, "sleep_stage_duration_deep", "2026-03-29", 5400.0),
            latest(1, "sleep_algorithm", "2026-03-29", 1.0),
            latest(1, "temperature_deviation", "2026-03-29", -0.07),
            latest(2, "sleep_score", "2026-03-28", 70.0),
            latest(2, "heart_rate_awake", "2026-03-29", 62.0),
            latest(2, "heart_rate_sleep", "2026-03-29", 51.0),
        ],
        rings: [(2, ring())].into(),
        drift: vec![("sleep".into(), "/episodes/*/mood".into(), 3)],
    }
}

#[test]
fn golden() {
    insta::assert_snapshot!(render(&household(), at("2026-03-29T12:00:00Z")));
}

/// What stays when the values go.
fn is_kept(line: &str) -> bool {
    ["timestamp", "oura_ring_info", "oura_absence_reason"].iter().any(|word| line.contains(word))
}

#[test]
fn yesterday_is_not_now() {
    let values = |now: &str| {
        let text = render(&household(), at(now));
        let count = text.lines().filter(|line| line.starts_with("oura_") && !is_kept(line)).count();
        (count, text)
    };
    let (all, _) = values("2026-03-29T12:00:00Z");
    let (without_heart_rate, text) = values("2026-03-30T10:00:00Z");
    assert_eq!(all - without_heart_rate, 2, "a point is valid for a day");
    assert!(text.contains("oura_sleep_score{person=\"bob\"}"));
    assert!(!values("2026-03-31T00:00:00Z").1.contains("oura_sleep_score{person=\"bob\"}"));
    let (none, text) = values("2026-04-02T00:00:00Z");
    assert_eq!(none, 0);
    assert!(text.contains("oura_newest_day_timestamp_seconds{person=\"ann\",collection=\"daily_sleep\"}"));
}

#[test]
fn the_next_change_by_time_alone_is_known() {
    let snapshot = household();
    assert_eq!(snapshot.next_expiry(at("2026-03-29T12:00:00Z")), Some(at("2026-03-30T10:00:00Z")));
    assert_eq!(snapshot.next_expiry(at("2026-03-30T10:00:00Z")), Some(at("2026-03-31T00:00:00Z")));
    assert_eq!(snapshot.next_expiry(at("2026-04-02T00:00:00Z")), None);
}

#[test]
fn values_of_a_removed_person_are_nobodys() {
    let mut snapshot = household();
    snapshot.people.pop();
    let text = render(&snapshot, at("2026-03-29T12:00:00Z"));
    assert!(text.contains("ann") && !text.contains("bob"));
}

proptest! {
    /// Every number reads back as itself.
    #[test]
    fn numbers_survive_the_text(value in proptest::num::f64::NORMAL | proptest::num::f64::ZERO | proptest::num::f64::SUBNORMAL) {
        let mut text = Text(String::new());
        text.number(value);
        prop_assert_eq!(text.0.parse::<f64>().map(f64::to_bits), Ok(if value == 0.0 { 0 } else { value.to_bits() }));
    }
}
