//! A page about a week or month of a person: one HTML file without scripts and without anything from elsewhere, to read
//! on a screen, light or dark, and to print on A4. Every chart has a table with its numbers.
//!
//! Not here: SQL (`store`), what a number means (`domain`), statistics of many numbers (`statistics`), when it is made (`jobs`).

mod chart;
mod page;
mod period;
mod read;
mod rows;
mod text;

use domain::DayRange;
use jiff::Timestamp;
use store::{Person, Store};

pub use period::{Period, UnknownPeriod};

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The person's zone is unknown here.
    #[error("the time zone of a person cannot be used; check the name and that tzdata is installed")]
    TimeZone(#[source] jiff::Error),
}

/// The report about `days` of a person, as HTML. `days` are those of one `period`; `now` decides what is still open.
pub async fn report(
    store: &Store,
    person: &Person,
    period: Period,
    days: DayRange,
    now: Timestamp,
) -> Result<String, Error> {
    let read = read::read(store, person, period, days, now).await?;
    Ok(page::page(&read))
}
