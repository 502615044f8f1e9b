//! Why a collection has nothing of today, and what past days left behind that says why they have nothing: what is
//! stored, put before the rules of [`domain::reason`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::reason::{DayEvidence, Evidence, ReadingStatus, Today, WORN, WearLog, absence_reason, civil_day};
use domain::{Collection, Day, DayRange, Metric, Reason, Ring, Window};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use jiff_sqlx::Date;
use sqlx::QueryBuilder;

use crate::Store;
use crate::backend::with_pool;
use crate::error::{Error, Result};
use crate::people::Person;
use crate::read::documents;
use crate::read::latest::Latest;
use crate::sql::{Columns, row};
use crate::sync::{self, SyncState};

/// The metric of how long the ring was off the finger.
const NON_WEAR: &str = "activity_duration_non_wear";

/// The metric that counts naps.
const NAPS: &str = "sleep_naps";

/// The windows of one sync run end at different moments; documents rejected in this time before the last of them were
/// rejected by the same run.
const SYNC_RUN_WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// Why each collection has nothing of today; those that have are left out. `states` and `latest` are this person's, and
/// others' are passed over. A zone this machine does not know counts as UTC.
pub fn absence_reasons<'a>(
    person: &Person,
    states: &[SyncState],
    latest: impl IntoIterator<Item = &'a Latest>,
    ring: Option<&Ring>,
    now: Timestamp,
) -> Vec<(Collection, Reason)> {
    let zone = zone(person);
    let mut newest: [Option<Day>; Collection::ALL.len()] = [None; Collection::ALL.len()];
    let mut non_wear = None;
    for latest in latest.into_iter().filter(|latest| latest.person == person.id) {
        if latest.metric.key == NON_WEAR {
            non_wear = Some((latest.day, latest.value));
        }
        if let Some(day) = newest_value(latest, &zone) {
            let newest = &mut newest[latest.metric.collection as usize];
            *newest = (*newest).max(Some(day));
        }
    }
    let readings: Vec<ReadingStatus> =
        states.iter().map(|state| reading(state, newest[state.collection as usize])).collect();
    let evidence = Evidence {
        today: Today::at(now, &zone),
        readings: &readings,
        non_wear,
        lacks_oxygen_sensor: ring.is_some_and(Ring::lacks_oxygen_sensor),
    };
    let reason = |collection| Some((collection, absence_reason(&evidence, collection)?));
    Collection::ALL.iter().copied().filter_map(reason).collect()
}

/// The civil day of a value by which its collection has something of that day.
fn newest_value(latest: &Latest, zone: &TimeZone) -> Option<Day> {
    let Latest { metric, day, observed_at, .. } = *latest;
    let day = match metric.collection.window() {
        Window::Instants => Day::at(observed_at, zone),
        Window::Days | Window::Whole => day,
    };
    metric.completes_its_day().then_some(day)
}

fn zone(person: &Person) -> TimeZone {
    TimeZone::get(&person.time_zone).unwrap_or(TimeZone::UTC)
}

row! {
    struct RejectedDayRow {
        collection: String,
        day: Date,
    }
}

impl Store {
    /// The evidence of why days of a range have nothing, for each of these collections, in the order given. Without
    /// collections nothing is read.
    pub async fn day_evidence(
        &self,
        person: &Person,
        collections: &[Collection],
        range: DayRange,
        now: Timestamp,
    ) -> Result<Vec<DayEvidence>> {
        if collections.is_empty() {
            return Ok(Vec::new());
        }
        let zone = zone(person);
        let states = self.sync_states(person.id).await?;
        let rings = self.rings(person.id, &zone).await?;
        let newest = self.latest_of(person.id).await?;
        let reasons = absence_reasons(person, &states, &newest, rings.in_use(), now);
        // The evening before the first day explains its night, and civil days reach into two UTC days.
        let around = range.padded(1);
        let proof = WORN.iter().chain([&Collection::RingBatteryLevel]);
        let all: BTreeSet<Collection> = collections.iter().chain(proof).copied().collect();
        let all: Vec<Collection> = all.into_iter().collect();
        let documents = self.days_with_documents(person.id, &all, around).await?;
        let rejected = self.days_with_rejected(person.id, collections, around).await?;
        let days_of = |days: &BTreeMap<Collection, BTreeSet<Day>>, collection: Collection| -> BTreeSet<Day> {
            let days = days.get(&collection).into_iter().flatten();
            let days = days.map(|day| civil_day(collection, *day, &zone));
            days.filter(|day| range.contains(*day)).collect()
        };
        let metrics = [NON_WEAR, NAPS].map(Metric::by_key);
        let metrics: Vec<&'static Metric> = metrics.into_iter().flatten().collect();
        let mut columns = self.daily_of(person.id, &metrics, around).await?.into_iter();
        let off = columns.next().unwrap_or_default().into_iter().collect();
        let naps = columns.next().unwrap_or_default().into_iter().filter(|(_, naps)| *naps > 0.0);
        let naps: BTreeSet<Day> = naps.map(|(day, _)| day).collect();
        let worn = WORN.iter().flat_map(|collection| days_of(&documents, *collection)).collect();
        let powered = days_of(&documents, Collection::RingBatteryLevel);
        let wear = Arc::new(WearLog { off, worn, powered, rings });
        let today = Today::at(now, &zone);
        let traces = |collection: &Collection| {
            let state = states.iter().find(|state| state.collection == *collection);
            let civil = |day| civil_day(*collection, day, &zone);
            let covered = state.and_then(|state| state.covered);
            DayEvidence {
                collection: *collection,
                today: today.day(),
                now: reasons.iter().find(|(absent, _)| absent == collection).map(|(_, reason)| *reason),
                covered: covered.and_then(|days| DayRange::new(civil(days.first()), civil(days.last())).ok()),
                read_until: state.and_then(|state| state.last_success_at).map(|at| Day::at(at, &zone)),
                documents: days_of(&documents, *collection),
                rejected: days_of(&rejected, *collection),
                naps: if *collection == Collection::Sleep { naps.clone() } else { BTreeSet::new() },
                wear: wear.clone(),
            }
        };
        Ok(collections.iter().map(traces).collect())
    }

    /// The days of a range on which each of some collections has rejected documents; they are few.
    async fn days_with_rejected(
        &self,
        person: i64,
        collections: &[Collection],
        range: DayRange,
    ) -> Result<BTreeMap<Collection, BTreeSet<Day>>> {
        let rows: Vec<RejectedDayRow> = with_pool!(self, pool, Db => {
            let mut query =
                QueryBuilder::<Db>::new(format!("select distinct {} from rejected where person = ", RejectedDayRow::COLUMNS));
            query.push_bind(person);
            documents::push_filter(&mut query, collections, range);
            query.build_query_as().persistent(false).fetch_all(pool).await?
        });
        let mut days: BTreeMap<Collection, BTreeSet<Day>> = BTreeMap::new();
        for row in rows {
            let collection = row.collection.parse().map_err(|_| Error::Corrupt { what: "collection" })?;
            days.entry(collection).or_default().insert(sync::day(row.day)?);
        }
        Ok(days)
    }
}

fn reading(state: &SyncState, newest_value: Option<Day>) -> ReadingStatus {
    let undated = state.rejected_at.zip(state.last_success_at);
    ReadingStatus {
        collection: state.collection,
        last_success_at: state.last_success_at,
        failure: state.failure,
        newest_day: state.newest_day,
        newest_value,
        rejected_day: state.rejected_day,
        rejected_undated: undated
            .is_some_and(|(rejected, success)| success.duration_since(rejected) < SYNC_RUN_WINDOW),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absence_rules_find_their_metrics() {
        assert!(
            Metric::by_key(NON_WEAR).is_some_and(|metric| metric.has_current_value() && !metric.is_series())
        );
        assert!(Metric::by_key(NAPS).is_some_and(|metric| metric.collection == Collection::Sleep));
        for collection in Collection::ALL {
            assert!(
                Metric::of(*collection)
                    .any(|metric| metric.has_current_value() && metric.completes_its_day())
            );
        }
    }
}
