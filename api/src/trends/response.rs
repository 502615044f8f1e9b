//! The answer about one metric.

use std::collections::BTreeMap;
use std::slice;

use domain::{Day, DayRange, Metric, usual};
use jiff::Timestamp;
use serde::Serialize;
use statistics::{Baseline, Filled};
use store::{Person, Store};
use utoipa::ToSchema;

use super::aggregate::Aggregate;
use super::bucket::Bucket;
use super::compare::Comparison;
use super::coverage::{Coverage, Reasons};
use super::query::{Gaps, HALF_LIVES, TrendQuery, Windows};
use super::readings::{self, DailyReadings, Summary};
use crate::error::Error;

/// One number over many days.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Trend {
    /// Metric id.
    #[schema(example = "sleep_score")]
    pub(crate) metric: &'static str,
    /// What Prometheus calls it.
    #[schema(example = "oura_sleep_score")]
    pub(crate) name: String,
    /// The unit of every value.
    #[schema(example = "score (1-100)")]
    pub(crate) unit: &'static str,
    /// Whose.
    #[schema(example = "me")]
    pub(crate) person: String,
    /// Which days are summed up together.
    pub(crate) bucket: Bucket,
    /// How they are summed up.
    #[schema(value_type = String, example = "median")]
    pub(crate) aggregate: Aggregate,
    /// First day.
    #[schema(value_type = String, format = Date, example = "2026-01-01")]
    pub(crate) from: Day,
    /// Last day, included.
    #[schema(value_type = String, format = Date, example = "2026-03-29")]
    pub(crate) to: Day,
    /// How much of the whole range was measured.
    pub(crate) coverage: Coverage,
    /// One row per bucket, oldest first.
    pub(crate) points: Vec<Point>,
    /// Lines through the numbers of the days, where `slope` was asked for and there are enough.
    pub(crate) slopes: Vec<Slope>,
    /// The comparisons asked for.
    pub(crate) comparisons: Vec<Comparison>,
}

/// One bucket. Fields of windows that were not asked for are left out.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[expect(
    clippy::option_option,
    reason = "a window that was not asked for is left out, one that was may be null"
)]
pub(crate) struct Point {
    /// First day it covers; the first bucket starts where the range does.
    #[schema(value_type = String, format = Date, example = "2026-03-23")]
    pub(crate) start: Day,
    /// Last day it covers, included; the last bucket ends where the range does.
    #[schema(value_type = String, format = Date, example = "2026-03-29")]
    pub(crate) end: Day,
    /// In the metric's unit; null when nothing was measured.
    #[schema(required = true, example = 81.5)]
    pub(crate) value: Option<f64>,
    /// Whether the value was filled in as `gaps` asked, and not measured.
    #[schema(example = false)]
    pub(crate) filled: bool,
    /// How many measured values it sums up: days, or for a metric of kind `points` points.
    #[schema(example = 5)]
    pub(crate) count: usize,
    /// Days it covers.
    #[schema(example = 7)]
    pub(crate) days: usize,
    /// Days that have a value.
    #[schema(example = 5)]
    pub(crate) days_with_value: usize,
    /// Days without one, by the reason.
    #[schema(example = json!({"ring_not_worn": 2}))]
    pub(crate) missing: BTreeMap<&'static str, usize>,
    /// Mean of the last days.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>, example = 80.9)]
    pub(crate) rolling_mean: Option<Option<f64>>,
    /// Median of the last days.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>, example = 81.0)]
    pub(crate) rolling_median: Option<Option<f64>>,
    /// Exponentially weighted mean.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>, example = 80.7)]
    pub(crate) ewma: Option<Option<f64>>,
    /// The centre of the usual range: the median of the days before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>, example = 80.0)]
    pub(crate) baseline: Option<Option<f64>>,
    /// Lower end of the band around it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>, example = 72.6)]
    pub(crate) baseline_low: Option<Option<f64>>,
    /// Upper end of the band.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>, example = 87.4)]
    pub(crate) baseline_high: Option<Option<f64>>,
    /// How many spreads the value is away from the baseline.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>, example = 0.4)]
    pub(crate) z_score: Option<Option<f64>>,
}

/// A line through the numbers of the days.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Slope {
    /// `ols` (ordinary least squares, interval by Student's t) or `theil_sen` (median of all pairs, interval by Sen).
    #[schema(example = "theil_sen")]
    pub(crate) method: &'static str,
    /// How much the number grows a day.
    #[schema(example = 0.0125)]
    pub(crate) per_day: f64,
    /// Lower end of the 95 % interval.
    #[schema(example = 0.0081)]
    pub(crate) low: f64,
    /// Upper end.
    #[schema(example = 0.0169)]
    pub(crate) high: f64,
    /// Where the line is on the first day of the range.
    #[schema(example = 78.2)]
    pub(crate) intercept: f64,
    /// Days with a value.
    #[schema(example = 87)]
    pub(crate) n: usize,
    /// How much days resemble the day before (lag-1 autocorrelation). Both intervals take days for independent: the
    /// further this is above 0, the more too narrow they are.
    #[schema(example = 0.31)]
    pub(crate) autocorrelation: f64,
}

/// What is read to answer a question about one metric; the answer is arithmetic.
pub(crate) struct Loaded {
    person: String,
    question: TrendQuery,
    readings: DailyReadings,
    reasons: Reasons,
}

/// Reads what answers a question about one metric.
pub(crate) async fn trend(
    store: &Store,
    person: &Person,
    metric: &'static Metric,
    question: TrendQuery,
    now: Timestamp,
) -> Result<Loaded, Error> {
    question.check(metric)?;
    let buckets = question.buckets()?;
    let readings =
        readings::read_one(store, person, metric, question.reach(), &buckets, question.aggregate).await?;
    let reasons = Reasons::read(store, person, slice::from_ref(&readings), question.range, now).await?;
    Ok(Loaded { person: person.name.to_string(), question, readings, reasons })
}

impl Loaded {
    /// About how many bytes the answer takes.
    pub(crate) fn room(&self) -> usize {
        const BARE: usize = 130;
        const WINDOW: usize = 40;
        const HEAD: usize = 2048;
        HEAD + self.readings.buckets.len() * (BARE + WINDOW * self.question.windows.columns())
    }

    /// The answer.
    pub(crate) fn answer(&self) -> Trend {
        let Self { person, question, readings, reasons } = self;
        let (metric, range) = (readings.metric, question.range);
        let points = points(question, readings, reasons);
        let compared = question.compare.iter().flat_map(|compare| compare.answer(question, readings));
        Trend {
            metric: metric.key,
            name: metric.name(),
            unit: metric.unit.name(),
            person: person.clone(),
            bucket: question.bucket,
            aggregate: question.aggregate,
            from: range.first(),
            to: range.last(),
            coverage: whole(&points),
            points: drawn(question, points),
            slopes: if question.slope { slopes(readings, range) } else { Vec::new() },
            comparisons: compared.collect(),
        }
    }
}

/// The values of buckets with their gaps as asked; marked where they are filled.
pub(super) fn filled(gaps: Gaps, buckets: &[Summary]) -> Vec<Filled> {
    let row: Vec<Option<f64>> = buckets.iter().map(|summary| summary.value).collect();
    match gaps {
        Gaps::Carry => statistics::carried(&row),
        Gaps::Linear => statistics::linear(&row),
        Gaps::Null | Gaps::Skip => row.into_iter().map(|value| Filled { value, filled: false }).collect(),
    }
}

/// A point a bucket.
fn points(question: &TrendQuery, readings: &DailyReadings, reasons: &Reasons) -> Vec<Point> {
    let reasons = reasons.of(readings);
    let point = |(summary, Filled { value, filled }): (&Summary, Filled)| {
        let Coverage { days, days_with_value, missing } = reasons.coverage(summary.days);
        Point {
            start: summary.days.first(),
            end: summary.days.last(),
            value,
            filled,
            count: summary.count,
            days,
            days_with_value,
            missing,
            rolling_mean: None,
            rolling_median: None,
            ewma: None,
            baseline: None,
            baseline_low: None,
            baseline_high: None,
            z_score: None,
        }
    };
    let mut points: Vec<Point> =
        readings.buckets.iter().zip(filled(question.gaps, &readings.buckets)).map(point).collect();
    look_back(&question.windows, readings, question.range, &mut points);
    points
}

/// How much of all buckets was measured: every day is in one of them.
fn whole(points: &[Point]) -> Coverage {
    let mut whole = Coverage::default();
    for Point { days, days_with_value, missing, .. } in points {
        whole.days += days;
        whole.days_with_value += days_with_value;
        for (reason, days) in missing {
            *whole.missing.entry(reason).or_default() += days;
        }
    }
    whole
}

/// The points that are shown.
fn drawn(question: &TrendQuery, mut points: Vec<Point>) -> Vec<Point> {
    if question.gaps == Gaps::Skip {
        points.retain(|point| point.value.is_some());
    }
    match question.max_points {
        Some(most) if points.len() > most => downsampled(points, most),
        _ => points,
    }
}

/// Adds the numbers of windows. Points are days here; [`Question::check`] holds that.
fn look_back(windows: &Windows, readings: &DailyReadings, range: DayRange, points: &mut [Point]) {
    let row = &readings.daily;
    let lead = row.len() - points.len().min(row.len());
    debug_assert_eq!(readings.range.last(), range.last(), "what is read ends with what is asked for");
    let mut add = |answers: Option<Vec<Option<f64>>>, field: fn(&mut Point) -> &mut Option<Option<f64>>| {
        for (point, answer) in points.iter_mut().zip(answers.into_iter().flatten().skip(lead)) {
            *field(point) = Some(answer);
        }
    };
    let enough = |length| windows.enough(length);
    let mean = windows.rolling_mean.map(|days| statistics::rolling_mean(row, days, enough(days)));
    add(mean, |point| &mut point.rolling_mean);
    let median = windows.rolling_median.map(|days| statistics::rolling_median(row, days, enough(days)));
    add(median, |point| &mut point.rolling_median);
    let ewma = windows.ewma.map(|half_life| {
        let days = half_life * HALF_LIVES;
        let half_life = u32::try_from(half_life).map_or(f64::MAX, f64::from);
        statistics::exponential(row, half_life, days, enough(days))
    });
    add(ewma, |point| &mut point.ewma);
    if let Some(days) = windows.baseline {
        let least = usual::least_spread(readings.metric);
        let usual: Vec<Option<Baseline>> = statistics::baselines(row, days, enough(days))
            .into_iter()
            .map(|baseline| Some(baseline?.at_least(least)))
            .collect();
        let width = windows.baseline_width.unwrap_or(usual::DAY_WIDTH);
        let each = |of: &dyn Fn(usize, &Baseline) -> Option<f64>| {
            let answer = |(slot, usual): (usize, &Option<Baseline>)| of(slot, usual.as_ref()?);
            Some(usual.iter().enumerate().map(answer).collect())
        };
        add(each(&|_, usual| Some(usual.median)), |point| &mut point.baseline);
        add(each(&|_, usual| Some(usual.band(width)?.0)), |point| &mut point.baseline_low);
        add(each(&|_, usual| Some(usual.band(width)?.1)), |point| &mut point.baseline_high);
        add(each(&|slot, usual| usual.score(row[slot]?)), |point| &mut point.z_score);
    }
}

/// At most `most` points that draw nearly the same line. A point without a value draws nothing and goes first.
fn downsampled(points: Vec<Point>, most: usize) -> Vec<Point> {
    let points: Vec<Point> = points.into_iter().filter(|point| point.value.is_some()).collect();
    let Some(first) = points.first().map(|point| point.start) else { return points };
    let place = |point: &Point| {
        let days = u32::try_from(point.start.since(first)).unwrap_or_default();
        (f64::from(days), point.value.unwrap_or_default())
    };
    let places: Vec<(f64, f64)> = points.iter().map(place).collect();
    let mut kept = statistics::largest_triangles(&places, most).into_iter().peekable();
    points.into_iter().enumerate().filter_map(|(at, point)| kept.next_if_eq(&at).map(|_| point)).collect()
}

/// Lines through the numbers of the days; x is days since the first of the range.
fn slopes(readings: &DailyReadings, range: DayRange) -> Vec<Slope> {
    let row = readings.within(range);
    let days = row.iter().zip(0_u32..).filter_map(|(value, day)| Some((f64::from(day), (*value)?)));
    let points: Vec<(f64, f64)> = days.collect();
    let autocorrelation = statistics::autocorrelation(row);
    let lines =
        [("ols", statistics::ordinary_least_squares(&points)), ("theil_sen", statistics::theil_sen(&points))];
    let slope = |(method, line): (&'static str, Option<statistics::Line>)| {
        let line = line?;
        let statistics::Slope { slope, low, high } = line.slope;
        let (intercept, n) = (line.intercept, points.len());
        Some(Slope { method, per_day: slope, low, high, intercept, n, autocorrelation })
    };
    lines.into_iter().filter_map(slope).collect()
}
