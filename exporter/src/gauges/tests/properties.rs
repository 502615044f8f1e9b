//! The text against the general library, and any sequence of changes against a fresh start.

use std::collections::BTreeSet;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use proptest::prelude::*;

use super::*;

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
            let mut known: Vec<(&Record, &Latest)> = Vec::new();
            for row in rows[i..].iter().take_while(|other| other.family() == open) {
                for record in &self.0 {
                    let of_row = record.latest.iter().filter(|latest| latest.metric == *row);
                    known.extend(of_row.map(|latest| (record, latest)));
                }
            }
            if known.is_empty() {
                continue;
            }
            let kind = ConstGauge::new(0.0).metric_type();
            let name = metric.name();
            let mut family = encoder.encode_descriptor(&name, &metric.help_text(), None, kind)?;
            for (record, latest) in known {
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
            assert!(new, "{series} is there twice");
        }
    }
    families
}

fn rows() -> Vec<&'static Metric> {
    METRICS.iter().filter(|metric| metric.has_current_value()).collect()
}

/// Some values of some persons; states are within their words.
fn records() -> impl Strategy<Value = Vec<Record>> {
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

    /// The hand-written encoder and the general library write the same text.
    #[test]
    fn text_equals_that_of_prometheus_client(people in records()) {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Reference(people.clone())));
        let mut expected = String::new();
        prometheus_client::encoding::text::encode(&mut expected, &registry).unwrap();
        let body = gauges(&people, "2026-03-29T12:00:00Z").body();
        prop_assert_eq!(meaning(&values(&body)), meaning(&expected));
        prop_assert_eq!(unzipped(&body), plain(&body));
    }

    /// After any sequence of changes the text is that of a fresh start.
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
