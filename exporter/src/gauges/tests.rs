use std::collections::BTreeSet;
use std::io::Read;

use bytes::Bytes;
use domain::{Cause, Collection, Day, METRICS, Metric, Ring};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use proptest::prelude::*;
use store::{Latest, SyncState};

use super::*;
use crate::gzip;
use crate::text::{CHUNK_BYTES, Chunk, Position};

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

fn pieces(body: &Body) -> Vec<&Arc<Chunk>> {
    body.strips.iter().flat_map(|strip| &strip.pieces).collect()
}

fn frames(body: &Body, gzip: bool) -> Vec<u8> {
    let mut position = Position::default();
    std::iter::from_fn(|| position.next(&body.strips, gzip)).collect::<Vec<Bytes>>().concat()
}

fn plain(body: &Body) -> String {
    String::from_utf8(frames(body, false)).unwrap()
}

fn unzipped(body: &Body) -> String {
    let crc = gzip::combine(body.strips.iter().map(|strip| strip.crc()));
    let stream = [gzip::HEAD, &frames(body, true), &gzip::tail(&crc)].concat();
    assert_eq!(body.bytes(), (plain(body).len(), frames(body, true).len()));
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
    assert!(
        plain(&body).contains("oura_sleep_score{person=\"eve\"} 70") && gauges.blocks[0].people.len() == 2
    );
    let lines = plain(&body).lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!((body.people(), body.series), (2, lines));
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

/// What one person's change costs is counted, not timed: the parts and pieces that were made again.
#[test]
fn change_of_one_person_shares_the_other_text() {
    let shared = |people: i64| {
        let mut gauges = gauges(&crowd(people, 70.0), "2026-03-29T12:00:00Z");
        let before = gauges.body();
        let mut one = one_of_many(6, 70.0);
        one.latest[0].value = 71.0;
        gauges.set(&[one], at("2026-03-29T12:00:00Z"));
        let after = gauges.body();
        let old: HashMap<usize, usize> =
            pieces(&before).into_iter().map(|piece| (Arc::as_ptr(piece).addr(), 0)).collect();
        let new = pieces(&after).into_iter().filter(|piece| !old.contains_key(&Arc::as_ptr(piece).addr()));
        let written: usize = new.flat_map(|piece| &piece.plain).map(Bytes::len).sum();
        assert_eq!(plain(&before).replacen("\"p-00006\"} 70", "\"p-00006\"} 71", 1), plain(&after));
        assert_eq!(unzipped(&after), plain(&after));
        written
    };
    let (some, many) = (shared(1_000), shared(4_000));
    assert!(some <= 3 * CHUNK_BYTES && many <= 3 * CHUNK_BYTES, "{some} and {many} bytes were made again");
}

#[test]
fn unchanged_read_rebuilds_nothing() {
    let mut gauges = gauges(&crowd(600, 70.0), "2026-03-29T12:00:00Z");
    let before = gauges.body();
    gauges.set(&crowd(600, 70.0), at("2026-03-29T12:00:01Z"));
    let after = gauges.body();
    assert!(before.strips.len() == after.strips.len());
    assert!(before.strips.iter().zip(&after.strips).all(|(one, other)| Arc::ptr_eq(one, other)));
}

/// The same series through the general library.
#[derive(Debug)]
struct Reference(Vec<Record>);

impl Collector for Reference {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let mut open = "";
        let rows: Vec<&Metric> = METRICS.iter().filter(|metric| metric.has_current_value()).collect();
        for (i, metric) in rows.iter().enumerate() {
            if open == metric.family() {
                continue;
            }
            open = metric.family();
            let mut said: Vec<(&Record, &Latest)> = Vec::new();
            for row in rows[i..].iter().take_while(|other| other.family() == open) {
                for record in &self.0 {
                    let of_row = record.latest.iter().filter(|latest| latest.metric == *row);
                    said.extend(of_row.map(|latest| (record, latest)));
                }
            }
            if said.is_empty() {
                continue;
            }
            let kind = ConstGauge::new(0.0).metric_type();
            let name = metric.name();
            let mut family = encoder.encode_descriptor(&name, &metric.help_text(), None, kind)?;
            for (record, latest) in said {
                let person = ("person", record.person.name.as_str());
                for (label, value) in samples(latest) {
                    let labels: Vec<(&str, &str)> = [person].into_iter().chain(label).collect();
                    ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
                }
            }
        }
        Ok(())
    }
}

fn samples(latest: &Latest) -> Vec<(Option<(&'static str, &'static str)>, f64)> {
    let states = latest.metric.states();
    if states.is_empty() {
        return vec![(latest.metric.label.map(|label| (label.name, label.value)), latest.value)];
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small index")]
    let index = latest.value as usize;
    let one =
        |(i, state): (usize, &&'static str)| (Some((Metric::STATE_LABEL, *state)), f64::from(i == index));
    states.iter().enumerate().map(one).collect()
}

/// Reasons follow from the clock at the last reading, not from the values alone; they have a test of their own.
fn values(body: &Body) -> String {
    let text = plain(body);
    let lines = text.lines().filter(|line| !line.contains("oura_absence_reason"));
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// Lines as what they mean: the number by its bits, and no order within a family.
fn meaning(text: &str) -> Vec<(String, BTreeSet<(String, u64)>)> {
    let mut families: Vec<(String, BTreeSet<(String, u64)>)> = Vec::new();
    for line in text.lines().filter(|line| *line != "# EOF") {
        if line.starts_with('#') {
            families.push((line.to_owned(), BTreeSet::new()));
        } else {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let value = value.parse::<f64>().unwrap() + 0.0;
            let new = families.last_mut().unwrap().1.insert((series.to_owned(), value.to_bits()));
            assert!(new, "{series} stands twice");
        }
    }
    families
}

fn rows() -> Vec<&'static Metric> {
    METRICS.iter().filter(|metric| metric.has_current_value()).collect()
}

/// Some values of some persons; states are within their words.
fn anybody() -> impl Strategy<Value = Vec<Record>> {
    let number = prop_oneof![
        (-1_000_000..1_000_000_i64).prop_map(|n| {
            #[expect(clippy::cast_precision_loss, reason = "small")]
            let n = n as f64;
            n
        }),
        proptest::num::f64::NORMAL,
    ];
    let values = proptest::collection::btree_map(0..rows().len(), (number, 0..8_usize), 0..30);
    proptest::collection::btree_map("[a-z0-9][a-z0-9_-]{0,31}", values, 0..6).prop_map(|people| {
        let record = |(id, (name, values)): (i64, (String, _))| {
            let values: std::collections::BTreeMap<usize, (f64, usize)> = values;
            let latest = values.into_iter().map(|(row, (number, word))| {
                let metric = rows()[row];
                #[expect(clippy::cast_precision_loss, reason = "a small index")]
                let value =
                    if metric.states().is_empty() { number } else { (word % metric.states().len()) as f64 };
                let day = day("2026-03-29");
                Latest { person: id, metric, day, observed_at: at("2026-03-29T10:00:00Z"), value }
            });
            self::record(id, &name, latest.collect(), Vec::new())
        };
        (1..).zip(people).map(record).collect()
    })
}

/// What can happen to the gauges of a few persons.
#[derive(Clone, Debug)]
enum Event {
    Read(usize, f64),
    Gone(usize),
    Later(i64),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        4 => (0..700_usize, 0..100_i32).prop_map(|(who, value)| Event::Read(who, value.into())),
        2 => (0..700_usize).prop_map(Event::Gone),
        1 => (1..40_i64).prop_map(Event::Later),
    ];
    proptest::collection::vec(event, 1..25)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// What is written by hand is what the general library writes.
    #[test]
    fn text_equals_that_of_prometheus_client(people in anybody()) {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Reference(people.clone())));
        let mut expected = String::new();
        prometheus_client::encoding::text::encode(&mut expected, &registry).unwrap();
        let body = gauges(&people, "2026-03-29T12:00:00Z").body();
        prop_assert_eq!(meaning(&values(&body)), meaning(&expected));
        prop_assert_eq!(unzipped(&body), plain(&body));
    }

    /// Whatever happened in between, the text is that of a fresh start.
    #[test]
    fn incremental_changes_equal_a_fresh_start(events in events()) {
        let mut now = at("2026-03-29T12:00:00Z");
        let mut known: HashMap<i64, Record> = HashMap::new();
        let mut gauges = Gauges::default();
        let first = crowd(600, 70.0);
        gauges.set(&first, now);
        known.extend(first.into_iter().map(|record| (record.person.id, record)));
        for event in events {
            match event {
                Event::Read(who, value) => {
                    let record = one_of_many(i64::try_from(who).unwrap() + 1, value);
                    gauges.set(std::slice::from_ref(&record), now);
                    known.insert(record.person.id, record);
                }
                Event::Gone(who) => {
                    let id = i64::try_from(who).unwrap() + 1;
                    gauges.remove(&[id]);
                    known.remove(&id);
                }
                Event::Later(hours) => {
                    now += jiff::SignedDuration::from_hours(hours);
                    gauges.expire(now);
                }
            }
            gauges.body();
        }
        let body = gauges.body();
        let mut fresh = Gauges::default();
        fresh.set(&known.values().cloned().collect::<Vec<_>>(), now);
        prop_assert_eq!(meaning(&values(&body)), meaning(&values(&fresh.body())));
        prop_assert_eq!(unzipped(&body), plain(&body));
        prop_assert_eq!(body.people(), known.len());
    }
}

/// Lines of a column that nobody's new values change are not even looked at, so what a clock has taken out must be
/// remembered otherwise.
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
