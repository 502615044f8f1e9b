//! Whose numbers there are.

use axum::Json;
use axum::extract::State as With;
use serde::Serialize;
use store::Person;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::access::PartialAccess;
use crate::error::{Error, Failures};
use crate::extract::{NoParams, Query};
use crate::policy::Policy;
use crate::routes::Routes;
use crate::state::State;

pub(super) fn routes() -> Routes<State> {
    Routes::new().add(Policy::READ, routes!(list_people))
}

/// Everyone, by name.
#[derive(Debug, Serialize, ToSchema)]
struct People {
    /// Everyone, by name.
    people: Vec<PersonInfo>,
}

/// Someone whose ring is read.
#[derive(Debug, Serialize, ToSchema)]
struct PersonInfo {
    /// The pseudonym that `person=` takes.
    #[schema(example = "me")]
    name: String,
    /// IANA name of the zone that decides which day is today.
    #[schema(example = "Europe/Berlin")]
    time_zone: String,
}

impl From<Person> for PersonInfo {
    fn from(person: Person) -> Self {
        Self { name: person.name.to_string(), time_zone: person.time_zone }
    }
}

/// Everyone whose ring is read.
#[utoipa::path(
    get, path = "/people", operation_id = "list_people", tag = "service",
    responses((status = 200, description = "Everyone, by name.", body = People), Failures),
)]
async fn list_people(
    With(state): With<State>,
    access: PartialAccess,
    _: Query<NoParams>,
) -> Result<Json<People>, Error> {
    let access = access.names_only();
    let people = access.people(&state.store).await?;
    Ok(Json(People { people: people.into_iter().map(PersonInfo::from).collect() }))
}
