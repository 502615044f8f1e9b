//! What arrives, waits and is done. No label names a person or a document.

use jiff::{SignedDuration, Timestamp};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
pub(super) use service_metrics::{EventResult, FetchResult};
use service_metrics::{Labels, SubscriptionState, table};
use store::QueueDepth;

/// From a second to a day: events arrive some 30 seconds after the phone's sync, or never.
const BUCKETS: [f64; 12] =
    [1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3_600.0, 14_400.0, 86_400.0];

/// Counters and gauges of the webhooks.
#[derive(Clone, Debug)]
pub struct Metrics {
    events: Family<Labels<(EventResult,)>, Counter>,
    fetches: Family<Labels<(FetchResult,)>, Counter>,
    queue_length: Gauge,
    queue_oldest_age: Gauge,
    subscriptions: Family<Labels<(SubscriptionState,)>, Gauge>,
    expiry: Gauge,
    lag: Histogram,
}

impl Metrics {
    /// Registers them in a registry with the prefix `myhealth`.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            events: table::WEBHOOK_EVENTS.family(registry),
            fetches: table::WEBHOOK_FETCHES.family(registry),
            queue_length: table::WEBHOOK_QUEUE.single(registry),
            queue_oldest_age: table::WEBHOOK_OLDEST.single(registry),
            subscriptions: table::WEBHOOK_SUBSCRIPTIONS.family(registry),
            expiry: table::WEBHOOK_EXPIRY.single(registry),
            lag: Histogram::new(BUCKETS),
        };
        table::WEBHOOK_LAG.register(registry, metrics.lag.clone());
        metrics.set_subscriptions(0, 0, 0, None);
        metrics
    }

    pub(super) fn count_event(&self, result: EventResult) {
        self.events.get_or_create_owned(&Labels((result,))).inc();
    }

    pub(super) fn count_fetch(&self, result: FetchResult) {
        self.fetches.get_or_create_owned(&Labels((result,))).inc();
    }

    pub(super) fn set_queue(&self, queue: QueueDepth, now: Timestamp) {
        self.queue_length.set(queue.length);
        let age = queue.oldest.map_or(SignedDuration::ZERO, |oldest| now.duration_since(oldest));
        self.queue_oldest_age.set(age.as_secs().max(0));
    }

    pub(super) fn set_subscriptions(
        &self,
        active: usize,
        expiring: usize,
        missing: usize,
        expiry: Option<Timestamp>,
    ) {
        for (state, count) in [
            (SubscriptionState::Active, active),
            (SubscriptionState::Expiring, expiring),
            (SubscriptionState::Missing, missing),
        ] {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.subscriptions.get_or_create_owned(&Labels((state,))).set(count);
        }
        self.expiry.set(expiry.map_or(0, Timestamp::as_second));
    }

    pub(super) fn observe_lag(&self, event_at: Timestamp, now: Timestamp) {
        self.lag.observe(now.duration_since(event_at).as_secs_f64().max(0.0));
    }
}
