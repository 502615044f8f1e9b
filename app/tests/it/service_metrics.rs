//! `docs/service-metrics.md` is what a real scrape shows, and what the demo shows is in it.

use std::collections::{BTreeMap, BTreeSet};

use crate::monitoring::shipped;
use crate::process::{Running, get, service, until};

type Shapes = BTreeMap<String, (String, BTreeSet<String>)>;

/// The rows of the page's tables that lie under one of these headings; all of them when none is named.
fn rows(headings: &[&str]) -> Shapes {
    let page = shipped("docs/service-metrics.md");
    let sections = page.split("\n## ").skip(1).filter(|section| {
        headings.is_empty() || headings.iter().any(|heading| section.lines().next() == Some(heading))
    });
    let rows = sections.flat_map(str::lines).filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| {
        let cells: Vec<_> = row.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        let labels = cells[2].split(',').map(|label| label.trim().trim_matches('`').to_owned());
        (cells[0].to_owned(), (cells[1].to_owned(), labels.filter(|label| !label.is_empty()).collect()))
    })
    .collect()
}

/// What an exposition shows: type and labels by name. The numbers of the catalogue are documented elsewhere.
fn shown(scrape: &str) -> Shapes {
    let mut shapes = Shapes::new();
    let mut kinds = BTreeMap::new();
    let numbers: BTreeSet<_> = domain::METRICS.iter().map(domain::Metric::name).collect();
    for line in scrape.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|line| line.split_once(' ')) {
            kinds.insert(name.to_owned(), kind.to_owned());
        }
        if line.starts_with('#') {
            continue;
        }
        let series = line.rsplit_once(' ').unwrap().0;
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let histogram = ["_bucket", "_sum", "_count"].iter().find_map(|ending| name.strip_suffix(ending));
        let name =
            histogram.filter(|name| kinds.get(*name).is_some_and(|kind| kind == "histogram")).unwrap_or(name);
        if numbers.contains(name) {
            continue;
        }
        let labels = labels
            .split("\",")
            .filter_map(|label| label.split_once("=\""))
            .map(|(label, _)| label.to_owned());
        let shape = shapes.entry(name.to_owned()).or_insert_with(|| (kinds[name].clone(), BTreeSet::new()));
        shape.1.extend(labels.filter(|label| label != "le"));
    }
    shapes
}

#[tokio::test]
async fn service_metrics_page_equals_a_scrape() {
    let folder = tempfile::tempdir().unwrap();
    let command = service(&["demo", "--since", "2026-01-01"], folder.path());
    let demo = Running::start(command);
    let metrics = format!("http://{}/metrics", demo.address("gauges").await);
    let scrape =
        until("gauges", async || get(&metrics).await.filter(|body| body.contains("oura_observed"))).await;
    let shown = shown(&scrape);
    let documented = rows(&[]);
    for (name, shape) in &shown {
        assert_eq!(documented.get(name), Some(shape), "{name}: mend docs/service-metrics.md");
    }
    for name in rows(&["Every process", "Exporter: beside the numbers", "Ingest"]).keys() {
        assert!(
            shown.contains_key(name),
            "{name} is documented for every process and the demo does not show it"
        );
    }
}
