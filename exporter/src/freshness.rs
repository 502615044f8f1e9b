//! Beside the values: how fresh they are, and whether reading works. These stay when the values go.

use domain::Reason;
use jiff::Timestamp;
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
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    /// The label for [`StatusSample::word`].
    pub(crate) label: Option<&'static str>,
    pub(crate) says: fn(&CollectionStatus<'_>) -> Option<StatusSample>,
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
        name: "oura_newest_day_timestamp_seconds",
        help: "The newest day that has a document, as its midnight UTC.",
        label: None,
        says: |known| known.state?.newest_day.map(|day| StatusSample::at(day.midnight_utc())),
    },
    Freshness {
        name: "oura_observed_timestamp_seconds",
        help: "When the newest value was measured; for a number of a whole day its midnight UTC.",
        label: None,
        says: |known| known.observed.map(StatusSample::at),
    },
    Freshness {
        name: "myhealth_sync_last_success_timestamp_seconds",
        help: "When the collection was last read from Oura without a failure.",
        label: None,
        says: |known| known.state?.last_success_at.map(StatusSample::at),
    },
    Freshness {
        name: "myhealth_sync_up",
        help: "Whether the last attempt to read the collection from Oura succeeded.",
        label: None,
        says: |known| Some(StatusSample { value: known.state?.failure.is_none().into(), word: "" }),
    },
    Freshness {
        name: "myhealth_sync_failure",
        help: "Why the last attempt to read the collection from Oura failed.",
        label: Some("kind"),
        says: |known| known.state?.failure.map(|cause| StatusSample { value: 1, word: cause.word() }),
    },
    Freshness {
        name: "oura_absence_reason",
        help: "Why the collection has nothing of today; no series where it has.",
        label: Some("reason"),
        says: |known| known.absence.map(|reason| StatusSample { value: 1, word: reason.name() }),
    },
];
