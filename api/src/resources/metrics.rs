//! The catalogue: which numbers there are, and how much of each a person has.

use axum::Json;
use axum::extract::State as With;
use domain::{Collection, METRICS, Metric, Unit};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use store::Extent;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use crate::access::PartialAccess;
use crate::error::{Error, Failures, Unknown};
use crate::extract::{ByKey, Query};
use crate::params;
use crate::policy::Policy;
use crate::routes::Routes;
use crate::state::State;

pub(super) fn routes() -> Routes<State> {
    Routes::new().add(Policy::READ, routes!(list_metrics)).add(Policy::READ, routes!(read_metric))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Params {
    /// Adds how much of each number this person has.
    #[param(example = "me")]
    person: Option<String>,
}

/// Every number a person has.
#[derive(Debug, Serialize, ToSchema)]
struct Metrics {
    /// In the order of the catalogue.
    metrics: Vec<MetricInfo>,
}

/// One number a person has.
#[derive(Debug, Serialize, ToSchema)]
struct MetricInfo {
    /// What paths and `values` call it.
    #[schema(example = "sleep_contributor_timing")]
    id: &'static str,
    /// What Prometheus calls it.
    #[schema(example = "oura_sleep_contributor_score")]
    name: String,
    /// What tells it from the others of the same name.
    #[schema(required = true)]
    label: Option<LabelInfo>,
    /// Oura's collection it comes from.
    #[schema(example = "daily_sleep")]
    collection: &'static str,
    /// Once a day or within the day.
    kind: Kind,
    /// The unit of every value.
    #[schema(example = "score (1-100)")]
    unit: &'static str,
    /// For a state, the words its value is an index into; empty for everything else.
    #[schema(example = json!([]))]
    states: &'static [&'static str],
    /// What it means and which field it comes from.
    #[schema(example = "Oura's score of the night. Oura: daily_sleep.score.")]
    help: String,
    /// What to know before drawing conclusions, a sentence each.
    #[schema(example = json!(["It belongs to the day of waking up."]))]
    caveats: Vec<&'static str>,
    /// How much of it the person asked for has; null when the request names no person, or there is nothing.
    #[schema(required = true)]
    coverage: Option<StoredDays>,
}

/// The days of which something is stored.
#[derive(Debug, Serialize, ToSchema)]
struct StoredDays {
    /// The first day that has a value.
    #[schema(value_type = String, format = Date, example = "2020-01-01")]
    first_day: Date,
    /// The last day that has one.
    #[schema(value_type = String, format = Date, example = "2026-03-29")]
    last_day: Date,
    /// How many days have one.
    #[schema(example = 2204)]
    days_with_value: i64,
}

impl From<&Extent> for StoredDays {
    fn from(extent: &Extent) -> Self {
        let range = extent.range;
        Self { first_day: range.first().date(), last_day: range.last().date(), days_with_value: extent.days }
    }
}

/// A label with its value.
#[derive(Debug, Serialize, ToSchema)]
struct LabelInfo {
    /// The label's name.
    #[schema(example = "contributor")]
    name: &'static str,
    /// The label's value.
    #[schema(example = "timing")]
    value: &'static str,
}

/// Once a day or within the day.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Kind {
    /// One number a day.
    Number,
    /// One of `states` a day, as its index.
    State,
    /// Points within the day: see `/api/v1/series/{metric}`.
    Points,
}

impl From<&Metric> for MetricInfo {
    fn from(metric: &Metric) -> Self {
        let kind = match metric.unit {
            _ if metric.is_series() => Kind::Points,
            Unit::State => Kind::State,
            _ => Kind::Number,
        };
        Self {
            id: metric.key,
            name: metric.name(),
            label: metric.label.map(|label| LabelInfo { name: label.name, value: label.value }),
            collection: metric.collection.name(),
            kind,
            unit: metric.unit.name(),
            states: metric.states(),
            help: metric.help_text(),
            caveats: metric.caveats(),
            coverage: None,
        }
    }
}

/// The catalogue: every number a person can have, with its unit; with `person`, how much of each there is.
#[utoipa::path(
    get, path = "/metrics", operation_id = "list_metrics", tag = "service", params(Params),
    responses((status = 200, description = "The catalogue.", body = Metrics), Unknown, Failures),
)]
async fn list_metrics(
    With(state): With<State>,
    access: PartialAccess,
    Query(query): Query<Params>,
) -> Result<Json<Metrics>, Error> {
    let extents = extents(&state, access, &query, Collection::ALL).await?;
    Ok(Json(Metrics { metrics: METRICS.iter().map(|metric| MetricInfo::of(metric, &extents)).collect() }))
}

/// One number of the catalogue; with `person`, how much of it there is.
#[utoipa::path(
    get, path = "/metrics/{id}", operation_id = "read_metric", tag = "service",
    params(("id" = String, Path, description = "The number's id.", example = "sleep_score"), Params),
    responses((status = 200, description = "The number.", body = MetricInfo), Unknown, Failures),
)]
async fn read_metric(
    With(state): With<State>,
    access: PartialAccess,
    ByKey(metric): ByKey,
    Query(query): Query<Params>,
) -> Result<Json<MetricInfo>, Error> {
    let extents = extents(&state, access, &query, &[metric.collection]).await?;
    Ok(Json(MetricInfo::of(metric, &extents)))
}

/// How much of each number the person has, if one is named, for callers who may see these collections.
async fn extents(
    state: &State,
    access: PartialAccess,
    query: &Params,
    collections: &[Collection],
) -> Result<Vec<Extent>, Error> {
    match query.person.as_deref() {
        Some(name) => {
            let access = access.limited_to(collections.iter().copied())?;
            let person = params::person(&state.store, &access, Some(name)).await?;
            Ok(state.store.extents(person.id).await?)
        }
        None => Ok(Vec::new()),
    }
}

impl MetricInfo {
    fn of(metric: &'static Metric, extents: &[Extent]) -> Self {
        let extent = extents.iter().find(|extent| extent.metric == metric);
        Self { coverage: extent.map(StoredDays::from), ..metric.into() }
    }
}
