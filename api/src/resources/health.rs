//! Whether the service can answer requests.

use axum::Json;
use axum::extract::State as With;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::error::{Error, Failures};
use crate::extract::{NoParams, Query};
use crate::policy::{LoadShedding, Policy, RequiredAccess};
use crate::routes::Routes;
use crate::state::State;

pub(super) fn routes() -> Routes<State> {
    let probe =
        Policy { access: RequiredAccess::Public, load_shedding: LoadShedding::Exempt, ..Policy::READ };
    Routes::new().add(probe, routes!(get_health))
}

/// The service answers, and so does its database.
#[derive(Debug, Serialize, ToSchema)]
struct Health {
    /// Always `ok`; a database that does not answer is a 503.
    #[schema(example = "ok")]
    status: &'static str,
    /// Version of the program.
    #[schema(example = "0.1.0")]
    version: &'static str,
}

/// Whether the service and its database answer: what was found out within the last two seconds, so that it costs nothing
/// to ask often, and takes no longer than two seconds when the database does not answer.
#[utoipa::path(
    get, path = "/health", operation_id = "get_health", tag = "service",
    responses((status = 200, description = "Both answer.", body = Health), Failures),
)]
async fn get_health(With(state): With<State>, _: Query<NoParams>) -> Result<Json<Health>, Error> {
    for database in [&state.primary, &state.store] {
        database.probe().await.map_err(|_| Error::DatabaseGone)?;
    }
    Ok(Json(Health { status: "ok", version: state.version }))
}
