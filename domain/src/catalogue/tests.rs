//! The laws of the table. Each takes the table as an argument, so that the laws themselves are tested with broken rows.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::*;
use crate::collection::fixture;

/// Leaves of the fixtures that are deliberately no metric, and why.
const IGNORED: &[(&str, &str, &str)] = &[
    ("sleep", "/period", "the ordinal of the period within its day, not a measurement"),
    ("sleep", "/readiness/", "repeats daily_readiness of the same day"),
    (
        "sleep_time",
        "/optimal_bedtime/day_tz",
        "the offset the other two are printed in, which they already contain",
    ),
    ("ring_configuration", "/size", "a label of the ring's info series"),
    ("ring_battery_level", "/timestamp_unix", "as in heartrate"),
    ("heartrate", "/timestamp_unix", "repeats timestamp; missing in older answers, seconds in some"),
];

fn pointer(metric: &Metric) -> Option<&'static str> {
    match metric.source {
        Source::Number(_, pointer) | Source::State(_, pointer, _) | Source::Samples(_, pointer, _) => {
            Some(pointer)
        }
        Source::Codes { pointer, .. } => Some(pointer),
        Source::Rows { value, .. } => Some(value),
        Source::Span(_, start, _) => Some(start),
        Source::Count(_) => None,
    }
}

/// Numbers and flags of the fixtures that no row reads and no reason excuses.
fn unmapped(metrics: &[&Metric], documents: &BTreeMap<Collection, Vec<Value>>) -> BTreeSet<String> {
    let mut leaves = BTreeSet::new();
    for (collection, documents) in documents {
        for document in documents {
            walk(document, "", &mut |path| {
                let read = metrics.iter().any(|metric| {
                    metric.collection == *collection
                        && pointer(metric).is_some_and(|p| path == p || path.starts_with(&format!("{p}/")))
                });
                let excused = IGNORED
                    .iter()
                    .any(|(name, prefix, _)| *name == collection.name() && path.starts_with(prefix));
                if !read && !excused {
                    leaves.insert(format!("{collection}{path}"));
                }
            });
        }
    }
    leaves
}

fn walk(value: &Value, path: &str, visit: &mut impl FnMut(&str)) {
    match value {
        Value::Number(_) | Value::Bool(_) => visit(path),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, v)| walk(v, &format!("{path}/{i}"), visit));
        }
        Value::Object(fields) => fields.iter().for_each(|(k, v)| walk(v, &format!("{path}/{k}"), visit)),
        Value::Null | Value::String(_) => {}
    }
}

/// Rows whose pointer finds nothing in their collection's fixture.
fn dangling(metrics: &[&Metric], documents: &BTreeMap<Collection, Vec<Value>>) -> Vec<&'static str> {
    let resolves = |metric: &&&Metric| {
        pointer(metric).is_none_or(|pointer| {
            documents[&metric.collection].iter().any(|d| d.pointer(pointer).is_some_and(|v| !v.is_null()))
        })
    };
    metrics.iter().filter(|metric| !resolves(metric)).map(|metric| metric.key).collect()
}

fn world() -> (Vec<&'static Metric>, BTreeMap<Collection, Vec<Value>>) {
    (METRICS.iter().collect(), Collection::ALL.iter().map(|c| (*c, fixture(*c))).collect())
}

#[test]
fn every_numeric_field_is_a_metric_or_ignored_with_a_reason() {
    let (metrics, documents) = world();
    assert_eq!(
        unmapped(&metrics, &documents),
        BTreeSet::new(),
        "add a row to METRICS or a reason to IGNORED"
    );
}

#[test]
fn every_metric_points_to_an_existing_field() {
    let (metrics, documents) = world();
    assert_eq!(dangling(&metrics, &documents), Vec::<&str>::new(), "no fixture has what these rows point to");
}

#[test]
fn deleted_metric_is_named() {
    let (mut metrics, documents) = world();
    for gone in ["sleep_lowest_heart_rate", "activity_steps", "readiness_contributor_hrv_balance"] {
        let field = pointer(Metric::by_key(gone).unwrap()).unwrap();
        metrics.retain(|metric| metric.key != gone);
        let found = unmapped(&metrics, &documents);
        assert!(found.iter().any(|leaf| leaf.ends_with(field)), "{gone}: {found:?}");
    }
}

#[test]
fn new_and_vanished_fields_are_named() {
    let (metrics, mut documents) = world();
    let night = documents.get_mut(&Collection::Sleep).unwrap();
    night[0]["snoring_index"] = 7.into();
    for document in night {
        document.as_object_mut().unwrap().remove("latency");
    }
    assert_eq!(unmapped(&metrics, &documents), BTreeSet::from(["sleep/snoring_index".to_owned()]));
    assert_eq!(dangling(&metrics, &documents), ["sleep_latency"]);
}

#[test]
fn metric_keys_and_series_are_unique_and_well_formed() {
    let mut keys = BTreeSet::new();
    let mut series = BTreeSet::new();
    for metric in METRICS {
        assert!(keys.insert(metric.key), "{}: the key stands twice", metric.key);
        let name = metric.name();
        assert!(
            series.insert((name.clone(), metric.label.map(|l| l.value))),
            "{name}: two rows make one series"
        );
        for word in [metric.key, &name] {
            let plain = word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
            assert!(
                plain && word.starts_with(|c: char| c.is_ascii_lowercase()),
                "{word}: not [a-z][a-z0-9_]*"
            );
        }
        for unit in ["seconds", "celsius", "ratio", "meters", "joules", "percent", "minutes", "total_total"] {
            assert!(
                !metric.key.split('_').any(|part| part == unit),
                "{}: {unit} belongs to the unit",
                metric.key
            );
        }
        assert!(!name.ends_with("_total"), "{name}: _total is for counters");
    }
}

#[test]
fn metrics_of_a_family_are_adjacent_and_consistent() {
    for pair in METRICS.windows(2) {
        let [before, after] = pair else { unreachable!("windows of two") };
        if before.family() == after.family() {
            let facts =
                |m: &Metric| (m.name(), m.help, m.unit, m.collection, m.label.map(|label| label.name));
            assert_eq!(facts(before), facts(after), "{} and {} are one family", before.key, after.key);
            assert!(before.label.is_some(), "{}: a family needs a label", before.key);
        }
    }
    let mut blocks: Vec<&str> = METRICS.iter().map(Metric::family).collect();
    blocks.dedup();
    let families: BTreeSet<&str> = blocks.iter().copied().collect();
    assert_eq!(blocks.len(), families.len(), "the rows of a family are not neighbours");
}

#[test]
fn metric_labels_do_not_clash_with_reserved_ones() {
    for metric in METRICS {
        if let Some(label) = metric.label {
            assert!(
                !["person", "source", "job", "instance", Metric::STATE_LABEL].contains(&label.name),
                "{}",
                metric.key
            );
            assert!(
                metric.key.ends_with(&format!("_{}", label.value)),
                "{}: must end with its label",
                metric.key
            );
        }
        assert_eq!(metric.states().is_empty(), !matches!(metric.source, Source::State(..)), "{}", metric.key);
    }
}

#[test]
fn help_text_is_a_sentence_with_its_source() {
    for metric in METRICS {
        let help = metric.help;
        assert!(help.ends_with('.') && help.starts_with(char::is_uppercase), "{}: {help}", metric.key);
        assert_ne!(
            help.to_lowercase().replace(' ', "_"),
            format!("{}.", metric.key),
            "{}: key in prose",
            metric.key
        );
        assert!(metric.help_text().contains(metric.collection.name()), "{}", metric.key);
        assert!(!metric.help_text().contains('\n') && !metric.help_text().contains('\\'), "{}", metric.key);
    }
    let text = |key| Metric::by_key(key).unwrap().help_text();
    assert!(
        text("sleep_efficiency").ends_with("Oura: sleep.efficiency, percent / 100."),
        "{}",
        text("sleep_efficiency")
    );
    assert!(text("readiness_contributor_hrv_balance").ends_with("Oura: daily_readiness.contributors.*."));
    assert!(text("heart_rate_awake").ends_with("Oura: heartrate.bpm."), "{}", text("heart_rate_awake"));
}

#[test]
fn metric_names_follow_from_key_and_unit() {
    let name = |key| Metric::by_key(key).unwrap().name();
    assert_eq!(name("sleep_score"), "oura_sleep_score");
    assert_eq!(name("sleep_efficiency"), "oura_sleep_efficiency_ratio");
    assert_eq!(name("sleep_stage_duration_deep"), "oura_sleep_stage_duration_seconds");
    assert_eq!(name("activity_average_met"), "oura_activity_average_met");
    assert_eq!(name("heart_rate_sleep"), "oura_heart_rate_beats_per_minute");
}
