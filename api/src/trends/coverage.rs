//! Which days have a value, and why the others have none.

use std::collections::{BTreeMap, BTreeSet};

use domain::reason::{Traces, missing};
use domain::{Collection, Day, DayRange, Metric, Window};
use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;
use store::{Person, Store};
use utoipa::ToSchema;

use super::readings::Readings;
use crate::error::Error;

/// The activity that says how long the ring was off the finger.
const NON_WEAR: &str = "activity_duration_non_wear";

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
    traces: Vec<Traces>,
}

impl Reasons {
    /// Reads what is needed to explain the gaps of these readings: five statements, or none when there is no gap.
    pub(crate) async fn read(
        store: &Store,
        person: &Person,
        readings: &[Readings],
        asked: DayRange,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let gaps = |readings: &&Readings| readings.within(asked).iter().any(Option::is_none);
        let collections: BTreeSet<Collection> =
            readings.iter().filter(gaps).map(|readings| readings.metric.collection).collect();
        let collections: Vec<Collection> = collections.into_iter().collect();
        if collections.is_empty() {
            return Ok(Self { traces: Vec::new() });
        }
        let states = store.sync_states(person.id).await?;
        let latest = store.latest_of(person.id).await?;
        let ring = store.ring(person.id).await?;
        let around = asked.padded(1);
        let documents = store.days_with_documents(person.id, &collections, around).await?;
        let non_wear: Vec<&'static Metric> = Metric::by_key(NON_WEAR).into_iter().collect();
        let off = store.daily_of(person.id, &non_wear, around).await?.into_iter().flatten();
        let off: BTreeMap<Day, f64> = off.collect();
        let absences = store::absences(person, &states, &latest, ring.as_ref(), now);
        let zone = TimeZone::get(&person.time_zone).map_err(Error::TimeZone)?;
        let traces = |collection: &Collection| Traces {
            collection: *collection,
            today: match collection.window() {
                Window::Days => Day::at(now, &zone),
                Window::Instants | Window::Whole => Day::at(now, &TimeZone::UTC),
            },
            now: absences.iter().find(|(absent, _)| absent == collection).map(|(_, reason)| *reason),
            covered: states
                .iter()
                .find(|state| state.collection == *collection)
                .and_then(|state| state.covered),
            documents: documents.iter().filter(|(of, _)| of == collection).map(|(_, day)| *day).collect(),
            non_wear: off.clone(),
            lacks_oxygen_sensor: ring.as_ref().is_some_and(domain::Ring::lacks_oxygen_sensor),
        };
        Ok(Self { traces: collections.iter().map(traces).collect() })
    }

    /// The coverage of some of the days read.
    pub(crate) fn coverage(&self, readings: &Readings, days: DayRange) -> Coverage {
        let slots = readings.within(days);
        let mut coverage = Coverage {
            days: slots.len(),
            days_with_value: slots.iter().flatten().count(),
            missing: BTreeMap::new(),
        };
        let traces = self.traces.iter().find(|traces| traces.collection == readings.metric.collection);
        if let Some(traces) = traces {
            for (day, _) in days.days().zip(slots).filter(|(_, value)| value.is_none()) {
                *coverage.missing.entry(missing(traces, day).word()).or_default() += 1;
            }
        }
        coverage
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_traces_can_find_what_they_look_for() {
        assert!(Metric::by_key(NON_WEAR).is_some_and(|metric| !metric.is_series()));
    }
}
