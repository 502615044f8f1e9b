//! What every handler is given.

use std::fmt;
use std::sync::Arc;

use domain::Day;
use jiff::{Timestamp, tz::TimeZone};
use store::{Person, Store};

use crate::access::Anonymous;
use crate::error::Error;

/// What the service needs from whoever runs it.
#[derive(Clone)]
pub struct State {
    /// Where the answers come from.
    pub store: Store,
    /// The clock.
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// What `/api/v1/health` calls this build.
    pub version: &'static str,
    /// Whether requests without a token are answered.
    pub anonymous: Anonymous,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("version", &self.version).finish_non_exhaustive()
    }
}

impl State {
    /// The day on this person's wall calendar.
    pub(crate) fn today(&self, person: &Person) -> Result<Day, Error> {
        let zone = TimeZone::get(&person.time_zone).map_err(Error::TimeZone)?;
        Ok(Day::at((self.now)(), &zone))
    }
}
