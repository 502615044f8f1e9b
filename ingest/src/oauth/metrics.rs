//! What log-ins look like from outside: until when, with which scopes, and how renewals went.

use jiff::Timestamp;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
pub(super) use service_metrics::RefreshResult as Refresh;
use service_metrics::{Labels, Person, Scope, table};

use super::scopes;

/// Gauges and counters of log-ins.
#[derive(Clone, Debug)]
pub struct Metrics {
    expiry: Family<Labels<(Person,)>, Gauge>,
    required: Family<Labels<(Person,)>, Gauge>,
    scope: Family<Labels<(Person, Scope)>, Gauge>,
    refreshes: Family<Labels<(Refresh,)>, Counter>,
}

fn of(person: &str) -> Labels<(Person,)> {
    Labels((Person(person.to_owned()),))
}

fn scope_of(person: &str, scope: &str) -> Labels<(Person, Scope)> {
    Labels((Person(person.to_owned()), Scope(scope.to_owned())))
}

impl Metrics {
    /// Registers the families in a registry with the prefix `myhealth`.
    pub fn register(registry: &mut Registry) -> Self {
        Self {
            expiry: table::TOKEN_EXPIRY.family(registry),
            required: table::LOGIN_REQUIRED.family(registry),
            scope: table::SCOPE.family(registry),
            refreshes: table::REFRESHES.family(registry),
        }
    }

    pub(super) fn count(&self, outcome: Refresh) {
        self.refreshes.get_or_create_owned(&Labels((outcome,))).inc();
    }

    pub(super) fn show(&self, person: &str, expires_at: Timestamp, asked: &str, granted: &str) {
        self.expiry.get_or_create_owned(&of(person)).set(expires_at.as_second());
        for (scope, has) in scopes::compared(asked, granted) {
            self.scope.get_or_create_owned(&scope_of(person, scope)).set(i64::from(has));
        }
    }

    /// A log-in that is gone has no expiry and no scopes.
    pub(super) fn hide(&self, person: &str, asked: &str) {
        self.expiry.remove(&of(person));
        for (scope, _) in scopes::compared(asked, "") {
            self.scope.remove(&scope_of(person, scope));
        }
    }

    pub(super) fn set_required(&self, person: &str, required: bool) {
        self.required.get_or_create_owned(&of(person)).set(i64::from(required));
    }
}
