//! What this process does at Oura's door, counted live and never queried: requests, documents, passes. What is stored
//! (newest day, last success) is read from the store by the exporter.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use store::Applied;

use crate::oura::Failure;

/// Counters of the ingest role.
#[derive(Clone, Debug)]
pub struct Metrics {
    requests: Family<Collection, Counter>,
    failures: Family<Kind, Counter>,
    received: Family<Collection, Counter>,
    documents: Family<Outcome, Counter>,
    backlog: Gauge,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Collection {
    collection: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Kind {
    collection: &'static str,
    kind: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Outcome {
    collection: &'static str,
    outcome: &'static str,
}

impl Metrics {
    /// Registers the counters; the caller chose the prefix. Known series start at zero.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            requests: Family::default(),
            failures: Family::default(),
            received: Family::default(),
            documents: Family::default(),
            backlog: Gauge::default(),
        };
        registry.register("oura_requests", "HTTP requests sent to Oura", metrics.requests.clone());
        registry.register("oura_failures", "Requests to Oura that failed, by kind", metrics.failures.clone());
        registry.register_with_unit(
            "oura_received",
            "Bytes of answers received from Oura",
            Unit::Bytes,
            metrics.received.clone(),
        );
        registry.register(
            "sync_documents",
            "Documents read, by what became of them",
            metrics.documents.clone(),
        );
        registry.register(
            "sync_backlog_windows",
            "Windows of days that the running pass still has to read",
            metrics.backlog.clone(),
        );
        for &collection in domain::Collection::ALL {
            let collection = collection.name();
            drop(metrics.requests.get_or_create(&Collection { collection }));
            drop(metrics.received.get_or_create(&Collection { collection }));
            for kind in Failure::KINDS {
                drop(metrics.failures.get_or_create(&Kind { collection, kind }));
            }
            metrics.count_documents(collection, Applied::default());
        }
        metrics
    }

    pub(crate) fn count_answer(&self, collection: domain::Collection, bytes: usize) {
        let collection = Collection { collection: collection.name() };
        self.requests.get_or_create_owned(&collection).inc();
        self.received.get_or_create_owned(&collection).inc_by(bytes as u64);
    }

    pub(crate) fn count_failure(&self, collection: domain::Collection, failure: &Failure) {
        let collection = collection.name();
        self.requests.get_or_create_owned(&Collection { collection }).inc();
        self.failures.get_or_create_owned(&Kind { collection, kind: failure.kind() }).inc();
    }

    pub(crate) fn count_documents(&self, collection: &'static str, applied: Applied) {
        let count = |outcome, n: usize| {
            self.documents.get_or_create_owned(&Outcome { collection, outcome }).inc_by(n as u64);
        };
        count("new", applied.new);
        count("changed", applied.changed);
        count("unchanged", applied.unchanged);
        count("rejected", applied.rejected);
        count("withdrawn", applied.withdrawn);
        count("doubted", applied.doubted);
    }

    pub(crate) fn set_backlog(&self, windows: usize) {
        self.backlog.set(i64::try_from(windows).unwrap_or(i64::MAX));
    }
}
