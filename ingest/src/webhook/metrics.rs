//! What arrives, waits and is done. No label names a person or a document.

use jiff::{SignedDuration, Timestamp};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use store::QueueDepth;

/// From a second to a day: announcements come some 30 seconds after the phone's sync, or never.
const BUCKETS: [f64; 12] =
    [1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3_600.0, 14_400.0, 86_400.0];

/// Counters and gauges of the webhooks.
#[derive(Clone, Debug)]
pub struct Metrics {
    events: Family<Outcome, Counter>,
    fetches: Family<Outcome, Counter>,
    queue_length: Gauge,
    queue_oldest_age: Gauge,
    subscriptions: Family<State, Gauge>,
    expiry: Gauge,
    lag: Histogram,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Outcome {
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct State {
    state: &'static str,
}

impl Metrics {
    /// What becomes of a request to the callback.
    pub(super) const RECEIVED: [&'static str; 11] = [
        "queued",
        "repeated",
        "unknown_person",
        "unsupported",
        "forged",
        "expired",
        "malformed",
        "too_large",
        "queue_full",
        "busy",
        "unavailable",
    ];

    /// What becomes of a document that was announced.
    pub(super) const FETCHED: [&'static str; 7] =
        ["stored", "unchanged", "withdrawn", "unreadable", "not_consented", "postponed", "rejected"];

    /// Registers them; the caller chose the prefix. Known series start at zero.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            events: Family::default(),
            fetches: Family::default(),
            queue_length: Gauge::default(),
            queue_oldest_age: Gauge::default(),
            subscriptions: Family::default(),
            expiry: Gauge::default(),
            lag: Histogram::new(BUCKETS),
        };
        registry.register(
            "webhook_events",
            "Requests to the webhook's callback, by what became of them",
            metrics.events.clone(),
        );
        registry.register(
            "webhook_fetches",
            "Documents announced by Oura, by what became of them",
            metrics.fetches.clone(),
        );
        registry.register(
            "webhook_queue_length",
            "Documents announced by Oura and not fetched yet",
            metrics.queue_length.clone(),
        );
        registry.register_with_unit(
            "webhook_queue_oldest_age",
            "How long the document that waits longest has waited; 0 when none waits",
            Unit::Seconds,
            metrics.queue_oldest_age.clone(),
        );
        registry.register(
            "webhook_subscriptions",
            "Subscriptions at Oura to this callback, as last seen",
            metrics.subscriptions.clone(),
        );
        registry.register_with_unit(
            "webhook_subscription_expiry_timestamp",
            "When the first subscription at Oura expires; 0 when there is none",
            Unit::Seconds,
            metrics.expiry.clone(),
        );
        registry.register_with_unit(
            "webhook_delivery_lag",
            "From the time of an event to the stored document",
            Unit::Seconds,
            metrics.lag.clone(),
        );
        for result in Self::RECEIVED {
            drop(metrics.events.get_or_create(&Outcome { result }));
        }
        for result in Self::FETCHED {
            drop(metrics.fetches.get_or_create(&Outcome { result }));
        }
        metrics.set_subscriptions(0, 0, 0, None);
        metrics
    }

    pub(super) fn count_event(&self, result: &'static str) {
        debug_assert!(Self::RECEIVED.contains(&result), "an unknown result");
        self.events.get_or_create_owned(&Outcome { result }).inc();
    }

    pub(super) fn count_fetch(&self, result: &'static str) {
        debug_assert!(Self::FETCHED.contains(&result), "an unknown result");
        self.fetches.get_or_create_owned(&Outcome { result }).inc();
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
        for (state, count) in [("active", active), ("expiring", expiring), ("missing", missing)] {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.subscriptions.get_or_create_owned(&State { state }).set(count);
        }
        self.expiry.set(expiry.map_or(0, Timestamp::as_second));
    }

    pub(super) fn observe_lag(&self, event_at: Timestamp, now: Timestamp) {
        self.lag.observe(now.duration_since(event_at).as_secs_f64().max(0.0));
    }
}
