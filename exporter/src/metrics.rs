//! The exporter's own metrics.

use std::collections::HashSet;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::Collection;
use jiff::Timestamp;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use service_metrics::{Labels, Pointer, table};

use crate::body::Body;

type Seconds = Gauge<f64, AtomicU64>;

/// Something of Oura's that this version does not know: a name, never a value.
type Drift = Labels<(Collection, Pointer)>;

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
    /// The series of `drift`: those without documents are removed, and a scrape in between misses none.
    drifted: Arc<Mutex<HashSet<Drift>>>,
}

impl Metrics {
    /// Registers them in a registry with the prefix `myhealth`.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        Self {
            up: table::EXPORTER_UP.single(registry),
            rebuilds: table::EXPORTER_REBUILDS.single(registry),
            people: table::EXPORTER_PEOPLE.single(registry),
            series: table::EXPORTER_SERIES.single(registry),
            plain: table::EXPORTER_BODY.single(registry),
            compressed: table::EXPORTER_COMPRESSED_BODY.single(registry),
            read_at: table::EXPORTER_LAST_READ.single(registry),
            reading: table::EXPORTER_READ_DURATION.single(registry),
            rebuilding: table::EXPORTER_REBUILD_DURATION.single(registry),
            drift: table::OURA_DRIFT.family(registry),
            drifted: Arc::default(),
        }
    }

    /// The store was read.
    pub(crate) fn record_read(&self, took: Duration, now: Timestamp) {
        self.reading.set(took.as_secs_f64());
        #[expect(clippy::cast_precision_loss, reason = "seconds of this era fit 53 bits")]
        self.read_at.set(now.as_second() as f64);
    }

    /// Fields and words of Oura's that this version does not know: collection, pointer, documents. The store bounds how many
    /// there are; a collection that only another version knows is that version's to report.
    pub(crate) fn set_drift(&self, drift: &[(String, String, i64)]) {
        let mut shown = self.drifted.lock().unwrap_or_else(PoisonError::into_inner);
        let mut gone = std::mem::take(&mut *shown);
        for (collection, pointer, documents) in drift {
            let Ok(collection) = collection.parse() else { continue };
            let labels = Labels((collection, Pointer(pointer.clone())));
            self.drift.get_or_create_owned(&labels).set(*documents);
            gone.remove(&labels);
            shown.insert(labels);
        }
        for labels in gone {
            self.drift.remove(&labels);
        }
    }

    /// A body was made.
    pub(crate) fn record_rebuild(&self, took: Duration, body: &Body) {
        self.rebuilds.inc();
        self.rebuilding.set(took.as_secs_f64());
        let (plain, compressed) = body.snapshot.bytes();
        let sizes = [
            (&self.people, body.people()),
            (&self.series, body.snapshot.lines()),
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
        let text = || exposition::registry_text(&registry, exposition::Format::Text).unwrap();
        let drift = |pointer: &str, documents| ("sleep".to_owned(), pointer.to_owned(), documents);
        metrics.set_drift(&[drift("/new", 1), drift("/newer", 1)]);
        metrics.set_drift(&[drift("/newer", 2)]);
        let text = text();
        assert!(text.contains("oura_drift_documents{collection=\"sleep\",pointer=\"/newer\"} 2"), "{text}");
        assert!(!text.contains("pointer=\"/new\""), "{text}");
    }
}
