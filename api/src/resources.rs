//! One module per resource: its routes, parameters, wire types and handlers.

pub(crate) mod admin;
mod correlations;
mod daily;
mod dashboard;
mod day_scan;
mod events;
pub(crate) mod export;
mod health;
pub(crate) mod jobs;
mod metrics;
mod people;
mod points;
mod series;
mod trends;

use utoipa_axum::router::OpenApiRouter;

use crate::middleware;
use crate::state::State;

/// Everything below `/api/v1`.
pub(crate) fn router() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .merge(health::router())
        .merge(people::router())
        .merge(metrics::router())
        .merge(dashboard::router())
        .merge(daily::router())
        .merge(events::router())
        .merge(points::router())
        .merge(series::router())
        .merge(middleware::kept(trends::router()))
        .merge(middleware::kept(correlations::router()))
        .merge(export::router())
        .merge(jobs::router())
        .merge(admin::router())
}
