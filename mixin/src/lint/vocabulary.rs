//! Which series exist, with which labels and words.

use std::collections::{BTreeMap, BTreeSet};

use domain::{METRICS, Metric};
use service_metrics::{Kind, ROWS};

use crate::alerts;
use crate::config::Config;
use crate::external::EXTERNAL;
use crate::promql::{self, About};
use crate::rules::Group;

/// Labels that Prometheus adds to what it scrapes.
const SCRAPED: [&str; 2] = ["job", "instance"];

/// Labels of a series, and the words of those that are a closed set.
#[derive(Clone, Debug, Default)]
struct Labels(BTreeMap<String, Option<BTreeSet<String>>>);

impl Labels {
    fn any(names: &[&str]) -> Self {
        Self(names.iter().map(|name| ((*name).to_owned(), None)).collect())
    }

    fn word(&mut self, label: &str, word: &str) {
        self.0
            .entry(label.to_owned())
            .or_insert_with(|| Some(BTreeSet::new()))
            .get_or_insert_default()
            .insert(word.to_owned());
    }
}

/// Every series by name, with its labels and the words of those that are a closed set.
pub struct Vocabulary(BTreeMap<String, Labels>);

impl Vocabulary {
    /// The catalogue, the table of service metrics, and the rules with these settings.
    pub fn new(config: &Config) -> Self {
        let files = alerts::all(config);
        Self::of_groups(&files.iter().flat_map(|file| &file.groups).collect::<Vec<_>>())
    }

    pub(super) fn of_groups(groups: &[&Group]) -> Self {
        let mut series = BTreeMap::new();
        catalogue(&mut series);
        services(&mut series);
        for record in groups.iter().flat_map(|group| &group.records) {
            // The level of `level:metric:operations` is the labels that are left.
            let level = record.name.split(':').next().unwrap_or_default();
            let labels: &mut Labels = series
                .entry(record.name.to_owned())
                .or_insert_with(|| Labels::any(&level.split('_').collect::<Vec<_>>()));
            if let Some((label, word)) = record.label {
                labels.0.entry(label.to_owned()).or_default();
                let _ = word;
            }
        }
        let mut alerts = Labels::any(&["person", "collection", "scope", "job", "instance"]);
        for alert in groups.iter().flat_map(|group| &group.alerts) {
            alerts.word("alertname", alert.name);
            alerts.word("severity", alert.severity.word());
            for (label, word) in alert.area.labels() {
                alerts.word(label, word);
            }
        }
        for state in ["pending", "firing"] {
            alerts.word("alertstate", state);
        }
        series.insert("ALERTS".to_owned(), alerts);
        Self(series)
    }

    /// What is wrong with an expression, and with the labels that its legends name.
    pub fn complaints(&self, expr: &str, legends: &[String]) -> Vec<String> {
        let About { selectors, labels, made } = promql::about(expr);
        let mut complaints = Vec::new();
        let mut known = BTreeSet::from(["le".to_owned()]);
        known.extend(made);
        if selectors.is_empty() {
            complaints.push("selects no series".to_owned());
        }
        for (name, matchers) in selectors {
            let Some(series) = self.find(&name) else {
                complaints.push(format!("no series is called {name}"));
                continue;
            };
            known.extend(series.0.keys().cloned());
            for (label, value) in matchers {
                match series.0.get(&label) {
                    None => complaints.push(format!("{name} has no label {label}")),
                    Some(Some(words)) if !value.contains('$') => {
                        // Words of a regular expression, one by one; a class of its own is not checked.
                        let unknown = value
                            .split('|')
                            .filter(|word| !word.contains(['.', '[', '+', '*']))
                            .filter(|word| !words.contains(*word));
                        complaints.extend(unknown.map(|word| format!("{label} of {name} is never {word:?}")));
                    }
                    Some(_) => {}
                }
            }
        }
        let named = legends.iter().flat_map(|legend| named(legend));
        let unknown =
            labels.into_iter().chain(named).filter(|label| label != "__name__" && !known.contains(label));
        complaints.extend(unknown.map(|label| format!("no series here has a label {label}")));
        complaints
    }

    /// A series by its name; those of a histogram by the histogram's.
    fn find(&self, name: &str) -> Option<&Labels> {
        let histogram = ["_bucket", "_count", "_sum"]
            .iter()
            .find_map(|ending| self.0.get(&format!("{}{{}}", name.strip_suffix(ending)?)));
        self.0.get(name).or(histogram)
    }
}

fn catalogue(series: &mut BTreeMap<String, Labels>) {
    for metric in METRICS {
        let labels = series.entry(metric.name()).or_insert_with(|| {
            let mut labels = Labels::any(&["person"]);
            labels.word("source", "history");
            labels.word("source", "");
            labels
        });
        if let Some(label) = metric.label {
            labels.word(label.name, label.value);
        }
        for state in metric.states() {
            labels.word(Metric::STATE_LABEL, state);
        }
    }
}

/// The services' own metrics, and series of other programs. A histogram is filed under `name{}`.
fn services(series: &mut BTreeMap<String, Labels>) {
    for row in ROWS {
        let mut known = Labels::any(&SCRAPED);
        for label in (row.labels)() {
            let words = label.words.map(|words| words.into_iter().collect());
            known.0.insert(label.name.to_owned(), words);
        }
        if row.name.starts_with("oura_") {
            known.word("source", "");
        }
        let key = if row.kind == Kind::Histogram { format!("{}{{}}", row.name) } else { row.name.to_owned() };
        series.insert(key, known);
    }
    for row in EXTERNAL {
        let names: Vec<_> = row.labels.iter().copied().chain(SCRAPED).collect();
        series.insert(row.name.to_owned(), Labels::any(&names));
    }
}

/// The labels in Grafana's `{{label}}` and Prometheus's `{{ $labels.label }}`.
fn named(legend: &str) -> impl Iterator<Item = String> {
    legend.split("{{").skip(1).filter_map(|rest| {
        let inside = rest.split("}}").next()?.trim();
        let label = match inside.strip_prefix('$') {
            Some(variable) => variable.strip_prefix("labels.")?,
            None => inside,
        };
        Some(label.split(' ').next()?.to_owned())
    })
}
