//! What the exporter says about itself.

use std::collections::HashSet;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::body::Body;

type Seconds = Gauge<f64, AtomicU64>;

/// Gauges and counters of the exporter role.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    pub(crate) up: Gauge,
    rebuilds: Counter,
    people: Gauge,
    series: Gauge,
    plain: Gauge,
    compressed: Gauge,
    read_at: Seconds,
    reading: Seconds,
    rebuilding: Seconds,
    drift: Family<Drift, Gauge>,
    /// The series of `drift`: those that are gone are taken away, and a scrape in between misses none.
    drifted: Arc<Mutex<HashSet<Drift>>>,
}

/// Something of Oura's that this version does not know: a name, never a value.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Drift {
    collection: String,
    pointer: String,
}

impl Metrics {
    /// The caller chose the prefix.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            up: Gauge::default(),
            rebuilds: Counter::default(),
            people: Gauge::default(),
            series: Gauge::default(),
            plain: Gauge::default(),
            compressed: Gauge::default(),
            read_at: Seconds::default(),
            reading: Seconds::default(),
            rebuilding: Seconds::default(),
            drift: Family::default(),
            drifted: Arc::default(),
        };
        registry.register(
            "oura_drift_documents",
            "Documents with a field or word of Oura's that this version does not know",
            metrics.drift.clone(),
        );
        registry.register(
            "exporter_up",
            "Whether the newest values could be read the last time; while it is 0 those read before are shown until \
             their time is up",
            metrics.up.clone(),
        );
        registry.register(
            "exporter_rebuilds",
            "How often the body of a scrape was made anew",
            metrics.rebuilds.clone(),
        );
        registry.register(
            "exporter_people",
            "Persons whose gauges are exported here",
            metrics.people.clone(),
        );
        registry.register("exporter_series", "Series about persons in a scrape", metrics.series.clone());
        let bytes = [
            ("exporter_body", "Size of the series about persons in a scrape", &metrics.plain),
            ("exporter_compressed_body", "The same, compressed", &metrics.compressed),
        ];
        for (name, help, gauge) in bytes {
            registry.register_with_unit(name, help, Unit::Bytes, gauge.clone());
        }
        let seconds = [
            (
                "exporter_last_read_timestamp",
                "When the newest values were last read from the database, as Unix time",
                &metrics.read_at,
            ),
            ("exporter_last_read_duration", "How long the last reading took", &metrics.reading),
            (
                "exporter_last_rebuild_duration",
                "How long the last rebuild of the body took",
                &metrics.rebuilding,
            ),
        ];
        for (name, help, gauge) in seconds {
            registry.register_with_unit(name, help, Unit::Seconds, gauge.clone());
        }
        metrics
    }

    /// The store was read.
    pub(crate) fn record_read(&self, took: Duration, now: Timestamp) {
        self.reading.set(took.as_secs_f64());
        #[expect(clippy::cast_precision_loss, reason = "seconds of this era fit 53 bits")]
        self.read_at.set(now.as_second() as f64);
    }

    /// What Oura says that nobody here knows: collection, pointer, documents. The store bounds how many there are.
    pub(crate) fn set_drift(&self, drift: &[(String, String, i64)]) {
        let mut told = self.drifted.lock().unwrap_or_else(PoisonError::into_inner);
        let mut gone = std::mem::take(&mut *told);
        for (collection, pointer, documents) in drift {
            let labels = Drift { collection: collection.clone(), pointer: pointer.clone() };
            self.drift.get_or_create_owned(&labels).set(*documents);
            gone.remove(&labels);
            told.insert(labels);
        }
        for labels in gone {
            self.drift.remove(&labels);
        }
    }

    /// A body was made.
    pub(crate) fn record_rebuild(&self, took: Duration, body: &Body) {
        self.rebuilds.inc();
        self.rebuilding.set(took.as_secs_f64());
        let (plain, compressed) = body.bytes();
        let sizes = [
            (&self.people, body.people()),
            (&self.series, body.series),
            (&self.plain, plain),
            (&self.compressed, compressed),
        ];
        for (gauge, size) in sizes {
            gauge.set(i64::try_from(size).unwrap_or(i64::MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drift_series_without_documents_are_removed() {
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        let text = || crate::own::text(&registry, crate::negotiate::Format::Text).unwrap();
        let drift = |pointer: &str, documents| ("sleep".to_owned(), pointer.to_owned(), documents);
        metrics.set_drift(&[drift("/new", 1), drift("/newer", 1)]);
        metrics.set_drift(&[drift("/newer", 2)]);
        let text = text();
        assert!(text.contains("oura_drift_documents{collection=\"sleep\",pointer=\"/newer\"} 2"), "{text}");
        assert!(!text.contains("pointer=\"/new\""), "{text}");
    }
}
