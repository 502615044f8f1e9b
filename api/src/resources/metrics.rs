//! The catalogue: which numbers there are.

use axum::Json;
use domain::{METRICS, Metric, Unit};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::error::Failures;
use crate::extract::{NoParams, Query};
use crate::state::State;

pub(super) fn router() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(list_metrics))
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
        }
    }
}

/// The catalogue: every number a person can have, with its unit.
#[utoipa::path(
    get, path = "/metrics", operation_id = "list_metrics", tag = "service",
    responses((status = 200, description = "The catalogue.", body = Metrics), Failures),
)]
async fn list_metrics(_: Query<NoParams>) -> Json<Metrics> {
    Json(Metrics { metrics: METRICS.iter().map(MetricInfo::from).collect() })
}
