//! The state that every handler takes.

use std::fmt;
use std::sync::Arc;

use domain::Day;
use jiff::{Timestamp, tz::TimeZone};
use store::{Person, Store};

use crate::audit::AuditTrail;
use crate::error::Error;
use crate::guards::Guards;
use crate::login::LogIn;

/// Whether a request without a token is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Anonymous {
    /// Always: synthetic data, or an address that something else guards.
    Allowed,
    /// Until the first token or account is made: a listener that only this machine reaches.
    WithoutTokens,
    /// Never.
    Refused,
}

/// What the process that runs the service provides.
#[derive(Clone)]
pub struct State {
    /// Where responses come from: the database, or a replica of it that lags behind by some seconds.
    pub store: Store,
    /// Where tokens and accounts are, and where documents go.
    pub primary: Store,
    /// The clock.
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// The version that `/api/v1/health` reports.
    pub version: &'static str,
    /// The queue of long work.
    pub jobs: jobs::JobQueue,
    /// Whether requests without a token are answered.
    pub anonymous: Anonymous,
    /// How people log in.
    pub login: LogIn,
    /// Limits and checks in front of the handlers.
    pub guards: Guards,
    /// Where log-ins, exports and refusals are recorded.
    pub audit: AuditTrail,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("version", &self.version).finish_non_exhaustive()
    }
}

impl State {
    /// A state of this store, at the beginning of time.
    #[cfg(test)]
    pub(crate) fn for_tests(store: Store) -> Self {
        let mut registry = prometheus_client::registry::Registry::default();
        Self {
            primary: store.clone(),
            now: Arc::new(|| Timestamp::UNIX_EPOCH),
            version: "0.0.0-test",
            anonymous: Anonymous::Allowed,
            login: LogIn::new(None),
            guards: Guards::new(crate::guards::Settings::default(), vec![store.clone()], &mut registry),
            audit: AuditTrail::default(),
            jobs: jobs::JobQueue::new(store.clone(), None, tokio_util::sync::CancellationToken::new()),
            store,
        }
    }

    /// The day on this person's wall calendar.
    pub(crate) fn today(&self, person: &Person) -> Result<Day, Error> {
        let zone = TimeZone::get(&person.time_zone).map_err(Error::TimeZone)?;
        Ok(Day::at((self.now)(), &zone))
    }
}
