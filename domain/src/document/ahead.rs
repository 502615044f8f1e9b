//! Documents that state a measurement in the future: a year was mistyped, a clock was wrong, local time was written as UTC.
//! Accepted, such a document would have the newest value until that time.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::{Document, Rejected};
use crate::collection::{Collection, Window};
use crate::day::Day;

/// How much the clocks of ring, phone, cloud and this machine may differ.
pub const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(10);

/// The reason such a document is rejected with.
pub const AHEAD: &str =
    "it lies in the future: later than the calendar of any time zone and clock skew allow";

/// The newest day under which a collection can have a document.
pub fn newest_day(collection: Collection, now: Timestamp) -> Day {
    let latest = now.checked_add(CLOCK_SKEW + collection.lead()).unwrap_or(now);
    Day::at(latest, &TimeZone::UTC)
}

impl Document {
    /// Whether it claims to be from after `now`, by more than clocks differ.
    pub fn is_ahead(&self, now: Timestamp) -> bool {
        self.not_before.checked_sub(CLOCK_SKEW).is_ok_and(|earliest| earliest > now)
    }

    /// The name of the rejected rows of a gathered document: its own id stays with the other rows.
    pub fn ahead_id(id: &str) -> String {
        format!("ahead-{id}")
    }

    /// The items of a rejected body: those it gathers, or itself.
    pub fn items_of_rejected(body: &str) -> Vec<&str> {
        let items = Self::items(body);
        if items.is_empty() { vec![body] } else { items }
    }

    /// When a body that [lies ahead](Self::is_ahead) can be read; `None` where it cannot be read at all.
    pub fn readable_from(collection: Collection, body: &str, now: Timestamp) -> Option<Timestamp> {
        let document = match collection.window() {
            Window::Days => Self::parse(collection, body).ok(),
            Window::Instants => Self::group_rows(collection, Self::items_of_rejected(body)).0.pop(),
            Window::Whole => {
                let today = Day::at(now, &TimeZone::UTC);
                Self::observe(collection, today, Self::items_of_rejected(body)).0
            }
        };
        document.map(|document| document.not_before).filter(|not_before| *not_before > now)
    }

    /// Splits a document that [is ahead](Self::is_ahead): what is left of it, and what must be rejected. Only rows
    /// and rings can be separated; every other document is rejected whole.
    pub fn split_ahead(self, collection: Collection, now: Timestamp) -> (Option<Self>, Rejected) {
        let day = self.day;
        let is_ahead = |item: &str| match collection.window() {
            Window::Instants => Self::group_rows(collection, [item]).0.iter().any(|row| row.is_ahead(now)),
            _ => Self::observe(collection, day, [item]).0.is_some_and(|ring| ring.is_ahead(now)),
        };
        let reject = |id: String, body: String| Rejected { id, reason: AHEAD.to_owned(), body };
        let (ahead, past): (Vec<&str>, Vec<&str>) =
            Self::items(&self.body).into_iter().partition(|item| is_ahead(item));
        if collection.window() == Window::Days || ahead.is_empty() {
            return (None, reject(self.id, self.body));
        }
        let rejected = reject(Self::ahead_id(&self.id), format!("[{}]", ahead.join(",")));
        let rest = match collection.window() {
            _ if past.is_empty() => None,
            Window::Instants => Self::group_rows(collection, past).0.pop(),
            _ => Self::observe(collection, day, past).0,
        };
        (rest, rejected)
    }
}
