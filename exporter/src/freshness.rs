//! Next to the values: how fresh they are, and whether reading works. These stay when the values expire.

use domain::{Cause, Reason};
use jiff::Timestamp;
use service_metrics::{Label as _, Row, table};
use store::SyncState;

/// What is known of one collection of one person.
pub(crate) struct CollectionStatus<'a> {
    /// `None` before the first attempt.
    pub(crate) state: Option<&'a SyncState>,
    /// When the newest value was measured, whether or not it is still shown.
    pub(crate) observed: Option<Timestamp>,
    /// Why it has nothing of today.
    pub(crate) absence: Option<Reason>,
}

/// A family with at most one sample per person and collection.
#[derive(Debug)]
pub(crate) struct Freshness {
    pub(crate) metric: Row,
    /// The label for [`StatusSample::word`].
    pub(crate) label: Option<&'static str>,
    pub(crate) sample: fn(&CollectionStatus<'_>) -> Option<StatusSample>,
}

/// One sample.
pub(crate) struct StatusSample {
    pub(crate) value: i64,
    /// A word of a closed set.
    pub(crate) word: &'static str,
}

impl StatusSample {
    fn at(time: Timestamp) -> Self {
        Self { value: time.as_second(), word: "" }
    }
}

/// One row per family.
pub(crate) const FRESHNESS: &[Freshness] = &[
    Freshness {
        metric: table::NEWEST_DAY.row(),
        label: None,
        sample: |status| status.state?.newest_day.map(|day| StatusSample::at(day.midnight_utc())),
    },
    Freshness {
        metric: table::OBSERVED.row(),
        label: None,
        sample: |status| status.observed.map(StatusSample::at),
    },
    Freshness {
        metric: table::SYNC_LAST_SUCCESS.row(),
        label: None,
        sample: |status| status.state?.last_success_at.map(StatusSample::at),
    },
    Freshness {
        metric: table::SYNC_UP.row(),
        label: None,
        sample: |status| Some(StatusSample { value: status.state?.failure.is_none().into(), word: "" }),
    },
    Freshness {
        metric: table::SYNC_FAILURE.row(),
        label: Some(Cause::NAME),
        sample: |status| status.state?.failure.map(|cause| StatusSample { value: 1, word: cause.word() }),
    },
    Freshness {
        metric: table::ABSENCE_REASON.row(),
        label: Some(Reason::NAME),
        sample: |status| status.absence.map(|reason| StatusSample { value: 1, word: reason.name() }),
    },
];
