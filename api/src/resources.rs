//! One module per resource: its routes, parameters, wire types and handlers.

pub(crate) mod admin;
mod correlations;
mod daily;
mod dashboard;
mod day_scan;
mod events;
mod export;
mod health;
mod jobs;
pub(crate) mod log_in;
mod metrics;
mod people;
mod points;
mod series;
mod single_sign_on;
mod trends;
pub(crate) mod well_known;

use crate::routes::Routes;
use crate::state::State;

/// The resources below `/api/v1`.
pub(crate) fn routes() -> Routes<State> {
    Routes::new()
        .merge(health::routes())
        .merge(log_in::routes())
        .merge(single_sign_on::routes())
        .merge(people::routes())
        .merge(metrics::routes())
        .merge(dashboard::routes())
        .merge(daily::routes())
        .merge(events::routes())
        .merge(points::routes())
        .merge(series::routes())
        .merge(trends::routes())
        .merge(correlations::routes())
        .merge(export::routes())
        .merge(jobs::routes())
        .merge(admin::routes())
}
