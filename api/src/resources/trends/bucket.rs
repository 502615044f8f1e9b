//! Cutting days into buckets and summing them up: pure, and civil, so no clock change can move a value.

use domain::{Day, DayRange};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which days belong together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(example = "week")]
pub(super) enum Bucket {
    /// Each day on its own.
    #[default]
    Day,
    /// Monday to Sunday, as ISO 8601 counts weeks.
    Week,
    /// A month of the calendar.
    Month,
}

/// How values become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(example = "median")]
pub(super) enum Aggregate {
    /// The arithmetic mean.
    #[default]
    Average,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// The one in the middle; of an even count the mean of the two in the middle.
    Median,
}

/// One bucket, summed up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Summary {
    pub(super) days: DayRange,
    /// `None` when nothing was measured.
    pub(super) value: Option<f64>,
    pub(super) count: usize,
}

impl Bucket {
    /// The range cut into buckets, in order of time; the first and the last may be shorter than their week or month.
    pub(super) fn cut(self, range: DayRange) -> impl Iterator<Item = DayRange> {
        let mut rest = Some(range);
        std::iter::from_fn(move || {
            let open = rest?;
            let last = self.last_day(open.first()).min(open.last());
            rest = if last < open.last() { DayRange::new(last.plus(1), open.last()).ok() } else { None };
            DayRange::new(open.first(), last).ok()
        })
    }

    /// Days of the longest bucket.
    pub(super) const fn most_days(self) -> usize {
        match self {
            Self::Day => 1,
            Self::Week => 7,
            Self::Month => 31,
        }
    }

    /// The last day of the bucket that `day` belongs to.
    fn last_day(self, day: Day) -> Day {
        let date = day.date();
        day.plus(match self {
            Self::Day => 0,
            Self::Week => i64::from(7 - date.weekday().to_monday_one_offset()),
            Self::Month => i64::from(date.days_in_month() - date.day()),
        })
    }
}

impl Aggregate {
    /// Sums up each of `buckets`; both they and the values are in order of day.
    pub(super) fn over(self, buckets: &[DayRange], values: &[(Day, f64)]) -> Vec<Summary> {
        let place = |day: Day| values.partition_point(|(other, _)| *other < day);
        let past = |day: Day| values.partition_point(|(other, _)| *other <= day);
        let summary = |days: &DayRange| {
            let mut here: Vec<f64> =
                values[place(days.first())..past(days.last())].iter().map(|(_, value)| *value).collect();
            Summary { days: *days, count: here.len(), value: self.of(&mut here) }
        };
        buckets.iter().map(summary).collect()
    }

    /// One value for all; `None` for none. Orders `values` where it has to.
    fn of(self, values: &mut [f64]) -> Option<f64> {
        match self {
            Self::Average => {
                #[expect(clippy::cast_precision_loss, reason = "points of 200 years fit 53 bits")]
                let count = values.len() as f64;
                (count > 0.0).then(|| values.iter().sum::<f64>() / count)
            }
            Self::Min => values.iter().copied().min_by(f64::total_cmp),
            Self::Max => values.iter().copied().max_by(f64::total_cmp),
            Self::Median => {
                values.sort_unstable_by(f64::total_cmp);
                let middle = values.len() / 2;
                let upper = *values.get(middle)?;
                Some(if values.len() % 2 == 1 { upper } else { f64::midpoint(values[middle - 1], upper) })
            }
        }
    }
}

#[cfg(test)]
mod tests;
