//! Documents that came together, and what storing them changed.

use domain::{Collection, Day, DayRange, Document, Rejected, Window};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::origin::Origin;

/// The documents of one collection of one person that came together.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The person.
    pub person: i64,
    /// The collection.
    pub collection: Collection,
    /// The days that have now been read completely; `None` when the documents came another way. From [`Origin::Api`],
    /// stored documents of these days that are missing from the batch are deleted.
    pub covered: Option<DayRange>,
    /// How the documents came.
    pub origin: Origin,
    /// Documents that parsed. An id that appears twice counts once, the last one winning.
    pub documents: Vec<Document>,
    /// Documents around `covered` that came along: only those count that are stored under one of its days, because
    /// Oura moved them.
    pub nearby: Vec<Document>,
    /// Documents that did not parse.
    pub rejected: Vec<Rejected>,
}

/// What a batch changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Documents never seen before.
    pub new: usize,
    /// Documents whose content differs from what was stored.
    pub changed: usize,
    /// Documents stored already.
    pub unchanged: usize,
    /// Documents rejected with a reason.
    pub rejected: usize,
    /// Documents deleted, because Oura no longer has them.
    pub withdrawn: usize,
    /// Documents that a complete response lacks, or has much less of, and that are kept until a response at least one
    /// hour later confirms it.
    pub doubted: usize,
}

impl std::ops::AddAssign for Applied {
    fn add_assign(&mut self, more: Self) {
        self.new += more.new;
        self.changed += more.changed;
        self.unchanged += more.unchanged;
        self.rejected += more.rejected;
        self.withdrawn += more.withdrawn;
        self.doubted += more.doubted;
    }
}

/// Rows a statement: below the databases' limits on parameters, large enough to be fast.
pub(crate) const ROWS: usize = 500;

impl Batch {
    /// The days of which the batch is a complete response of Oura's API, where days are listed.
    pub(crate) fn complete_days(&self) -> Option<DayRange> {
        let lists_days = self.collection.window() != Window::Whole;
        self.covered.filter(|_| self.origin == Origin::Api && lists_days)
    }

    /// Whether it rejects a document that may be of the newest days: one that does not state its day.
    pub(super) fn rejects_undated(&self, now: Timestamp) -> bool {
        // West of Greenwich today is yesterday in UTC.
        let newest = Day::at(now, &TimeZone::UTC).plus(-1);
        let may_be_new = self.covered.is_none_or(|range| range.last() >= newest);
        may_be_new && self.rejected.iter().any(|rejected| rejected.day(self.collection).is_none())
    }
}
