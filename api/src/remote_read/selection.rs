//! Which series a question selects, in the order Prometheus sorts them.

use std::sync::LazyLock;

use domain::history::{Gauge, Labels};
use domain::{METRICS, Metric};

use super::matcher::Matchers;

/// A row of the catalogue with those of its series that are asked for.
pub(super) struct Selected {
    pub(super) metric: &'static Metric,
    pub(super) gauges: Vec<Gauge>,
}

/// A row of the catalogue with all its series, and their labels but for the person.
struct Row {
    metric: &'static Metric,
    gauges: Vec<(Gauge, Labels<'static>)>,
}

/// The catalogue, so that walking the groups in order, in each the people, and for each the rows, meets the series in the
/// order of their labels. A label that sorts after `person` (stage, type) varies within a person.
static SORTED: LazyLock<Vec<Vec<Row>>> = LazyLock::new(|| {
    let row = |metric: &'static Metric| {
        let mut gauges: Vec<_> = Gauge::of(metric).map(|gauge| (gauge, gauge.labels(""))).collect();
        gauges.sort_by_key(|(gauge, _)| gauge.state.map(|state| metric.states()[state]));
        (metric.name(), Row { metric, gauges })
    };
    let mut rows: Vec<(String, Row)> = METRICS.iter().map(row).collect();
    let label = |row: &Row| row.metric.label.map_or("", |label| label.value);
    rows.sort_by(|a, b| (&a.0, label(&a.1)).cmp(&(&b.0, label(&b.1))));
    let mut groups: Vec<(String, Vec<Row>)> = Vec::new();
    for (name, row) in rows {
        let within = row.metric.label.is_some_and(|label| label.name > "person");
        match groups.last_mut().filter(|(last, _)| within && *last == name) {
            Some((_, group)) => group.push(row),
            None => groups.push((name, vec![row])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
});

/// The groups a query selects. Each is sent for all people before the next, and for each person as a whole.
pub(super) fn groups(matchers: &Matchers) -> Vec<Vec<Selected>> {
    let selected = |row: &Row| {
        let allowed = row.gauges.iter().filter(|(_, labels)| matchers.allow_labels(labels));
        let gauges: Vec<Gauge> = allowed.map(|(gauge, _)| *gauge).collect();
        (!gauges.is_empty()).then_some(Selected { metric: row.metric, gauges })
    };
    let groups = SORTED.iter().map(|group| group.iter().filter_map(selected).collect::<Vec<_>>());
    groups.filter(|group| !group.is_empty()).collect()
}

/// The numbers of days among these rows, in order.
pub(super) fn daily(rows: &[Selected]) -> impl Iterator<Item = &'static Metric> {
    rows.iter().map(|row| row.metric).filter(|metric| !metric.is_series())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote_read::matcher::Resolved;

    #[test]
    fn series_are_sorted_by_labels() {
        let matchers = Matchers::new(Vec::new(), &Resolved::default(), &[]).unwrap();
        let mut met = Vec::new();
        for group in groups(&matchers) {
            for person in ["ann", "me"] {
                for gauge in group.iter().flat_map(|selected| &selected.gauges) {
                    met.push(gauge.labels(person));
                }
            }
        }
        assert_eq!(met.len(), 2 * Gauge::all().count());
        assert!(met.is_sorted_by(|a, b| a < b), "{:?}", met.windows(2).find(|pair| pair[0] >= pair[1]));
    }
}
