//! What a process shows is what the table of service metrics says, and nothing in the table is forgotten.

use std::collections::{BTreeMap, BTreeSet};

use service_metrics::{Kind, ROWS, Row, Section};

use crate::process::{Running, get, service, until};

/// A sample: the row's name and its labels.
type Sample = (String, BTreeMap<String, String>);

/// Types and helps by name, and the samples, of an exposition. The numbers of the catalogue are documented elsewhere.
fn parse(scrape: &str) -> (BTreeMap<String, (String, String)>, Vec<Sample>) {
    let numbers: BTreeSet<_> = domain::METRICS.iter().map(domain::Metric::name).collect();
    let mut families: BTreeMap<String, (String, String)> = BTreeMap::new();
    let mut samples = Vec::new();
    for line in scrape.lines() {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|line| line.split_once(' ')) {
            help.clone_into(&mut families.entry(name.to_owned()).or_default().1);
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|line| line.split_once(' '))
        {
            kind.clone_into(&mut families.entry(name.to_owned()).or_default().0);
        } else if !line.starts_with('#') {
            let series = line.rsplit_once(' ').unwrap().0;
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            let of_histogram =
                ["_bucket", "_sum", "_count"].iter().find_map(|ending| name.strip_suffix(ending));
            let of_histogram =
                of_histogram.filter(|name| families.get(*name).is_some_and(|family| family.0 == "histogram"));
            let labels = labels.trim_end_matches('}').trim_end_matches('"').split("\",");
            let labels =
                labels.filter_map(|label| label.split_once("=\"")).filter(|(label, _)| *label != "le");
            let labels = labels.map(|(label, word)| (label.to_owned(), word.to_owned())).collect();
            samples.push((of_histogram.unwrap_or(name).to_owned(), labels));
        }
    }
    families.retain(|name, _| !numbers.contains(name));
    samples.retain(|(name, _)| !numbers.contains(name));
    (families, samples)
}

/// Whether a sample has the labels of the row, and only words that the row has.
fn assert_sample(row: &Row, labels: &BTreeMap<String, String>) {
    let known = (row.labels)();
    let names: BTreeSet<_> = known.iter().map(|label| label.name).collect();
    assert_eq!(labels.keys().map(String::as_str).collect::<BTreeSet<_>>(), names, "{}", row.name);
    for label in &known {
        let word = &labels[label.name];
        let is_known = label.words.as_ref().is_none_or(|words| words.contains(word));
        assert!(is_known, "{}: {}={word:?} is not in the table", row.name, label.name);
    }
}

/// Compares a scrape with the table; returns the names that it shows.
fn compare(scrape: &str) -> BTreeSet<&'static str> {
    let (families, samples) = parse(scrape);
    for (name, (kind, help)) in &families {
        let row = ROWS.iter().find(|row| row.name == name);
        let row =
            row.unwrap_or_else(|| panic!("{name} is scraped and is not in service-metrics/src/table.rs"));
        assert_eq!((row.kind.name(), format!("{}.", row.help)), (kind.as_str(), help.clone()), "{name}");
    }
    let mut shown = BTreeSet::new();
    for (name, labels) in &samples {
        let row =
            ROWS.iter().find(|row| row.name == name).unwrap_or_else(|| panic!("{name} has no metadata"));
        assert_sample(row, labels);
        shown.insert(row.name);
    }
    shown
}

async fn scrape(running: &Running, wanted: &str) -> String {
    let metrics = format!("http://{}/metrics", running.address("web").await);
    until(wanted, async || get(&metrics).await.filter(|body| body.contains(wanted))).await
}

#[tokio::test]
async fn scrape_equals_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Running::start(service(&["demo", "--since", "2026-01-01"], folder.path()));
    let mut shown = compare(&scrape(&demo, "oura_observed").await);
    drop(demo);

    // The demo has no webhooks.
    let folder = tempfile::tempdir().unwrap();
    let mut command =
        service(&["serve", "--oura-client-id", "a", "--oura-client-secret", "b"], folder.path());
    command.args(["--oura-url", "http://127.0.0.1:1", "--webhook.listen-address", "127.0.0.1:0"]);
    command.args(["--webhook.callback-url", "https://health.example.org/oura"]);
    let serve = Running::start(command);
    shown.extend(compare(&scrape(&serve, "myhealth_webhook_events_total").await));

    let everywhere = |row: &&Row| !matches!(row.section, Section::Conditional | Section::LogIn);
    let missing: Vec<_> = ROWS.iter().filter(everywhere).filter(|row| !shown.contains(row.name)).collect();
    assert!(missing.is_empty(), "in the table, and not scraped: {missing:?}");
    assert!(ROWS.iter().any(|row| row.kind == Kind::Histogram && shown.contains(row.name)));
}
