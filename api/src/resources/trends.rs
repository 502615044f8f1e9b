//! Long questions about one number: many days, summed up by day, week or month.

mod bucket;

use axum::Json;
use axum::extract::State as With;
use domain::{Day, DayRange, Metric, Unit};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use store::{Person, Store};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::access::PartialAccess;
use crate::error::{Error, Failures, Unknown};
use crate::extract::{ByKey, Query};
use crate::params;
use crate::state::State;
use bucket::{Aggregate, Bucket, Summary};

/// Days answered when the question names none.
const DEFAULT_DAYS: i64 = 90;

/// Days of points held in memory at once; a day has up to 2,880.
const POINT_DAYS: usize = 93;

pub(super) fn router() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(get_trends))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Params {
    /// Whose numbers; needed only when there are several people.
    #[param(example = "me")]
    person: Option<String>,
    /// First day. Without it: 89 days before the last.
    #[param(value_type = Option<String>, format = Date, example = "2026-01-01")]
    from: Option<String>,
    /// Last day, included. Without it: today, as the person's calendar says; today may not be over yet.
    #[param(value_type = Option<String>, format = Date, example = "2026-03-29")]
    to: Option<String>,
    /// Which days are summed up together: weeks start on Monday (ISO 8601), months are those of the calendar.
    #[serde(default)]
    #[param(value_type = Option<Bucket>, default = "day", example = "week")]
    bucket: Bucket,
    /// How they are summed up.
    #[serde(default)]
    #[param(value_type = Option<Aggregate>, default = "average", example = "median")]
    aggregate: Aggregate,
}

/// One number over many days.
#[derive(Debug, Serialize, ToSchema)]
struct Trend {
    /// Metric id.
    #[schema(example = "sleep_score")]
    metric: &'static str,
    /// What Prometheus calls it.
    #[schema(example = "oura_sleep_score")]
    name: String,
    /// The unit of every value.
    #[schema(example = "score (1-100)")]
    unit: &'static str,
    /// Whose.
    #[schema(example = "me")]
    person: String,
    /// Which days are summed up together.
    bucket: Bucket,
    /// How they are summed up.
    aggregate: Aggregate,
    /// First day.
    #[schema(value_type = String, format = Date, example = "2026-01-01")]
    from: Date,
    /// Last day, included.
    #[schema(value_type = String, format = Date, example = "2026-03-29")]
    to: Date,
    /// One entry per bucket without a gap, oldest first.
    points: Vec<TrendPoint>,
}

/// One bucket.
#[derive(Debug, Serialize, ToSchema)]
struct TrendPoint {
    /// First day it covers; the first bucket starts where the range does.
    #[schema(value_type = String, format = Date, example = "2026-03-23")]
    start: Date,
    /// Last day it covers, included; the last bucket ends where the range does.
    #[schema(value_type = String, format = Date, example = "2026-03-29")]
    end: Date,
    /// In the metric's unit; null when nothing was measured.
    #[schema(required = true, example = 81.5)]
    value: Option<f64>,
    /// How many measured values it sums up: days, or for a metric of kind `points` points.
    #[schema(example = 7)]
    count: usize,
}

impl From<Summary> for TrendPoint {
    fn from(summary: Summary) -> Self {
        let (start, end) = (summary.days.first().date(), summary.days.last().date());
        Self { start, end, value: summary.value, count: summary.count }
    }
}

/// One number over many days, by day, week or month.
///
/// Days without a measurement count neither as zero nor as the day before. States have no average and are refused.
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
) -> Result<Json<Trend>, Error> {
    let access = access.to([metric.collection])?;
    if metric.unit == Unit::State {
        let reason = format!("{} is a state; an average or median of states means nothing", metric.key);
        return Err(Error::Parameter { parameter: "metric", reason });
    }
    let person = params::person(&state.store, &access, query.person.as_deref()).await?;
    let range =
        params::range(query.from.as_deref(), query.to.as_deref(), state.today(&person)?, DEFAULT_DAYS)?;
    let Params { bucket, aggregate, .. } = query;
    let summaries = summarise(&state.store, &person, metric, range, (bucket, aggregate)).await?;
    Ok(Json(Trend {
        metric: metric.key,
        name: metric.name(),
        unit: metric.unit.name(),
        person: person.name.to_string(),
        bucket,
        aggregate,
        from: range.first().date(),
        to: range.last().date(),
        points: summaries.into_iter().map(TrendPoint::from).collect(),
    }))
}

/// Reads as many buckets at a time as memory should hold. Numbers of a day are few enough for one reading.
async fn summarise(
    store: &Store,
    person: &Person,
    metric: &'static Metric,
    range: DayRange,
    (bucket, aggregate): (Bucket, Aggregate),
) -> Result<Vec<Summary>, Error> {
    let buckets: Vec<DayRange> = bucket.cut(range).collect();
    let at_once = if metric.is_series() { POINT_DAYS / bucket.most_days() } else { buckets.len() };
    let mut summaries = Vec::with_capacity(buckets.len());
    for buckets in buckets.chunks(at_once.max(1)) {
        let (Some(first), Some(last)) = (buckets.first(), buckets.last()) else { continue };
        let days = params::ordered(first.first(), last.last())?;
        let values = values(store, person, metric, days).await?;
        summaries.extend(aggregate.over(buckets, &values));
    }
    Ok(summaries)
}

/// What was measured, in order of day.
async fn values(
    store: &Store,
    person: &Person,
    metric: &'static Metric,
    days: DayRange,
) -> Result<Vec<(Day, f64)>, Error> {
    if !metric.is_series() {
        return Ok(store.daily(person.id, metric, days).await?);
    }
    let stored = store.series(person.id, metric, days).await?;
    Ok(stored
        .iter()
        .flat_map(|stored| stored.series.points().map(|(_, value)| (stored.day, value)))
        .collect())
}
