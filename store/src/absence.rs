//! Why a collection has nothing of today, and what past days left behind that says why they have nothing: what is
//! stored, put before the rules of [`domain::reason`].

use std::sync::Arc;

use domain::reason::{Evidence, Reading, Today, Traces, Wear, absence};
use domain::{Collection, DayRange, Metric, Reason, Ring};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use crate::Store;
use crate::backend::with_pool;
use crate::error::Result;
use crate::numbers::{self, Latest, LatestRow};
use crate::people::Person;
use crate::sync::SyncState;

/// The metric that says how long the ring was off the finger.
const NON_WEAR: &str = "activity_duration_non_wear";

/// The windows of one pass end at different moments; what was put aside in this time before the last of them was put
/// aside by the same pass.
const A_PASS: SignedDuration = SignedDuration::from_hours(1);

/// Why each collection has nothing of today; those that have are left out. `states` and `latest` are this person's, and
/// others' are passed over. A zone this machine does not know counts as UTC.
pub fn absences<'a>(
    person: &Person,
    states: &[SyncState],
    latest: impl IntoIterator<Item = &'a Latest>,
    ring: Option<&Ring>,
    now: Timestamp,
) -> Vec<(Collection, Reason)> {
    let zone = zone(person);
    let readings: Vec<Reading> = states.iter().map(reading).collect();
    let non_wear =
        latest.into_iter().find(|latest| latest.person == person.id && latest.metric.key == NON_WEAR);
    let evidence = Evidence {
        today: Today::at(now, &zone),
        readings: &readings,
        non_wear: non_wear.map(|latest| (latest.day, latest.value)),
        lacks_oxygen_sensor: ring.is_some_and(Ring::lacks_oxygen_sensor),
    };
    let reason = |collection| Some((collection, absence(&evidence, collection)?));
    Collection::ALL.iter().copied().filter_map(reason).collect()
}

fn zone(person: &Person) -> TimeZone {
    TimeZone::get(&person.time_zone).unwrap_or(TimeZone::UTC)
}

impl Store {
    /// What says why days of a range have nothing, for each of these collections, in the order asked. Whoever has no
    /// gap to explain asks for none, and nothing is read.
    pub async fn traces(
        &self,
        person: &Person,
        collections: &[Collection],
        range: DayRange,
        now: Timestamp,
    ) -> Result<Vec<Traces>> {
        if collections.is_empty() {
            return Ok(Vec::new());
        }
        let zone = zone(person);
        let states = self.sync_states(person.id).await?;
        let rings = self.rings(person.id, &zone).await?;
        let newest = self.newest_non_wear(person.id).await?;
        let absences = absences(person, &states, &newest, rings.in_use(), now);
        let mut documents = self.days_with_documents(person.id, collections, range).await?;
        // The evening before the first day explains its night.
        let around = range.padded(1);
        let metric: Vec<&'static Metric> = Metric::by_key(NON_WEAR).into_iter().collect();
        let off = self.daily_of(person.id, &metric, around).await?.into_iter().flatten();
        let wear = Arc::new(Wear { off: off.collect(), rings });
        let today = Today::at(now, &zone);
        let traces = |collection: &Collection| {
            let state = states.iter().find(|state| state.collection == *collection);
            Traces {
                collection: *collection,
                today: today.of(*collection),
                now: absences.iter().find(|(absent, _)| absent == collection).map(|(_, reason)| *reason),
                covered: state.and_then(|state| state.covered),
                documents: documents.remove(collection).unwrap_or_default(),
                wear: wear.clone(),
            }
        };
        Ok(collections.iter().map(traces).collect())
    }

    async fn newest_non_wear(&self, person: i64) -> Result<Vec<Latest>> {
        let rows: Vec<LatestRow> = with_pool!(self, pool => {
            sqlx::query_as(
                "select person, metric, day, observed_at, value from latest
                 where person = $1 and metric = $2 and value is not null",
            )
            .bind(person)
            .bind(NON_WEAR)
            .fetch_all(pool)
            .await?
        });
        numbers::latest(rows)
    }
}

fn reading(state: &SyncState) -> Reading {
    let rejected = state.rejected_at.zip(state.last_success_at);
    Reading {
        collection: state.collection,
        succeeded: state.last_success_at.is_some(),
        failure: state.failure,
        newest_day: state.newest_day,
        rejected: rejected.is_some_and(|(rejected, success)| success.duration_since(rejected) < A_PASS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_can_find_what_they_look_for() {
        assert!(Metric::by_key(NON_WEAR).is_some_and(|metric| metric.has_now() && !metric.is_series()));
    }
}
