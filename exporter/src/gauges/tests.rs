mod properties;

use std::io::Read;

use bytes::Bytes;
use domain::{Cause, Collection, Day, METRICS, Metric, Ring};
use store::{Latest, SyncState};

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

fn state(collection: Collection, failure: Option<Cause>) -> SyncState {
    SyncState {
        collection,
        covered: None,
        newest_day: Some(day("2026-03-29")),
        last_attempt_at: Some(at("2026-03-29T11:00:00Z")),
        last_success_at: Some(at("2026-03-29T10:30:00Z")),
        failure,
        rejected_at: None,
        rejected_day: None,
    }
}

fn states(failure: Option<Cause>) -> Vec<SyncState> {
    vec![state(Collection::DailySleep, None), state(Collection::HeartRate, failure)]
}

fn household() -> Vec<Record> {
    let ann = [
        ("sleep_score", "2026-03-29", 81.0),
        ("sleep_contributor_timing", "2026-03-29", 95.0),
        ("sleep_efficiency", "2026-03-29", 0.91),
        ("sleep_stage_duration_deep", "2026-03-29", 5400.0),
        ("sleep_algorithm", "2026-03-29", 1.0),
        ("temperature_deviation", "2026-03-29", -0.07),
    ];
    let bob = [
        ("sleep_score", "2026-03-28", 70.0),
        ("heart_rate_awake", "2026-03-29", 62.0),
        ("heart_rate_sleep", "2026-03-29", 51.0),
    ];
    let all =
        |id, rows: &[(&str, &str, f64)]| rows.iter().map(|(key, on, v)| latest(id, key, on, *v)).collect();
    vec![
        record(1, "ann", all(1, &ann), states(None)),
        record(2, "bob", all(2, &bob), states(Some(Cause::Scope))),
    ]
}

fn record(id: i64, name: &str, latest: Vec<Latest>, states: Vec<SyncState>) -> Record {
    let person = store::Person { id, name: name.parse().unwrap(), time_zone: "UTC".into() };
    Record { person, latest, states, ring: None }
}

fn gauges(records: &[Record], now: &str) -> Gauges {
    let mut gauges = Gauges::default();
    gauges.set(records, at(now));
    gauges
}

fn plain(body: &Body) -> String {
    String::from_utf8(body.snapshot.plain()).unwrap()
}

fn unzipped(body: &Body) -> String {
    let stream = body.snapshot.gzip();
    let mut text = String::new();
    flate2::read::GzDecoder::new(stream.as_slice()).read_to_string(&mut text).unwrap();
    text
}

#[test]
fn exposition_equals_the_snapshot() {
    insta::assert_snapshot!(plain(&gauges(&household(), "2026-03-29T12:00:00Z").body()));
}

#[test]
fn gauge_expires_after_its_valid_days() {
    let mut gauges = gauges(&household(), "2026-03-29T12:00:00Z");
    let mut values = |now: &str| {
        gauges.expire(at(now));
        let text = plain(&gauges.body());
        let count = text
            .lines()
            .filter(|line| {
                line.starts_with("oura_") && !line.contains("timestamp") && !line.contains("reason")
            })
            .count();
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
    assert!(!text.contains("# TYPE oura_sleep_score"), "a family without samples has no head");
}

/// In which zone, of which day, and when it ends.
const ENDS: [(&str, &str, &str); 9] = [
    ("Europe/Berlin", "2026-03-10", "2026-03-12T23:00:00Z"),
    // Clocks go forward on the 29th, and back on 25 October.
    ("Europe/Berlin", "2026-03-28", "2026-03-30T22:00:00Z"),
    ("Europe/Berlin", "2026-10-24", "2026-10-26T23:00:00Z"),
    ("America/New_York", "2026-03-07", "2026-03-10T04:00:00Z"),
    ("Pacific/Auckland", "2026-04-04", "2026-04-06T12:00:00Z"),
    ("Pacific/Kiritimati", "2026-03-10", "2026-03-12T10:00:00Z"),
    ("Pacific/Pago_Pago", "2026-03-10", "2026-03-13T11:00:00Z"),
    // Its last day has the hour from 23:00 twice.
    ("Africa/Cairo", "2026-10-27", "2026-10-29T22:00:00Z"),
    ("Not/A_Zone", "2026-03-10", "2026-03-13T00:00:00Z"),
];

#[test]
fn value_of_a_day_ends_at_the_persons_midnight() {
    for (zone, on, ends) in ENDS {
        let mut known = record(1, "ann", vec![latest(1, "sleep_score", on, 81.0)], Vec::new());
        known.person.time_zone = zone.into();
        let mut gauges = gauges(&[known], &format!("{on}T12:00:00Z"));
        assert_eq!(gauges.next_expiry(), Some(at(ends)), "{zone} {on}");
        gauges.expire(at(ends) - jiff::SignedDuration::from_secs(1));
        assert!(plain(&gauges.body()).contains("oura_sleep_score{"), "{zone} {on}");
        gauges.expire(at(ends));
        assert!(!plain(&gauges.body()).contains("oura_sleep_score{"), "{zone} {on}");
    }
}

#[test]
fn value_ends_by_the_zone_the_person_has_moved_to() {
    let mut known = record(1, "ann", vec![latest(1, "sleep_score", "2026-03-10", 81.0)], Vec::new());
    let mut gauges = gauges(std::slice::from_ref(&known), "2026-03-10T12:00:00Z");
    assert_eq!(gauges.next_expiry(), Some(at("2026-03-13T00:00:00Z")));
    let later = at("2026-03-13T02:00:00Z");
    gauges.expire(later);
    known.person.time_zone = "America/New_York".into();
    gauges.set(std::slice::from_ref(&known), later);
    assert!(plain(&gauges.body()).contains("oura_sleep_score{"), "its day is not over there");
    assert_eq!(gauges.next_expiry(), Some(at("2026-03-13T04:00:00Z")));
}

#[test]
fn next_expiry_is_known() {
    let mut gauges = gauges(&household(), "2026-03-29T12:00:00Z");
    for next in ["2026-03-30T10:00:00Z", "2026-03-31T00:00:00Z", "2026-04-01T00:00:00Z"] {
        assert_eq!(gauges.next_expiry(), Some(at(next)));
        gauges.expire(at(next));
    }
    assert_eq!(gauges.next_expiry(), None);
}

#[test]
fn removed_person_disappears_and_the_slot_is_reused() {
    let mut gauges = gauges(&household(), "2026-03-29T12:00:00Z");
    gauges.remove(&[2, 77]);
    let body = gauges.body();
    assert!(plain(&body).contains("ann") && !plain(&body).contains("bob"));
    assert_eq!(body.person(&"bob".parse().unwrap(), &[]), None);
    assert_eq!(body.people(), 1);
    let mut eve = household().remove(1);
    (eve.person.id, eve.person.name) = (3, "eve".parse().unwrap());
    gauges.set(&[eve], at("2026-03-29T12:00:00Z"));
    let body = gauges.body();
    assert!(plain(&body).contains("oura_sleep_score{person=\"eve\"} 70") && gauges.people[0].len() == 2);
    let lines = plain(&body).lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!((body.people(), body.snapshot.lines()), (2, lines));
}

#[test]
fn text_is_filtered_by_person_and_collection() {
    let body = gauges(&household(), "2026-03-29T12:00:00Z").body();
    let text = |frames: Vec<Bytes>| String::from_utf8(frames.concat()).unwrap();
    let bob = text(body.person(&"bob".parse().unwrap(), &[]).unwrap());
    assert!(bob.contains("oura_heart_rate_beats_per_minute{person=\"bob\"") && !bob.contains("ann"));
    assert!(bob.starts_with("# HELP oura_sleep_score"), "{bob}");
    let night = text(body.collections(&[Collection::DailySleep]));
    assert!(
        night.contains("oura_sleep_score{person=\"ann\"}") && night.contains("collection=\"daily_sleep\"")
    );
    assert!(!night.contains("heart") && !night.contains("temperature"), "{night}");
    assert_eq!(text(body.collections(&[])), plain(&body), "no collection named means all");
    let heart = text(body.person(&"bob".parse().unwrap(), &[Collection::HeartRate]).unwrap());
    assert_eq!(heart.lines().filter(|line| line.starts_with("oura_heart_rate")).count(), 2);
}

#[test]
fn absence_reason_and_ring_info_are_exposed() {
    let mut records = household();
    records[0].ring = Ring::of(
        r#"[{"id":"r","hardware_type":"gen3","color":"black","design":"heritage","size":10,"set_up_at":"2024-01-01T00:00:00Z"}]"#,
    );
    let text = plain(&gauges(&records, "2026-03-29T12:00:00Z").body());
    let lines = |start: &str| text.lines().filter(|line| line.starts_with(start)).collect::<Vec<_>>();
    assert_eq!(
        lines("oura_ring_info{"),
        [
            r#"oura_ring_info{person="ann",hardware_type="gen3",color="black",design="heritage",firmware_version="",size="10"} 1"#
        ]
    );
    let reasons = lines("oura_absence_reason{");
    assert!(
        reasons.contains(&r#"oura_absence_reason{person="bob",collection="sleep",reason="never_read"} 1"#),
        "{reasons:#?}"
    );
}

/// Enough persons for several blocks.
fn crowd(people: i64, value: f64) -> Vec<Record> {
    (1..=people).map(|id| one_of_many(id, value)).collect()
}

fn one_of_many(id: i64, value: f64) -> Record {
    let keys = ["sleep_score", "readiness_score", "activity_steps"];
    let latest = keys.iter().map(|key| latest(id, key, "2026-03-29", value)).collect();
    record(id, &format!("p-{id:05}"), latest, states(None))
}

/// What one person's change may cost, whatever the number of persons: three chunks.
const MOST: usize = 3 * 32 * 1024;

/// The cost is counted, not timed: bytes that were written again.
#[test]
fn change_of_one_person_shares_the_other_text() {
    let shared = |people: i64| {
        let mut gauges = gauges(&crowd(people, 70.0), "2026-03-29T12:00:00Z");
        let before = gauges.body();
        let mut one = one_of_many(6, 70.0);
        one.latest[0].value = 71.0;
        gauges.set(&[one], at("2026-03-29T12:00:00Z"));
        let after = gauges.body();
        assert_eq!(plain(&before).replacen("\"p-00006\"} 70", "\"p-00006\"} 71", 1), plain(&after));
        assert_eq!(unzipped(&after), plain(&after));
        after.snapshot.unshared_bytes(&before.snapshot)
    };
    let (some, many) = (shared(1_000), shared(4_000));
    assert!(some <= MOST && many <= MOST, "{some} and {many} bytes were made again");
}

#[test]
fn unchanged_read_rebuilds_nothing() {
    let mut gauges = gauges(&crowd(600, 70.0), "2026-03-29T12:00:00Z");
    let before = gauges.body();
    gauges.set(&crowd(600, 70.0), at("2026-03-29T12:00:01Z"));
    let after = gauges.body();
    assert_eq!(after.snapshot.unshared_bytes(&before.snapshot), 0);
}

/// Columns without a changed value are not even compared, so values that a clock has removed must be tracked separately.
#[test]
fn clock_set_back_loses_no_gauge() {
    let mut gauges = gauges(&household(), "2026-03-29T12:00:00Z");
    let before = plain(&gauges.body());
    gauges.expire(at("2027-01-01T00:00:00Z"));
    assert!(!plain(&gauges.body()).contains("oura_sleep_score{"));
    gauges.expire(at("2026-03-29T12:00:01Z"));
    for record in household() {
        gauges.set(&[record], at("2026-03-29T12:00:02Z"));
    }
    assert_eq!(plain(&gauges.body()), before);
}
