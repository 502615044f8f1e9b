//! Points within the day.

use axum::Json;
use axum::extract::State as With;
use domain::history::in_order;
use domain::{Day, DayRange, Metric};
use serde::{Deserialize, Serialize};
use store::{Person, Store};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Type};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use crate::access::PartialAccess;
use crate::cursor::DayText;
use crate::error::{Error, Failures, Unknown};
use crate::extract::{ByKey, Query};
use crate::params;
use crate::policy::Policy;
use crate::routes::Routes;
use crate::state::State;

/// Days a question may span: a month of minutes is a megabyte. Longer spans are what trends are for.
const MAX_DAYS: i64 = 31;

pub(super) fn routes() -> Routes<State> {
    Routes::new().add(Policy::READ, routes!(get_series))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Params {
    /// Whose points; needed only when there are several people.
    #[param(example = "me")]
    person: Option<String>,
    /// First day, as the documents are filed: a night under the day of waking up, heart rate under the UTC day. With
    /// only one of `from` and `to`, that one day; with neither, the newest day that has points.
    #[param(value_type = DayText, required = false, inline, example = "2026-03-29")]
    from: Option<String>,
    /// Last day, included; at most 31 days in all.
    #[param(value_type = DayText, required = false, inline, example = "2026-03-29")]
    to: Option<String>,
}

/// Points of one metric, oldest first.
#[derive(Debug, Serialize, ToSchema)]
struct Series {
    /// Metric id.
    #[schema(example = "sleep_heart_rate")]
    metric: &'static str,
    /// The unit of every value.
    #[schema(example = "beats per minute")]
    unit: &'static str,
    /// Whose.
    #[schema(example = "me")]
    person: String,
    /// First day answered; null when there are no points at all.
    #[schema(value_type = Option<String>, format = Date, required = true, example = "2026-03-29")]
    from: Option<Day>,
    /// Last day answered.
    #[schema(value_type = Option<String>, format = Date, required = true, example = "2026-03-29")]
    to: Option<Day>,
    /// Pairs of Unix time in milliseconds and value.
    #[schema(schema_with = pairs, example = json!([[1_774_742_400_000_i64, 54.0], [1_774_742_700_000_i64, 53.0]]))]
    points: Vec<(i64, f64)>,
}

/// Two numbers each: generators of clients and of test cases know no arrays whose places differ.
fn pairs() -> ArrayBuilder {
    let number = ObjectBuilder::new().schema_type(Type::Number).build();
    let pair = ArrayBuilder::new().items(number).min_items(Some(2)).max_items(Some(2));
    ArrayBuilder::new().items(pair).description(Some("Pairs of Unix time in milliseconds and value."))
}

/// Points of one metric within days: heart rate, HRV, sleep phases, movement.
///
/// Metrics of kind `points` only; everything else has one number a day.
#[utoipa::path(
    get, path = "/series/{metric}", operation_id = "get_series", tag = "history",
    params(("metric" = String, Path, description = "Metric id of kind `points`.", example = "sleep_heart_rate"), Params),
    responses((status = 200, description = "The points.", body = Series), Unknown, Failures),
)]
async fn get_series(
    With(state): With<State>,
    access: PartialAccess,
    ByKey(metric): ByKey,
    Query(query): Query<Params>,
) -> Result<Json<Series>, Error> {
    let access = access.limited_to([metric.collection])?;
    if !metric.is_series() {
        let reason = format!(
            "{} is one number a day and has no points; ask /api/v1/trends/{0} for its days",
            metric.key
        );
        return Err(Error::Parameter { parameter: "metric", reason });
    }
    let asked = asked(&query)?;
    let person = params::person(&state.store, &access, query.person.as_deref()).await?;
    let range = match asked {
        Some(range) => Some(range),
        None => state.store.newest_series_day(person.id, metric).await?.map(|day| DayRange::ending(day, 1)),
    };
    let points = match range {
        Some(range) => points(&state.store, &person, metric, range).await?,
        None => Vec::new(),
    };
    Ok(Json(Series {
        metric: metric.key,
        unit: metric.unit.name(),
        person: person.name.to_string(),
        from: range.map(DayRange::first),
        to: range.map(DayRange::last),
        points,
    }))
}

fn asked(query: &Params) -> Result<Option<DayRange>, Error> {
    let from = params::day("from", query.from.as_deref())?;
    let to = params::day("to", query.to.as_deref())?;
    let Some((from, to)) = from.or(to).zip(to.or(from)) else { return Ok(None) };
    let range: DayRange = params::ordered(from, to)?;
    if range.len() > MAX_DAYS {
        return Err(Error::Parameter {
            parameter: "from and to",
            reason: format!(
                "{} days of points are too many; ask for at most {MAX_DAYS}, or ask /api/v1/trends",
                range.len()
            ),
        });
    }
    Ok(Some(range))
}

/// In order of time: documents may overlap.
async fn points(
    store: &Store,
    person: &Person,
    metric: &'static Metric,
    range: DayRange,
) -> Result<Vec<(i64, f64)>, Error> {
    let stored = store.series(person.id, metric, range).await?;
    let mut points: Vec<(i64, f64)> = stored.iter().flat_map(|stored| stored.series.points()).collect();
    in_order(&mut points);
    Ok(points)
}
