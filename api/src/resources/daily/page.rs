//! One page of days out of a range, in memory and time that follow the page and not the range.

use std::collections::BTreeMap;

use domain::{Day, DayRange, Metric};
use store::{Person, Store};

use crate::error::Error;

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

/// How much wider each look into the range is than the one before: 200 empty years are seven looks, not a thousand.
const WIDEN: i64 = 4;

/// The first `limit` days with values. One day more is looked for, to know whether another page follows.
pub(super) async fn read(
    store: &Store,
    person: &Person,
    metrics: &[&'static Metric],
    wanted: Wanted,
) -> Result<Page, Error> {
    let Wanted { range, after, limit } = wanted;
    let mut days: BTreeMap<Day, BTreeMap<&'static str, f64>> = BTreeMap::new();
    let mut width = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    let mut rest = remaining(range, after);
    while let Some(look) = rest.filter(|_| days.len() <= limit) {
        let here = DayRange::new(look.first(), look.first().plus(width - 1).min(look.last())).unwrap_or(look);
        for (metric, column) in metrics.iter().zip(store.daily_of(person.id, metrics, here).await?) {
            for (day, value) in column {
                days.entry(day).or_default().insert(metric.key, value);
            }
        }
        rest = remaining(range, Some(here.last()));
        width = width.saturating_mul(WIDEN);
    }
    let beyond = days.keys().nth(limit).copied();
    if let Some(beyond) = beyond {
        days.split_off(&beyond);
    }
    let more_after = beyond.and_then(|_| days.keys().next_back().copied());
    Ok(Page { days, more_after })
}

/// The part of a range that comes after a day.
fn remaining(range: DayRange, after: Option<Day>) -> Option<DayRange> {
    match after {
        Some(after) if after >= range.last() => None,
        Some(after) => DayRange::new(range.first().max(after.plus(1)), range.last()).ok(),
        None => Some(range),
    }
}
