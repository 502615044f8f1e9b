//! The health series as text, straight from the catalogue: one pass, families in the catalogue's order.
//!
//! Written by hand because it is the product's hot path (a tenth of the time and memory of a general registry);
//! everything else uses prometheus-client. Gauges read the same in Prometheus text and in OpenMetrics.

use std::collections::HashMap;

use domain::{METRICS, Metric, Source};
use jiff::Timestamp;

use crate::snapshot::Snapshot;

mod facts;

/// The health series at `now`, without an end marker.
pub(crate) fn render(snapshot: &Snapshot, now: Timestamp) -> String {
    let names: HashMap<i64, &str> = snapshot.people.iter().map(|(p, _)| (p.id, p.name.as_str())).collect();
    let mut by_metric: HashMap<&'static str, Vec<(&str, f64)>> = HashMap::new();
    for latest in snapshot.valid(now) {
        if let Some(name) = names.get(&latest.person) {
            by_metric.entry(latest.metric.key).or_default().push((name, latest.value));
        }
    }
    let mut text = Text(String::with_capacity(16 * 1024));
    let mut open = "";
    for metric in METRICS.iter().filter(|metric| metric.has_now()) {
        let Some(values) = by_metric.get(metric.key) else { continue };
        let name = metric.name();
        if open != metric.family() {
            open = metric.family();
            text.head(&name, &metric.help_text());
        }
        for (person, value) in values {
            match metric.source {
                Source::State(_, _, states) => text.states(&name, person, states, *value),
                _ => text.sample(&name, &labels(person, metric), *value),
            }
        }
    }
    freshness(&mut text, snapshot);
    facts::render(&mut text, snapshot, now);
    text.0
}

fn labels<'a>(person: &'a str, metric: &Metric) -> Vec<(&'static str, &'a str)> {
    let mut labels = vec![("person", person)];
    labels.extend(metric.label.map(|label| (label.name, label.value)));
    labels
}

/// Beside the values: how fresh they are, and whether reading works. These stay when the values go.
fn freshness(text: &mut Text, snapshot: &Snapshot) {
    type Column<'a> = (&'a str, &'a str, Box<dyn Fn(&store::Person, &store::SyncState) -> Option<f64> + 'a>);
    #[expect(clippy::cast_precision_loss, reason = "seconds of this era fit 53 bits")]
    let seconds = |at: Timestamp| at.as_second() as f64;
    let observed = snapshot.observed();
    let columns: [Column<'_>; 4] = [
        (
            "oura_newest_day_timestamp_seconds",
            "The newest day that has a document, as its midnight UTC.",
            Box::new(move |_, state| state.newest_day.map(|day| seconds(day.midnight_utc()))),
        ),
        (
            "oura_observed_timestamp_seconds",
            "When the newest value was measured; for a number of a whole day its midnight UTC.",
            Box::new(|person, state| observed.get(&(person.id, state.collection)).copied().map(seconds)),
        ),
        (
            "myhealth_sync_last_success_timestamp_seconds",
            "When the collection was last read from Oura without a failure.",
            Box::new(move |_, state| state.last_success_at.map(seconds)),
        ),
        (
            "myhealth_sync_up",
            "Whether the last attempt to read the collection from Oura succeeded.",
            Box::new(|_, state| Some(f64::from(u8::from(state.failure.is_none())))),
        ),
    ];
    for (name, help, value) in columns {
        let mut headed = false;
        for (person, states) in &snapshot.people {
            for state in states {
                let Some(value) = value(person, state) else { continue };
                if !std::mem::replace(&mut headed, true) {
                    text.head(name, help);
                }
                let labels = [("person", person.name.as_str()), ("collection", state.collection.name())];
                text.sample(name, &labels, value);
            }
        }
    }
    let mut headed = false;
    for (person, states) in &snapshot.people {
        for (state, failure) in states.iter().filter_map(|state| Some((state, state.failure.as_deref()?))) {
            if !std::mem::replace(&mut headed, true) {
                text.head(
                    "myhealth_sync_failure",
                    "Why the last attempt to read the collection from Oura failed.",
                );
            }
            let labels = [
                ("person", person.name.as_str()),
                ("collection", state.collection.name()),
                ("kind", failure),
            ];
            text.sample("myhealth_sync_failure", &labels, 1.0);
        }
    }
}

/// Exposition text under construction.
struct Text(String);

impl Text {
    fn head(&mut self, name: &str, help: &str) {
        for part in ["# HELP ", name, " ", help, "\n# TYPE ", name, " gauge\n"] {
            self.0.push_str(part);
        }
    }

    /// Label values are pseudonyms, names of collections and words of the catalogue: nothing that needs escaping, by
    /// their types and by the catalogue's laws.
    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.0.push_str(name);
        for (i, (label, word)) in labels.iter().enumerate() {
            for part in [if i == 0 { "{" } else { "," }, label, "=\"", word, "\""] {
                self.0.push_str(part);
            }
        }
        self.0.push_str("} ");
        self.number(value);
        self.0.push('\n');
    }

    fn states(&mut self, name: &str, person: &str, states: &[&str], index: f64) {
        for (i, state) in (0_u32..).zip(states) {
            let here = f64::from(u8::from((f64::from(i) - index).abs() < 0.5));
            self.sample(name, &[("person", person), (Metric::STATE_LABEL, state)], here);
        }
    }

    fn number(&mut self, value: f64) {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        if value.fract() == 0.0 && value.abs() < EXACT {
            #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
            let whole = value as i64;
            self.0.push_str(itoa::Buffer::new().format(whole));
        } else {
            self.0.push_str(zmij::Buffer::new().format(value));
        }
    }
}

#[cfg(test)]
mod tests;
