//! One page of days out of a range.

use std::collections::BTreeMap;

use domain::{Day, DayRange, Metric};
use store::{Person, Store};

use crate::error::Error;
use crate::resources::day_scan::DayScan;

/// What is asked for.
pub(super) struct Wanted {
    pub(super) range: DayRange,
    pub(super) after: Option<Day>,
    pub(super) limit: usize,
}

/// What is found.
pub(super) struct Page {
    pub(super) days: BTreeMap<Day, BTreeMap<&'static str, f64>>,
    /// The last day of this page when another follows.
    pub(super) more_after: Option<Day>,
}

/// The first `limit` days with values. One day more is looked for, to know whether another page follows.
pub(super) async fn read(
    store: &Store,
    person: &Person,
    metrics: &[&'static Metric],
    wanted: Wanted,
) -> Result<Page, Error> {
    let Wanted { range, after, limit } = wanted;
    let mut days: BTreeMap<Day, BTreeMap<&'static str, f64>> = BTreeMap::new();
    let Some(from) = after.map_or(Some(range.first()), |after| (after < Day::LAST).then(|| after.plus(1)))
    else {
        return Ok(Page { days, more_after: None });
    };
    let dense = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    let mut walk = DayScan::new(range, from, dense, i64::MAX);
    while let Some(here) = walk.next(days.len(), limit + 1) {
        for (metric, column) in metrics.iter().zip(store.daily_of(person.id, metrics, here).await?) {
            for (day, value) in column {
                days.entry(day).or_default().insert(metric.key, value);
            }
        }
    }
    let beyond = days.keys().nth(limit).copied();
    if let Some(beyond) = beyond {
        days.split_off(&beyond);
    }
    let more_after = beyond.and_then(|_| days.keys().next_back().copied());
    Ok(Page { days, more_after })
}
