//! Metrics of the guards.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

/// Counters and gauges of the guards.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics {
    lookups: Family<Looked, Counter>,
    kept: Gauge,
    kept_bytes: Gauge,
    limited: Family<Limited, Counter>,
    clients: Gauge,
    refused: Family<Refused, Counter>,
    log_ins: Family<Tried, Counter>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Looked {
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Limited {
    limit: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Refused {
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Tried {
    outcome: &'static str,
}

/// Whether an answer was in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lookup {
    Hit,
    Miss,
}

/// Which limit a client met.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit {
    Requests,
    LogIns,
}

/// Why a question was not taken.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Refusal {
    Busy,
    Database,
}

/// What became of an attempt to log in.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outcome {
    Accepted,
    Refused,
    Busy,
}

impl Lookup {
    const ALL: [Self; 2] = [Self::Hit, Self::Miss];

    const fn labels(self) -> Looked {
        let result = match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
        };
        Looked { result }
    }
}

impl Limit {
    const ALL: [Self; 2] = [Self::Requests, Self::LogIns];

    const fn labels(self) -> Limited {
        let limit = match self {
            Self::Requests => "requests",
            Self::LogIns => "log-ins",
        };
        Limited { limit }
    }
}

impl Refusal {
    const ALL: [Self; 2] = [Self::Busy, Self::Database];

    const fn labels(self) -> Refused {
        let reason = match self {
            Self::Busy => "busy",
            Self::Database => "database",
        };
        Refused { reason }
    }
}

impl Outcome {
    const ALL: [Self; 3] = [Self::Accepted, Self::Refused, Self::Busy];

    const fn labels(self) -> Tried {
        let outcome = match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Busy => "busy",
        };
        Tried { outcome }
    }
}

impl Metrics {
    /// Every series exists from the start, so that a rate is zero before it is something.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        for lookup in Lookup::ALL {
            metrics.lookups.get_or_create_owned(&lookup.labels());
        }
        for limit in Limit::ALL {
            metrics.limited.get_or_create_owned(&limit.labels());
        }
        for refusal in Refusal::ALL {
            metrics.refused.get_or_create_owned(&refusal.labels());
        }
        for outcome in Outcome::ALL {
            metrics.log_ins.get_or_create_owned(&outcome.labels());
        }
        let registry = registry.sub_registry_with_prefix("api");
        registry.register("cache_lookups", "Long answers looked up in memory", metrics.lookups.clone());
        registry.register("cache_entries", "Answers kept in memory", metrics.kept.clone());
        registry.register_with_unit(
            "cache_size",
            "What the answers kept weigh",
            Unit::Bytes,
            metrics.kept_bytes.clone(),
        );
        registry.register(
            "limited_requests",
            "Requests refused because their address asked too much",
            metrics.limited.clone(),
        );
        registry.register(
            "limited_addresses",
            "Addresses remembered when one was last refused",
            metrics.clients.clone(),
        );
        registry.register(
            "refused_requests",
            "Requests refused because too many ran or the database was unavailable",
            metrics.refused.clone(),
        );
        registry.register("log_ins", "Attempts to log in", metrics.log_ins.clone());
        metrics
    }

    pub(crate) fn lookup(&self, lookup: Lookup) {
        self.lookups.get_or_create_owned(&lookup.labels()).inc();
    }

    pub(crate) fn kept(&self, entries: u64, bytes: u64) {
        self.kept.set(entries.cast_signed());
        self.kept_bytes.set(bytes.cast_signed());
    }

    pub(crate) fn limited(&self, limit: Limit, clients: usize) {
        self.limited.get_or_create_owned(&limit.labels()).inc();
        self.clients.set(i64::try_from(clients).unwrap_or(i64::MAX));
    }

    pub(crate) fn refused(&self, refusal: Refusal) {
        self.refused.get_or_create_owned(&refusal.labels()).inc();
    }

    pub(crate) fn log_in(&self, outcome: Outcome) {
        self.log_ins.get_or_create_owned(&outcome.labels()).inc();
    }
}
