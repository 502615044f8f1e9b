//! Counters of this process: requests to Oura, documents, sync runs. What is stored (newest day, last success) is read from
//! the store by the exporter.

use std::num::NonZeroU32;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use domain::{Cause, Collection};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
pub(crate) use service_metrics::RateLimitTier;
use service_metrics::{Labels, SyncOutcome, table};
use store::Applied;

use crate::oauth;

/// Counters of the ingest role.
#[derive(Clone, Debug)]
pub struct Metrics {
    requests: Family<Labels<(Collection,)>, Counter>,
    failures: Family<Labels<(Collection, Cause)>, Counter>,
    received: Family<Labels<(Collection,)>, Counter>,
    documents: Family<Labels<(Collection, SyncOutcome)>, Counter>,
    backlog: Gauge,
    circuits: Family<Labels<(Collection,)>, Gauge>,
    throttled: Counter<f64, AtomicU64>,
    budget: Gauge,
    limits: RateLimits,
    panics: Counter,
    oauth: oauth::Metrics,
}

/// What Oura stated with its last 429 of each kind.
#[derive(Clone, Debug)]
struct RateLimits {
    requests: Family<Labels<(RateLimitTier,)>, Gauge>,
    window: Family<Labels<(RateLimitTier,)>, Gauge>,
    reset: Family<Labels<(RateLimitTier,)>, Gauge>,
}

impl Metrics {
    /// Registers the counters in a registry with the prefix `myhealth`.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            requests: table::OURA_REQUESTS.family(registry),
            failures: table::OURA_FAILURES.family(registry),
            received: table::OURA_RECEIVED.family(registry),
            documents: table::SYNC_DOCUMENTS.family(registry),
            backlog: table::SYNC_BACKLOG.single(registry),
            circuits: table::OURA_CIRCUIT_OPEN.family(registry),
            throttled: table::OURA_THROTTLED.single(registry),
            budget: table::OURA_BUDGET.single(registry),
            limits: RateLimits {
                requests: table::OURA_RATE_LIMIT.family(registry),
                window: table::OURA_RATE_LIMIT_WINDOW.family(registry),
                reset: table::OURA_RATE_LIMIT_RESET.family(registry),
            },
            panics: table::SYNC_PANICS.single(registry),
            oauth: oauth::Metrics::register(registry),
        };
        for &collection in Collection::ALL {
            metrics.set_circuit(collection, false);
        }
        metrics
    }

    /// The part that log-ins count in.
    pub fn oauth(&self) -> oauth::Metrics {
        self.oauth.clone()
    }

    pub(crate) fn count_answer(&self, collection: Collection, bytes: usize) {
        self.requests.get_or_create_owned(&Labels((collection,))).inc();
        self.received.get_or_create_owned(&Labels((collection,))).inc_by(bytes as u64);
    }

    pub(crate) fn count_failure(&self, collection: Collection, cause: Cause) {
        self.requests.get_or_create_owned(&Labels((collection,))).inc();
        self.failures.get_or_create_owned(&Labels((collection, cause))).inc();
    }

    pub(crate) fn count_documents(&self, collection: Collection, applied: Applied) {
        for (outcome, count) in [
            (SyncOutcome::New, applied.new),
            (SyncOutcome::Changed, applied.changed),
            (SyncOutcome::Unchanged, applied.unchanged),
            (SyncOutcome::Rejected, applied.rejected),
            (SyncOutcome::Withdrawn, applied.withdrawn),
            (SyncOutcome::Doubted, applied.doubted),
        ] {
            self.documents.get_or_create_owned(&Labels((collection, outcome))).inc_by(count as u64);
        }
    }

    pub(crate) fn set_circuit(&self, collection: Collection, open: bool) {
        self.circuits.get_or_create_owned(&Labels((collection,))).set(i64::from(open));
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
        let tier = Labels((tier,));
        let limits = &self.limits;
        for (family, value) in
            [(&limits.requests, requests), (&limits.window, window), (&limits.reset, reset)]
        {
            if let Some(value) = value {
                family.get_or_create_owned(&tier).set(value);
            }
        }
    }

    /// Adds the windows of a sync run to those still to be read, until they are done or the run is dropped.
    pub(crate) fn backlog(&self, windows: usize) -> Backlog {
        let left = i64::try_from(windows).unwrap_or(i64::MAX);
        self.backlog.inc_by(left);
        Backlog { gauge: self.backlog.clone(), left }
    }
}

/// The windows of a sync run that are still to be read.
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
