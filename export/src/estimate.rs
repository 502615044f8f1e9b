//! Estimates the size of a selection before it is written.

use domain::{Day, DayRange};
use store::Store;

use crate::Error;
use crate::selection::Selection;

/// How much there is to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// Series that have samples.
    pub series: u64,
    /// Samples, points within days by the newest of them.
    pub samples: u64,
    /// The days that have samples.
    pub days: Option<DayRange>,
}

impl Estimate {
    /// Counts numbers of days by the span of their days, and points by those of the newest day.
    pub async fn of(store: &Store, selection: &Selection) -> Result<Self, Error> {
        let mut estimate = Self { series: 0, samples: 0, days: None };
        for person in &selection.people {
            for metric in &selection.metrics {
                let extent = if metric.is_series() {
                    store.series_extent(person.id, metric).await?
                } else {
                    store.daily_extent(person.id, metric).await?
                };
                let Some(days) = extent.and_then(|extent| shared(extent, selection.range)) else { continue };
                let (series, a_day) = if metric.is_series() {
                    let newest = store.series(person.id, metric, DayRange::ending(days.last(), 1)).await?;
                    (1, newest.iter().map(|stored| stored.series.points().count() as u64).sum())
                } else {
                    (metric.states().len().max(1) as u64, 1)
                };
                estimate.series += series;
                estimate.samples += series * a_day * u64::try_from(days.len()).unwrap_or_default();
                estimate.days = Some(estimate.days.map_or(days, |all| union(all, days)));
            }
        }
        Ok(estimate)
    }

    /// The blocks that promtool will make of it.
    pub fn blocks(&self) -> Blocks {
        let hours = self.days.map_or(1, |days| 24 * u64::try_from(days.len()).unwrap_or(1));
        let duration =
            Blocks::DURATIONS.into_iter().find(|duration| hours.div_ceil(*duration) <= Blocks::MAX_BLOCKS);
        let duration = duration.unwrap_or(Blocks::DURATIONS[Blocks::DURATIONS.len() - 1]);
        let count = hours.div_ceil(duration);
        // Measured: two bytes a sample at most, and for each series in each block its part of the index and a chunk.
        let bytes = 2 * self.samples + 200 * self.series * count;
        Blocks { hours: duration, count, by_default: hours.div_ceil(2), bytes }
    }
}

/// Blocks of Prometheus' database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocks {
    /// The duration to ask promtool for, in hours.
    pub hours: u64,
    /// How many blocks that makes.
    pub count: u64,
    /// How many its default of two hours could make. promtool reads the whole file once for each.
    pub by_default: u64,
    /// Their estimated total size.
    pub bytes: u64,
}

impl Blocks {
    /// The durations promtool knows: two hours, times three again and again.
    const DURATIONS: [u64; 10] = [2, 6, 18, 54, 162, 486, 1458, 4374, 13_122, 39_366];
    /// More blocks than that make nothing faster.
    const MAX_BLOCKS: u64 = 64;
}

fn shared(a: DayRange, b: DayRange) -> Option<DayRange> {
    DayRange::new(a.first().max(b.first()), a.last().min(b.last())).ok()
}

fn union(a: DayRange, b: DayRange) -> DayRange {
    let (first, last): (Day, Day) = (a.first().min(b.first()), a.last().max(b.last()));
    DayRange::new(first, last).unwrap_or(a)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_years_need_few_blocks() {
        let days = DayRange::new("2016-01-01".parse().unwrap(), "2025-12-31".parse().unwrap()).unwrap();
        let blocks = Estimate { series: 100, samples: 365_300, days: Some(days) }.blocks();
        assert_eq!((blocks.hours, blocks.count, blocks.by_default), (1458, 61, 43_836));
    }

    #[test]
    fn one_week_keeps_small_blocks() {
        let days = DayRange::ending("2025-12-31".parse().unwrap(), 5);
        assert_eq!(Estimate { series: 1, samples: 5, days: Some(days) }.blocks().hours, 2);
    }
}
