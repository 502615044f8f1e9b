//! Metrics of the guards.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
pub(crate) use service_metrics::{
    CacheLookup as Lookup, LogInOutcome as Outcome, RequestLimit as Limit, ShedReason as Refusal,
};
use service_metrics::{Labels, table};

/// Counters and gauges of the guards.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    lookups: Family<Labels<(Lookup,)>, Counter>,
    kept: Gauge,
    kept_bytes: Gauge,
    limited: Family<Labels<(Limit,)>, Counter>,
    clients: Gauge,
    refused: Family<Labels<(Refusal,)>, Counter>,
    log_ins: Family<Labels<(Outcome,)>, Counter>,
}

impl Metrics {
    /// Registers them in a registry with the prefix `myhealth`.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        Self {
            lookups: table::CACHE_LOOKUPS.family(registry),
            kept: table::CACHE_ENTRIES.single(registry),
            kept_bytes: table::CACHE_SIZE.single(registry),
            limited: table::LIMITED_REQUESTS.family(registry),
            clients: table::LIMITED_ADDRESSES.single(registry),
            refused: table::SHED_REQUESTS.family(registry),
            log_ins: table::LOG_INS.family(registry),
        }
    }

    pub(crate) fn lookup(&self, lookup: Lookup) {
        self.lookups.get_or_create_owned(&Labels((lookup,))).inc();
    }

    pub(crate) fn kept(&self, entries: u64, bytes: u64) {
        self.kept.set(entries.cast_signed());
        self.kept_bytes.set(bytes.cast_signed());
    }

    pub(crate) fn limited(&self, limit: Limit, clients: usize) {
        self.limited.get_or_create_owned(&Labels((limit,))).inc();
        self.clients.set(i64::try_from(clients).unwrap_or(i64::MAX));
    }

    pub(crate) fn limited_principal(&self) {
        self.limited.get_or_create_owned(&Labels((Limit::Principal,))).inc();
    }

    pub(crate) fn refused(&self, refusal: Refusal) {
        self.refused.get_or_create_owned(&Labels((refusal,))).inc();
    }

    pub(crate) fn log_in(&self, outcome: Outcome) {
        self.log_ins.get_or_create_owned(&Labels((outcome,))).inc();
    }
}
