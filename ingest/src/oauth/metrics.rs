//! What log-ins look like from outside: until when, with which scopes, and how renewals went.

use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::scopes;

/// Gauges and counters of log-ins.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    expiry: Family<Person, Gauge>,
    required: Family<Person, Gauge>,
    scope: Family<Scope, Gauge>,
    refreshes: Family<Outcome, Counter>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Person {
    person: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Scope {
    person: String,
    scope: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Outcome {
    result: &'static str,
}

/// How a renewal can end.
#[derive(Clone, Copy, Debug)]
pub(super) enum Refresh {
    /// A new pair is stored.
    Renewed,
    /// Oura said no.
    Refused,
    /// Oura did not say.
    Unanswered,
    /// Oura was not reached, or asked for patience.
    Unsent,
    /// The answer cannot be stored yet.
    Unsaved,
    /// Oura gave the access token again that it refuses.
    Repeated,
}

impl Refresh {
    const ALL: [Self; 6] =
        [Self::Renewed, Self::Refused, Self::Unanswered, Self::Unsent, Self::Unsaved, Self::Repeated];

    const fn name(self) -> &'static str {
        match self {
            Self::Renewed => "renewed",
            Self::Refused => "refused",
            Self::Unanswered => "unanswered",
            Self::Unsent => "unsent",
            Self::Unsaved => "unsaved",
            Self::Repeated => "repeated",
        }
    }
}

impl Metrics {
    /// Registers the families; the caller chose the prefix. Known counters start at zero.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register_with_unit(
            "oauth_token_expiry_timestamp",
            "When the access token of the log-in ends; it is renewed before",
            Unit::Seconds,
            metrics.expiry.clone(),
        );
        registry.register(
            "oauth_login_required",
            "Whether reading Oura waits for `myhealth login`",
            metrics.required.clone(),
        );
        registry.register(
            "oauth_scope",
            "Scopes asked for at log-in: 1 when the person ticked it",
            metrics.scope.clone(),
        );
        registry.register(
            "oauth_refreshes",
            "Attempts to renew a log-in, by result",
            metrics.refreshes.clone(),
        );
        for outcome in Refresh::ALL {
            drop(metrics.refreshes.get_or_create(&Outcome { result: outcome.name() }));
        }
        metrics
    }

    pub(super) fn count(&self, outcome: Refresh) {
        self.refreshes.get_or_create_owned(&Outcome { result: outcome.name() }).inc();
    }

    pub(super) fn show(&self, person: &str, expires_at: Timestamp, asked: &str, granted: &str) {
        self.expiry.get_or_create_owned(&Person { person: person.to_owned() }).set(expires_at.as_second());
        for (scope, has) in scopes::compared(asked, granted) {
            let label = Scope { person: person.to_owned(), scope: scope.to_owned() };
            self.scope.get_or_create_owned(&label).set(i64::from(has));
        }
    }

    /// A log-in that is gone has no expiry and no scopes.
    pub(super) fn hide(&self, person: &str, asked: &str) {
        self.expiry.remove(&Person { person: person.to_owned() });
        for (scope, _) in scopes::compared(asked, "") {
            self.scope.remove(&Scope { person: person.to_owned(), scope: scope.to_owned() });
        }
    }

    pub(super) fn set_required(&self, person: &str, required: bool) {
        self.required.get_or_create_owned(&Person { person: person.to_owned() }).set(i64::from(required));
    }
}
