//! What is asked about one metric, and which wishes make no sense together.

use domain::{Day, DayRange, Metric, Unit};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::aggregate::Aggregate;
use super::bucket::Bucket;
use super::compare::Compare;
use crate::error::Error;

/// Half-lives an exponentially weighted mean looks back: what is older weighs less than a thousandth each.
pub(crate) const HALF_LIVES: usize = 10;

/// Rows an answer has at most: 41 years of days.
const MAX_ROWS: usize = 15_000;
/// Rows times metrics an answer has at most.
const MAX_CELLS: usize = 60_000;

/// What stands where nothing was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(example = "null")]
pub(crate) enum Gaps {
    /// Null.
    #[default]
    Null,
    /// No row at all.
    Skip,
    /// The last value before, marked `filled`.
    Carry,
    /// A straight line between the neighbours, marked `filled`.
    Linear,
}

/// Numbers of the last days, for every day. Lengths are days.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Windows {
    /// The mean of the last days, this one included.
    pub(crate) rolling_mean: Option<usize>,
    /// Their median.
    pub(crate) rolling_median: Option<usize>,
    /// The half-life of an exponentially weighted mean.
    pub(crate) ewma: Option<usize>,
    /// The days before, this one excluded, that say what is usual.
    pub(crate) baseline: Option<usize>,
    /// How many scaled median absolute deviations the band reaches to either side.
    pub(crate) baseline_width: Option<f64>,
    /// Values a window must have; without it half its days, rounded up.
    pub(crate) min_count: Option<usize>,
}

impl Windows {
    /// The length of every window asked for, each with the values it must have.
    fn lengths(&self) -> impl Iterator<Item = usize> {
        let ewma = self.ewma.map(|half_life| half_life * HALF_LIVES);
        [self.rolling_mean, self.rolling_median, ewma, self.baseline].into_iter().flatten()
    }

    /// Values a window of this length must have.
    pub(crate) fn enough(&self, length: usize) -> usize {
        self.min_count.unwrap_or(length.div_ceil(2))
    }

    /// Numbers that a day has because of them.
    pub(super) fn columns(&self) -> usize {
        let baseline = self.baseline.map_or(0, |_| 4);
        [self.rolling_mean, self.rolling_median, self.ewma].iter().flatten().count() + baseline
    }

    /// Days before the first one asked for that must be known.
    fn lead(&self) -> usize {
        self.lengths().max().unwrap_or_default()
    }
}

/// A question about one metric.
#[derive(Clone, Debug)]
pub(crate) struct TrendQuery {
    /// The days asked for.
    pub(crate) range: DayRange,
    /// Which days belong together.
    pub(crate) bucket: Bucket,
    /// How they become one.
    pub(crate) aggregate: Aggregate,
    /// What stands where nothing was measured.
    pub(crate) gaps: Gaps,
    /// Numbers of the last days.
    pub(crate) windows: Windows,
    /// Whether lines are drawn through the days.
    pub(crate) slope: bool,
    /// What the range is compared with.
    pub(crate) compare: Vec<Compare>,
    /// Most rows, for drawing.
    pub(crate) max_points: Option<usize>,
}

impl TrendQuery {
    /// The mean of every day, and nothing besides.
    pub(crate) fn about(range: DayRange) -> Self {
        Self {
            range,
            bucket: Bucket::Day,
            aggregate: Aggregate::Mean,
            gaps: Gaps::Null,
            windows: Windows::default(),
            slope: false,
            compare: Vec::new(),
            max_points: None,
        }
    }

    /// The buckets, in order.
    pub(crate) fn buckets(&self) -> Result<Vec<DayRange>, Error> {
        rows(self.bucket, self.range, 1)
    }

    /// The days that must be known to answer: those asked for and as many before as windows and comparisons look back.
    pub(crate) fn reach(&self) -> DayRange {
        let lead = i64::try_from(self.windows.lead()).unwrap_or(i64::MAX);
        let compared = self.compare.iter().filter_map(|compare| compare.reach(self.range, self.bucket));
        let first = compared.fold(self.range.first().plus(-lead), Day::min);
        DayRange::new(first, self.range.last()).unwrap_or(self.range)
    }

    /// Refuses what means nothing.
    pub(crate) fn check(&self, metric: &Metric) -> Result<(), Error> {
        is_number("metric", metric)?;
        let refuse = |parameter, reason: String| Err(Error::Parameter { parameter, reason });
        let windows = &self.windows;
        if self.bucket != Bucket::Day && windows.lengths().next().is_some() {
            let reason = "rolling numbers, ewma and baseline look at days; ask with bucket=day";
            return refuse("bucket", reason.to_owned());
        }
        if windows.baseline.is_none() && windows.baseline_width.is_some() {
            return refuse("baseline_width", "there is no band without `baseline`".to_owned());
        }
        if let Some(enough) = windows.min_count {
            match windows.lengths().min() {
                None => {
                    let reason =
                        "nothing has a minimum without rolling_mean, rolling_median, ewma or baseline";
                    return refuse("min_count", reason.to_owned());
                }
                Some(shortest) if enough > shortest => {
                    let reason = format!("{enough} values never fit into a window of {shortest} days");
                    return refuse("min_count", reason);
                }
                Some(_) => {}
            }
        }
        if self.aggregate == Aggregate::Deviation && self.bucket == Bucket::Day && !metric.is_series() {
            let reason = "one number has no deviation; choose bucket=week or longer".to_owned();
            return refuse("aggregate", reason);
        }
        check_gaps(self.gaps, self.aggregate)?;
        if self.compare.contains(&Compare::Oura) && self.bucket == Bucket::Quarter {
            let reason = "the Oura app compares days, weeks, months and years, not quarters".to_owned();
            return refuse("compare", reason);
        }
        Ok(())
    }
}

/// Refuses to fill what is never empty.
pub(crate) fn check_gaps(gaps: Gaps, aggregate: Aggregate) -> Result<(), Error> {
    if aggregate == Aggregate::Count && matches!(gaps, Gaps::Carry | Gaps::Linear) {
        let reason = "a count has no gaps: nothing measured counts 0; leave `gaps` out".to_owned();
        return Err(Error::Parameter { parameter: "gaps", reason });
    }
    Ok(())
}

/// Refuses a metric that is no number; `parameter` names it.
pub(crate) fn is_number(parameter: &'static str, metric: &Metric) -> Result<(), Error> {
    if metric.unit == Unit::State {
        let reason = format!("{} is a state; an average or median of states means nothing", metric.key);
        return Err(Error::Parameter { parameter, reason });
    }
    Ok(())
}

/// The buckets of a range, if an answer with `columns` of them is small enough.
pub(crate) fn rows(bucket: Bucket, range: DayRange, columns: usize) -> Result<Vec<DayRange>, Error> {
    let most = MAX_ROWS.min(MAX_CELLS / columns.max(1));
    let rows: Vec<DayRange> = bucket.cut(range).take(most + 1).collect();
    if rows.len() > most {
        let reason =
            format!("more than {most} rows are too many at once; choose fewer days or a longer bucket");
        return Err(Error::Parameter { parameter: "from and to", reason });
    }
    Ok(rows)
}
