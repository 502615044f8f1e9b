//! Rows between reading and writing: blocks of them, and what their formats share.

use std::fmt;

use domain::{Collection, Day, Metric};
use jiff::Timestamp;
use store::StoredDocument;

use crate::Error;

/// Rows of one person and metric or collection.
pub(super) enum Block<'a> {
    Days { subject: &'a Subject<'a>, metric: &'static Metric, rows: &'a [(Day, f64)] },
    Points { subject: &'a Subject<'a>, metric: &'static Metric, rows: &'a [(i64, f64)] },
    Documents { subject: &'a Subject<'a>, collection: Collection, rows: &'a [StoredDocument] },
}

/// A person, with what their rows need.
pub(super) struct Subject<'a> {
    pub(super) name: &'a str,
    pub(super) zone: jiff::tz::TimeZone,
    pub(super) today: Day,
}

/// A format: encodes blocks. Complete output is appended to `into`; the rest stays inside until it is complete.
pub(super) trait Encode: Send {
    fn block(&mut self, block: &Block<'_>, into: &mut Vec<u8>) -> Result<(), Error>;
    fn end(&mut self, into: &mut Vec<u8>) -> Result<(), Error>;
}

/// The word of a state that is a number of a day; `None` for plain numbers.
pub(super) fn word(metric: &Metric, value: f64) -> Option<&'static str> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates; none is there then"
    )]
    metric.states().get(value as usize).copied()
}

/// A time as RFC 3339 in UTC, to the millisecond.
pub(super) fn time(at: Timestamp) -> impl fmt::Display {
    struct Time(Timestamp);
    impl fmt::Display for Time {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{:.3}", self.0)
        }
    }
    Time(at)
}

/// The time of a point; 1970 where no calendar has it, which the store never holds.
pub(super) fn instant(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or_default()
}
