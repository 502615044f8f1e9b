//! What this process does at Oura's door, counted live and never queried: requests, documents, passes. What is stored
//! (newest day, last success) is read from the store by the exporter.

use std::num::NonZeroU32;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use domain::Cause;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use store::Applied;

use crate::oauth;

/// Counters of the ingest role.
#[derive(Clone, Debug)]
pub struct Metrics {
    requests: Family<Collection, Counter>,
    failures: Family<Kind, Counter>,
    received: Family<Collection, Counter>,
    documents: Family<Outcome, Counter>,
    backlog: Gauge,
    circuits: Family<Collection, Gauge>,
    throttled: Counter<f64, AtomicU64>,
    budget: Gauge,
    limits: RateLimits,
    panics: Counter,
    oauth: oauth::Metrics,
}

/// What Oura said with its last 429 of each kind.
#[derive(Clone, Debug, Default)]
struct RateLimits {
    requests: Family<TierLabel, Gauge>,
    window: Family<TierLabel, Gauge>,
    reset: Family<TierLabel, Gauge>,
}

/// Which of Oura's limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RateLimitTier {
    /// Of one person's token.
    Token,
    /// Of the application, all its tokens together.
    Application,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct TierLabel {
    tier: &'static str,
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
            circuits: Family::default(),
            throttled: Counter::default(),
            budget: Gauge::default(),
            limits: RateLimits::default(),
            panics: Counter::default(),
            oauth: oauth::Metrics::register(registry),
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
            "Windows of days that the running passes still have to read",
            metrics.backlog.clone(),
        );
        registry.register(
            "oura_circuit_open",
            "Whether a collection failed so often that it is left alone for a while",
            metrics.circuits.clone(),
        );
        registry.register_with_unit(
            "oura_throttled",
            "Time requests waited for the budget or for a pause Oura asked for",
            Unit::Seconds,
            metrics.throttled.clone(),
        );
        registry.register(
            "oura_budget_requests_per_minute",
            "Requests this process allows itself in a minute",
            metrics.budget.clone(),
        );
        registry.register(
            "sync_panics",
            "Sync runs and windows that ended by a panic; a bug",
            metrics.panics.clone(),
        );
        metrics.limits.register(registry);
        for &collection in domain::Collection::ALL {
            metrics.set_circuit(collection, false);
            let collection = collection.name();
            drop(metrics.requests.get_or_create(&Collection { collection }));
            drop(metrics.received.get_or_create(&Collection { collection }));
            for kind in Cause::ALL.map(Cause::word) {
                drop(metrics.failures.get_or_create(&Kind { collection, kind }));
            }
            metrics.count_documents(collection, Applied::default());
        }
        metrics
    }

    /// The part that log-ins count in.
    pub fn oauth(&self) -> oauth::Metrics {
        self.oauth.clone()
    }

    pub(crate) fn count_answer(&self, collection: domain::Collection, bytes: usize) {
        let collection = Collection { collection: collection.name() };
        self.requests.get_or_create_owned(&collection).inc();
        self.received.get_or_create_owned(&collection).inc_by(bytes as u64);
    }

    pub(crate) fn count_failure(&self, collection: domain::Collection, cause: Cause) {
        let collection = collection.name();
        self.requests.get_or_create_owned(&Collection { collection }).inc();
        self.failures.get_or_create_owned(&Kind { collection, kind: cause.word() }).inc();
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

    pub(crate) fn set_circuit(&self, collection: domain::Collection, open: bool) {
        self.circuits.get_or_create_owned(&Collection { collection: collection.name() }).set(i64::from(open));
    }

    pub(crate) fn count_throttled(&self, waited: Duration) {
        self.throttled.inc_by(waited.as_secs_f64());
    }

    pub(crate) fn count_panic(&self) {
        self.panics.inc();
    }

    pub(crate) fn set_budget(&self, requests_per_minute: NonZeroU32) {
        self.budget.set(i64::from(requests_per_minute.get()));
    }

    /// Requests allowed, the window in seconds, and when it is reset (Unix seconds).
    pub(crate) fn set_rate_limit(
        &self,
        tier: RateLimitTier,
        requests: Option<i64>,
        window: Option<i64>,
        reset: Option<i64>,
    ) {
        let tier = TierLabel { tier: if tier == RateLimitTier::Token { "token" } else { "application" } };
        let limits = &self.limits;
        for (family, value) in
            [(&limits.requests, requests), (&limits.window, window), (&limits.reset, reset)]
        {
            if let Some(value) = value {
                family.get_or_create_owned(&tier).set(value);
            }
        }
    }

    /// Adds the windows of a pass to those still to be read, until they are done or the pass is dropped.
    pub(crate) fn backlog(&self, windows: usize) -> Backlog {
        let left = i64::try_from(windows).unwrap_or(i64::MAX);
        self.backlog.inc_by(left);
        Backlog { gauge: self.backlog.clone(), left }
    }
}

impl RateLimits {
    fn register(&self, registry: &mut Registry) {
        registry.register(
            "oura_rate_limit_requests",
            "Requests Oura allows in a window, as its last 429 said",
            self.requests.clone(),
        );
        registry.register_with_unit(
            "oura_rate_limit_window",
            "How long a window of Oura's limit is, as its last 429 said",
            Unit::Seconds,
            self.window.clone(),
        );
        registry.register_with_unit(
            "oura_rate_limit_reset_timestamp",
            "When Oura's window is reset, as its last 429 stated",
            Unit::Seconds,
            self.reset.clone(),
        );
    }
}

/// The windows of a pass that are still to be read.
pub(crate) struct Backlog {
    gauge: Gauge,
    left: i64,
}

impl Backlog {
    pub(crate) fn done(&mut self) {
        self.left -= 1;
        self.gauge.dec();
    }
}

impl Drop for Backlog {
    fn drop(&mut self) {
        self.gauge.dec_by(self.left);
    }
}
