//! Which days have a value, and why the others have none.

use std::collections::{BTreeMap, BTreeSet};

use domain::reason::{DayEvidence, missing_day_reason};
use domain::{Collection, DayRange};
use jiff::Timestamp;
use serde::Serialize;
use store::{Person, Store};
use utoipa::ToSchema;

use super::readings::DailyReadings;
use crate::error::Error;

/// Days with a value, and why the others have none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub(crate) struct Coverage {
    /// Days in all.
    #[schema(example = 7)]
    pub(crate) days: usize,
    /// Days that have a value.
    #[schema(example = 5)]
    pub(crate) days_with_value: usize,
    /// Days without one, by the reason. The words are those of `absence` in `/api/v1/dashboard`.
    #[schema(example = json!({"ring_not_worn": 2}))]
    pub(crate) missing: BTreeMap<&'static str, usize>,
}

/// Why days without a value have none, for some collections.
pub(crate) struct Reasons {
    traces: Vec<DayEvidence>,
}

impl Reasons {
    /// Reads what is needed to explain the gaps of these readings; nothing when there is no gap.
    pub(crate) async fn read(
        store: &Store,
        person: &Person,
        readings: &[DailyReadings],
        asked: DayRange,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let gaps = |readings: &&DailyReadings| readings.within(asked).iter().any(Option::is_none);
        let collections: BTreeSet<Collection> =
            readings.iter().filter(gaps).map(|readings| readings.metric.collection).collect();
        let collections: Vec<Collection> = collections.into_iter().collect();
        Ok(Self { traces: store.day_evidence(person, &collections, asked, now).await? })
    }

    /// The reasons for the gaps of these readings.
    pub(crate) fn of<'a>(&'a self, readings: &'a DailyReadings) -> Explained<'a> {
        let traces = self.traces.iter().find(|traces| traces.collection == readings.metric.collection);
        Explained { readings, traces }
    }
}

/// Readings with the reasons for their gaps.
pub(crate) struct Explained<'a> {
    readings: &'a DailyReadings,
    /// `None` where there is no gap.
    traces: Option<&'a DayEvidence>,
}

impl Explained<'_> {
    /// The coverage of some of the days read.
    pub(crate) fn coverage(&self, days: DayRange) -> Coverage {
        let (slots, metric) = (self.readings.within(days), self.readings.metric);
        let days_with_value = slots.iter().flatten().count();
        let mut coverage = Coverage { days: slots.len(), days_with_value, missing: BTreeMap::new() };
        if let Some(traces) = self.traces.filter(|_| days_with_value < slots.len()) {
            for (day, _) in days.days().zip(slots).filter(|(_, value)| value.is_none()) {
                *coverage.missing.entry(missing_day_reason(traces, Some(metric), day).name()).or_default() +=
                    1;
            }
        }
        coverage
    }
}
