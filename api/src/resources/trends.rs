//! Long questions about one number or several: parameters in, the answers of [`crate::trends`] out.

use axum::extract::State as With;
use axum::response::Response;
use domain::{Day, DayRange};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use crate::access::PartialAccess;
use crate::blocking;
use crate::cursor::DayText;
use crate::error::{Error, Failures, Unknown, shown};
use crate::extract::{ByKey, Query};
use crate::params;
use crate::policy::Policy;
use crate::routes::Routes;
use crate::state::State;
use crate::trends::aggregate::Aggregate;
use crate::trends::bucket::Bucket;
use crate::trends::{Compare, Gaps, Table, Trend, TrendQuery, Windows, table, trend};

/// Days answered when the question names none.
const DEFAULT_DAYS: i64 = 90;
/// Metrics one table has at most.
const MAX_METRICS: usize = 12;
/// Longest window, and longest half-life.
const MAX_WINDOW: usize = 366;
const MAX_HALF_LIFE: usize = 90;
/// Widest band.
const MAX_WIDTH: f64 = 10.0;

pub(super) fn routes() -> Routes<State> {
    Routes::new()
        .add(Policy::READ_CACHED, routes!(get_trends))
        .add(Policy::READ_CACHED, routes!(get_trends_table))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Params {
    /// Whose numbers; needed only when there are several people.
    #[param(example = "me")]
    person: Option<String>,
    /// First day. Without it and without `period`: 89 days before the last.
    #[param(value_type = DayText, required = false, inline, example = "2026-01-01")]
    from: Option<String>,
    /// Last day, included. Without it: today, as the person's calendar says; today may not be over yet.
    #[param(value_type = DayText, required = false, inline, example = "2026-03-29")]
    to: Option<String>,
    /// In place of `from`: so many days, weeks, months or years that end with `to`, as `90d`, `13w`, `6m` or `2y`.
    #[param(pattern = "^[0-9]{1,4}[dwmy]$", example = "90d")]
    period: Option<String>,
    /// Which days are summed up together: weeks start on Monday (ISO 8601), the others are those of the calendar.
    #[serde(default)]
    #[param(value_type = Option<Bucket>, default = "day", example = "day")]
    bucket: Bucket,
    /// How they are summed up: `mean`, `sum`, `min`, `max`, `median`, `count`, `deviation` (sample standard deviation),
    /// or a percentile from `p1` to `p99`.
    #[param(value_type = Option<String>, default = "mean", pattern = "^(mean|sum|min|max|median|count|deviation|p[1-9][0-9]?)$", example = "median")]
    aggregate: Option<String>,
    /// What stands where nothing was measured: null, no row, the last value, or a straight line between the neighbours.
    /// What is filled in is marked `filled` and counts nowhere.
    #[serde(default)]
    #[param(value_type = Option<Gaps>, default = "null", example = "null")]
    gaps: Gaps,
    /// Adds the mean of so many days, each day included. Days only, like the three below.
    #[param(value_type = Option<u16>, minimum = 2, maximum = 366, example = 7)]
    rolling_mean: Option<String>,
    /// Adds the median of so many days, each day included.
    #[param(value_type = Option<u16>, minimum = 2, maximum = 366, example = 28)]
    rolling_median: Option<String>,
    /// Adds the exponentially weighted mean with this half-life in days; it looks back ten of them.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 90, example = 7)]
    ewma: Option<String>,
    /// Adds the usual range: the median of so many days before each day, the band of `baseline_width` around it, and how
    /// far the day is away (`z_score`). Reports, dashboards and alerts use 28.
    #[param(value_type = Option<u16>, minimum = 2, maximum = 366, example = 28)]
    baseline: Option<String>,
    /// How far the band reaches to either side, in spreads: the distance of the quartiles divided by 1.349, which is the
    /// standard deviation of a normal distribution. Without it 2.
    #[param(value_type = Option<f64>, minimum = 0, maximum = 10, example = 2.0)]
    baseline_width: Option<String>,
    /// Values a window must have to say anything. Without it half its days.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 900, example = 5)]
    min_count: Option<String>,
    /// Adds lines through the numbers of the days: least squares and Theil–Sen, each with its 95 % interval.
    #[serde(default)]
    #[param(value_type = Option<bool>, default = false, example = true)]
    slope: bool,
    /// Adds comparisons with other ranges, several with commas: `previous` (as many days right before), `year` (the same dates
    /// a year before), `oura` (what the Trends view of the Oura app shows).
    #[param(pattern = "^(previous|year|oura)(,(previous|year|oura))*$", example = "previous,year")]
    compare: Option<String>,
    /// For drawing: at most so many rows, chosen so that the line keeps its look (LTTB). Rows without a value go first.
    #[param(value_type = Option<u16>, minimum = 3, maximum = 15_000, example = 400)]
    max_points: Option<String>,
}

impl Params {
    fn question(&self, today: Day) -> Result<TrendQuery, Error> {
        let range = range(self.from.as_deref(), self.to.as_deref(), self.period.as_deref(), today)?;
        let days = |parameter, text: &Option<String>, least, most| {
            params::number(parameter, text.as_deref(), least, most)
        };
        Ok(TrendQuery {
            bucket: self.bucket,
            aggregate: aggregate(self.aggregate.as_deref())?,
            gaps: self.gaps,
            windows: Windows {
                rolling_mean: days("rolling_mean", &self.rolling_mean, 2, MAX_WINDOW)?,
                rolling_median: days("rolling_median", &self.rolling_median, 2, MAX_WINDOW)?,
                ewma: days("ewma", &self.ewma, 1, MAX_HALF_LIFE)?,
                baseline: days("baseline", &self.baseline, 2, MAX_WINDOW)?,
                baseline_width: width(self.baseline_width.as_deref())?,
                min_count: days("min_count", &self.min_count, 1, 900)?,
            },
            slope: self.slope,
            compare: self.compare.as_deref().map(compare).transpose()?.unwrap_or_default(),
            max_points: days("max_points", &self.max_points, 3, 15_000)?,
            ..TrendQuery::about(range)
        })
    }
}

/// One number over many days, by day, week, month, quarter or year.
///
/// Days without a measurement count neither as zero nor as the day before; `missing` says why they have none. States
/// have no average and are refused. For a metric of kind `points`, buckets sum up the points themselves; everything
/// else takes each day's mean.
#[utoipa::path(
    get, path = "/trends/{metric}", operation_id = "get_trends", tag = "history",
    params(("metric" = String, Path, description = "Metric id of kind `number` or `points`.", example = "sleep_score"), Params),
    responses((status = 200, description = "One entry per bucket.", body = Trend), Unknown, Failures),
)]
async fn get_trends(
    With(state): With<State>,
    access: PartialAccess,
    ByKey(metric): ByKey,
    Query(query): Query<Params>,
) -> Result<Response, Error> {
    let access = access.limited_to([metric.collection])?;
    let person = params::person(&state.store, &access, query.person.as_deref()).await?;
    let question = query.question(state.today(&person)?)?;
    let known = trend(&state.store, &person, metric, question, (state.now)()).await?;
    blocking::json(known.room(), move || known.answer()).await
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct TableParams {
    /// Metric ids with commas, at most 12; a column each.
    #[param(example = "sleep_score,activity_steps")]
    metrics: String,
    /// Whose numbers; needed only when there are several people.
    #[param(example = "me")]
    person: Option<String>,
    /// First day. Without it and without `period`: 89 days before the last.
    #[param(value_type = DayText, required = false, inline, example = "2026-01-01")]
    from: Option<String>,
    /// Last day, included. Without it: today, as the person's calendar says.
    #[param(value_type = DayText, required = false, inline, example = "2026-03-29")]
    to: Option<String>,
    /// In place of `from`: so many days, weeks, months or years that end with `to`, as `90d`, `13w`, `6m` or `2y`.
    #[param(pattern = "^[0-9]{1,4}[dwmy]$", example = "13w")]
    period: Option<String>,
    /// Which days are summed up together.
    #[serde(default)]
    #[param(value_type = Option<Bucket>, default = "day", example = "week")]
    bucket: Bucket,
    /// How they are summed up; see `/api/v1/trends/{metric}`.
    #[param(value_type = Option<String>, default = "mean", pattern = "^(mean|sum|min|max|median|count|deviation|p[1-9][0-9]?)$", example = "mean")]
    aggregate: Option<String>,
    /// What stands where nothing was measured. What is filled in has `true` in the column `…_filled`.
    #[serde(default)]
    #[param(value_type = Option<Gaps>, default = "null", example = "null")]
    gaps: Gaps,
}

/// Several numbers over the same days, aligned: a flat row per bucket, a column per metric.
///
/// Rows need no reshaping in Grafana: the Infinity data source reads them with the backend parser, root selector `rows`.
#[utoipa::path(
    get, path = "/trends", operation_id = "get_trends_table", tag = "history", params(TableParams),
    responses((status = 200, description = "One row per bucket.", body = Table), Unknown, Failures),
)]
async fn get_trends_table(
    With(state): With<State>,
    access: PartialAccess,
    Query(query): Query<TableParams>,
) -> Result<Response, Error> {
    let metrics = params::metrics("metrics", &query.metrics, 1, MAX_METRICS)?;
    let access = access.limited_to(metrics.iter().map(|metric| metric.collection))?;
    let person = params::person(&state.store, &access, query.person.as_deref()).await?;
    let today = state.today(&person)?;
    let range = range(query.from.as_deref(), query.to.as_deref(), query.period.as_deref(), today)?;
    let how = (query.bucket, aggregate(query.aggregate.as_deref())?, query.gaps);
    let known = table(&state.store, &person, &metrics, range, how, (state.now)()).await?;
    blocking::json(known.room(), move || known.answer()).await
}

/// The days asked for, by dates or by a period that ends with the last.
pub(super) fn range(
    from: Option<&str>,
    to: Option<&str>,
    period: Option<&str>,
    today: Day,
) -> Result<DayRange, Error> {
    let Some(period) = period else { return params::range(from, to, today, DEFAULT_DAYS) };
    if from.is_some() {
        let reason = "a range begins with `from` or is as long as `period` says; leave one of them out";
        return Err(Error::Parameter { parameter: "period", reason: reason.to_owned() });
    }
    params::period(period, params::day("to", to)?.unwrap_or(today))
}

fn aggregate(text: Option<&str>) -> Result<Aggregate, Error> {
    let Some(text) = text else { return Ok(Aggregate::default()) };
    text.parse().map_err(|_| Error::Parameter {
        parameter: "aggregate",
        reason: format!(
            "{:?} is none of mean, sum, min, max, median, count, deviation and p1 to p99",
            shown(text)
        ),
    })
}

fn compare(text: &str) -> Result<Vec<Compare>, Error> {
    let mut wanted = Vec::new();
    for word in text.split(',') {
        let one = match word {
            "previous" => Compare::Previous,
            "year" => Compare::Year,
            "oura" => Compare::Oura,
            other => {
                let reason = format!("{:?} is none of previous, year and oura", shown(other));
                return Err(Error::Parameter { parameter: "compare", reason });
            }
        };
        if wanted.contains(&one) {
            let reason = format!("{word} is there twice");
            return Err(Error::Parameter { parameter: "compare", reason });
        }
        wanted.push(one);
    }
    Ok(wanted)
}

fn width(text: Option<&str>) -> Result<Option<f64>, Error> {
    let Some(text) = text else { return Ok(None) };
    let width = text.parse().ok().filter(|width| (0.0..=MAX_WIDTH).contains(width));
    width.map(Some).ok_or_else(|| Error::Parameter {
        parameter: "baseline_width",
        reason: format!("{:?} is not a number from 0 to {MAX_WIDTH}", shown(text)),
    })
}
