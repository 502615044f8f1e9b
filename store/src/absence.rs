//! Why a collection has nothing of today: what is stored, put before the rules of [`domain::reason`].

use domain::reason::{Evidence, Reading, Today, absence};
use domain::{Collection, Reason, Ring};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use crate::numbers::Latest;
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
    let zone = TimeZone::get(&person.time_zone).unwrap_or(TimeZone::UTC);
    let readings: Vec<Reading<'_>> = states.iter().map(reading).collect();
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

fn reading(state: &SyncState) -> Reading<'_> {
    let rejected = state.rejected_at.zip(state.last_success_at);
    Reading {
        collection: state.collection,
        succeeded: state.last_success_at.is_some(),
        failure: state.failure.as_deref(),
        newest_day: state.newest_day,
        rejected: rejected.is_some_and(|(rejected, success)| success.duration_since(rejected) < A_PASS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_can_find_what_they_look_for() {
        assert!(domain::Metric::by_key(NON_WEAR).is_some_and(domain::Metric::has_now));
    }
}
